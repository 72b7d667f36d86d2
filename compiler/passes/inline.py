"""Inlining: a call is replaced by what it calls.

    %y: f32[n] = call(%x)                                 %a: f32[n] = exp(%x)
      region f(%x: f32[n]) {                       ->     %y: f32[n] = negative(%a)
        %a: f32[n] = exp(%x)
        %y: f32[n] = negative(%a)
        return %y
      }

It stands first, so that the other passes see one graph.

Invariant: effects stay in program order.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass

__all__ = ["inline"]


@graph_pass()
def inline(graph: Graph) -> Graph:
    """Replace calls by what they call."""
    return rebuild(graph, _visit)


def _visit(new: Rebuilt, node: Node) -> Sequence[Value]:
    if node.op.name != "call":
        return new.keep(node)
    made = new.inline(node.regions[0], [new[v] for v in node.inputs], _visit, node.loc)
    for value, outside in zip(made, node.outputs, strict=True):
        if value.node is not None and not value.name:
            value.name = outside.name  # the called function did not name it, the caller did
    return made
