"""Where a movement op reads: for each axis of its output an axis of its input, a start and a step.

    flip(%x: f32[n,3]) {axis=(1,)}       axes (0, 0, 1) (1, 2, -1)
    %x[:, 0] of %x: f32[n,3]             axes (0, 0, 1)              fixed (1, 0)

Element ``i`` of an output axis is at ``start + i * step`` of the input axis ``source``; a step of 0
repeats one element, ``source`` None is an axis that the input does not have. Input axes that the
output does not have stand at one ``fixed`` index. An op says this once, by its fact ``axes``;
strides of views, the reads of fused kernels and their placement follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .dims import DimLike

if TYPE_CHECKING:
    from .graph import Node

__all__ = ["AccessMap", "Axis", "access_of", "nontrivial", "reshaped"]


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
