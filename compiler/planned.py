"""What follows from the steps of a scheduled graph: whose memory a value shares, sizes of slots."""

from __future__ import annotations

from twofold.ir.dims import DimLike, dim_max
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import Argument, Input, Kind, Slot, Step
from twofold.ir.types import BufferType

__all__ = ["SUMMED", "is_held", "native_graphs", "roots", "runs_held", "slot_sizes", "step_of"]

_HELD = ("buffer_new", "buffer_push", "buffer_pop", "buffer_size", "buffer_like")
_AT = ("buffer_read", "buffer_write", "buffer_unwrite", "buffer_add_at", "buffer_fill",
       "buffer_drop")  # fmt: skip
# The sums of elements that programs know: parts of complex numbers are added by themselves.
SUMMED = {"float32": 0, "complex64": 0, "float64": 1, "complex128": 1, "int32": 2, "int64": 3}


def step_of(node: Node) -> Step:
    """The step of a node of a scheduled graph."""
    assert node.step is not None, f"{node!r} is not scheduled"
    return node.step


def native_graphs(graph: Graph) -> list[Graph]:
    """A scheduled graph, and the regions that run as parts of its program."""
    found = [graph]
    for part in found:  # grows while it is read
        found += [r for n in part.nodes if step_of(n).kind is Kind.CONTROL for r in n.regions]
    return found


def roots(graph: Graph) -> dict[Value, Value]:
    """For each value the value whose memory it shares: itself, unless a step says otherwise."""
    table: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            own = value
            if isinstance(place, Input | Argument):
                own = (node if isinstance(place, Input) else graph).inputs[place.index]
            table[value] = table.get(own, own)
    return table


def slot_sizes(graph: Graph) -> list[DimLike]:
    """The size in bytes of each slot of a scheduled graph (a maximum where values differ)."""
    sizes: dict[int, DimLike] = {}
    for node in graph.nodes:
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            if isinstance(place, Slot):
                have, nbytes = sizes.get(place.index), value.type.nbytes
                sizes[place.index] = nbytes if have is None else dim_max(have, nbytes)
    return [sizes[i] for i in sorted(sizes)]


def is_held(node: Node) -> bool:
    """Whether a program does what a node does with sequences, in loops and branches."""
    if node.op.name == "buffer_add_at" and node.inputs[0].type.dtype.name not in SUMMED:
        return False
    numbers = [v.type.dtype.name for v in node.inputs[1:3] if v.type.rank == 0]
    positions = numbers[: 2 if node.op.name == "buffer_unwrite" else 1]
    return node.op.name in _HELD or (
        node.op.name in _AT and all(name in ("int32", "int64") for name in positions)
    )


def runs_held(node: Node) -> bool:
    """Whether a program does all that the regions of a loop or a branch do with sequences."""
    for inner in (node, *(n for region in node.regions for n in region.nodes)):
        kinds = [v.type for v in (*inner.inputs, *inner.outputs) if isinstance(v.type, BufferType)]
        if inner.op.kernel and kinds:
            if inner.pinned or any(kind.size == 0 for kind in kinds):
                return False  # an exception needs what the kernel was given; elements have numbers
        elif inner is not node and inner.op.flow in ("branch", "loop"):
            if not runs_held(inner):
                return False
        elif kinds and inner is not node and not is_held(inner):
            return False
    return True
