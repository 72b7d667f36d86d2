"""What shape inference requires of sizes, and the broadcasting rule.

``Sizes`` answers structurally: two sizes are the same if they are the same expression. The tracer
passes a subclass that also knows the sizes of the example call, and in which what was required and
holds there is relied on from then on: it becomes a guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .dims import DimLike, provably_eq, provably_positive
from .errors import ShapeError

__all__ = ["Sizes", "broadcast_shapes", "divides", "show_shape"]


class Sizes:
    """Requirements on sizes, answered from the expressions alone: False where one does not hold."""

    def require_same(self, a: DimLike, b: DimLike, *, decide: bool = False) -> bool:
        """That two sizes are equal. ``decide``: the caller also relies on a False answer."""
        return provably_eq(a, b)

    def require_positive(self, a: DimLike) -> bool:
        """That a size is at least one."""
        return provably_positive(a) if not isinstance(a, int) else a > 0

    def require_at_most(self, a: DimLike, b: DimLike) -> bool:
        """That a <= b; True where symbols leave it open (the run-time check decides)."""
        return a <= b if isinstance(a, int) and isinstance(b, int) else True


def divides(part: Any, whole: Any) -> bool:
    """Whether a size is a multiple of another one, which is at least 1.

    It is asked as what is to hold, so that an example of an open size can be found for which it
    does; ``== 0`` would decide the size itself.
    """
    return bool(whole % part <= 0)


def show_shape(shape: Sequence[DimLike]) -> str:
    """A shape as the messages print it: ``[2,n]``."""
    return f"[{','.join(map(str, shape))}]"


def broadcast_shapes(
    shapes: Sequence[Sequence[DimLike]], sizes: Sizes, what: str = "operands"
) -> tuple[DimLike, ...]:
    """The common shape by NumPy's broadcasting rule.

    Raises ShapeError naming the shapes and the axis that does not fit.
    """
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return tuple(first)
    rank = max(map(len, shapes))
    result: list[DimLike] = []
    for axis in range(-rank, 0):
        dim: DimLike = 1
        for shape in shapes:
            if len(shape) < -axis:
                continue
            merged = _merge(dim, shape[axis], sizes)
            if merged is None:
                shown = " and ".join(show_shape(s) for s in shapes)
                raise ShapeError(
                    f"cannot broadcast {what} of shapes {shown}: axis {axis} has size "
                    f"{shape[axis]} where {dim} is expected; sizes must be equal or 1"
                )
            dim = merged
        result.append(dim)
    return tuple(result)


def _merge(a: DimLike, b: DimLike, sizes: Sizes) -> DimLike | None:
    if isinstance(a, int) and a == 1:
        return b
    if isinstance(b, int) and b == 1:
        return a
    if sizes.require_same(a, b):
        return a if isinstance(a, int) else b if isinstance(b, int) else a
    if sizes.require_same(a, 1):
        return b
    return a if sizes.require_same(b, 1) else None
