"""Scatter by points, parts of a tensor sent apart and together, masks and orders of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import bind
from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import as_dtype, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import show_shape
from . import movement
from .casting import cast
from .create import arange, ones, zeros
from .elementwise import where
from .gather import (
    POINTS,
    gather,
    gather_nd,
    nd_key,
    scatter_nd_rule,
    tensor_scatter_nd_add,
    tensor_scatter_nd_update,
)  # fmt: skip
from .joining import concat
from .operand import as_sizes, as_tensor, written
from .reduce import max
from .segment import segment_count, segment_rule, spread_segments, unsorted_segment_sum
from .sorting import sort, take_along_axis

__all__ = [
    "argpartition", "dynamic_partition", "dynamic_stitch", "invert_permutation", "partition",
    "put_along_axis", "reverse_sequence", "scatter_nd", "segment_prod", "sequence_mask",
    "tensor_scatter_nd_max", "tensor_scatter_nd_min", "tensor_scatter_nd_sub",
    "unsorted_segment_prod", "unsorted_segment_sqrt_n",
]  # fmt: skip

INT32, INT64 = np.dtype("int32"), np.dtype("int64")


@composite(Sample(POINTS, "f[2,2]", (3, 4)), Sample(POINTS[:, :, :1], "f[2,2,2]", (3, 2)))
def scatter_nd(indices: Any, updates: Any, shape: Any, name: Any = None) -> Any:
    """Zeros of ``shape`` with ``updates`` added at the points ``indices[..., :]``; repeats add up.

    Raises IndexOutOfBoundsError.

    >>> import twofold as tf
    >>> tf.scatter_nd([[1], [1]], [2.0, 3.0], [3]).numpy()
    array([0., 5., 0.], dtype=float32)
    """
    updates = as_tensor(updates)
    empty = zeros(tuple(as_sizes(shape)), dtype=updates.dtype)
    return tensor_scatter_nd_add(empty, indices, updates)


@composite(Sample("f[3,4]", POINTS, "f[2,2]"))
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Any:
    """``tensor`` with ``updates`` subtracted at the points where ``gather_nd`` reads.

    >>> import twofold as tf
    >>> tf.tensor_scatter_nd_sub([5, 5], [[0], [0]], [1, 2]).numpy()
    array([2, 5], dtype=int32)
    """
    return tensor_scatter_nd_add(tensor, indices, -as_tensor(updates))


def _folded(ufunc: Any, x: Any, indices: Any, updates: Any) -> Any:
    out = x.copy()
    ufunc.at(out, nd_key(x, indices), updates)
    return out


_SCATTERS = [Sample("f[3,4]", POINTS, "f[2,2]"), Sample("f[3,4]", POINTS[:, :, :1], "f[2,2,4]")]


@op("index", scatter_nd_rule, promoted=slice(0, 3, 2), accepts="iuf", may_raise=True,
    samples=_SCATTERS)  # fmt: skip
def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any) -> Any:
    """``tensor`` with the larger of itself and ``updates`` at the points of ``gather_nd``.

    Equal largest ones share the gradient equally. Raises IndexOutOfBoundsError.

    >>> import twofold as tf
    >>> tf.tensor_scatter_nd_max([5, 5], [[0], [1]], [9, 2]).numpy()
    array([9, 5], dtype=int32)
    """
    return _folded(np.maximum, tensor, indices, updates)


@op("index", scatter_nd_rule, promoted=slice(0, 3, 2), accepts="iuf", may_raise=True,
    samples=_SCATTERS)  # fmt: skip
def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any) -> Any:
    """``tensor`` with the smaller of itself and ``updates`` at the points of ``gather_nd``.

    Equal smallest ones share the gradient equally. Raises IndexOutOfBoundsError.
    """
    return _folded(np.minimum, tensor, indices, updates)


def _share(g: Any, out: Any, x: Any, indices: Any, updates: Any) -> tuple[Any, None, Any]:
    kept = cast(OPS["equal"](x, out), dtype=x.dtype)
    came = cast(OPS["equal"](updates, gather_nd(out, indices)), dtype=x.dtype)
    each = g / OPS["maximum"](tensor_scatter_nd_add(kept, indices, came), 1)
    return kept * each, None, came * gather_nd(each, indices)


@tensor_scatter_nd_max.gradient
def tensor_scatter_nd_max_vjp(g: Any, out: Any, x: Any, indices: Any, updates: Any) -> Any:
    return _share(g, out, x, indices, updates)


@tensor_scatter_nd_min.gradient
def tensor_scatter_nd_min_vjp(g: Any, out: Any, x: Any, indices: Any, updates: Any) -> Any:
    return _share(g, out, x, indices, updates)


@composite(Sample("f[3,4]", np.array([[0], [2], [1]]), "f[3,1]", 1))
def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Any:
    """``x`` with ``values`` where ``take_along_axis`` reads; of repeats the last one stays.

    >>> import twofold as tf
    >>> tf.put_along_axis([[1, 2], [3, 4]], [[1], [0]], 9, axis=1).numpy()
    array([[1, 9],
           [9, 4]], dtype=int32)
    """
    x, at = as_tensor(x), cast(indices, dtype=INT64)
    rank = len(x.shape)
    axis = axis_of(axis, rank, "put_along_axis")
    if len(at.shape) != rank:
        raise ShapeError(
            f"put_along_axis: indices of shape {show_shape(at.shape)} for {show_shape(x.shape)}"
        )
    shape = [n if i == axis else m for i, (n, m) in enumerate(
        zip(at.shape, x.shape, strict=True))]  # fmt: skip
    at = movement.broadcast_to(at, shape=tuple(shape))
    columns = []
    for i, n in enumerate(shape):
        line = at if i == axis else movement.broadcast_to(
            movement.reshape(arange(n, dtype=INT64), shape=(-1, *[1] * (rank - i - 1))),
            shape=tuple(shape),
        )  # fmt: skip
        columns.append(movement.expand_dims(line, axis=(-1,)))
    new = movement.broadcast_to(written(values, x.dtype, "put_along_axis"), shape=tuple(shape))
    return tensor_scatter_nd_update(x, concat(columns, axis=-1), new)


@composite(Sample(np.array([1, 3]), 4), Sample(np.array([[1], [0]]), 2, np.dtype("float32")))
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = bool, name: Any = None) -> Any:
    """True for the first ``lengths[i]`` of ``maxlen`` places (None: of the largest length).

    >>> import twofold as tf
    >>> tf.sequence_mask([1, 3]).numpy()
    array([[ True, False, False],
           [ True,  True,  True]])
    """
    lengths = as_tensor(lengths)
    if maxlen is None:
        some = isinstance(lengths.shape, tuple) and 0 not in lengths.shape
        maxlen = as_sizes(cast(max(lengths), dtype=INT64)) if some else 0
    place = arange(as_sizes(maxlen), dtype=lengths.dtype)
    mask = place < movement.expand_dims(lengths, axis=(-1,))
    return cast(mask, dtype=as_dtype(dtype, "sequence_mask"))


@composite(Sample("f[2,4,3]", np.array([2, 4]), 1), Sample("f[4,2]", np.array([1, 3]), 0, 1))
def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: Any = None, batch_axis: Any = None, name: Any = None
) -> Any:
    """Row ``i`` along ``batch_axis`` (None: 0) with its first ``seq_lengths[i]`` elements along
    ``seq_axis`` from back to front; the others stay. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.reverse_sequence([[1, 2, 3]], [2], seq_axis=1).numpy()
    array([[2, 1, 3]], dtype=int32)
    """
    x, lengths = as_tensor(input), cast(seq_lengths, dtype=INT64)
    rank = len(x.shape)
    if seq_axis is None:
        raise ArgumentError("reverse_sequence: seq_axis, the axis of the sequences, is needed")
    axis = axis_of(seq_axis, rank, "reverse_sequence")
    batch = axis_of(0 if batch_axis is None else batch_axis, rank, "reverse_sequence")
    if axis == batch:
        raise ArgumentError("reverse_sequence: seq_axis and batch_axis are two different axes")
    place = movement.reshape(
        arange(x.shape[axis], dtype=INT64), shape=[-1 if i == axis else 1 for i in range(rank)]
    )
    count = movement.reshape(lengths, shape=[-1 if i == batch else 1 for i in range(rank)])
    return take_along_axis(x, where(place < count, count - 1 - place, place), axis=axis)


@composite(Sample(np.array([2, 0, 1])))
def invert_permutation(x: Any, name: Any = None) -> Any:
    """The permutation that undoes ``x``: ``y[x[i]] = i``. What is none gives no meaningful result.

    >>> import twofold as tf
    >>> tf.math.invert_permutation([2, 0, 1]).numpy()
    array([1, 2, 0], dtype=int32)
    """
    x = as_tensor(x)
    return cast(OPS["argsort"](x, axis=0), dtype=x.dtype)


@composite()
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: Any = None
) -> list[Any]:
    """``num_partitions`` tensors: part ``i`` has the rows whose number is ``i``, in their order.

    Raises ArgumentError for a number out of range.

    >>> import twofold as tf
    >>> [p.numpy().tolist() for p in tf.dynamic_partition([10, 20, 30], [1, 0, 1], 2)]
    [[20], [10, 30]]
    """
    x, parts = as_tensor(data), as_tensor(partitions)
    inside = OPS["logical_and"](parts >= 0, parts < num_partitions)
    if not bind.ground().holds(inside, "a part is out of range"):
        raise ArgumentError(f"dynamic_partition: parts are numbered from 0 to {num_partitions - 1}")
    mask = OPS["reshape"](parts, shape=(-1,))
    rows = movement.reshape(x, shape=(-1, *x.shape[len(parts.shape) :]))
    pick: Callable[..., Any] = lambda i: OPS["where_indices"](OPS["equal"](mask, i))[:, 0]  # noqa: E731
    return [gather(rows, pick(i), axis=0) for i in range(num_partitions)]


@composite(Sample([np.array([0, 2]), np.array([1])], [np.ones((2, 2)), np.zeros((1, 2))]))
def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any], name: Any = None) -> Any:
    """One tensor whose row ``indices[m][i]`` is ``data[m][i]``; of repeats the last one stays.

    >>> import twofold as tf
    >>> tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]]).numpy()
    array([10, 20, 30], dtype=int32)
    """
    places = [as_tensor(i) for i in indices]
    rows = []
    for at, held in zip(places, data, strict=True):
        held = as_tensor(held)
        rows.append(movement.reshape(held, shape=(-1, *held.shape[len(at.shape) :])))
    flat = concat([movement.reshape(at, shape=(-1,)) for at in places], axis=0)
    whole = concat(rows, axis=0)
    count = as_sizes(cast(max(flat), dtype=INT64) + 1)
    empty = zeros((count, *whole.shape[1:]), dtype=whole.dtype)
    return tensor_scatter_nd_update(empty, movement.expand_dims(flat, axis=(1,)), whole)


# ---- Partial orders and products of segments


@composite(Sample("f[5]", 2), Sample("f[3,4]", 1, 0))
def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Element ``kth`` along an axis where it would stand in order, smaller ones before it.

    All elements are in order here, which is one of the results that NumPy allows.
    """
    x = as_tensor(x)
    x, axis = (movement.reshape(x, shape=(-1,)), 0) if axis is None else (x, axis)
    _check_place(kth, x.shape[axis_of(axis, len(x.shape), "partition")], "partition")
    return sort(x, axis=axis)


