"""What a graph costs for given sizes: bytes that its steps read and write, memory, kernels."""

from __future__ import annotations

from typing import Any

from twofold.compiler.native.steps import step_kind
from twofold.compiler.passes.plan_memory import slot_sizes
from twofold.ir.dims import DimLike, evaluate, symbols_of
from twofold.ir.graph import Graph, Value

__all__ = ["kernel_count", "moved_bytes", "planned_bytes"]

_FREE = ("alias", "read", "constant", "dim")  # steps that touch no elements


def moved_bytes(graph: Graph, env: dict[str, int]) -> int:
    """Bytes of all inputs and outputs of all steps, each counted once a step."""
    return sum(
        _bytes(value, env)
        for node in graph.nodes
        if step_kind(node) not in _FREE
        for value in (*node.inputs, *node.outputs)
    )


def planned_bytes(graph: Graph, env: dict[str, int]) -> int:
    """Memory of one call of a planned graph: the arena and every array of its own."""
    own = sum(
        _bytes(value, env)
        for node in graph.nodes
        if step_kind(node) not in _FREE
        for i, value in enumerate(node.outputs)
        if not node.memory or node.memory[i] == "new"
    )
    return own + sum(_known(size, env) for size in slot_sizes(graph))


def kernel_count(graph: Graph) -> tuple[int, int]:
    """Steps that are machine code (fused kernels and matrix products), and steps of NumPy."""
    kinds = [step_kind(node) for node in graph.nodes]
    return sum(k in ("kernel", "gemm") for k in kinds), kinds.count("python")


def _bytes(value: Value, env: dict[str, int]) -> int:
    return _known(value.type.nbytes, env)


def _known(size: DimLike, env: dict[str, Any]) -> int:
    """A size in numbers; 0 where it depends on values."""
    if isinstance(size, int):
        return size
    return evaluate(size, env) if symbols_of(size) <= env.keys() else 0
