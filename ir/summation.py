"""Sums of arrays within one bound, whatever their length, axes and layout.

A sum of floating-point numbers, in either mode, is within

    32 * eps * sum(abs(x))        with eps = 2**-23 for float32, 2**-52 for float64

of the exact sum of what is added. Adding ``n`` terms one after the other costs at most
``(n - 1) * u * sum(abs(x))`` with ``u = eps / 2``, adding them pairwise ``log2(n)`` times ``u``
(Higham, Accuracy and Stability of Numerical Algorithms, section 4.2), and the bound is 64 ``u``.

NumPy adds pairwise along the axis that lies next to each other in memory (8 chains of 16 terms,
then halves: ``25 + log2(n / 128)``), and one after the other along any other: its float32 sum of 20
million ones over the first of two axes is 16777216. Here such an axis is cut into blocks of
``ROWS``, added one after the other (31), whose sums are added pairwise in double precision
(``log2(n / 32)`` of it for float64, next to nothing for float32). Further axes follow in double
precision, pairwise too. So 64 is enough for 2**38 terms.

Kernels (``compiler/native/folds.py``) add at most 48 terms one after the other in a lane (47), 4
chains and up to 16 lanes pairwise (2 + 4) and what they spill in double precision, for float64 with
the errors of these additions (2); each partial result and the whole are rounded once (2).

Half precision is summed in single and rounded once. Running sums, and sums at repeated indices,
are kept in double precision (``running_dtype``) and rounded once: a float32 sum of up to 2**29
terms is within ``eps * sum(abs(x))``, a float64 sum within ``n * eps / 2 * sum(abs(x))``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["add_up", "running_dtype"]

ROWS = 32  # terms that are added one after the other
NARROW = 16  # elements of a row below which turning the array is quicker
_DOUBLE = {"f": "d", "d": "d", "F": "D", "D": "D"}

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
    if x.size <= ROWS:
        return _reduce(x, axis, x.dtype, None, keepdims)
    axes = _axes(axis, x.ndim)
    if x.dtype.char not in _DOUBLE or _is_pairwise(x, axes):
        return _reduce(x, axis, x.dtype, None, keepdims)
    first, *rest = sorted(axes, key=lambda a: -x.shape[a])
    out = _fold(x, first)
    for a in rest:
        out = _halved(out.astype(_DOUBLE[x.dtype.char], copy=False), a)
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
    """The sums along one axis, which is kept as size 1; in double precision where it is blocked.

    The result is memory of its own.
    """
    if x.shape[axis] <= ROWS:
        few: Array = x.sum(axis=axis, keepdims=True, dtype=x.dtype)
        return few
    width = math.prod(x.shape[axis + 1 :])
    if width < NARROW:
        turned = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        return np.moveaxis(turned.sum(axis=-1, keepdims=True, dtype=x.dtype), -1, axis)
    return _halved(_blocks(x, axis), axis)


def _halved(x: Array, axis: int) -> Array:
    """The sums along an axis, added pairwise: its second half to its first. Writes to ``x``."""
    before = (slice(None),) * axis
    while (size := x.shape[axis]) > 1:
        half = size // 2
        x[(*before, slice(half))] += x[(*before, slice(size - half, None))]
        x = x[(*before, slice(size - half))]
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
