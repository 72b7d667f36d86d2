"""Linear algebra that is written in the factorisations and products: norms, powers, ranks."""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, MatrixError
from ..infer import axis_of
from ..op import OPS, Sample, composite
from . import movement
from .contract import matmul
from .create import eye
from .diagonals import matrix_diagonal
from .factor import svdvals
from .matrix import MATRIX, TALL, WIDE, adjoint
from .operand import as_inexact, as_tensor, as_tensors, ranked
from .reduce import max, min, sum
from .solving import inv, pinv, slogdet_pair
from .statistics import count_nonzero, in_single, largest, summed, vector_norm

__all__ = [
    "Slogdet", "condition_number", "kron", "lstsq", "matrix_norm", "matrix_power", "matrix_rank",
    "norm", "slogdet", "trace",
]  # fmt: skip


class Slogdet(NamedTuple):
    """What ``slogdet`` returns."""

    sign: Any
    logabsdet: Any


@composite(Sample(MATRIX))
def slogdet(x: Any) -> Slogdet:
    """Sign (of modulus 1, or 0) and logarithm of the modulus of determinants of ``[..., n, n]``.

    >>> import twofold as tf
    >>> tf.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]]).sign.item()
    -1.0
    """
    return Slogdet(*slogdet_pair(x))


@composite(*[Sample(MATRIX, ord=p) for p in ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)],
           Sample("f[2,3,4]", keepdims=True))  # fmt: skip
def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norms of the matrices of the last two axes.

    ``ord``: ``fro``, Frobenius; ``nuc``, the sum of the singular values; 2 and -2, the largest and
    the smallest of them; 1 and -1, the largest and the smallest sum of the moduli of a column,
    ``inf`` and ``-inf`` of a row. Raises ArgumentError for another.

    >>> import twofold as tf
    >>> tf.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]]).item()
    5.0
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(matrix_norm, x, keepdims, ord)
    if ord in ("fro", None):
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        fold = sum if ord == "nuc" else largest if ord == 2 else min
        out = fold(values, axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        along = -2 if abs(ord) == 1 else -1
        out = (largest if ord > 0 else min)(sum(OPS["abs"](x), axis=along), axis=-1)
    else:
        raise ArgumentError(
            f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {ord!r}"
        )
    return movement.expand_dims(out, axis=(-2, -1)) if keepdims else out


def _ord_of(ord: Any) -> Any:
    """TensorFlow writes the 2-norm ``"euclidean"``, of matrices ``"fro"``."""
    return 2 if isinstance(ord, str) and ord in ("euclidean", "fro") else ord


@composite(Sample("f[3,4]"), Sample("f[3,4]", 1), Sample("f[3,4]", math.inf, 1, True),
           Sample("f[2,3,4]", "fro", (0, 2)), Sample("f[2,3,4]", 1, (0, 2), True))  # fmt: skip
def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, name: Any = None
) -> Any:
    """Norms of vectors, or of matrices, in TensorFlow's order of arguments.

    ``axis`` None: all elements are one vector. One axis holds vectors: ``ord`` is ``"euclidean"``,
    or a number, ``sum(abs(x)**ord)**(1/ord)``, or ``inf`` or ``-inf``. Two hold matrices:
    ``"euclidean"`` and ``"fro"`` are the Frobenius norm, and others those of ``matrix_norm``.
    Raises ArgumentError for another. The gradient at 0 is 0.

    >>> import twofold as tf
    >>> tf.norm([3.0, -4.0]).item(), tf.norm([3.0, -4.0], 1).item()
    (5.0, 7.0)
    """
    x, keep = as_inexact(tensor), bool(keepdims)
    number = _ord_of(ord)
    if isinstance(axis, list | tuple) and len(axis) == 2:
        first, second = (axis_of(a, len(x.shape), "norm") for a in axis)
        if number == 2 and isinstance(ord, str):
            return vector_norm(x, axis=(first, second), keepdims=keep)
        found = matrix_norm(movement.moveaxis(x, (first, second), (-2, -1)), keep, ord)
        return movement.moveaxis(found, (-2, -1), (first, second)) if keep else found
    if isinstance(number, str) or (isinstance(axis, list | tuple) and len(axis) != 1):
        raise ArgumentError(
            f"norm: ord={ord!r} over axis={axis!r} is no norm; ord is 'euclidean', 'fro', a number "
            f"or infinity, axis is None, one axis, or two for matrices"
        )
    return vector_norm(x, axis=axis, keepdims=keep, ord=number)


@composite(Sample(MATRIX, 3), Sample(MATRIX, 0), Sample(MATRIX, -2))
def matrix_power(x: Any, n: int) -> Any:
    """Powers of square matrices by repeated squaring; a negative ``n`` inverts them first.

    >>> import twofold as tf
    >>> tf.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 5).numpy()
    array([[1., 5.],
           [0., 1.]], dtype=float32)
    """
    x, n = ranked(x, 2, "matrix_power"), operator.index(n)
    if n < 0:
        x, n = inv(x), -n
    out = None
    while n:
        if n % 2:
            out = x if out is None else matmul(out, x)
        n //= 2
        x = matmul(x, x) if n else x
    if out is None:
        same = eye(x.shape[-1], dtype=x.dtype)
        return movement.broadcast_to(same, shape=matmul(x, x).shape)
    return OPS["identity"](out) if out is x else out


