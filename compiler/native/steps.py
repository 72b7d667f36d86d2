"""How each node of an optimised graph is going to run."""

from __future__ import annotations

import numpy as np

from twofold.ir.dims import provably_eq
from twofold.ir.graph import Graph, Node, Value
from twofold.runtime.blas import find_blas

__all__ = ["python_values", "roots", "step_kind"]

_REAL = (np.dtype("float32"), np.dtype("float64"))


def step_kind(node: Node) -> str:
    """``kernel``, ``gemm``, ``alias``, ``read``, ``assign``, ``constant``, ``dim``, ``python``."""
    name = node.op.name
    if name == "fused":
        return "kernel"
    if name == "matmul" and _is_gemm(node):
        return "gemm"
    if node.op.shares_memory == "alias" and not node.pinned:
        return "alias"
    return name if name in ("read", "assign", "constant", "dim") else "python"


def _is_gemm(node: Node) -> bool:
    a, b = (v.type for v in node.inputs)
    if a.dtype not in _REAL or a.dtype != b.dtype or min(a.rank, b.rank) < 1:
        return False
    if find_blas() is None:
        return False
    lead_a, lead_b = a.shape[:-2], b.shape[:-2]
    if not lead_a or not lead_b:
        return True
    return len(lead_a) == len(lead_b) and all(map(provably_eq, lead_a, lead_b))


def roots(graph: Graph) -> dict[Value, Value]:
    """For each value the value whose memory it shares: itself unless it is an alias or a read."""
    table: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        shared = step_kind(node) in ("alias", "read")
        for value in node.outputs:
            table[value] = table[node.inputs[0]] if shared else value
    return table


def python_values(graph: Graph, table: dict[Value, Value]) -> set[Value]:
    """Roots that must be NumPy arrays of their own: what Python code makes, uses or returns."""
    visible: set[Value] = set(graph.inputs) | {table[v] for v in graph.outputs}
    for node in graph.nodes:
        kind = step_kind(node)
        if kind in ("python", "assign", "constant", "dim"):
            visible.update(table[v] for v in (*node.inputs, *node.outputs))
    return visible
