"""Sequences in a program, while it is written: which cell has the record of which value.

In loops and branches the driver holds sequences (``blocks.py``): each value has a cell, and the
operations of the program say when it is used for the last time. A value that a region has made, or
that was handed over to it, is changed in its own cell by its last user; other users get another
record of the same elements. Outside of loops and branches sequences are Python's buffers, which
become elements in a block where a loop takes them, and are made again where Python takes them.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from math import prod
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.buffer import Arrays, Buffer, Nested, new
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.types import BufferType
from twofold.runtime.buffers import ALIGNMENT
from twofold.runtime.loader import outside

from ..kernel.loops import Kernel
from ..kernel.statements import Resize, Store
from ..kernel.storage import Storage
from ..planned import SUMMED, native_graphs
from . import instructions as do
from .launch import ARENA, CELL, HELD, LITERAL, SLOT, Word

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["Records"]

# As ``blocks.py`` has them, which is not needed for what the cache has: bytes, words.
RECORD, WORDS, BEFORE, NEXT = 16, 9, 6, 7
Slots = list[Any]


class _Level:
    """The sequences of a region that is being written: those that it may change in place, and the
    last node that uses each."""

    def __init__(self, graph: Graph, owned: Sequence[Value]) -> None:
        self.owned = set(owned)
        self.last: dict[Value, Node | None] = {}
        for node in graph.nodes:
            self.last.update(dict.fromkeys(filter(_is_sequence, node.inputs), node))
        self.last.update(dict.fromkeys(filter(_is_sequence, graph.outputs)))

    def gives(self, value: Value, node: Node) -> bool:
        """Whether a node gets a sequence for good; it is not the region's any more then."""
        given = value in self.owned and self.last.get(value) is node
        if not given or node.inputs.count(value) > 1:
            return False
        self.owned.discard(value)
        return True


