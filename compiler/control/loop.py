"""``while`` and ``scan`` in a trace: what a loop does once is traced and becomes a region.

The state is what the loop is given, and then what the body writes to around it: each Variable that
it assigns, each tensor and array that it writes to. The body is traced again until the state is
found: with what it writes to as state, and with a symbol for each size that changes from one trip
to the next. What Variables are assigned is assigned behind the loop. Where something in it can
raise, the assignments in the body stay as drafts, so that an error leaves the state that Python
would have left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.dims import DimLike
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError
from twofold.ir.graph import Node, Value
from twofold.ir.op import OPS
from twofold.ir.tree import Structure, unflatten
from twofold.ir.types import TensorType
from twofold.runtime.carried import State
from twofold.runtime.variable import Variable, read

from ..plain import PlainPython
from ..symint import to_dims
from ..trace import Traced, Tracer, place
from .part import Part, Written, current_value, refused, unite

__all__ = ["stage_scan", "stage_while"]


class Body(Tracer):
    """The tracer of a loop's region. Variables have inputs of their own, which are state if the
    loop assigns them."""

    repeated = True

    def __init__(self, name: str, outer: Tracer) -> None:
        super().__init__(name, outer)
        self.starts: dict[int, Value] = {}

    def start(self, variable: Any) -> Value:
        """What a Variable is at the start of a trip."""
        value = read(variable)
        found = self.starts[id(variable)] = self.graph.input(value.type, variable.name)
        self.imports.append(value)
        return found


class Loop:
    """A loop while it is staged: the types of its state, and the cells that it writes to."""

    def __init__(self, state: State, rows: Sequence[TensorType] = ()) -> None:
        outer = bind.ground()
        assert isinstance(outer, Tracer)
        self.outer, self.state, self.rows = outer, state, rows
        self.types = [x.value.type for x in state.leaves if isinstance(x, Traced)]
        self.open: set[DimLike] = set()  # symbols of sizes that change
        self.cells: dict[int, Written] = {}

    def settle(self, name: str, where: Any, function: Callable[[Trip], Any], finish: Any) -> Trip:
        """Trace the body until the state that it makes is the one that it was traced with.

        A loop in a loop is staged again whenever that one is traced again: what it wrote to the
        last time (``where`` tells loops apart) is state from the start, or a nest of loops would
        trace its innermost body twice for each loop around it, and twice again for the next.
        """
        self.cells = self._expected(where)
        expected = list(self.cells)
        while True:
            trip = Trip(name, self)
            trip.run(lambda trip=trip: function(trip), finish)  # type: ignore[misc]
            if trip.failed:  # nobody sees what it wrote
                return trip
            vain = [k for k in expected if trip.written[k].value is trip.cells[k]]
            for key in vain:
                del self.cells[key]
            expected = []
            new = {k: w for k, w in trip.written.items() if k not in self.cells and k not in vain}
            self.cells.update(new)
            if not (self._begin(trip) or self._widen(trip) or new or vain):
                self.outer.loops[where] = [w.cell for w in self.cells.values()]
                return trip

    def _expected(self, where: Any) -> dict[int, Written]:
        """What the loop wrote to when it was staged the last time, as far as it is there."""
        cells = [Written(cell) for cell in self.outer.loops.get(where, ())]
        return {id(w.cell): w for w in cells if not w.present.trace.ended}

    def _begin(self, trip: Trip) -> bool:
        """Give arrays without elements the type that their first element has; whether there were
        any."""
        leaves = self.state.leaves
        firsts = [
            (i, leaf, made)
            for i, (leaf, made) in enumerate(zip(leaves, trip.leaves, strict=False))
            if hasattr(leaf, "begun") and isinstance(made, Traced)
        ]
        for i, leaf, made in firsts:
            leaves[i] = leaf.begun(made)
        self.types = (
            [x.value.type for x in leaves if isinstance(x, Traced)] if firsts else self.types
        )
        return bool(firsts)

    def _widen(self, trip: Trip) -> bool:
        """Give sizes that change a symbol; whether there were any."""
        made = [v.type for v in trip.values()[: len(self.types)]]
        before = self.types
        self.types = [
            t.sized([self._wider(a, b) for a, b in zip(t.shape, m.shape, strict=True)])
            for t, m in zip(before, made, strict=True)
        ]
        return self.types != before

    def _wider(self, size: DimLike, made: DimLike) -> DimLike:
        sizes = self.outer.sizes
        size, made = sizes.resolve(size), sizes.resolve(made)
        if size in self.open or sizes.agree(size, made):
            return sizes.resolve(size)
        fresh = sizes.fresh()
        self.open.add(fresh)
        return fresh

    def first(self, variables: Sequence[Variable]) -> list[Value]:
        """What the state is before the loop."""
        found = [x.value for x in self.state.leaves if isinstance(x, Traced)]
        found += [self.outer.value(w.present) for w in self.cells.values()]
        return found + [current_value(self.outer, v) for v in variables]

    def outputs(self, own: Sequence[Value]) -> list[TensorType]:
        """The types of the state behind the loop: sizes that change have symbols of their own."""
        sizes = self.outer.sizes
        return [
            v.type.sized([sizes.fresh() if d in self.open else d for d in v.type.shape])
            for v in own
        ]

    def results(
        self, outs: Sequence[Value], variables: Sequence[Variable], where: Any
    ) -> list[Any]:
        """Give what is written to its last value; the leaves of the last state.

        ``where``: of the assignments.
        """
        n = len(self.types)
        for w, value in zip(self.cells.values(), outs[n:], strict=False):
            w.give(value)
        for variable, value in zip(variables, outs[n + len(self.cells) :], strict=False):
            bind.run(Call(OPS["assign"], (variable, value), {}, place=where))
        tensors = map(self.outer.tensor, outs[:n])
        return [next(tensors) if isinstance(x, Traced) else x for x in self.state.leaves]


class Trip(Part):
    """A region of a loop while it is made, with the inputs that stand for state and rows."""

    def __init__(self, name: str, loop: Loop) -> None:
        super().__init__(Body(name, loop.outer))
        tracer, graph = self.tracer, self.tracer.graph
        types = iter(loop.types)
        self.state = [
            Traced(graph.input(next(types), x.value.name), tracer)
            if isinstance(x, Traced)
            else _inside(x, tracer)
            for x in loop.state.leaves
        ]
        self.structure_in: Structure = loop.state.structure
        self.own = [x.value for x in self.state if isinstance(x, Traced)]
        self.cells: dict[int, Value] = {}
        for written in loop.cells.values():
            value = graph.input(written.present.value.type, "written")
            self.cells[id(written.cell)] = value
            written.set_out(value, tracer)
        self.own += self.cells.values()
        self.rows = [Traced(graph.input(t, "row"), tracer) for t in loop.rows]

    @property
    def tree(self) -> Any:
        """The state as the container that the loop has."""
        return unflatten(self.structure_in, self.state)

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
        self.own.append(value)
        if start is None:
            return
        own = {*self.own, *[row.value for row in self.rows]}
        taken = [v for v in self.graph.inputs if v not in own]
        tracer.imports.pop(taken.index(start))
        self.graph.inputs.remove(start)
        held = Node(OPS["held"], (tracer._ref(variable), value), {}, (kind,), names=(start.name,))
        held.outputs = (start,)
        start.node = held
        self.graph.nodes.insert(0, held)

    def finish(self, loop: Loop, variables: Sequence[Variable]) -> None:
        """The outputs of a body: the next state, and then what it makes of its rows."""
        made, n = self.values(), len(loop.types)
        state = made[:n] + [self.written[key].value for key in loop.cells]
        self.graph.outputs = [*state, *[self.given(v) for v in variables], *made[n:]]


def _inside(x: Any, tracer: Tracer) -> Any:
    return x.inside(tracer) if hasattr(x, "inside") else x


def stage_while(
    test: Callable[[Any], Any], body: Callable[[Any], Any], state: State,
    truth: Callable[[Any], Any],
) -> list[Any]:  # fmt: skip
    """Stage a loop; the leaves of its last state.

    ``test`` and ``body`` take the container of the state. ``truth`` makes the predicate of what
    the test returns.
    """
    where, loop = place(), Loop(state)
    step = loop.settle("body", where, lambda trip: body(trip.tree), lambda x: _following(loop, x))
    condition = Trip("test", loop)
    condition.run(lambda: test(condition.tree), truth)
    if step.failed:
        step.leaves = step.state
    if condition.failed:
        no = condition.graph.add(OPS["constant"], (), {"value": np.False_}).out
        condition.leaves = [Traced(no, condition.tracer)]
    if condition.changed():
        return _rotated(test, body, state, truth)
    variables = [v for v, _ in step.tracer.given.values()]
    first = loop.first(variables)
    step.finish(loop, variables)
    condition.graph.outputs = condition.values()
    for part in (condition, step):
        for variable in variables:
            part.carry(variable)
    imports = unite([condition, step], [condition.own, step.own])
    _settle_effects([condition, step])
    call = Call(
        OPS["while"], (*first, *imports), {"carried": len(first)},
        (condition.graph, step.graph), loop.outputs(step.own), where,
    )  # fmt: skip
    return loop.results(bind.run(call), variables, where)


def stage_scan(
    step: Callable[[Any, Any], tuple[Any, Any]], state: State, arrays: Sequence[Any],
    structure: Structure, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Stage a loop over the rows of tensors: the last state, and what the steps made, stacked.

    ``step`` takes the container of the state and that of a row (``structure``), and returns the
    next state and what is stacked.
    """
    where, length = place(), to_dims(arrays[0].shape[0])
    rows = [x.value.type.with_shape(x.value.type.shape[1:]) for x in arrays]
    loop = Loop(state, rows)
    body = loop.settle(
        "body", where,
        lambda trip: step(trip.tree, unflatten(structure, trip.rows)),
        lambda pair: (_following(loop, pair[0]), pair[1]),
    )  # fmt: skip
    if body.failed:
        raise PlainPython(words="a loop of which every trip raises")
    variables = [v for v, _ in body.tracer.given.values()]
    first = loop.first(variables)
    body.finish(loop, variables)
    for variable in variables:
        body.carry(variable)
    imports = unite([body], [[*body.own, *[row.value for row in body.rows]]])
    _settle_effects([body])
    n = len(first)
    stacks = [v.type.with_shape((length, *v.type.shape)) for v in body.graph.outputs[n:]]
    _refuse_open(loop, stacks)
    attrs = {"carried": n, "sliced": len(arrays), "length": length, "reverse": reverse}
    call = Call(
        OPS["scan"], (*first, *[loop.outer.value(x) for x in arrays], *imports), attrs,
        (body.graph,), [*loop.outputs(body.own), *stacks], where,
    )  # fmt: skip
    outs = bind.run(call)
    last = loop.results(outs[:n], variables, where)
    made = map(loop.outer.tensor, outs[n:])
    assert body.structure is not None
    rest = body.leaves[len(state.leaves) :]
    stacked = [next(made) if isinstance(x, Traced) else x for x in rest]
    return unflatten(state.structure, last), unflatten(body.structure.children[1], stacked)


