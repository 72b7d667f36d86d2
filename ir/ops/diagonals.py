"""Diagonals: read from matrices, and written into zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dims import DimLike, dim_max, dim_min
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import Sample, composite, op
from ..shapes import Sizes, show_shape
from . import movement
from .operand import as_tensor, size_attr

__all__ = ["diag", "diagonal", "matrix_diagonal", "on_diagonal"]


def _length(rows: DimLike, cols: DimLike, offset: int) -> DimLike:
    return dim_max(dim_min(rows + min(offset, 0), cols - max(offset, 0)), 0)


def _diagonal_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    offset = size_attr(attrs["offset"], op.name)
    if x.rank < 2 or not isinstance(offset, int):
        raise ShapeError(f"diagonal: a matrix is needed, the shape is {show_shape(x.shape)}")
    length = _length(x.shape[-2], x.shape[-1], offset)
    return {"offset": offset}, (x.with_shape((*x.shape[:-2], length)),)


@op(
    "movement",
    _diagonal_rule,
    promote="none",
    samples=[Sample("f[3,4]"), Sample("f[2,3,4]", offset=1), Sample("f[3,2]", offset=-2),
             Sample("f[2,2]", offset=5)],
)  # fmt: skip
def matrix_diagonal(x: Any, *, offset: int = 0) -> Any:
    """Diagonal ``offset`` of the last two axes, as the last axis."""
    return np.diagonal(x, offset, -2, -1)


@matrix_diagonal.gradient
def matrix_diagonal_vjp(g: Any, out: Any, x: Any, *, offset: int) -> Any:
    rows, cols = x.shape[-2:]
    return (lambda: on_diagonal(g, rows=rows, cols=cols, offset=offset),)


def _on_diagonal_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    rows, cols, offset = (size_attr(attrs[k], op.name) for k in ("rows", "cols", "offset"))
    if not x.rank or not isinstance(offset, int):
        raise ShapeError("diag: the elements of a diagonal have at least one axis")
    if not sizes.require_same(x.shape[-1], _length(rows, cols, offset)):
        raise ShapeError(
            f"diag: {x.shape[-1]} elements are not diagonal {offset} of {rows} rows and {cols} "
            f"columns"
        )
    attrs = {"rows": rows, "cols": cols, "offset": offset}
    return attrs, (x.with_shape((*x.shape[:-1], rows, cols)),)


@op(
    "index",
    _on_diagonal_rule,
    promote="none",
    shares_memory="never",
    public=False,
    samples=[Sample("f[3]", rows=3, cols=4, offset=0), Sample("f[2,1]", rows=3, cols=2, offset=-2)],
)
def on_diagonal(x: Any, *, rows: Any, cols: Any, offset: int) -> Any:
    """Matrices of zeros with the last axis of ``x`` on diagonal ``offset``."""
    out = np.zeros((*x.shape[:-1], rows, cols), x.dtype)
    at = np.arange(x.shape[-1])
    out[..., at + max(-offset, 0), at + max(offset, 0)] = x
    return out


@on_diagonal.gradient
def on_diagonal_vjp(g: Any, out: Any, x: Any, *, rows: Any, cols: Any, offset: int) -> Any:
    return (lambda: matrix_diagonal(g, offset=offset),)


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", 1, 0, 2), Sample("f[2,3,3]", axis1=-2, axis2=-1))
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements ``x[..., i, i + offset]`` of two axes, as the last axis of the result.

    Raises ArgumentError for one axis twice, ShapeError below two axes. ``tf.linalg.diagonal``
    takes the last two axes.

    >>> import twofold as tf
    >>> tf.diagonal([[1, 2], [3, 4]]).numpy()
    array([1, 4], dtype=int32)
    """
    x = as_tensor(x)
    rank = len(x.shape)
    if rank < 2:
        raise ShapeError(f"diagonal: a matrix is needed, the shape is {show_shape(x.shape)}")
    first, second = (axis_of(a, rank, "diagonal") for a in (axis1, axis2))
    if first == second:
        raise ArgumentError(f"diagonal: axes {axis1} and {axis2} are the same axis")
    if (first, second) != (rank - 2, rank - 1):
        x = movement.moveaxis(x, (first, second), (-2, -1))
    return matrix_diagonal(x, offset=offset)


@composite(Sample("f[3]"), Sample("f[2,3]", -1), Sample("f[3,4]", 1))
def diag(x: Any, k: int = 0) -> Any:
    """Of a vector the matrix with it on diagonal ``k``, of a matrix its diagonal ``k``.

    >>> import twofold as tf
    >>> tf.diag([1, 2]).numpy()
    array([[1, 0],
           [0, 2]], dtype=int32)
    """
    x = as_tensor(x)
    if len(x.shape) != 1:
        return matrix_diagonal(x, offset=k)
    size = x.shape[0] + abs(k)
    return on_diagonal(x, rows=size, cols=size, offset=k)
