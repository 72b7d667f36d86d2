"""What a reverse walk keeps of the forward values, and what it computes again.

    %m: f32[n] = cast(%p) ... used by the walk         keeps %p, a bool, and casts again
    %b: f32[n,64] = broadcast_to(%s) ... used           keeps %s
    %c: bool[n] = greater(%x, %y)                       keeps %c, or nothing if it has %x and %y

Only what costs next to nothing is computed again: constants, casts, comparisons, views and copies
of elements; in a loop, where every trip would keep it, elementwise arithmetic too. Invariant: the
same ops on the same values, so the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from twofold.ir.graph import Node, Value
from twofold.ir.record import literal_number

__all__ = ["again"]


def again(
    nodes: Sequence[Node], used: Iterable[Value], free: Iterable[Value], *, loop: bool = False
) -> list[Node]:
    """The nodes that a walk runs again to have the values that it uses of a graph with these nodes.

    ``free``: values that are there without being kept. What the nodes take, and what is used and
    not made by them, must be there or be kept. ``loop``: whether they are the body of a loop.
    """
    used = list(used)
    cheap = _in_a_loop if loop else _cheap
    there = {v for v in used if not cheap(v)}.union(free)
    reached = _reached(nodes, there, cheap)
    there.update(_smallest(v) for v in used if v not in reached)
    reached = _reached(nodes, there, cheap)
    live = {v for v in used if v not in there}
    found = []
    for node in reversed(nodes):
        if not live.isdisjoint(node.outputs):
            live.update(v for v in node.inputs if v not in there)
            found.append(node)
    assert all(reached.issuperset(node.outputs) for node in found)
    return found[::-1]


def _cheap(value: Value) -> bool:
    """Whether a value is made by a node that costs next to nothing and may run again."""
    node = value.node
    if node is None or not node.op.pure or node.regions or node.pinned:
        return False
    op = node.op
    return (
        op.kind == "create"
        or op.axes is not None
        or op.name == "cast"
        or (op.kind == "elementwise" and (op.result == "bool" or _is_number(op.expr)))
    )


def _in_a_loop(value: Value) -> bool:
    """The same where each trip of a loop would keep a value."""
    if _cheap(value):
        return True
    node = value.node
    if node is None or node.op.kind != "elementwise" or not node.op.pure or node.pinned:
        return False
    return node.op.expr is not None and "(" not in node.op.expr


def _is_number(expr: str | None) -> bool:
    return literal_number(expr) is not None


def _reached(
    nodes: Sequence[Node], there: set[Value], cheap: Callable[[Value], bool]
) -> set[Value]:
    """What is there, and what can be made of it at next to no cost."""
    reached = set(there)
    for node in nodes:
        if all(map(cheap, node.outputs)) and reached.issuperset(node.inputs):
            reached.update(node.outputs)
    return reached


def _smallest(value: Value) -> Value:
    """What to keep of a value: what it is a wider copy of."""
    while _cheap(value) and value.node is not None and value.node.inputs:
        source = value.node.inputs[0]
        wider = value.type.dtype.itemsize > source.type.dtype.itemsize
        if not (
            value.node.op.name in ("broadcast_to", "splat")
            or (value.node.op.name == "cast" and wider)
        ):
            break
        value = source
    return value
