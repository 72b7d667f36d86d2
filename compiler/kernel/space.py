"""The iteration space of a fused group: which loop each axis of each value runs along.

A group loops over ``dims`` (sizes other than 1). The axes in ``reduced`` are folded by its
reductions. A value is at *full* level if it has an element for every point, at *outer* level if
it has one for each point of the kept axes. ``axes[value]`` gives for each axis of the value the
loop it runs along, or None for an axis of size 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.dims import DimLike
from twofold.ir.graph import Node, Value

__all__ = ["AxisMap", "Space", "is_one", "nontrivial"]

AxisMap = tuple[int | None, ...]
RESHAPES = ("expand_dims", "squeeze", "reshape")
VIEWS = ("transpose",)


def is_one(dim: DimLike) -> bool:
    """Whether a size is known to be 1."""
    return isinstance(dim, int) and dim == 1


def nontrivial(shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
    """The sizes other than 1."""
    return tuple(d for d in shape if not is_one(d))


class Space:
    """Dims, reduced axes and the axis map of every value placed so far."""

    def __init__(self, dims: tuple[DimLike, ...], reduced: frozenset[int] | None = None) -> None:
        self.dims, self.reduced = dims, reduced
        self.axes: dict[Value, AxisMap] = {}

    @classmethod
    def starting_at(cls, node: Node) -> Space:
        """The space of a group that starts with this node."""
        shape = node.inputs[0].type.shape if node.op.kind == "reduce" else node.out.type.shape
        return cls(nontrivial(shape))

    def copy(self) -> Space:
        """An independent copy."""
        new = Space(self.dims, self.reduced)
        new.axes = dict(self.axes)
        return new

    @property
    def kept(self) -> frozenset[int]:
        """The axes that are not reduced."""
        return frozenset(range(len(self.dims))) - (self.reduced or frozenset())

    def level(self, axis_map: AxisMap) -> str | None:
        """``full``, ``outer`` or None (neither)."""
        have = {a for a in axis_map if a is not None}
        if len(have) == len(self.dims):
            return "full"
        return "outer" if self.reduced and have == self.kept else None

    def place(self, node: Node) -> tuple[AxisMap, frozenset[int] | None] | None:
        """The output's axis map and the reduced axes with this node added, or None."""
        if node.op.kind == "reduce":
            return self._place_reduce(node)
        if node.op.name in RESHAPES:
            found = self._place_reshape(node)
        elif node.op.name in VIEWS:
            inside = node.inputs[0] in self.axes
            found = None if inside else self.fill((None,) * node.out.type.rank, node.out)
        else:
            found = self._place_broadcast(node)
        if found is None or self.level(found) is None:
            return None
        return found, self.reduced

    def add(self, node: Node) -> bool:
        """Place a node; False if it does not fit."""
        placed = self.place(node)
        if placed is None:
            return False
        self.axes[node.out], self.reduced = placed
        return True

    def _place_reduce(self, node: Node) -> tuple[AxisMap, frozenset[int] | None] | None:
        source = node.inputs[0]
        have = self.axes.get(source) or self.fill((None,) * source.type.rank, source)
        folded = node.attrs["axis"]
        if have is None or self.level(have) is None:
            return None
        loops = frozenset(a for i in folded if (a := have[i]) is not None)
        reduced: frozenset[int] | None = loops
        if not loops:  # only axes of size 1: nothing to fold
            reduced = self.reduced
        elif self.level(have) != "full" or self.reduced not in (None, reduced):
            return None
        if node.attrs.get("keepdims"):
            return tuple(None if i in folded else a for i, a in enumerate(have)), reduced
        return tuple(a for i, a in enumerate(have) if i not in folded), reduced

    def _place_reshape(self, node: Node) -> AxisMap | None:
        source, out = node.inputs[0], node.out.type.shape
        if nontrivial(source.type.shape) != nontrivial(out):
            return None
        have = self.axes.get(source) or self.fill((None,) * source.type.rank, source)
        if have is None:
            return None
        loops = iter([a for a in have if a is not None])
        return tuple(None if is_one(d) else next(loops) for d in out)

    def _place_broadcast(self, node: Node) -> AxisMap | None:
        rank = node.out.type.rank
        known: list[int | None] = [None] * rank
        for source in node.inputs:
            have = self.axes.get(source)
            if have is None:
                continue
            lead = rank - len(have)
            for i, axis in enumerate(have):
                if axis is None:
                    continue
                if known[lead + i] not in (None, axis):
                    return None
                known[lead + i] = axis
        return self.fill(tuple(known), node.out)

    def fill(self, known: AxisMap, value: Value) -> AxisMap | None:
        """Give every axis of ``value`` a loop of its size, in order, from the last axis on."""
        shape = value.type.shape
        out: list[int | None] = list(known)
        limit = len(self.dims)
        for i in reversed(range(len(shape))):
            given = out[i]
            if given is not None:
                if given >= limit:
                    return None
                limit = given
            elif not is_one(shape[i]):
                floor = max((a for a in out[:i] if a is not None), default=-1)
                limit = next(
                    (a for a in reversed(range(floor + 1, limit)) if self.dims[a] == shape[i]), -1
                )
                if limit < 0:
                    return None
                out[i] = limit
        return tuple(out)
