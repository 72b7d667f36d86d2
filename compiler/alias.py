"""Memory that a call shares with its caller: what is copied, what is written back."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.graph import Graph, Value
from twofold.runtime.convert import as_array

__all__ = ["copied", "keeps_inputs", "share_memory", "shares_results", "write_back"]


def share_memory(x: Any, y: Any) -> bool:
    """Whether two arrays may have elements in common."""
    both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    return both and bool(np.may_share_memory(x, y))


def write_back(argument: Any, array: np.ndarray[Any, Any]) -> None:
    """Give a tensor or an array that the function wrote to its new value."""
    if isinstance(argument, np.ndarray):
        np.copyto(argument, array)
    else:
        argument.become(array)


def copied(x: Any) -> np.ndarray[Any, Any]:
    """A copy of the caller's array, which the caller may write to later."""
    return as_array(x).copy()


def shares_results(graph: Graph) -> bool:
    """Whether two results of an optimised graph (outputs, what Variables are given) may be one
    array."""
    results = graph.outputs + [n.inputs[1] for n in graph.nodes if n.op.name == "assign"]
    alias = any(v.node is not None and v.node.op.shares_memory == "alias" for v in results)
    return alias or len(set(results)) < len(results)


def keeps_inputs(graph: Graph) -> bool:
    """Whether an output of an optimised graph, or what a Variable is given, may be (a view of) an
    input: only operations that may return their operand lie between them."""
    stack, seen = list(graph.outputs), set()
    stack += [node.inputs[1] for node in graph.nodes if node.op.name == "assign"]
    outside: dict[Value, Value] = {}  # input of a region -> what is given for it
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.node
        if node is None and value not in outside:
            return True
        if node is None:
            stack.append(outside[value])
        elif node.regions:
            outside.update(zip(node.regions[0].inputs, node.inputs, strict=True))
            stack.append(node.regions[0].outputs[value.index])
        elif node.op.shares_memory != "never":
            stack.extend(node.inputs)
    return False
