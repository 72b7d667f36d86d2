"""Where growable sequences lie in a kernel of one point: which buffer of it holds which.

A sequence that the region is given lies in a buffer for each node that takes it, so each has one
that it may change. A new one (``buffer_new``) lies in a buffer that begins empty, of the node that
takes it. What a node makes of a sequence stays where that was; what a branch leaves is one of its
inputs, or begins in each of its regions.
"""

from __future__ import annotations

from math import prod

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.types import BufferType

from .small import UnfitError, size

__all__ = ["Storage"]


class Storage:
    """The buffers of the sequences of a region.

    ``kinds``: the type of what lies in each; ``given``: the input of the region that it begins as,
    None where it begins empty; ``at``: that of an input of a node; ``place``: that of a value.
    """

    def __init__(self, region: Graph) -> None:
        self.kinds: list[BufferType] = []
        self.given: list[Value | None] = []
        self.at: dict[tuple[Node, int], int] = {}
        self.place: dict[Value, int] = {}
        self.own = {v for v in region.inputs if isinstance(v.type, BufferType)}
        self._visit(region, once=True)

    def each(self, i: int) -> int:
        """The numbers of an element."""
        return prod(map(int, self.kinds[i].shape))

    def _new(self, value: Value) -> int:
        kind = value.type
        assert isinstance(kind, BufferType)
        if kind.depth > 1:
            raise UnfitError("a sequence of sequences")
        size(Value(kind.element))
        self.kinds.append(kind)
        self.given.append(value if value in self.own else None)
        return len(self.kinds) - 1

    def _visit(self, region: Graph, once: bool) -> None:
        """``once``: whether it runs once at the most, so that what begins empty in it is empty."""
        for node in region.nodes:
            if node.op.name == "buffer_new" and not once:
                raise UnfitError("a sequence that each trip makes")
            for i, value in enumerate(node.inputs):
                if isinstance(value.type, BufferType):
                    self._take(node, i, value)
            if node.op.flow == "branch":
                self._branch(node, once)
            elif node.op.flow == "loop":
                self._loop(node)
            elif node.regions:
                raise UnfitError(node.op.name)
            elif (node, 0) in self.at and isinstance(node.outputs[0].type, BufferType):
                self.place[node.outputs[0]] = self.at[node, 0]

    def _take(self, node: Node, i: int, value: Value) -> None:
        if (node, i) not in self.at:
            found = self.place.get(value)
            self.at[node, i] = self._new(value) if found is None else found

    def _enter(self, node: Node, first: int, once: bool) -> None:
        for region in node.regions:
            for i, value in enumerate(region.inputs, first):
                if (node, i) in self.at:
                    self.place[value] = self.at[node, i]
            self._visit(region, once)

    def _loop(self, node: Node) -> None:
        self._enter(node, 0, once=False)
        left = node.regions[-1].outputs
        for i, value in enumerate(node.outputs[: node.attrs["carried"]]):
            if (node, i) in self.at:
                self.place[value] = self.at[node, i]
                self._same(left[i], self.at[node, i])

    def _branch(self, node: Node, once: bool) -> None:
        for k, value in enumerate(node.outputs):
            if not isinstance(value.type, BufferType):
                continue
            roots = {_root(region, region.outputs[k]) for region in node.regions}
            if len(roots) > 1:
                raise UnfitError("one of several sequences")
            (root,) = roots
            if root is not None:
                self.place[value] = self.at[node, 1 + root]
                continue
            if value not in self.place:
                self.place[value] = self._new(value)
            for region in node.regions:
                self._begin(region.outputs[k], self.place[value])
        self._enter(node, 1, once)
        for region in node.regions:
            for inner, value in zip(region.outputs, node.outputs, strict=True):
                if value in self.place:
                    self._same(inner, self.place[value])

    def _same(self, value: Value, place: int) -> None:
        """What a region returns lies where it is wanted."""
        if self.place.get(value, place) != place:
            raise UnfitError("a sequence that is another one")

    def _begin(self, value: Value, place: int) -> None:
        """What becomes of a new sequence lies in this buffer."""
        while value.node is not None and value.node.op.name != "buffer_new":
            node = value.node
            before = _before(node, value)
            if before is None:
                self.place[value] = place  # a branch in which it begins
                return
            self.at[node, before] = place
            value = node.inputs[before]


def _before(node: Node, value: Value) -> int | None:
    """Which input of a node becomes a sequence that it leaves; None for a branch that makes it."""
    if node.op.flow == "loop":
        return node.outputs.index(value)
    if node.op.flow != "branch":
        if not node.inputs or not isinstance(node.inputs[0].type, BufferType):
            raise UnfitError(node.op.name)
        return 0
    k = node.outputs.index(value)
    roots = {_root(region, region.outputs[k]) for region in node.regions}
    if len(roots) > 1:
        raise UnfitError("one of several sequences")
    (root,) = roots
    return None if root is None else 1 + root


def _root(region: Graph, value: Value) -> int | None:
    """The input of a region that a sequence in it was made of; None if it begins in it."""
    while value.node is not None:
        if value.node.op.name == "buffer_new":
            return None
        before = _before(value.node, value)
        if before is None:
            return None
        value = value.node.inputs[before]
    return region.inputs.index(value)
