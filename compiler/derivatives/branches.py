"""The gradient of ``cond`` and ``switch``.

The forward node also returns what any of its branches keeps: values of one type share an output,
and a branch that does not make one returns zeros of that type, which nothing will use. The
backward node chooses in the same way among the reverse walks of the branches. A source that a
branch does not use gets exact zeros from it.

    %y, %kept = cond(%p, %x)            %gx = cond(%p, %kept, %gy)
      region then ... exp                 region then ... multiply(%gy, %kept)
      region else ... zeros               region else ... zeros
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call, type_of
from twofold.ir.graph import Graph, Value
from twofold.ir.ops import control as control_ops
from twofold.ir.rebuild import Rebuilt, copied
from twofold.ir.types import BufferType, TensorType
from twofold.ir.vjp import Linear, Sources, differentiable

from ..gradient import Backward, Derivative, Kept, mentioned
from ..trace import Tracer
from .build import blank, held_type, in_a_trace, positions, prepared
from .late import MARK, bound, made_inside, marked, pack, packed, retyped, unpack

__all__ = ["linearize"]


@control_ops.switch.linearization
@control_ops.cond.linearization
@in_a_trace
def linearize(call: Call, sources: Sources, tracer: Tracer) -> Linear:
    """The forward call of a ``cond`` or ``switch`` and its pullback."""
    made = _Branches(call, sources, tracer)
    forward = made.forward()
    later = tuple((position, made.own + k) for k, (position, _) in enumerate(made.later))
    return Linear(forward, made.own, later, made.pull)


class _Branches:
    """The branches of a call, derived for what is watched of its inputs."""

    def __init__(self, call: Call, sources: Sources, tracer: Tracer) -> None:
        self.call, self.tracer, self.own = call, tracer, len(call.types)
        inner = Sources(
            tuple(i - 1 for i in sources.inputs if i), tuple(i - 1 for i in sources.later)
        )
        outside = [type_of(x) for x in call.inputs]
        graphs = [prepared(region, tracer) for region in call.regions]
        self.inside = [made_inside(graph, outside, tracer.sizes) for graph in graphs]
        self.parts = [
            Derivative(graph, tracer.sizes, inner, inside=names)
            for graph, names in zip(graphs, self.inside, strict=True)
        ]
        self.later = self._later()
        self.kinds: list[TensorType] = []  # of what is kept
        self.slots = [self._slots(*each) for each in zip(self.parts, self.inside, strict=True)]
        self.given = [held_type(type_of(x)) for x in call.inputs[1:]]
        self.given += [self.given[position - 1] for position, _ in self.later]

    def _later(self) -> list[tuple[int, int]]:
        """Later values of Variables that any branch has: a position, and which one of its."""
        counts: dict[int, int] = {}
        for part in self.parts:
            found = [position for position, _ in part.later]
            for position in found:
                counts[position] = max(counts.get(position, 0), found.count(position))
        return [(1 + position, k) for position in sorted(counts) for k in range(counts[position])]

    def _slots(self, part: Derivative, inside: frozenset[str]) -> dict[Any, int]:
        """For each output of a branch that is kept, and each size that it makes and its reverse
        walk mentions, which of the outputs kept by all it is."""
        kinds: dict[Any, TensorType] = {
            output: packed(part.forward.outputs[output].type, inside, self.tracer.sizes)
            for output in part.place.values()
        }
        if inside:
            back = part.back(part.all, self.tracer.sizes, None)
            kinds |= dict.fromkeys(sorted(mentioned(back.graph) & inside), MARK)
        found: dict[Any, int] = {}
        for key, kind in kinds.items():
            free = [i for i, k in enumerate(self.kinds) if k == kind and i not in found.values()]
            if not free:
                free = [len(self.kinds)]
                self.kinds.append(kind)
            found[key] = free[0]
        return found

    def _sources(self, part: Derivative) -> list[int]:
        """For each source of a branch, which of those of the call it is."""
        seen: dict[int, int] = {}
        places = list(range(len(self.call.inputs) - 1))
        for position, _ in part.later:
            k = seen[position] = seen.get(position, -1) + 1
            places.append(len(self.call.inputs) - 1 + self.later.index((1 + position, k)))
        return places

    def forward(self) -> Call:
        """The call that also returns later values of Variables and what is kept."""
        regions = [self._forward(*each) for each in zip(self.parts, self.slots, strict=True)]
        later = [self.given[position - 1] for position, _ in self.later]
        types = [*self.call.types, *later, *self.kinds]
        call = self.call
        return Call(call.op, call.inputs, call.attrs, regions, types, call.place)

    def _forward(self, part: Derivative, slots: dict[Any, int]) -> Graph:
        graph = copied(part.forward)
        made = graph.outputs
        extra: list[Value | None] = [None] * (len(self.later) + len(self.kinds))
        for source, (_, output) in zip(self._late(part), part.later, strict=True):
            extra[source] = made[output]
        for key, slot in slots.items():
            value = marked(graph, key) if isinstance(key, str) else made[key]
            packs = value.type != self.kinds[slot]
            extra[len(self.later) + slot] = pack(graph, value) if packs else value
        kinds = [*[self.given[p - 1] for p, _ in self.later], *self.kinds]
        graph.outputs = made[: self.own] + [
            blank(graph, kind) if value is None else value
            for value, kind in zip(extra, kinds, strict=True)
        ]
        return graph

    def _late(self, part: Derivative) -> list[int]:
        first = len(self.call.inputs) - 1
        return [i - first for i in self._sources(part)[first:]]

    def pull(
        self, inputs: Sequence[Any], results: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Any]:
        """The cotangents of the inputs and later values from those of the outputs."""
        ground = bind.ground()
        used = tuple(i for i in positions(cotangents) if differentiable(results[i]))
        backs = [part.back(used, self.tracer.sizes, None) for part in self.parts]
        wanted = sorted(
            {self._sources(part)[i]
             for part, back in zip(self.parts, backs, strict=True) for i in back.wanted}
        )  # fmt: skip
        found: list[Any] = [None] * len(inputs)
        if not wanted:
            return found
        table: dict[tuple[str, int], Any] = {}  # what any branch uses of the forward values
        for part, slots, back in zip(self.parts, self.slots, backs, strict=True):
            for kept in back.kept:
                table[self._key(kept, part, slots)] = None
            for name in self._sizes(back, slots):
                table["result", self._at(slots[name])] = None
        for kind, at in table:
            table[kind, at] = inputs[1 + at] if kind == "input" else results[at]
        for i in used:
            table["cotangent", i] = ground.value(cotangents[i])
        kinds = {key: self._known(type_of(value)) for key, value in table.items()}
        regions = [
            self._backward(part, slots, back, kinds, wanted)
            for part, slots, back in zip(self.parts, self.slots, backs, strict=True)
        ]
        types = [self.given[i] for i in wanted]
        taken = (inputs[0], *table.values())
        outs = bind.run(Call(self.call.op, taken, {}, regions, types))
        for i, out in zip(wanted, outs, strict=True):
            found[1 + i] = ground.tensor(out)
        return found

    def _known(self, kind: TensorType) -> TensorType:
        """A type with what the trace knows of its sizes by now, as its branches have it."""
        return kind.sized([self.tracer.sizes.resolve(dim) for dim in kind.shape])

    def _key(self, kept: Kept, part: Derivative, slots: dict[Any, int]) -> tuple[str, int]:
        """Where the outer graph has what a branch keeps: an input or a result."""
        if kept.kind == "input":
            return "input", kept.key
        if kept.kind == "output":
            return "result", kept.key
        return "result", self._at(slots[part.place[kept.key]])

    def _at(self, slot: int) -> int:
        """Where an output that is kept stands among the results."""
        return self.own + len(self.later) + slot

    def _sizes(self, back: Backward, slots: dict[Any, int]) -> list[str]:
        """The sizes that a branch has made and its reverse walk mentions."""
        names = [key for key in slots if isinstance(key, str)]
        return sorted(mentioned(back.graph).intersection(names)) if names else []

    def _backward(
        self, part: Derivative, slots: dict[Any, int], back: Backward,
        kinds: dict[tuple[str, int], TensorType], wanted: Sequence[int],
    ) -> Graph:  # fmt: skip
        """The reverse walk of a branch with the inputs and outputs that all of them have."""
        new = Rebuilt(back.graph.name)
        place = {key: new.graph.input(kind) for key, kind in kinds.items()}
        for name in self._sizes(back, slots):
            bound(new.graph, place["result", self._at(slots[name])], name)
        found = [place[self._key(kept, part, slots)] for kept in back.kept]
        found += [value for key, value in place.items() if key[0] == "cotangent"]
        given = [
            unpack(new.graph, value, want.type) if isinstance(value.type, BufferType)
            and not isinstance(want.type, BufferType) else retyped(new.graph, value, want.type)
            for value, want in zip(found, back.graph.inputs, strict=True)
        ]  # fmt: skip
        grads = new.inline(back.graph, given)
        own = {self._sources(part)[i]: g for i, g in zip(back.wanted, grads, strict=True)}
        new.graph.outputs = [
            own[i] if i in own else blank(new.graph, self.given[i]) for i in wanted
        ]
        return new.graph
