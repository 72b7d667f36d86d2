"""Exponentials, logarithms and square roots of matrices, and LU factors, by SciPy.

The derivative of a function of matrices at ``a`` in the direction ``e`` is the upper right block of
the function of ``[[a, e], [0, a]]`` (Mathias, "A chain rule for matrix functions and applications",
1996), so that each function is its own derivative, of every order. The extra ``scipy`` installs
SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import MatrixError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes
from . import movement
from .contract import matmul
from .gather import gather
from .joining import concat
from .matrix import MATRIX, adjoint, square
from .operand import as_tensor, ranked
from .scipy_calls import scipy
from .slicing import slice_axis
from .solving import triangular_solve
from .triangles import band

__all__ = [
    "expm", "logm", "lu", "lu_factors", "lu_matrix_inverse", "lu_reconstruct", "lu_solve", "sqrtm",
]  # fmt: skip

Array = np.ndarray[Any, Any]
INT32, INT64 = np.dtype("int32"), np.dtype("int64")
POSITIVE = np.array([[2.0, 1.0, 0.5], [0.25, 3.0, 1.0], [1.0, 0.5, 4.0]])  # no eigenvalue below 0
SAMPLES = [Sample(POSITIVE), Sample(np.stack([POSITIVE, POSITIVE.T / 2]))]


def _square_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    square(types[0], sizes, op.name)
    return attrs, (types[0],)


def _each(what: str, function: Any, x: Array) -> Array:
    """A function of one matrix, of each matrix of a stack.

    Raises MatrixError where the result for a real matrix is complex, or is none.
    """
    out = np.empty(x.shape, x.dtype)
    if not x.size:
        return out
    for place in np.ndindex(x.shape[:-2]):
        if not np.isfinite(x[place]).all():
            out[place] = np.nan
            continue
        found = function(x[place])
        if np.iscomplexobj(found) and not np.iscomplexobj(x):
            if np.abs(found.imag).max() > 1e3 * np.finfo(x.dtype).eps * np.abs(found).max():
                raise MatrixError(
                    f"{what}: the result for a real matrix is complex; cast to complex first"
                )
            found = found.real
        if not np.isfinite(found).all():
            raise MatrixError(f"{what}: the matrix is singular")
        out[place] = found
    return out


def _derivative(function: Any, x: Any, g: Any) -> Any:
    """The gradient of a function of matrices: its derivative at the adjoint, towards ``g``."""
    a, size = adjoint(x), x.shape[-1]
    zero = OPS["zeros_like"](a)
    rows = [concat([a, g], axis=-1), concat([zero, a], axis=-1)]
    found = function(concat(rows, axis=-2))
    right = slice_axis(found, len(x.shape) - 1, size, 2 * size)
    return slice_axis(right, len(x.shape) - 2, 0, size)


@op("opaque", _square_rule, promote="floating", accepts="fc",
    samples=[Sample(MATRIX), Sample(np.stack([MATRIX, MATRIX.T / 2]))])  # fmt: skip
def expm(x: Any) -> Any:
    """Exponentials ``1 + x + x @ x / 2 + ...`` of square matrices. Raises ShapeError.

    Al-Mohy and Higham, "A New Scaling and Squaring Algorithm for the Matrix Exponential" (2009).

    >>> import twofold as tf
    >>> tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy()
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    whole = x.astype(np.complex128 if info(x.dtype).complex else np.float64)
    found = [scipy("linalg", "expm")(whole[at]) for at in np.ndindex(x.shape[:-2])]
    return np.asarray(found, x.dtype).reshape(x.shape)


@expm.gradient
def expm_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: _derivative(expm, x, g),)


@op("opaque", _square_rule, promote="floating", accepts="fc", may_raise=True, samples=SAMPLES)
def logm(x: Any) -> Any:
    """Principal logarithms of square matrices: ``expm(logm(x))`` is ``x``.

    Raises MatrixError for singular matrices, and for real ones whose logarithm is complex.

    Al-Mohy and Higham, "Improved Inverse Scaling and Squaring Algorithms for the Matrix Logarithm"
    (2012).

    >>> import twofold as tf
    >>> tf.linalg.logm([[1.0, 1.0], [0.0, 1.0]]).numpy().round(4)
    array([[0., 1.],
           [0., 0.]], dtype=float32)
    """
    return _each("logm", lambda a: scipy("linalg", "logm")(_wide(a)), x)


@logm.gradient
def logm_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: _derivative(logm, x, g),)


@op("opaque", _square_rule, promote="floating", accepts="fc", may_raise=True, samples=SAMPLES)
def sqrtm(x: Any) -> Any:
    """Principal square roots of square matrices: ``sqrtm(x) @ sqrtm(x)`` is ``x``.

    Raises MatrixError for real matrices whose root is complex, and where there is none.

    Higham, "Computing real square roots of a real matrix" (1987).

    >>> import twofold as tf
    >>> tf.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]]).numpy().round(4)
    array([[2., 0.],
           [0., 3.]], dtype=float32)
    """
    return _each("sqrtm", lambda a: scipy("linalg", "sqrtm")(_wide(a)), x)


@sqrtm.gradient
def sqrtm_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: _derivative(sqrtm, x, g),)


