"""The reference executor: run a graph node by node with the ops' NumPy bodies.

It is the oracle of every compiled form, the executor of ``jit_compile=False``, and what answers
while kernels are being compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.dims import Dim, evaluate
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Node
from twofold.ir.types import TensorType
from twofold.runtime.quiet import quiet

__all__ = ["bind_symbols", "execute", "run_node"]


def bind_symbols(graph: Graph, arrays: Sequence[Any]) -> dict[str, int]:
    """The value of each size symbol, read off the input arrays."""
    env: dict[str, int] = {}
    for value, array in zip(graph.inputs, arrays, strict=True):
        for dim, size in zip(value.type.shape, array.shape, strict=True):
            if isinstance(dim, Dim):
                env.setdefault(str(dim), size)
    return env


def execute(graph: Graph, arrays: Sequence[Any], env: dict[str, int] | None = None) -> list[Any]:
    """Run a graph on arrays (Variables for ``ref`` inputs); returns the output arrays."""
    env = bind_symbols(graph, arrays) if env is None else env
    table = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        outs = run_node(node, [table[v] for v in node.inputs], env)
        table.update(zip(node.outputs, outs, strict=True))
    return [table[v] for v in graph.outputs]


def run_node(node: Node, inputs: list[Any], env: dict[str, int]) -> list[Any]:
    """Run one node; an error of ours gets the node's location."""
    if node.op.kind == "region":
        return execute(node.regions[0], inputs, env)
    attrs = {k: concrete(v, env) for k, v in node.attrs.items()}
    try:
        out = quiet.run(node.op.body, *inputs, **attrs)
    except TwofoldError as error:
        raise type(error)(str(error.args[0]).split("\n  at ")[0], node.loc) from None
    outs = out if out.__class__ is tuple else (out,)
    return [o if isinstance(o, np.ndarray) else np.asarray(o) for o in outs]


def concrete(attr: Any, env: dict[str, int]) -> Any:
    """An attribute with sizes evaluated."""
    if isinstance(attr, Dim):
        return evaluate(attr, env)
    if isinstance(attr, tuple):
        return tuple(concrete(a, env) for a in attr)
    if isinstance(attr, slice):
        return slice(*(concrete(p, env) for p in (attr.start, attr.stop, attr.step)))
    if isinstance(attr, TensorType):
        return TensorType(attr.dtype, [evaluate(d, env) for d in attr.shape])
    return attr
