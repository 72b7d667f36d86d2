"""From a graph to an executable: the passes in order, then lowering.

Read the list aloud: it is the whole optimiser. Each pass takes a graph and returns a new one; the
last two ask the target as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from twofold.ir.errors import ArgumentError
from twofold.ir.graph import Graph
from twofold.ir.words import meant

from .passes.cse import cse
from .passes.dce import dce
from .passes.driver import Pass
from .passes.fold import fold
from .passes.forward import forward
from .passes.fuse import fuse
from .passes.hoist import hoist
from .passes.inline import inline
from .passes.scalarise import scalarise
from .passes.schedule import schedule
from .passes.simplify import simplify
from .target import PLAN, Executable, Target

__all__ = ["PASSES", "Applied", "compile_graph", "run"]

PASSES: list[Pass] = [
    inline,
    forward,
    fold,
    simplify,
    cse,
    hoist,
    dce,
    scalarise,
    fuse,
    schedule,
]


class Applied(NamedTuple):
    """What one pass did: its time, and the nodes before and after, those of regions included."""

    name: str
    seconds: float
    before: int
    after: int
    graph: Graph


def run(
    graph: Graph, passes: Sequence[Pass] | None = None, *, target: Target = PLAN,
    after: str | None = None, verify: bool | None = None,
    time: Callable[[Applied], object] | None = None,
) -> Graph:  # fmt: skip
    """Apply passes in order (default: ``PASSES``); the graph that is given stays as it is.

    target: what the passes ask that plan; the default is a plan for any target.
    after: the name of the pass to stop after, its first occurrence in the list.
    verify: check the graph after every pass (default: what ``config.verify_passes`` says).
    time: is called with an ``Applied`` after every pass; ``found.append`` collects them.

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
        result = each(graph, target=target, verify=verify)
        if time is not None:
            seconds = perf_counter() - start
            time(Applied(str(each), seconds, _count(graph), _count(result), result))
        graph = result
        if each.name == after:
            break
    return graph


def _count(graph: Graph) -> int:
    return sum(1 for _ in graph.walk())


def compile_graph(graph: Graph, target: Target) -> Executable:
    """Optimise a graph for a target and lower it."""
    return target.lower(run(graph, target=target))
