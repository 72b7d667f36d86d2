"""The gradient of ``call``: a forward graph that also returns what the reverse needs, and a
backward graph. Both are calls as any other, so outer tapes differentiate them the same way.

The graph is replayed under a tracer with a tape above it, which appends the reverse walk. What was
there before is the forward graph, what the walk added the backward graph, for those outputs whose
cotangents are given: an output that was not used does not send zeros back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import twofold.runtime.custom  # noqa: F401  (it says how ``custom`` is derived)
from twofold.ir import bind
from twofold.ir.attrs import dims_of
from twofold.ir.bind import Call
from twofold.ir.dims import Dim, symbols_of
from twofold.ir.fit import fitted
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.ops import region as region_ops
from twofold.ir.rebuild import Rebuilt, copied, resized
from twofold.ir.types import BufferType, RefType
from twofold.ir.vjp import Linear, Sources, backward, differentiable, plus, refs_of
from twofold.runtime.tape import GradientTape

from .callee import Callee, Sized
from .keeping import again
from .passes.inline import inline
from .sizes import Guard, TraceSizes
from .trace import Traced, Tracer

__all__ = ["Backward", "Derivative", "Kept", "linearize", "mentioned"]

_CALL = region_ops.call
MAX_DERIVATIVES = 8  # derivatives that a callee keeps, by what is watched and relations of sizes


class Kept(NamedTuple):
    """Where the backward graph finds a value of the forward one."""

    kind: str  # input | output: of the call; made: by a node, and returned by the forward graph
    key: Any  # a position, or the number of the node and of its output


class Backward(NamedTuple):
    """The reverse walk for some cotangents."""

    graph: Graph  # takes what was kept, then the cotangents
    kept: list[Kept]
    wanted: list[int]  # which sources its outputs are the gradients of


class Derived(NamedTuple):
    """A graph replayed, with its reverse walk."""

    primal: Graph
    later: list[tuple[int, Value]]  # Variables' positions and their later values
    back: Backward
    guards: list[Guard]


class Derivative:
    """The gradient of a graph for what is watched of its inputs."""

    def __init__(
        self, graph: Graph, sizes: TraceSizes, sources: Sources, callee: Callee | None = None,
        used: tuple[int, ...] | None = None, free: Collection[int] | None = None,
        inside: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.sources, self._graph, self._callee = sources, graph, callee
        if used is None:
            used = tuple(i for i, v in enumerate(graph.outputs) if differentiable(v))
        self.all, self._free, self._inside = used, free, inside
        made = derive(graph, sizes, sources, used, free, inside)
        self.guards = made.guards
        self.later = [
            (position, len(graph.outputs) + k) for k, (position, _) in enumerate(made.later)
        ]
        self.place, self.forward = _forward(made, len(graph.outputs))
        self._made: dict[Any, Any] = {}  # regions and backward graphs
        self._backs: list[tuple[tuple[int, ...], list[Guard], Backward]] = [
            (used, made.guards, made.back)
        ]

    def fits(self, env: dict[str, int]) -> bool:
        """Whether what the reverse walk relies on holds for these sizes."""
        return all(g.holds(env) for g in self.guards)

    def back(
        self, used: tuple[int, ...], sizes: TraceSizes, env: dict[str, int] | None
    ) -> Backward:
        """The reverse walk from the outputs ``used``, for sizes like those of ``env``."""
        hints = sizes.hints if env is None else env
        for outputs, guards, back in self._backs:
            if outputs == used and all(g.holds(hints) for g in guards):
                return back
        at = sizes if env is None else sizes.at(env)
        made = derive(self._graph, at, self.sources, used, self._free, self._inside)
        back = made.back
        if any(k.kind == "made" and k.key not in self.place for k in back.kept):
            back = self._filled(self.back(self.all, sizes, env), used)
        self._backs.append((used, made.guards, back))
        return back

    def _filled(self, back: Backward, used: tuple[int, ...]) -> Backward:
        """The walk from all outputs with zeros for those that are not used: it takes nothing that
        the forward graph does not return."""
        new = Rebuilt(back.graph.name)
        count = len(back.kept)
        given = [new.input(value) for value in back.graph.inputs[:count]]
        kept, table = list(back.kept), dict[int, Value]()
        for i, value in zip(self.all, back.graph.inputs[count:], strict=True):
            if i not in used:
                like = new.graph.input(value.type)
                kept.append(Kept("output", i))
                op = OPS["buffer_like" if isinstance(value.type, BufferType) else "zeros_like"]
                table[i] = new.graph.add(op, (like,), types=[value.type]).out
        for i, value in zip(self.all, back.graph.inputs[count:], strict=True):
            if i in used:
                table[i] = new.graph.input(value.type, value.name)
        new.graph.outputs = new.inline(back.graph, [*given, *[table[i] for i in self.all]])
        return Backward(new.graph, kept, back.wanted)

    def region(self, graph: Graph, env: dict[str, int] | None) -> Any:
        """One of the graphs as the region of a call."""
        if env is None or self._callee is None:
            return graph
        parent = self._callee
        found = self._made.get(graph)
        if found is None:
            found = self._made[graph] = Callee(graph, parent.sizes, parent.native, parent.relay)
        return Sized(found, env)

    def compile(self) -> None:
        """Compile to machine code what runs on array operations so far."""
        for callee in list(self._made.values()):
            callee.compile()


class Prepared:
    """A derivative for the sizes of a trace, or (``env``) for exact ones: what each call of it
    takes is found once."""

    def __init__(
        self, derivative: Derivative, sizes: TraceSizes, env: dict[str, int] | None
    ) -> None:
        self._derivative, self._sizes, self._env = derivative, sizes, env
        graph = derivative.forward
        self.regions = (derivative.region(graph, env),)
        self.types = graph.types if env is None else None  # those of arrays are seen with them
        self.later = tuple(derivative.later)
        self.own = len(graph.outputs) - len(derivative.place) - len(self.later)
        self._given = len(graph.inputs) + len(self.later)
        self._backs: dict[tuple[int, ...], Any] = {}

    def _back(self, used: tuple[int, ...]) -> tuple[Any, Any, list[int], list[int]]:
        """The backward region from the outputs ``used``, its types, where among the inputs and
        the results its inputs are, and which inputs its outputs are the cotangents of."""
        derivative, env = self._derivative, self._env
        back = derivative.back(used, self._sizes, env)
        first = {"input": 0, "output": self._given, "made": self._given}
        kept = [
            first[kind] + (derivative.place[key] if kind == "made" else key)
            for kind, key in back.kept
        ]
        types = back.graph.types if env is None else None
        return (derivative.region(back.graph, env),), types, kept, back.wanted

    def pull(
        self, inputs: Sequence[Any], results: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[Any]:
        """See ``Linear.pull``."""
        used = tuple([i for i, g in enumerate(cotangents) if g is not None])
        back = self._backs.get(used)
        if back is None:
            back = self._backs[used] = self._back(used)
        regions, types, kept, wanted = back
        ground = bind.ground()
        held = [*inputs, *results]
        given = [held[i] for i in kept]
        given += [ground.value(cotangents[i]) for i in used]
        outs = bind.run(Call(_CALL, tuple(given), {}, regions, types))
        found: list[Any] = [None] * len(inputs)
        for position, out in zip(wanted, outs, strict=True):
            found[position] = ground.tensor(out)
        return found


@_CALL.linearization
@region_ops.fused.linearization
def linearize(call: Call, sources: Sources) -> Linear:
    """The forward call of ``call`` and its pullback."""
    ground = bind.ground()
    region = fitted(call.regions[0], call.inputs, ground.sizes)
    if isinstance(region, Graph) and isinstance(ground, Tracer):
        sizes = ground.sizes
        # with what the trace knows by now; its sizes may be bound in the graph around it
        graph = inline(resized(region, sizes.solution()), verify=False)
        made = Prepared(Derivative(graph, sizes, sources), sizes, None)
    else:
        called = region if isinstance(region, Sized) else Sized.of(region)
        made = called.linear.get(sources) or _of_sized(called, sources)
    taken = Call(_CALL, call.inputs, {}, made.regions, made.types, call.place)
    return Linear(taken, made.own, made.later, made.pull)


def _of_sized(region: Sized, sources: Sources) -> Prepared:
    """The derivative of a callee for exact sizes, found once."""
    callee, env = region.callee, region.env
    made = Prepared(_of_callee(callee, env, sources), callee.sizes, env)
    if len(region.linear) >= MAX_DERIVATIVES:
        region.linear.clear()
    region.linear[sources] = made
    return made


def _of_callee(callee: Callee, env: dict[str, int], sources: Sources) -> Derivative:
    """The derivative for what is watched, made when a tape first asks for it."""
    with callee.lock:
        for made in callee.derivatives:
            if isinstance(made, Derivative) and made.sources == sources and made.fits(env):
                return made
        made = Derivative(callee.inlined, callee.sizes.at(env), sources, callee)
        callee.derivatives[:] = [*callee.derivatives[1 - MAX_DERIVATIVES :], made]
        return made


def _forward(made: Derived, n_outputs: int) -> tuple[dict[Any, int], Graph]:
    """The graph that also returns later values of Variables and what the reverse keeps, and where
    it returns those."""
    graph = made.primal
    outputs = graph.outputs[:n_outputs] + [value for _, value in made.later]
    place: dict[Any, int] = {}
    for kept in made.back.kept:
        if kept.kind == "made":
            place[kept.key] = len(outputs)
            node, index = kept.key
            outputs.append(graph.nodes[node].outputs[index])
    forward = Graph(graph.name + "_forward", graph.inputs, graph.nodes, outputs)
    return place, copied(forward)


def derive(
    graph: Graph, sizes: TraceSizes, sources: Sources, used: tuple[int, ...],
    free: Collection[int] | None = None, inside: frozenset[str] = frozenset(),
) -> Derived:  # fmt: skip
    """Replay a graph and walk back from the outputs ``used``.

    ``free``: the inputs that are there without being kept (default: all, and the outputs).
    ``inside``: sizes that whoever runs the walk binds. Where it asks how sizes compare, ``sizes``
    answers and takes note.
    """
    tracer = Tracer(graph.name)
    tracer.sizes = sizes
    sizes.met(mentioned(graph))
    joint = tracer.graph
    clean = bind.below(None)  # whoever stands on the stack now has no part in this
    bind.push(tracer)
    try:
        tape = _Record()
        with tape:
            replay = _Replay(graph, tracer, tape, sources)
        count = len(joint.nodes)
        cotangents = [joint.input(graph.outputs[i].type, f"g{i}") for i in used]
        seeds: dict[int, Any] = {}
        for i, g in zip(used, cotangents, strict=True):
            out = id(replay.outputs[i])
            one = Traced(g, tracer)
            seeds[out] = plus(seeds[out], one) if out in seeds else one
        table = backward(tape.entries, seeds, tape.known)
        wanted = [k for k, v in enumerate(replay.sources) if v is not None and id(v) in table]
        grads = [tracer.value(table[id(replay.sources[k])]) for k in wanted]
    finally:
        bind.pop(clean)
    joint.substitute(sizes.solution())
    primal = Graph(graph.name, joint.inputs[: len(graph.inputs)], joint.nodes[:count])
    primal.outputs = replay.outputs
    walk = _needed(joint.nodes[count:], grads)
    at_start = dict(replay.read)  # what Variables have when the graph starts
    if free is None:
        there = [*primal.inputs, *at_start.values(), *primal.outputs]
    else:  # the body of a loop, in which a Variable that it writes to is another in each trip
        for i in graph.written():
            at_start.pop(i, None)
        there = [primal.inputs[i] for i in free] + [v for i, v in at_start.items() if i in free]
    backward_graph, kept = _reverse(
        walk, cotangents, grads, at_start, primal, there, free is not None, inside
    )
    return Derived(primal, replay.later, Backward(backward_graph, kept, wanted), sizes.guards)


class _Record(GradientTape):
    """The tape of a replay. Its Variables are refs, of which it watches later values; those at the
    start are watched by the replay."""

    def __init__(self) -> None:
        super().__init__(persistent=True, watch_accessed_variables=False)
        self.refs: set[Value] = set()
        self.later: list[tuple[Value, Value]] = []

    def _accessible(self, variable: Value) -> bool:
        return variable in self.refs

    def _accessed(self, variable: Value, value: Value) -> None:
        if value.node is None or value.node.op.name == "read" or variable not in self.refs:
            return
        if differentiable(value):
            self._known[id(value)] = value
            self.later.append((variable, value))

    def held(self, ref: Value, value: Value) -> None:
        """A later value of a Variable was read."""
        self._accessed(ref, value)


class _Replay:
    """Every node of a graph again, under a tracer and a tape that watches the sources."""

    def __init__(self, graph: Graph, tracer: Tracer, tape: _Record, sources: Sources) -> None:
        self.tape, self.tracer = tape, tracer
        table = {v: tracer.graph.input(v.type, v.name) for v in graph.inputs}
        self._refs = {table[v]: i for i, v in enumerate(graph.inputs)}
        tape.refs = {table[graph.inputs[i]] for i in sources.later}
        self.read: dict[int, Value] = {}  # the values of Variables at the start
        watched = set(sources.inputs)
        for i, v in enumerate(graph.inputs):
            if i in watched and not isinstance(v.type, RefType):
                self._watch(table[v])
        for node in graph.nodes:
            outs = self._run(node, tuple([table[v] for v in node.inputs]), watched)
            table.update(zip(node.outputs, outs, strict=True))
        self.outputs = [table[v] for v in graph.outputs]
        self.later = [(self._refs[ref], value) for ref, value in tape.later]
        self.sources: list[Value | None] = [
            self.read.get(i) if isinstance(v.type, RefType) else table[v]
            for i, v in enumerate(graph.inputs)
        ]
        self.sources = [v if i in watched else None for i, v in enumerate(self.sources)]
        self.sources += [value for _, value in self.later]

    def _run(self, node: Node, inputs: tuple[Value, ...], watched: set[int]) -> tuple[Any, ...]:
        name = node.op.name
        position = self._refs.get(inputs[0], -1) if node.op.kind == "state" else -1
        if name == "read" and position in self.read:
            return (self.read[position],)
        types = [v.type for v in node.outputs]
        place = (node.loc, node.outputs[0].name if node.outputs else "")
        regions = [copied(region) for region in node.regions]
        call = Call(node.op, inputs, node.attrs, regions, types, place)
        for i in sorted(refs_of(call)[0]) if regions else ():
            self._read(inputs[i], watched)
        outs = bind.run(call)
        if name == "read":
            self._was_read(position, outs[0], watched)
        if name == "held":
            self.tape.held(inputs[0], outs[0])
        return outs

    def _read(self, ref: Value, watched: set[int]) -> None:
        """Read a Variable for the regions of a node: the same value for all of them."""
        position = self._refs[ref]
        if position not in self.read:
            self._was_read(position, bind.run(Call(OPS["read"], (ref,), {}))[0], watched)

    def _was_read(self, position: int, value: Value, watched: set[int]) -> None:
        self.read[position] = value
        if position in watched:
            self._watch(value)

    def _watch(self, value: Value) -> None:
        if differentiable(value):
            self.tape.watch(Traced(value, self.tracer))


def _needed(nodes: Sequence[Node], outputs: Sequence[Value]) -> list[Node]:
    """The nodes that the outputs depend on."""
    live = set(outputs)
    found = []
    for node in reversed(nodes):
        if node.pinned or live.intersection(node.outputs):
            live.update(node.inputs)
            found.append(node)
    return found[::-1]


def _reverse(
    nodes: Sequence[Node], cotangents: Sequence[Value], grads: Sequence[Value],
    at_start: dict[int, Value], primal: Graph, free: Sequence[Value], loop: bool,
    inside: frozenset[str],
) -> tuple[Graph, list[Kept]]:  # fmt: skip
    """The graph of the reverse walk, and where it finds the values of the forward graph."""
    places = {v: Kept("made", (n, k)) for n, node in enumerate(primal.nodes)
              for k, v in enumerate(node.outputs)}  # fmt: skip
    places |= {v: Kept("output", i) for i, v in reversed(list(enumerate(primal.outputs)))}
    places |= {v: Kept("input", i) for i, v in enumerate(primal.inputs)}
    places |= {v: Kept("input", i) for i, v in at_start.items()}
    new = Rebuilt(primal.name + "_backward")
    back, table = new.graph, new.table
    kept: list[Kept] = []
    late = {v for node in nodes for v in node.outputs} | set(cotangents)
    taken = [v for node in nodes for v in node.inputs] + list(grads)
    used = dict.fromkeys(v for v in taken if v not in late)
    before = again(primal.nodes, used, free, loop=loop)
    made = {v for node in before for v in node.outputs}
    for value in dict.fromkeys([*used, *[v for node in before for v in node.inputs]]):
        if value not in made:
            new.input(value)
            kept.append(places[value])
    nodes = [*before, *nodes]
    needed = _symbols(nodes).difference(inside, *map(_binds, [*table, *cotangents]))
    for value in _size_sources(primal, needed):
        new.input(value)
        kept.append(places[value])
    for value in cotangents:
        new.input(value)
    new.run(nodes)
    back.outputs = [table[v] for v in grads]
    return copied(back), kept


def mentioned(graph: Graph) -> frozenset[str]:
    """The size symbols of a graph and its regions."""
    found: set[str] = set()
    for part in graph.regions_first():
        for value in part.inputs:
            found |= value.type.symbols()
        for node in part.nodes:
            for attr in node.attrs.values():
                found.update(*map(symbols_of, dims_of(attr)))
            for value in node.outputs:
                found |= value.type.symbols()
    return frozenset(found)


def _symbols(nodes: Sequence[Node]) -> frozenset[str]:
    """The size symbols that nodes use; a region has those of its inputs from these."""
    found: frozenset[str] = frozenset()
    for node in nodes:
        for attr in node.attrs.values():
            found = found.union(*map(symbols_of, dims_of(attr)))
        found = found.union(*[v.type.symbols() for v in node.outputs])
        for region in node.regions:
            own = frozenset[str]().union(*[v.type.symbols() for v in region.inputs])
            found |= _symbols(region.nodes) - own
    return found


def _size_sources(graph: Graph, needed: frozenset[str]) -> list[Value]:
    """Values of a graph whose shapes say these sizes: inputs, else what a node has made."""
    sources = []
    for value in [*graph.inputs, *[v for node in graph.nodes for v in node.outputs if needed]]:
        if not needed:
            break
        if not needed.isdisjoint(_binds(value)):
            sources.append(value)
            needed -= _binds(value)
    return sources


def _binds(value: Value) -> frozenset[str]:
    """The sizes that an input like a value says: the axes that are one symbol."""
    shape = value.type.shape
    return frozenset(str(d) for d in shape if isinstance(d, Dim) and symbols_of(d) == {str(d)})
