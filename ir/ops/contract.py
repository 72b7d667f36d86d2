"""Sums of products of two tensors: matrix multiplication and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, broadcast_shapes, show_shape
from . import movement
from .elementwise import conj
from .operand import as_tensors, product
from .reduce import sum
from .slicing import slice_axis

_multiply: list[Callable[[Any, Any], Any]] = [np.matmul]


def install(multiply: Callable[[Any, Any], Any]) -> None:
    """Let ``matmul`` multiply arrays by this function of the runtime instead of NumPy's."""
    _multiply[0] = multiply


def multiplied(a: Any, b: Any) -> Any:
    """The product of two arrays, as ``matmul`` makes it."""
    return _multiply[0](a, b)


def _matmul_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    a, b = types
    if not a.rank or not b.rank:
        raise ShapeError(
            f"matmul needs at least one axis, the shapes are {show_shape(a.shape)} and "
            f"{show_shape(b.shape)}; use multiply for scalars"
        )
    ta = bool(attrs["transpose_a"]) and a.rank > 1
    tb = bool(attrs["transpose_b"]) and b.rank > 1
    rows, inner_a = (a.shape[-1], a.shape[-2]) if ta else (a.shape[-2:][0], a.shape[-1])
    inner_b, cols = (b.shape[-1], b.shape[-2]) if tb else (b.shape[-2:][0], b.shape[-1])
    if not sizes.require_same(inner_a, inner_b):
        raise ShapeError(
            f"matmul of shapes {show_shape(a.shape)}{' transposed' if ta else ''} and "
            f"{show_shape(b.shape)}{' transposed' if tb else ''}: the inner sizes {inner_a} and "
            f"{inner_b} must be equal"
        )
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-2]], sizes, "matmul's batch axes")
    shape = (*batch, *((rows,) if a.rank > 1 else ()), *((cols,) if b.rank > 1 else ()))
    return {"transpose_a": ta, "transpose_b": tb}, (a.with_shape(shape),)


@op("contract", _matmul_rule,
    samples=[
        Sample("f[2,3]", "f[3,4]"), Sample("f[3]", "f[3]"), Sample("f[2,3]", "f[3]"),
        Sample("f[3]", "f[3,2]"), Sample("f[5,2,3]", "f[3,4]"), Sample("f[3]", "f[5,3,2]"),
        Sample("f[5,1,2,3]", "f[4,3,2]"), Sample("f[5,2,3]", "f[3]"), Sample("f[2,0]", "f[0,3]"),
        Sample("f[3,2]", "f[3,4]", transpose_a=True), Sample("f[2,3]", "f[4,3]", transpose_b=True),
        Sample("f[5,3,2]", "f[4,3]", transpose_a=True, transpose_b=True),
    ])  # fmt: skip