class Records:
    """The sequences of a writer's program. ``root``: the cell where the list of all blocks begins;
    None if there are none."""

    def __init__(self, writer: Writer, graph: Graph) -> None:
        self.w = writer
        self.levels: list[_Level] = []
        self.brought: dict[Value, int] = {}  # cells of Python's buffers
        self.root: int | None = None
        inner = native_graphs(graph)[1:]
        kernels = (n for part in inner for n in part.nodes if n.op.name == "fused")
        inner += [r for n in kernels for of in n.regions for r in of.regions_first()]
        values = (v for part in inner for v in _values(part))
        if any(map(_is_sequence, values)):
            self.root = writer.cell()
            writer.code.append(do.set_([(self.root, (LITERAL, 0), 0)]))

    @property
    def first(self) -> int:
        """The cell of the root, where there is one."""
        assert self.root is not None
        return self.root

    # ---- Cells

    def reserve(self) -> int:
        """A cell for a record."""
        return self.w.reserve(RECORD)

    def word(self, value: Value) -> Word:
        """The record of a value; Python's buffers are brought into the program first."""
        found = self.w.place[value]
        if found[0] == HELD:
            return found
        if value not in self.brought:
            self.brought[value] = self._bring(value)
        return HELD, self.brought[value]

    def cell(self, value: Value) -> int:
        """The cell of a value's record."""
        return self.word(value)[1]

    def take(self, node: Node, i: int) -> int:
        """A cell with the record of an input of a node, which may change it."""
        value = node.inputs[i]
        cell = self.cell(value)
        if self.levels and self.levels[-1].gives(value, node):
            return cell
        made = self.reserve()
        self.w.code.append(do.hold(made, cell))
        return made

    def define(self, value: Value, cell: int) -> None:
        """A value has its record in a cell."""
        self.w.place[value] = HELD, cell
        if self.levels:
            self.levels[-1].owned.add(value)

    def move(self, target: int, source: int) -> None:
        """Another cell has a record."""
        if target != source:
            words = [(target + 8 * i, (CELL, source + 8 * i), 0) for i in (0, 1)]
            self.w.code.append(do.set_(words))

    def empty(self) -> int:
        """A cell with no elements."""
        cell = self.reserve()
        self.w.code.append(do.set_([(cell + 8 * i, (LITERAL, 0), 0) for i in (0, 1)]))
        return cell

    def each(self, kind: BufferType) -> do.Element:
        """What an element is."""
        per = prod(self.w.size(d) for d in kind.shape)
        return do.Element(per, kind.dtype.itemsize)

    # ---- Regions

    def handed(self, node: Node) -> list[int]:
        """Which inputs of the regions of a branch those may change: what the region around does
        not use any more."""
        if not self.levels:
            return []
        first = len(node.inputs) - len(node.regions[0].inputs)
        given = enumerate(node.inputs[first:])
        level = self.levels[-1]
        return [i for i, v in given if _is_sequence(v) and level.gives(v, node)]

    def enter(self, graph: Graph, own: Sequence[int]) -> None:
        """Begin a region that may change some of its inputs."""
        self.levels.append(_Level(graph, [graph.inputs[i] for i in own]))

    def leave(self, graph: Graph, targets: Sequence[Word | None]) -> None:
        """End a region: its outputs go to cells, and what else it has is not used any more."""
        level = self.levels.pop()
        moves: list[tuple[int, int]] = []
        for value, word in zip(graph.outputs, targets, strict=True):
            if not _is_sequence(value) or word is None:
                continue
            cell = self.cell(value)
            if value in level.owned:
                level.owned.discard(value)
            else:
                held, cell = cell, self.reserve()
                self.w.code.append(do.hold(cell, held))
            moves.append((word[1], cell))
        self.w.code += [do.drop(self.cell(v)) for v in level.owned]
        moves = [(target, cell) for target, cell in moves if target != cell]
        if len(moves) > 1:  # one may be the other's target
            aside = [(target, self.reserve()) for target, _ in moves]
            for (_, middle), (_, cell) in zip(aside, moves, strict=True):
                self.move(middle, cell)
            moves = aside
        for target, cell in moves:
            self.move(target, cell)

    # ---- Nodes

    def node(self, node: Node) -> None:
        """An op on sequences."""
        getattr(self, "_" + node.op.name.removeprefix("buffer_"))(node)

    def _new(self, node: Node) -> None:
        self.define(node.out, self.empty())

    def _push(self, node: Node) -> None:
        x, cell = node.inputs[1], self.take(node, 0)
        if isinstance(x.type, BufferType):
            self.w.code.append(do.nest(self.first, cell, self.cell(x)))
        else:
            each = self.each(_kind(node))
            self.w.code.append(do.push(self.first, cell, each, self.w.word(x)))
        self.define(node.out, cell)

    def _pop(self, node: Node) -> None:
        rest, last = node.outputs
        cell = self.take(node, 0)
        if isinstance(last.type, BufferType):
            inner = self.reserve()
            self.w.code.append(do.unnest(cell, inner))
            self.define(last, inner)
        else:
            self.w.locate(node)
            self.w.code.append(do.pop(cell, self.each(_kind(node)), self.w.word(last)))
        self.define(rest, cell)

    def _size(self, node: Node) -> None:
        cell = self.cell(node.inputs[0])
        self.w.locate(node)
        self.w.code.append(do.move(self.w.word(node.out), (ARENA, cell + 8), 8))

    def _like(self, node: Node) -> None:
        kind, source, cell = _kind(node), self.cell(node.inputs[0]), self.reserve()
        self.w.code.append(do.like(self.first, cell, source, self.each(kind), kind.depth))
        self.define(node.out, cell)

    def _number(self, value: Value) -> do.Number:
        return (*self.w.word(value), value.type.dtype.itemsize)

    def _read(self, node: Node) -> None:
        cell, at = self.cell(node.inputs[0]), self._number(node.inputs[1])
        self.w.locate(node)
        given = self.each(_kind(node)), at, self.w.word(node.out), self._failure(node)
        self.w.code.append(do.read(cell, *given))

    def _write(self, node: Node) -> None:
        made, added = node.outputs
        cell, at, x = self.take(node, 0), self._number(node.inputs[1]), self.w.word(node.inputs[2])
        self.w.locate(node)
        given = self.each(_kind(node)), at, x, self.w.word(added), self._failure(node)
        self.w.code.append(do.write(self.first, cell, *given))
        self.define(made, cell)

    def _failure(self, node: Node) -> int:
        """The status of a position before the first element: what it raises is the same for every
        sequence."""
        w, rest = self.w, [self.w.fetch(v) for v in node.inputs[1:]]
        none, run_node = new(_kind(node).element), w.array_ops

        def act(slots: Slots) -> None:
            run_node(node, [none, *(get(slots) for get in rest)], [])

        w.failures.append(act)
        return -1 - len(w.failures)

    def _unwrite(self, node: Node) -> None:
        made, x = node.outputs
        cell, (at, added) = self.take(node, 0), map(self._number, node.inputs[1:])
        self.w.locate(node)
        given = self.each(_kind(node)), at, added, self.w.word(x)
        self.w.code.append(do.unwrite(self.first, cell, *given))
        self.define(made, cell)

    def _add_at(self, node: Node) -> None:
        cell, at, x = self.take(node, 0), self._number(node.inputs[1]), self.w.word(node.inputs[2])
        kind = SUMMED[node.inputs[0].type.dtype.name]
        self.w.code.append(do.add_at(self.first, cell, self.each(_kind(node)), at, x, kind))
        self.define(node.out, cell)

    def _fill(self, node: Node) -> None:
        made, added = node.outputs
        cell, number = self.take(node, 0), self._number(node.inputs[1])
        self.w.locate(node)
        given = self.each(_kind(node)), number, self.w.word(added)
        self.w.code.append(do.fill(self.first, cell, *given))
        self.define(made, cell)

    def _drop(self, node: Node) -> None:
        cell, number = self.take(node, 0), self._number(node.inputs[1])
        self.w.code.append(do.cut(cell, number))
        self.define(node.out, cell)

    def lend(self, node: Node, kernel: Kernel) -> tuple[list[Word], list[Callable[[], None]]]:
        """The blocks that a kernel is given, and what is done behind it."""
        inside, words, behind = node.regions[0], list[Word](), list[Callable[[], None]]()
        storage = Storage(inside)
        outs = {storage.place[v]: out for v, out in zip(inside.outputs, node.outputs, strict=True)
                if _is_sequence(v)}  # fmt: skip
        grown = [i for i, buffer in enumerate(kernel.buffers) if buffer.grows]
        for at, (i, kind, begins) in enumerate(
            zip(grown, storage.kinds, storage.given, strict=True)
        ):
            changes = any(
                isinstance(s, Resize) and s.buffer == i
                or isinstance(s, Store) and s.access.buffer == i
                for s in kernel.statements()
            )  # fmt: skip
            cell = self._lent(node, storage, begins, changes or at in outs)
            each, out = self.each(kind), outs.get(at)
            self.w.code.append(do.lend(self.first, cell, each, changes))
            words.append((CELL, cell))
            behind.append(functools.partial(self.w.code.append, do.count(cell, each)))
            if out is not None:
                behind.append(functools.partial(self.define, out, cell))
            elif begins is None or changes:
                behind.append(functools.partial(self.w.code.append, do.drop(cell)))
        return words, behind

    def _lent(self, node: Node, storage: Storage, begins: Value | None, changes: bool) -> int:
        """The cell of a sequence that a kernel is given."""
        if begins is None:
            return self.empty()
        position = node.regions[0].inputs.index(begins)
        if changes and storage.given.count(begins) == 1:
            return self.take(node, position)
        cell = self.cell(node.inputs[position])
        if changes:
            made = self.reserve()
            self.w.code.append(do.hold(made, cell))
            return made
        return cell

    # ---- To and from Python

    def bring(self, value: Value) -> None:
        """What Python has just made in a loop or branch."""
        self.w.place[value] = SLOT, self.w.exe.where[value]
        self.define(value, self._bring(value))

    def _bring(self, value: Value) -> int:
        at, cell, root = self.w.exe.where[value], self.reserve(), self.first

        def act(slots: Slots) -> None:
            arena = slots[0]
            start = -arena.ctypes.data % ALIGNMENT
            record = _brought(slots[at], arena.ctypes.data + start + root)
            arena[start + cell : start + cell + RECORD].view(np.int64)[:] = record

        self.w.python(act)
        return cell

    def shown(self, value: Value) -> Callable[[Slots], Any]:
        """A function from the slots to a value as Python's buffer."""
        tag, at = self.w.place[value]
        if tag != HELD:
            return itemgetter(at)
        kind = value.type
        assert isinstance(kind, BufferType)
        shape = tuple(self.w.size(d) for d in kind.shape)
        fixed = BufferType(kind.dtype, shape, kind.depth)

        def show(slots: Slots) -> Buffer:
            arena = slots[0]
            start = at + -arena.ctypes.data % ALIGNMENT
            block, number = arena[start : start + RECORD].view(np.int64).tolist()
            return _shown(block, number, fixed)

        return show

    def freeing(self) -> Callable[[Slots], None]:
        """What frees all blocks."""
        run = self.w.exe.drive(do.encode([do.free(self.first)]).start)
        return lambda slots: run(slots)


