"""Sums of arrays whose error does not grow with their length.

NumPy adds pairwise along the axis that lies next to each other in memory, and one after the other
along any other: the float32 sum of 20 million ones over the first of two axes is 16777216. Here
such an axis is cut into blocks of ``ROWS``, whose sums are added in double precision, in blocks
again. So a float32 sum is within ``ROWS * 2**-24 * sum(abs(x))`` of the exact one, however long.
Half precision is summed in single and rounded once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["add_up", "running_dtype"]

ROWS = 32  # terms that are added one after the other
NARROW = 16  # elements of a row below which turning the array is quicker
_DOUBLE = {"e": "d", "f": "d", "d": "d", "F": "D", "D": "D"}

Array = np.ndarray[Any, Any]
_reduce: Any = np.add.reduce  # ``np.sum`` takes twice as long to get there


def running_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which a running sum of this dtype is kept: double for floating point."""
    return np.dtype(_DOUBLE.get(dtype.char, dtype))


def add_up(x: Array, axis: Any, keepdims: bool) -> Any:
    """``np.sum`` over axes (None: all; an integer; a tuple) in the dtype of the array.

    >>> add_up(np.ones((2, 3), np.float32), 0, False)
    array([2., 2., 2.], dtype=float32)
    """
    if x.size <= ROWS and x.dtype.char != "e":
        return _reduce(x, axis, x.dtype, None, keepdims)
    if x.dtype == np.float16:
        return np.asarray(add_up(x.astype(np.float32), axis, keepdims)).astype(np.float16)
    axes = _axes(axis, x.ndim)
    if x.dtype.char not in _DOUBLE or _is_pairwise(x, axes):
        return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    out = x
    for a in reversed(axes):
        out = _fold(out, a)
    out = out.astype(x.dtype, copy=False)
    return out if keepdims else out.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _axes(axis: Any, rank: int) -> list[int]:
    if axis is None:
        return list(range(rank))
    return sorted(a % rank for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def _is_pairwise(x: Array, axes: list[int]) -> bool:
    """Whether NumPy folds the axes in one contiguous run, or has few terms to add."""
    if math.prod(x.shape[a] for a in axes) <= ROWS:
        return True
    if len(axes) == x.ndim:
        return x.flags.forc
    return x.flags.c_contiguous and axes == list(range(x.ndim - len(axes), x.ndim))


def _fold(x: Array, axis: int) -> Array:
    """The sums along one axis, which is kept as size 1; rounded to double where it is blocked."""
    if x.shape[axis] <= ROWS:
        few: Array = x.sum(axis=axis, keepdims=True, dtype=x.dtype)
        return few
    width = math.prod(x.shape[axis + 1 :])
    if width < NARROW:
        turned = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        return np.moveaxis(turned.sum(axis=-1, keepdims=True, dtype=x.dtype), -1, axis)
    while x.shape[axis] > 1:
        x = _blocks(x, axis)
    return x


def _blocks(x: Array, axis: int) -> Array:
    """The sums of blocks of ``ROWS`` along an axis, in double precision."""
    count = x.shape[axis] // ROWS
    lead, rest = x.shape[:axis], x.shape[axis + 1 :]
    before = (slice(None),) * axis
    whole = x[(*before, slice(count * ROWS))].reshape(*lead, count, ROWS, *rest)
    sums: Array = whole.sum(axis=axis + 1, dtype=x.dtype).astype(_DOUBLE[x.dtype.char], copy=False)
    if x.shape[axis] % ROWS:
        tail = x[(*before, slice(count * ROWS, None))].sum(axis=axis, keepdims=True, dtype=x.dtype)
        sums = np.concatenate([sums, tail], axis=axis)
    return sums
