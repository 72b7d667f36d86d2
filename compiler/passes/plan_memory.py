"""Plan memory: where the output of each node lies.

    %0: f32[n,64] = matmul(%x, %w)              %0: f32[n,64] = matmul(%x, %w) in slot0
    %1: f32[n,64] = fused(%0, %b) {...}    ->   %1: f32[n,64] = fused(%0, %b) {...} in slot0
    %2: f32[n,10] = matmul(%1, %v)              %2: f32[n,10] = matmul(%1, %v) in new

``new`` is an array of its own (graph outputs, and what Python code sees); ``slotK`` a part of the
arena, reused when its last value is dead; an elementwise kernel may write over an input that dies
there. Invariant kept: two values in one slot are never alive at the same time, and a slot is as
large as its largest value, for all sizes that the graph's symbols can take.
"""

from __future__ import annotations

from twofold.ir.access import Axis, access_of
from twofold.ir.dims import DimLike, dim_max, provably_eq, provably_le
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import rebuild

from ..native.steps import python_values, roots, step_kind
from .driver import graph_pass

__all__ = ["plan_memory", "slot_sizes"]


class _Slot:
    __slots__ = ("index", "nbytes")

    def __init__(self, index: int, nbytes: DimLike) -> None:
        self.index, self.nbytes = index, nbytes


@graph_pass(kernels=False)
def plan_memory(graph: Graph, *, in_place: bool = True) -> Graph:
    """Give every native node's outputs a place in memory.

    in_place: whether an elementwise kernel may write over an input that dies there.
    """
    graph = rebuild(graph)
    table = roots(graph)
    visible = python_values(graph, table)
    last = _last_uses(graph, table)
    dying: dict[int, list[Value]] = {}
    for value, position in last.items():
        dying.setdefault(position, []).append(value)
    held: dict[Value, _Slot] = {}
    free: list[_Slot] = []
    count = 0
    for position, node in enumerate(graph.nodes):
        places: list[str] = []
        reused: set[Value] = set()
        for value in node.outputs:
            kind = step_kind(node)
            if kind not in ("kernel", "gemm"):
                continue
            if value in visible:
                places.append("new")
                continue
            slot = None
            if in_place:
                slot = _over_input(node, value, table, held, dying.get(position, ()), reused)
            slot = slot or _take(free, value.type.nbytes)
            if slot is None:
                slot, count = _Slot(count, value.type.nbytes), count + 1
            held[value] = slot
            places.append(f"slot{slot.index}")
        node.memory = tuple(places)
        for value in dying.get(position, ()):
            if value in held and value not in reused:
                free.append(held[value])
    return graph


def _last_uses(graph: Graph, table: dict[Value, Value]) -> dict[Value, int]:
    """For each root the position of the last node that uses it or makes it."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            last[table[value]] = position
    return last


def _take(free: list[_Slot], nbytes: DimLike) -> _Slot | None:
    """A free slot of exactly this size, else one that is provably large enough."""
    for fits in (provably_eq, provably_le):
        for slot in reversed(free[-16:]):
            if fits(nbytes, slot.nbytes):
                free.remove(slot)
                return slot
    return None


def _over_input(
    node: Node, value: Value, table: dict[Value, Value], held: dict[Value, _Slot],
    dying: list[Value] | tuple[()], reused: set[Value],
) -> _Slot | None:  # fmt: skip
    """The slot of an input that dies here and that the kernel reads exactly where it writes."""
    if node.op.name != "fused" or node.attrs["reduced"]:
        return None
    moved = _moved(node.regions[0])
    if moved is None:
        return None
    for source, inner in zip(node.inputs, node.regions[0].inputs, strict=True):
        root = table[source]
        if root not in dying or root not in held or root in reused or inner in moved:
            continue
        if (
            source.type.shape == value.type.shape
            and (source.type.dtype.itemsize == value.type.dtype.itemsize)
            and not _read_otherwise(node, root, table, source)
        ):
            reused.add(root)
            return held[root]
    return None


def _moved(region: Graph) -> set[Value] | None:
    """The inputs of a region that it reads elsewhere than at its own point; None if what it
    computes, and so writes, stands at other points than what it reads."""
    outside, moved = set(region.inputs), set()
    for node in region.nodes:
        access = access_of(node)
        if access is None:
            continue
        if node.inputs[0] in outside:
            moved.add(node.inputs[0])
            outside.add(node.out)
        elif any(a.source is not None and a != Axis(a.source) for a in access.axes):
            return None
    return moved


def _read_otherwise(node: Node, root: Value, table: dict[Value, Value], source: Value) -> bool:
    """Whether another input of the node is the same memory under another shape."""
    return any(table[v] is root and v is not source for v in node.inputs)


def slot_sizes(graph: Graph) -> list[DimLike]:
    """The size in bytes of each slot of a planned graph (a maximum where values differ)."""
    sizes: dict[int, DimLike] = {}
    for node in graph.nodes:
        for value, place in zip(node.outputs, node.memory, strict=False):
            if place.startswith("slot"):
                index = int(place[4:])
                have = sizes.get(index)
                nbytes = value.type.nbytes
                sizes[index] = nbytes if have is None else dim_max(have, nbytes)
    return [sizes[i] for i in sorted(sizes)]