def matmul(a: Any, b: Any, *, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """Matrix product over the last two axes; the axes before them broadcast.

    A 1-d operand is a row on the left and a column on the right, and its axis does not appear in
    the result. ``transpose_a`` and ``transpose_b`` swap the last two axes first (without
    conjugation; 1-d operands are left as they are). Integers wrap. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.matmul(tf.ones((2, 3)), tf.ones((3, 4))).shape
    (2, 4)
    """
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    b = np.swapaxes(b, -1, -2) if transpose_b else b
    return multiplied(a, b)


@matmul.gradient
def matmul_vjp(g: Any, out: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    row, column = len(a.shape) == 1, len(b.shape) == 1
    # 1-d operands as the matrices that they stand for
    a2 = movement.expand_dims(a, axis=(0,)) if row else a
    b2 = movement.expand_dims(b, axis=(1,)) if column else b
    rank = len(g.shape) + row + column
    missing = ((rank - 2,) if row else ()) + ((rank - 1,) if column else ())
    g2 = movement.expand_dims(g, axis=missing) if missing else g

    def for_a() -> Any:
        other = conj(b2)
        if transpose_a:
            return matmul(other, g2, transpose_a=transpose_b, transpose_b=True)
        out = matmul(g2, other, transpose_a=False, transpose_b=not transpose_b)
        return movement.squeeze(out, axis=(rank - 2,)) if row else out

    def for_b() -> Any:
        other = conj(a2)
        if transpose_b:
            return matmul(g2, other, transpose_a=True, transpose_b=transpose_a)
        out = matmul(other, g2, transpose_a=not transpose_a, transpose_b=False)
        return movement.squeeze(out, axis=(rank - 1,)) if column else out

    return for_a, for_b


@composite(Sample("f[2,3]", "f[3]"), Sample("f[5,3,2]", "f[5,3]", transpose_a=True))
def matvec(a: Any, b: Any, transpose_a: bool = False) -> Any:
    """Matrix times vector: the last axis of ``b`` holds the vector, axes before it broadcast."""
    a, b = as_tensors(a, b)
    b = movement.expand_dims(b, axis=(-1,))
    return movement.squeeze(matmul(a, b, transpose_a=transpose_a), axis=(-1,))


@composite(Sample("f[2,3]", "f[2,3]"), Sample("f[3,2]", "f[3,1]", axis=0))
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Sum of ``conj(x1) * x2`` over one axis; the other axes broadcast."""
    x1, x2 = as_tensors(x1, x2)
    rank = max(len(x1.shape), len(x2.shape))
    spot = axis_of(axis, rank, "vecdot") - rank
    if min(len(x1.shape), len(x2.shape)) < -spot or x1.shape[spot] != x2.shape[spot]:
        raise ShapeError(
            f"vecdot: axis {axis} of shapes {show_shape(x1.shape)} and {show_shape(x2.shape)} "
            f"must have one size"
        )
    return sum(conj(x1) * x2, axis=spot)


@composite(Sample("f[3]", "f[4]"))
def outer(x1: Any, x2: Any) -> Any:
    """All products of the elements of two tensors, flattened first: shape ``[m, n]``."""
    x1, x2 = as_tensors(x1, x2)
    return movement.reshape(x1, shape=(product(x1.shape), 1)) * movement.reshape(
        x2, shape=(1, product(x2.shape))
    )


@composite(Sample("f[2,3]", "f[3,4]"), Sample("f[2,3,4]", "f[5,4,2]"), Sample("f[]", "f[3]"))
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: the last axis of ``a`` with the last but one of ``b``; scalars multiply."""
    a, b = as_tensors(a, b)
    if not a.shape or not b.shape:
        return a * b
    if len(a.shape) <= 2 and len(b.shape) <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=((-1,), (-1 if len(b.shape) == 1 else -2,)))


@composite(Sample("f[2,3,4]", "f[3,4,5]"), Sample("f[2,3]", "f[4]", axes=0),
           Sample("f[2,3,4]", "f[4,5,2]", axes=((0, 2), (2, 0))))  # fmt: skip
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes: the last ``axes`` of one with the first of the other.

    ``axes`` may be two sequences that name the pairs. The result has the other axes of ``x1``,
    then those of ``x2``. Raises ShapeError if the sizes of a pair differ.
    """
    x1, x2 = as_tensors(x1, x2)
    left, right = _pair_axes(axes, len(x1.shape), len(x2.shape))
    for i, j in zip(left, right, strict=True):
        if x1.shape[i] != x2.shape[j]:
            raise ShapeError(
                f"tensordot: axis {i} of {show_shape(x1.shape)} and axis {j} of "
                f"{show_shape(x2.shape)} must have one size"
            )
    rows = [i for i in range(len(x1.shape)) if i not in left]
    cols = [j for j in range(len(x2.shape)) if j not in right]
    inner = product(x1.shape[i] for i in left)
    a = movement.transpose(x1, perm=(*rows, *left))
    a = movement.reshape(a, shape=(product(x1.shape[i] for i in rows), inner))
    b = movement.transpose(x2, perm=(*right, *cols))
    b = movement.reshape(b, shape=(inner, product(x2.shape[j] for j in cols)))
    shape = (*[x1.shape[i] for i in rows], *[x2.shape[j] for j in cols])
    return movement.reshape(matmul(a, b), shape=shape)


def _pair_axes(axes: Any, rank1: int, rank2: int) -> tuple[list[int], list[int]]:
    if not hasattr(axes, "__iter__"):
        count = int(axes)
        if not 0 <= count <= min(rank1, rank2):
            raise ArgumentError(f"tensordot: axes {count} for tensors of {rank1} and {rank2} axes")
        return list(range(rank1 - count, rank1)), list(range(count))
    first, second = axes
    first = first if hasattr(first, "__iter__") else (first,)
    second = second if hasattr(second, "__iter__") else (second,)
    left = [axis_of(a, rank1, "tensordot") for a in first]
    right = [axis_of(a, rank2, "tensordot") for a in second]
    if len(left) != len(right) or len({*left}) < len(left) or len({*right}) < len(right):
        raise ArgumentError(f"tensordot: axes {axes} do not pair different axes one to one")
    return left, right


@composite(Sample("f[2,3]", "f[2,3]"), Sample("f[3,2]", "f[3,2]", axis=0),
           Sample("f[3]", "f[2,3]"))  # fmt: skip
def cross(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Cross product of vectors of three elements along ``axis``; the others broadcast.

    ``axis`` counts in the tensor with more axes. Raises ShapeError.
    """
    x1, x2 = as_tensors(x1, x2)
    ranks = [len(x1.shape), len(x2.shape)]
    rank = ranks[0] if ranks[0] > ranks[1] else ranks[1]
    back = axis_of(axis, rank, "cross") - rank
    spots = [r + back for r in ranks]
    if spots[0] < 0 or spots[1] < 0 or x1.shape[back] != 3 or x2.shape[back] != 3:
        raise ShapeError(
            f"cross: axis {axis} of shapes {show_shape(x1.shape)} and {show_shape(x2.shape)} must "
            f"have size 3"
        )
    a = [slice_axis(x1, spots[0], i, i + 1) for i in range(3)]
    b = [slice_axis(x2, spots[1], i, i + 1) for i in range(3)]
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return OPS["concat"](parts, axis=back)
