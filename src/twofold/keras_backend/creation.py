"""``keras.ops.numpy``: new tensors."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
from keras.src.backend import config
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .core import convert_to_tensor
from .kinds import kind_of, sizes

__all__ = [
    "arange", "array", "copy", "empty", "empty_like", "eye", "full", "full_like", "geomspace",
    "identity", "linspace", "logspace", "ones", "ones_like", "tri", "tril", "triu", "zeros",
    "zeros_like",
]  # fmt: skip


def array(x: Any, dtype: Any = None) -> Any:
    """A tensor."""
    return convert_to_tensor(x, dtype=dtype)


def copy(x: Any) -> Any:
    """The same values."""
    return tf.identity(convert_to_tensor(x))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A value, everywhere."""
    value = convert_to_tensor(fill_value, dtype or config.floatx())
    return tf.broadcast_to(value, sizes(shape))


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return tf.zeros(sizes(shape), standardize_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones."""
    return tf.ones(sizes(shape), standardize_dtype(dtype))


empty = zeros


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape of ``x``."""
    x = convert_to_tensor(x)
    return tf.zeros(x.shape, standardize_dtype(dtype or x.dtype))


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of the shape of ``x``."""
    x = convert_to_tensor(x)
    return tf.ones(x.shape, standardize_dtype(dtype or x.dtype))


empty_like = zeros_like


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A value in the shape of ``x``."""
    x = convert_to_tensor(x)
    return full(x.shape, fill_value, dtype or x.dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Numbers at equal distances, the end excluded."""
    given = [v for v in (start, stop, step) if v is not None]
    want = standardize_dtype(dtype) if dtype is not None else result_type(*map(kind_of, given))
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    start, stop, step = (
        v.numpy().item() if hasattr(v, "numpy") and not getattr(type(v), "in_trace", False) else v
        for v in (start, stop, step)
    )
    if want in ("bool", "bfloat16", "float16") or "int" in want and isinstance(step, float):
        return tf.cast(tf.range(start, stop, step, dtype="float32"), want)
    return tf.range(start, stop, step, dtype=want)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """``num`` numbers from ``start`` to ``stop``."""
    want = dtype or result_type(kind_of(start), kind_of(stop), float)
    compute = result_type(want, "float32")
    a, b = convert_to_tensor(start, compute), convert_to_tensor(stop, compute)
    a, b = a + b * 0, b + a * 0
    step = (b - a) / builtins.max(num - 1 if endpoint else num, 1)
    shape = (num,) + (1,) * len(a.shape)
    at = tf.reshape(tf.cast(tf.range(num), compute), shape)
    out = a + step * at
    if endpoint and num > 1:
        out = tf.where(at == num - 1, b, out)
    if axis:
        out = tf.moveaxis(out, 0, axis)
    if "int" in standardize_dtype(want):
        out = tf.floor(out)
    out = tf.cast(out, standardize_dtype(want))
    return (out, step if num > 1 else step * np.nan) if retstep else out


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Powers of ``base``."""
    want = dtype or result_type(kind_of(start), kind_of(stop), float)
    exponents = linspace(start, stop, num, endpoint, dtype=result_type(want, "float32"), axis=axis)
    return tf.cast(tf.pow(tf.cast(base, exponents.dtype), exponents), standardize_dtype(want))


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers at equal ratios."""
    out = np.geomspace(np.asarray(start), np.asarray(stop), num=num, endpoint=endpoint, axis=axis)
    return convert_to_tensor(out, dtype or config.floatx())


def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on a diagonal."""
    return tf.eye(N, M, k=k, dtype=standardize_dtype(dtype))


def identity(n: Any, dtype: Any = None) -> Any:
    """The identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones at and below a diagonal."""
    return tf.tri(N, M, k=k, dtype=standardize_dtype(dtype))


def tril(x: Any, k: int = 0) -> Any:
    """Zeros above a diagonal."""
    return tf.tril(convert_to_tensor(x), k=k)


def triu(x: Any, k: int = 0) -> Any:
    """Zeros below a diagonal."""
    return tf.triu(convert_to_tensor(x), k=k)
