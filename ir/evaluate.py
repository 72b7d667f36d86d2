"""The one loop that runs a graph, whatever its values are: arrays, tensors, traced tensors.

    def run_node(node, inputs, regions):          # -> the outputs
        return regions[0](*inputs) if regions else [node.op.body(*inputs, **node.attrs)]

    evaluate(graph, inputs, run_node)

Who runs a graph says how one node runs; ``evaluate`` does the rest. The regions of a node come as
functions from inputs to outputs, which run by the same rule: what a region op does with them (once,
one of two, as long as a condition holds) is the body in its record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .bind import Call
from .graph import Graph, Node
from .types import TensorType

__all__ = ["Region", "RunNode", "evaluate", "functions"]

RunNode: TypeAlias = "Callable[[Node, list[Any], Sequence[Region]], Sequence[Any]]"


class Region:
    """A region as a function from inputs to outputs.

    A ``run_node`` for which sizes are numbers has ``enter(graph, inputs)``, which returns what runs
    the nodes of a region for the sizes of its inputs, and ``types(graph)``, the types of its
    outputs for the sizes that are known outside.
    """

    __slots__ = ("graph", "run_node")

    def __init__(self, graph: Graph, run_node: RunNode) -> None:
        self.graph, self.run_node = graph, run_node

    def __call__(self, *inputs: Any) -> Sequence[Any]:
        enter = getattr(self.run_node, "enter", None)
        run_node = self.run_node if enter is None else enter(self.graph, inputs)
        return evaluate(self.graph, inputs, run_node)

    @property
    def types(self) -> Sequence[TensorType]:
        """The types of the outputs."""
        find = getattr(self.run_node, "types", None)
        found: Sequence[TensorType] = self.graph.types if find is None else find(self.graph)
        return found


def evaluate(graph: Graph, inputs: Sequence[Any], run_node: RunNode) -> list[Any]:
    """The outputs of a graph for these inputs, each node run by ``run_node``.

    >>> from twofold.ir.parser import parse
    >>> double = parse("graph f(%x: f32[]) { %y = add(%x, %x) return %y }")
    >>> evaluate(double, [2.0], lambda node, inputs, regions: [sum(inputs)])
    [4.0]
    """
    table = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        regions = functions(node, run_node) if node.regions else ()
        outputs = run_node(node, [table[v] for v in node.inputs], regions)
        table.update(zip(node.outputs, outputs, strict=True))
    return [table[v] for v in graph.outputs]


def functions(node: Node | Call, run_node: RunNode) -> list[Region]:
    """The regions of a node or a call as functions from inputs to outputs.

    Each says itself how it runs: a graph node by node, what is compiled as it is.
    """
    return [region.as_function(run_node) for region in node.regions]
