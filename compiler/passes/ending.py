"""Which loops are known to end: those whose condition asks a counter that a bound stops.

    while(%i, %n): less(%i, %n);  %i.1 = add(%i, 1)

A loop that nothing uses and that may go on for ever stays: in Python it would not come to an end
either.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twofold.ir.graph import Graph, Node, Value

__all__ = ["may_go_on"]

_BOTH = ("logical_and", "bitwise_and")
_ABOVE = {"less": 0, "less_equal": 0, "greater": 1, "greater_equal": 1}  # where what rises stands


def may_go_on(node: Node) -> bool:
    """Whether a loop in a node, or the node itself, may never end."""
    if node.op.name == "while" and not _ends(node):
        return True
    return any(may_go_on(inner) for region in node.regions for inner in region.nodes)


def _ends(node: Node) -> bool:
    test, body = node.regions
    for term in _terms(test.outputs[0]):
        if _stops(node, test, term):
            return True
        if term in test.inputs:  # whether to go on is part of the state
            place = test.inputs.index(term)
            state = place < int(node.attrs["carried"])
            if state and any(_stops(node, body, t) for t in _terms(body.outputs[place])):
                return True
    return False


def _terms(value: Value) -> Iterator[Value]:
    """What must hold for all of it to hold."""
    node = value.node
    if node is not None and node.op.name in _BOTH and value.type.dtype == np.bool_:
        for part in node.inputs:
            yield from _terms(part)
    else:
        yield value


def _stops(node: Node, region: Graph, term: Value) -> bool:
    """Whether a comparison ends to hold after so many trips."""
    asked = term.node
    if asked is None or asked.op.name not in _ABOVE:
        return False
    rises = _ABOVE[asked.op.name]
    for position, step in ((rises, 1), (1 - rises, -1)):
        counter, bound = asked.inputs[position], asked.inputs[1 - position]
        if _step(node, region, counter) * step > 0 and _is_fixed(node, region, bound):
            return True
    return False


def _step(node: Node, region: Graph, value: Value) -> int:
    """The sign of what each trip adds to an integer of the state; 0 if that is not known."""
    body = node.regions[-1]
    for i in range(int(node.attrs["carried"])):
        made, old = body.outputs[i].node, body.inputs[i]
        is_counter = value is region.inputs[i] or value is body.outputs[i]
        if not is_counter or value.type.dtype.kind != "i" or made is None:
            continue
        if made.op.name in ("add", "subtract") and made.inputs[0] is old:
            by = _constant(made.inputs[1])
            return by if made.op.name == "add" else -by
        if made.op.name == "add" and made.inputs[1] is old:
            return _constant(made.inputs[0])
    return 0


def _constant(value: Value) -> int:
    node = value.node
    known = node is not None and node.op.name == "constant" and not value.type.shape
    return int(np.sign(node.attrs["value"])) if known and node is not None else 0


def _is_fixed(node: Node, region: Graph, value: Value) -> bool:
    """Whether a value of a region is the same on every trip."""
    if value in region.inputs:
        place = region.inputs.index(value)
        body = node.regions[-1]
        return place >= int(node.attrs["carried"]) or body.outputs[place] is body.inputs[place]
    made = value.node
    if made is None or made.regions or not made.op.pure:
        return False
    return all(_is_fixed(node, region, v) for v in made.inputs)
