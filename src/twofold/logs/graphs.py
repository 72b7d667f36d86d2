"""A graph as a ``GraphDef``, which TensorBoard draws: a node for each node, regions as scopes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twofold.ir.dims import Dim
from twofold.ir.graph import Graph, Value
from twofold.ir.types import RefType, TensorType

from . import proto

__all__ = ["graph_def"]

# The numbers of ``types.proto``.
_TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8,
    "int64": 9, "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19,
    "uint32": 22, "uint64": 23, "float8_e5m2": 24, "float8_e4m3fn": 25,
}  # fmt: skip
_REF = 20  # a resource: a Variable
LONGEST = 1024  # bytes of the text of an attribute


def graph_def(graph: Graph) -> Any:
    """The ``GraphDef`` of a graph."""
    return _Drawing().whole(graph)


class _Drawing:
    def __init__(self) -> None:
        self.made = proto("graph").GraphDef()
        self.made.versions.producer = 22
        self.names: Counter[str] = Counter()
        self.places: dict[Value, str] = {}  # "node:output" of each value

    def whole(self, graph: Graph) -> Any:
        for value in graph.inputs:
            name = self.fresh(value.name or "input")
            self.add(name, "Variable" if _is_ref(value) else "Placeholder", (), (value,))
        self.nodes(graph, "")
        self.results(graph, "")
        return self.made

    def fresh(self, name: str) -> str:
        """A name that no node has."""
        self.names[name] += 1
        count = self.names[name]
        return name if count == 1 else self.fresh(f"{name}_{count - 1}")

    def nodes(self, graph: Graph, scope: str) -> None:
        for node in graph.nodes:
            own = node.outputs[0].name if len(node.outputs) == 1 else ""
            label = own if own and not own.isdigit() else node.op.name
            name = self.fresh(f"{scope}{label}")
            for region in node.regions:
                self.region(node, region, f"{name}/{region.name}/")
            made = self.add(name if not node.regions else f"{name}/{node.op.name}", node.op.name,
                            node.inputs, node.outputs)  # fmt: skip
            for key, value in node.attrs.items():
                made.attr[key].s = str(value).encode()[:LONGEST]
            if node.loc is not None:
                made.attr["line"].s = str(node.loc).encode()

    def region(self, node: Any, region: Graph, scope: str) -> None:
        """What a node runs, below it; its inputs come from what the node is given."""
        given = node.inputs[len(node.inputs) - len(region.inputs) :]
        for i, value in enumerate(region.inputs):
            source = (given[i],) if len(given) == len(region.inputs) else ()
            name = self.fresh(f"{scope}{value.name or 'input'}")
            self.add(name, "Input", source, (value,))
        self.nodes(region, scope)
        self.results(region, scope)

    def results(self, graph: Graph, scope: str) -> None:
        for value in graph.outputs:
            self.add(self.fresh(f"{scope}result"), "Result", (value,), ())

    def add(self, name: str, op: str, inputs: Any, outputs: Any) -> Any:
        made = self.made.node.add(name=name, op=op)
        made.input.extend([self.places[v] for v in inputs if v in self.places])
        for i, value in enumerate(outputs):
            self.places[value] = name if i == 0 else f"{name}:{i}"
            _describe(made.attr["_output_shapes"].list.shape.add(), value)
        if outputs:
            kind = outputs[0].type
            made.attr["dtype"].type = _REF if _is_ref(outputs[0]) else _number(kind)
        return made


def _is_ref(value: Value) -> bool:
    return isinstance(value.type, RefType)


def _number(kind: TensorType) -> int:
    return _TYPES.get(kind.dtype.name, 0)


def _describe(shape: Any, value: Value) -> None:
    for size in getattr(value.type, "shape", ()):
        shape.dim.add(size=-1 if isinstance(size, Dim) else int(size), name=str(size))
