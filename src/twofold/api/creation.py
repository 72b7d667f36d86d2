"""Values that become tensors: ``tf.constant``, ``tf.convert_to_tensor``, ``tf.asarray``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ConversionError, DTypeError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS
from twofold.ir.promote import weak_dtype
from twofold.ir.words import counted
from twofold.runtime.convert import as_array, exact_array, staged, tensor_of
from twofold.runtime.eager import holds_tensors
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

__all__ = ["asarray", "constant", "convert_to_tensor", "from_dlpack", "is_tensor"]


def constant(
    value: Any, dtype: Any = None, shape: int | Sequence[int] | None = None, name: str = ""
) -> Tensor:
    """A tensor of ``value``: a number, an array, or nested lists of numbers and tensors.

    Without ``dtype`` Python numbers become int32 (int64 where they do not fit), float32, bool or
    complex64, and arrays keep theirs. With ``shape`` the elements are arranged in it, and a single
    element fills it. The tensor has its own memory. ``name`` is accepted and ignored. Texts give
    a tensor of texts, on which ``tf.strings`` works.
    Raises ConversionError for what is neither numeric nor text, not rectangular, or does not fit
    ``dtype`` (a float as an integer, 300 as int8) or ``shape``.

    >>> import twofold as tf
    >>> tf.constant([1, 2, 3])
    <tf.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 3], dtype=int32)>
    >>> tf.constant(0.5, shape=(2,)).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    try:
        tensor = _tensor(value, None if dtype is None else as_dtype(dtype, "constant"))
    except (ConversionError, DTypeError):
        found = texts_of(value, dtype, shape)
        if found is None:
            raise
        return found  # type: ignore[no-any-return]
    if shape is None:
        return tensor
    return _arranged(tensor, tuple(shape) if isinstance(shape, Iterable) else (shape,))


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str = ""
) -> Tensor:
    """``value`` as a tensor; a tensor of that dtype is returned as it is.

    ``dtype_hint`` is the dtype of Python numbers that could have several. Raises ConversionError;
    a tensor of another dtype than ``dtype`` is refused, as it is in TensorFlow: use ``tf.cast``.

    >>> import twofold as tf
    >>> tf.convert_to_tensor([1.0, 2.0], dtype_hint=tf.float64).dtype
    dtype('float64')
    """
    value = tensor_of(value)
    if isinstance(value, Tensor | Variable):
        tensor = value.read_value() if isinstance(value, Variable) else value
        want = tensor.dtype if dtype is None else as_dtype(dtype, "convert_to_tensor")
        if want != tensor.dtype:
            raise ConversionError(
                f"a tensor of dtype {tensor.dtype} is not converted to {want} silently; "
                f"use tf.cast(x, tf.{want.name})"
            )
        return tensor
    if dtype is None and dtype_hint is not None and not hasattr(value, "dtype"):
        try:
            return constant(value, dtype_hint)
        except ConversionError:
            return constant(value)
    return constant(value, dtype)


def asarray(obj: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """``obj`` as a tensor (array API); ``copy=True`` makes a tensor object of its own.

    ``device`` may be None or ``"cpu"``. Raises ConversionError.

    >>> import twofold as tf
    >>> tf.asarray([True, False]).dtype
    dtype('bool')
    """
    if device not in (None, "cpu"):
        raise ConversionError(f"there is no device {device!r}; the only device is 'cpu'")
    if copy is False and not isinstance(obj, Tensor):
        raise ConversionError("copy=False: only a tensor is a tensor without a copy")
    tensor = _tensor(obj, None if dtype is None else as_dtype(dtype, "asarray"))
    if copy and tensor is obj:
        return OPS["identity"](tensor)  # type: ignore[no-any-return]
    return tensor


def from_dlpack(x: Any, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of what speaks DLPack: an array of NumPy, PyTorch or JAX (array API).

    The elements are copied, so that later writes to ``x`` do not change the tensor. ``device``
    may be None or ``"cpu"``. Raises ConversionError, and BufferError for ``copy=False`` of anything
    but a tensor.

    >>> import twofold as tf
    >>> tf.from_dlpack(np.array([1.0, 2.0])).numpy()
    array([1., 2.])
    """
    if device not in (None, "cpu", (1, 0)):
        raise ConversionError(f"there is no device {device!r}; the only device is 'cpu'")
    if isinstance(x, Tensor) and not copy:
        return x
    if copy is False:
        raise BufferError("copy=False: only a tensor becomes a tensor without a copy")
    if not hasattr(x, "__dlpack__"):
        raise ConversionError(f"{type(x).__name__} has no __dlpack__; use tf.asarray")
    try:
        array = np.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ConversionError(f"{type(x).__name__} cannot become a tensor: {error}") from None
    return constant(array)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor or a Variable.

    >>> import twofold as tf
    >>> tf.is_tensor(tf.constant(1)), tf.is_tensor(1)
    (True, False)
    """
    return isinstance(x, Tensor | Variable)


def _tensor(value: Any, dtype: np.dtype[Any] | None) -> Tensor:
    if isinstance(value, Variable):
        value = value.read_value()
    if isinstance(value, list | tuple) and holds_tensors(value):
        value = OPS["stack"]([_tensor(v, dtype) for v in value])
    if isinstance(value, Tensor):
        return value if dtype in (None, value.dtype) else OPS["cast"](value, dtype=dtype)
    if getattr(type(value), "in_trace", False):
        return staged(value, dtype)  # type: ignore[no-any-return]
    if getattr(type(value), "symbolic_size", False):
        return OPS["cast"](value, dtype=dtype or weak_dtype(int))  # type: ignore[no-any-return]
    if hasattr(value, "symbolic_number"):
        want = dtype if dtype is not None else weak_dtype(value.__class__)
        small = value.of_graph or isinstance(value, float) or -(2**31) <= value < 2**31
        if small and value.fits(want):  # one of the graph raises where it does not fit
            return value.tensor(want)  # type: ignore[no-any-return]
    array = as_array(value) if dtype is None else exact_array(value, dtype)
    given = not isinstance(value, list | tuple | bool | int | float | complex)
    if not bind.ground().tracing:
        return wrap(array.copy() if given else array)
    if array is value:  # an input of the graph, read at each call
        return OPS["identity"](array)  # type: ignore[no-any-return]
    return OPS["constant"](value=array)  # type: ignore[no-any-return]


def texts_of(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """Texts as a tensor of dtype ``tf.string``; None for what is no text, or of another dtype."""
    from twofold.data.strings import (  # noqa: PLC0415  (where numbers are no use)
        StringTensor,
        is_text,
        of_text,
        string,
    )

    if dtype not in (None, string) or not (is_text(value) or dtype is string):
        return None
    array = of_text(value)
    if shape is not None:
        sizes = tuple(shape) if isinstance(shape, Iterable) else (shape,)
        array = np.broadcast_to(array, sizes) if array.size == 1 else array.reshape(sizes)
    return StringTensor(array.copy())


def _arranged(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tensor.size == 1:
        flat = OPS["reshape"](tensor, shape=())
        return OPS["broadcast_to"](flat, shape=shape)  # type: ignore[no-any-return]
    if tensor.size != math.prod(shape):
        raise ConversionError(f"{counted(tensor.size, 'element')} do not fill the shape {shape}")
    return OPS["reshape"](tensor, shape=shape)  # type: ignore[no-any-return]
