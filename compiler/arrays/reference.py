"""The reference executor: run a graph node by node with the ops' NumPy bodies.

It is the oracle of every compiled form, the executor of ``jit_compile=False``, and what answers
while kernels are being compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twofold.ir.attrs import attrs_at
from twofold.ir.dims import Dim
from twofold.ir.errors import TwofoldError
from twofold.ir.evaluate import Region, evaluate, functions
from twofold.ir.graph import Graph, Node
from twofold.ir.op import Attrs
from twofold.ir.types import TensorType
from twofold.runtime.quiet import quiet

__all__ = ["ArrayOps", "execute", "run_node", "sizes_of"]


def sizes_of(graph: Graph, arrays: Sequence[Any]) -> dict[str, int]:
    """The value of each size symbol, read off the input arrays."""
    env: dict[str, int] = {}
    for value, array in zip(graph.inputs, arrays, strict=True):
        for dim, size in zip(value.type.shape, array.shape, strict=True):
            if isinstance(dim, Dim):
                env.setdefault(str(dim), size)
    return env


def execute(graph: Graph, arrays: Sequence[Any], env: dict[str, int] | None = None) -> list[Any]:
    """Run a graph on arrays (Variables for ``ref`` inputs); returns the output arrays."""
    env = sizes_of(graph, arrays) if env is None else env
    return evaluate(graph, arrays, ArrayOps(env))


def run_node(node: Node, inputs: list[Any], env: Mapping[str, int]) -> Sequence[Any]:
    """Run one node; an error of ours gets the node's location."""
    run = ArrayOps(env)
    return run(node, inputs, functions(node, run))


class ArrayOps:
    """How a node runs on arrays: by the NumPy body of its op, for sizes that are known."""

    def __init__(self, env: Mapping[str, int]) -> None:
        self.env = env
        self._attrs: dict[Node, Attrs] = {}  # with sizes as numbers, once a node has run

    def enter(self, region: Graph, inputs: Sequence[Any]) -> ArrayOps:
        """What runs the nodes of a region, whose inputs may have sizes of their own."""
        own = {name: n for name, n in sizes_of(region, inputs).items() if name not in self.env}
        return ArrayOps({**self.env, **own}) if own else self

    def types(self, region: Graph) -> list[TensorType]:
        """The types of the outputs of a region, as far as its sizes are known outside."""
        return [t.substitute(dict(self.env)) for t in region.types]

    def __call__(self, node: Node, inputs: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        attrs = self._attrs.get(node)
        if attrs is None:
            attrs = self._attrs[node] = attrs_at(node.attrs, self.env)
        if regions:
            outs: Sequence[Any] = node.op.body(*inputs, regions=regions, **attrs)
            return outs
        try:
            out = quiet.run(node.op.body, *inputs, **attrs)
        except TwofoldError as error:
            raise error.at(node.loc) from None
        outs = out if out.__class__ is tuple else (out,)
        return [o if isinstance(o, np.ndarray) else np.asarray(o) for o in outs]
