"""What a call writes to the memory of its arguments, and not by way of an array of its own.

    %b: f32[n] = fused(%a) {...} by kernel in new        ... by kernel in argument0
    assign(%written, %b) by assign                  ->   assign(%written, %b) by assign
    # %written: ref f32[n] of argument0

The assignment has nothing left to do then, and of an argument that is updated in part no more than
that part is written. It takes that nothing reads the old elements any more, that nobody keeps the
new ones, and that nothing can fail before the assignment, since an exception leaves the writes that
Python has made by then.
"""

from __future__ import annotations

from twofold.ir.dims import provably_eq
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import NEW, Argument, Kind
from twofold.ir.types import RefType, TensorType

from ..loading import late
from ..planned import step_of
from ..target import rewrites

__all__ = ["written_through"]

_MAKES = (Kind.KERNEL, Kind.LIBRARY)
_CANNOT_FAIL = (*_MAKES, Kind.ALIAS, Kind.READ, Kind.CONSTANT, Kind.DIM)
_KEEPS_NOTHING = (*_MAKES, Kind.ALIAS, Kind.CONTROL)


def written_through(graph: Graph, roots: dict[Value, Value]) -> dict[Value, Argument]:
    """The values of a graph with steps that are made in the memory of an argument."""
    found: dict[Value, Argument] = {}
    for ref in graph.inputs:
        if isinstance(ref.type, RefType) and ref.type.source is not None:
            value = _last_value(graph, ref)
            argument = graph.inputs[ref.type.source]
            if value is not None and _Through(graph, roots, ref, argument, roots[value]).holds():
                found[roots[value]] = Argument(ref.type.source)
    return found


def _last_value(graph: Graph, ref: Value) -> Value | None:
    """What is assigned last, unless something else is done with the ref."""
    users = [node for node in graph.nodes if ref in node.inputs]
    plain = users and all(node.op.name == "assign" for node in users)
    return users[-1].inputs[1] if plain else None


class _Through:
    """Whether a value may lie in the memory of the argument that it is assigned to last."""

    def __init__(
        self, graph: Graph, roots: dict[Value, Value], ref: Value, argument: Value, value: Value
    ) -> None:
        self.graph, self.roots, self.ref = graph, roots, ref
        self.argument, self.value = argument, value

    def holds(self) -> bool:
        value, argument, made = self.value, self.argument, self.value.node
        if made is None or made.pinned or step_of(made).kind not in _MAKES:
            return False
        if step_of(made).places[value.index] != NEW or type(argument.type) is not TensorType:
            return False
        if value.type.dtype != argument.type.dtype or not provably_eq(
            value.type.nbytes, argument.type.nbytes
        ):
            return False
        kept = {self.roots[v] for v in self.graph.outputs}
        if value in kept or argument in kept:
            return False
        at = self.graph.nodes.index(made)
        behind = self.graph.nodes[at + 1 :]
        return (
            not any(self.reads(node, argument) for node in behind)
            and all(self.only_reads(node) for node in behind if self.reads(node, value))
            and self.is_safe(behind)
            and self.may_write_over(made)
        )

    def reads(self, node: Node, root: Value) -> bool:
        return any(self.roots[v] is root for v in node.inputs)

    def only_reads(self, node: Node) -> bool:
        """Whether a node that is given the value keeps nothing of it."""
        if node.op.name == "assign":
            return node.inputs[0] is self.ref
        return step_of(node).kind in _KEEPS_NOTHING

    def is_safe(self, behind: list[Node]) -> bool:
        """Whether nothing fails before the last assignment to the argument, which is the first
        behind the value."""
        for node in behind:
            if node.op.name == "assign":
                if node.inputs[0] is self.ref:
                    return self.roots[node.inputs[1]] is self.value
            elif node.pinned or step_of(node).kind not in _CANNOT_FAIL:
                return False
        return False

    def may_write_over(self, made: Node) -> bool:
        """Whether the node that makes the value reads old elements where it writes, if at all."""
        given = [v for v in made.inputs if type(v.type) is TensorType]
        sources = frozenset(i for i, v in enumerate(given) if self.roots[v] is self.argument)
        if not sources:
            return True
        if step_of(made).kind is Kind.LIBRARY:
            return sources == {0} and rewrites(made)
        kernels = late("kernel.build").build_kernels(made)
        target = len(given) + self.value.index
        return bool(late("kernel.over").may_write_over(kernels, target, sources))
