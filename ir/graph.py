"""The graph: typed SSA values, nodes in order, nested regions, source locations.

Invariants (checked by ``verify``): every value is produced once, by a node or as a graph input;
a node uses only values that stand before it in its own graph (regions see nothing from outside
except their own inputs); the order of ``nodes`` is the order of effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .attrs import check_attrs, substituted
from .dims import DimLike, symbols_of
from .dtypes import info
from .location import Location
from .op import Attrs, Op
from .record import EFFECTS
from .shapes import Sizes
from .step import Step
from .types import RefType, TensorType

__all__ = ["Graph", "Location", "Node", "Value"]

_STRUCTURAL = Sizes()


class Value:
    """One SSA value: a type, the node that makes it (None for an input), the user's name for it."""

    __slots__ = ("__weakref__", "index", "name", "node", "type")

    def __init__(
        self, type: TensorType, name: str = "", node: Node | None = None, index: int = 0
    ) -> None:
        self.type, self.name, self.node, self.index = type, name, node, index

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self.type.dtype

    def __repr__(self) -> str:
        return f"%{self.name or '_'}: {self.type}"


_bare = object.__new__


class Node:
    """One operation: inputs, canonical attributes, regions, outputs, where the user wrote it."""

    __slots__ = ("_effects", "attrs", "inputs", "loc", "op", "outputs", "regions", "step", "sure")

    def __init__(
        self,
        op: Op,
        inputs: Iterable[Value],
        attrs: Attrs,
        types: Iterable[TensorType],
        regions: Iterable[Graph] = (),
        loc: Location | None = None,
        names: Sequence[str] = (),
    ) -> None:
        self.op, self.attrs, self.loc = op, attrs, loc
        self.step: Step | None = None  # how it runs, once it is scheduled
        self.sure = False  # whether it cannot raise: its indices are known to be in range
        self.inputs: tuple[Value, ...] = tuple(inputs)
        self.regions: tuple[Graph, ...] = tuple(regions)
        self._effects: frozenset[str] | None = None
        self.outputs: tuple[Value, ...] = tuple(
            [Value(t, names[i] if i < len(names) else "", self, i) for i, t in enumerate(types)]
        )

    @property
    def out(self) -> Value:
        """The only output."""
        (value,) = self.outputs
        return value

    def like(self, inputs: Iterable[Value]) -> Node:
        """A copy with other inputs, of the same types; it holds the same regions."""
        new = _bare(Node)
        new.op, new.inputs, new.attrs = self.op, tuple(inputs), self.attrs.copy()
        new.loc, new.step, new.regions, new._effects = self.loc, self.step, self.regions, None
        new.sure = self.sure
        new.outputs = tuple([Value(v.type, v.name, new, v.index) for v in self.outputs])
        return new

    def hold(self, regions: Iterable[Graph]) -> None:
        """Put these regions in the place of those that the node has."""
        self.regions = tuple(regions)
        self._effects = None

    @property
    def effects(self) -> frozenset[str]:
        """What the node does besides making its outputs; ``"raise"`` if it may fail on values.

        The effects of its regions are its own. They are found once, when they are first asked
        for: by then the regions are complete.
        """
        if self._effects is None:
            held = [g for region in self.regions for g in region.regions_first()]
            for node in (n for graph in held for n in graph.nodes if n._effects is None):
                node._effects = node._found_effects()  # those inside it are known by now
            self._effects = self._found_effects()
        return self._effects

    def _found_effects(self) -> frozenset[str]:
        found = self.op.effects
        if not self.sure and self._raises():
            found |= {"raise"}
        if not self.regions:
            return found
        return found.union(*[node.effects for region in self.regions for node in region.nodes])

    def _raises(self) -> bool:
        """Whether the op can fail for these input types, attributes and constants."""
        may, never = self.op.may_raise, self.op.never_raises
        if never is not None and never([_known(v) for v in self.inputs]):
            return False
        if isinstance(may, str):
            return any(info(v.type.dtype).letter in may for v in self.inputs)
        return may if isinstance(may, bool) else may([v.type for v in self.inputs], self.attrs)

    @property
    def makes_sizes(self) -> bool:
        """Whether the sizes of the outputs depend on data, and so may be new symbols."""
        return self.op.data_dependent or self.op.kind == "region"

    @property
    def pinned(self) -> bool:
        """Whether the node must stay, in order, even if nothing uses its outputs.

        A ``read`` need not: it gives the value that the Variable had when the graph started.
        """
        return any(EFFECTS[effect] for effect in self.effects)

    def __repr__(self) -> str:
        outs = ", ".join(map(repr, self.outputs))
        return f"{outs} = {self.op.name}({', '.join(map(repr, self.inputs))})"


