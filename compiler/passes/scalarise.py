"""Scalarise: a loop or a branch over scalars and small arrays becomes one kernel.

    %s: f32[] = while(%i, %x) {carried=1}        %s: f32[] = fused(%i, %x) {dims=(), reduced=()}
      region test(...) { ... }              ->     region while_less_multiply(...) {
      region body(...) { ... }                       %s: f32[] = while(%i, %x) {carried=1} ...
                                                     return %s }

A loop that grows a sequence and the loop that takes it (a gradient's forward and reverse loop)
become one kernel, with what is between them: the sequence lies in it.

Invariant kept: the kernel computes what the nodes compute, in the same order. What the target
cannot put into a kernel stays as it is, and the nodes of its regions are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.rebuild import Rebuilt, copied, rebuild
from twofold.ir.types import BufferType

from ..kernel.points import COMPUTED, by_point
from ..loading import late
from ..target import Target
from .driver import graph_pass

__all__ = ["scalarise"]


@graph_pass(kernels=False)
def scalarise(graph: Graph, target: Target, *, loops: bool = True) -> Graph:
    """Put each loop or branch that fits into a kernel, its own or that of what it works with.

    loops: whether loops and branches are kernels; else only what stands in them.
    """
    fitting = [
        n for n in graph.nodes
        if by_point(n) and n.op.name not in COMPUTED and not n.op.kernel
        and (loops or not n.regions) and target.can_fuse(n)
    ]  # fmt: skip
    fitting = _settled(graph, fitting)
    if not fitting and not any(node.regions for node in graph.nodes):
        return rebuild(graph)
    begins = late("kernel.control").begins if fitting else lambda node: False
    joined = _Joined(graph, fitting)
    alone = {node: _Group([node], node.outputs) for node in fitting}

    held = joined.members.union(fitting)
    uses, returned = graph.uses(), set(graph.outputs)

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        group = joined.last.get(node)
        if group is None and node in joined.members:
            return ()
        if begins(node) and node.out not in returned and held.issuperset(uses[node.out]):
            return ()
        group = group or alone.get(node)
        if group is None:
            kept = new.keep(node)
            if node.regions and not node.op.kernel and kept:
                made = kept[0].node
                assert made is not None
                made.hold([_computed(region, target) for region in node.regions])
            return kept
        return _fused(new, group)

    ordered = Graph(graph.name, graph.inputs, joined.order(), graph.outputs)
    return rebuild(ordered, visit)


def _settled(graph: Graph, fitting: Sequence[Node]) -> list[Node]:
    """Those of some nodes whose drafts nobody sees when they are over: the Variables are given
    something else before anything may raise."""
    found: list[Node] = []
    given: set[Value] = set()  # Variables, behind the present node
    wanted = set(fitting)
    for node in reversed(graph.nodes):
        if node.op.kind == "state" and "write" in node.effects:
            given.add(node.inputs[0])
        elif node in wanted and given.issuperset(_drafted(node)):
            found.append(node)
        if "raise" in node.effects or node.regions:
            given.clear()
    return found[::-1]


def _drafted(node: Node) -> set[Value]:
    """The Variables that the regions of a node write to."""
    first = len(node.inputs)
    return {
        node.inputs[first - len(region.inputs) + i]
        for region in node.regions for i in region.written()
    }  # fmt: skip


def _fused(new: Rebuilt, group: _Group) -> Sequence[Value]:
    """Put a group into a kernel."""
    region = late("kernel.control").together(group.nodes, group.outputs, _name(group.nodes))
    return _held(new, region, group.nodes[-1], group.outputs)


def _held(new: Rebuilt, region: Graph, last: Node, outputs: Sequence[Value]) -> Sequence[Value]:
    """A kernel of a region, for these values of the graph."""
    made = new.graph.add(
        OPS["fused"], [new[v] for v in region.inputs], {"dims": (), "reduced": ()},
        types=[v.type for v in outputs], regions=[copied(region)], loc=last.loc,
        names=[v.name for v in outputs],
    )  # fmt: skip
    new.table.update(zip(outputs, made.outputs, strict=True))
    return ()


def _computed(region: Graph, target: Target) -> Graph:
    """A region that is no kernel, with those of its nodes that read and write at computed positions
    in kernels of their own: NumPy is faster at that, but a trip would wait for Python."""
    alone = {n for n in region.nodes if n.op.name in COMPUTED and target.can_fuse(n)}
    if not alone:
        return region

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        if node not in alone:
            return new.keep(node)
        return _fused(new, _Group([node], node.outputs))

    return rebuild(region, visit)


class _Group:
    """Nodes of one kernel, in order, and the values of theirs that are used elsewhere."""

    def __init__(self, nodes: list[Node], outputs: Sequence[Value]) -> None:
        self.nodes, self.outputs = nodes, list(outputs)


class _Joined:
    """The groups of more than one loop or branch. ``last``: by their last node."""

    def __init__(self, graph: Graph, fitting: Sequence[Node]) -> None:
        self.graph = graph
        self.members: set[Node] = set()
        self.last: dict[Node, _Group] = {}
        if len(fitting) < 2 or not any(map(_grows, fitting)):
            return
        self.uses = graph.uses()
        behind = 0
        for nodes in self._sharing(set(fitting)):
            places = [i for i, node in enumerate(graph.nodes) if node in nodes]
            group = self._group(nodes, graph.nodes[places[0] : places[-1] + 1])
            if group is not None and places[0] >= behind:
                self.last[group.nodes[-1]], behind = group, places[-1] + 1
                self.members.update(group.nodes)

    def _sharing(self, fitting: set[Node]) -> Iterator[set[Node]]:
        """Nodes that give sequences to each other."""
        found: list[set[Node]] = []
        for node in self.graph.nodes:
            if node not in fitting or not _grows(node):
                continue
            takers = {n for v in node.outputs if _is_sequence(v) for n in self.uses[v]}
            if not takers or not takers <= fitting:
                continue
            touching = [s for s in found if not s.isdisjoint(takers | {node})]
            found = [s for s in found if s not in touching]
            found.append({node}.union(takers, *touching))
        yield from found

    def _group(self, nodes: set[Node], inside: Sequence[Node]) -> _Group | None:
        """The group of some nodes and of those ``inside`` that are between them, if it is a kernel,
        and if nothing that has an effect would change its place."""
        below, above = set(nodes), set(nodes)
        for node in inside:
            if any(v.node in below for v in node.inputs):
                below.add(node)
        for node in reversed(inside):
            if any(n in above for v in node.outputs for n in self.uses[v]):
                above.add(node)
        group = [node for node in inside if node in below and node in above]
        if any(node.pinned for node in inside if node not in nodes):
            return None
        kept, members = set(self.graph.outputs), set(group)
        outputs = [v for node in group for v in node.outputs
                   if v in kept or not members.issuperset(self.uses[v])]  # fmt: skip
        return _Group(group, outputs) if late("kernel.control").fit(group, outputs) else None

    def order(self) -> list[Node]:
        """The nodes of the graph; those that use what a group makes stand behind it."""
        found: list[Node] = []
        late: list[Node] = []
        unmade: set[Node] = set()  # so far: members of a group, and what waits for them
        for node in self.graph.nodes:
            waits = node not in self.members and any(v.node in unmade for v in node.inputs)
            (late if waits else found).append(node)
            if waits or node in self.members:
                unmade.add(node)
            if node in self.last:
                found, late, unmade = found + late, [], set()
        return found


def _is_sequence(value: Value) -> bool:
    return isinstance(value.type, BufferType)


def _grows(node: Node) -> bool:
    return any(map(_is_sequence, node.outputs))


def _name(nodes: Sequence[Node]) -> str:
    """The ops with regions, and the first ops in those."""
    held = [node for node in nodes if node.regions]
    inside = [n.op.name for node in held for region in node.regions for n in region.nodes]
    ops = list(dict.fromkeys(name for name in inside if name != "constant"))
    names = [node.op.name for node in held[:2]]
    return "_".join([*names, *ops[:3]]) + ("_etc" if len(ops) > 3 else "")