@composite(Sample("f[5]", 2))
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Positions (int64) that bring elements into the order of ``partition``."""
    x = as_tensor(x)
    x, axis = (movement.reshape(x, shape=(-1,)), 0) if axis is None else (x, axis)
    _check_place(kth, x.shape[axis_of(axis, len(x.shape), "argpartition")], "argpartition")
    return OPS["argsort"](x, axis=axis)


def _check_place(kth: Any, size: Any, what: str) -> None:
    for k in np.atleast_1d(np.asarray(kth)).tolist():
        if isinstance(size, int) and not -size <= k < size:
            raise ArgumentError(f"{what}: there is no element {k} among {size}")


_IDS = np.array([2, 0, -1, 2], np.int32)
_SEGMENTS = [Sample("f[4,3]", _IDS, 3), Sample("f[4]", _IDS, 3)]


@composite(*_SEGMENTS)
def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: Any = None) -> Any:
    """The product of each segment, 1 for an empty one; ids as in ``unsorted_segment_sum``.

    It is exact with zeros and signs: rows are multiplied one after the other.

    >>> import twofold as tf
    >>> tf.math.unsorted_segment_prod([2, 3, 5], [0, 1, 0], 2).numpy()
    array([10,  3], dtype=int32)
    """
    return segment_product(data, segment_ids, num_segments=num_segments)


@op("index", segment_rule, promote="none", promoted=slice(1, 2), accepts="iu",
    may_raise=True, widens=True, public=False,
    samples=[Sample("f[4,3]", _IDS, num_segments=3)])  # fmt: skip
def segment_product(data: Any, segment_ids: Any, *, num_segments: Any) -> Any:
    """Products of segments; 1 for an empty one."""
    flat = segment_ids.reshape(-1)
    kept = flat >= 0
    rows = data.reshape(flat.shape + data.shape[segment_ids.ndim :])[kept]
    out = np.ones((num_segments, *rows.shape[1:]), data.dtype)
    np.multiply.at(out, flat[kept], rows)
    return out


@segment_product.gradient
def segment_product_vjp(g: Any, out: Any, data: Any, ids: Any, *, num_segments: Any) -> Any:
    def others() -> Any:
        # The product of the others: with one zero that of those that are not 0, with two none.
        zero = OPS["equal"](data, 0)
        count = unsorted_segment_sum(cast(zero, dtype=INT32), ids, num_segments=num_segments)
        safe = where(zero, 1, data)
        rest = segment_product(safe, ids, num_segments=num_segments)
        many = spread_segments(count, ids) - cast(zero, dtype=INT32)
        return where(many > 0, 0, spread_segments(g * rest, ids) / safe)

    return others, None


@composite(*_SEGMENTS)
def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: Any = None
) -> Any:
    """The sum of each segment over the square root of its size, 0 for an empty one."""
    data, ids = as_tensor(data), as_tensor(segment_ids)
    total = unsorted_segment_sum(data, ids, num_segments=num_segments)
    count = unsorted_segment_sum(ones(ids.shape, dtype=INT32), ids, num_segments=num_segments)
    count = movement.reshape(OPS["maximum"](count, 1), shape=(-1, *[1] * (len(total.shape) - 1)))
    kind = total.dtype if info(total.dtype).inexact else np.dtype("float32")
    return total / OPS["sqrt"](cast(count, dtype=kind))


@composite()
def segment_prod(data: Any, segment_ids: Any, name: Any = None) -> Any:
    """Products over segments of sorted ids; there are as many as the last id says."""
    ids = as_tensor(segment_ids)
    return unsorted_segment_prod(data, ids, segment_count(ids))
