"""From a graph to an executable: the passes in order, then lowering.

Read the list aloud: it is the whole optimiser. Each pass takes a graph and returns a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from twofold.ir.errors import ArgumentError
from twofold.ir.evaluate import evaluate
from twofold.ir.graph import Graph
from twofold.ir.scanner import meant

from .arrays.reference import ArrayOps
from .native.program import NativeExecutable
from .passes.cse import cse
from .passes.dce import dce
from .passes.driver import Pass
from .passes.fold import fold
from .passes.forward import forward
from .passes.fuse import fuse
from .passes.inline import inline
from .passes.plan_memory import plan_memory
from .passes.simplify import simplify

__all__ = ["PASSES", "Executable", "Step", "compile_graph", "run"]

PASSES: list[Pass] = [
    inline,
    forward,
    fold,
    simplify,
    cse,
    dce,
    fuse,
    plan_memory,
]


class Step(NamedTuple):
    """What one pass did: its time, and the nodes before and after, those of regions included."""

    name: str
    seconds: float
    before: int
    after: int
    graph: Graph


def run(
    graph: Graph, passes: Sequence[Pass] | None = None, *, after: str | None = None,
    verify: bool | None = None, time: Callable[[Step], object] | None = None,
) -> Graph:  # fmt: skip
    """Apply passes in order (default: ``PASSES``); the graph that is given stays as it is.

    after: the name of the pass to stop after, its first occurrence in the list.
    verify: check the graph after every pass (default: what ``config.verify_passes`` says).
    time: is called with a ``Step`` after every pass; ``steps.append`` collects them.

    Raises ArgumentError if there is no pass ``after``, VerifyError if a result is not valid.

    >>> from twofold.ir.parser import parse
    >>> g = parse("graph f(%x: f32[n]) { %y = negative(%x) %z = negative(%y) return %z }")
    >>> print(run(g, after="dce", verify=True), end="")
    graph f(%x: f32[n]) {
      return %x
    }
    """
    passes = PASSES if passes is None else passes
    names = [p.name for p in passes]
    if after is not None and after not in names:
        hint = meant(after, names) or f"; the passes are {', '.join(names)}"
        raise ArgumentError(f"there is no pass {after}{hint}")
    for each in passes:
        start = perf_counter()
        result = each(graph, verify=verify)
        if time is not None:
            seconds = perf_counter() - start
            time(Step(str(each), seconds, _count(graph), _count(result), result))
        graph = result
        if each.name == after:
            break
    return graph


def _count(graph: Graph) -> int:
    return sum(1 for _ in graph.walk())


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
        graph, run_node = self.graph, ArrayOps(env)
        return lambda arrays: evaluate(graph, arrays, run_node)


def compile_graph(graph: Graph, native: bool) -> Executable:
    """Optimise and lower a graph."""
    graph = run(graph)
    if not native:
        return ArrayExecutable(graph)
    return NativeExecutable(graph)
