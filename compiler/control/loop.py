"""``while`` in a trace: the test and the body are traced once and become regions.

The state is what the loop is given, and then what the body writes to around it: each Variable that
it assigns, each tensor and array that it writes to. Where nothing in the loop can raise, the
assignments to Variables come after it; else they stay in the body, so that an error leaves the
state that Python would have left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.tree import unflatten
from twofold.ir.types import TensorType
from twofold.runtime.carried import State
from twofold.runtime.variable import Variable, read

from ..trace import Traced, Tracer, place
from .part import Part, Written, current_value, give, unite

__all__ = ["stage_while"]


class Body(Tracer):
    """The tracer of a loop's region. Variables have inputs of their own, which are state if the
    loop assigns them."""

    def __init__(self, name: str, outer: Tracer) -> None:
        super().__init__(name, outer)
        self.starts: dict[int, Value] = {}

    def start(self, variable: Any) -> Value:
        """What a Variable is at the start of a trip."""
        value = read(variable)
        found = self.starts[id(variable)] = self.graph.input(value.type, variable.name)
        self.imports.append(value)
        return found


class Trip(Part):
    """A region of a loop while it is made, with the inputs that stand for the state."""

    def __init__(self, name: str, outer: Tracer, state: State, cells: Sequence[Written]) -> None:
        super().__init__(Body(name, outer))
        tracer, graph = self.tracer, self.tracer.graph
        self.state = [
            Traced(graph.input(x.value.type, x.value.name), tracer) if isinstance(x, Traced) else x
            for x in state.leaves
        ]
        self.own = [x.value for x in self.state if isinstance(x, Traced)]
        self.cells: dict[int, Value] = {}
        for written in cells:
            kind = written.present.value.type
            value = self.cells[id(written.cell)] = graph.input(kind, "written")
            written.set_out(value, tracer)
        self.own += self.cells.values()

    def trace(self, function: Callable[[Any], Any], state: State, finish: Any) -> Trip:
        """Trace a function of the container that the loop carries; see ``Part.run``."""
        self.run(lambda: function(unflatten(state.structure, self.state)), finish)
        return self

    def changed(self) -> bool:
        """Whether the region writes to anything around it."""
        cells = any(w.value is not self.cells.get(key) for key, w in self.written.items())
        return bool(self.tracer.given) or cells

    def carry(self, variable: Variable) -> None:
        """Make the value of a Variable at the start of a trip a part of the state.

        For a tape the value is a source: what was assigned in the last trip is read.
        """
        tracer = self.tracer
        assert isinstance(tracer, Body)
        start = tracer.starts.pop(id(variable), None)
        kind = TensorType(variable.dtype, variable.shape)
        value = self.graph.input(kind, variable.name)
        own = {*self.own, value}
        self.own.append(value)
        if start is None:
            return
        taken = [v for v in self.graph.inputs if v not in own]
        tracer.imports.pop(taken.index(start))
        self.graph.inputs.remove(start)
        held = Node(OPS["held"], (tracer._ref(variable), value), {}, (kind,), names=(start.name,))
        held.outputs = (start,)
        start.node = held
        self.graph.nodes.insert(0, held)


def stage_while(
    test: Callable[[Any], Any], body: Callable[[Any], Any], state: State,
    truth: Callable[[Any], Any],
) -> list[Any]:  # fmt: skip
    """Stage a loop; the leaves of its last state.

    ``test`` and ``body`` take the container of the state. ``truth`` makes the predicate of what
    the test returns.
    """
    outer, where = bind.ground(), place()
    assert isinstance(outer, Tracer)
    cells: dict[int, Written] = {}
    while True:
        step = Trip("body", outer, state, list(cells.values()))
        step.trace(body, state, lambda x: state.next(x).tree())
        if step.written.keys() == cells.keys():
            break
        cells.update({k: w for k, w in step.written.items() if k not in cells})
    condition = Trip("test", outer, state, list(cells.values()))
    condition.trace(test, state, truth)
    if condition.changed():
        return _rotated(test, body, state, truth)
    return _staged(condition, step, list(cells.values()), state, where)


def _rotated(
    test: Callable[[Any], Any], body: Callable[[Any], Any], state: State,
    truth: Callable[[Any], Any],
) -> list[Any]:  # fmt: skip
    """A loop whose test writes to what is around it: it stands before the loop, and at the end of
    the body."""

    def step(pair: Any) -> Any:
        follows = state.next(body(pair[1])).tree()
        return truth(test(follows)), follows

    first = truth(test(state.tree()))
    whole = State.of((first, state.tree()), state.what)
    return stage_while(lambda pair: pair[0], step, whole, truth)[1:]


def _staged(
    condition: Trip, step: Trip, cells: Sequence[Written], state: State, where: Any
) -> list[Any]:
    """The node of a loop whose test changes nothing."""
    outer = condition.tracer.outer
    assert outer is not None
    variables = [v for v, _ in step.tracer.given.values()]
    first = [x.value for x in state.leaves if isinstance(x, Traced)]
    n = len(first)
    first += [outer.value(w.present) for w in cells]
    first += [current_value(outer, v) for v in variables]
    results = step.values() + [w.value for w in step.written.values()]
    results += [step.given(v) for v in variables]
    for part in (condition, step):
        for variable in variables:
            part.carry(variable)
    step.graph.outputs, condition.graph.outputs = results, condition.values()
    imports = unite([condition, step], [condition.own, step.own])
    raising = any("raise" in node.effects for p in (condition, step) for node in p.graph.nodes)
    if not raising:
        _without_assignments(step.graph)
    call = Call(
        OPS["while"], (*first, *imports), {"carried": len(first)},
        (condition.graph, step.graph), [v.type for v in step.own], where,
    )  # fmt: skip
    outs = list(bind.run(call))
    for w, value in zip(cells, outs[n:], strict=False):
        w.give(value)
    for variable, value in zip(variables, outs[n + len(cells) :], strict=True):
        if raising:
            give([variable], [value])
        else:
            bind.run(Call(OPS["assign"], (variable, value), {}, place=where))
    tensors = iter(outs[:n])
    return [outer.tensor(next(tensors)) if isinstance(x, Traced) else x for x in state.leaves]


def _without_assignments(graph: Graph) -> None:
    """Take the assignments out of a region and those in it: one stands behind the loop."""
    for part in graph.regions_first():
        part.nodes = [node for node in part.nodes if node.op.name != "assign"]
        for node in part.nodes:
            if node.regions:
                node.hold(node.regions)  # its effects are others now
