"""The reverse loop of a loop: what it carries, the rows and givens it takes, its body.

It carries the buffers that it pops, the cotangents of the state, the sums of the cotangents of what
is the same in every trip, and the state that each trip has left where the walk uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.bind import Call, type_of
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import Rebuilt
from twofold.ir.types import TensorType
from twofold.ir.vjp import zeros

from ..gradient import Backward
from .body import SAVED, Body, Where
from .build import blank, cotangent, summed
from .late import bound, loosened, retyped, unpack

__all__ = ["Reverse"]


class Spec(NamedTuple):
    """An input of the reverse body: its role, and of what."""

    role: str  # pop, gradient, sum, after; row, cotangent; given
    key: Any


class Reverse:
    """The reverse loop for some cotangents; see the module.

    ``carried``, ``rows``, ``given``: the inputs of the body, in order. ``types`` and ``values``: of
    each, those outside of the body. ``sources``: what ``results`` are the cotangents of.
    """

    def __init__(
        self, body: Body, back: Backward, used: Sequence[int], at: dict[Where, int],
        pushed: set[Where],
    ) -> None:  # fmt: skip
        self.body, self.back, self.used, self.at = body, back, used, at
        self.wheres = list(dict.fromkeys(body.where(kept) for kept in back.kept))
        self.marks = body.sizes_of(back, used)
        after = [w.key for w in self.wheres if w.how == "after"]
        saved = [w for w in self.wheres if w.how in SAVED]
        saved += [w for j in after if (w := Where("state", j)) not in saved]
        saved += self.marks
        n, first = body.carried, body.first_given
        states = [i for i in used if i < n]
        self.summed = [i for i in back.wanted if i >= first]
        self.sliced = [i for i in back.wanted if n <= i < first]
        self.carried = [Spec("pop", w) for w in saved if w in pushed]
        self.carried += [Spec("gradient", i) for i in states]
        self.carried += [Spec("sum", i) for i in self.summed]
        self.carried += [Spec("after", j) for j in after]
        self.rows = [Spec("row", w) for w in saved if w not in pushed]
        self.rows += [Spec("row", w) for w in self.wheres if w.how in ("row", "stacked")]
        self.rows += [Spec("cotangent", i) for i in used if i >= n]
        self.given = [Spec("given", w) for w in self.wheres if w.how in ("given", "again")]
        self.sources = [*states, *self.summed, *self.sliced]
        self.values: dict[Spec, Any] = {}
        self.types: dict[Spec, TensorType] = {}

    def take(
        self, inputs: Sequence[Any], results: Sequence[Any], cotangents: Sequence[Any]
    ) -> None:
        """Find the value outside of the body for each of its inputs."""
        ground = bind.ground()
        again = self._again(inputs)
        for spec in (*self.carried, *self.rows, *self.given):
            role, key = spec
            if role in ("gradient", "cotangent"):
                value = ground.value(cotangent(cotangents[key], results[key]))
            elif role == "sum":
                value = ground.value(zeros(ground.tensor(inputs[key])))
            elif role == "after":
                value = results[key]
            else:
                value = self._kept(key, inputs, results, again)
            self.values[spec], self.types[spec] = value, type_of(value)

    def _kept(
        self, where: Where, inputs: Sequence[Any], results: Sequence[Any], again: dict[Any, Any]
    ) -> Any:
        how, key = where
        if how in SAVED:
            return results[self.at[where]]
        if how == "again":
            return again[key]
        return results[key] if how == "stacked" else inputs[key]

    def _again(self, inputs: Sequence[Any]) -> dict[Any, Any]:
        """Compute again what depends on givens alone."""
        graph = self.body.derived.forward
        table: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=False))
        for node in self.body.again(self.wheres):
            given = tuple([table[v] for v in node.inputs])
            types = [v.type for v in node.outputs]
            made = bind.run(Call(node.op, given, node.attrs, (), types))
            table.update(zip(node.outputs, made, strict=True))
        return {
            w.key: table[graph.nodes[w.key[0]].outputs[w.key[1]]]
            for w in self.wheres if w.how == "again"
        }  # fmt: skip

    def region(self) -> Graph:
        """The body of the reverse loop."""
        n, kind = self.body.carried, self.types
        new = Rebuilt(self.back.graph.name)
        graph = new.graph
        states, outputs = self.body.graph.inputs, self.body.graph.outputs
        table: dict[Spec, Value] = {}
        for spec in (*self.carried, *self.rows, *self.given):
            t = kind[spec]
            if spec.role in ("row", "cotangent"):
                t = t.with_shape(t.shape[1:])
            elif spec.role in ("gradient", "after"):
                t = loosened(states[spec.key].type, self.body.inside, self.body.sizes)
            table[spec] = graph.input(t)
        popped: dict[Where, tuple[Value, ...]] = {}
        for spec in self.carried:
            if spec.role == "pop":
                popped[spec.key] = graph.add(OPS["buffer_pop"], (table[spec],)).outputs
        for where in self.marks:
            bound(graph, popped[where][1], where.key)
        unpacked: dict[Where, Value] = {}

        def find(where: Where) -> Value:
            if where in popped:
                value, t = popped[where][1], self.body.type_of(where)
                if value.type == t:
                    return value
                if where not in unpacked:
                    unpacked[where] = unpack(graph, value, t)
                return unpacked[where]
            if where.how in ("given", "again"):
                return table[Spec("given", where)]
            if where.how == "after":
                return retyped(graph, table[Spec("after", where.key)], outputs[where.key].type)
            return table[Spec("row", where)]

        given = [find(self.body.where(kept)) for kept in self.back.kept]
        for i in self.used:
            value = table[Spec("gradient" if i < n else "cotangent", i)]
            given.append(retyped(graph, value, outputs[i].type))
        grads = dict(zip(self.back.wanted, new.inline(self.back.graph, given), strict=True))
        for spec in self.carried:
            role, key = spec
            if role == "pop":
                graph.outputs.append(popped[key][0])
            elif role == "gradient":
                graph.outputs.append(grads[key] if key in grads else blank(graph, states[key].type))
            elif role == "sum":
                graph.outputs.append(summed(graph, table[spec], grads[key]))
            else:
                graph.outputs.append(find(Where("state", key)))
        graph.outputs += [grads[i] for i in self.sliced]
        return graph

    def result_type(self, spec: Spec) -> TensorType:
        """The type of what the loop leaves of an input of its body that it carries."""
        if spec.role not in ("gradient", "after"):
            return self.types[spec]
        state = self.body.graph.inputs[spec.key].type
        free = loosened(state, self.body.inside, self.body.sizes)
        return self.types[spec] if free == state else free

    def results(self, outs: Sequence[Any]) -> Sequence[Any]:
        """The cotangents of the sources, from the outputs of the reverse loop."""
        kept = [out for spec, out in zip(self.carried, outs, strict=False)
                if spec.role in ("gradient", "sum")]  # fmt: skip
        return [*kept, *outs[len(self.carried) :]]
