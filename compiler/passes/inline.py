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

from twofold.ir.graph import Graph
from twofold.ir.rebuild import Rebuilt

from .driver import graph_pass

__all__ = ["inline"]


@graph_pass()
def inline(graph: Graph) -> Graph:
    """Replace calls by what they call."""
    new = Rebuilt(graph.name)
    given = [new.input(value) for value in graph.inputs]
    new.graph.outputs = new.inline(graph, given, enter=lambda node: node.op.flow == "call")
    return new.graph
