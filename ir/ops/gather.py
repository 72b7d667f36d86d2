"""Reading and writing at computed positions: gather, scatter and what is made of them.

An index counts from the end if it is negative, as in NumPy; one outside its axis raises
IndexOutOfBoundsError in both modes and is never clamped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dims import DimLike
from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, op
from ..shapes import Sizes, show_shape
from ..summation import running_dtype
from ..types import TensorType
from ..vjp import Into
from .slicing import out_of_bounds

Array = np.ndarray[Any, Any]
BLOCK = 16384  # updates that are added at a time
INDICES = np.array([[2, 0], [-1, 2]], np.int32)


def checked(indices: Array, axis: int, size: int) -> Array:
    """Indices as non-negative int64. Raises IndexOutOfBoundsError with the first bad one."""
    if indices.dtype != np.int64:
        indices = indices.astype(np.int64)
    if not indices.size:
        return indices
    low, high = indices.min(), indices.max()
    if high >= size or low < -size:
        wrong = indices[(indices >= size) | (indices < -size)]
        raise out_of_bounds(int(wrong.flat[0]), axis, size)
    return np.where(indices < 0, indices + size, indices) if low < 0 else indices


def _gather_shape(
    op: Any, x: TensorType, indices: TensorType, attrs: Attrs, sizes: Sizes
) -> tuple[Attrs, tuple[DimLike, ...]]:
    batch = int(attrs["batch_dims"])
    batch += indices.rank if batch < 0 else 0
    axis = axis_of(attrs["axis"], x.rank, op.name)
    if not 0 <= batch <= min(indices.rank, axis):
        raise ArgumentError(
            f"{op.name}: batch_dims {attrs['batch_dims']} must be at most the axis ({axis}) and "
            f"the rank of the indices ({indices.rank})"
        )
    if not all(map(sizes.require_same, x.shape[:batch], indices.shape[:batch])):
        raise ShapeError(
            f"{op.name}: the first {batch} sizes of {show_shape(x.shape)} and of the indices' "
            f"{show_shape(indices.shape)} must be equal"
        )
    shape = (*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :])
    return {"axis": axis, "batch_dims": batch}, shape


def _gather_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, indices = types
    attrs, shape = _gather_shape(op, x, indices, attrs, sizes)
    return attrs, (x.with_shape(shape),)


GATHERS = [
    (("f[3,4]", INDICES), {}),
    (("f[2,3]", INDICES), {"axis": 1}),
    (("f[2,3]", INDICES), {"axis": 1, "batch_dims": 1}),
    (("f[2,4,3]", INDICES), {"axis": 2, "batch_dims": 1}),
    (("f[3,2]", np.int32(1)), {}),
]


@op("index", _gather_rule, promote="none", promoted=slice(1, 2), accepts="iu", may_raise=True,
    samples=[Sample(*inputs, **attrs) for inputs, attrs in GATHERS])  # fmt: skip
def gather(x: Any, indices: Any, *, axis: int = 0, batch_dims: int = 0) -> Any:
    """Slices of ``x`` along ``axis``, in the order of ``indices``; any index shape.

    The result has the shape of ``x`` with ``axis`` replaced by the axes of ``indices``. The first
    ``batch_dims`` axes of both are matched one to one. Raises IndexOutOfBoundsError.

    >>> import twofold as tf
    >>> tf.gather(tf.constant([10, 20, 30]), [2, 0]).numpy()
    array([30, 10], dtype=int32)
    """
    at = checked(indices, axis, x.shape[axis])
    if not batch_dims:
        return np.take(x, at, axis=axis)
    if batch_dims == axis == x.ndim - 1:  # elements of rows: their places in the flat array
        rows, each = math.prod(at.shape[:axis]), math.prod(at.shape[axis:])
        starts = np.arange(rows)[:, None] * x.shape[axis]
        return x.reshape(-1).take(at.reshape(rows, each) + starts).reshape(at.shape)
    front = np.moveaxis(x, axis, batch_dims)
    found = front[_batch_key(at, batch_dims)]
    count = at.ndim - batch_dims
    return np.moveaxis(found, tuple(range(batch_dims, at.ndim)), tuple(range(axis, axis + count)))


def _batch_key(at: Array, batch_dims: int) -> tuple[Array, ...]:
    """A key for an array whose axes are the batch axes and then the one that is indexed."""
    grids = np.ix_(*map(np.arange, at.shape[:batch_dims])) if batch_dims else ()
    rest = (1,) * (at.ndim - batch_dims)
    return (*[g.reshape(g.shape + rest) for g in grids], at)


@gather.gradient
def gather_vjp(g: Any, out: Any, x: Any, indices: Any, *, axis: int, batch_dims: int) -> Any:
    def into(sum: Any | None) -> Any:
        total = OPS["zeros_like"](x) if sum is None else sum
        return scatter_add(total, indices, g, axis=axis, batch_dims=batch_dims)

    if not len(indices.shape):  # in a loop over rows the sums would take the time of all of them
        return Into(into), None
    return lambda: into(None), None


def _scatter_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, indices, updates = types
    if not info(indices.dtype).integer:
        raise ArgumentError(f"{op.name}: indices must be integers, not {indices.dtype}")
    attrs, shape = _gather_shape(op, x, indices, attrs, sizes)
    _check_updates(updates, shape, sizes)
    return attrs, (x,)


def _check_updates(updates: TensorType, shape: Sequence[DimLike], sizes: Sizes) -> None:
    if updates.rank != len(shape) or not all(map(sizes.require_same, updates.shape, shape)):
        raise _wrong_updates(updates.shape, shape)


def _wrong_updates(shape: Sequence[DimLike], needed: Sequence[DimLike]) -> ShapeError:
    return ShapeError(
        f"updates have shape {show_shape(shape)} where the indices need {show_shape(needed)}"
    )


SCATTERS = [
    (("f[3,4]", INDICES, "f[2,2,4]"), {}),
    (("f[2,3]", INDICES, "f[2,2,2]"), {"axis": 1}),
    (("f[2,3]", INDICES, "f[2,2]"), {"axis": 1, "batch_dims": 1}),
    (("f[2,4,3]", INDICES, "f[2,4,2]"), {"axis": 2, "batch_dims": 1}),
    (("f[3,2]", np.int32(1), "f[2]"), {}),
]


@op("index", _scatter_rule, promoted=slice(0, 3, 2), accepts="biufc", may_raise=True,
    widens=True, routine=True,
    samples=[Sample(*inputs, **attrs) for inputs, attrs in SCATTERS])  # fmt: skip
def scatter_add(x: Any, indices: Any, updates: Any, *, axis: int = 0, batch_dims: int = 0) -> Any:
    """``x`` with ``updates`` added where ``gather`` with the same arguments would read.

    Repeated indices add up, in double precision. Raises IndexOutOfBoundsError.
    """
    at = checked(indices, axis, x.shape[axis])
    numbers = np.arange(x.size).reshape(x.shape)
    return _added(x, gather.body(numbers, at, axis=axis, batch_dims=batch_dims), updates)


def _added(x: Array, places: Array, updates: Array) -> Array:
    """``x`` with updates added at places in row-major order, each sum rounded once."""
    wide = running_dtype(x.dtype)
    out = np.array(x, wide, order="C")
    flat, places, updates = out.reshape(-1), places.reshape(-1), updates.reshape(-1)
    for i in range(0, len(places), BLOCK):  # the wide copy of a block stays in cache
        block = slice(i, i + BLOCK)
        np.add.at(flat, places[block], updates[block].astype(wide, copy=False))
    return out.astype(x.dtype, copy=False)


@scatter_add.gradient
def scatter_add_vjp(
    g: Any, out: Any, x: Any, at: Any, updates: Any, *, axis: int, batch_dims: int
) -> Any:
    return g, None, lambda: gather(g, at, axis=axis, batch_dims=batch_dims)


def _wrong_depth(shape: Sequence[DimLike], rank: int) -> ShapeError:
    return ShapeError(
        f"the last axis of the indices {show_shape(shape)} holds one index for each axis of the "
        f"tensor; its size must be known and between 1 and {rank}"
    )


def _nd_shape(x: TensorType, indices: TensorType) -> tuple[DimLike, ...]:
    depth = indices.shape[-1] if indices.rank else None
    if not isinstance(depth, int) or not 1 <= depth <= x.rank:
        raise _wrong_depth(indices.shape, x.rank)
    return (*indices.shape[:-1], *x.shape[depth:])


def _gather_nd_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, indices = types
    return attrs, (x.with_shape(_nd_shape(x, _decided(indices, sizes))),)


def _decided(indices: TensorType, sizes: Sizes) -> TensorType:
    """The index type with its last size decided, if the sizes can tell it."""
    if not indices.rank or isinstance(indices.shape[-1], int):
        return indices
    for depth in range(1, 33):
        if sizes.require_same(indices.shape[-1], depth):
            return indices.with_shape((*indices.shape[:-1], depth))
    return indices


POINTS = np.array([[[0, 1], [2, 3]], [[-1, 0], [2, 3]]], np.int32)


@op("index", _gather_nd_rule, promote="none", promoted=slice(1, 2), accepts="iu", may_raise=True,
    samples=[Sample("f[3,4]", POINTS), Sample("f[3,4,2]", POINTS),
             Sample("f[3,4]", INDICES[:, :1])])  # fmt: skip
def gather_nd(x: Any, indices: Any) -> Any:
    """Elements or slices of ``x`` at the points ``indices[..., :]``.

    The last axis of ``indices`` holds the position along the first axes of ``x``; the result has
    the shape ``indices.shape[:-1] + x.shape[depth:]``. Raises IndexOutOfBoundsError.
    """
    return x[nd_key(x, indices)]


def nd_key(x: Array, indices: Array) -> tuple[Array, ...]:
    depth = indices.shape[-1] if indices.ndim else 0
    if not 1 <= depth <= x.ndim:
        raise _wrong_depth(indices.shape, x.ndim)
    return tuple([checked(indices[..., i], i, x.shape[i]) for i in range(depth)])


@gather_nd.gradient
def gather_nd_vjp(g: Any, out: Any, x: Any, indices: Any) -> Any:
    return lambda: tensor_scatter_nd_add(OPS["zeros_like"](x), indices, g), None


def scatter_nd_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, indices, updates = types
    if not info(indices.dtype).integer:
        raise ArgumentError(f"{op.name}: indices must be integers, not {indices.dtype}")
    _check_updates(updates, _nd_shape(x, _decided(indices, sizes)), sizes)
    return attrs, (x,)


@op("index", scatter_nd_rule, promoted=slice(0, 3, 2), accepts="biufc", may_raise=True,
    widens=True, routine=True,
    samples=[Sample("f[3,4]", POINTS, "f[2,2]"), Sample("f[3,4,2]", POINTS, "f[2,2,2]"),
             Sample("f[3,4]", INDICES[:, :1], "f[2,4]")])  # fmt: skip
def tensor_scatter_nd_add(x: Any, indices: Any, updates: Any) -> Any:
    """``x`` with ``updates`` added at the points where ``gather_nd`` reads; repeats add up.

    They do so in double precision. Raises IndexOutOfBoundsError.
    """
    numbers = np.arange(x.size).reshape(x.shape)
    places = numbers[nd_key(x, indices)]
    if updates.shape != places.shape:
        raise _wrong_updates(updates.shape, places.shape)
    return _added(x, places, updates)


@tensor_scatter_nd_add.gradient
def tensor_scatter_nd_add_vjp(g: Any, out: Any, x: Any, indices: Any, updates: Any) -> Any:
    return g, None, lambda: gather_nd(g, indices)


@op("index", scatter_nd_rule, promoted=slice(0, 3, 2), may_raise=True,
    samples=[Sample("f[3,4]", POINTS, "f[2,2]"), Sample("f[3,4]", POINTS[:, :, :1], "f[2,2,4]"),
             Sample("f[3,4]", INDICES[:, :1], "f[2,4]")])  # fmt: skip
def tensor_scatter_nd_update(x: Any, indices: Any, updates: Any) -> Any:
    """``x`` with ``updates`` written to the points where ``gather_nd`` reads.

    Of updates to one place the last in row-major order stays, and it alone has a gradient.
    Raises IndexOutOfBoundsError.
    """
    out = np.array(x, order="C")
    key = nd_key(x, indices)
    needed = indices.shape[:-1] + x.shape[len(key) :]
    if updates.shape != needed:
        raise _wrong_updates(updates.shape, needed)
    out[key] = updates
    return out


@tensor_scatter_nd_update.gradient
def tensor_scatter_nd_update_vjp(g: Any, out: Any, x: Any, indices: Any, updates: Any) -> Any:
    def kept() -> Any:
        return tensor_scatter_nd_update(g, indices, OPS["zeros_like"](updates))

    def taken() -> Any:
        return OPS["where"](last_writer(x, indices, updates), gather_nd(g, indices), 0)

    return kept, None, taken


def last_writer(x: Any, indices: Any, updates: Any) -> Any:
    """For each update whether no later one overwrites it."""
    zeros = OPS["cast"](OPS["zeros_like"](updates), dtype=np.dtype("int64"))
    order = OPS["cumsum"](OPS["reshape"](OPS["ones_like"](zeros), shape=(-1,)), axis=0)
    order = OPS["reshape"](order, shape=updates.shape)
    board = OPS["cast"](OPS["zeros_like"](x), dtype=np.dtype("int64"))
    board = tensor_scatter_nd_update(board, indices, order)
    return OPS["equal"](gather_nd(board, indices), order)
