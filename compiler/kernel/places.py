"""Computed positions in a kernel of one point: checked, and what stands at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Node, Value

from .arrays import Changing, is_large
from .each import Each
from .several import gathered, gathered_nd, indexed, updated
from .small import Elements, Memory, UnfitError, held_in, is_small, numbers, size, spread
from .statements import Check, Index, Position

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["Places"]

INT64 = np.dtype(np.int64)


class Places:
    """The computed positions of a kernel; see the module."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.known: dict[str, DimLike] = {}  # which numbers are positions of an axis of which size

    # ---- Numbers

    def whole_number(self, value: Value) -> str:
        """A scalar integer as an int64."""
        (given,) = self.builder.elements(value)
        return self.as_int64(given, value.type.dtype)

    def as_int64(self, given: str, kind: np.dtype[Any]) -> str:
        """An element of an integer dtype as an int64."""
        dtype = info(kind)
        if not dtype.integer or dtype.short == "u64":
            raise UnfitError("an index that may be beyond int64")
        return given if dtype.short == "i64" else self.builder.apply(f"cast({given})", INT64)

    def checked(self, given: str, kind: np.dtype[Any], size: DimLike) -> str:
        """A number as a position of an axis, checked; a negative one counts from the end."""
        builder = self.builder
        if given in self.known and self.known[given] == size:
            return given
        at = self.as_int64(given, kind)
        if isinstance(size, int):
            length = str(size)
        else:
            length = builder.name("v")
            builder.add(Position(length, Index(size, (0,))))
        if info(kind).unsigned:
            builder.add(Check(f"{at} < {length}"))
            return at
        builder.add(Check(f"-{length} <= {at} and {at} < {length}"))
        return builder.apply(f"{at} if {at} >= 0 else {at} + {length}", INT64)

    def index(self, node: Node) -> None:
        """numpy_index: positions, checked, which need no other check."""
        if not is_small(node.out):
            indexed(self.builder, node)
            return
        (given,), length = node.inputs, node.attrs["size"]
        kind = given.type.dtype
        found = [self.checked(x, kind, length) for x in self.builder.elements(given)]
        if not info(kind).unsigned:  # those are names of values, which are never set again
            self.known.update((name, length) for name in found)
        self.builder.known[node.out] = tuple(found)

    def position(self, node: Node) -> None:
        """array_position: positions as they are, checked."""
        index, count = node.inputs
        if index.type.shape:
            raise UnfitError("several positions at once")
        at = self.whole_number(index)
        tests = [] if info(index.type.dtype).unsigned else [f"0 <= {at}"]
        if node.attrs["access"] != "grow":
            tests.append(f"{at} < {self.whole_number(count)}")
        if tests:
            self.builder.add(Check(" and ".join(tests)))
        self.builder.known[node.out] = self.builder.elements(index)

    # ---- What stands there

    def gather(self, node: Node) -> None:
        """What is at computed positions of an axis."""
        source, index = node.inputs
        axis = node.attrs["axis"]
        if index.type.shape:
            gathered(self.builder, node)
            return
        (given,) = self.builder.elements(index)
        at = self.checked(given, index.type.dtype, source.type.shape[axis])
        self.take(source, {axis: at}, node.out)

    def gather_nd(self, node: Node) -> None:
        """Elements or parts at points."""
        source, indices = node.inputs
        if len(indices.type.shape) != 1:
            gathered_nd(self.builder, node)
            return
        places = self.point(source, indices)
        self.take(source, dict(enumerate(places)), node.out)

    def point(self, value: Value, indices: Value) -> list[str]:
        """A point along the first axes of a value, checked."""
        kind, given = indices.type.dtype, self.builder.elements(indices)
        sizes = value.type.shape[: len(given)]
        return [self.checked(x, kind, n) for x, n in zip(given, sizes, strict=True)]

    def take(self, source: Value, places: dict[int, str], out: Value) -> None:
        """Make known what is at positions along some axes of a value."""
        if isinstance(self.builder.known[source], Each):
            self.builder.wide.taken(source, places, out)
        else:
            self.builder.known[out] = self.taken(source, places, out)

    def taken(self, source: Value, places: dict[int, str], out: Value) -> Any:
        """What is at positions along some axes of a value."""
        found, versions = self.builder.known[source], self.builder.versions
        if isinstance(found, Memory | Changing):
            return versions.part(found, at_places(versions.memory(found), places), out)
        elements = self.builder.elements(source)
        if len(places) == 1:
            ((axis, at),) = places.items()
            return self.chosen(elements, source, axis, at)
        pairs = zip(places.values(), _strides(source), strict=False)
        each = size(out)
        if not each:
            raise UnfitError("an element of nothing")
        flat = " + ".join(f"{at} * {stride // each}" for at, stride in pairs)
        rows = np.array(elements, object).reshape(-1, each)
        return self.picked(rows, source, self.builder.apply(flat, INT64))

    def chosen(self, elements: Elements, value: Value, axis: int, at: str) -> Elements:
        """The part of a small array that is at a computed position of an axis."""
        grid = np.array(elements, object).reshape(numbers(value))
        if not grid.size:
            raise UnfitError("an element of nothing")
        rows = np.moveaxis(grid, axis, 0).reshape(grid.shape[axis], -1)
        return self.picked(rows, value, at)

    def picked(self, rows: Any, value: Value, at: str) -> Elements:
        """One of several rows of elements."""
        made = []
        for column in rows.T:
            expr = column[-1]
            for i, name in reversed([*enumerate(column[:-1])]):
                expr = f"{name} if {at} == {i} else {expr}"
            made.append(self.builder.apply(expr, held_in(value)))
        return tuple(made)

    def update(self, node: Node) -> None:
        """tensor_scatter_nd_update: elements, or parts, are others."""
        x, indices, updates = node.inputs
        if len(indices.type.shape) != 1:
            updated(self.builder, node)
            return
        builder = self.builder
        if is_large(x):
            places, versions = self.point(x, indices), builder.versions
            builder.wide.ahead(x, updates, node.out)
            held = versions.own(x, node.out)
            versions.write(at_places(held.memory, dict(enumerate(places))), updates, node.out)
            return
        elements, places = builder.elements(updates), self.point(x, indices)
        old, part = builder.elements(x), Value(x.type.with_shape(x.type.shape[len(places) :]))
        new = spread(elements, updates, part)
        made = []
        for i, name in enumerate(old):
            point = np.unravel_index(i // max(len(new), 1), numbers(x)[: len(places)])
            test = " and ".join(f"{at} == {n}" for at, n in zip(places, point, strict=True))
            made.append(builder.apply(f"{new[i % len(new)]} if {test} else {name}", held_in(x)))
        builder.known[node.out] = tuple(made)


def at_places(memory: Memory, places: dict[int, str]) -> Memory:
    """What is at positions along some axes of an array in memory."""
    scalars = (*memory.scalars, *((at, memory.strides[axis]) for axis, at in places.items()))
    strides = tuple(s for axis, s in enumerate(memory.strides) if axis not in places)
    return memory._replace(scalars=scalars, strides=strides)


def _strides(value: Value) -> list[int]:
    """The distances of neighbours along the axes of a small array."""
    shape = numbers(value)
    return [int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]
