"""Derivatives of a call: a tape around ``f(x)`` differentiates f's graph, compiled.

The graph is interpreted once more under a tracer with a tape above it, which appends the reverse
walk; what depends on cotangents becomes the backward graph, the rest the forward graph, and the
values that cross are kept as residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.attrs import attrs_at, dims_of
from twofold.ir.bind import Call
from twofold.ir.dims import symbols_of
from twofold.ir.evaluate import Region, evaluate
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import copied
from twofold.ir.types import RefType
from twofold.ir.vjp import Entry, backward, differentiable
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable, read

from .numbers import NumberInput
from .pipeline import Executable, compile_graph
from .sizes import Guard
from .trace import Traced, Tracer

__all__ = ["Differentiated", "differentiate", "interpret"]

Run = Callable[[list[Any]], list[Any]]


PREPARED = 64  # exact sizes that a derivative keeps prepared


class Differentiated:
    """A forward executable that also returns residuals, and the backward executable."""

    def __init__(
        self, concrete: Any, env: dict[str, int], native: bool, graphs: tuple[Graph, Graph],
        wanted: list[int], connected: list[int], guards: list[Guard],
    ) -> None:  # fmt: skip
        self.graph: Graph = concrete.graph
        self.forward: Executable = compile_graph(graphs[0], native)
        self.backward: Executable = compile_graph(graphs[1], native)
        self.wanted = wanted  # positions of the inputs that get a gradient
        self._connected = connected  # for each of them the cotangents it depends on, as bits
        self.n_outputs, self.native = len(self.graph.outputs), native
        self.env, self._guards = env, guards  # the sizes it was made for, and what it relies on
        self._prepared: dict[tuple[int, ...], tuple[Run, Run]] = {}

    def fits(self, env: dict[str, int]) -> bool:
        """Whether what the reverse walk relies on holds for these sizes."""
        return all(g.holds(env) for g in self._guards)

    def prepare(self, env: dict[str, int]) -> tuple[Run, Run]:
        """Both executables for exact sizes."""
        key = tuple(env.values())
        found = self._prepared.get(key)
        if found is None:
            if len(self._prepared) >= PREPARED:
                self._prepared.clear()
            found = self.forward.prepare(env), self.backward.prepare(env)
            self._prepared[key] = found
        return found

    def call(self, inputs: Sequence[Any], tape: Any, env: dict[str, int]) -> list[Tensor]:
        """Run forward and record one entry whose pullback runs backward."""
        reads = [read(x) if isinstance(x, Variable) else x.value for x in inputs]
        forward, back = self.prepare(env)
        results = forward([x if isinstance(x, Variable) else x.array for x in inputs])
        results = [r.view() if any(r is x for x in reads) else r for r in results]
        outs = results[: self.n_outputs]
        residuals = results[self.n_outputs :]
        targets = tuple(o for o in outs if differentiable(o))
        sources = tuple(reads[i] for i in self.wanted)

        def pullback(cotangents: Any) -> Sequence[Any]:
            if is_recorded([*sources, *[c.value for c in cotangents if c is not None]]):
                return self._recorded_pullback(inputs, reads, cotangents, env)
            given = [
                np.zeros(o.shape, o.dtype) if c is None else c.array
                for c, o in zip(cotangents, targets, strict=True)
            ]
            used = sum(1 << i for i, c in enumerate(cotangents) if c is not None)
            grads = back([*residuals, *given])
            return [
                wrap(g) if needs & used else None
                for g, needs in zip(grads, self._connected, strict=True)
            ]

        if targets:
            call = Call(OPS["fused"], tuple(sources), {})
            tape.record(Entry(call, sources, targets, pullback))
        return [wrap(o) for o in outs]

    def _recorded_pullback(
        self, inputs: Sequence[Any], reads: list[Any], cotangents: Sequence[Any],
        env: dict[str, int],
    ) -> Sequence[Any]:  # fmt: skip
        """The pullback operation by operation, for a tape that watches what it depends on."""
        sources = [wrap(reads[i]) for i in self.wanted]
        token = bind.current.set(None)  # as when the call was made: nobody else records it
        try:
            with GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(sources)
                outs = interpret(self.graph, inputs, [wrap(r) for r in reads], env, assign=False)
        finally:
            bind.pop(token)
        targets = [o for o in outs if differentiable(o)]
        pairs = [(o, c) for o, c in zip(targets, cotangents, strict=True) if c is not None]
        grads: Sequence[Any] = tape.gradient([o for o, _ in pairs], sources, [c for _, c in pairs])
        return grads


def is_recorded(tensors: Sequence[Any]) -> bool:
    """Whether a tape that is recording now watches one of these."""
    frame = bind.current.get()
    while frame is not None:
        tape = frame.interpreter
        if isinstance(tape, GradientTape) and any(tape.watches(x) for x in tensors):
            return True
        frame = frame.below
    return False


def differentiate(concrete: Any, env: dict[str, int], *, native: bool) -> Differentiated:
    """Forward and backward executables for a concrete function.

    Where the reverse walk asks how sizes compare, ``env`` answers; the answers become guards of
    the derivative, not of the function.
    """
    tracer = Tracer(concrete.graph.name + "_vjp")
    tracer.sizes = concrete.sizes.at(env)
    inputs = [tracer.graph.input(v.type, v.name) for v in concrete.graph.inputs]
    n_inputs = len(inputs)
    hidden = zip(inputs[len(concrete.positions) :], concrete.captures, strict=True)
    numbers = [v for v, c in hidden if c.__class__ is NumberInput]  # they get no gradient
    tape = GradientTape(persistent=True)
    token = bind.push(tracer)
    try:
        with tape:
            for value in inputs:
                if isinstance(value.type, RefType) or value in numbers:
                    continue
                if differentiable(value.type):
                    tape.watch(Traced(value, tracer))
            outputs, reads = replay(concrete.graph, inputs, tape, tracer)
        sources = [reads.get(id(value), value) for value in inputs]
        grads, wanted = _pull(tape, tracer, outputs, sources)
    finally:
        bind.pop(token)
    tracer.graph.substitute(tracer.sizes.solution())
    graphs = _split(tracer.graph, n_inputs, outputs, grads)
    connected = _dependence(tracer.graph, tracer.graph.inputs[n_inputs:], grads)
    return Differentiated(concrete, env, native, graphs, wanted, connected, tracer.sizes.guards)


def replay(
    graph: Graph, inputs: Sequence[Any], tape: GradientTape, tracer: Tracer
) -> tuple[list[Any], dict[int, Any]]:
    """Bind every node of a graph again; reads of Variables are watched.

    Returns the values of the outputs, and ref id -> value that was read.
    """
    reads: dict[int, Any] = {}

    def run_node(node: Node, ins: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        if node.op.name == "read":
            if id(ins[0]) not in reads:
                out = Traced(tracer.graph.add(node.op, ins, names=(ins[0].name,)).out, tracer)
                reads[id(ins[0])] = out.value
                if differentiable(out):
                    tape.watch(out)
            return [reads[id(ins[0])]]
        if node.op.name == "assign":
            tracer.graph.add(node.op, (ins[0], ins[1]), sizes=tracer.sizes, loc=node.loc)
            return ()
        types = [v.type for v in node.outputs]
        return bind.run(Call(node.op, tuple(ins), node.attrs, node.regions, types))

    return evaluate(graph, inputs, run_node), reads


def _pull(
    tape: GradientTape, tracer: Tracer, outputs: list[Any], sources: list[Any]
) -> tuple[list[Value], list[int]]:
    """Append the reverse walk for a cotangent input for each floating output."""
    seeds: dict[int, Any] = {}
    for i, out in enumerate(outputs):
        if differentiable(out):
            g = Traced(tracer.graph.input(out.type, f"g{i}"), tracer)
            seeds[id(out)] = seeds[id(out)] + g if id(out) in seeds else g
    entries: list[Entry] = tape.entries
    table = backward(entries, seeds, tape.known)
    wanted = [i for i, x in enumerate(sources) if id(x) in table]
    return [table[id(sources[i])].value for i in wanted], wanted


def _dependence(graph: Graph, cotangents: list[Value], grads: list[Value]) -> list[int]:
    """For each gradient the cotangents that it depends on: bit i stands for cotangent i."""
    needs = {value: 1 << i for i, value in enumerate(cotangents)}
    for node in graph.nodes:
        bits = 0
        for value in node.inputs:
            bits |= needs.get(value, 0)
        if bits:
            needs.update(dict.fromkeys(node.outputs, bits))
    return [needs.get(g, 0) for g in grads]


def _split(
    joint: Graph, n_inputs: int, outputs: list[Value], grads: list[Value]
) -> tuple[Graph, Graph]:
    """Forward graph (outputs, then residuals) and backward graph (residuals, cotangents)."""
    cotangents = joint.inputs[n_inputs:]
    late: set[Value] = set(cotangents)
    back_nodes: list[Node] = []
    front_nodes: list[Node] = []
    for node in joint.nodes:
        if any(v in late for v in node.inputs):
            late.update(node.outputs)
            back_nodes.append(node)
        else:
            front_nodes.append(node)
    crossing: dict[Value, None] = {}
    for value in [v for n in back_nodes for v in n.inputs] + grads:
        if value not in late:
            crossing[value] = None
    crossing.update(_size_sources(joint.inputs[:n_inputs], back_nodes, [*crossing, *cotangents]))
    forward = Graph(
        joint.name + "_forward", joint.inputs[:n_inputs], front_nodes, [*outputs, *crossing]
    )
    back = Graph(joint.name + "_backward", [*crossing, *cotangents], back_nodes, grads)
    return copied(forward), copied(back)


def _size_sources(inputs: list[Value], nodes: list[Node], given: list[Value]) -> dict[Value, None]:
    """Inputs whose shapes say the sizes that the nodes use and ``given`` values do not have."""
    sizes = [d for node in nodes for attr in node.attrs.values() for d in dims_of(attr)]
    needed = frozenset().union(*map(symbols_of, sizes))
    needed = needed.union(*[v.type.symbols() for node in nodes for v in node.outputs])
    needed = needed.difference(*[v.type.symbols() for v in given])
    sources: dict[Value, None] = {}
    for value in inputs:
        if not needed.isdisjoint(value.type.symbols()):
            sources[value] = None
            needed -= value.type.symbols()
    return sources


def interpret(
    graph: Graph, inputs: Sequence[Any], reads: Sequence[Any], env: dict[str, int], *,
    assign: bool = True,
) -> list[Any]:  # fmt: skip
    """Bind every node under the tapes that stand above: derivatives of any order.

    ``reads``: the inputs, with the values of Variables in their place. ``assign=False``: leave
    the Variables alone.
    """
    start = dict(zip(map(id, inputs), reads, strict=True))

    def run_node(node: Node, ins: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        attrs = attrs_at(node.attrs, env)
        if regions:
            outs: Sequence[Any] = node.op.body(*ins, regions=regions, **attrs)
            return outs
        if node.op.name == "read":
            return [start[id(ins[0])]]
        if node.op.name == "assign":
            if assign:
                ins[0].assign(ins[1])
            return ()
        out = node.op(*ins, **attrs) if not node.op.variadic else node.op(list(ins), **attrs)
        return out if isinstance(out, tuple) else (out,)

    return evaluate(graph, inputs, run_node)
