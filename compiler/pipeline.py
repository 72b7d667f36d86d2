"""From a graph to an executable: the passes in order, then lowering.

Read the list aloud: it is the whole optimiser. Each pass takes a graph and returns a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twofold.ir.graph import Graph

from .arrays.reference import execute
from .passes.cse import cse
from .passes.dce import dce
from .passes.fold import fold
from .passes.fuse import fuse
from .passes.plan_memory import plan_memory
from .passes.simplify import simplify

__all__ = ["PASSES", "Executable", "compile_graph", "run"]

Pass = Callable[[Graph], Graph]
PASSES: list[tuple[str, Pass]] = [
    ("fold", fold),
    ("simplify", simplify),
    ("cse", cse),
    ("dce", dce),
    ("fuse", fuse),
    ("plan_memory", plan_memory),
]


def run(graph: Graph) -> Graph:
    """Apply every pass."""
    for _, apply in PASSES:
        graph = apply(graph)
    return graph


class Executable(Protocol):
    """Runs a graph;"""

    graph: Graph
    native: bool
    kernels: list[Any]

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """A function from input arrays (Variables for refs) to output arrays."""


class ArrayExecutable:
    """Runs a graph node by node on array operations."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.native = False
        self.kernels: list[Any] = []

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """A function from input arrays (Variables for refs) to output arrays."""
        graph = self.graph
        return lambda arrays: execute(graph, arrays, env)


def compile_graph(graph: Graph, native: bool) -> Executable:
    """Optimise and lower a graph."""
    graph = run(graph)
    if not native:
        return ArrayExecutable(graph)
    from .native.program import NativeExecutable  # noqa: PLC0415  (loads numba)

    return NativeExecutable(graph)
