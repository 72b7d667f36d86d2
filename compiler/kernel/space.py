"""The iteration space of a fused group: which loop each axis of each value runs along.

A group loops over ``dims`` (sizes other than 1). The axes in ``reduced`` are folded by its
reductions. A value is at *full* level if it has an element for every point, at *outer* level if
it has one for each point of the kept axes. ``axes[value]`` gives for each axis of the value the
loop it runs along, or None for an axis of size 1; ``~a`` is loop ``a`` from its end to its front.

What a movement op makes of a value is read where the value is (``moves``): of a value from outside
the group by offset and strides, so it may stand in any loop; of a value that the group computes
only if each point needs one element of it, its own or, of a reversed axis, that of a point which
then has the other's: ``flip(tanh(x))`` is one kernel, ``h + flip(h)`` reads ``h`` from memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.access import AccessMap, Axis, access_of
from twofold.ir.dims import DimLike
from twofold.ir.graph import Node, Value

__all__ = ["AxisMap", "Moves", "Space", "is_one", "loop_of", "nontrivial", "note_move"]

AxisMap = tuple[int | None, ...]
Moves = dict[Value, tuple[Value, AccessMap]]  # moved value -> where it lies in which other value


def is_one(dim: DimLike) -> bool:
    """Whether a size is known to be 1."""
    return isinstance(dim, int) and dim == 1


def loop_of(entry: int) -> int:
    """The loop that an axis runs along, in either direction."""
    return entry if entry >= 0 else ~entry


def nontrivial(shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
    """The sizes other than 1."""
    return tuple(d for d in shape if not is_one(d))


def note_move(node: Node, moves: Moves) -> AccessMap | None:
    """Enter what a movement node makes into ``moves``; its own access map, if it has one."""
    access = access_of(node)
    if access is not None and node.out not in moves:
        source = node.inputs[0]
        base, inner = moves.get(source, (source, None))
        moves[node.out] = base, access if inner is None else access.through(inner)
    return access


class Space:
    """Dims, reduced axes and the axis map of every value placed so far."""

    def __init__(
        self,
        dims: tuple[DimLike, ...],
        reduced: frozenset[int] | None = None,
        moves: Moves | None = None,
    ) -> None:
        self.dims, self.reduced = dims, reduced
        self.axes: dict[Value, AxisMap] = {}
        self.moves: Moves = {} if moves is None else moves

    @classmethod
    def starting_at(cls, node: Node, moves: Moves | None = None) -> Space:
        """The space of a group that starts with this node."""
        shape = node.inputs[0].type.shape if node.op.kind == "reduce" else node.out.type.shape
        return cls(nontrivial(shape), None, moves)

    def copy(self) -> Space:
        """An independent copy."""
        new = Space(self.dims, self.reduced, self.moves)
        new.axes = dict(self.axes)
        return new

    @property
    def kept(self) -> frozenset[int]:
        """The axes that are not reduced."""
        return frozenset(range(len(self.dims))) - (self.reduced or frozenset())

    def level(self, axis_map: AxisMap) -> str | None:
        """``full``, ``outer`` or None (neither)."""
        if len(axis_map) == len(self.dims) and None not in axis_map:
            return "full"
        have = {loop_of(a) for a in axis_map if a is not None}
        if len(have) == len(self.dims):
            return "full"
        return "outer" if self.reduced and have == self.kept else None

    def place(self, node: Node) -> tuple[AxisMap, frozenset[int] | None] | None:
        """The output's axis map and the reduced axes with this node added, or None."""
        if node.op.kind == "reduce":
            return self._place_reduce(node)
        if node.op.axes is not None and note_move(node, self.moves) is not None:
            have = self.located(node.out)
            found = None if have is None else self.fill(have, node.out)
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
        have = self.filled(source)
        folded = node.attrs["axis"]
        if have is None or self.level(have) is None:
            return None
        loops = frozenset(loop_of(a) for i in folded if (a := have[i]) is not None)
        reduced: frozenset[int] | None = loops
        if not loops:  # only axes of size 1: nothing to fold
            reduced = self.reduced
        elif self.level(have) != "full" or self.reduced not in (None, reduced):
            return None
        if node.attrs.get("keepdims"):
            return tuple(None if i in folded else a for i, a in enumerate(have)), reduced
        return tuple(a for i, a in enumerate(have) if i not in folded), reduced

    def located(self, value: Value) -> AxisMap | None:
        """The loops that the group gives to the axes of a value, None for axes that are free.

        None if the value is moved from one of the group in such a way that a point needs
        elements of other points.
        """
        have = self.axes.get(value)
        if have is not None:
            return have
        free = (None,) * value.type.rank
        if value not in self.moves:
            return free
        base, access = self.moves[value]
        have = self.axes.get(base)
        if have is None:
            return free
        if any(have[source] is not None for source, _ in access.fixed):
            return None
        loops: list[int | None] = []
        for axis, size in zip(access.axes, value.type.shape, strict=True):
            entry = None if axis.source is None else have[axis.source]
            if entry is not None:
                if size != self.dims[loop_of(entry)]:
                    return None
                if axis == (axis.source, size - 1, -1):
                    entry = ~entry
                elif axis != Axis(axis.source):
                    return None
            loops.append(entry)
        return tuple(loops)

    def filled(self, value: Value) -> AxisMap | None:
        """A loop for every axis of an operand, or None."""
        have = self.located(value)
        return None if have is None else self.fill(have, value)

    def _place_broadcast(self, node: Node) -> AxisMap | None:
        rank = node.out.type.rank
        given = {self.axes.get(v) for v in node.inputs}
        if len(given) == 1 or self.moves.keys().isdisjoint(node.inputs):
            given.discard(None)
            if len(given) == 1:
                (same,) = given
                if same is not None and len(same) == rank and None not in same:
                    return same  # the loops of a value of this shape, and no other
        known: list[int | None] = [None] * rank
        for source in node.inputs:
            have = self.located(source)
            if have is None:
                return None
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
                if loop_of(given) >= limit:
                    return None
                limit = loop_of(given)
            elif not is_one(shape[i]):
                floor = max((loop_of(a) for a in out[:i] if a is not None), default=-1)
                limit = next(
                    (a for a in reversed(range(floor + 1, limit)) if self.dims[a] == shape[i]), -1
                )
                if limit < 0:
                    return None
                out[i] = limit
        return tuple(out)
