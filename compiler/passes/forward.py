"""Forwarding: what a Variable was given is used as it is.

    assign(%v, %a)                               assign(%v, %a)
    %w: f32[n] = held(%v, %a)            ->      %b: f32[n] = exp(%a)
    %b: f32[n] = exp(%w)

``held`` marks a source for the tapes around a call, which take the graph before this pass.

Invariant: no ``held`` node is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass

__all__ = ["forward"]


@graph_pass()
def forward(graph: Graph) -> Graph:
    """Use what Variables were given as it is."""
    return rebuild(graph, _visit)


def _visit(new: Rebuilt, node: Node) -> Sequence[Value]:
    return [new[node.inputs[1]]] if node.op.name == "held" else new.keep(node)
