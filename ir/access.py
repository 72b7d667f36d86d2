"""Where a movement op reads: for each axis of its output an axis of its input, a start and a step.

    flip(%x: f32[n,3]) {axis=(1,)}       axes (0, 0, 1) (1, 2, -1)
    %x[:, 0] of %x: f32[n,3]             axes (0, 0, 1)              fixed (1, 0)

Element ``i`` of an output axis is at ``start + i * step`` of the input axis ``source``; a step of 0
repeats one element, ``source`` None is an axis that the input does not have. Input axes that the
output does not have stand at one ``fixed`` index. An op says this once, by its fact ``axes``;
strides of views, the reads of fused kernels and their placement follow from it.

An op whose output is made of several boxes says what stands in each, by its fact ``pieces``:

    concat(%x: f32[n,3], %y: f32[m,3])   n rows from 0: %x; m rows from n: %y

A ``Piece`` is a box, a ``Span`` for each axis of the output, and an input, read by an access map
from the box, or a number. Pieces cover the output; where two meet, the later one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .dims import DimLike, provably_eq

if TYPE_CHECKING:
    from .graph import Node

__all__ = [
    "AccessMap", "Axis", "Piece", "Span", "access_of", "around", "identity", "nontrivial",
    "pieces_of", "reshaped", "whole",
]  # fmt: skip


class Axis(NamedTuple):
    """One axis of an output: element ``i`` is at ``start + i * step`` of the input's ``source``."""

    source: int | None  # None: an axis that the input does not have; its elements are repeated
    start: DimLike = 0
    step: int = 1


class AccessMap(NamedTuple):
    """The axes of an output, and the index at which each other axis of the input stands."""

    axes: tuple[Axis, ...]
    fixed: tuple[tuple[int, DimLike], ...] = ()

    def strides(
        self, offset: DimLike, strides: Sequence[DimLike]
    ) -> tuple[DimLike, tuple[DimLike, ...]]:
        """Offset and strides of the output in memory where the input has these.

        >>> AccessMap((Axis(1, 2, -1),), ((0, 1),)).strides(0, (3, 1))
        (5, (-1,))
        """
        for source, index in self.fixed:
            offset = offset + strides[source] * index
        out: list[DimLike] = []
        for axis in self.axes:
            stride = 0 if axis.source is None else strides[axis.source]
            offset = offset + stride * axis.start
            out.append(stride * axis.step)
        return offset, tuple(out)

    def through(self, inner: AccessMap) -> AccessMap:
        """The map of this movement applied to the output of the movement ``inner``."""
        fixed = list(inner.fixed)
        for source, index in self.fixed:
            below = inner.axes[source]
            if below.source is not None:
                fixed.append((below.source, below.start + index * below.step))
        axes = []
        for axis in self.axes:
            below = Axis(None) if axis.source is None else inner.axes[axis.source]
            start = below.start + axis.start * below.step
            axes.append(Axis(None) if below.source is None else
                        Axis(below.source, start, axis.step * below.step))  # fmt: skip
        return AccessMap(tuple(axes), tuple(fixed))


class Span(NamedTuple):
    """Positions ``start``, ``start + step``, ... along an axis of an output, ``size`` of them."""

    start: DimLike
    size: DimLike
    step: int = 1


class Piece(NamedTuple):
    """A box of an output: elements of the input ``source``, or the number ``value``."""

    box: tuple[Span, ...]
    source: int | None
    access: AccessMap = AccessMap(())  # from the box to the input
    value: Any = None


def whole(shape: Sequence[DimLike]) -> tuple[Span, ...]:
    """The box that is a whole shape."""
    return tuple(Span(0, size) for size in shape)


def identity(rank: int) -> AccessMap:
    """The map of a value to itself."""
    return AccessMap(tuple(Axis(i) for i in range(rank)))


def around(box: Sequence[Span], shape: Sequence[DimLike]) -> list[tuple[Span, ...]]:
    """Boxes for what a shape has outside a box of steps 1, which do not overlap.

    >>> around([Span(0, 2), Span(1, 2)], (2, 3))
    [(Span(start=0, size=2, step=1), Span(start=0, size=1, step=1))]
    """
    found = []
    for axis, (span, size) in enumerate(zip(box, shape, strict=True)):
        end = span.start + span.size
        for start, count in ((0, span.start), (end, size - end)):
            if not provably_eq(count, 0):
                found.append((*box[:axis], Span(start, count), *whole(shape[axis + 1 :])))
    return found


def pieces_of(node: Node) -> Sequence[Piece] | None:
    """The pieces of a node's output; None if its op has none, or not for this node."""
    if node.op.pieces is None:
        return None
    types = [v.type for v in node.inputs]
    found: Sequence[Piece] | None = node.op.pieces(types, node.out.type, node.attrs)
    return found


def access_of(node: Node) -> AccessMap | None:
    """The access map of a node; None if its op does not move, or not by start and step."""
    if node.op.axes is None:
        return None
    found: AccessMap | None = node.op.axes(node.inputs[0].type, node.out.type, node.attrs)
    return found


def nontrivial(shape: Sequence[DimLike]) -> tuple[int, ...]:
    """The axes whose size is not known to be 1."""
    return tuple(i for i, d in enumerate(shape) if not (isinstance(d, int) and d == 1))


def reshaped(before: Sequence[DimLike], after: Sequence[DimLike]) -> AccessMap | None:
    """The map of a reshape that only adds and removes axes of size 1, else None."""
    old, new = nontrivial(before), nontrivial(after)
    if [before[i] for i in old] != [after[i] for i in new]:
        return None
    source = dict(zip(new, old, strict=True))
    axes = tuple(Axis(source.get(i)) for i in range(len(after)))
    return AccessMap(axes, tuple((i, 0) for i in range(len(before)) if i not in old))
