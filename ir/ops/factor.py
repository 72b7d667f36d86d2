"""Factors of matrices by NumPy's LAPACK, with gradients of every order.

Every op works on stacks of matrices: the last two axes are rows and columns. Gradients follow the
convention of complex values in ``elementwise.py``. Sources: M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008); S. Walter, L. Lehmann,
"Algorithmic differentiation of linear algebra functions" (2010), for QR; Z.-Q. Wan, S.-X. Zhang,
"Automatic differentiation for complex valued SVD" (2019); C. Boeddeker et al., "On the computation
of complex-valued gradients" (2017), for eig. Where two eigenvalues or singular values are equal
the vectors have no derivative; what belongs to such a pair is 0 here. Vectors are unique up to
phases, and those that fill up a basis up to a rotation: what is differentiated must not depend on
them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..dims import dim_min
from ..dtypes import info
from ..errors import ArgumentError
from ..factoring import factoring
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..promote import complex_of
from ..shapes import Sizes
from . import movement
from .contract import matmul
from .diagonals import matrix_diagonal
from .elementwise import conj
from .matrix import (
    HERMITIAN,
    MATRIX,
    TALL,
    WIDE,
    adjoint,
    differences,
    hermitian,
    inner_sizes,
    lapack,
    like_diagonal,
    lower,
    lower_part,
    real_diagonal,
    square,
)  # fmt: skip
from .slicing import slice_axis
from .solving import solve, triangular_solve

__all__ = ["cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]


class Eig(NamedTuple):
    """What ``eig`` and ``eigh`` return."""

    eigenvalues: Any
    eigenvectors: Any


class QR(NamedTuple):
    """What ``qr`` returns."""

    Q: Any
    R: Any


class SVD(NamedTuple):
    """What ``svd`` returns."""

    U: Any
    S: Any
    Vh: Any


# ---- Cholesky


def _square_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    square(types[0], sizes, op.name)
    return attrs, (types[0],)


def _cholesky_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return _square_rule(op, types, {"upper": bool(attrs["upper"])}, sizes)


@op("opaque", _cholesky_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(HERMITIAN), Sample(HERMITIAN[1], upper=True)])  # fmt: skip
def cholesky(x: Any, *, upper: bool = False) -> Any:
    """The triangle ``L`` with ``x = L @ L^H`` of Hermitian positive definite ``[..., n, n]``.

    ``upper`` gives ``L^H``. Only the lower triangle of ``x`` is read; the gradient is Hermitian.
    Raises MatrixError if ``x`` is not positive definite, ShapeError if it is not square.

    >>> import twofold as tf
    >>> tf.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy()
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    found = lapack("cholesky", factoring.cholesky, x)
    return np.conj(np.swapaxes(found, -1, -2)) if upper else found


@cholesky.gradient
def cholesky_vjp(g: Any, out: Any, x: Any, *, upper: bool) -> Any:
    def back() -> Any:
        factor, received = (adjoint(out), adjoint(g)) if upper else (out, g)
        inner = matmul(adjoint(factor), received)
        inner = lower(inner, -1) + 0.5 * like_diagonal(real_diagonal(inner))
        left = triangular_solve(factor, inner, lower=True, adjoint=True)
        right = triangular_solve(factor, adjoint(left), lower=True, adjoint=True)
        return hermitian(adjoint(right))

    return (back,)


# ---- Eigenvalues


def _eigh_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    size = square(x, sizes, op.name)
    values = x.with_shape((*x.shape[:-2], size)).with_dtype(info(x.dtype).part_dtype)
    return attrs, (values,) if op.name == "eigvalsh" else (values, x)


@op("opaque", _eigh_rule, promote="floating", accepts="fc", may_raise=True,
    public=False, samples=[Sample(HERMITIAN)])  # fmt: skip
def eigh_pair(x: Any) -> Any:
    """Eigenvalues, rising, and eigenvectors, the columns, of Hermitian matrices."""
    values, vectors = lapack("eigh", np.linalg.eigh, x)
    return values, vectors


