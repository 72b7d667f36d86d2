"""What a kernel of one point keeps in values, element by element: small arrays; and what not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.types import BufferType, TensorType

from .expression import in_kernels
from .statements import Access, Index

__all__ = [
    "ELEMENTS", "Elements", "Memory", "UnfitError", "check_linear", "held_in", "is_half",
    "is_small", "numbers", "positions", "size", "spread", "zero",
]  # fmt: skip

ELEMENTS = 64  # of an array that is kept in values

Elements = tuple[str, ...]  # the names of an array's elements, in row-major order


class Memory(NamedTuple):
    """An array that lies in a buffer, at an offset and, in loops, at computed positions."""

    buffer: int
    offset: DimLike
    scalars: tuple[tuple[str, DimLike], ...]
    strides: tuple[DimLike, ...]

    def at(self, offset: DimLike) -> Access:
        """An element of it."""
        return Access(self.buffer, Index(self.offset + offset, (0,), self.scalars))


class UnfitError(Exception):
    """What a kernel of one point cannot do."""


def size(value: Value) -> int:
    """The number of elements of a small array. Raises UnfitError for another."""
    if not is_small(value):
        raise UnfitError(f"{value.type} is no small array")
    return prod(map(int, value.type.shape))


def zero(value: Value, negative: bool = False) -> Any:
    """The number 0 of the dtype that an array is held in."""
    number = np.zeros((), held_in(value))
    return (-number if negative and number.dtype.kind in "fc" else number).item()


def check_linear(region: Graph, free: Iterable[Value] = ()) -> None:
    """Sequences are changed in place, so nothing uses one that something has changed. Raises
    UnfitError. ``free``: those of which each user has one of its own, as it has of a new one."""
    gone: set[Value] = set()
    own = {n.out for n in region.nodes if n.op.name == "buffer_new"}.union(free)
    for node in region.nodes:
        taken = [v for v in node.inputs if isinstance(v.type, BufferType) and v not in own]
        changed = [v for i, v in enumerate(node.inputs) if v in taken and _changes(node, i)]
        if not gone.isdisjoint(taken) or any(taken.count(v) > 1 for v in changed):
            raise UnfitError("a sequence that has been changed")
        gone.update(changed)
    left = [v for v in region.outputs if isinstance(v.type, BufferType) and v not in own]
    if not gone.isdisjoint(left) or len(left) != len(set(left)):
        raise UnfitError("a sequence that is used again")


_READS = ("buffer_size", "buffer_read")


def _changes(node: Node, i: int) -> bool:
    """Whether a node changes the sequence that is its input ``i``, or hands it on."""
    if not node.regions:
        return node.op.name not in _READS
    place = i - (len(node.inputs) - len(node.regions[0].inputs))
    if place < node.attrs.get("carried", 0):
        return True
    changed = any(_is_changed(region, region.inputs[place]) for region in node.regions)
    if changed and node.op.flow == "loop":
        raise UnfitError("a sequence that each trip changes, and that is no state")
    return changed


def _is_changed(region: Graph, value: Value) -> bool:
    if value in region.outputs:
        return True
    uses = [(n, i) for n in region.nodes for i, v in enumerate(n.inputs) if v is value]
    return any(_changes(node, i) for node, i in uses)


def held_in(value: Value) -> np.dtype[Any]:
    """The dtype of the values that an array's elements are."""
    return info(value.type.dtype).computes_in


def is_half(value: Value) -> bool:
    """Whether an array is stored in fewer bits than its elements are held in."""
    return info(value.type.dtype).half


def is_small(value: Value) -> bool:
    """Whether an array is kept in values."""
    shape = value.type.shape
    if type(value.type) is not TensorType or not in_kernels(value.type.dtype):
        return False
    return all(isinstance(d, int) for d in shape) and prod(map(int, shape)) <= ELEMENTS


def numbers(value: Value) -> tuple[int, ...]:
    """The shape of a small array."""
    return tuple(map(int, value.type.shape))


def positions(shape: Sequence[DimLike], strides: Sequence[DimLike]) -> list[Any]:
    """Where the elements of a small array lie, in row-major order."""
    found: list[Any] = [0]
    for count, stride in zip(shape, strides, strict=True):
        found = [place + stride * i for place in found for i in range(int(count))]
    return found


def spread(elements: Elements, value: Value, out: Value) -> Elements:
    """The elements of an operand at those of the result that it is broadcast to."""
    grid = np.empty(len(elements), object)
    grid[:] = elements
    return tuple(np.broadcast_to(grid.reshape(numbers(value)), numbers(out)).ravel())
