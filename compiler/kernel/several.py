"""Several computed positions at once in a kernel of one point: read, written, added to.

    %y: f32[k] = gather(%x, %i)       ->     for i1: 0 to k {
                                               v0: i64 = i[i1]
                                               check -v2 <= v0 and v0 < v2
                                               b3[i1] = v1 }            the positions
                                             for i4: 0 to k {
                                               v5: i64 = b3[i4] ... }   what stands there

Positions are checked where the node stands, all of them, and lie in memory from then on; few that
are read from are values. What is written or added is so in the order of the positions, as NumPy
does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Node, Value
from twofold.ir.summation import running_dtype
from twofold.ir.types import TensorType

from .arrays import is_large
from .each import Each, Place, Places
from .small import Memory, UnfitError, is_half, is_small, numbers
from .statements import Access, Load, Store

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["SEVERAL", "gathered", "gathered_nd", "indexed", "updated"]

INT64 = np.dtype("int64")
FEW = 16  # positions that are values


def indexed(builder: Builder, node: Node) -> None:
    """numpy_index of a large array: its positions, checked."""
    builder.known[node.out] = _checked(builder, node.inputs[0], [node.attrs["size"]])


def gathered(builder: Builder, node: Node) -> None:
    """gather: what is at several positions of an axis."""
    source, index = node.inputs
    axis, batch = node.attrs["axis"], node.attrs["batch_dims"]
    if not batch and is_small(index) and is_small(node.out) and _count(index) <= FEW:
        _few(builder, node)
        return
    with _modest(builder, node):
        positions = _along(builder, index, source.type.shape[axis])
        first, count = axis, len(index.type.shape) - batch

        def inner(place: Places) -> Places:
            at = builder.wide.element(positions, (*place[:batch], *place[first : first + count]))
            return (*place[:first], Place(0, ((at, 1),)), *place[first + count :])

        _define(builder, node, source, positions, inner, first + count)


def _few(builder: Builder, node: Node) -> None:
    """A few parts, one after the other."""
    source, index = node.inputs
    axis, places, shape = node.attrs["axis"], builder.places, source.type.shape
    parts = []
    part = Value(source.type.with_shape((*shape[:axis], *shape[axis + 1 :])))
    for given in builder.elements(index):
        at = places.checked(given, index.type.dtype, shape[axis])
        places.take(source, {axis: at}, part)
        parts.append(np.array(builder.elements(part), object).reshape(numbers(part)))
    if not parts:
        builder.known[node.out] = ()
        return
    rows = np.stack(parts, axis).reshape(numbers(node.out))
    builder.known[node.out] = tuple(rows.ravel())


def gathered_nd(builder: Builder, node: Node) -> None:
    """gather_nd: elements or parts at several points."""
    source, indices = node.inputs
    with _modest(builder, node):
        points = _points(builder, source, indices)
        depth, batch = int(indices.type.shape[-1]), len(indices.type.shape) - 1

        def inner(place: Places) -> Places:
            return (*_point(builder, points, place[:batch], depth), *place[batch:])

        _define(builder, node, source, points, inner, batch)


def updated(builder: Builder, node: Node) -> None:
    """tensor_scatter_nd_update at several points; the last of those that are equal counts."""
    x, indices, updates = node.inputs
    with _modest(builder, node):
        points = _points(builder, x, indices)
        if is_large(x):
            builder.wide.ahead(x, updates, node.out)
            memory = builder.versions.own(x, node.out).memory
        else:
            memory = builder.wide.stored(x, builder.elements(x))
        rule = _elsewhere(builder, updates, memory)
        depth, batch = int(indices.type.shape[-1]), len(indices.type.shape) - 1

        def inner(place: Places) -> Places:
            return (*_point(builder, points, place[:batch], depth), *place[batch:])

        with _parts(builder, updates.type.shape, batch, inner) as (place, at):
            name = builder.wide.element(rule, place)
            builder.add(Store(_at(builder, memory, at), name))
        if is_large(x):
            builder.known[node.out] = builder.versions.changed(memory.buffer, node.out)
        else:
            builder.known[node.out] = builder.load(memory, x)


def _scatter_add(builder: Builder, node: Node) -> None:
    x, index, updates = node.inputs
    axis, batch = node.attrs["axis"], node.attrs["batch_dims"]
    with _modest(builder, node):
        positions = _along(builder, index, x.type.shape[axis])
        count = len(index.type.shape) - batch

        def inner(place: Places) -> Places:
            at = builder.wide.element(positions, (*place[:batch], *place[axis : axis + count]))
            return (*place[:axis], Place(0, ((at, 1),)), *place[axis + count :])

        _add(builder, node, inner, axis + count)


def _nd_add(builder: Builder, node: Node) -> None:
    x, indices, updates = node.inputs
    with _modest(builder, node):
        points = _points(builder, x, indices)
        depth, batch = int(indices.type.shape[-1]), len(indices.type.shape) - 1

        def inner(place: Places) -> Places:
            return (*_point(builder, points, place[:batch], depth), *place[batch:])

        _add(builder, node, inner, batch)


def _add(builder: Builder, node: Node, inner: Callable[[Places], Places], outer: int) -> None:
    """Add updates to where they belong, in order, each sum rounded once."""
    x, _, updates = node.inputs
    dtype = x.type.dtype
    if is_half(x) or info(dtype).boolean:
        raise UnfitError(f"sums of {dtype} at computed positions")
    wide, running = builder.wide, running_dtype(dtype)
    memory = wide.room(x.type.shape, running)
    given, rule = wide.each(x), wide.each(updates)

    def widened(found: Each, place: Places) -> str:
        name = wide.element(found, place)
        return name if running == dtype else builder.apply(f"cast({name})", running)

    wide.fill(memory, Each(given.shape, lambda place: widened(given, place), ()))
    with _parts(builder, updates.type.shape, outer, inner) as (place, where):
        more, at = widened(rule, place), _at(builder, memory, where)
        before = builder.name("v")
        builder.add(Load(before, running, at))
        builder.add(Store(at, builder.apply(f"{before} + {more}", running)))
    found = _read(builder, memory, x.type.shape, running)
    if running == dtype:
        wide.known(node.out, found)
        return

    def narrowed(place: Places) -> str:
        return builder.apply(f"cast({wide.element(found, place)})", dtype)

    wide.known(node.out, Each(found.shape, narrowed, found.sources))


# ---- Positions


@contextmanager
def _modest(builder: Builder, node: Node) -> Iterator[None]:
    """What uses memory for small arrays alone: that is no reason to refuse a kernel."""
    used = builder.wide.used
    yield
    if all(is_small(v) for v in (*node.inputs, *node.outputs)):
        builder.wide.used = used


def _count(value: Value) -> int:
    return int(np.prod(numbers(value), dtype=int))


def _checked(builder: Builder, index: Value, sizes: Sequence[Any], last: bool = False) -> Memory:
    """Positions, checked, in memory of the shape of the index; ``last``: those along its last axis
    are of axes of these sizes, else all are of one axis."""
    wide, kind, shape = builder.wide, index.type.dtype, index.type.shape
    builder.places.as_int64("0", kind)  # whether positions can be of that dtype
    rule, memory = wide.each(index), wide.room(shape, INT64)
    with wide.loops(shape[:-1] if last else shape) as place:
        for i, size in enumerate(sizes):
            here = (*place, Place(i)) if last else place
            at = builder.places.checked(wide.element(rule, here), kind, size)
            builder.add(Store(_at(builder, memory, here), at))
    return memory


def _points(builder: Builder, x: Value, indices: Value) -> Each:
    depth = indices.type.shape[-1]
    if not isinstance(depth, int):
        raise UnfitError("points of a size that is not known")
    memory = _checked(builder, indices, x.type.shape[:depth], last=True)
    return _read(builder, memory, indices.type.shape, INT64)


def _along(builder: Builder, index: Value, size: DimLike) -> Each:
    """Positions along an axis."""
    return _read(builder, _checked(builder, index, [size]), index.type.shape, INT64)


def _point(builder: Builder, points: Each, place: Places, depth: int) -> Places:
    names = [builder.wide.element(points, (*place, Place(i))) for i in range(depth)]
    return tuple(Place(0, ((name, 1),)) for name in names)


def _read(builder: Builder, memory: Memory, shape: Sequence[DimLike], dtype: np.dtype[Any]) -> Each:
    """What lies in memory as a rule."""
    return builder.wide.read(memory, Value(TensorType(dtype, tuple(shape))))


def _at(builder: Builder, memory: Memory, place: Places) -> Access:
    where = Place(memory.offset, memory.scalars)
    for part, stride in zip(place, memory.strides, strict=True):
        where = where + part * stride
    return Access(memory.buffer, builder.wide.index(where))


@contextmanager
def _parts(
    builder: Builder, shape: Sequence[DimLike], outer: int, inner: Callable[[Places], Places]
) -> Iterator[tuple[Places, Places]]:
    """Loops over a shape; gives the position in it and in what is indexed. The positions are loaded
    once for each part, which lies behind the first axes."""
    with builder.wide.loops(shape[:outer]) as first:
        inner((*first, *(Place() for _ in shape[outer:])))  # known in the loops inside
        with builder.wide.loops(shape[outer:]) as rest:
            yield (*first, *rest), inner((*first, *rest))


def _define(
    builder: Builder, node: Node, source: Value, positions: Each,
    inner: Callable[[Places], Places], outer: int,
) -> None:  # fmt: skip
    """Make known what is read at positions of a source: parts of it are copied."""
    wide, out = builder.wide, node.out
    rule = wide.each(source)
    if outer < len(out.type.shape) and not is_small(out):
        memory = wide.room(out.type.shape, out.type.dtype)
        with _parts(builder, out.type.shape, outer, inner) as (place, where):
            builder.add(Store(_at(builder, memory, place), wide.element(rule, where)))
        builder.known[out] = memory
        return
    sources = tuple(s._replace(order=None) for s in (*rule.sources, *positions.sources))
    shape = out.type.shape
    made = Each(shape, lambda place: wide.element(rule, inner(place)), sources, rule.cost + 1)
    wide.known(out, made)


def _elsewhere(builder: Builder, value: Value, memory: Memory) -> Each:
    """A rule that reads nothing of some memory."""
    wide = builder.wide
    rule = wide.each(value)
    if any(s.buffer == memory.buffer for s in rule.sources):
        wide.settle(value)
        rule = wide.each(value)
    return rule


SEVERAL: dict[str, Callable[[Builder, Node], None]] = {
    "scatter_add": _scatter_add,
    "tensor_scatter_nd_add": _nd_add,
}