@composite(Sample(MATRIX), Sample(TALL, rtol=0.1))
def matrix_rank(x: Any, rtol: Any = None) -> Any:
    """The number (int64) of singular values above ``rtol`` (None: ``max(m, n) * eps``) times the
    largest one, of matrices ``[..., m, n]``.

    >>> import twofold as tf
    >>> tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item()
    1
    """
    values = svdvals(x)
    x = as_tensor(x)
    if rtol is None:
        rows, cols = x.shape[-2:]
        size = rows if isinstance(rows, int) and rows >= cols else cols
        rtol = size * float(np.finfo(info(values.dtype).computes_in).eps)
    rtol = as_tensor(rtol)
    if rtol.shape:
        rtol = movement.expand_dims(rtol, axis=(-1,))
    limit = max(values, axis=-1, keepdims=True) * OPS["cast"](rtol, dtype=values.dtype)
    return count_nonzero(OPS["greater"](values, limit), axis=-1)


@composite(Sample(MATRIX), Sample(MATRIX, p=1))
def condition_number(x: Any, p: Any = None) -> Any:
    """Condition numbers: ``norm(x) * norm(inv(x))`` in the norm ``p`` (None: 2).

    Infinite for singular matrices. Raises MatrixError for empty ones.

    >>> import twofold as tf
    >>> tf.linalg.cond([[2.0, 0.0], [0.0, 0.5]]).item()
    4.0
    """
    x = as_inexact(ranked(x, 2, "cond"))
    if 0 in x.shape[-2:]:
        raise MatrixError("cond: an empty matrix has no condition number")
    if p in (None, 2, -2):
        values = svdvals(x)
        ends = max(values, axis=-1), min(values, axis=-1)
        found = ends[1] / ends[0] if p == -2 else ends[0] / ends[1]
    else:
        singular = OPS["equal"](slogdet_pair(x)[0], 0)
        one = movement.expand_dims(singular, axis=(-2, -1))
        inverse = inv(OPS["where"](one, eye(x.shape[-1], dtype=x.dtype), x))
        found = matrix_norm(x, ord=p) * matrix_norm(inverse, ord=p)
        found = OPS["where"](singular, math.inf, found)
    given = OPS["any"](OPS["isnan"](x), axis=(-2, -1))
    undefined = OPS["logical_and"](OPS["isnan"](found), OPS["logical_not"](given))
    return OPS["where"](undefined, math.inf, found)


@composite(Sample("f[2,3]", "f[2,2]"), Sample("f[2]", "f[2,3]"))
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: every element of ``a`` times ``b``, as blocks.

    >>> import twofold as tf
    >>> tf.kron([1, 2], [10, 20]).numpy()
    array([10, 20, 20, 40], dtype=int32)
    """
    a, b = as_tensors(a, b)
    rank = len(a.shape) if len(a.shape) > len(b.shape) else len(b.shape)
    left = (1,) * (rank - len(a.shape)) + tuple(a.shape)
    right = (1,) * (rank - len(b.shape)) + tuple(b.shape)
    wide = movement.reshape(a, shape=tuple(n for d in left for n in (d, 1)))
    tall = movement.reshape(b, shape=tuple(n for d in right for n in (1, d)))
    shape = tuple(m * n for m, n in zip(left, right, strict=True))
    return movement.reshape(wide * tall, shape=shape)


@composite(Sample(TALL, "f[3,2]"), Sample(TALL, "f[3]"), Sample(TALL, "f[3,2]", l2_regularizer=0.5),
           Sample(WIDE, "f[2,2]", l2_regularizer=0.5))  # fmt: skip
def lstsq(a: Any, b: Any, rcond: Any = None, l2_regularizer: Any = 0.0, fast: bool = True) -> Any:
    """The ``x`` of least norm that minimises ``norm(a @ x - b)``, for ``[..., m, n]``.

    ``rcond``: singular values of at most so much of the largest count as 0; see ``pinv``.
    ``l2_regularizer``: that times ``norm(x)**2`` is added to what is minimised, unless ``fast`` is
    False, as in TensorFlow.

    >>> import twofold as tf
    >>> tf.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0]).numpy().round(4)
    array([2.], dtype=float32)
    """
    if not fast or (isinstance(l2_regularizer, int | float) and not l2_regularizer):
        return matmul(pinv(a, rtol=rcond), b)
    a = as_inexact(ranked(a, 2, "lstsq"))
    rows, cols = a.shape[-2:]
    turned = adjoint(a)
    square = matmul(turned, a) if rows >= cols else matmul(a, turned)
    weight = OPS["cast"](l2_regularizer, dtype=a.dtype)
    inverse = inv(square + weight * eye(square.shape[-1], dtype=a.dtype))
    return matmul(matmul(inverse, turned) if rows >= cols else matmul(turned, inverse), b)


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", 1))
def trace(x: Any, offset: int = 0, dtype: Any = None) -> Any:
    """The sum along diagonal ``offset`` of the last two axes.

    >>> import twofold as tf
    >>> tf.linalg.trace([[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    return summed(matrix_diagonal(as_tensor(x), offset=offset), axis=-1, dtype=dtype)
