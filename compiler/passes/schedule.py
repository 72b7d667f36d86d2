"""Schedule: how each node runs, and where its outputs lie.

    %0: f32[n,64] = matmul(%x, %w)              ... = matmul(%x, %w) by library gemm in slot0
    %1: f32[n,64] = fused(%0, %b) {...}    ->   ... = fused(%0, %b) {...} by kernel in slot0
    %2: f32[n,10] = matmul(%1, %v)              ... = matmul(%1, %v) by library gemm in new

``new`` is an array of its own (graph outputs, and what Python code sees); ``slotK`` a part of the
arena, reused when its last value is dead; an elementwise kernel may write over an input that dies
there, and so may a routine that puts rows into one; ``inputK`` the memory of an input;
``argumentK`` that of an array which the call writes to (``through.py``). Invariant kept: two values
in one slot are never alive at the same time, and a slot is as large as its largest value, for all
sizes that the graph's symbols can take. Where a size is found only when the graph runs, array
operations do.
"""

from __future__ import annotations

from twofold.ir.access import Axis, access_of
from twofold.ir.attrs import dims_of
from twofold.ir.dims import DimLike, provably_eq, provably_le, symbols_of
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import rebuild
from twofold.ir.step import NEW, Input, Kind, Place, Slot, Step
from twofold.ir.types import BufferType, RefType, TensorType

from ..planned import is_held, roots, runs_held, step_of
from ..target import Target, rewrites
from .driver import graph_pass
from .through import written_through

__all__ = ["schedule"]

_STATE = (Kind.READ, Kind.ASSIGN, Kind.DRAFT)
_NAMED = {kind.value: kind for kind in (*_STATE, Kind.CONSTANT, Kind.DIM)}
_CONTROL = ("cond", "switch", "while", "scan")
_PYTHON = (Kind.ARRAYS, Kind.ASSIGN, Kind.CONSTANT, Kind.DIM)  # take and make NumPy arrays


@graph_pass(kernels=False, steps=True)
def schedule(graph: Graph, target: Target, *, in_place: bool = True) -> Graph:
    """Write on every node how it runs and where its outputs lie.

    in_place: whether an elementwise kernel may write over an input that dies there.
    """
    graph = rebuild(graph)
    known, late = set(graph.symbols()), _late(graph)
    for node in graph.nodes:
        if late and not late.isdisjoint(_sizes_of(node)):
            node.step = Step(Kind.ARRAYS, (NEW,) * len(node.outputs))
        else:
            node.step = _unplaced(node, target, known)
    _Places(graph, in_place).run()
    return graph


def _unplaced(node: Node, target: Target, known: set[str]) -> Step:
    """The step of a node as if every output were an array of its own; the sizes that are known when
    the graph starts."""
    new = (NEW,) * len(node.outputs)
    if node.op.name in _NAMED:
        kind = _NAMED[node.op.name]
        return Step(kind, (Input(0),) if kind is Kind.READ else new)
    if node.op.kernel:
        return Step(Kind.KERNEL, new)
    if node.op.name in _CONTROL and target.jumps(node) and _has_sizes(node, known):
        return Step(Kind.CONTROL, new)
    if is_held(node):
        return Step(Kind.SEQUENCE, new)
    routine = target.library_call(node)
    if routine is not None:
        return Step(Kind.LIBRARY, new, routine)
    if node.op.shares_memory == "alias" and not node.pinned:
        return Step(Kind.ALIAS, (Input(0),))
    return Step(Kind.ARRAYS, new)


def _late(graph: Graph) -> set[str]:
    """The sizes that nodes of a graph make."""
    made = [v.type.symbols() for node in graph.nodes if node.makes_sizes for v in node.outputs]
    return set[str]().union(*made).difference(graph.symbols()) if made else set()


def _nodes_of(node: Node) -> list[Node]:
    """A node and all that are in its regions."""
    return [node, *(n for region in node.regions for n in region.walk())]


def _values_of(node: Node) -> list[Value]:
    """The values that a node takes and makes, and those in its regions."""
    held = [g for region in node.regions for g in region.regions_first()]
    values = [v for n in _nodes_of(node) for v in (*n.inputs, *n.outputs)]
    return values + [v for g in held for v in g.inputs]


def _sizes_of(node: Node) -> set[str]:
    """The symbols that a node and its regions mention."""
    sizes = set[str]().union(*[v.type.symbols() for v in _values_of(node)])
    dims = [d for n in _nodes_of(node) for a in n.attrs.values() for d in dims_of(a)]
    sizes.update(*map(symbols_of, dims))
    return sizes


def _has_sizes(node: Node, known: set[str]) -> bool:
    """Whether the sizes of all values in a loop or a branch are known, and programs know what is
    done with its sequences."""
    nodes, values = _nodes_of(node), _values_of(node)
    loops = [n for n in nodes if n.op.name in ("while", "scan")]
    fixed = all(
        v.type == w.type
        for n in loops
        for body in n.regions[-1:]
        for v, w in zip(body.inputs[: n.attrs["carried"]], body.outputs, strict=False)
    )
    plain = all(type(v.type) in (TensorType, BufferType, RefType) for v in values)
    known_reads = not any(map(_reads_again, loops))
    return fixed and plain and known_reads and runs_held(node) and _sizes_of(node) <= known


