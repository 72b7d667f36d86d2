"""Constant folding: execute nodes whose inputs are all constants.

    %0: f32[] = constant() {value=f32[] [2.0]}
    %1: f32[] = multiply(%0, %0)     ->     %1: f32[] = constant() {value=f32[] [4.0]}

Invariant kept: values and errors. The op's own NumPy body computes the constant, so it is what
eager execution gives. A node stays if it has effects, draws random numbers, has symbolic sizes or
a large result, or if its body fails: then it fails when the graph runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.attrs import dims_of
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.ops.create import constant
from twofold.ir.rebuild import Rebuilt, rebuild
from twofold.runtime.quiet import quiet

from .driver import graph_pass

__all__ = ["fold"]


Arrays = list[np.ndarray[Any, Any]]


@graph_pass()
def fold(graph: Graph, *, max_bytes: int = 1024) -> Graph:
    """Compute what depends on constants only.

    max_bytes: results up to this size are kept in the graph, larger ones only if they are no
    larger than what they are computed from.
    """
    known: dict[Value, np.ndarray[Any, Any]] = {}

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        arrays = _evaluate(node, known, max_bytes)
        if arrays is None:
            return new.keep(node)
        known.update(zip(node.outputs, arrays, strict=True))
        if node.op is constant:
            return new.keep(node)
        made = [new.graph.add(constant, (), {"value": a}, loc=node.loc) for a in arrays]
        for one, value in zip(made, node.outputs, strict=True):
            one.out.name = value.name
        return [one.out for one in made]

    return rebuild(graph, visit)


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
    if not node.op.pure:
        return False
    if any(v.type.symbols() for v in node.outputs):
        return False
    if any(dims_of(attr) for attr in node.attrs.values()):
        return False
    size = sum(int(v.type.nbytes) for v in node.outputs)
    return size <= max(max_bytes, sum(known[v].nbytes for v in node.inputs))
