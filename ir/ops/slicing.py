"""Basic slicing: a start, a stop and a step for each axis, or one position that drops it.

Canonical ``index``: one entry for each axis of the input, an int (the axis is dropped) or a triple
``(start, stop, step)`` that means what the Python slice means. A step is a non-zero int; starts
and stops are in range, possibly symbolic; ``stop`` is None where a negative step runs to the front.
"""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from ..access import AccessMap, Axis, Piece, Span, around, whole
from ..dims import Dim, DimLike, provably_eq
from ..errors import ArgumentError, IndexOutOfBoundsError, ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from ..vjp import Into
from ..words import counted
from .operand import as_sizes, as_tensor, sequence_attr, size_attr

FULL = (None, None, None)
Index = tuple[Any, ...]


def resolve_index(
    index: Index, shape: tuple[DimLike, ...], sizes: Sizes, what: str
) -> tuple[Index, list[DimLike]]:
    """The canonical index and the shape of the result. Raises IndexOutOfBoundsError."""
    if len(index) > len(shape):
        raise IndexOutOfBoundsError(
            f"{what}: {counted(len(index), 'index')} for {counted(len(shape), 'axis')}, "
            f"shape {show_shape(shape)}"
        )
    entries: list[Any] = []
    result: list[DimLike] = []
    for axis, size in enumerate(shape):
        item = index[axis] if axis < len(index) else FULL
        if isinstance(item, tuple):
            triple, count = _resolve_slice(item, size, sizes)
            entries.append(triple)
            result.append(count)
        else:
            entries.append(_resolve_position(item, size, axis, sizes, what))
    return tuple(entries), result


def _resolve_position(item: Any, size: DimLike, axis: int, sizes: Sizes, what: str) -> DimLike:
    position = size_attr(item, what)
    found = position + size if _is_negative(position, sizes) else position
    if _is_negative(found, sizes) or not sizes.require_at_most(found + 1, size):
        raise out_of_bounds(item, axis, size)
    return found


def out_of_bounds(index: Any, axis: int, size: Any) -> IndexOutOfBoundsError:
    """The error for an index outside its axis."""
    allowed = f"; it must be between {-size} and {size - 1}" if size != 0 else ""
    return IndexOutOfBoundsError(
        f"index {index} is out of bounds for axis {axis} with size {size}{allowed}"
    )


def _is_negative(value: DimLike, sizes: Sizes) -> bool:
    return value < 0 if isinstance(value, int) else not sizes.require_at_most(0, value)


def _resolve_slice(
    item: tuple[Any, ...], size: DimLike, sizes: Sizes
) -> tuple[tuple[Any, ...], DimLike]:
    start, stop, step = (None if v is None else size_attr(v, "slice") for v in item)
    if isinstance(step, Dim):
        raise ArgumentError(f"slice: the step {step} must be a plain integer")
    if step == 0:
        raise ArgumentError("slice: the step must not be 0")
    stride = 1 if step is None else step
    if stride > 0:
        first = 0 if start is None else _clip(start, size, sizes)
        last = size if stop is None else _clip(stop, size, sizes)
        if not sizes.require_at_most(first, last):
            return (first, first, stride), 0
        count = last - first if stride == 1 else (last - first + stride - 1) // stride
        return (first, last, stride), count
    return _resolve_backward(start, stop, stride, size, sizes)


def _clip(value: DimLike, size: DimLike, sizes: Sizes) -> DimLike:
    """A slice bound for a positive step, brought into 0..size."""
    if _is_negative(value, sizes):
        value = value + size
        return 0 if _is_negative(value, sizes) else value
    return value if sizes.require_at_most(value, size) else size


def _resolve_backward(
    start: DimLike | None, stop: DimLike | None, step: int, size: DimLike, sizes: Sizes
) -> tuple[tuple[Any, ...], DimLike]:
    if stop is None and (start is None or provably_eq(start, size - 1)):
        return (size - 1, None, step), (size - 1) // -step + 1  # right for an empty axis as well
    empty = (0, 0, step), 0
    if not sizes.require_positive(size):
        return empty
    first = size - 1 if start is None else start
    if _is_negative(first, sizes):
        first = first + size
        if _is_negative(first, sizes):
            return empty
    if not sizes.require_at_most(first + 1, size):
        first = size - 1
    if stop is not None and _is_negative(stop, sizes):
        stop = stop + size
        stop = None if _is_negative(stop, sizes) else stop
    if stop is None:
        return (first, None, step), first // -step + 1
    if not sizes.require_at_most(stop, first):
        return empty
    return (first, stop, step), (first - stop - step - 1) // -step


