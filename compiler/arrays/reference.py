"""The reference executor: run a graph node by node with the ops' NumPy bodies.

It is the oracle of every compiled form, the executor of ``jit_compile=False``, and what answers
while kernels are being compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twofold.ir.evaluate import evaluate, functions
from twofold.ir.graph import Graph, Node
from twofold.runtime.arrays import ArrayOps, sizes_of

__all__ = ["execute", "run_node", "sizes_of"]


def execute(graph: Graph, arrays: Sequence[Any], env: dict[str, int] | None = None) -> list[Any]:
    """Run a graph on arrays (Variables for ``ref`` inputs); returns the output arrays."""
    env = sizes_of(graph, arrays) if env is None else env
    return evaluate(graph, arrays, ArrayOps(env))


def run_node(node: Node, inputs: list[Any], env: Mapping[str, int]) -> Sequence[Any]:
    """Run one node; an error of ours gets the node's location."""
    run = ArrayOps(env)
    return run(node, inputs, functions(node, run))
