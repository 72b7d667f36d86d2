"""Sizes that a graph makes while it runs: those of rows picked by value, of what a loop leaves."""

from __future__ import annotations

from collections.abc import Iterable

from .graph import Graph

__all__ = ["makes_sizes"]


def makes_sizes(graph: Graph, known: Iterable[str] = ()) -> bool:
    """Whether a node of a graph, regions apart, makes sizes that neither its inputs nor ``known``
    symbols say.

    >>> from twofold.ir.parser import parse
    >>> makes_sizes(parse("graph f(%x: f32[n]) { %y = exp(%x) return %y }"))
    False
    """
    found = {*known, *graph.symbols()}
    return any(not found.issuperset(v.type.symbols()) for node in graph.nodes for v in node.outputs)
