"""Copies of graphs, changed on the way: the one loop that every pass and every copy goes through.

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:       # what stands for its outputs
        if node.op.name == "positive":
            return [new[node.inputs[0]]]                          # +x = x
        return new.keep(node)

    rebuild(graph, visit)

A graph is never changed in place by those who received it: they make a new one. ``rebuild`` does it
for one graph and leaves the regions of its nodes as they are; ``lift`` does to the regions, at any
depth, what a function does to the graph, and so makes a pass of it.

A graph that is given to ``rebuild`` may be a view: nodes of another graph, with any of its values
as inputs. So a part of a graph becomes one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .dims import DimLike
from .graph import Graph, Node, Value
from .location import Location
from .op import Op
from .types import TensorType

__all__ = ["Rebuilt", "Visit", "copied", "lift", "rebuild", "resized"]

Visit = Callable[["Rebuilt", Node], Sequence[Value]]


class Rebuilt:
    """The new graph while it grows; ``new[value]`` is what stands for a value of the old one."""

    __slots__ = ("graph", "table")

    def __init__(self, name: str, table: dict[Value, Value] | None = None) -> None:
        self.graph = Graph(name)
        self.table: dict[Value, Value] = {} if table is None else table

    def __getitem__(self, value: Value) -> Value:
        return self.table[value]

    def input(self, value: Value) -> Value:
        """Append an input like one of the old graph."""
        new = self.table[value] = self.graph.input(value.type, value.name)
        return new

    def keep(self, node: Node) -> tuple[Value, ...]:
        """Append a copy of a node, which keeps names, step, regions and the user's line."""
        table = self.table
        copy = node.like([table[v] for v in node.inputs])
        self.graph.nodes.append(copy)
        return copy.outputs

    def add(
        self, op: Op, inputs: Sequence[Value], attrs: Mapping[str, Any] | None = None, *,
        like: Node, types: Sequence[TensorType] | None = None, regions: Sequence[Graph] = (),
    ) -> tuple[Value, ...]:  # fmt: skip
        """Append a node at the place, and with the names, of an old one that it stands for."""
        names = [v.name for v in like.outputs]
        attrs = dict(attrs or {})
        return self.graph.add(
            op, inputs, attrs, types=types, regions=regions, loc=like.loc, names=names
        ).outputs

    def run(self, nodes: Iterable[Node], visit: Visit = keep) -> None:
        """Visit nodes of the old graph in order. What is left out makes no values."""
        table = self.table
        for node in nodes:
            values, outputs = visit(self, node), node.outputs
            if len(values) == 1 == len(outputs):
                table[outputs[0]] = values[0]
            elif values:
                table.update(zip(outputs, values, strict=True))

    def inline(
        self, region: Graph, inputs: Sequence[Value], enter: Callable[[Node], bool] | None = None,
        at: Location | None = None,
    ) -> list[Value]:  # fmt: skip
        """Append the nodes of a region for these inputs; returns what it returns.

        Nodes for which ``enter(node)`` holds are replaced by what their only region does, at any
        depth. A node without a line of its own gets that of the node around it, at last ``at``.
        Regions of the other nodes are copied, so a region may be inlined any number of times.
        """
        self.table.update(zip(region.inputs, inputs, strict=True))
        # Deeper than Python's calls may be: the nodes to come, what they are in, its line.
        stack: list[tuple[Iterator[Node], Node | None, Location | None]] = [
            (iter(region.nodes), None, at)
        ]
        while stack:
            nodes, around, place = stack[-1]
            node = next(nodes, None)
            if node is None:
                stack.pop()
                if around is not None:
                    self._stand_for(around)
            elif enter is not None and enter(node):
                given = [self.table[v] for v in node.inputs]
                self.table.update(zip(node.regions[0].inputs, given, strict=True))
                stack.append((iter(node.regions[0].nodes), node, node.loc or place))
            else:
                self.run([node])
                copy = self.graph.nodes[-1]
                copy.loc = copy.loc or place
                if copy.regions:
                    copy.hold([copied(held) for held in copy.regions])
        return [self.table[v] for v in region.outputs]

    def _stand_for(self, node: Node) -> None:
        """What the region of a node returned stands for its outputs, and has their names if it has
        none of its own."""
        for value, inside in zip(node.outputs, node.regions[0].outputs, strict=True):
            made = self.table[value] = self.table[inside]
            if made.node is not None and not made.name:
                made.name = value.name


def rebuild(
    graph: Graph, visit: Visit = Rebuilt.keep, *, name: str | None = None,
    table: dict[Value, Value] | None = None,
) -> Graph:  # fmt: skip
    """A new graph: for each node in order, ``visit(new, node)`` says what stands for its outputs.

    It returns one value of the new graph for each output, having appended what it likes, or
    nothing to leave the node out. ``table`` receives old value -> new value. Regions are shared
    with the old graph: see ``lift``.
    """
    new = Rebuilt(graph.name if name is None else name, table)
    for value in graph.inputs:
        new.input(value)
    new.run(graph.nodes, visit)
    new.graph.outputs = [new.table[v] for v in graph.outputs]
    return new.graph


def lift(
    apply: Callable[[Graph], Graph], graph: Graph, enter: Callable[[Node], bool] | None = None
) -> Graph:
    """``apply`` to a graph, and then to each region of what it made, at any depth.

    ``apply`` returns a new graph. Where ``enter(node)`` is false the regions of a node stay as
    they are; those that still belong to the old graph are copied.
    """
    old: set[Graph] = set() if enter is None else set(graph.regions_first())
    result = apply(graph)
    stack = [result]
    while stack:
        for node in stack.pop().nodes:
            if not node.regions:
                continue
            if enter is None or enter(node):
                node.hold([apply(region) for region in node.regions])
                stack.extend(node.regions)
            elif not old.isdisjoint(node.regions):
                node.hold([copied(region) for region in node.regions])
    return result


def copied(graph: Graph, table: dict[Value, Value] | None = None, name: str | None = None) -> Graph:
    """A copy that shares nothing that can change; ``table`` receives old value -> new value."""
    table = {} if table is None else table
    new = lift(lambda part: rebuild(part, table=table), graph)
    if name is not None:
        new.name = name
    return new


def resized(graph: Graph, mapping: Mapping[str, DimLike]) -> Graph:
    """A copy with size symbols replaced, in types and attributes, in its regions as well."""
    new = copied(graph)
    new.substitute(mapping)
    return new