def _is_sequence(value: Value) -> bool:
    return isinstance(value.type, BufferType)


def _kind(node: Node) -> BufferType:
    kind = node.inputs[0].type
    assert isinstance(kind, BufferType)
    return kind


def _values(graph: Graph) -> list[Value]:
    return [*graph.inputs, *(v for n in graph.nodes for v in (*n.inputs, *n.outputs))]


@functools.cache
def _malloc() -> Callable[[int], int | None]:
    """``malloc`` of the library whose ``free`` programs call."""
    return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(outside("malloc"))


def _memory(nbytes: int) -> int:
    found = _malloc()(nbytes)
    if not found:
        raise MemoryError
    return found


def _brought(buffer: Any, root: int) -> tuple[int, int]:
    """A record of the elements of a buffer, in blocks of the list that begins at ``root``."""
    count = len(buffer)
    if isinstance(buffer, Nested):
        inner = []
        while len(buffer):
            buffer, last = buffer.pop()
            inner.append(_brought(last, root))
        rows, size = np.array(inner[::-1], np.int64), count
    else:
        rows = np.ascontiguousarray(buffer.stack())
        size = rows.size
    if not size:
        return 0, count
    address, block = _memory(rows.nbytes), _memory(8 * WORDS)
    ctypes.memmove(address, rows.ctypes.data, rows.nbytes)
    first = ctypes.c_int64.from_address(root)
    words = (ctypes.c_int64 * WORDS).from_address(block)
    depth = int(buffer.type.depth > 1)
    words[:] = [address, size, size, 1, 1, depth, root, first.value, rows.itemsize]
    if first.value:
        (ctypes.c_int64 * WORDS).from_address(first.value)[BEFORE] = block + 8 * NEXT
    first.value = block
    return block, count


def _shown(block: int, number: int, kind: BufferType) -> Buffer:
    """What a record says, as a buffer with memory of its own."""
    if not number:
        return new(kind.element)
    if isinstance(kind.element, BufferType):
        made = new(kind.element)
        (address,) = _words(block, 1)
        records = _words(address, 2 * number)
        for at in range(number):
            made = made.push(_shown(records[2 * at], records[2 * at + 1], kind.element))
        return made
    rows = np.empty((number, *kind.shape), kind.dtype)
    if rows.nbytes:
        ctypes.memmove(rows.ctypes.data, _words(block, 1)[0], rows.nbytes)
    return Arrays.of(rows)


def _words(address: int, n: int) -> list[int]:
    return list((ctypes.c_int64 * n).from_address(address))
