"""Sums and extremes over segments: rows that share an id are folded into one row."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from . import movement
from .casting import cast
from .create import ones
from .elementwise import where
from .gather import gather, scatter_add
from .operand import as_sizes, as_tensor, size_attr
from .slicing import out_of_bounds, slice_axis

Array = np.ndarray[Any, Any]
IDS = np.array([2, 0, -1, 2], np.int32)
SAMPLES = [
    Sample("f[4,3]", IDS, num_segments=3),
    Sample("f[2,2,3]", IDS.reshape(2, 2), num_segments=4),
    Sample("f[4]", IDS, num_segments=3),
]


def segment_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    data, ids = types
    count = size_attr(attrs["num_segments"], op.name)
    if isinstance(count, int) and count < 0:
        raise ArgumentError(f"{op.name}: num_segments is {count}; it must be at least 0")
    if ids.rank > data.rank or not all(map(sizes.require_same, ids.shape, data.shape)):
        raise ShapeError(
            f"{op.name}: the segment ids' shape {show_shape(ids.shape)} must begin the data's "
            f"shape {show_shape(data.shape)}"
        )
    return {"num_segments": count}, (data.with_shape((count, *data.shape[ids.rank :])),)


def _rows(data: Array, ids: Array, count: int) -> tuple[Array, Array]:
    """The ids that are not negative, flat, and their rows. Raises IndexOutOfBoundsError."""
    flat = ids.reshape(-1)
    if flat.size and flat.max() >= count:
        raise out_of_bounds(int(flat[flat >= count][0]), 0, count)
    kept = flat >= 0
    return flat[kept], data.reshape(flat.shape + data.shape[ids.ndim :])[kept]


def _folded(ufunc: Any, start: Any, data: Array, ids: Array, count: int) -> Array:
    at, rows = _rows(data, ids, count)
    out = np.full((count, *rows.shape[1:]), start, data.dtype)
    ufunc.at(out, at, rows)
    return out


def spread_segments(x: Any, ids: Any) -> Any:
    """For each id its row of ``x``; zeros for a negative one."""
    rows = gather(x, OPS["maximum"](ids, 0), axis=0)
    held = OPS["greater_equal"](ids, 0)
    tail = (1,) * (len(rows.shape) - len(ids.shape))
    held = movement.reshape(held, shape=(*ids.shape, *tail)) if tail else held
    return where(held, rows, 0)


@op(
    "index",
    segment_rule,
    promote="none",
    promoted=slice(1, 2),
    accepts="iu",
    may_raise=True,
    widens=True,
    routine=True,
    samples=SAMPLES,
)
def unsorted_segment_sum(data: Any, segment_ids: Any, *, num_segments: Any) -> Any:
    """Row ``i`` of the result is the sum of the rows of ``data`` whose id is ``i``; else zeros.

    The axes of ``segment_ids`` are the first of ``data``. Rows with a negative id are dropped; an
    id of ``num_segments`` or more raises IndexOutOfBoundsError.
    """
    at, rows = _rows(data, segment_ids, num_segments)
    zeros = np.zeros((num_segments, *rows.shape[1:]), data.dtype)
    return scatter_add.body(zeros, at, rows, axis=0)


@unsorted_segment_sum.gradient
def unsorted_segment_sum_vjp(g: Any, out: Any, data: Any, ids: Any, *, num_segments: Any) -> Any:
    return lambda: spread_segments(g, ids), None


def _limit(dtype: np.dtype[Any], low: bool) -> Any:
    own = info(dtype)
    if own.format is not None:
        return -own.format.max if low else own.format.max
    return own.ints[not low]


@op(
    "index",
    segment_rule,
    promote="none",
    promoted=slice(1, 2),
    accepts="iu",
    may_raise=True,
    samples=SAMPLES,
)
def unsorted_segment_max(data: Any, segment_ids: Any, *, num_segments: Any) -> Any:
    """The largest elements of each segment; of an empty one the dtype's lowest finite value.

    Ids as in ``unsorted_segment_sum``. Equal largest elements share the gradient equally.
    """
    return _folded(np.maximum, _limit(data.dtype, True), data, segment_ids, num_segments)


@op(
    "index",
    segment_rule,
    promote="none",
    promoted=slice(1, 2),
    accepts="iu",
    may_raise=True,
    samples=SAMPLES,
)
def unsorted_segment_min(data: Any, segment_ids: Any, *, num_segments: Any) -> Any:
    """The smallest elements of each segment; of an empty one the dtype's highest finite value.

    Ids as in ``unsorted_segment_sum``. Equal smallest elements share the gradient equally.
    """
    return _folded(np.minimum, _limit(data.dtype, False), data, segment_ids, num_segments)


@unsorted_segment_max.gradient
def unsorted_segment_max_vjp(g: Any, out: Any, data: Any, ids: Any, *, num_segments: Any) -> Any:
    return lambda: _share(g, out, data, ids, num_segments), None


@unsorted_segment_min.gradient
def unsorted_segment_min_vjp(g: Any, out: Any, data: Any, ids: Any, *, num_segments: Any) -> Any:
    return lambda: _share(g, out, data, ids, num_segments), None


def _share(g: Any, out: Any, data: Any, ids: Any, count: Any) -> Any:
    chosen = cast(OPS["equal"](data, spread_segments(out, ids)), dtype=data.dtype)
    many = unsorted_segment_sum(chosen, ids, num_segments=count)
    return spread_segments(g / OPS["maximum"](many, 1), ids) * chosen


@composite(*SAMPLES)
def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The mean of each segment, zero for an empty one; ids as in ``unsorted_segment_sum``."""
    data, ids = as_tensor(data), as_tensor(segment_ids)
    total = unsorted_segment_sum(data, ids, num_segments=num_segments)
    count = unsorted_segment_sum(ones(ids.shape, np.int32), ids, num_segments=num_segments)
    tail = (1,) * (len(total.shape) - 1)
    return OPS["divide"](total, movement.reshape(OPS["maximum"](count, 1), shape=(-1, *tail)))


