"""Which nodes only a kernel of one point can compute, a scalar program with jumps and indices."""

from __future__ import annotations

from twofold.ir.graph import Node

__all__ = ["COMPUTED", "by_point"]

COMPUTED = frozenset({  # reads and writes at computed positions
    "array_position", "block_update", "gather", "gather_nd", "numpy_index", "scatter_add",
    "tensor_scatter_nd_add", "tensor_scatter_nd_update",
})  # fmt: skip


def by_point(node: Node) -> bool:
    """Whether a node is control flow, draws, or reads or writes at computed positions."""
    return bool(node.regions) or node.op.kind == "random" or node.op.name in COMPUTED
