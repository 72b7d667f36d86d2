"""What a graph costs for given sizes: bytes that its steps read and write, memory, kernels."""

from __future__ import annotations

from typing import Any

from twofold.compiler.planned import slot_sizes, step_of
from twofold.ir.dims import DimLike, evaluate, symbols_of
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import Kind, New

__all__ = ["kernel_count", "moved_bytes", "planned_bytes"]

_FREE = (Kind.ALIAS, Kind.READ, Kind.CONSTANT, Kind.DIM)  # steps that touch no elements


def moved_bytes(graph: Graph, env: dict[str, int]) -> int:
    """Bytes of all inputs and outputs of all steps, each counted once a step."""
    return sum(
        _bytes(value, env)
        for node in graph.nodes
        if not _free(node)
        for value in (*node.inputs, *node.outputs)
    )


def planned_bytes(graph: Graph, env: dict[str, int]) -> int:
    """Memory of one call of a planned graph: the arena and every array of its own."""
    own = sum(
        _bytes(value, env)
        for node in graph.nodes
        if not _free(node)
        for value, place in zip(node.outputs, step_of(node).places, strict=True)
        if isinstance(place, New)
    )
    return own + sum(_known(size, env) for size in slot_sizes(graph))


def kernel_count(graph: Graph) -> tuple[int, int]:
    """Steps that are machine code (fused kernels and matrix products), and steps of NumPy."""
    kinds = [step_of(node).kind for node in graph.nodes]
    return sum(k in (Kind.KERNEL, Kind.LIBRARY) for k in kinds), kinds.count(Kind.ARRAYS)


def _free(node: Node) -> bool:
    return step_of(node).kind in _FREE


def _bytes(value: Value, env: dict[str, int]) -> int:
    return _known(value.type.nbytes, env)


def _known(size: DimLike, env: dict[str, Any]) -> int:
    """A size in numbers; 0 where it depends on values."""
    if isinstance(size, int):
        return size
    return evaluate(size, env) if symbols_of(size) <= env.keys() else 0
