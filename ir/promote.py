"""The promotion table: which dtype an operation on several operands computes in.

Array API rules within a kind; Python scalars are weak (they take the dtype of the tensors
beside them); an integer with a floating operand gives the floating dtype, so float64 never
appears out of float32 code. ``uint64`` with a signed integer has no common dtype and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from .dtypes import DTYPES, FORMATS, DTypeInfo, info
from .errors import DTypeError

__all__ = [
    "Operand", "as_floating", "complex_of", "promote_types", "result_dtype", "weak_dtype",
]  # fmt: skip

Operand = np.dtype | type  # a dtype, or a Python scalar type (weak)

_DEFAULT: dict[type, np.dtype] = {
    bool: np.dtype(bool),
    int: np.dtype("int32"),
    float: np.dtype("float32"),
    complex: np.dtype("complex64"),
}
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "e": 2, "c": 3}  # of classes, in the order of promotion
_WEAK_RANK = {bool: 0, int: 1, float: 2, complex: 3}


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
    low, high = sorted((info(a), info(b)), key=_rank)
    if low.stored or high.stored:
        raise _no_common(a, b)
    if low.floating and high.complex:
        return complex_of(a) if low.double else high.dtype
    if _rank(low) < _rank(high):
        return high.dtype
    if low.floating:
        return _holding(low, high)
    common = np.promote_types(a, b)
    if info(common).floating:
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
    own = info(dtype)
    if own.inexact:
        return dtype
    return DTYPES["f64" if own.integer and own.bits == 64 else "f32"]


@cache
def complex_of(part: np.dtype) -> np.dtype:
    """The complex dtype whose parts hold these floating numbers."""
    return DTYPES["c128" if info(part).double else "c64"]


def _rank(dtype: DTypeInfo) -> int:
    return _RANK[dtype.letter]


def _holding(a: DTypeInfo, b: DTypeInfo) -> np.dtype:
    """The narrowest floating dtype that has every number of both."""
    assert a.format is not None and b.format is not None
    mantissa, bias = max(a.format.mantissa, b.format.mantissa), max(a.format.bias, b.format.bias)
    for short in ("f16", "bf16", "f32", "f64"):
        format = FORMATS[short]
        if format.mantissa >= mantissa and format.bias >= bias:
            return DTYPES[short]
    raise AssertionError(f"{a.name} and {b.name} have no common dtype")


def _no_common(a: np.dtype, b: np.dtype) -> DTypeError:
    return DTypeError(
        f"{a} and {b} have no common dtype: nothing is converted from or to float8 unasked. "
        f"Cast one of them with tf.cast."
    )


@cache
def _with_weak(dtype: np.dtype, kind: type) -> np.dtype:
    own = info(dtype)
    if _WEAK_RANK[kind] <= _rank(own):
        return dtype
    if own.stored:
        raise _no_common(dtype, _DEFAULT[kind])
    return complex_of(dtype) if kind is complex and own.floating else _DEFAULT[kind]


def result_dtype(operands: Sequence[Operand]) -> np.dtype:
    """The dtype that an elementwise operation on these operands computes in.

    >>> result_dtype([np.dtype("int8"), int]), result_dtype([np.dtype("int8"), float])
    (dtype('int8'), dtype('float32'))
    """
    strong: np.dtype | None = None
    weak: type | None = None
    for operand in operands:
        if isinstance(operand, type):
            if weak is None or _WEAK_RANK[operand] > _WEAK_RANK[weak]:
                weak = operand
        else:
            strong = operand if strong is None else promote_types(strong, operand)
    if strong is None:
        return _DEFAULT[weak if weak is not None else float]
    return strong if weak is None else _with_weak(strong, weak)