def as_key(index: Index) -> tuple[Any, ...]:
    """A canonical index as a NumPy key."""
    return tuple([builtins.slice(*i) if isinstance(i, tuple) else i for i in index])


def _slice_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    index, shape = resolve_index(tuple(attrs["index"]), x.shape, sizes, op.name)
    return {"index": index}, (x.with_shape(shape),)


def _slice_axes(x: TensorType, out: TensorType, attrs: Attrs) -> AccessMap:
    index = attrs["index"]
    kept = [Axis(i, e[0], e[2]) for i, e in enumerate(index) if isinstance(e, tuple)]
    fixed = [(i, e) for i, e in enumerate(index) if not isinstance(e, tuple)]
    return AccessMap(tuple(kept), tuple(fixed))


_INDICES = [
    ((1, 3, 1), (None, None, 2)),
    ((None, None, -1), 2),
    (-1, (-3, None, None)),
    ((5, 2, None),),
    ((-10, 2, None), (3, 100, None)),
    ((3, None, -2), (0, -1, None)),
]


@op(
    "movement",
    _slice_rule,
    axes=_slice_axes,
    promote="none",
    public=False,
    samples=[Sample("f[4,5]", index=i) for i in _INDICES],
)
def strided_slice(x: Any, *, index: Any) -> Any:
    """Elements at regular steps along each axis: what ``x[1:3, ::-1, 0]`` means.

    ``index`` holds one entry an axis: a position, which drops the axis, or ``(start, stop, step)``
    with None for a default; missing entries take everything. A position out of range raises
    IndexOutOfBoundsError; slices are cut to the axis, as in Python.
    """
    return x[as_key(index)]


@strided_slice.gradient
def strided_slice_vjp(g: Any, out: Any, x: Any, *, index: Any) -> Any:
    def around(neutral: bool) -> Any:
        return slice_grad(g, shape=x.shape, index=index, neutral=neutral)

    return (Into(lambda sum: around(False) if sum is None else sum + around(True)),)


def _slice_grad_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (g,) = types
    shape = tuple(attrs["shape"])
    index, part = resolve_index(tuple(attrs["index"]), shape, sizes, op.name)
    _check_part(g, part, sizes, op.name)
    own = {"shape": shape, "index": index, "neutral": bool(attrs["neutral"])}
    return own, (g.with_shape(shape),)


def _check_part(part: TensorType, shape: list[DimLike], sizes: Sizes, what: str) -> None:
    if part.rank != len(shape) or not all(map(sizes.require_same, part.shape, shape)):
        raise ShapeError(
            f"{what}: a value of shape {show_shape(part.shape)} for a slice of shape "
            f"{show_shape(shape)}"
        )


class _Written(NamedTuple):
    """The box that an index writes to, the map from it to what is written, whether it is dense."""

    box: tuple[Span, ...]
    access: AccessMap
    dense: bool


def _written(index: Index, part: TensorType) -> _Written:
    box: list[Span] = []
    axes: list[Axis] = []
    for item in index:
        if not isinstance(item, tuple):
            box.append(Span(item, 1))
            axes.append(Axis(None))
            continue
        start, _, step = item
        source = sum(a.source is not None for a in axes)
        size = part.shape[source]
        if step == -1 and not provably_eq(size, 0):
            box.append(Span(start - size + 1, size))
            axes.append(Axis(source, size - 1, -1))
        else:
            box.append(Span(start, size, step))
            axes.append(Axis(source))
    return _Written(tuple(box), AccessMap(tuple(axes)), all(s.step == 1 for s in box))


def _slice_grad_pieces(types: Types, out: TensorType, attrs: Attrs) -> list[Piece]:
    box, access, dense = _written(attrs["index"], types[0])
    rest = around(box, out.shape) if dense else [whole(out.shape)]
    fill = _fill(types[0].dtype, attrs["neutral"])
    return [*(Piece(b, None, value=fill) for b in rest), Piece(box, 0, access)]


def _fill(dtype: np.dtype[Any], neutral: bool) -> Any:
    """What stands around the part in ``slice_grad``."""
    if not neutral or dtype.kind not in "fcV":
        return 0
    return complex(-0.0, -0.0) if dtype.kind == "c" else -0.0


def _slice_update_pieces(types: Types, out: TensorType, attrs: Attrs) -> list[Piece]:
    box, access, dense = _written(attrs["index"], types[1])
    rest = around(box, out.shape) if dense else [whole(out.shape)]
    kept = [
        Piece(b, 0, AccessMap(tuple(Axis(i, span.start) for i, span in enumerate(b)))) for b in rest
    ]
    return [*kept, Piece(box, 1, access)]