@eigh_pair.gradient
def eigh_pair_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        values, vectors = out
        inner = matmul(adjoint(vectors), g[1]) * differences(values)
        inner = inner + like_diagonal(OPS["cast"](g[0], dtype=vectors.dtype))
        return lower_part(matmul(matmul(vectors, inner), adjoint(vectors)))

    return (back,)


@composite(Sample(HERMITIAN))
def eigh(x: Any) -> Eig:
    """Eigenvalues, real and rising, and eigenvectors, the columns, of Hermitian ``[..., n, n]``.

    Only the lower triangle is read, and only it has a gradient. Raises MatrixError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues.numpy()
    array([1., 2.], dtype=float32)
    """
    return Eig(*eigh_pair(x))


@op("opaque", _eigh_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(HERMITIAN)])  # fmt: skip
def eigvalsh(x: Any) -> Any:
    """Eigenvalues, real and rising, of Hermitian matrices; only the lower triangle is read, and
    only it has a gradient.

    >>> import twofold as tf
    >>> tf.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).numpy()
    array([1., 2.], dtype=float32)
    """
    return lapack("eigvalsh", np.linalg.eigvalsh, x)


@eigvalsh.gradient
def eigvalsh_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        _, vectors = eigh_pair(x)
        scaled = vectors * movement.expand_dims(g, axis=(-2,))
        return lower_part(matmul(scaled, adjoint(vectors)))

    return (back,)


def _eig_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    size = square(x, sizes, op.name)
    vectors = x.with_dtype(x.dtype if info(x.dtype).complex else complex_of(x.dtype))
    values = vectors.with_shape((*x.shape[:-2], size))
    return attrs, (values,) if op.name == "eigvals" else (values, vectors)


def _as_complex(x: Any, source: Any) -> Any:
    dtype = source.dtype
    return x.astype(dtype if info(dtype).complex else complex_of(dtype), copy=False)


@op("opaque", _eig_rule, promote="floating", accepts="fc", may_raise=True, public=False,
    samples=[Sample(MATRIX)])  # fmt: skip
def eig_pair(x: Any) -> Any:
    """Complex eigenvalues and eigenvectors, the columns, of any square matrices."""
    values, vectors = lapack("eig", np.linalg.eig, x)
    return _as_complex(values, x), _as_complex(vectors, x)


@eig_pair.gradient
def eig_pair_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        values, vectors = out
        turned = adjoint(vectors)
        inner = matmul(turned, g[1])
        own = movement.expand_dims(real_diagonal(inner), axis=(-2,))
        inner = (inner - matmul(turned, vectors) * own) * conj(differences(values))
        inner = inner + like_diagonal(g[0])
        return solve(turned, matmul(inner, turned))

    return (back,)


@composite(Sample(MATRIX))
def eig(x: Any) -> Eig:
    """Eigenvalues and eigenvectors, the columns, of square ``[..., n, n]``; both are complex.

    Raises MatrixError if the iteration does not converge, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.eig([[2.0, 0.0], [0.0, 1.0]]).eigenvalues.numpy()
    array([2.+0.j, 1.+0.j], dtype=complex64)
    """
    return Eig(*eig_pair(x))


@op("opaque", _eig_rule, promote="floating", accepts="fc", may_raise=True, samples=[Sample(MATRIX)])
def eigvals(x: Any) -> Any:
    """Eigenvalues of square matrices, complex.

    >>> import twofold as tf
    >>> tf.linalg.eigvals([[0.0, -1.0], [1.0, 0.0]]).numpy().round(4)
    array([0.+1.j, 0.-1.j], dtype=complex64)
    """
    return _as_complex(lapack("eigvals", np.linalg.eigvals, x), x)


@eigvals.gradient
def eigvals_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        _, vectors = eig_pair(x)
        turned = adjoint(vectors)
        return solve(turned, movement.expand_dims(g, axis=(-1,)) * turned)

    return (back,)