def segment_count(ids: Any) -> Any:
    """The number of segments of sorted ids: one more than the last, a size."""
    if not ids.shape[0]:
        return 0
    return as_sizes(movement.reshape(slice_axis(ids, 0, -1, None), shape=())) + 1


@composite()
def segment_sum(data: Any, segment_ids: Any) -> Any:
    """Sums over segments of sorted ids; there are as many as the last id says."""
    ids = as_tensor(segment_ids)
    return unsorted_segment_sum(data, ids, num_segments=segment_count(ids))


@composite()
def segment_mean(data: Any, segment_ids: Any) -> Any:
    """Means over segments of sorted ids; an empty segment gives zero. Eager only."""
    ids = as_tensor(segment_ids)
    return unsorted_segment_mean(data, ids, segment_count(ids))


def _zero_where_empty(found: Any, ids: Any) -> Any:
    count = unsorted_segment_sum(ones(ids.shape, np.int32), ids, num_segments=found.shape[0])
    held = movement.reshape(count > 0, shape=(-1, *(1,) * (len(found.shape) - 1)))
    return where(held, found, 0)


@composite()
def segment_max(data: Any, segment_ids: Any) -> Any:
    """Largest elements of segments of sorted ids; of an empty one zero."""
    ids = as_tensor(segment_ids)
    found = unsorted_segment_max(data, ids, num_segments=segment_count(ids))
    return _zero_where_empty(found, ids)


@composite()
def segment_min(data: Any, segment_ids: Any) -> Any:
    """Smallest elements of segments of sorted ids; of an empty one zero."""
    ids = as_tensor(segment_ids)
    found = unsorted_segment_min(data, ids, num_segments=segment_count(ids))
    return _zero_where_empty(found, ids)


@composite(Sample("f[7]", (-1.0, 1.0), 4))
def histogram_fixed_width(values: Any, value_range: Any, nbins: Any = 100) -> Any:
    """How many values (int32) fall into each of ``nbins`` equal parts of ``[low, high]``.

    Values outside count in the first or the last part.
    """
    values = movement.reshape(as_tensor(values), shape=(-1,))
    low, high = value_range
    part = OPS["floor"](OPS["divide"](values - low, high - low) * nbins)
    part = cast(OPS["minimum"](OPS["maximum"](part, 0), nbins - 1), dtype=np.int32)
    return unsorted_segment_sum(ones(part.shape, np.int32), part, num_segments=nbins)
