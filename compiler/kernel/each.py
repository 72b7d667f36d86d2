"""Arrays by a rule for their elements, and positions in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twofold.ir.dims import DimLike

from .small import Memory

__all__ = [
    "DEAR", "Each", "Place", "Places", "Source", "aligned", "same_order", "shifted", "stretched",
]  # fmt: skip


class Place(NamedTuple):
    """A position: an offset, plus values of the kernel, each so many times."""

    offset: DimLike = 0
    terms: tuple[tuple[str, DimLike], ...] = ()

    def __add__(self, other: Any) -> Place:
        found: dict[str, DimLike] = {}
        for name, times in (*self.terms, *other.terms):
            found[name] = found.get(name, 0) + times
        return Place(self.offset + other.offset, tuple((v, n) for v, n in found.items() if n != 0))

    def __mul__(self, times: Any) -> Place:
        if isinstance(times, int) and times == 0:
            return Place()
        return Place(self.offset * times, tuple((v, n * times) for v, n in self.terms))


Places = tuple[Place, ...]

DEAR = 9  # the cost of an element above which it is computed once


class Source(NamedTuple):
    """What an ``Each`` reads: a buffer at one version, and in which order, as an array of the shape
    that it has itself; None: any of it."""

    buffer: int
    version: int | None
    order: Memory | None


class Each(NamedTuple):
    """An array by a rule for its elements; see the module."""

    shape: tuple[DimLike, ...]
    at: Callable[[Places], str]
    sources: tuple[Source, ...]
    cost: int = 1  # how long an element takes


def aligned(own: Sequence[DimLike], shape: Sequence[DimLike]) -> Callable[[Places], Places]:
    """From a position in a shape to that in what is broadcast to it."""
    first = len(shape) - len(own)
    ones = [isinstance(n, int) and n == 1 for n in own]

    def pick(index: Places) -> Places:
        return tuple(
            Place() if one else part for part, one in zip(index[first:], ones, strict=True)
        )

    return pick


def stretched(source: Source, own: Sequence[DimLike], shape: Sequence[DimLike]) -> Source:
    """What is read, in the order of the shape that it is broadcast to."""
    if source.order is None:
        return source
    first = len(shape) - len(own)
    strides = (*(0 for _ in range(first)),
               *(0 if isinstance(n, int) and n == 1 else s
                 for n, s in zip(own, source.order.strides, strict=True)))  # fmt: skip
    return source._replace(order=source.order._replace(strides=strides))


def shifted(source: Source, axis: int, first: str, step: int) -> Source:
    """What is read of a part that begins at a value along an axis."""
    order = source.order
    if order is None:
        return source
    stride = order.strides[axis]
    strides = (*order.strides[:axis], stride * step, *order.strides[axis + 1 :])
    return source._replace(
        order=order._replace(scalars=(*order.scalars, (first, stride)), strides=strides)
    )


def same_order(a: Memory, b: Memory, shape: Sequence[DimLike]) -> bool:
    """Whether two arrays of one shape lie at the same elements of a buffer, in the same order."""
    starts = [Place(m.offset, m.scalars) + Place() for m in (a, b)]
    if starts[0].offset != starts[1].offset or dict(starts[0].terms) != dict(starts[1].terms):
        return False
    pairs = zip(a.strides, b.strides, shape, strict=True)
    return all(s == t or (isinstance(n, int) and n == 1) for s, t, n in pairs)
