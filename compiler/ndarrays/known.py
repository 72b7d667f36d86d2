"""Values of a trace that are known while it is made: no element of an argument is in them.

``tf.zeros(tf.shape(x))``, ``int(np.sqrt(16))`` and ``if table[0] > 0`` need a value while the
function is traced. What is made of constants, captured arrays and sizes is computed then; the trace
is good for as long as those arrays hold what they held. Integer arithmetic on sizes keeps them
symbolic: its elements are ``SymInt``. Any other operation takes the sizes of the example call, and
the trace is for those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir.attrs import dims_of
from twofold.ir.dims import symbol as symbol_of
from twofold.ir.dims import symbols_of
from twofold.ir.graph import Node, Value
from twofold.ir.types import RefType

from ..arrays.reference import run_node
from ..symint import SymInt, size_or_int

__all__ = ["evaluate", "plain_elements"]

_DTYPES = (np.dtype(np.int32), np.dtype(np.int64), np.dtype(bool))  # of sizes and comparisons
# Operations that treat integers alike, plain or symbolic: their NumPy bodies take both.
_ON_SIZES = frozenset((
    "add", "subtract", "multiply", "negative", "positive", "abs", "maximum", "minimum", "sum",
    "prod", "cumsum", "cumprod", "identity", "stop_gradient", "stack", "concat",
    "strided_slice", "slice_update", "gather", "reshape", "transpose", "expand_dims", "squeeze",
    "broadcast_to", "splat", "flip", "roll", "where", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal",
))  # fmt: skip
_PLAIN_INPUT = {"where": 0, "gather": 1}  # which one selects
_BODIES: dict[str, Callable[..., Any]] = {  # where NumPy's body asks for the dtype
    "cast": lambda x, dtype: x,
    "floor_divide": lambda x, y: np.floor_divide(x, y) if y.all() else None,
    "remainder": lambda x, y: np.remainder(x, y) if y.all() else None,
    "max": lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims),
    "min": lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims),
}


def evaluate(
    trace: Any, tracer: Any, wanted: Value, memo: dict[Value, np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any] | None:
    """The elements of a value, of dtype object if some are symbolic, or None if it is not known.

    ``tracer``: the one whose graph the value is in.
    """
    links: dict[Value, Value] = {}  # inputs of regions and what they are given
    if not _is_known(trace, tracer, wanted, memo, links):
        return None  # and the trace does not rely on the part of it that is
    stack = [wanted]
    while stack:
        value = stack[-1]
        needed = _needed(tracer, value, links)
        if needed is None:
            memo[value] = trace.given(value)
        missing = [v for v in needed or () if v not in memo]
        stack += missing
        if missing:
            continue
        stack.pop()
        if value not in memo:
            _compute(trace, value, [memo[v] for v in needed or ()], memo)
    return memo[wanted]


def _is_known(
    trace: Any, tracer: Any, wanted: Value, memo: dict[Value, Any], links: dict[Value, Value]
) -> bool:
    stack, seen = [wanted], set()
    while stack:
        value = stack.pop()
        if value in memo or value in seen:
            continue
        seen.add(value)
        needed = _needed(tracer, value, links)
        if needed is None and not trace.has(value):
            return False
        stack += needed or ()
    return True


def _needed(tracer: Any, value: Value, links: dict[Value, Value]) -> Sequence[Value] | None:
    """The values that a value is made of; None for an input of the function's graph, and for what
    is not known."""
    node = value.node
    if node is None:
        outside = links.get(value) or tracer.outside(value)
        return None if outside is None else (outside,)
    if isinstance(value.type, RefType) or (node.pinned and node.op.kind == "state"):
        return None
    if node.op.name == "call":
        (region,) = node.regions
        links.update(zip(region.inputs, node.inputs, strict=True))
        return (region.outputs[node.outputs.index(value)],)
    return None if node.regions else node.inputs


def _compute(
    trace: Any, value: Value, inputs: list[Any], memo: dict[Value, np.ndarray[Any, Any]]
) -> None:
    node = value.node
    if node is None or node.op.name == "call":
        (memo[value],) = inputs
        return
    made = _on_sizes(trace, node, inputs)
    if made is None:
        _pin(trace, node)
        plain = [plain_elements(x, v.type.dtype) for x, v in zip(inputs, node.inputs, strict=True)]
        memo.update(zip(node.outputs, run_node(node, plain, trace.sizes.hints), strict=True))
    else:
        memo[value] = made


def _on_sizes(trace: Any, node: Node, inputs: list[Any]) -> np.ndarray[Any, Any] | None:
    """What a node makes of sizes, or None if it has to be plain numbers."""
    name, dtype = node.op.name, node.outputs[0].type.dtype
    if name == "dim":
        return _elements(size_or_int(node.attrs["dim"], trace.sizes), dtype)
    symbolic = [i for i, x in enumerate(inputs) if x.dtype == object]
    body = _BODIES.get(name) or (node.op.own_body if name in _ON_SIZES else None)
    if body is None or not symbolic or _PLAIN_INPUT.get(name) in symbolic:
        return None
    if dtype not in _DTYPES or any(map(dims_of, node.attrs.values())):
        return None
    made = body(*inputs, **node.attrs)
    return None if made is None else _elements(made, dtype)


def _elements(made: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of numbers, or of objects if one of them is symbolic."""
    array: np.ndarray[Any, Any] = made if isinstance(made, np.ndarray) else np.empty((), object)
    if array is not made:
        array[()] = made
    return array if any(isinstance(x, SymInt) for x in array.flat) else array.astype(dtype)


def plain_elements(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The elements as numbers; relies on the sizes among them."""
    if array.dtype != object:
        return array
    return np.array([int(x) for x in array.flat], np.int64).astype(dtype).reshape(array.shape)


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
