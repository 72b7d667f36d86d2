"""``x[key]`` and ``x[key] = value`` for every key NumPy has, made of slices, gathers and scatters.

A key is read into one item for each thing it says: a position, a slice, a new axis, an index
tensor, a mask. Positions, slices and new axes are one ``slice`` and one ``expand_dims``; index
tensors (a mask stands for the positions where it holds) are one ``gather`` or ``gather_nd``. As
in NumPy the axes of index tensors stand where the first of them stood if they (and positions) are
neighbours in the key, else in front.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..dtypes import info
from ..errors import (
    ArgumentError,
    ConversionError,
    DTypeError,
    IndexOutOfBoundsError,
    ShapeError,
)
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from ..words import counted
from . import movement
from .casting import cast
from .create import arange
from .gather import gather, gather_nd, tensor_scatter_nd_update
from .joining import stack
from .operand import as_sizes, as_tensor, product
from .slicing import FULL, slice_update, strided_slice
from .sorting import where_indices

__all__ = ["getitem", "setitem"]

INT64 = np.dtype("int64")


class Item(NamedTuple):
    """One part of a key: its kind, its value and how many axes of the tensor it stands for."""

    kind: str  # position | slice | newaxis | array | mask | gap (an ellipsis: parts neighbours)
    value: Any = None
    axes: int = 1
    known: Any = None  # a mask written out in the key, as an array


class Plan(NamedTuple):
    """A key read against a shape."""

    entries: tuple[Any, ...]  # for ``slice``; axes with index tensors are taken whole
    new_axes: tuple[int, ...]  # in the result of the slice with new axes
    arrays: tuple[tuple[int, Item], ...]  # first axis there, and the index tensor or mask
    place: int | None  # where the axes of the index tensors go; None where they already stand


def read_key(key: Any, rank: int) -> list[Item]:
    """The items of a key, with the ellipsis spelled out, for a tensor of ``rank`` axes.

    Raises IndexOutOfBoundsError if the key names more axes than there are.
    """
    parts = key if isinstance(key, tuple) else (key,)
    items: list[Item | None] = [None if p is Ellipsis else _read_item(p) for p in parts]
    if items.count(None) > 1:
        raise ArgumentError("an index can have only one ellipsis (...)")
    used = sum(i.axes for i in items if i is not None)
    if used > rank:
        raise IndexOutOfBoundsError(
            f"too many indices: {used} for a tensor of {counted(rank, 'axis')}"
        )
    rest = [Item("gap", axes=0)] + [Item("slice", FULL)] * (rank - used)
    at = items.index(None) if None in items else len(items)
    spelled = [*items[:at], *rest, *items[at + 1 :]]
    return [i for i in spelled if i is not None]


def _read_item(part: Any) -> Item:
    if part is None:
        return Item("newaxis", axes=0)
    if getattr(part, "in_trace", False):  # an ndarray or a NumPy scalar of a trace
        part = as_tensor(part)
    if isinstance(part, slice):
        return Item("slice", (_bound(part.start), _bound(part.stop), _bound(part.step)))
    if isinstance(part, bool | np.bool_):
        return Item("mask", as_tensor(part), 0, np.array(part))
    if not hasattr(part, "dtype") and hasattr(part, "__index__"):
        return Item("position", part)
    if isinstance(part, np.integer):
        return Item("position", int(part))
    tensor = as_tensor(part)
    if tensor.dtype == bool:
        known = np.array(part) if isinstance(part, list) and _is_written_out(part) else None
        return Item("mask", tensor, len(tensor.shape), known)
    if not info(tensor.dtype).integer:
        if isinstance(part, list) and not part:
            return Item("array", cast(tensor, dtype=INT64))
        raise DTypeError(f"an index must be of integers or bool, not {tensor.dtype}")
    return Item("array", tensor)


def _is_written_out(items: Any) -> bool:
    """Whether nested lists hold nothing but Python's True and False."""
    return all(_is_written_out(i) if isinstance(i, list) else isinstance(i, bool) for i in items)


def _bound(value: Any) -> Any:
    if getattr(value, "is_tensor", False):
        return as_sizes(value)
    return operator.index(value) if hasattr(value, "dtype") else value


def plan_key(items: list[Item]) -> Plan:
    """How to carry out a key; see ``Plan``."""
    index: list[Any] = []
    new_axes, arrays, advanced = [], [], []
    axis = 0  # in the result of the slice with new axes
    for number, item in enumerate(items):
        if item.kind in ("position", "array", "mask"):
            advanced.append((number, axis))
        if item.kind in ("array", "mask"):
            arrays.append((axis, item))
            index += [FULL] * item.axes
            if not item.axes:  # a mask without axes is a mask over a new axis of size 1
                new_axes.append(axis)
            axis += max(item.axes, 1)
        elif item.kind == "newaxis":
            new_axes.append(axis)
            axis += 1
        elif item.kind != "gap":
            index.append(item.value)
            axis += item.kind == "slice"
    numbers = [n for n, _ in advanced]
    together = not numbers or numbers[-1] - numbers[0] == len(numbers) - 1
    place = (advanced[0][1] if together else 0) if arrays else None
    return Plan(tuple(index), tuple(new_axes), tuple(arrays), place)


