"""Constant folding: execute nodes whose inputs are all constants.

    %0: f32[] = constant() {value=f32[] [2.0]}
    %1: f32[] = multiply(%0, %0)     ->     %1: f32[] = constant() {value=f32[] [4.0]}

Invariant kept: values and errors. The op's own NumPy body computes the constant, so it is what
eager execution gives. A node stays if it has effects, draws random numbers, has symbolic sizes or
a large result, or if its body fails: then it fails when the graph runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Node, Value, dims_in_attr
from twofold.ir.ops.create import constant
from twofold.runtime.quiet import quiet

__all__ = ["fold"]

SMALL = 1024  # bytes of result that are always worth it; more must not exceed the inputs' bytes

Arrays = list[np.ndarray[Any, Any]]


def fold(graph: Graph) -> Graph:
    """A new graph with constants computed, in its regions as well."""
    done: dict[Graph, Graph] = {}
    for old in graph.regions_first():
        done[old] = _folded(old, done)
    return done[graph]


def _folded(old: Graph, done: dict[Graph, Graph]) -> Graph:
    new = Graph(old.name)
    table: dict[Value, Value] = {}
    known: dict[Value, np.ndarray[Any, Any]] = {}
    for value in old.inputs:
        table[value] = new.input(value.type, value.name)
    for node in old.nodes:
        arrays = _evaluate(node, known)
        if arrays is None:
            new.append_copy(node, table, [done[r] for r in node.regions])
            continue
        known.update(zip(node.outputs, arrays, strict=True))
        if node.op.name == "constant":
            new.append_copy(node, table)
            continue
        for value, array in zip(node.outputs, arrays, strict=True):
            table[value] = new.add(
                constant, (), {"value": array}, loc=node.loc, names=(value.name,)
            ).out
    new.outputs = [table[v] for v in old.outputs]
    return new


def _evaluate(node: Node, known: dict[Value, np.ndarray[Any, Any]]) -> Arrays | None:
    """The outputs of a node if they are known now and worth keeping, else None."""
    if node.op.name == "constant":
        return [node.attrs["value"]]
    if not all(v in known for v in node.inputs) or not _worthwhile(node, known):
        return None
    try:
        out = quiet.run(node.op.body, *[known[v] for v in node.inputs], **node.attrs)
    except (TwofoldError, ArithmeticError, ValueError, TypeError, IndexError):
        return None  # the node fails where the user will see it: when the graph runs
    arrays = [np.array(a, order="C") for a in (out if isinstance(out, tuple) else (out,))]
    types = [(v.type.dtype, v.type.shape) for v in node.outputs]
    return arrays if types == [(a.dtype, a.shape) for a in arrays] else None


def _worthwhile(node: Node, known: dict[Value, np.ndarray[Any, Any]]) -> bool:
    if not node.op.pure:
        return False
    if any(v.type.symbols() for v in node.outputs):
        return False
    if any(True for attr in node.attrs.values() for _ in dims_in_attr(attr)):
        return False
    size = sum(int(v.type.nbytes) for v in node.outputs)
    return size <= max(SMALL, sum(known[v].nbytes for v in node.inputs))