def _wide(a: Array) -> Array:
    return a.astype(np.complex128 if np.iscomplexobj(a) else np.float64)


# ---- LU factors


def _lu_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    square(x, sizes, op.name)
    return attrs, (x, x.with_shape(x.shape[:-1]).with_dtype(INT64))


@op("opaque", _lu_rule, promote="floating", accepts="fc", public=False,
    samples=[Sample(MATRIX), Sample(np.stack([MATRIX, MATRIX[::-1]]))])  # fmt: skip
def lu_factors(x: Any) -> Any:
    """Both factors of square matrices in one, and the rows of the matrix in their order."""
    out, order = np.empty(x.shape, x.dtype), np.empty(x.shape[:-1], np.int64)
    for place in np.ndindex(x.shape[:-2]):
        if not x[place].size:
            continue
        packed, swaps = scipy("linalg", "lu_factor")(x[place], check_finite=False)
        rows = np.arange(x.shape[-1])
        for i, j in enumerate(swaps):
            rows[[i, j]] = rows[[j, i]]
        out[place], order[place] = packed, rows
    return out, order


@lu_factors.gradient
def lu_factors_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        # With x = P^T L U: P^T L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H
        packed, order = out
        left, upper = _unpacked(packed)
        inner = band(matmul(adjoint(left), band(g[0], -1, lower=True)), -1, lower=True)
        inner = inner + band(matmul(band(g[0], 0, lower=False), adjoint(upper)), 0, lower=False)
        inner = triangular_solve(left, inner, adjoint=True)
        inner = adjoint(triangular_solve(upper, adjoint(inner), lower=False))
        return _rows(inner, OPS["argsort"](order, axis=-1))

    return (back,)


def _unpacked(packed: Any) -> tuple[Any, Any]:
    """The lower factor, with ones on its diagonal, and the upper."""
    size = ranked(packed, 2, "the factors of lu").shape[-1]
    eye = OPS["eye"](n_rows=size, dtype=packed.dtype)
    return band(packed, -1, lower=True) + eye, band(packed, 0, lower=False)


def _rows(x: Any, order: Any) -> Any:
    """The rows of matrices in another order."""
    x, order = ranked(x, 2, "the rows of lu"), ranked(order, 1, "the order of lu")
    batch = len(order.shape) - 1
    lead = len(x.shape) - 2
    if lead != batch:
        order = movement.broadcast_to(order, shape=(*x.shape[:-2], order.shape[-1]))
    return gather(x, order, axis=lead, batch_dims=lead)


_FACTORS = (np.array([[3.0, 0.5, 1.0], [0.2, 2.0, 1.0], [0.3, 0.5, -0.8]]), np.array([2, 0, 1]))


@composite(Sample(MATRIX))
def lu(input: Any, output_idx_type: Any = INT32, name: Any = None) -> tuple[Any, Any]:
    """Square matrices as ``L @ U`` with rows in another order: both factors in one matrix (the ones
    on the diagonal of ``L`` left out), and the order: ``input[p]`` is ``L @ U``.

    The gradient needs a regular matrix. Raises ShapeError.

    >>> import twofold as tf
    >>> packed, p = tf.linalg.lu([[1.0, 2.0], [4.0, 4.0]])
    >>> packed.numpy(), p.numpy()
    (array([[4.  , 4.  ],
           [0.25, 1.  ]], dtype=float32), array([1, 0], dtype=int32))
    """
    packed, order = lu_factors(ranked(input, 2, "lu"))
    return packed, OPS["cast"](order, dtype=output_idx_type)


@composite(Sample(*_FACTORS, "f[3,2]"))
def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: Any = None
) -> Any:
    """``x`` with ``a @ x = rhs``, from what ``lu(a)`` gives. Raises MatrixError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.lu_solve(*tf.linalg.lu([[0.0, 2.0], [1.0, 0.0]]), [[2.0], [3.0]]).numpy()
    array([[3.],
           [1.]], dtype=float32)
    """
    left, upper = _unpacked(as_tensor(lower_upper))
    moved = _rows(as_tensor(rhs), as_tensor(perm))
    return triangular_solve(upper, triangular_solve(left, moved), lower=False)


@composite(Sample(*_FACTORS))
def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: Any = None
) -> Any:
    """The inverse of a matrix, from what ``lu`` gives for it. Raises MatrixError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.lu_matrix_inverse(*tf.linalg.lu([[0.0, 2.0], [1.0, 0.0]])).numpy()
    array([[0. , 1. ],
           [0.5, 0. ]], dtype=float32)
    """
    packed = ranked(lower_upper, 2, "lu_matrix_inverse")
    eye = OPS["eye"](n_rows=packed.shape[-1], dtype=packed.dtype)
    return lu_solve(packed, perm, movement.broadcast_to(eye, shape=tuple(packed.shape)))


@composite(Sample(*_FACTORS))
def lu_reconstruct(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: Any = None
) -> Any:
    """The matrix of which ``lu`` gives this. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.lu_reconstruct(*tf.linalg.lu([[0.0, 2.0], [1.0, 0.0]])).numpy()
    array([[0., 2.],
           [1., 0.]], dtype=float32)
    """
    left, upper = _unpacked(as_tensor(lower_upper))
    return _rows(matmul(left, upper), OPS["argsort"](as_tensor(perm), axis=-1))