def _basic_part(x: Any, plan: Plan) -> Any:
    if any(entry is not FULL and entry != FULL for entry in plan.entries):
        x = strided_slice(x, index=plan.entries)
    return movement.expand_dims(x, axis=plan.new_axes) if plan.new_axes else x


def _points(x: Any, axis: int, item: Item) -> list[tuple[int, Any]]:
    """The axes that an index tensor or a mask stands for, with an index tensor for each."""
    if item.kind == "array":
        return [(axis, item.value)]
    mask = item.value if item.axes else movement.reshape(item.value, shape=(1,))
    shape = x.shape[axis : axis + max(item.axes, 1)]
    if any(m != n for m, n in zip(mask.shape, shape, strict=True)):
        raise IndexOutOfBoundsError(
            f"a mask of shape {show_shape(mask.shape)} for axes of shape {show_shape(shape)}: "
            f"they must be equal"
        )
    if item.known is not None:  # its positions are known, so the size of the result is
        where = np.nonzero(np.atleast_1d(item.known))
        return [(axis + i, OPS["constant"](value=p.astype(INT64))) for i, p in enumerate(where)]
    found = where_indices(mask)
    return [(axis + i, strided_slice(found, index=(FULL, i))) for i in range(len(mask.shape))]


def _aligned(indices: list[Any]) -> list[Any]:
    """Index tensors of one dtype, broadcast to one shape."""
    if any(i.dtype != indices[0].dtype for i in indices):
        indices = [cast(i, dtype=INT64) for i in indices]
    common = indices[0]
    for other in indices[1:]:
        if len(other.shape) != len(common.shape) or any(
            a != b for a, b in zip(other.shape, common.shape, strict=True)
        ):
            common = OPS["add"](common, other)
    return [movement.broadcast_to(i, shape=common.shape) for i in indices]


@composite(Sample("f[4,5]", (slice(1, 3), None, -1)),
           Sample("f[4,5]", (Ellipsis, slice(None, None, -2))),
           Sample("f[3,4,5]", (slice(None), np.array([[0, 1], [-1, 2]]))),
           Sample("f[3,4,5]", (0, slice(None), np.array([1, 0]))),
           Sample("f[3,4,5]", (np.array([1, 0]), np.array([[2], [3]]))))  # fmt: skip
def getitem(x: Any, key: Any) -> Any:
    """``x[key]`` with NumPy's meaning: the result is a value of its own, never a view.

    Keys: ints (from the end if negative), slices, ``...``, None, integer tensors, masks, and
    tuples of these. Raises IndexOutOfBoundsError; a mask raises StagingError while a function is
    traced, because the size of the result depends on its values.

    >>> import twofold as tf
    >>> tf.constant([[1, 2], [3, 4]])[:, -1].numpy()
    array([2, 4], dtype=int32)
    """
    given = as_tensor(x)
    plan = plan_key(read_key(key, len(given.shape)))
    x = _basic_part(given, plan)
    if not plan.arrays or plan.place is None:
        return OPS["identity"](x) if x is given else x
    places = [pair for axis, item in plan.arrays for pair in _points(x, axis, item)]
    if len(places) == 1:
        axis, indices = places[0]
        out, count = gather(x, indices, axis=axis), len(indices.shape)
        return _move_block(out, axis, plan.place, count)
    indices = stack(_aligned([i for _, i in places]), axis=-1)
    axes = tuple(a for a, _ in places)
    if axes != tuple(range(len(axes))):
        x = movement.moveaxis(x, axes, tuple(range(len(axes))))
    return _move_block(gather_nd(x, indices), 0, plan.place, len(indices.shape) - 1)


def _move_block(x: Any, start: int, goal: int, count: int) -> Any:
    """``count`` neighbouring axes moved together."""
    if start == goal or not count:
        return x
    source, target = range(start, start + count), range(goal, goal + count)
    return movement.moveaxis(x, tuple(source), tuple(target))


@composite(Sample("f[4,5]", (slice(1, 3), slice(None)), "f[5]"), Sample("f[4,5]", 0, 1.5),
           Sample("f[4,5]", (Ellipsis, np.array([0, -1])), "f[4,2]"),
           Sample("f[4]", np.array([True, False, True, True]), 0.0),
           Sample("f[4,5]", np.array([2, 0]), "f[2,5]"),
           Sample("f[4]", np.array([1, 1, 2]), "f[3]"))  # fmt: skip
