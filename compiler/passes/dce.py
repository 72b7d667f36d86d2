"""Dead code elimination: drop nodes that nothing uses.

    %0: f32[n] = exp(%x)
    %1: f32[n] = negative(%x)        ->     %1: f32[n] = negative(%x)
    return %1                               return %1

Invariant kept: outputs, writes and errors. A node that may fail on its values stays, because
eager execution would have raised there; a read of a ref that nothing uses goes.
"""

from __future__ import annotations

from twofold.ir.graph import Graph, Node, Value

__all__ = ["dce"]


def dce(graph: Graph) -> Graph:
    """A new graph without dead nodes, in its regions as well."""
    done: dict[Graph, Graph] = {}
    for old in graph.regions_first():
        done[old] = _live(old, done)
    return done[graph]


def _live(old: Graph, done: dict[Graph, Graph]) -> Graph:
    used: set[Value] = set(old.outputs)
    kept: list[Node] = []
    for node in reversed(old.nodes):
        if not used.isdisjoint(node.outputs) or node.pinned:
            used.update(node.inputs)
            kept.append(node)
    new = Graph(old.name)
    table: dict[Value, Value] = {}
    for value in old.inputs:
        table[value] = new.input(value.type, value.name)
    for node in reversed(kept):
        new.append_copy(node, table, [done[r] for r in node.regions])
    new.outputs = [table[v] for v in old.outputs]
    return new
