"""LAPACK's routines as ``numpy.linalg`` has them, called without NumPy's copies.

NumPy copies each matrix to one that lies column by column and back, an element of each row at a
time, in memory that is often new to the process: a Cholesky factorisation of 1000 x 1000 of float64
takes 1.1 of the time without that, or 1.9 where the pages are new; a solution of 256 x 256 of
float32 2.4. Here

- the triangle of a symmetric matrix that lies row by row is the other triangle of one that lies
  column by column, so a Cholesky factorisation needs no other order of elements;
- a matrix of equations is turned block by block, and the rows that are exchanged are those that
  NumPy exchanges, so the same matrices are found to be singular.

LAPACK is NumPy's (``blas.py``). Small matrices go to NumPy, whose loop over a batch is quicker, and
so does everything where no LAPACK is found that solves two equations correctly. Up to ``ALONE``
rows a solution is computed on one thread: on two, 500 x 500 takes 1.5 of its time in OpenBLAS.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .blas import find_blas
from .buffers import empty
from .one_thread import one_thread

__all__ = ["ALONE", "LEAST", "cholesky", "inv", "solve"]

LEAST = 64  # rows of a matrix that is worth a call of its own
ALONE = 512

Array = np.ndarray[Any, Any]


def cholesky(a: Any, /, *, upper: bool = False) -> Array:
    """The triangles of ``np.linalg.cholesky``: ``L`` with ``a = L @ L^H``, or ``upper``.

    Shape ``[..., n, n]``. Raises ``numpy.linalg.LinAlgError`` if one is not positive definite.
    """
    factor = _routine("potrf", a.dtype) if _is_large(a) and not upper else None
    if factor is None:
        found: Array = np.linalg.cholesky(a, upper=upper)
        return found
    out = empty(a.shape, a.dtype)
    np.copyto(out, a)
    n = a.shape[-1]
    for matrix in out.reshape(-1, n, n):
        if factor(b"U", n, matrix, n):
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        for row in range(n - 1):
            matrix[row, row + 1 :] = 0
    return out


def solve(a: Any, b: Any) -> Array:
    """``x`` with ``a @ x = b`` of ``[..., n, n]`` and ``[..., n, k]``, as ``np.linalg.solve``.

    Raises ``numpy.linalg.LinAlgError`` if a matrix is singular.
    """
    gesv = _routine("gesv", a.dtype) if _is_large(a) and _fits(a, b) else None
    if gesv is None:
        found: Array = np.linalg.solve(a, b)
        return found
    n, k = b.shape[-2:]
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = np.broadcast_to(a, (*lead, n, n)), np.broadcast_to(b, (*lead, n, k))
    turned = empty((*lead, k, n), b.dtype)  # columns that lie one after the other
    np.copyto(turned, right.swapaxes(-1, -2))
    pivots, matrix = np.empty(n, np.int64), empty((n, n), a.dtype)
    with one_thread() if n <= ALONE else contextlib.nullcontext():
        for place in np.ndindex(*lead):
            np.copyto(matrix.T, left[place])
            if gesv(n, k, matrix, n, pivots, turned[place], n):
                raise np.linalg.LinAlgError("Singular matrix")
    out = empty((*lead, n, k), b.dtype)
    np.copyto(out, turned.swapaxes(-1, -2))
    return out


def inv(a: Any) -> Array:
    """The inverses of ``[..., n, n]``, as ``np.linalg.inv``: solutions for the identity.

    Raises ``numpy.linalg.LinAlgError`` if a matrix is singular.
    """
    if _is_large(a):
        return solve(a, np.eye(a.shape[-1], dtype=a.dtype))
    found: Array = np.linalg.inv(a)
    return found


def _is_large(x: Any) -> bool:
    """Whether it is an array of square matrices that are worth a call of their own."""
    if x.__class__ is not np.ndarray or x.ndim < 2 or not x.dtype.isnative:
        return False
    large: bool = x.shape[-1] == x.shape[-2] >= LEAST and x.size > 0
    return large


def _fits(a: Array, b: Any) -> bool:
    """Whether it is an array of right sides for these equations, of their dtype."""
    if b.__class__ is not np.ndarray or b.ndim < 2:
        return False
    fits: bool = b.dtype == a.dtype and b.shape[-2] == a.shape[-1]
    return fits


_SIGNATURES = {"potrf": "tnan", "gesv": "nnanaan"}  # texts, numbers, arrays; then info


@functools.cache
def _routine(name: str, dtype: np.dtype[Any]) -> Callable[..., int] | None:
    """A routine for a dtype, which takes texts, numbers and arrays and gives LAPACK's ``info``."""
    if dtype.char not in "fdFD" or not _solves(dtype):
        return None
    return _bind(name, dtype)


@functools.cache
def _solves(dtype: np.dtype[Any]) -> bool:
    """Whether there is a LAPACK for this dtype that is right; with a wrong width of integers it
    would not be."""
    gesv, factor = _bind("gesv", dtype), _bind("potrf", dtype)
    if gesv is None or factor is None:
        return False
    matrix, right = np.array([[0, 2], [4, 2]], dtype, order="F"), np.array([2, 6], dtype)
    pivots, square = np.full(2, -1, np.int64), np.array([[4, 2], [2, 5]], dtype)
    solved = gesv(2, 1, matrix, 2, pivots, right, 2) == 0 and right.tolist() == [1, 1]
    factored = factor(b"U", 2, square, 2) == 0 and np.tril(square).tolist() == [[2, 0], [1, 2]]
    return solved and factored


def _bind(name: str, dtype: np.dtype[Any]) -> Callable[..., int] | None:
    blas = find_blas()
    address = blas.lapack(name, dtype) if blas is not None else None
    if blas is None or address is None:
        return None
    size = ctypes.c_int64 if blas.int_bits == 64 else ctypes.c_int32
    signature = _SIGNATURES[name]
    lengths = [ctypes.c_size_t(1)] * signature.count("t")  # Fortran's hidden lengths of texts
    function = ctypes.CFUNCTYPE(
        None, *[ctypes.c_void_p] * (len(signature) + 1), *[ctypes.c_size_t] * len(lengths)
    )(address)

    def call(*args: Any) -> int:
        info = size(0)
        given: list[Any] = []
        for kind, arg in zip(signature, args, strict=True):
            if kind == "n":
                given.append(ctypes.byref(size(arg)))
            else:
                given.append(arg if kind == "t" else arg.ctypes.data)
        function(*given, ctypes.byref(info), *lengths)
        return info.value

    return call