def setitem(x: Any, key: Any, value: Any) -> Any:
    """A copy of ``x`` with ``value``, cast and broadcast, at the places that ``x[key]`` reads.

    Where a key names a place twice the last value stays, and it alone has a gradient. A mask
    with a value that does not depend on how many elements it selects can be staged. Raises
    IndexOutOfBoundsError, ShapeError, and DTypeError for a complex value in a real tensor.
    """
    x = as_tensor(x)
    items = read_key(key, len(x.shape))
    value = _converted(value, x)
    plan = plan_key(items)
    if not plan.arrays:
        return _set_basic(x, plan, value)
    first = items[0]
    alone = all(i.kind == "gap" or (i.kind, i.value) == ("slice", FULL) for i in items[1:])
    if alone and first.kind == "mask" and first.axes:
        masked = _set_masked(x, first.value, value)
        if masked is not None:
            return masked
    points = _leading(items)
    if points is not None:
        target = (*points.shape[:-1], *x.shape[points.shape[-1] :])
        return tensor_scatter_nd_update(x, points, _fitted(value, target))
    return _set_anywhere(x, key, value)


def _leading(items: list[Item]) -> Any:
    """The points that index tensors and numbers name along the first axes, if all of the others are
    taken as they are; else None."""
    kinds = [i.kind for i in items]
    named = [kind in ("array", "position") for kind in kinds]
    count = [*named, False].index(False)
    rest = items[count:]
    if "array" not in kinds[:count] or any(
        i.kind != "gap" and (i.kind, i.value) != ("slice", FULL) for i in rest
    ):
        return None
    lead = [i.value for i in items[:count]]
    if len(lead) == 1:
        return movement.expand_dims(lead[0], axis=(-1,))
    if any(items[n].kind == "position" and type(x) is not int for n, x in enumerate(lead)):
        return None
    indices = [OPS["constant"](value=np.int64(x)) if type(x) is int else x for x in lead]
    return stack(_aligned(indices), axis=-1)


def _converted(value: Any, x: Any) -> Any:
    if info(x.dtype).integer:
        _refuse_overflow(value, x.dtype)
    value = as_tensor(value)
    if info(value.dtype).complex and not info(x.dtype).complex:
        raise DTypeError(
            f"a {value.dtype} value cannot be written into a {x.dtype} tensor; take tf.real first"
        )
    return value if value.dtype == x.dtype else cast(value, dtype=x.dtype)


def _refuse_overflow(value: Any, dtype: np.dtype) -> None:
    """Raise ConversionError for a Python integer that the dtype cannot hold."""
    if isinstance(value, list | tuple):
        for item in value:
            _refuse_overflow(item, dtype)
    elif isinstance(value, int):
        low, high = info(dtype).ints
        if not low <= value <= high:
            raise ConversionError(f"{value} does not fit {dtype}: {low}..{high}")


def _fitted(value: Any, shape: Any) -> Any:
    """A value broadcast to a shape; leading axes of size 1 beyond its rank are dropped."""
    while len(value.shape) > len(shape) and value.shape[0] == 1:
        value = movement.squeeze(value, axis=(0,))
    if len(value.shape) > len(shape):
        raise ShapeError(
            f"cannot write a value of shape {show_shape(value.shape)} to a selection of shape "
            f"{show_shape(shape)}"
        )
    return movement.broadcast_to(value, shape=shape)


def _set_basic(x: Any, plan: Plan, value: Any) -> Any:
    part = strided_slice(x, index=plan.entries)
    shape = list(part.shape)
    for axis in plan.new_axes:
        shape.insert(axis, 1)
    value = _fitted(value, shape)
    if plan.new_axes:
        value = movement.squeeze(value, axis=plan.new_axes)
    return slice_update(x, value, index=plan.entries)


def _set_masked(x: Any, mask: Any, value: Any) -> Any:
    """The write as a choice for each element, or None if each selected place has its own value."""
    covered = len(mask.shape)
    rest = len(x.shape) - covered
    while len(value.shape) > rest and value.shape[0] == 1:
        value = movement.squeeze(value, axis=(0,))
    if len(value.shape) > rest:
        return None
    if any(m != n for m, n in zip(mask.shape, x.shape, strict=False)):
        raise IndexOutOfBoundsError(
            f"a mask of shape {show_shape(mask.shape)} for a tensor of shape "
            f"{show_shape(x.shape)}: its axes must be the tensor's first"
        )
    mask = movement.reshape(mask, shape=(*mask.shape, *(1,) * rest)) if rest else mask
    return OPS["where"](mask, movement.broadcast_to(value, shape=x.shape[covered:]), x)


def _set_anywhere(x: Any, key: Any, value: Any) -> Any:
    """The write by the numbers of the elements in row-major order: what every key comes down to."""
    total = product(x.shape)
    numbers = movement.reshape(arange(total, dtype=INT64), shape=x.shape)
    places = getitem(numbers, key)
    value = _fitted(value, places.shape)
    points = movement.expand_dims(places, axis=(-1,))
    flat = tensor_scatter_nd_update(movement.reshape(x, shape=(total,)), points, value)
    return movement.reshape(flat, shape=x.shape)


@composite()
def boolean_mask(x: Any, mask: Any, axis: int = 0) -> Any:
    """The elements or slices of ``x`` where ``mask`` holds; its axes match those from ``axis`` on.

    The size depends on the values: in a compiled function it is a symbol.
    """
    return getitem(x, (slice(None),) * axis + (as_tensor(mask),))
