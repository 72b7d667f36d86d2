"""What the ops of linear algebra share: shapes of stacks of matrices, adjoints, masks, LAPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dims import DimLike
from ..dtypes import info
from ..errors import MatrixError, ShapeError
from ..op import OPS
from ..shapes import Sizes, show_shape
from ..types import TensorType
from . import movement
from .diagonals import matrix_diagonal, on_diagonal
from .elementwise import conj
from .triangles import band

__all__ = [
    "HERMITIAN", "MATRIX", "TALL", "WIDE", "adjoint", "differences", "hermitian", "inner_sizes",
    "lapack", "like_diagonal", "lower", "lower_part", "real_diagonal", "square",
]  # fmt: skip

# For the samples: matrices that are well conditioned, with eigenvalues that differ.
MATRIX = np.array([[2.0, 0.5, -1.0], [0.3, -1.5, 0.4], [-0.6, 0.2, 3.0]])
HERMITIAN = np.array([[[2.0, 0.5], [0.5, 1.0]], [[3.0, -1.0], [-1.0, 4.0]]])
TALL = np.array([[2.0, 0.5], [0.3, -1.5], [-0.6, 0.2]])
WIDE = TALL.T.copy()


def inner_sizes(x: TensorType, what: str) -> tuple[DimLike, DimLike]:
    """The sizes of the last two axes. Raises ShapeError below two axes."""
    if x.rank < 2:
        raise ShapeError(f"{what}: a matrix is needed, the shape is {show_shape(x.shape)}")
    return x.shape[-2], x.shape[-1]


def square(x: TensorType, sizes: Sizes, what: str) -> DimLike:
    """The size of square matrices. Raises ShapeError for others."""
    rows, cols = inner_sizes(x, what)
    if not sizes.require_same(rows, cols):
        raise ShapeError(f"{what}: the matrices of shape {show_shape(x.shape)} are not square")
    return rows


def lapack(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A routine of ``numpy.linalg``. Raises MatrixError for what it cannot factor."""
    try:
        return function(*args, **kwargs)
    except np.linalg.LinAlgError as error:
        rows, cols = args[0].shape[-2:] if args[0].ndim > 1 else (0, 1)
        if rows != cols and function not in (np.linalg.svd, np.linalg.qr, np.linalg.pinv):
            raise  # the rule of the op says what is wrong with the shape
        raise MatrixError(f"{what}: {str(error).lower()}") from None


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    return conj(movement.swapaxes(x, -1, -2))


def lower(x: Any, k: int = 0) -> Any:
    """The lower triangle, up to diagonal ``k``."""
    return band(x, k, lower=True)


def real_diagonal(x: Any) -> Any:
    """The real part of the main diagonal, in the dtype of ``x``."""
    line = matrix_diagonal(x)
    return OPS["cast"](OPS["real"](line), dtype=x.dtype) if info(x.dtype).complex else line


def like_diagonal(line: Any) -> Any:
    """Square matrices with these diagonals."""
    size = line.shape[-1]
    return on_diagonal(line, rows=size, cols=size, offset=0)


def hermitian(x: Any) -> Any:
    """The Hermitian part."""
    return 0.5 * (x + adjoint(x))


def lower_part(x: Any) -> Any:
    """The gradient for the lower triangle, where that stands for the Hermitian matrix: what belongs
    to an element above the diagonal counts for the one below that it is read from."""
    both = x + adjoint(x)
    return lower(both) - like_diagonal(0.5 * matrix_diagonal(both))


def differences(values: Any) -> Any:
    """``1 / (values[j] - values[i])`` at ``[i, j]``; 0 where the two are equal."""
    gaps = movement.expand_dims(values, axis=(-2,)) - movement.expand_dims(values, axis=(-1,))
    equal = OPS["equal"](gaps, 0)
    return OPS["where"](equal, 0, 1 / OPS["where"](equal, 1, gaps))
