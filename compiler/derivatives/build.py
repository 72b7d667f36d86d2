"""Graphs of forward and backward regions: what their parts have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call, type_of
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import resized
from twofold.ir.types import BufferType, RefType, TensorType
from twofold.ir.vjp import Linear, Sources, zeros

from ..callee import Callee, Sized
from ..passes.inline import inline
from ..sizes import TraceSizes
from ..trace import Tracer
from .late import retyped

__all__ = [
    "added", "blank", "cotangent", "held_type", "in_a_trace", "positions", "prepared",
    "same_size", "summed", "whole",
]  # fmt: skip

Linearize = Callable[[Call, Sources, Tracer], Linear]


def in_a_trace(rule: Linearize) -> Callable[[Call, Sources], Linear]:
    """A linearization for calls that a tracer stages, as one for all calls: one that is run at once
    is the call of a graph that holds nothing else."""

    def linearize(call: Call, sources: Sources) -> Linear:
        ground = bind.ground()
        if isinstance(ground, Tracer):
            held = [r if isinstance(r, Graph) else r.graph() for r in call.regions]
            fits = Call(call.op, call.inputs, call.attrs, held, call.known_types)
            regions, types = fits.fitted(ground.sizes)
            fits = Call(call.op, call.inputs, call.attrs, regions, types, call.place)
            return rule(fits, sources, ground)
        alone = Sized(Callee(whole(call), TraceSizes(), native=False), {})
        around = Call(OPS["call"], call.inputs, {}, (alone,), None, call.place)
        found: Linear = around.op.linearize(around, sources)
        return found

    return linearize


def whole(call: Call) -> Graph:
    """A call as the only node of a graph."""
    graph = Graph(call.op.name)
    inputs = [graph.input(type_of(x)) for x in call.inputs]
    regions, types = call.fitted(bind.ground().sizes)
    held = [r if isinstance(r, Graph) else r.graph() for r in regions]
    node = graph.add(call.op, inputs, call.attrs, regions=held, types=types)
    graph.outputs = list(node.outputs)
    return graph


def prepared(region: Graph, tracer: Tracer) -> Graph:
    """A region as ``derive`` takes it: without calls, with what the trace knows of sizes by now."""
    # its sizes may be bound in the graph around it, so alone it does not verify
    return inline(resized(region, tracer.sizes.solution()), verify=False)


def held_type(kind: TensorType) -> TensorType:
    """The type of the values that gradients are of: that of a Variable's value, for a ref."""
    return kind.value if isinstance(kind, RefType) else kind


def blank(graph: Graph, kind: TensorType) -> Value:
    """Append zeros of a type; an empty buffer for a buffer."""
    if isinstance(kind, BufferType):
        return graph.add(OPS["buffer_new"], (), {"of": kind.element}).out
    zero = graph.add(OPS["constant"], (), {"value": np.zeros((), kind.dtype)}).out
    if not kind.shape:
        return zero
    return graph.add(OPS["splat"], (zero,), {"shape": kind.shape}).out


def added(graph: Graph, a: Value, b: Value) -> Value:
    """Append the sum of two values of one type."""
    op = OPS["buffer_add" if isinstance(a.type, BufferType) else "add"]
    return graph.add(op, (a, b), types=[a.type]).out


_INTO = ("buffer_add_at", "scatter_add")  # add a part to what they take first
_ZEROS = ("buffer_like", "zeros_like")


def summed(graph: Graph, total: Value, part: Value) -> Value:
    """Append the sum of two values of one type. Where one is zeros with parts added to it, the
    parts are added to the other, which takes no time for the rest."""
    found: list[Node] = []
    root = part
    while root.node is not None and root.node.op.name in _INTO:
        found.append(root.node)
        root = root.node.inputs[0]
    if not found or root.node is None or root.node.op.name not in _ZEROS:
        return added(graph, total, part)
    for node in reversed(found):
        given = (total, *node.inputs[1:])
        total = graph.add(node.op, given, node.attrs, loc=node.loc, types=[total.type]).out
    return total


def cotangent(given: Any, output: Any) -> Any:
    """What is given, or zeros for an output that was not used."""
    return zeros(bind.ground().tensor(output)) if given is None else given


def same_size(value: Any, kind: TensorType) -> Any:
    """A value that is traced as one of another type; the sizes are the same when it runs."""
    if type_of(value) == kind or isinstance(kind, BufferType):
        return value
    graph = Graph("same_size")
    given = graph.input(type_of(value))
    graph.outputs = [retyped(graph, given, kind)]
    (made,) = bind.run(Call(OPS["call"], (value,), {}, (graph,), [kind]))
    return made


def positions(values: Sequence[Any]) -> tuple[int, ...]:
    """Where something is given."""
    return tuple(i for i, v in enumerate(values) if v is not None)
