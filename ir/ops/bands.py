"""Matrices by their diagonals and factors, under TensorFlow's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .create import arange
from .diagonals import matrix_diagonal, on_diagonal
from .elementwise import where
from .linear import slogdet
from .matrix import HERMITIAN, adjoint
from .operand import as_inexact, as_tensor, product
from .reduce import sum
from .solving import triangular_solve
from .statistics import root, rounded, squares, vector_norm

__all__ = [
    "adjoint_of", "band_part", "cholesky_solve", "global_norm", "logdet",
    "normalize", "tensor_diag", "tensor_diag_part",
]  # fmt: skip


@composite(Sample("f[2,3]"), Sample("c[2,2,3]"))
def adjoint_of(matrix: Any, name: Any = None) -> Any:
    """The conjugate transpose of the last two axes.

    >>> import twofold as tf
    >>> tf.linalg.adjoint_of([[1.0, 2j]]).numpy()
    array([[1.-0.j],
           [0.-2.j]], dtype=complex64)
    """
    matrix = as_tensor(matrix)
    if len(matrix.shape) < 2:
        raise ShapeError(f"adjoint: a matrix is needed, the shape is {show_shape(matrix.shape)}")
    return adjoint(matrix)


@composite(Sample("f[3,4]", 1, 0), Sample("f[2,3,3]", -1, 1), Sample("f[4,3]", 0, -1))
def band_part(input: Any, num_lower: Any, num_upper: Any, name: Any = None) -> Any:
    """So many diagonals below and above the main one, and that; zeros elsewhere. -1 keeps all.

    >>> import twofold as tf
    >>> tf.linalg.band_part(tf.ones((2, 2)), 0, -1).numpy()
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    x = as_tensor(input)
    if len(x.shape) < 2:
        raise ShapeError(f"band_part: a matrix is needed, the shape is {show_shape(x.shape)}")
    rows = movement.expand_dims(arange(x.shape[-2], dtype=np.dtype("int64")), axis=(1,))
    apart = rows - arange(x.shape[-1], dtype=np.dtype("int64"))
    below = OPS["logical_or"](num_lower < 0, OPS["less_equal"](apart, num_lower))
    above = OPS["logical_or"](num_upper < 0, OPS["less_equal"](-apart, num_upper))
    return where(OPS["logical_and"](below, above), x, OPS["zeros_like"](x))


@composite(Sample("f[2,3]"))
def tensor_diag(diagonal: Any, name: Any = None) -> Any:
    """A tensor of twice the axes with ``diagonal`` where both halves of an index are equal."""
    x = as_tensor(diagonal)
    size = product(x.shape)
    line = movement.reshape(x, shape=(size,))
    matrix = on_diagonal(line, rows=size, cols=size, offset=0)
    return movement.reshape(matrix, shape=(*x.shape, *x.shape))


@composite(Sample("f[2,3,2,3]"))
def tensor_diag_part(input: Any, name: Any = None) -> Any:
    """The elements at which both halves of the index are equal. Raises ShapeError."""
    x = as_tensor(input)
    half = len(x.shape) // 2
    if len(x.shape) % 2 or tuple(x.shape[:half]) != tuple(x.shape[half:]):
        raise ShapeError(f"tensor_diag_part: the halves of {show_shape(x.shape)} are not equal")
    size = product(x.shape[:half])
    line = matrix_diagonal(movement.reshape(x, shape=(size, size)))
    return movement.reshape(line, shape=tuple(x.shape[:half]))


@composite(Sample(HERMITIAN))
def logdet(matrix: Any, name: Any = None) -> Any:
    """Logarithm of the determinants of Hermitian positive definite matrices.

    >>> import twofold as tf
    >>> tf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]).item()
    0.0
    """
    return slogdet(matrix).logabsdet


@composite(Sample(HERMITIAN[0], "f[2,3]"))
def cholesky_solve(chol: Any, rhs: Any, name: Any = None) -> Any:
    """``x`` with ``a @ x = rhs``, of ``chol``, the lower Cholesky factor of ``a``."""
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


@composite(Sample("f[3,4]"), Sample("f[3,4]", 1, 1))
def normalize(tensor: Any, ord: Any = 2, axis: Any = None, name: Any = None) -> tuple[Any, Any]:
    """``tensor`` divided by its norm over ``axis`` (None: all), and that norm, which keeps axes."""

    norm = vector_norm(tensor, axis=axis, keepdims=True, ord=2 if ord == "euclidean" else ord)
    return as_tensor(tensor) / norm, norm


@composite()
def global_norm(t_list: Any, name: Any = None) -> Any:
    """The square root of the sum of all squares in a list of tensors; None counts as nothing.

    >>> import twofold as tf
    >>> tf.linalg.global_norm([tf.constant([3.0]), tf.constant(4.0)]).item()
    5.0
    """
    given = [as_inexact(t) for t in t_list if t is not None]
    parts = [sum(squares(x)) for x in given]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return rounded(root(total), *given)
