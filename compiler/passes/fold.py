"""Constant folding: execute nodes whose inputs are all constants.

    %0: f32[] = constant() {value=f32[] [2.0]}
    %1: f32[] = multiply(%0, %0)     ->     %1: f32[] = constant() {value=f32[] [4.0]}

A branch whose choice is a constant is replaced by the region that it runs, a loop whose test fails
at once by what it starts with; a constant that a region receives is written in it instead.

Invariant kept: values and errors. The op's own NumPy body computes the constant, so it is what
eager execution gives. A node stays if it has effects, draws random numbers, has symbolic sizes or
a large result, or if its body fails: then it fails when the graph runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from twofold.ir.attrs import dims_of
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.ops.create import constant
from twofold.ir.rebuild import Rebuilt, rebuild
from twofold.runtime.quiet import quiet

from .driver import graph_pass
from .parts import before, captured

__all__ = ["fold"]


Arrays = list[np.ndarray[Any, Any]]


@graph_pass()
def fold(graph: Graph, *, max_bytes: int = 1024) -> Graph:
    """Compute what depends on constants only.

    max_bytes: results up to this size are kept in the graph, larger ones only if they are no
    larger than what they are computed from.
    """
    folding = _Folding(max_bytes)
    return rebuild(graph, folding.visit)


class _Folding:
    """The visit of a graph, and the constants that have been met."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.known: dict[Value, np.ndarray[Any, Any]] = {}

    def visit(self, new: Rebuilt, node: Node) -> Sequence[Value]:
        """What stands for the outputs of a node."""
        if node.op.flow in ("branch", "loop"):
            return self.control(new, node)
        arrays = _evaluate(node, self.known, self.max_bytes)
        if arrays is None:
            return new.keep(node)
        self.known.update(zip(node.outputs, arrays, strict=True))
        if node.op is constant:
            return new.keep(node)
        made = [new.graph.add(constant, (), {"value": a}, loc=node.loc) for a in arrays]
        for one, value in zip(made, node.outputs, strict=True):
            one.out.name = value.name
        return [one.out for one in made]

    def control(self, new: Rebuilt, node: Node) -> Sequence[Value]:
        """A branch or a loop, of which constants may decide what it does."""
        given = node.inputs[before(node) :]
        if node.op.flow == "branch" and node.inputs[0] in self.known:
            return self.enter(new, node, self.chosen(node), given)
        if node.op.flow == "loop" and len(node.regions) == 2 and self.never(node):
            return [new[v] for v in given[: len(node.outputs)]]
        small = {i: self.known[v] for i, v in captured(node)
                 if v in self.known and self.known[v].nbytes <= self.max_bytes}  # fmt: skip
        if not small:
            return new.keep(node)
        inputs = [*node.inputs[: before(node)], *[v for i, v in enumerate(given) if i not in small]]
        made = Node(
            node.op, [new[v] for v in inputs], node.attrs.copy(), [v.type for v in node.outputs],
            [_holding(r, small) for r in node.regions], node.loc, [v.name for v in node.outputs],
        )  # fmt: skip
        new.graph.nodes.append(made)
        return made.outputs

    def chosen(self, node: Node) -> Graph:
        """The region that a branch runs: the op itself says which."""
        regions = [partial(_itself, region) for region in node.regions]
        found: Graph = node.op.body(self.known[node.inputs[0]], regions=regions)
        return found

    def enter(
        self, new: Rebuilt, node: Node, region: Graph, given: Sequence[Value]
    ) -> Sequence[Value]:
        """The nodes of a region in the place of the node that holds it."""
        for inside, outside in zip(region.inputs, given, strict=True):
            new.table[inside] = new[outside]
            if outside in self.known:
                self.known[inside] = self.known[outside]
        new.run(region.nodes, lambda new, inner: self.visit(new, inner))
        for inside, outside in zip(region.outputs, node.outputs, strict=True):
            if inside in self.known:
                self.known[outside] = self.known[inside]
        return [new[v] for v in region.outputs]

    def never(self, node: Node) -> bool:
        """Whether the test of a loop fails for the constants that it starts with."""
        test = node.regions[0]
        inside = {v: self.known[x] for v, x in zip(test.inputs, node.inputs, strict=True)
                  if x in self.known}  # fmt: skip
        for inner in test.nodes:
            arrays = None if inner.regions else _evaluate(inner, inside, self.max_bytes)
            if arrays is not None:
                inside.update(zip(inner.outputs, arrays, strict=True))
            elif inner.effects:
                return False
        result = inside.get(test.outputs[0])
        return result is not None and not result


def _itself(region: Graph) -> Graph:
    return region


def _evaluate(
    node: Node, known: dict[Value, np.ndarray[Any, Any]], max_bytes: int
) -> Arrays | None:
    """The outputs of a node if they are known now and worth keeping, else None."""
    if node.op is constant:
        return [node.attrs["value"]]
    if not all(v in known for v in node.inputs) or not _worthwhile(node, known, max_bytes):
        return None
    try:
        out = quiet.run(node.op.body, *[known[v] for v in node.inputs], **node.attrs)
    except (TwofoldError, ArithmeticError, ValueError, TypeError, IndexError):
        return None  # the node fails where the user will see it: when the graph runs
    arrays = [np.array(a, order="C") for a in (out if isinstance(out, tuple) else (out,))]
    types = [(v.type.dtype, v.type.shape) for v in node.outputs]
    return arrays if types == [(a.dtype, a.shape) for a in arrays] else None


def _worthwhile(node: Node, known: dict[Value, np.ndarray[Any, Any]], max_bytes: int) -> bool:
    if not node.op.pure or node.op.kind == "buffer":  # no constant is a buffer
        return False
    if any(v.type.symbols() for v in node.outputs):
        return False
    if any(dims_of(attr) for attr in node.attrs.values()):
        return False
    size = sum(int(v.type.nbytes) for v in node.outputs)
    return size <= max(max_bytes, sum(known[v].nbytes for v in node.inputs))


def _holding(region: Graph, constants: dict[int, np.ndarray[Any, Any]]) -> Graph:
    """A region with constants for some of its inputs."""
    own = Rebuilt(region.name)
    for i, value in enumerate(region.inputs):
        if i not in constants:
            own.input(value)
    for i, array in constants.items():
        made = own.graph.add(constant, (), {"value": array})
        made.out.name = region.inputs[i].name
        own.table[region.inputs[i]] = made.out
    own.run(region.nodes)
    own.graph.outputs = [own[v] for v in region.outputs]
    return own.graph