def _reads_again(loop: Node) -> bool:
    """Whether a trip of a loop reads what a trip before has assigned."""
    return any(region.refs()[0] & region.written() for region in loop.regions)


class _Room:
    """A slot while it is being filled."""

    __slots__ = ("nbytes", "slot")

    def __init__(self, slot: Slot, nbytes: DimLike) -> None:
        self.slot, self.nbytes = slot, nbytes


class _Places:
    """Puts what only kernels and library calls see into slots."""

    def __init__(self, graph: Graph, in_place: bool) -> None:
        self.graph, self.in_place = graph, in_place
        self.roots = roots(graph)
        self.visible = _visible(graph, self.roots)
        self.dying = _deaths(graph, self.roots)
        self.through = written_through(graph, self.roots)
        self.held: dict[Value, _Room] = {}
        self.free: list[_Room] = []
        self.count = 0

    def run(self) -> None:
        for position, node in enumerate(self.graph.nodes):
            dying = self.dying.get(position, [])
            step, reused = step_of(node), set[Value]()
            if step.kind in (Kind.KERNEL, Kind.LIBRARY, Kind.CONTROL):
                places = tuple([self.place(node, v, dying, reused) for v in node.outputs])
                node.step = Step(step.kind, places, step.routine)
            for value in dying:
                if value in self.held and value not in reused:
                    self.free.append(self.held[value])

    def place(self, node: Node, value: Value, dying: list[Value], reused: set[Value]) -> Place:
        """Where an output lies."""
        if value in self.through:
            return self.through[value]
        if value in self.visible or type(value.type) is not TensorType:
            return NEW
        nbytes = value.type.nbytes
        room = self.over_input(node, value, dying, reused) if self.in_place else None
        room = room or self.take(nbytes)
        if room is None:
            room, self.count = _Room(Slot(self.count), nbytes), self.count + 1
        self.held[value] = room
        return room.slot

    def take(self, nbytes: DimLike) -> _Room | None:
        """A free slot of exactly this size, else one that is provably large enough."""
        for fits in (provably_eq, provably_le):
            for room in reversed(self.free[-16:]):
                if fits(nbytes, room.nbytes):
                    self.free.remove(room)
                    return room
        return None

    def over_input(
        self, node: Node, value: Value, dying: list[Value], reused: set[Value]
    ) -> _Room | None:
        """The slot of an input that dies here and that the kernel reads exactly where it writes."""
        if step_of(node).kind is Kind.LIBRARY:
            return self.over_first(node, dying, reused) if rewrites(node) else None
        if not node.op.kernel or node.attrs.get("reduced") or node.pinned:
            return None  # a kernel that fails leaves its inputs as they were
        moved = _moved(node.regions[0])
        if moved is None:
            return None
        for source, inner in zip(node.inputs, node.regions[0].inputs, strict=True):
            root = self.roots[source]
            if root not in dying or root not in self.held or root in reused or inner in moved:
                continue
            if (
                source.type.shape == value.type.shape
                and (source.type.dtype.itemsize == value.type.dtype.itemsize)
                and not self.read_otherwise(node, root, source)
            ):
                reused.add(root)
                return self.held[root]
        return None

    def over_first(self, node: Node, dying: list[Value], reused: set[Value]) -> _Room | None:
        """The slot of the first input, if it dies here and a routine may write over it."""
        first, *rest = [self.roots[v] for v in node.inputs]
        if first not in dying or first not in self.held or first in rest:
            return None
        reused.add(first)
        return self.held[first]

    def read_otherwise(self, node: Node, root: Value, source: Value) -> bool:
        """Whether another input of the node is the same memory under another shape."""
        return any(self.roots[v] is root and v is not source for v in node.inputs)


def _moved(region: Graph) -> set[Value] | None:
    """The inputs of a region that it reads elsewhere than at its own point; None if what it
    computes, and so writes, stands at other points than what it reads."""
    outside, moved = set(region.inputs), set()
    for node in region.nodes:
        if node.regions or node.op.pieces is not None:  # what is read is written before
            return None
        access = access_of(node)
        if access is None:
            continue
        if node.inputs[0] in outside:
            moved.add(node.inputs[0])
            outside.add(node.out)
        elif any(a.source is not None and a != Axis(a.source) for a in access.axes):
            return None
    return moved


def _visible(graph: Graph, table: dict[Value, Value]) -> set[Value]:
    """Roots that must be NumPy arrays of their own: what Python code makes, uses or returns."""
    visible: set[Value] = set(graph.inputs) | {table[v] for v in graph.outputs}
    for node in graph.nodes:
        if step_of(node).kind in _PYTHON:
            visible.update(table[v] for v in (*node.inputs, *node.outputs))
    return visible


def _deaths(graph: Graph, table: dict[Value, Value]) -> dict[int, list[Value]]:
    """For each position the roots that no later node uses or makes."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            last[table[value]] = position
    dying: dict[int, list[Value]] = {}
    for value, position in last.items():
        dying.setdefault(position, []).append(value)
    return dying
