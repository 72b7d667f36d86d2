"""Cholesky factorisations as ``numpy.linalg`` has them, by LAPACK without NumPy's copies.

NumPy copies each matrix to one that lies column by column and back, an element of each row at a
time, in memory that is often new to the process. The triangle of a symmetric matrix that lies row
by row is the other triangle of one that lies column by column, so nothing has to be turned: 500 x
500 of float64 takes 0.47 of NumPy's time on two cores, 256 x 256 0.64. (A solution of equations
needs the other order, and takes as long as NumPy's.) Single precision is computed in double, as
NumPy does.

LAPACK is NumPy's (``blas.py``). Small matrices go to NumPy, whose loop over a batch is quicker, and
so does everything where no LAPACK is found that factors a matrix correctly.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .blas import find_blas
from .buffers import empty

__all__ = ["LEAST", "cholesky"]

LEAST = 128  # rows of a matrix that is worth a call of its own

Array = np.ndarray[Any, Any]
Factor = Callable[[Array], int]


def cholesky(a: Any, /, *, upper: bool = False) -> Array:
    """The triangles of ``np.linalg.cholesky``: ``L`` with ``a = L @ L^H``, or ``upper``.

    Shape ``[..., n, n]``. Raises ``numpy.linalg.LinAlgError`` if one is not positive definite.
    """
    factor = None if upper or not _is_large(a) else _factor(_wide(a.dtype))
    if factor is None:
        found: Array = np.linalg.cholesky(a, upper=upper)
        return found
    out = _copied(a, _wide(a.dtype))
    n = a.shape[-1]
    for matrix in out.reshape(-1, n, n):
        if factor(matrix):
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        for row in range(n - 1):
            matrix[row, row + 1 :] = 0
    return out if out.dtype == a.dtype else _copied(out, a.dtype)


def _is_large(x: Any) -> bool:
    """Whether it is an array of square matrices that are worth a call of their own."""
    if x.__class__ is not np.ndarray or x.ndim < 2 or not x.dtype.isnative:
        return False
    large: bool = x.shape[-1] == x.shape[-2] >= LEAST and x.size > 0 and x.dtype.char in "fdFD"
    return large


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Double precision of the same kind."""
    return np.result_type(dtype, np.float64)


def _copied(x: Array, dtype: np.dtype[Any]) -> Array:
    """The array in memory of its own, row by row."""
    made = empty(x.shape, dtype)
    np.copyto(made, x, casting="same_kind")
    return made


@functools.cache
def _factor(dtype: np.dtype[Any]) -> Factor | None:
    """LAPACK's ``potrf`` of a dtype: it writes the factor to the lower triangle of a matrix that
    lies row by row, and gives 0 if there is one. None where there is no ``potrf`` that is right;
    with a wrong width of integers it would not be."""
    found = _potrf(dtype)
    matrix = np.array([[4, 2], [2, 5]], dtype)
    if found is None or found(matrix) or np.tril(matrix).tolist() != [[2, 0], [1, 2]]:
        return None
    return found


def _potrf(dtype: np.dtype[Any]) -> Factor | None:
    blas = find_blas()
    address = None if blas is None else blas.lapack("potrf", dtype)
    if blas is None or address is None:
        return None
    size, pointer = ctypes.c_int64 if blas.int_bits == 64 else ctypes.c_int32, ctypes.c_void_p
    length = ctypes.c_size_t  # of the text, which Fortran hides behind the arguments
    function = ctypes.CFUNCTYPE(None, ctypes.c_char_p, *[pointer] * 4, length)(address)

    def call(matrix: Array) -> int:
        rows, info = size(len(matrix)), size(0)
        place = ctypes.byref(rows)
        function(b"U", place, matrix.ctypes.data, place, ctypes.byref(info), length(1))
        return info.value

    return call
