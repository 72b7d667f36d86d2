"""Linear equations, inverses and determinants by NumPy's LAPACK, with gradients of every order.

Every op works on stacks of matrices: the last two axes are rows and columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, op
from ..shapes import Sizes, broadcast_shapes, show_shape
from . import movement
from .contract import matmul
from .elementwise import chain, conj
from .matrix import HERMITIAN, MATRIX, TALL, WIDE, adjoint, inner_sizes, lapack, square
from .reduce import sum
from .triangles import band

__all__ = ["cofactors", "det", "inv", "pinv", "slogdet_pair", "solve", "triangular_solve"]

STACK = np.stack([MATRIX, MATRIX.T + 0.1])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 2.0]])


def _solve_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    a, b = types
    size = square(a, sizes, op.name)
    lead = 1 if b.rank == 1 else 2
    if not b.rank or not sizes.require_same(b.shape[-lead], size):
        raise ShapeError(
            f"{op.name}: {size} equations need right sides of shape [{size}] or [..., {size}, k], "
            f"not {show_shape(b.shape)}"
        )
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-lead]], sizes, f"{op.name}'s batch axes")
    if op.name == "triangular_solve":
        attrs = {name: bool(value) for name, value in attrs.items()}
    return attrs, (b.with_shape((*batch, *b.shape[b.rank - lead :])),)


def _solved(what: str, a: Any, b: Any) -> Any:
    """NumPy's ``solve``, with a vector only if ``b`` has one axis, in every version of NumPy."""
    if b.ndim == 1:
        return lapack(what, np.linalg.solve, a, b[:, None])[..., 0]
    return lapack(what, np.linalg.solve, a, b)


SOLVES = [Sample(MATRIX, "f[3,2]"), Sample(MATRIX, "f[3]"), Sample(STACK, "f[3,2]"),
          Sample(MATRIX, "f[2,3,1]"), Sample(STACK, "f[3]")]  # fmt: skip


@op("opaque", _solve_rule, promote="floating", accepts="fc", may_raise=True, samples=SOLVES)
def solve(a: Any, b: Any) -> Any:
    """``x`` with ``a @ x = b``, of ``a`` ``[..., n, n]`` and ``b`` ``[n]`` or ``[..., n, k]``.

    The axes before the matrices broadcast. Raises MatrixError if ``a`` is singular, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]).numpy()
    array([0.5 , 0.25], dtype=float32)
    """
    return _solved("solve", a, b)


@solve.gradient
def solve_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    vector = len(b.shape) == 1
    back = solve(adjoint(a), _columns(g, vector))
    return (
        lambda: -matmul(back, adjoint(_columns(out, vector))),
        lambda: movement.squeeze(back, axis=(-1,)) if vector else back,
    )


def _columns(x: Any, vector: bool) -> Any:
    """Vectors as matrices of one column."""
    return movement.expand_dims(x, axis=(-1,)) if vector else x


@op("opaque", _solve_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(MATRIX, "f[3,2]"), Sample(MATRIX, "f[3,2]", lower=False),
             Sample(MATRIX, "f[2,3,2]", adjoint=True), Sample(MATRIX, "f[3]", lower=False)],
)  # fmt: skip
def triangular_solve(a: Any, b: Any, *, lower: bool = True, adjoint: bool = False) -> Any:
    """``x`` with ``a @ x = b``, where only the lower (or upper) triangle of ``a`` is read.

    ``adjoint`` solves with the conjugate transpose of that triangle. Raises MatrixError if an
    element of the diagonal is 0, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.triangular_solve([[2.0, 7.0], [1.0, 1.0]], [2.0, 3.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    kept = np.tril(a) if lower else np.triu(a)
    kept = np.conj(np.swapaxes(kept, -1, -2)) if adjoint else kept
    return _solved("triangular_solve", kept, b)


@triangular_solve.gradient
def triangular_solve_vjp(g: Any, out: Any, a: Any, b: Any, *, lower: bool, adjoint: bool) -> Any:
    vector = len(b.shape) == 1
    back = triangular_solve(a, _columns(g, vector), lower=lower, adjoint=not adjoint)
    turned = conj(movement.swapaxes(_columns(out, vector), -1, -2))

    def for_a() -> Any:
        whole = -matmul(back, turned)
        whole = conj(movement.swapaxes(whole, -1, -2)) if adjoint else whole
        return band(whole, 0, lower=lower)

    return for_a, lambda: movement.squeeze(back, axis=(-1,)) if vector else back


def _inv_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    square(types[0], sizes, op.name)
    return attrs, (types[0],)


@op("opaque", _inv_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(MATRIX), Sample(STACK)])  # fmt: skip
def inv(x: Any) -> Any:
    """Inverses of square matrices ``[..., n, n]``. Raises MatrixError if one is singular.

    >>> import twofold as tf
    >>> tf.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return lapack("inv", np.linalg.inv, x)


