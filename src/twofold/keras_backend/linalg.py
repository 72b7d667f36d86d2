"""``keras.ops.linalg``: LAPACK by NumPy; twofold's own functions where there are some."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf
from twofold.runtime.interop import on_arrays

from .core import convert_to_tensor
from .reductions import _by_numpy

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor",
    "matrix_rank", "norm", "pinv", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _own(name: str, *args: Any, **kwargs: Any) -> Any:
    """twofold's function of this name, or NumPy's where twofold has none yet."""
    given = [convert_to_tensor(a) for a in args]
    ours = getattr(tf.linalg, name, None)
    if ours is not None and not kwargs:
        return ours(*given)
    return _by_numpy(getattr(np.linalg, name), *given, **kwargs)


def cholesky(a: Any, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix."""
    lower = _own("cholesky", a)
    return tf.swapaxes(lower, -1, -2) if upper else lower


def cholesky_inverse(a: Any, upper: bool = False) -> Any:
    """The inverse of a matrix by its triangular factor."""
    a = convert_to_tensor(a)
    own = inv(a)
    turned = tf.swapaxes(own, -1, -2)
    return tf.matmul(own, turned) if upper else tf.matmul(turned, own)


def det(a: Any) -> Any:
    """The determinant."""
    return _own("det", a)


def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors."""
    return tuple(_own("eig", a))


def eigh(a: Any) -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return tuple(_own("eigh", a))


def inv(a: Any) -> Any:
    """The inverse."""
    return _own("inv", a)


def lu_factor(a: Any) -> Any:
    """Triangular factors in one matrix, and the exchanges of rows. Needs SciPy."""
    linalg = importlib.import_module("scipy.linalg")
    a = np.asarray(convert_to_tensor(a))
    if a.ndim == 2:
        return tuple(map(convert_to_tensor, linalg.lu_factor(a)))
    made = [linalg.lu_factor(m) for m in a.reshape(-1, *a.shape[-2:])]
    return tuple(
        convert_to_tensor(np.stack(part).reshape(*a.shape[:-2], *part[0].shape))
        for part in zip(*made, strict=True)
    )


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors or matrices."""
    x = convert_to_tensor(x)
    name = standardize_dtype(x.dtype)
    if "int" in name or name == "bool":
        x = tf.cast(x, result_type(name, "float32"))
    axis = tuple(axis) if isinstance(axis, list) else axis
    over = tuple(range(len(x.shape))) if axis is None else axis
    if ord is None or (ord == 2 and (isinstance(over, int) or len(over) == 1)):
        return tf.sqrt(tf.sum(tf.square(tf.abs(x)), axis=over, keepdims=keepdims))
    if isinstance(ord, str) and (isinstance(over, int) or len(over) == 1):
        raise ValueError(f"Invalid `ord` argument for vector norm. Received: ord={ord}")
    return on_arrays(np.linalg.norm, (x, ord, axis, keepdims), {})


def qr(x: Any, mode: str = "reduced") -> Any:
    """An orthogonal and a triangular factor."""
    if mode not in {"reduced", "complete"}:
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return tuple(_own("qr", x, **({} if mode == "reduced" else {"mode": mode})))


def solve(a: Any, b: Any) -> Any:
    """The solution of linear equations."""
    a, b = convert_to_tensor(a), convert_to_tensor(b)
    if len(b.shape) == len(a.shape) - 1:
        return _own("solve", a, tf.expand_dims(b, axis=-1))[..., 0]
    return _own("solve", a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The solution of equations with a triangular matrix; the other triangle is not read."""
    a = convert_to_tensor(a)
    return solve(tf.tril(a) if lower else tf.triu(a), b)


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values, with the singular vectors if asked."""
    found = _by_numpy(np.linalg.svd, x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The solution with the least squared error."""
    a, b = np.asarray(convert_to_tensor(a)), np.asarray(convert_to_tensor(b))
    return convert_to_tensor(np.linalg.lstsq(a, b, rcond=rcond)[0])


def matrix_rank(x: Any, tol: Any = None) -> Any:
    """The number of singular values that are not nearly zero."""
    x = convert_to_tensor(x)
    if len(x.shape) < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received input with shape {x.shape}.")
    return _by_numpy(np.linalg.matrix_rank, x, tol=tol, dtype="int32")


def pinv(x: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse."""
    return _by_numpy(np.linalg.pinv, x, **({} if rcond is None else {"rcond": rcond}))


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """The values of ``fun`` and their derivatives along tangents; with ``has_aux``, and its second
    value, which has none.

    Reverse mode twice: a gradient is linear in the gradients of the values, and its derivative by
    these along a tangent is what goes forward (Townsend, 2017).
    """
    given, along = tree.map_structure(convert_to_tensor, (tuple(primals), tuple(tangents)))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(tree.flatten(given))
            made = fun(*given)
            out, *aux = made if has_aux else (made,)
        flat = tree.flatten(out)
        weights = [tf.zeros_like(value) for value in flat]
        outer.watch(weights)
        back = inner.gradient(flat, tree.flatten(given), output_gradients=weights)
    pairs = [(g, t) for g, t in zip(back, tree.flatten(along), strict=True) if g is not None]
    forward: list[Any] = [None] * len(flat)
    if pairs:
        targets, seeds = zip(*pairs, strict=True)
        forward = outer.gradient(list(targets), weights, output_gradients=list(seeds))
    moved = [w if d is None else d for w, d in zip(weights, forward, strict=True)]
    return (out, tree.pack_sequence_as(out, moved), *aux)
