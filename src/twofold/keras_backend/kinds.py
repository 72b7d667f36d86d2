"""Dtypes as Keras has them: operands are converted to its result type before twofold computes.

The families follow the rules of ``keras.src.backend.common.dtypes`` (JAX's lattice in 32 bits).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras.src.backend import config
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .core import common_kind, convert_to_tensor, kind_of

__all__ = [
    "alike", "axes", "common", "counted", "floating", "kind_of", "of_floatx", "sizes", "sum_dtype",
    "together", "unary",
]  # fmt: skip


def together(*operands: Any, also: tuple[Any, ...] = ()) -> list[Any]:
    """Operands as tensors of their result type; ``also``: further types that count."""
    given = [x if isinstance(x, bool | int | float) else convert_to_tensor(x) for x in operands]
    want = common_kind(*map(kind_of, given), *also)
    return [convert_to_tensor(x, want) for x in given]


def alike(xs: Any) -> list[Any]:
    """The members of a sequence as tensors of their result type."""
    return together(*xs)


def common(op: Callable[..., Any], *also: Any, bool_as: str = "") -> Callable[..., Any]:
    """A function of two operands in their result type."""

    def run(x1: Any, x2: Any) -> Any:
        a, b = together(x1, x2, also=also)
        if bool_as and a.dtype == bool:
            a, b = tf.cast(a, bool_as), tf.cast(b, bool_as)
        return op(a, b)

    return run


def floating(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one operand, in floating point: int64 as ``floatx``."""

    def run(x: Any) -> Any:
        x = convert_to_tensor(x)
        name = standardize_dtype(x.dtype)
        return op(
            convert_to_tensor(x, config.floatx() if name == "int64" else result_type(name, float))
        )

    return run


def of_floatx(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one operand; integers and bools are computed as ``floatx``."""

    def run(x: Any) -> Any:
        x = convert_to_tensor(x)
        name = standardize_dtype(x.dtype)
        return op(tf.cast(x, config.floatx()) if "int" in name or name == "bool" else x)

    return run


def unary(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one operand in its own dtype."""

    def run(x: Any) -> Any:
        return op(convert_to_tensor(x))

    return run


def counted(x: Any) -> Any:
    """A tensor of positions or counts as int32."""
    return tf.cast(x, "int32")


def axes(axis: Any) -> Any:
    """An axis or several, as twofold takes them."""
    return tuple(axis) if isinstance(axis, list) else axis


def sum_dtype(x: Any) -> str:
    """The dtype of sums and products: small integers grow to 32 bits."""
    name: str = standardize_dtype(x.dtype)
    if name in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if name in ("uint8", "uint16") else name


def sizes(shape: Any) -> Any:
    """A shape, which may be one size or a list, as a tuple."""
    if isinstance(shape, int):
        return (shape,)
    return tuple(shape) if isinstance(shape, list) else shape
