"""A graph with branches and loops as plain eager code: what tapes record of it is the reference.

Random graphs for it come from ``random_regions``: in float64, with numbers that stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import twofold as tf
from twofold.ir import bind
from twofold.ir.attrs import attrs_at, map_attr
from twofold.ir.bind import Call
from twofold.ir.dims import Dim
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import Rebuilt, lift, rebuild
from twofold.ir.types import TensorType

__all__ = ["run", "tamed"]

F32, F64 = np.dtype("float32"), np.dtype("float64")
SMOOTH = {"exp": "sin", "square": "tanh", "abs": "cos", "sign": "tanh", "maximum": "add"}


def run(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of a graph on eager tensors (Variables for refs), op by op."""
    env: dict[str, int] = {}
    for value, x in zip(graph.inputs, inputs, strict=True):
        for dim, size in zip(value.type.shape, x.shape, strict=True):
            if isinstance(dim, Dim):
                env[str(dim)] = size
    return _run(graph, inputs, env)


def _run(graph: Graph, inputs: Sequence[Any], env: dict[str, int]) -> list[Any]:
    table = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        outs = _node(node, [table[v] for v in node.inputs], env)
        table.update(zip(node.outputs, outs, strict=True))
    return [table[v] for v in graph.outputs]


def _node(node: Node, inputs: list[Any], env: dict[str, int]) -> Sequence[Any]:
    attrs = attrs_at(node.attrs, env)
    regions = [lambda *xs, g=g: _run(g, xs, env) for g in node.regions]
    name = node.op.name
    if name == "read":
        (out,) = bind.run(Call(OPS["read"], (inputs[0],), {}))
        return [bind.ground().tensor(out)]
    if name in ("assign", "draft"):
        inputs[0].assign(inputs[1])
        return []
    if name == "cond":
        return regions[0 if inputs[0].item() else 1](*inputs[1:])
    if name == "switch":
        i = inputs[0].item()
        return regions[i if 0 <= i < len(regions) else -1](*inputs[1:])
    if name == "while":
        return _while(regions, inputs, attrs["carried"])
    if name == "scan":
        return _scan(node, regions[0], inputs, attrs)
    outs = node.op(*inputs, **attrs)
    return outs if isinstance(outs, tuple) else [outs]


def _while(regions: Any, inputs: list[Any], carried: int) -> Sequence[Any]:
    state, given = inputs[:carried], inputs[carried:]
    while regions[0](*state, *given)[0].item():
        state = regions[1](*state, *given)
    return state


def _scan(node: Node, body: Any, inputs: list[Any], attrs: dict[str, Any]) -> Sequence[Any]:
    n, m = attrs["carried"], attrs["sliced"]
    state, arrays, given = inputs[:n], inputs[n : n + m], inputs[n + m :]
    rows: list[Any] = []
    order = range(attrs["length"])
    for i in reversed(order) if attrs["reverse"] else order:
        outs = body(*state, *[a[i] for a in arrays], *given)
        state = outs[:n]
        rows.append(outs[n:])
    if attrs["reverse"]:
        rows.reverse()
    return [*state, *[tf.stack(list(column)) for column in zip(*rows, strict=True)]]


def tamed(graph: Graph) -> Graph:
    """The graph in float64 with smooth ops and numbers that stay small."""
    made = lift(lambda part: rebuild(part, _tame), graph)
    for part in made.regions_first():
        for value in [*part.inputs, *[v for node in part.nodes for v in node.outputs]]:
            value.type = _wide(value.type)
        for node in part.nodes:
            node.attrs = {name: _wide_attr(value) for name, value in node.attrs.items()}
    return made


def _tame(new: Rebuilt, node: Node) -> Sequence[Value]:
    name = node.op.name
    kind = node.outputs[0].type if node.outputs else None
    floating = kind is not None and kind.dtype == F32
    if name in SMOOTH and floating:
        return new.add(OPS[SMOOTH[name]], [new[v] for v in node.inputs], like=node, types=[kind])
    if name == "multiply" and floating:
        (product,) = new.keep(node)
        return new.add(OPS["tanh"], [product], like=node, types=[kind])
    return new.keep(node)


def _wide(kind: TensorType) -> TensorType:
    return type(kind)(F64, kind.shape) if kind.dtype == F32 else kind


def _wide_attr(value: Any) -> Any:
    return _wide(value) if isinstance(value, TensorType) else map_attr(value, _wide_leaf)


def _wide_leaf(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype == F32:
        return np.where(np.isfinite(leaf), leaf, 0.25).astype(F64)
    return F64 if isinstance(leaf, np.dtype) and leaf == F32 else leaf
