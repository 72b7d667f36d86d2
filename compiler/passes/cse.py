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

from collections.abc import Hashable

from twofold.ir.equality import attrs_key
from twofold.ir.graph import Graph, Node, Value

__all__ = ["cse"]


def cse(graph: Graph) -> Graph:
    """A new graph in which equal nodes are one, in its regions as well."""
    done: dict[Graph, Graph] = {}
    for old in graph.regions_first():
        done[old] = _numbered(old, done)
    return done[graph]


def _numbered(old: Graph, done: dict[Graph, Graph]) -> Graph:
    new = Graph(old.name)
    table: dict[Value, Value] = {}
    seen: dict[Hashable, Node] = {}
    for value in old.inputs:
        table[value] = new.input(value.type, value.name)
    for node in old.nodes:
        key = _key(node, [table[v] for v in node.inputs]) if _mergeable(node) else None
        same = seen.get(key) if key is not None else None
        if same is not None:
            table.update(zip(node.outputs, same.outputs, strict=True))
            continue
        copy = new.append_copy(node, table, [done[r] for r in node.regions])
        if key is not None:
            seen[key] = copy
    new.outputs = [table[v] for v in old.outputs]
    return new


def _mergeable(node: Node) -> bool:
    return node.op.pure and not node.regions


def _key(node: Node, inputs: list[Value]) -> Hashable:
    if node.op.commutative and len(inputs) == 2:
        inputs.sort(key=id)
    return node.op, *inputs, attrs_key(node.attrs), *[v.type for v in node.outputs]
