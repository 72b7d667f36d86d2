"""Values of a trace that no argument is in: made of constants and captured arrays alone.

``int(np.sqrt(16))`` and ``if table[0] > 0`` need a value while the function is traced. Where it
depends on constants and captured arrays only, it is computed; the trace is then good for as long
as those arrays hold what they held.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.attrs import dims_of
from twofold.ir.dims import symbol as symbol_of
from twofold.ir.dims import symbols_of
from twofold.ir.graph import Node, Value
from twofold.ir.types import RefType

from ..arrays.reference import run_node

__all__ = ["contents", "evaluate"]


def evaluate(trace: Any, wanted: Value, memo: dict[Value, Any]) -> Any:
    """The array of a value, or None if it is not known."""
    order: list[Node] = []
    stack, seen = [wanted], set()
    while stack:
        value = stack.pop()
        if value in memo or value in seen:
            continue
        seen.add(value)
        if value.node is None:
            array = trace.captured_arrays.get(value)
            if array is None:
                return None
            memo[value] = np.array(array)
            trace.relied_on(array)
            continue
        node = value.node
        if node.pinned and node.op.kind == "state" or isinstance(value.type, RefType):
            return None
        order.append(node)
        stack.extend(node.inputs)
    places = {node: i for i, node in enumerate(trace.graph.nodes)}
    for node in sorted(dict.fromkeys(order), key=places.__getitem__):
        _pin(trace, node)
        outs = run_node(node, [memo[v] for v in node.inputs], trace.sizes.hints)
        memo.update(zip(node.outputs, outs, strict=True))
    return memo[wanted]


def _pin(trace: Any, node: Node) -> None:
    """Rely on the sizes that a node mentions."""
    for value in node.outputs:
        for dim in value.type.shape:
            _pin_dim(trace, dim)
    for attr in node.attrs.values():
        for dim in dims_of(attr):
            _pin_dim(trace, dim)


def _pin_dim(trace: Any, dim: Any) -> None:
    if not isinstance(dim, int):
        for name in symbols_of(dim):
            trace.sizes.pin(symbol_of(name))


def contents(array: np.ndarray[Any, Any]) -> bytes:
    """What tells the contents of an array from others."""
    import hashlib  # noqa: PLC0415  (few traces ask, and it takes a while)

    data = np.ascontiguousarray(array)
    return hashlib.blake2b(data.data.cast("B") if data.size else b"", digest_size=16).digest()
