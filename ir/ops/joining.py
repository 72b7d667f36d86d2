"""Joining tensors and taking them apart again; repeating them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..access import AccessMap, Axis, Piece, Span, identity, whole
from ..dims import DimLike
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, divides, show_shape
from ..types import TensorType
from . import movement
from .gather import gather
from .operand import as_sizes, as_tensor, product
from .slicing import slice_axis


def _need_inputs(op: Any, types: Types) -> None:
    if not types:
        raise ArgumentError(f"{op.name} needs at least one tensor")


def _concat_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _need_inputs(op, types)
    first = types[0]
    if attrs["axis"] is None:
        total = types[0].size
        for t in types[1:]:
            total = total + t.size
        return {"axis": None}, (first.with_shape((total,)),)
    axis = axis_of(attrs["axis"], first.rank, op.name)
    shape = list(first.shape)
    for t in types[1:]:
        fits = t.rank == first.rank and all(
            i == axis or sizes.require_same(a, b)
            for i, (a, b) in enumerate(zip(first.shape, t.shape, strict=True))
        )
        if not fits:
            raise ShapeError(
                f"cannot concat shapes {show_shape(first.shape)} and {show_shape(t.shape)} along "
                f"axis {axis}: all other sizes must be equal"
            )
        shape[axis] = shape[axis] + t.shape[axis]
    return {"axis": axis}, (first.with_shape(shape),)


def _concat_pieces(types: Types, out: TensorType, attrs: Attrs) -> list[Piece] | None:
    axis, found = attrs["axis"], []
    start: DimLike = 0
    if axis is None:
        return None
    for i, t in enumerate(types):
        box = whole(out.shape)
        size = t.shape[axis]
        box = (*box[:axis], Span(start, size), *box[axis + 1 :])
        found.append(Piece(box, i, identity(out.rank)))
        start = start + size
    return found


@op("movement", _concat_rule, pieces=_concat_pieces,
    samples=[Sample("f[2,3]", "f[4,3]"), Sample("f[2,3]", "f[2,1]", "f[2,2]", axis=-1),
             Sample("f[2,3]", "f[4]", axis=None)])  # fmt: skip
def concat(*xs: Any, axis: Any = 0) -> Any:
    """Join tensors along an axis that they have; None joins them flattened.

    >>> import twofold as tf
    >>> tf.concat([tf.constant([1, 2]), tf.constant([3])], axis=0).numpy()
    array([1, 2, 3], dtype=int32)
    """
    return np.concatenate(xs, axis=axis)


@concat.gradient
def concat_vjp(g: Any, out: Any, *xs: Any, axis: Any) -> Any:
    parts, start = [], 0
    for x in xs:
        size = product(x.shape) if axis is None else x.shape[axis]
        parts.append(_part(g, x, axis, start, start + size))
        start = start + size
    return parts


def _part(g: Any, x: Any, axis: int | None, start: Any, stop: Any) -> Any:
    if axis is None:
        return lambda: movement.reshape(slice_axis(g, 0, start, stop), shape=x.shape)
    return lambda: slice_axis(g, axis, start, stop)


def _stack_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _need_inputs(op, types)
    first = types[0]
    axis = axis_of(attrs["axis"], first.rank + 1, op.name)
    for t in types[1:]:
        if t.rank != first.rank or not all(map(sizes.require_same, first.shape, t.shape)):
            raise ShapeError(
                f"cannot stack shapes {show_shape(first.shape)} and {show_shape(t.shape)}: they "
                f"must be equal"
            )
    shape = (*first.shape[:axis], len(types), *first.shape[axis:])
    return {"axis": axis}, (TensorType(first.dtype, shape),)


def _stack_pieces(types: Types, out: TensorType, attrs: Attrs) -> list[Piece]:
    axis, box = attrs["axis"], whole(out.shape)
    kept = [Axis(i) for i in range(out.rank - 1)]
    access = AccessMap((*kept[:axis], Axis(None), *kept[axis:]))
    return [
        Piece((*box[:axis], Span(i, 1), *box[axis + 1 :]), i, access) for i in range(len(types))
    ]


@op("movement", _stack_rule, pieces=_stack_pieces,
    samples=[Sample("f[2,3]", "f[2,3]"), Sample("f[2,3]", "f[2,3]", axis=-1),
             Sample("f[]", "f[]", "f[]")])  # fmt: skip
def stack(*xs: Any, axis: int = 0) -> Any:
    """Join tensors of one shape along a new axis, at the position ``axis`` of the result."""
    return np.stack(xs, axis=axis)


@stack.gradient
def stack_vjp(g: Any, out: Any, *xs: Any, axis: int) -> Any:
    def part(i: int) -> Any:
        return lambda: movement.squeeze(slice_axis(g, axis, i, i + 1), axis=(axis,))

    return [part(i) for i in range(len(xs))]


@composite(Sample("f[2,3]"), Sample("f[2,3]", axis=1))
def unstack(x: Any, axis: int = 0, num: int | None = None) -> Any:
    """The slices along an axis, without that axis, as a tuple; decides the size of the axis.

    Raises ArgumentError if ``num`` is given and is not that size.
    """
    x = as_tensor(x)
    axis = axis_of(axis, len(x.shape), "unstack")
    count = int(x.shape[axis])
    if num is not None and num != count:
        raise ArgumentError(f"unstack: num is {num}, but axis {axis} has size {count}")
    return tuple(
        [movement.squeeze(slice_axis(x, axis, i, i + 1), axis=(axis,)) for i in range(count)]
    )


@composite(Sample("f[6,2]", num_or_size_splits=3), Sample("f[2,6]", (1, 3, 2), axis=-1))
def split(x: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    """Take a tensor apart along an axis: into equal parts, or parts of the given sizes.

    A size of -1 (at most one) takes what the others leave. Raises ShapeError if it does not add up.
    """
    x = as_tensor(x)
    axis = axis_of(axis, len(x.shape), "split")
    total = x.shape[axis]
    parts = _split_sizes(as_sizes(num_or_size_splits), total, axis)
    out, start = [], 0
    for size in parts:
        out.append(slice_axis(x, axis, start, start + size))
        start = start + size
    return out


def _split_sizes(given: Any, total: Any, axis: int) -> list[Any]:
    if not hasattr(given, "__iter__"):
        count = int(given)
        if count < 1 or not divides(count, total):
            raise ShapeError(f"split: axis {axis} of size {total} has no {count} equal parts")
        return [total // count] * count
    parts = list(given)
    open_ = [i for i, p in enumerate(parts) if isinstance(p, int) and p == -1]
    if len(open_) > 1:
        raise ArgumentError(f"split: only one size may be -1, not {parts}")
    used = sum(p for i, p in enumerate(parts) if i not in open_)
    if open_ and used <= total:
        parts[open_[0]] = total - used
    elif open_ or used != total:
        raise ShapeError(f"split: sizes {parts} do not add up to axis {axis} of size {total}")
    return parts


@composite(Sample("f[2,3]", reps=(2, 1)), Sample("f[3]", reps=(2, 2)), Sample("f[2,3]", reps=2))
def tile(x: Any, reps: Any) -> Any:
    """Repeat a whole tensor ``reps[i]`` times along axis ``i``; missing axes count as 1."""
    x, reps = as_tensor(x), as_sizes(reps)
    counts = tuple(reps) if hasattr(reps, "__iter__") else (reps,)
    if any(isinstance(c, int) and c < 0 for c in counts):
        raise ArgumentError(f"tile: a number of repeats must not be negative: {counts}")
    rank = max(len(counts), len(x.shape))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    pairs = list(zip(counts, shape, strict=True))
    spread = movement.reshape(x, shape=tuple(v for _, n in pairs for v in (1, n)))
    spread = movement.broadcast_to(spread, shape=tuple(v for c, n in pairs for v in (c, n)))
    return movement.reshape(spread, shape=tuple(c * n for c, n in pairs))


@composite(Sample("f[2,3]", 2, axis=1), Sample("f[2,3]", 2), Sample("f[3]", (1, 0, 2), axis=0))
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element along an axis: ``repeats`` times, or element ``i`` ``repeats[i]`` times.

    One count in a sequence serves all elements.

    None repeats the elements in row-major order.
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = movement.reshape(x, shape=(-1,)), 0
    axis = axis_of(axis, len(x.shape), "repeat")
    if (
        getattr(repeats, "is_tensor", False)
        and hasattr(repeats, "trace")
        and repeats.shape == (x.shape[axis],)
    ):
        counts = OPS["cast"](repeats, dtype=np.dtype(np.int64))
        return gather(x, OPS["repeat_positions"](counts), axis=axis)
    if hasattr(repeats, "__iter__") and getattr(repeats, "ndim", None) != 0:
        counts = np.asarray(repeats)
        if len(counts) != 1:
            return _repeat_each(x, counts, axis)
        repeats = int(counts[0])
    if isinstance(repeats, int) and repeats < 0:
        raise ArgumentError(f"repeat: counts must not be negative: {repeats}")
    lead, size, rest = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = movement.expand_dims(x, axis=(axis + 1,))
    wide = movement.broadcast_to(wide, shape=(*lead, size, repeats, *rest))
    return movement.reshape(wide, shape=(*lead, size * repeats, *rest))


def _repeat_each(x: Any, counts: np.ndarray[Any, Any], axis: int) -> Any:
    if x.shape[axis] != len(counts):
        raise ShapeError(f"repeat: {len(counts)} counts for axis {axis} of size {x.shape[axis]}")
    if (counts < 0).any():
        raise ArgumentError(f"repeat: counts must not be negative: {counts.tolist()}")
    return gather(x, np.repeat(np.arange(len(counts)), counts), axis=axis)
