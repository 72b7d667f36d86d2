"""The promotion table: which dtype an operation on several operands computes in.

Array API rules within a kind; Python scalars are weak (they take the dtype of the tensors
beside them); an integer with a floating operand gives the floating dtype, so float64 never
appears out of float32 code. ``uint64`` with a signed integer has no common dtype and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from .errors import DTypeError

__all__ = ["Operand", "as_floating", "promote_types", "result_dtype", "weak_dtype"]

Operand = np.dtype | type  # a dtype, or a Python scalar type (weak)

_KIND_ORDER = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
_DEFAULT: dict[type, np.dtype] = {
    bool: np.dtype(bool),
    int: np.dtype("int32"),
    float: np.dtype("float32"),
    complex: np.dtype("complex64"),
}
_WEAK_KIND = {bool: "b", int: "i", float: "f", complex: "c"}


def weak_dtype(kind: type) -> np.dtype:
    """The dtype of a Python scalar that meets no tensor."""
    return _DEFAULT[kind]


@cache
def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The common dtype of two dtypes.

    Raises DTypeError where there is none (``uint64`` with a signed integer).

    >>> promote_types(np.dtype("int64"), np.dtype("float32"))
    dtype('float32')
    """
    if a == b:
        return a
    low, high = sorted((a, b), key=lambda d: _KIND_ORDER[d.kind])
    if {a.kind, b.kind} == {"f", "c"}:
        return np.dtype("complex128" if low.itemsize == 8 else high)
    if _KIND_ORDER[low.kind] < _KIND_ORDER[high.kind]:
        return high
    common = np.promote_types(a, b)
    if common.kind == "f" and a.kind != "f":
        raise DTypeError(
            f"{a} and {b} have no common dtype: no integer dtype holds both ranges. "
            f"Cast one of them with tf.cast."
        )
    return common


@cache
def as_floating(dtype: np.dtype) -> np.dtype:
    """The dtype in which a floating-point function computes on this dtype.

    64-bit integers give float64, other integers and bool give float32.
    """
    if dtype.kind in "fc":
        return dtype
    return np.dtype("float64" if dtype.kind in "iu" and dtype.itemsize == 8 else "float32")


@cache
def _with_weak(dtype: np.dtype, kind: type) -> np.dtype:
    if _KIND_ORDER[_WEAK_KIND[kind]] <= _KIND_ORDER[dtype.kind]:
        return dtype
    if kind is complex and dtype.kind == "f":
        return np.dtype("complex128" if dtype.itemsize == 8 else "complex64")
    return _DEFAULT[kind]


def result_dtype(operands: Sequence[Operand]) -> np.dtype:
    """The dtype that an elementwise operation on these operands computes in.

    >>> result_dtype([np.dtype("int8"), int]), result_dtype([np.dtype("int8"), float])
    (dtype('int8'), dtype('float32'))
    """
    strong: np.dtype | None = None
    weak: type | None = None
    for operand in operands:
        if isinstance(operand, type):
            if weak is None or _KIND_ORDER[_WEAK_KIND[operand]] > _KIND_ORDER[_WEAK_KIND[weak]]:
                weak = operand
        else:
            strong = operand if strong is None else promote_types(strong, operand)
    if strong is None:
        return _DEFAULT[weak if weak is not None else float]
    return strong if weak is None else _with_weak(strong, weak)
