"""Scalarise: a loop or a branch over scalars and small arrays becomes one kernel.

    %s: f32[] = while(%i, %x) {carried=1}        %s: f32[] = fused(%i, %x) {dims=(), reduced=()}
      region test(...) { ... }              ->     region while_less_multiply(...) {
      region body(...) { ... }                       %s: f32[] = while(%i, %x) {carried=1} ...
                                                     return %s }

Invariant kept: the kernel computes what the node computes, in the same order. What the target
cannot put into a kernel stays as it is, and the nodes of its regions are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import Rebuilt, copied, rebuild

from ..kernel.control import alone
from ..target import Target
from .driver import graph_pass

__all__ = ["scalarise"]


@graph_pass(kernels=False)
def scalarise(graph: Graph, target: Target) -> Graph:
    """Put each loop or branch that fits into a kernel of its own."""

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        if not node.regions or node.op.kernel or not target.can_fuse(node):
            return new.keep(node)
        region = alone(node, _name(node))
        return new.add(
            OPS["fused"], [new[v] for v in region.inputs], {"dims": (), "reduced": ()}, like=node,
            types=[v.type for v in node.outputs], regions=[copied(region)],
        )  # fmt: skip

    return rebuild(graph, visit)


def _name(node: Node) -> str:
    """The op, and the first ops of its regions."""
    inside = [n.op.name for region in node.regions for n in region.nodes]
    ops = list(dict.fromkeys(name for name in inside if name != "constant"))
    return "_".join([node.op.name, *ops[:3]]) + ("_etc" if len(ops) > 3 else "")
