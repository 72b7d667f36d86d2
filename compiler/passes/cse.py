"""Common subexpression elimination: compute a value once (value numbering).

    %0: f32[n] = exp(%x)                    %0: f32[n] = exp(%x)
    %1: f32[n] = exp(%x)             ->     %1: f32[n] = add(%0, %0)
    %2: f32[n] = add(%0, %1)                return %1
    return %2

Invariant kept: every value, bit for bit. Two nodes are the same if op, inputs, attributes (by
type and bits) and output types are; the inputs of a commutative op have no order. Nodes with
effects, random draws and nodes with regions are never merged; of two equal nodes that may fail,
the first stays, and it fails first.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from twofold.ir.attrs import attrs_key
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass

__all__ = ["cse"]


@graph_pass()
def cse(graph: Graph) -> Graph:
    """Compute equal expressions once."""
    seen: dict[Hashable, Sequence[Value]] = {}

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        if not _mergeable(node):
            return new.keep(node)
        key = _key(node, [new[v] for v in node.inputs])
        same = seen.get(key)
        if same is None:
            same = seen[key] = new.keep(node)
        return same

    return rebuild(graph, visit)


def _mergeable(node: Node) -> bool:
    return node.op.pure and not node.regions


def _key(node: Node, inputs: list[Value]) -> Hashable:
    if node.op.commutative and len(inputs) == 2:
        inputs.sort(key=id)
    return node.op, *inputs, attrs_key(node.attrs), *[v.type for v in node.outputs]
