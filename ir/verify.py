"""The invariants of a graph, and ``verify``, which checks them under the same headings.

Values
    Every value is made once: as an input of one graph or an output of one node. A node and the
    results use only values that stand above in the same graph; a region sees nothing of the graph
    around it but what it receives as its inputs. The outputs of a node know their node and place.
    The step of a node, if it has one, has a place for each output; see ``step.py``.

Types
    The number and dtypes of a node's inputs are what its op computes in (casts are nodes), and
    the types of its outputs are those that the op's rule gives for the recorded sizes.

Attributes
    Their values are those of ``attrs``, a closed set. The attributes of a node are those of its
    op, in canonical form: the rule returns them as they are.

Effects
    A ref is an input of a graph; it is used only by state ops, as their first input, and by nodes
    with regions. Nothing reads a ref after something wrote it in the same graph, whether an
    ``assign`` or a node with regions that writes it: so every read gives the value that the
    Variable had when the graph started, and the last write in program order is the one that stays.

Regions
    Only an op of kind ``region`` has regions. An op with the fact ``region_types`` says what it
    expects: that function takes the node and returns the types of its outputs or raises
    VerifyError. Any other has one region, a call: its inputs and outputs have the node's types.
    A region belongs to one node. The inputs of a region stand for the node's last inputs.

Sizes
    A size symbol is bound before it is used: in the shape of an input of the graph, of an output
    of an op whose kind or record says that its sizes depend on data, or in the graph around a
    region. A size on which branches or trips do not agree has a symbol that is new there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from .attrs import dims_of, refused, same_attrs
from .dims import symbols_of
from .errors import VerifyError
from .graph import Graph, Node, Value
from .infer import expect_types
from .op import Attrs
from .printer import print_node, value_names
from .step import misfit
from .structural import structural_types
from .types import RefType, TensorType
from .words import counted

__all__ = ["verify", "verify_regions"]


def verify(graph: Graph) -> None:
    """Check every invariant of a graph and its regions; see the module. Raises VerifyError."""
    _Verifier().run(graph)


class _Verifier:
    def __init__(self) -> None:
        self.made: dict[Value, Graph] = {}
        self.resolved: dict[object, tuple[TensorType, ...]] = {}
        self.refs: dict[Graph, tuple[set[Value], set[Value]]] = {}  # read, written

    def run(self, root: Graph) -> None:
        """Values and types from the outside in; then effects, for which regions come first."""
        order: list[Graph] = []
        symbols: dict[Graph, frozenset[str]] = {root: frozenset()}
        stack = [root]
        while stack:
            graph = stack.pop()
            order.append(graph)
            inner = self.graph(graph, symbols[graph])
            for node in graph.nodes:
                for region in node.regions:
                    if region in symbols:
                        _fail("Regions", f"region {region.name} has two owners", graph, node)
                    symbols[region] = inner
                    stack.append(region)
        for graph in reversed(order):
            self.effects(graph)

    def graph(self, graph: Graph, symbols: frozenset[str]) -> frozenset[str]:
        """Everything but effects, for one graph; returns the symbols that its regions see."""
        for value in graph.inputs:
            self.define(graph, None, value)
            symbols |= value.type.symbols()
        checked: set[object] = set()  # types and attributes whose symbols are known to be bound
        for node in graph.nodes:
            self.values(graph, node)
            self.types(graph, node)
            self.regions(graph, node)
            symbols = self.sizes(graph, node, symbols, checked)
        for value in graph.outputs:
            if self.made.get(value) is not graph:
                _fail("Values", f"{value!r} is returned, but not defined in this graph", graph)
        return symbols

    # ---- Values

    def values(self, graph: Graph, node: Node) -> None:
        for value in node.inputs:
            if self.made.get(value) is not graph:
                _fail("Values", _undefined(value, value in self.made, graph), graph, node)
        for i, value in enumerate(node.outputs):
            if value.node is not node or value.index != i:
                _fail("Values", f"output {i} does not know its node", graph, node)
            self.define(graph, node, value)
            if isinstance(value.type, RefType):
                _fail("Effects", f"output {i} is a ref; only inputs are", graph, node)

        if node.step is not None:
            reason = misfit(node.step, len(node.inputs), len(node.outputs))
            if reason:
                _fail("Values", reason, graph, node)

    def define(self, graph: Graph, node: Node | None, value: Value) -> None:
        if value in self.made:
            _fail("Values", f"{value!r} is defined twice", graph, node)
        if node is None and value.node is not None:
            _fail("Values", f"input {value!r} is the output of a node", graph)
        self.made[value] = graph

    # ---- Types, Attributes

    def types(self, graph: Graph, node: Node) -> None:
        op = node.op
        if node.attrs and (reason := refused(node.attrs)):
            _fail("Attributes", reason, graph, node)
        if op.kind == "region":
            return
        key = (op, *[v.type for v in node.inputs])
        types = None if node.attrs or op.has_attrs else self.resolved.get(key)
        if types is None:
            attrs, types = self.resolve(graph, node)
            if (node.attrs or attrs) and not same_attrs(attrs, node.attrs):
                _fail("Attributes", f"{op.name} makes the attributes {attrs}", graph, node)
            self.resolved[key] = types
        if len(types) != len(node.outputs):
            _fail("Types", f"{op.name} has {counted(len(types), 'output')}", graph, node)
        for value, want in zip(node.outputs, types, strict=True):
            if value.type is not want and value.type != want:
                _fail("Types", f"{op.name} gives {want}, recorded is {value.type}", graph, node)

    def resolve(self, graph: Graph, node: Node) -> tuple[Attrs, tuple[TensorType, ...]]:
        if node.attrs.keys() != node.op.defaults.keys():
            _fail(
                "Attributes",
                f"{node.op.name} has the attributes {', '.join(node.op.attr_names) or 'none'}",
                graph,
                node,
            )
        try:
            return structural_types(node.op, [v.type for v in node.inputs], node.attrs)
        except VerifyError as error:
            _fail("Types", error.reason, graph, node)
            raise

    # ---- Effects

    def effects(self, graph: Graph) -> None:
        """No read of a ref after a write; the regions of the graph have been looked at."""
        refs = [v for v in graph.inputs if isinstance(v.type, RefType)]
        read: set[Value] = set()
        written: set[Value] = set()
        for node in graph.nodes if refs else ():
            reads, writes = self.touched(node)
            late = written & reads
            if late:
                _fail("Effects", f"{late.pop()!r} is read after it was written", graph, node)
            read |= reads
            written |= writes
        self.refs[graph] = read, written

    def touched(self, node: Node) -> tuple[set[Value], set[Value]]:
        """The refs that a node reads and those that it writes."""
        refs = {v for v in node.inputs if isinstance(v.type, RefType)}
        if not refs or not node.regions:
            effects = node.op.effects
            return refs if "read" in effects else set(), refs if "write" in effects else set()
        reads: set[Value] = set()
        writes: set[Value] = set()
        for region in node.regions:
            given = dict(zip(reversed(region.inputs), reversed(node.inputs), strict=False))
            inner_reads, inner_writes = self.refs[region]
            reads |= {given[v] for v in inner_reads if v in given}
            writes |= {given[v] for v in inner_writes if v in given}
        return reads, writes

    # ---- Regions

    def regions(self, graph: Graph, node: Node) -> None:
        if node.op.kind != "region":
            if node.regions:
                _fail("Regions", f"{node.op.name} takes no regions", graph, node)
            return
        try:
            verify_regions(node)
        except VerifyError as error:
            _fail("Regions", error.reason, graph, node)

    # ---- Sizes

    def sizes(
        self, graph: Graph, node: Node, symbols: frozenset[str], checked: set[object]
    ) -> frozenset[str]:
        if node.attrs:
            own = _made(node) if node.op.data_dependent else frozenset()
            for attr in node.attrs.values():
                for dim in dims_of(attr):
                    self.bound(graph, node, symbols_of(dim) - own, symbols)
        if node.op.flow and (name := _rebound(node, symbols)):
            reason = f"{name} is a size that the node makes, and one that is known above"
            _fail("Sizes", reason, graph, node)
        for value in node.outputs:
            if value.type in checked:
                continue
            names = value.type.symbols()
            if names and not names <= symbols:
                if not node.makes_sizes:
                    self.bound(graph, node, names, symbols)
                symbols |= names
            checked.add(value.type)
        return symbols

    def bound(
        self, graph: Graph, node: Node, names: Iterable[str], symbols: frozenset[str]
    ) -> None:
        for name in names:
            if name not in symbols:
                _fail("Sizes", f"the size {name} is not in the shape of any input", graph, node)


def _made(node: Node) -> frozenset[str]:
    """The symbols that the outputs of a node have and its inputs have not."""
    known = frozenset[str]().union(*[v.type.symbols() for v in node.inputs])
    return frozenset[str]().union(*[v.type.symbols() for v in node.outputs]) - known


def _rebound(node: Node, symbols: frozenset[str]) -> str:
    """A known symbol that an output has where the regions do not agree on a size, or ``""``."""
    regions = node.regions if node.op.flow == "branch" else node.regions[-1:]
    for i, value in enumerate(node.outputs[: node.attrs.get("carried")]):
        for axis, dim in enumerate(value.type.shape):
            known = not isinstance(dim, int) and str(dim) in symbols
            if known and any(r.types[i].shape[axis] != dim for r in regions):
                return str(dim)
    return ""


def verify_regions(node: Node) -> None:
    """Check that a region op has the regions it expects. Raises VerifyError with the reason."""
    rule = node.op.region_types
    outs = [v.type for v in node.outputs]
    if rule is not None:
        expect_types(rule(node), outs, f"the outputs of {node.op.name}")
        return
    if len(node.regions) != 1:
        raise VerifyError(f"{node.op.name} has one region, not {len(node.regions)}")
    (region,) = node.regions
    expect_types(
        [v.type for v in node.inputs],
        [v.type for v in region.inputs],
        f"the inputs of region {region.name}",
    )
    expect_types([v.type for v in region.outputs], outs, f"the outputs of {node.op.name}")


def _undefined(value: Value, elsewhere: bool, graph: Graph) -> str:
    if elsewhere:
        return f"{value!r} belongs to another graph; a region sees only its own inputs"
    if any(value is out for node in graph.nodes for out in node.outputs):
        return f"{value!r} is used before it is defined"
    return f"{value!r} is not defined in this graph"


def _fail(invariant: str, reason: str, graph: Graph, node: Node | None = None) -> NoReturn:
    if node is None:
        raise VerifyError(reason, invariant, f"graph {graph.name}")
    names = value_names(graph)
    for value in node.inputs:
        names.setdefault(value, f"{value.name or '?'}")
    raise VerifyError(reason, invariant, print_node(node, names, locations=False), node.loc)
