"""The parts of a node with regions, and nodes made of other parts.

    inputs of the node:       p | carried     | sliced     | captured
    inputs of its regions:        state         a row each   captured       (p: what chooses)

What is captured is the same value inside as outside, on every trip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import rebuild

__all__ = ["before", "captured", "loop_sizes", "narrowed", "varying"]


def before(node: Node) -> int:
    """How many inputs of a node come before those that its regions receive."""
    return len(node.inputs) - len(node.regions[0].inputs)


def varying(node: Node) -> int:
    """How many inputs of its regions, the first, change from trip to trip."""
    return int(node.attrs.get("carried", 0)) + int(node.attrs.get("sliced", 0))


def captured(node: Node) -> list[tuple[int, Value]]:
    """What is the same inside as outside: its place among the inputs of a region, and the value."""
    first = before(node)
    return [(i, node.inputs[first + i]) for i in range(varying(node), len(node.inputs) - first)]


def loop_sizes(node: Node) -> frozenset[str]:
    """The size symbols that each trip binds anew: those of the state, and what the body makes."""
    outside = frozenset[str]().union(*[v.type.symbols() for v in node.inputs])
    inside = [v.type.symbols() for r in node.regions for v in r.inputs]
    made = [n for r in node.regions for n in r.nodes if n.makes_sizes]
    inside += [v.type.symbols() for n in made for v in n.outputs]
    return frozenset[str]().union(*inside) - outside


def narrowed(
    region: Graph, inputs: Iterable[Value], nodes: Iterable[Node], outputs: Sequence[Value]
) -> Graph:
    """A region of some nodes of another one; any value of that one may be an input."""
    return rebuild(Graph(region.name, inputs, nodes, outputs))
