"""The body of a loop, derived: what flows through it, what it keeps for the reverse loop.

What the reverse walk of a body uses is found in one of these ways. A *given* (the same in every
trip) and a *row* of an array that is scanned over are there anyway, and so are the rows that the
loop stacked; what depends on givens alone is computed again, once; the next state is carried by the
reverse loop, which has just left it. Only the rest is *saved* in every trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from twofold.ir.errors import StagingError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.types import TensorType
from twofold.ir.vjp import Sources, differentiable

from ..gradient import Backward, Derivative, Kept, mentioned
from ..sizes import TraceSizes
from .late import MARK, made_inside, marked, pack, packed

__all__ = ["Body", "Where", "active"]


class Where(NamedTuple):
    """Where the reverse loop finds what a trip has kept.

    ``state``, ``made``, ``next``, ``size``: saved by the loop: the state at the start, what a node
    made, the state at the end, a size that is another in each trip. ``after``: the state at the
    end, carried. ``row``, ``stacked``: a row of an input or of an output. ``given``: an input.
    ``again``: a node that needs givens only.
    """

    how: str
    key: Any


SAVED = ("state", "made", "next", "size")


class Body:
    """The body of a loop with ``carried`` values of state and ``sliced`` arrays."""

    def __init__(
        self, graph: Graph, carried: int, sliced: int, sources: Sources, sizes: TraceSizes,
        outside: Sequence[TensorType],
    ) -> None:  # fmt: skip
        self.graph, self.carried, self.sizes = graph, carried, sizes
        _refuse_changing(graph, sources)
        self.first_given = carried + sliced
        watched = set(sources.inputs)
        live = _flowing(graph, carried, watched, set(sources.later))
        states = {i for i in range(carried) if live[i]}
        inner = sorted(states | {i for i in watched if i >= carried})
        self.flows = tuple(i for i, on in enumerate(live) if on)  # outputs that sources reach
        self.inside = made_inside(graph, outside, sizes)
        self.derived = Derivative(
            graph, sizes, Sources(tuple(inner), sources.later), used=self.flows,
            free=range(carried, len(graph.inputs)), inside=self.inside,
        )  # fmt: skip
        back = self.derived.back(self.flows, sizes, None)
        kept = back.kept
        self._inputs = {k.key for k in kept if k.kind == "input"}
        self._constant = _invariant(self.derived.forward, self.first_given)
        self.saved = list(dict.fromkeys(w for k in kept if (w := self.where(k)).how in SAVED))
        self.saved += self.sizes_of(back, self.flows)

    def where(self, kept: Kept) -> Where:
        """Where the reverse loop finds a value that the reverse walk of a trip uses."""
        kind, key = kept
        if kind == "input":
            if key < self.carried:
                return Where("state", key)
            return Where("row" if key < self.first_given else "given", key)
        if kind == "made":
            node, output = key
            value = self.derived.forward.nodes[node].outputs[output]
            return Where("again" if value in self._constant else "made", key)
        outputs = self.graph.outputs
        same = [i for i in range(self.carried, len(outputs)) if outputs[i] is outputs[key]]
        if same:
            return Where("stacked", same[0])
        return Where("after" if key in self._inputs else "next", key)

    def sizes_of(self, back: Backward, used: Sequence[int]) -> list[Where]:
        """The sizes of a trip that the reverse walk mentions."""
        if not self.inside:
            return []
        states = [v for i in used if i < self.carried
                  for v in (self.graph.inputs[i], self.graph.outputs[i])]  # fmt: skip
        found = mentioned(back.graph).union(*[v.type.symbols() for v in states])
        return [Where("size", name) for name in sorted(found & self.inside)]

    def kept_as(self, where: Where) -> TensorType:
        """The type that what is saved in a trip is kept as."""
        return MARK if where.how == "size" else packed(self.type_of(where), self.inside, self.sizes)

    def type_of(self, where: Where) -> TensorType:
        """The type of what is saved in a trip."""
        forward = self.derived.forward
        return self.saved_value(where, self.graph.inputs, forward.outputs).type

    def save(
        self, graph: Graph, where: Where, inputs: Sequence[Value], outs: Sequence[Value]
    ) -> Value:
        """Append what is kept of a trip, from the inputs and outputs of the forward body."""
        if where.how == "size":
            return marked(graph, where.key)
        value = self.saved_value(where, inputs, outs)
        return value if self.kept_as(where) == value.type else pack(graph, value)

    def saved_value(self, where: Where, inputs: Sequence[Value], outs: Sequence[Value]) -> Value:
        """What is saved in a trip, from the inputs and outputs of the forward body."""
        if where.how == "made":
            return outs[self.derived.place[where.key]]
        at: int = where.key
        return inputs[at] if where.how == "state" else outs[at]

    def _has(self, kept: Kept) -> bool:
        """Whether the loop saves what a walk takes, if it must."""
        where = self.where(kept)
        return where.how not in SAVED or where in self.saved

    def back(self, given: set[int]) -> tuple[Backward, tuple[int, ...]]:
        """The reverse walk of a trip when cotangents of the outputs ``given`` come from outside,
        and the outputs whose cotangents it takes: those, and states that trips before it used; all
        of them if else it took something that is not saved."""
        used = given.intersection(self.flows)
        while True:
            at = tuple(sorted(used))
            back = self.derived.back(at, self.sizes, None)
            if not all(map(self._has, back.kept)):
                return self.derived.back(self.flows, self.sizes, None), self.flows
            more = {i for i in back.wanted if i < self.carried and i in self.flows}
            if more <= used:
                return back, at
            used |= more

    def again(self, wheres: Sequence[Where]) -> list[Node]:
        """The nodes that make what is computed again."""
        nodes = self.derived.forward.nodes
        live = {nodes[w.key[0]].outputs[w.key[1]] for w in wheres if w.how == "again"}
        found = []
        for node in reversed(nodes):
            if not live.isdisjoint(node.outputs):
                live.update(node.inputs)
                found.append(node)
        return found[::-1]


def _refuse_changing(graph: Graph, sources: Sources) -> None:
    """Raise StagingError for a loop that reads a watched Variable and assigns it in its body: the
    values of later trips are other sources than the first."""
    for i in graph.refs()[0].intersection(graph.written(), sources.inputs):
        raise StagingError(
            f"the body of a loop reads and assigns the Variable {graph.inputs[i].name!r}, which a "
            f"tape watches; carry its value as state of the loop, and assign that"
        )


def _flowing(graph: Graph, carried: int, watched: set[int], later: set[int]) -> list[bool]:
    """Which outputs of the body may depend on what is watched, in any trip."""
    states = {i for i in watched if i < carried}
    while True:
        live = active(graph, states | {i for i in watched if i >= carried}, later)
        more = {i for i in range(carried) if live[i]} - states
        if not more:
            return [on or i in states for i, on in enumerate(live)]
        states |= more


def active(graph: Graph, inputs: set[int], later: set[int]) -> list[bool]:
    """Which outputs of a graph gradients may flow from to these inputs and later values."""
    refs = {graph.inputs[i] for i in later}
    live = {graph.inputs[i] for i in inputs}
    for node in graph.nodes:
        held = node.op.name == "held"
        sources = node.inputs[:1] if held else node.inputs
        found = refs if held else live
        if not found.isdisjoint(sources) or (node.regions and not refs.isdisjoint(sources)):
            live.update(v for v in node.outputs if differentiable(v))
    return [v in live for v in graph.outputs]


def _invariant(graph: Graph, first_given: int) -> set[Value]:
    """The values that are the same in every trip and may be computed at any time."""
    found = set(graph.inputs[first_given:])
    for node in graph.nodes:
        if node.op.pure and not node.regions and not node.pinned and found.issuperset(node.inputs):
            found.update(node.outputs)
    return found