@inv.gradient
def inv_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: -matmul(matmul(adjoint(out), g), adjoint(out)),)


# ---- Determinants


def _det_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    square(x, sizes, op.name)
    out = x.with_shape(x.shape[:-2])
    return attrs, (out,) if op.name == "det" else (out, out.with_dtype(info(x.dtype).part_dtype))


@op("opaque", _det_rule, promote="floating", accepts="fc", samples=[Sample(MATRIX), Sample(STACK)])
def det(x: Any) -> Any:
    """Determinants of square matrices; of ``[..., 0, 0]`` it is 1.

    The gradient is the matrix of cofactors, which singular matrices have as well.

    >>> import twofold as tf
    >>> tf.linalg.det([[2.0, 0.0], [0.0, 4.0]]).item()
    8.0
    """
    return np.asarray(np.linalg.det(x), x.dtype)


@det.gradient
def det_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        return chain(movement.expand_dims(g, axis=(-2, -1)), cofactors(x))

    return (back,)


@op("opaque", _inv_rule, promote="floating", accepts="fc", public=False,
    samples=[Sample(MATRIX), Sample(STACK), Sample(SINGULAR)])  # fmt: skip
def cofactors(x: Any) -> Any:
    """The matrices of cofactors, ``det(x) * inv(x)^T``; singular ``x`` has them as well."""
    u, s, vh = lapack("det", np.linalg.svd, x)
    size = s.shape[-1]
    others = np.where(np.eye(size, dtype=bool), s.dtype.type(1), s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    turned = np.conj(u * others[..., None, :].astype(s.dtype)) @ np.conj(vh)
    return np.asarray(turned * np.asarray(sign)[..., None, None], x.dtype)


@cofactors.gradient
def cofactors_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        # d(det * inv^T) = tr(inv dx) out - inv^T dx^T out, for matrices that have an inverse
        turned = conj(inv(x))
        flipped = movement.swapaxes(turned, -1, -2)
        share = sum(g * conj(out), axis=(-2, -1), keepdims=True)
        inner = matmul(matmul(conj(out), movement.swapaxes(g, -1, -2)), flipped)
        return flipped * share - inner

    return (back,)


@op("opaque", _det_rule, promote="floating", accepts="fc", public=False,
    samples=[Sample(MATRIX), Sample(STACK)])  # fmt: skip
def slogdet_pair(x: Any) -> Any:
    """Sign (of modulus 1, or 0) and logarithm of the modulus of determinants."""
    sign, logabsdet = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(logabsdet)


@slogdet_pair.gradient
def slogdet_pair_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        factor = g[1]
        if info(x.dtype).complex:  # d sign = i * sign * Im(tr(inv dx))
            turn = -OPS["imag"](conj(g[0]) * out[0])
            factor = OPS["complex"](g[1], turn)
        return movement.expand_dims(factor, axis=(-2, -1)) * adjoint(inv(x))

    return (back,)


# ---- Pseudo-inverses


def _pinv_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x = types[0]
    rows, cols = inner_sizes(x, op.name)
    return attrs, (x.with_shape((*x.shape[:-2], cols, rows)),)


@op("opaque", _pinv_rule, promote="floating", accepts="fc", may_raise=True,
    samples=[Sample(MATRIX), Sample(TALL), Sample(WIDE), Sample(HERMITIAN, rtol=1e-3)])  # fmt: skip
def pinv(x: Any, *, rtol: Any = None) -> Any:
    """Moore-Penrose inverses ``[..., n, m]`` of matrices ``[..., m, n]``.

    Singular values of at most ``rtol`` (None: ``max(m, n) * eps``) times the largest count as 0.
    The gradient holds where the rank is constant (Golub and Pereyra, 1973). Raises MatrixError.

    >>> import twofold as tf
    >>> tf.linalg.pinv([[2.0], [0.0]]).numpy()
    array([[0.5, 0. ]], dtype=float32)
    """
    if rtol is None:
        rtol = max(x.shape[-2:]) * np.finfo(x.dtype).eps
    return lapack("pinv", np.linalg.pinv, x, rtol)


@pinv.gradient
def pinv_vjp(g: Any, out: Any, x: Any, *, rtol: Any) -> Any:
    def back() -> Any:
        # dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P
        turned, received = adjoint(out), adjoint(g)
        first = matmul(matmul(turned, g), turned)
        left = matmul(received - matmul(x, matmul(out, received)), matmul(out, turned))
        right = matmul(matmul(turned, out), received - matmul(matmul(received, out), x))
        return left + right - first

    return (back,)