# ---- QR


def _qr_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    rows, cols = inner_sizes(x, "qr")
    if attrs["mode"] not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode must be 'reduced' or 'complete', not {attrs['mode']!r}")
    inner = rows if attrs["mode"] == "complete" else dim_min(rows, cols)
    batch = x.shape[:-2]
    return attrs, (x.with_shape((*batch, rows, inner)), x.with_shape((*batch, inner, cols)))


@op("opaque", _qr_rule, promote="floating", accepts="fc", public=False,
    samples=[Sample(MATRIX), Sample(TALL), Sample(WIDE), Sample(TALL, mode="complete")],
)  # fmt: skip
def qr_pair(x: Any, *, mode: str = "reduced") -> Any:
    """Unitary columns and an upper triangle whose product is ``x``."""
    q, r = lapack("qr", np.linalg.qr, x, mode)
    return q, r


@qr_pair.gradient
def qr_pair_vjp(g: Any, out: Any, x: Any, *, mode: str) -> Any:
    rows, cols = x.shape[-2:]

    def back() -> Any:
        (q, r), (gq, gr) = out, g
        if rows >= cols:
            q, gq = _first_columns(q, gq, cols)
            r, gr = (slice_axis(v, len(v.shape) - 2, 0, cols) for v in (r, gr))
            return _qr_back(q, r, gq, gr)
        left = slice_axis(x, len(x.shape) - 1, rows, None)
        parts = [slice_axis(v, len(v.shape) - 1, *s) for v in (r, gr) for s in
                 ((None, rows), (rows, None))]  # fmt: skip
        square_r, _, square_gr, rest_gr = parts
        gq = gq + matmul(left, adjoint(rest_gr))
        return OPS["concat"]([_qr_back(q, square_r, gq, square_gr), matmul(q, rest_gr)], axis=-1)

    return (back,)


def _qr_back(q: Any, r: Any, gq: Any, gr: Any) -> Any:
    """The gradient of matrices with at least as many rows as columns."""
    inner = adjoint(lower(adjoint(matmul(gr, adjoint(r)) - matmul(adjoint(q), gq)), -1))
    line = real_diagonal(matmul(gr, adjoint(r)) - matmul(adjoint(q), gq))
    whole = gq + matmul(q, inner + adjoint(inner) + like_diagonal(line))
    return adjoint(triangular_solve(r, adjoint(whole), lower=False))


@composite(Sample(MATRIX), Sample(TALL), Sample(WIDE), Sample(TALL, mode="complete"))
def qr(x: Any, mode: str = "reduced") -> QR:
    """``x = Q @ R`` with unitary columns ``Q`` and an upper triangle ``R``, of ``[..., m, n]``.

    ``mode``: ``reduced``, ``Q`` has ``min(m, n)`` columns; ``complete``, it has ``m``.

    >>> import twofold as tf
    >>> Q, R = tf.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> (Q @ R).numpy().round(4)
    array([[3., 1.],
           [4., 2.]], dtype=float32)
    """
    return QR(*qr_pair(x, mode=mode))


# ---- Singular values


def _svd_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    rows, cols = inner_sizes(x, "svd")
    inner, batch = dim_min(rows, cols), x.shape[:-2]
    values = x.with_shape((*batch, inner)).with_dtype(info(x.dtype).part_dtype)
    if op.name == "svdvals":
        return attrs, (values,)
    full = bool(attrs["full_matrices"])
    left = x.with_shape((*batch, rows, rows if full else inner))
    right = x.with_shape((*batch, cols if full else inner, cols))
    return {"full_matrices": full}, (left, values, right)


@op("opaque", _svd_rule, promote="floating", accepts="fc", may_raise=True, public=False,
    samples=[Sample(MATRIX), Sample(TALL), Sample(WIDE), Sample(TALL, full_matrices=True)],
)  # fmt: skip
def svd_triple(x: Any, *, full_matrices: bool = False) -> Any:
    """Left singular vectors, singular values (falling) and right singular vectors, the rows."""
    u, s, vh = lapack("svd", np.linalg.svd, x, full_matrices)
    return u, s, vh


