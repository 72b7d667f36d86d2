"""Fuse: elementwise chains, and reductions with what stands on both sides of them.

    %0: f32[n,768] = add(%x, %b)          %0: f32[n,768] = fused(%x, %b) {...}
    %1: f32[n,768] = tanh(%0)         ->    region (%x: ..., %b: ...) { add ... tanh ... }

Invariant kept: a group is convex (no path leaves it and comes back), so that the groups form an
acyclic graph; nodes with effects keep their order. A value that is used
outside its group is an output of the group; nothing is computed twice except constants.

A movement with an access map costs nothing where it is read: it goes into the kernel of every node
that reads it, and is made as an array only for those that are no kernels (``groups.py``).

An op with pieces (``concat``, ``pad``, ``slice_update``) makes a group that is *joined*: with the
elementwise groups that only it reads, each of which is computed in the boxes where it stands, and
with elementwise ops on top that have its shape. See ``kernel/pieces.py``.
"""

from __future__ import annotations

from functools import cache

from twofold.ir.graph import Graph, Node
from twofold.ir.rebuild import rebuild

from ..kernel.points import by_point
from ..target import Target
from .driver import graph_pass

__all__ = ["fuse"]


@graph_pass(kernels=False)
def fuse(graph: Graph, target: Target, *, max_ops: int = 96) -> Graph:
    """Group elementwise chains and reductions that the target can fuse into kernels.

    max_ops: nodes in one kernel, movements aside; compile time grows faster than linearly beyond.
    """

    @cache  # each node is asked for itself and for those that it reads
    def joins(node: Node) -> bool:
        return not by_point(node) and target.can_fuse(node)

    if not any(map(joins, graph.nodes)):
        return rebuild(graph)
    from .groups import grouped  # noqa: PLC0415  (kernels: array operations have none)

    return grouped(graph, joins, max_ops)
