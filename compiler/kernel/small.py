"""What a kernel of one point keeps in values, element by element: small arrays; and what not."""

from __future__ import annotations

from collections.abc import Sequence
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
    "ELEMENTS", "Elements", "Grown", "Memory", "UnfitError", "check_linear", "held_in", "is_half",
    "is_small", "numbers", "positions", "sequence", "size", "spread", "zero",
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


class Grown(NamedTuple):
    """A growable sequence in a loop: a buffer of the kernel that grows and shrinks at its end."""

    buffer: int


class UnfitError(Exception):
    """What a kernel of one point cannot do."""


def size(value: Value) -> int:
    """The number of elements of a small array. Raises UnfitError for another."""
    if not is_small(value):
        raise UnfitError(f"{value.type} is no small array")
    return prod(map(int, value.type.shape))


def zero(value: Value) -> Any:
    """The number 0 of the dtype that an array is held in."""
    return np.zeros((), held_in(value)).item()


def check_linear(region: Graph) -> None:
    """Sequences are changed in place, so each is used once. Raises UnfitError."""
    used = [v for node in region.nodes for v in node.inputs] + region.outputs
    sequences = [v for v in used if isinstance(v.type, BufferType)]
    if len(sequences) != len(set(sequences)):
        raise UnfitError("a sequence that is used again")


def sequence(node: Node, value: Value) -> int:
    """Which input of a branch becomes a sequence that it returns."""
    number = [v for v in node.outputs if isinstance(v.type, BufferType)].index(value)
    given = [i for i, v in enumerate(node.inputs[1:]) if isinstance(v.type, BufferType)]
    if number >= len(given):
        raise UnfitError("a sequence that a branch makes")
    return given[number]


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