@svd_triple.gradient
def svd_triple_vjp(g: Any, out: Any, x: Any, *, full_matrices: bool) -> Any:
    def back() -> Any:
        (u, s, vh), (gu, gs, gvh) = out, g
        u, gu = _first_columns(u, gu, s.shape[-1])
        v, gv = _first_columns(adjoint(vh), adjoint(gvh), s.shape[-1])
        return _svd_back((u, s, adjoint(v)), (gu, gs, adjoint(gv)), x)

    return (back,)


def _first_columns(q: Any, g: Any, count: Any) -> tuple[Any, Any]:
    """The columns of a unitary matrix that belong to a factor, and their cotangent.

    The others span the rest of the space, so what is known of their motion is that they stay
    orthogonal: their cotangent is one of the first columns.
    """
    if q.shape[-1] == count:
        return q, g
    last = len(q.shape) - 1
    own, rest = slice_axis(q, last, 0, count), slice_axis(q, last, count, None)
    turned = matmul(adjoint(slice_axis(g, last, count, None)), own)
    return own, slice_axis(g, last, 0, count) - matmul(rest, turned)


def _svd_back(out: Any, g: Any, x: Any) -> Any:
    (u, s, vh), (gu, gs, gvh) = out, g
    row, column = movement.expand_dims(s, axis=(-2,)), movement.expand_dims(s, axis=(-1,))
    gaps = differences(s * s)
    left, right = matmul(adjoint(u), gu), matmul(vh, adjoint(gvh))
    inner = (left - adjoint(left)) * gaps * row + column * ((right - adjoint(right)) * gaps)
    line = OPS["cast"](gs, dtype=x.dtype)
    if info(x.dtype).complex:
        turn = OPS["imag"](matrix_diagonal(left)) / OPS["where"](OPS["equal"](s, 0), 1, s)
        line = line + OPS["complex"](OPS["zeros_like"](turn), turn)
    found = matmul(matmul(u, inner + like_diagonal(line)), vh)
    safe = OPS["where"](OPS["equal"](row, 0), math.inf, row)
    if x.shape[-2] > x.shape[-1]:
        found = found + matmul((gu - matmul(u, left)) / safe, vh)
    if x.shape[-1] > x.shape[-2]:
        rest = gvh - matmul(adjoint(right), vh)
        found = found + matmul(u, rest / movement.swapaxes(safe, -1, -2))
    return found


@composite(Sample(MATRIX), Sample(TALL), Sample(WIDE, full_matrices=False))
def svd(x: Any, full_matrices: bool = True) -> SVD:
    """``x = U @ diag(S) @ Vh`` with unitary ``U`` and ``Vh`` and falling ``S``, of ``[..., m, n]``.

    Without ``full_matrices`` ``U`` has ``min(m, n)`` columns and ``Vh`` as many rows. Raises
    MatrixError if the iteration does not converge.

    >>> import twofold as tf
    >>> tf.linalg.svd([[0.0, 2.0], [1.0, 0.0]]).S.numpy()
    array([2., 1.], dtype=float32)
    """
    return SVD(*svd_triple(x, full_matrices=full_matrices))


@op("opaque", _svd_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(MATRIX), Sample(TALL)])  # fmt: skip
def svdvals(x: Any) -> Any:
    """Singular values, falling, of matrices.

    >>> import twofold as tf
    >>> tf.linalg.svdvals([[0.0, 2.0], [1.0, 0.0]]).numpy()
    array([2., 1.], dtype=float32)
    """
    return lapack("svdvals", np.linalg.svd, x, compute_uv=False)


@svdvals.gradient
def svdvals_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        u, _, vh = svd_triple(x, full_matrices=False)
        return matmul(u * movement.expand_dims(g, axis=(-2,)), vh)

    return (back,)