@op("index", _slice_grad_rule, promote="none", public=False, pieces=_slice_grad_pieces,
    samples=[Sample("f[2,3]", shape=(4, 5), index=((1, 3, 1), (0, 5, 2))),
             Sample("f[4]", shape=(4, 5), index=((None, None, -1), 2))])  # fmt: skip
def slice_grad(g: Any, *, shape: Any, index: Any, neutral: Any = False) -> Any:
    """Zeros of ``shape`` with ``g`` at the places that ``strided_slice`` with ``index`` reads.

    ``neutral``: the zeros are negative, for a sum: ``x + -0.0`` is ``x`` for every ``x``.
    """
    out = np.full(shape, _fill(g.dtype, neutral), g.dtype)
    out[as_key(index)] = g
    return out


@slice_grad.gradient
def slice_grad_vjp(g: Any, out: Any, part: Any, *, shape: Any, index: Any, neutral: Any) -> Any:
    return (lambda: strided_slice(g, index=index),)


def _slice_update_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, value = types
    index, part = resolve_index(tuple(attrs["index"]), x.shape, sizes, op.name)
    _check_part(value, part, sizes, op.name)
    return {"index": index}, (x,)


@op("index", _slice_update_rule, public=False, pieces=_slice_update_pieces,
    samples=[Sample("f[4,5]", "f[2,3]", index=((1, 3, 1), (0, 5, 2))),
             Sample("f[4,5]", "f[4]", index=((None, None, -1), 2))])  # fmt: skip
def slice_update(x: Any, value: Any, *, index: Any) -> Any:
    """``x`` with ``value`` at the places that ``strided_slice`` with ``index`` reads."""
    out = x.copy()
    out[as_key(index)] = value
    return out


@slice_update.gradient
def slice_update_vjp(g: Any, out: Any, x: Any, value: Any, *, index: Any) -> Any:
    def kept() -> Any:
        return slice_update(g, OPS["zeros_like"](value), index=index)

    return kept, lambda: strided_slice(g, index=index)


def slice_axis(x: Any, axis: int, start: Any, stop: Any, step: Any = None) -> Any:
    """``x[start:stop:step]`` along one axis; everything along the others."""
    return strided_slice(x, index=(FULL,) * axis + ((start, stop, step),))


@composite(Sample("f[4,5]", (1, 2), (2, 3)), Sample("f[4,5]", (1, 0), (-1, 5)))
def slice_(x: Any, begin: Any, size: Any) -> Any:
    """The block that starts at ``begin`` and has the given sizes; -1 takes the rest of an axis.

    Both may be computed by the graph. Raises ShapeError where the block does not lie inside ``x``.
    """
    x = as_tensor(x)
    rank = len(x.shape)
    starts, counts = _of_axes(begin, rank, "slice: begin"), _of_axes(size, rank, "slice: size")
    known = [as_sizes(pair) for pair in zip(starts, counts, strict=True)]
    late = [any(getattr(v, "is_late", False) for v in pair) for pair in known]
    index: list[Any] = []
    for (start, count), length, by_value in zip(known, x.shape, late, strict=True):
        if by_value:
            index.append(FULL)
            continue
        stop = length if isinstance(count, int) and count == -1 else start + count
        if start < 0 or stop < start or stop > length:
            sizes = f"{tuple(p[0] for p in known)} and size {tuple(p[1] for p in known)}"
            raise ShapeError(f"slice: begin {sizes} do not fit the shape {show_shape(x.shape)}")
        index.append((start, stop, 1))
    x = strided_slice(x, index=tuple(index))
    for axis in range(rank):
        if late[axis]:
            x = _block(x, axis, starts[axis], counts[axis])
    return x


def _of_axes(value: Any, rank: int, what: str) -> Any:
    """One number for each axis, of a sequence or of a vector."""
    if getattr(value, "is_tensor", False) and len(value.shape) == 1:
        if type(value.shape[0]) is not int:
            value = OPS["reshape"](value, shape=(rank,))
        value = [value[i] for i in range(value.shape[0])]
    return sequence_attr(value, rank, what)


def _block(x: Any, axis: int, start: Any, count: Any) -> Any:
    """``count`` places of an axis from ``start``, which the graph computes; all must exist."""
    length = x.shape[axis]
    length = length if isinstance(length, int) else OPS["dim"](dim=length)
    start = OPS["where"](OPS["less"](start, 0), length, start)  # no place
    if count.__class__ is not int:
        count = OPS["where"](OPS["equal"](count, -1), OPS["subtract"](length, start), count)
    elif count == -1:
        count = OPS["subtract"](length, start)
    places = OPS["arange"](start=0, stop=as_sizes(count), step=1, dtype=np.dtype("int64"))
    return OPS["gather"](x, OPS["add"](start, places), axis=axis)
