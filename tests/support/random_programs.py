"""Random straight-line programs over the fusing ops, as graphs with symbolic sizes."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import numpy as np

import twofold.ir.ops  # noqa: F401  (fills the registry)
from twofold.ir.attrs import attrs_at
from twofold.ir.dims import symbol
from twofold.ir.errors import ArgumentError, TwofoldError
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS, Op
from twofold.ir.shapes import Sizes
from twofold.ir.types import TensorType

SIZES = {"n": 5, "m": 19, "k": 3}
F32, F64, I32, BOOL = (np.dtype(d) for d in ("float32", "float64", "int32", "bool"))
SMOOTH = ("tanh", "sin", "exp", "abs", "negative", "square", "sigmoid", "floor", "identity")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum")
MOVING = [op for op in OPS.values() if op.axes]
COMPARE = ("less", "greater_equal", "equal", "not_equal")


def random_graph(rng: random.Random, n_nodes: int) -> Graph:
    """A verified-by-construction graph of about ``n_nodes`` nodes with several outputs."""
    graph = Graph("random")
    n, m, k = (symbol(s) for s in SIZES)
    shapes: list[tuple[Any, ...]] = [(n, m), (m,), (n, 1), (), (k, n, m), (n, 4), (4,), (1, m)]
    dtype = rng.choice([F32, F32, F64])
    for i in range(rng.randint(2, 4)):
        graph.input(TensorType(dtype, rng.choice(shapes)), f"x{i}")
    values: list[Value] = list(graph.inputs)
    for _ in range(n_nodes):
        try:
            values.append(_random_node(rng, graph, values))
        except TwofoldError:
            continue
    made = [v for v in values if v.node is not None] or values
    graph.outputs = rng.sample(made, min(len(made), rng.randint(1, 3)))
    if made[-1] not in graph.outputs:
        graph.outputs.append(made[-1])
    return graph


def _random_node(rng: random.Random, graph: Graph, values: list[Value]) -> Value:
    x = rng.choice(values[-6:])
    kind = rng.random()
    if x.type.dtype == BOOL:
        y = _of_dtype(rng, values, F32, F64)
        zero = graph.add(OPS["constant"], (), {"value": np.zeros((), y.type.dtype)}).out
        return graph.add(OPS["where"], (x, y, zero)).out
    if x.type.dtype == I32:
        return graph.add(OPS["cast"], (x,), {"dtype": F32}).out
    if kind < 0.25:
        return graph.add(OPS[rng.choice(SMOOTH)], (x,)).out
    if kind < 0.55:
        y = _of_dtype(rng, values, x.type.dtype)
        return graph.add(OPS[rng.choice(BINARY)], (x, y)).out
    if kind < 0.75 and x.type.rank:
        axes = rng.sample(range(x.type.rank), rng.randint(1, x.type.rank))
        name = rng.choice(("sum", "max", "min", "prod"))
        keep = rng.random() < 0.6
        return graph.add(OPS[name], (x,), {"axis": axes, "keepdims": keep}).out
    if kind < 0.82:
        y = _of_dtype(rng, values, x.type.dtype)
        return graph.add(OPS[rng.choice(COMPARE)], (x, y)).out
    if kind < 0.88 and x.type.rank > 1:
        perm = list(range(x.type.rank))
        rng.shuffle(perm)
        return graph.add(OPS["transpose"], (x,), {"perm": perm}).out
    if kind < 0.91:
        return graph.add(OPS["expand_dims"], (x,), {"axis": rng.randint(0, x.type.rank)}).out
    if kind < 0.97:  # the attributes of an example, if they fit
        op = rng.choice(MOVING)
        attrs = rng.choice(op.samples).attrs
        if not _for_all_sizes(op, x.type, attrs):
            raise ArgumentError(f"{op.name} would need a guard")
        return graph.add(op, (x,), attrs).out
    y = rng.choice(values)
    return graph.add(OPS["broadcast_to"], (x,), {"shape": y.type.shape}).out


def _for_all_sizes(op: Op, x: TensorType, attrs: dict[str, Any]) -> bool:
    """Whether an op means the same for all sizes that the tests use: here nothing is guarded."""
    full = {**op.defaults, **attrs}
    found, (out,) = op.resolve([x], full, Sizes())
    for sizes in product((0, 1, 2, 5, 64), repeat=3):
        env = dict(zip(SIZES, sizes, strict=True))
        try:
            exact, (real,) = op.resolve([x.substitute(env)], full, Sizes())
        except TwofoldError:
            return False
        if out.substitute(env) != real or str(attrs_at(found, env)) != str(exact):
            return False
    return True


def _of_dtype(rng: random.Random, values: list[Value], *dtypes: np.dtype[Any]) -> Value:
    return rng.choice([v for v in values if v.type.dtype in dtypes])


def random_inputs(graph: Graph, seed: int, sizes: dict[str, int]) -> list[np.ndarray[Any, Any]]:
    """Arrays for the inputs; values are small so that products stay finite."""
    rng = np.random.default_rng(seed)
    out = []
    for value in graph.inputs:
        shape = [d if isinstance(d, int) else sizes[str(d)] for d in value.type.shape]
        out.append(rng.uniform(-1.5, 1.5, shape).astype(value.type.dtype))
    return out
