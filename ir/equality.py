"""When two graphs are the same.

Two graphs are equal if they have the same names, types, operations, wiring, attributes, regions
and locations; ``attrs.attr_key`` says when two attribute values are the same.
"""

from __future__ import annotations

from typing import Any

from .attrs import same_attrs
from .graph import Graph, Node, Value
from .words import counted

__all__ = ["difference", "equal"]


def equal(a: Graph, b: Graph, *, locations: bool = True) -> bool:
    """Whether two graphs are the same; see the module. ``locations=False`` ignores those."""
    return not difference(a, b, locations=locations)


def difference(a: Graph, b: Graph, *, locations: bool = True) -> str:
    """The first difference between two graphs in words, or ``""`` if they are equal."""
    stack = [(a, b)]
    while stack:
        left, right = stack.pop()
        found = _compare(left, right, stack, locations)
        if found:
            return found
    return ""


def _compare(a: Graph, b: Graph, stack: list[tuple[Graph, Graph]], locations: bool) -> str:
    if a.name != b.name:
        return f"graph {a.name} is called {b.name} in the other"
    if len(a.nodes) != len(b.nodes):
        return f"graph {a.name} has {counted(len(a.nodes), 'node')}, the other {len(b.nodes)}"
    same: dict[Value, Value] = {}
    where = f"the inputs of graph {a.name}"
    found = _compare_values(a.inputs, b.inputs, same, where)
    for i, (m, n) in enumerate(zip(a.nodes, b.nodes, strict=True)):
        if found:
            return found
        found = _compare_nodes(m, n, same, f"node {i} ({m.op.name}) of graph {a.name}", locations)
        stack.extend(zip(m.regions, n.regions, strict=False))
    if not found and [same.get(v) for v in a.outputs] != b.outputs:
        return f"graph {a.name} returns other values"
    return found


def _compare_values(a: Any, b: Any, same: dict[Value, Value], where: str) -> str:
    if len(a) != len(b):
        return f"{where}: {counted(len(a), 'value')}, {len(b)} in the other"
    for x, y in zip(a, b, strict=True):
        if x.type != y.type or x.name != y.name:
            return f"{where}: {x!r} is {y!r} in the other"
        same[x] = y
    return ""


def _compare_nodes(m: Node, n: Node, same: dict[Value, Value], where: str, locations: bool) -> str:
    if m.op is not n.op:
        return f"{where} is {n.op.name} in the other"
    if [same.get(v) for v in m.inputs] != list(n.inputs):
        return f"{where} takes other inputs"
    if not same_attrs(m.attrs, n.attrs):
        return f"{where} has attributes {m.attrs}, {n.attrs} in the other"
    if m.step != n.step:
        return f"{where} runs {m.step}, {n.step} in the other"
    if locations and m.loc != n.loc:
        return f"{where} is at {m.loc}, at {n.loc} in the other"
    if len(m.regions) != len(n.regions):
        return f"{where} has {counted(len(m.regions), 'region')}, {len(n.regions)} in the other"
    return _compare_values(m.outputs, n.outputs, same, where)
