"""Dead code elimination: drop nodes that nothing uses.

    %0: f32[n] = exp(%x)
    %1: f32[n] = negative(%x)        ->     %1: f32[n] = negative(%x)
    return %1                               return %1

Invariant kept: outputs, writes and errors. A node that may fail on its values stays, because
eager execution would have raised there; a read of a ref that nothing uses goes.
"""

from __future__ import annotations

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import rebuild

from .driver import graph_pass

__all__ = ["dce"]


@graph_pass()
def dce(graph: Graph) -> Graph:
    """Drop what nothing uses."""
    used: set[Value] = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not used.isdisjoint(node.outputs) or node.pinned:
            used.update(node.inputs)
            kept.append(node)
    return rebuild(Graph(graph.name, graph.inputs, reversed(kept), graph.outputs))