def _refuse_open(loop: Loop, stacks: Sequence[TensorType]) -> None:
    if any(d in loop.open for t in stacks for d in t.shape):
        error = ShapeError(
            f"{loop.state.what} returns a tensor whose sizes change from row to row; rows of one "
            f"shape are stacked"
        )
        raise refused(loop.outer, error)


def _following(loop: Loop, tree: Any) -> Any:
    try:
        return loop.state.next(tree).tree()
    except (ArgumentError, DTypeError, ShapeError) as error:
        raise refused(loop.outer, error) from None


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


def _settle_effects(parts: Sequence[Trip]) -> None:
    """What the assignments in a loop become, now that one stands behind it: drafts if something in
    the loop may raise, else nothing."""
    raising = any("raise" in node.effects for p in parts for node in p.graph.nodes)
    for graph in (graph for part in parts for graph in part.graph.regions_first()):
        drafts = {n: _draft(n) for n in graph.nodes if n.op.name in ("assign", "draft")}
        graph.nodes = [drafts.get(n, n) for n in graph.nodes if raising or n not in drafts]
        for node in graph.nodes:
            if node.regions:
                node.hold(node.regions)  # its effects may be others now


def _draft(node: Node) -> Node:
    return Node(OPS["draft"], node.inputs, {}, (), loc=node.loc)
