"""Array operations as a target: nothing is fused, every node runs by its op's NumPy body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir.buffer import Buffer
from twofold.ir.evaluate import evaluate
from twofold.ir.graph import Graph, Node
from twofold.ir.late import makes_sizes
from twofold.ir.types import BufferType
from twofold.runtime.arrays import ArrayOps, sizes_of

__all__ = ["ARRAYS", "ArrayExecutable", "ArrayTarget"]

Operations = Callable[[dict[str, int]], ArrayOps]


class ArrayExecutable:
    """Runs a graph node by node on array operations."""

    native = False

    def __init__(self, graph: Graph, operations: Operations) -> None:
        self.graph, self._operations = graph, operations
        self.kernels: list[Any] = []

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """A function from input arrays (Variables for refs) to output arrays.

        Buffers that are given are views, so that nobody else sees what is changed in place.
        """
        if any(isinstance(v.type, BufferType) for v in self.graph.inputs):
            run = self._prepared(env)
            return lambda arrays: run([x.view() if isinstance(x, Buffer) else x for x in arrays])
        return self._prepared(env)

    def _prepared(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        graph, operations = self.graph, self._operations
        if not env.keys() >= set(graph.symbols()):  # a size of an input that another graph has made
            return lambda arrays: evaluate(graph, arrays, operations(sizes_of(graph, arrays) | env))
        if makes_sizes(graph, env):
            return lambda arrays: evaluate(graph, arrays, operations(env))
        run_node = operations(env)
        return lambda arrays: evaluate(graph, arrays, run_node)


class ArrayTarget:
    """See the module. ``operations``: what runs nodes for given sizes."""

    name = "arrays"

    def __init__(self, operations: Operations = ArrayOps) -> None:
        self._operations = operations

    def can_fuse(self, node: Node) -> bool:
        """Never: there are no kernels."""
        return False

    def jumps(self, node: Node) -> bool:
        """Never: there are no programs."""
        return False

    def library_call(self, node: Node) -> str | None:
        """None: products are ``np.matmul`` of arrays, as everything else."""
        return None

    def lower(self, graph: Graph) -> ArrayExecutable:
        """The interpreter of a planned graph."""
        return ArrayExecutable(graph, self._operations)


ARRAYS = ArrayTarget()
