"""Forwarding: what a Variable was given is used as it is.

    assign(%v, %a)                               assign(%v, %a)
    %w: f32[n] = held(%v, %a)            ->      %b: f32[n] = exp(%a)
    %b: f32[n] = exp(%w)

``held`` marks a source for the tapes around a call, which take the graph before this pass. So does
``custom``, which says a gradient: what it makes are its first inputs.

Invariant: no ``held`` and no ``custom`` node is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass

__all__ = ["forward"]


@graph_pass()
def forward(graph: Graph) -> Graph:
    """Use what Variables were given, and what has a gradient of its own, as it is."""
    return rebuild(graph, _visit)


def _visit(new: Rebuilt, node: Node) -> Sequence[Value]:
    if node.op.name == "held":
        return [new[node.inputs[1]]]
    if node.op.name == "custom":
        return [new[v] for v in node.inputs[: len(node.outputs)]]
    return new.keep(node)