def _known(value: Value) -> Any:
    """The array that a value is, if it is a constant."""
    node = value.node
    return node.attrs["value"] if node is not None and node.op.name == "constant" else None


class Graph:
    """A function: inputs, nodes in order, outputs."""

    __slots__ = ("inputs", "name", "nodes", "outputs")

    def __init__(
        self,
        name: str,
        inputs: Iterable[Value] = (),
        nodes: Iterable[Node] = (),
        outputs: Iterable[Value] = (),
    ) -> None:
        self.name = name
        self.inputs: list[Value] = list(inputs)
        self.nodes: list[Node] = list(nodes)
        self.outputs: list[Value] = list(outputs)

    def input(self, type: TensorType, name: str = "") -> Value:
        """Append an input."""
        value = Value(type, name)
        self.inputs.append(value)
        return value

    def add(
        self,
        op: Op,
        inputs: Sequence[Value],
        attrs: Attrs | None = None,
        *,
        regions: Sequence[Graph] = (),
        types: Sequence[TensorType] | None = None,
        loc: Location | None = None,
        names: Sequence[str] = (),
        sizes: Sizes | None = None,
    ) -> Node:
        """Append a node; types and canonical attributes come from the op's rule unless given."""
        attrs = {**op.defaults, **(attrs or {})}
        if types is None:
            attrs, types = op.resolve([v.type for v in inputs], attrs, sizes or _STRUCTURAL)
        if attrs:
            check_attrs(op.name, attrs)
        node = Node(op, inputs, attrs, types, regions, loc, names)
        self.nodes.append(node)
        return node

    def symbols(self) -> tuple[str, ...]:
        """The size symbols of the inputs, in order of first appearance."""
        seen: dict[str, None] = {}
        for value in self.inputs:
            for dim in value.type.shape:
                seen.update(dict.fromkeys(sorted(symbols_of(dim))))
        return tuple(seen)

    @property
    def types(self) -> list[TensorType]:
        """The types of the outputs."""
        return [v.type for v in self.outputs]

    def as_function(self, run_node: Any) -> Any:
        """The graph as what a region op calls: a ``Region``, run node by node."""
        from .evaluate import Region  # noqa: PLC0415  (it runs graphs)

        return Region(self, run_node)

    def refs(self) -> tuple[set[int], set[int]]:
        """The positions of the ref inputs that are read, and of those whose value is used again
        after they were written to."""
        place = {v: i for i, v in enumerate(self.inputs)}
        found: dict[str, set[int]] = {"read": set(), "held": set()}
        for node in self.nodes:
            if node.op.name in found:
                found[node.op.name].add(place[node.inputs[0]])
            for region in node.regions:
                for inner, at in zip(region.refs(), found.values(), strict=True):
                    first = len(node.inputs) - len(region.inputs)
                    at |= {place[node.inputs[first + i]] for i in inner}
        return found["read"], found["held"]

    def written(self) -> set[int]:
        """The positions of the ref inputs that are written to."""
        place = {v: i for i, v in enumerate(self.inputs) if isinstance(v.type, RefType)}
        found: set[int] = set()
        for node in self.nodes if place else ():
            if "write" in node.op.effects:
                found.add(place[node.inputs[0]])
            for region in node.regions:
                first = len(node.inputs) - len(region.inputs)
                found |= {place[node.inputs[first + i]] for i in region.written()}
        return found

    def uses(self) -> dict[Value, list[Node]]:
        """For each value the nodes that take it as an input."""
        table: dict[Value, list[Node]] = {v: [] for v in self.inputs}
        for node in self.nodes:
            for value in node.outputs:
                table[value] = []
            for value in dict.fromkeys(node.inputs):
                table[value].append(node)
        return table

    def walk(self) -> Iterator[Node]:
        """Every node, those of regions after the node that holds them."""
        stack: list[Iterator[Node]] = [iter(self.nodes)]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                continue
            yield node
            stack.extend(iter(region.nodes) for region in reversed(node.regions))

    def regions_first(self) -> list[Graph]:
        """This graph and those nested in it at any depth, each after the regions of its nodes."""
        found: list[Graph] = [self]
        for graph in found:  # grows while it is read
            found.extend(region for node in graph.nodes for region in node.regions)
        return found[::-1]

    def substitute(self, mapping: Mapping[str, DimLike]) -> None:
        """Replace size symbols everywhere, in place."""
        if not mapping:
            return
        table = dict(mapping)
        for graph in self.regions_first():
            for value in graph.inputs:
                value.type = value.type.substitute(table)
            for node in graph.nodes:
                node.attrs = substituted(node.attrs, table)
                for value in node.outputs:
                    value.type = value.type.substitute(table)

    def __str__(self) -> str:
        from .printer import print_graph  # noqa: PLC0415  (when somebody looks)

        return print_graph(self)
