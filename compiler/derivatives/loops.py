"""The gradients of ``scan`` and ``while``.

The forward loop saves in every trip what the reverse walk of the body needs: a scan stacks it, a
while, whose number of trips is known when it is over, pushes it onto buffers. The reverse loop
(``reverse.py``) goes through the trips from the last to the first.

    %s, %saved = scan(%s0, %x)          %g0, %gx = scan(%g, %saved) {reverse=True}
    %s, %b, %n = while(%s0, ...)        %m, %b, %g0 = while(%n, %b, %g): as long as %m > 0

What a scan cannot stack, such as a buffer that a loop in its body keeps, it pushes as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call, type_of
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.ops import control as control_ops
from twofold.ir.rebuild import Rebuilt
from twofold.ir.types import BufferType, TensorType
from twofold.ir.vjp import Linear, Sources

from ..trace import Tracer
from .body import Body
from .build import blank, held_type, in_a_trace, positions, prepared, same_size
from .reverse import Reverse

__all__ = ["linearize"]

COUNT = TensorType(np.dtype(np.int64))


@control_ops.scan.linearization
@control_ops.while_.linearization
@in_a_trace
def linearize(call: Call, sources: Sources, tracer: Tracer) -> Linear:
    """The forward call of a ``scan`` or ``while`` and its pullback."""
    loop = _Scan(call, sources, tracer) if call.op.name == "scan" else _While(call, sources, tracer)
    own = len(call.types)
    if not loop.body.flows and not loop.later:
        return Linear(call, own, (), lambda inputs, results, cotangents: [None] * len(inputs))
    graph = loop.forward()
    around = Call(OPS["call"], call.inputs, {}, (graph,), graph.types, call.place)
    later = tuple((position, own + k) for k, (position, _) in enumerate(loop.later))
    return Linear(around, own, later, loop.pull)


class _Loop:
    """A loop derived for what is watched of its inputs."""

    def __init__(self, call: Call, sources: Sources, tracer: Tracer) -> None:
        self.call, self.tracer = call, tracer
        self.carried: int = call.attrs["carried"]
        self.sliced: int = call.attrs.get("sliced", 0)
        self.types = [type_of(x) for x in call.inputs]
        self.own = list(call.types)
        inner = prepared(call.regions[-1], tracer)
        self.body = Body(inner, self.carried, self.sliced, sources, tracer.sizes, self.types)
        self.later = self.body.derived.later  # positions, and outputs of the forward body
        self.later_types = [held_type(self.types[position]) for position, _ in self.later]
        self.kinds = {where: self.body.kept_as(where) for where in self.body.saved}
        stacked = [where for where in self.kinds if self.stacks(self.kinds[where])]
        self.stacked = stacked
        self.pushed = [where for where in self.kinds if where not in stacked]
        first = len(self.own) + len(self.later)
        self.at = {where: first + i for i, where in enumerate([*self.pushed, *stacked])}

    def stacks(self, kind: TensorType) -> bool:
        """Whether the loop stacks what is saved of this type; else it pushes it."""
        return False

    def node(self, graph: Graph, states: list[Value], rest: list[Value], body: Graph) -> Any:
        """Append the forward loop: its own outputs, later values, what is pushed and stacked, and
        what else the reverse loop needs."""
        raise NotImplementedError

    def reverse(
        self, loop: Reverse, inputs: Sequence[Any], results: Sequence[Any]
    ) -> Sequence[Any]:
        """Run the reverse loop."""
        raise NotImplementedError

    def forward(self) -> Graph:
        """The graph of the loop that also returns later values of Variables and what is saved."""
        graph = Graph(f"{self.call.op.name}_forward")
        given = [graph.input(kind) for kind in self.types]
        states = given[: self.carried] + [blank(graph, kind) for kind in self.later_types]
        states += [blank(graph, BufferType.of(self.kinds[where])) for where in self.pushed]
        graph.outputs = self.node(graph, states, given[self.carried :], self._forward_body())
        return graph

    def _forward_body(self) -> Graph:
        """The body of the forward loop: the next state, and the rows that are stacked."""
        body, n = self.body.graph, self.carried
        new = Rebuilt(body.name)
        states = [new.graph.input(v.type, v.name) for v in body.inputs[:n]]
        for kind in self.later_types:
            new.graph.input(kind)
        buffers = [new.graph.input(BufferType.of(self.kinds[where])) for where in self.pushed]
        inputs = states + [new.graph.input(v.type, v.name) for v in body.inputs[n:]]
        outs = new.inline(self.body.derived.forward, inputs)
        saved = {w: self.body.save(new.graph, w, inputs, outs) for w in self.at}
        pushed = [
            new.graph.add(OPS["buffer_push"], (buffer, saved[where])).out
            for buffer, where in zip(buffers, self.pushed, strict=True)
        ]
        later = [outs[output] for _, output in self.later]
        rows = outs[n : len(body.outputs)] + [saved[where] for where in self.stacked]
        new.graph.outputs = [*outs[:n], *later, *pushed, *rows]
        return new.graph

    def pull(
        self, inputs: Sequence[Any], results: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Any]:
        """The cotangents of the inputs and later values from those of the outputs."""
        back, used = self.body.back(set(positions(cotangents)))
        found: list[Any] = [None] * len(inputs)
        if not back.wanted and not any(i < self.carried for i in used):
            return found
        loop = Reverse(self.body, back, used, self.at, set(self.pushed))
        loop.take(inputs, results, cotangents)
        ground = bind.ground()
        for i, out in zip(loop.sources, self.reverse(loop, inputs, results), strict=True):
            found[i] = ground.tensor(same_size(out, type_of(inputs[i])))
        return found


class _Scan(_Loop):
    """See the module."""

    def stacks(self, kind: TensorType) -> bool:
        """Whether the loop stacks what is saved of this type; else it pushes it."""
        return not isinstance(kind, BufferType)

    def node(self, graph: Graph, states: list[Value], rest: list[Value], body: Graph) -> Any:
        """Append the forward loop."""
        n, own, count = self.carried, self.own, len(states)
        length = self.call.attrs["length"]
        saved = [self.kinds[w].with_shape((length, *self.kinds[w].shape)) for w in self.stacked]
        types = [*own[:n], *[v.type for v in states[n:]], *own[n:], *saved]
        attrs = {**self.call.attrs, "carried": count}
        made = graph.add(self.call.op, states + rest, attrs, regions=[body], types=types).outputs
        rows = count + len(own) - n
        return [*made[:n], *made[count:rows], *made[n:count], *made[rows:]]

    def reverse(
        self, loop: Reverse, inputs: Sequence[Any], results: Sequence[Any]
    ) -> Sequence[Any]:
        """Run the reverse loop."""
        carried, rows, given = loop.carried, loop.rows, loop.given
        length = self.call.attrs["length"]
        body = loop.region()
        n = len(carried)
        types = [loop.result_type(spec) for spec in carried]
        types += [t.with_shape((length, *t.shape)) for t in body.types[n:]]
        attrs = {
            "carried": n, "sliced": len(rows), "length": length,
            "reverse": not self.call.attrs.get("reverse", False),
        }  # fmt: skip
        values = [loop.values[spec] for spec in (*carried, *rows, *given)]
        outs = bind.run(Call(self.call.op, tuple(values), attrs, (body,), types))
        return loop.results(outs)


class _While(_Loop):
    """See the module."""

    def node(self, graph: Graph, states: list[Value], rest: list[Value], body: Graph) -> Any:
        """Append the forward loop, which also counts its trips."""
        n = self.carried
        zero = graph.add(OPS["constant"], (), {"value": np.zeros((), np.int64)}).out
        types = [*self.own, *[v.type for v in states[n:]], COUNT]
        count = Value(COUNT, "trips")
        body.inputs.insert(len(states), count)
        one = body.add(OPS["constant"], (), {"value": np.ones((), np.int64)}).out
        body.outputs.append(body.add(OPS["add"], (count, one)).out)
        states = [*states, zero]
        test = self._test(body.inputs, len(states))
        node = graph.add(
            self.call.op, states + rest, {"carried": len(states)}, regions=[test, body],
            types=types,
        )  # fmt: skip
        return list(node.outputs)

    def _test(self, like: Sequence[Value], states: int) -> Graph:
        """The test with the inputs that the body has."""
        test = prepared(self.call.regions[0], self.tracer)
        new = Rebuilt(test.name)
        inputs = [new.graph.input(v.type, v.name) for v in like]
        new.graph.outputs = new.inline(test, inputs[: self.carried] + inputs[states:])
        return new.graph

    def reverse(
        self, loop: Reverse, inputs: Sequence[Any], results: Sequence[Any]
    ) -> Sequence[Any]:
        """Run the reverse loop, as many trips as the forward loop has counted."""
        carried, given = loop.carried, loop.given
        body = loop.region()
        trips = Value(COUNT, "trips")
        body.inputs.insert(0, trips)
        one = body.add(OPS["constant"], (), {"value": np.ones((), np.int64)}).out
        body.outputs.insert(0, body.add(OPS["subtract"], (trips, one)).out)
        test = Graph("more")
        left = [test.input(v.type, v.name) for v in body.inputs][0]
        zero = test.add(OPS["constant"], (), {"value": np.zeros((), np.int64)}).out
        test.outputs = [test.add(OPS["greater"], (left, zero)).out]
        types = [COUNT, *[loop.result_type(spec) for spec in carried]]
        values = [results[-1], *[loop.values[spec] for spec in (*carried, *given)]]
        attrs = {"carried": 1 + len(carried)}
        outs = bind.run(Call(self.call.op, tuple(values), attrs, (test, body), types))
        return loop.results(outs[1:])
