"""The call of a planned graph for exact sizes: native segments, and array operations between them.

A call fills a list of slots (the arena, inputs, arrays of values, Variables) and runs its actions
in order; a native segment is one action, a program that the driver runs in one call. Loops and
branches are jumps in it (``flow.py``); where one has a step for Python inside, the program returns
and is called again behind it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from twofold.ir.dims import DimLike, evaluate
from twofold.ir.dtypes import info
from twofold.ir.evaluate import functions
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.late import makes_sizes
from twofold.ir.step import Argument, Kind, New, Slot
from twofold.ir.summation import running_dtype
from twofold.ir.types import BufferType, RefType, TensorType
from twofold.runtime.arrays import ArrayOps
from twofold.runtime.blas import Blas
from twofold.runtime.buffers import ALIGNMENT, maker
from twofold.runtime.products import is_double

from ..kernel.loops import Buffer, Kernel
from ..kernel.over import copied_buffers
from ..kernel.statements import Resize, Store
from ..kernel.storage import Storage
from ..planned import slot_sizes, step_of
from . import instructions as do
from .again import Again
from .cut import (
    BATCH,
    INNER,
    TURNED,
    Inner,
    Matrices,
    Single,
    Vector,
    cut,
    is_halved,
    single_call,
    words_of,
)
from .drafts import Drafts
from .flow import FLOW
from .launch import ARENA, CELL, HELD, LITERAL, SLOT, Launch, Word, as_word, kernel_launches
from .machine import MachineKernel, blas_state, product_addresses
from .records import Records
from .routines import launches_of
from .sequences import Handover
from .sequences import Sequence as Growing

__all__ = ["Code", "Planned", "Writer"]

_UINT8 = np.dtype(np.uint8)
_NATIVE = (Kind.KERNEL, Kind.LIBRARY, Kind.CONTROL, Kind.SEQUENCE)


class Code(Protocol):
    """A kernel and its machine code."""

    kernel: Kernel

    def machine(self, size: Callable[[DimLike], int]) -> MachineKernel:
        """The machine code for these sizes."""


class Planned(Protocol):
    """What the writer is given: a planned graph, its code, where its values lie."""

    graph: Graph
    roots: dict[Value, Value]
    where: dict[Value, int]
    code: Any  # node -> its kernels, Code, in order
    drive: Any
    kernels: Any
    blas: Blas | None


class Writer:
    """Writes the segments of one executable for exact sizes."""

    def __init__(self, exe: Planned, env: dict[str, int]) -> None:
        self.exe, self.env, self.array_ops = exe, env, ArrayOps(env)
        self.arena = self.most = 0  # bytes in use, and the most that ever were
        self.offsets = self.slots_of(exe.graph)
        self.place: dict[Value, Word] = {v: (SLOT, i) for v, i in exe.where.items()}
        self.homes: dict[Value, Word] = {}  # where the outputs of regions are wanted
        self.code: list[do.Instruction] = []  # of the segment that is being written
        self.inner: list[Callable[[list[Any]], None]] = []  # what Python does in it
        self.failures: list[Callable[[list[Any]], None]] = []  # what raises if a check fails
        self.abandoned: list[Callable[[list[Any]], None]] = []  # what cleans up after an exception
        self.drafts = Drafts(self)  # in it
        self.depth = 0  # regions around what is being written
        self.has_products = False
        self.actions: list[Callable[[list[Any]], None]] = []
        self.fresh: list[tuple[int, Callable[[], Any]]] = []  # arrays that each call makes
        refs = [v for v in exe.graph.inputs if isinstance(v.type, RefType)]
        self.first = len(exe.where) + 1
        self.variables = {v: self.first + i for i, v in enumerate(refs)}  # slots of the Variables
        self.held = {exe.where[v]: i for v, i in self.variables.items()}  # by their arrays' slots
        steps = map(step_of, exe.graph.nodes)
        self.through = [p.index + 1 for s in steps for p in s.places if isinstance(p, Argument)]
        self.template: list[Any] = [None] * (self.first + len(refs))
        self.records = Records(self, exe.graph)
        self.late: int | None = None  # a slot with what runs nodes of one call, and its sizes
        if makes_sizes(exe.graph, env):
            self.late = self.slot()
        self.pending: list[tuple[int, Callable[[list[Any]], Any]]] = []  # Variables' new values

    def reserve(self, nbytes: int) -> int:
        """An aligned part of the arena."""
        offset = self.arena
        self.arena += -(-nbytes // ALIGNMENT) * ALIGNMENT
        self.most = max(self.most, self.arena)
        return offset

    def slot(self) -> int:
        """One more slot, which is empty when a call begins."""
        self.template.append(None)
        return len(self.template) - 1

    def cell(self) -> int:
        """A cell; see ``instructions.py``."""
        return self.reserve(8)

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """What is reserved inside may be used for something else behind it."""
        before = self.arena
        yield
        self.arena = before

    def slots_of(self, graph: Graph) -> list[int]:
        """Room for the slots of a graph."""
        return [self.reserve(self.size(nbytes)) for nbytes in slot_sizes(graph)]

    def size(self, dim: DimLike) -> int:
        return dim if isinstance(dim, int) else evaluate(dim, self.env)

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(self.size(d) for d in value.type.shape)

    def nbytes(self, value: Value) -> int:
        return self.size(value.type.nbytes)

    def word(self, value: Value) -> Word:
        """Where a value lies, as a (tag, value) pair."""
        if isinstance(value.type, BufferType):
            return self.records.word(value)
        return self.place[self.exe.roots[value]]

    def targets(self, node: Node) -> list[Word]:
        """Where the outputs of a node with regions lie."""
        self.locate(node)
        for value in node.outputs:
            if isinstance(value.type, BufferType):
                self.place[value] = HELD, self.records.reserve()
        return [self.word(v) for v in node.outputs]

    def region(
        self, graph: Graph, given: Sequence[Word], targets: Sequence[Word | None],
        own: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Write the nodes of a region whose inputs are given; what it returns goes to the targets,
        those that are wanted. ``own``: the sequences among the inputs that it may change."""
        self.place.update(zip(graph.inputs, given, strict=True))
        for value, (_, at) in zip(graph.inputs, given, strict=True):
            if isinstance(value.type, RefType):
                self.variables[value] = self.held[at]
        outer, self.offsets = self.offsets, self.slots_of(graph)
        self.depth += 1
        self.records.enter(graph, own)
        elsewhere = []
        for value, target in zip(graph.outputs, targets, strict=True):
            if isinstance(value.type, BufferType):
                continue
            root = self.exe.roots[value]
            if target is not None and root not in self.homes and _is_made_natively(root):
                self.homes[root] = target
            elif target is not None:
                elsewhere.append((value, target))
        self.nodes(graph)
        for value, target in elsewhere:
            self.code.append(do.move(target, self.word(value), self.nbytes(value)))
        self.records.leave(graph, targets)
        self.offsets = outer
        self.depth -= 1

    def nodes(self, graph: Graph) -> None:
        for node in graph.nodes:
            getattr(self, f"_{step_of(node).kind.value}")(node)

    def finish(self) -> Callable[[list[Any]], list[Any]]:
        self.nodes(self.exe.graph)
        self.settle()
        return self.runner()

    def locate(self, node: Node) -> None:
        """Note where the outputs of a native node lie; new arrays are made at each call."""
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            if value in self.homes:
                self.place[value] = self.homes[value]
            elif isinstance(value.type, BufferType) or isinstance(place, Argument):
                continue  # Python makes it, or it has a record; or it lies where its root does
            elif isinstance(place, New):
                slot = self.exe.where[value]
                self.fresh.append((slot, maker(self.shape(value), value.type.dtype)))
            else:
                assert isinstance(place, Slot)
                self.place[value] = (ARENA, self.offsets[place.index])

    def _alias(self, node: Node) -> None:
        """Nothing to run."""

    def _read(self, node: Node) -> None:
        """Nothing to run: the Variable's array is put into its slot when the call starts."""

    def _constant(self, node: Node) -> None:
        self.template[self.exe.where[node.out]] = np.asarray(node.attrs["value"], order="C")

    def _dim(self, node: Node) -> None:
        size = self.size(node.attrs["dim"])
        self.template[self.exe.where[node.out]] = np.asarray(size, np.int64)

    def _assign(self, node: Node) -> None:
        ref, value = node.inputs
        if not self.depth:
            self.pending.append((self.variables[ref], self.fetch(value)))
            return
        variable, array = self.variables[ref], self.fetch(value)

        def act(slots: list[Any]) -> None:
            slots[variable].array = array(slots).copy()  # the next trip writes over it

        self.python(self.drafts.ahead_of(node, act))

    def _draft(self, node: Node) -> None:
        if self.depth:
            self.drafts.note(node)
        else:
            self._assign(node)

    def fetch(self, value: Value) -> Callable[[list[Any]], Any]:
        """A function from the slots to the array of a value that Python sees, or to a Variable."""
        if value in self.variables:
            return itemgetter(self.variables[value])
        if isinstance(value.type, BufferType):
            return self.records.shown(value)
        if not value.type.symbols() <= self.env.keys():
            return itemgetter(self.exe.where[value])
        root = self.exe.roots[value]
        (tag, at), shape, dtype = self.place[root], self.shape(value), value.type.dtype
        if tag != SLOT:
            return lambda slots: _array_at(slots[0], at, tag == CELL, shape, dtype)
        if root.type.shape == value.type.shape and not self.depth:
            return itemgetter(at)
        return lambda slots: slots[at].reshape(shape)

    def _arrays(self, node: Node) -> None:
        if node.pinned:
            self.settle()
        inputs = [self.fetch(v) for v in node.inputs]
        outputs = [self.exe.where[v] for v in node.outputs]
        shared, late = self.array_ops, None if self.depth else self.late
        held = functions(node, shared)

        def act(slots: list[Any]) -> None:
            run_node, regions = shared, held
            if late is not None:  # it finds sizes that are those of this call
                run_node = slots[late]
                regions = functions(node, run_node)
            results = run_node(node, [get(slots) for get in inputs], regions)
            for slot, value in zip(outputs, results, strict=True):
                plain = isinstance(value, np.ndarray) and value.ndim
                slots[slot] = np.ascontiguousarray(value) if plain else value

        self.python(self.drafts.ahead_of(node, act) if self.depth else act)
        for value in node.outputs if self.depth else ():
            if isinstance(value.type, BufferType):
                self.records.bring(value)

    def python(self, act: Callable[[list[Any]], None]) -> None:
        """A step for Python."""
        if self.depth:
            self.code.append(do.leave(len(self.inner)))
            self.inner.append(act)
        else:
            self.flush()
            self.actions.append(act)

    def _control(self, node: Node) -> None:
        if node.pinned or any(isinstance(v.type, RefType) for v in node.inputs):
            self.settle()
        for value in node.inputs:
            if isinstance(value.type, BufferType):
                self.records.word(value)  # Python's are brought here, ahead of what lies aside
        FLOW[node.op.name](self, node)
        for value in node.outputs:
            if isinstance(value.type, BufferType):
                self.records.define(value, self.records.cell(value))

    def _sequence(self, node: Node) -> None:
        if self.depth:
            self.records.node(node)
        else:
            self._arrays(node)

    def _kernel(self, node: Node) -> None:
        made = self.exe.code[node]
        failure = self.guarded(node) if any(each.kernel.leaves for each in made) else 0
        self.locate(node)
        grows = bool(made) and any(buffer.grows for buffer in made[0].kernel.buffers)
        sequences: list[Growing] = []
        lent: list[Word] = []
        behind: list[Callable[[], None]] = []
        if grows and self.depth:
            lent, behind = self.records.lend(node, made[0].kernel)
        elif grows:
            sequences = self.sequences(node, made[0].kernel)
            handover = Handover(sequences, self.slot())
            self.python(handover.begin)
            self.abandoned.append(handover.give_up)
        values = [v for v in (*node.inputs, *node.outputs) if type(v.type) is TensorType]
        buffers = [*map(self.word, values)]
        buffers += [*lent, *((SLOT, each.record) for each in sequences)]
        for each in made:
            copied = copied_buffers(each.kernel)
            if copied is not None and buffers[copied[0]] == buffers[copied[1]]:
                continue  # what is updated in place stands there
            rooms = [self.room(b) for b in each.kernel.buffers if b.room is not None]
            machine, given = each.machine(self.size), buffers + rooms
            self.code += kernel_launches(
                each.kernel, machine, given, self.size, self.reserve, failure
            )
        if sequences:
            self.python(handover.finish)
        for act in behind:
            act()

    def room(self, buffer: Buffer) -> Word:
        """Memory that only a kernel uses."""
        assert buffer.room is not None
        return ARENA, self.reserve(max(self.size(buffer.room), 1) * buffer.dtype.itemsize)

    def sequences(self, node: Node, kernel: Kernel) -> list[Growing]:
        """The sequences that a kernel holds, in the order of its buffers."""
        inside = node.regions[0]
        storage, outs = Storage(inside), {}
        for value, out in zip(inside.outputs, node.outputs, strict=True):
            if isinstance(value.type, BufferType):
                outs[storage.place[value]] = self.exe.where[out]
        given = dict(zip(inside.inputs, node.inputs, strict=True))
        grown = [i for i, buffer in enumerate(kernel.buffers) if buffer.grows]
        found: list[Growing] = []
        for i, kind, begins in zip(grown, storage.kinds, storage.given, strict=True):
            writes = any(
                (isinstance(s, Resize) and s.buffer == i and s.amount > 0)
                or (isinstance(s, Store) and s.access.buffer == i)
                for s in kernel.statements()
            )
            fetch = None if begins is None else self.fetch(given[begins])
            found.append(Growing(kind, writes, fetch, outs.get(len(found)), self.slot()))
        return found

    def guarded(self, node: Node) -> int:
        """The status for numbers that a node refuses; 0 if it refuses none."""
        if not node.pinned:
            return 0
        self.settle()
        self.failures.append(self.failure(node))
        return -1 - len(self.failures)

    def failure(self, node: Node) -> Callable[[list[Any]], None]:
        """What raises the error of a kernel, for the same inputs."""
        inputs, run_node = [self.fetch(v) for v in node.inputs], Again(self.env)

        def act(slots: list[Any]) -> None:
            run_node(node, [get(slots) for get in inputs], functions(node, run_node))
            raise AssertionError(f"array operations do not raise where the kernel of {node!r} does")

        return self.drafts.ahead_of(node, act)

    def _library(self, node: Node) -> None:
        routine = step_of(node).routine
        if routine == "gemm":
            self.locate(node)
            self._gemm(node)
        else:
            failure = self.guarded(node)
            self.locate(node)
            self.code += launches_of(self, node, routine, failure)

    def _gemm(self, node: Node) -> None:
        a, b = node.inputs
        ta = bool(node.attrs["transpose_a"]) and a.type.rank > 1
        tb = bool(node.attrs["transpose_b"]) and b.type.rank > 1
        sa, sb, own = self.shape(a), self.shape(b), info(a.type.dtype)
        item, wide = own.bits // 8, running_dtype(own.dtype).itemsize
        sa = (
            (1, *sa) if len(sa) == 1 else sa
        )  # a vector is a row on the left, a column on the right
        sb = (*sb, 1) if len(sb) == 1 else sb
        m, k = (sa[-1], sa[-2]) if ta else (sa[-2], sa[-1])
        n = sb[-2] if tb else sb[-1]
        batch = int(np.prod(sa[:-2] or sb[:-2], dtype=np.int64))
        many = [sa[-1] * sa[-2] if len(sa) > 2 else 0, sb[-1] * sb[-2] if len(sb) > 2 else 0]
        if not many[1] and not ta:  # one product with the batch as further rows
            m, batch = m * batch, 1
        leading = max(sa[-1], 1), max(sb[-1], 1), max(n, 1)
        operands = Matrices((m, n, k), leading, (ta, tb), (many[0], many[1]))
        how = cut(m, n, k, batch, is_double(own.dtype), operands.across)
        assert self.exe.blas is not None
        out, acc = self.word(node.out), (LITERAL, 0)
        target = out
        if how.long:
            copies = how.units if how.mode in (BATCH, INNER) else 1
            acc = (ARENA, self.reserve(wide * copies * m * n))
            if how.mode == INNER:
                target = (ARENA, self.reserve(item * copies * m * n))
        itself = self.word(a) == self.word(b) and ta != tb and sa == sb and not own.complex
        halved = itself and batch == 1 and is_halved(how)
        places = self.word(a), self.word(b), target, acc
        routines, functions = self.exe.blas.routines(own.dtype), product_addresses(a.type.dtype)
        self.has_products = True
        if batch == 1 and min(m, n, k) > 0 and how.grain >= how.units and not how.long:
            call = single_call(operands, places, routines)
            kinds = {Inner: functions.inner, Vector: functions.vector, Single: functions.single}
            function = kinds[type(call)]
            self.code.append(Launch(function, 1, 1, [as_word(w) for w in call]))
            return
        words = words_of(operands, how, places, routines, item, wide, halved)
        given = [as_word(w) for w in words]
        self.code.append(Launch(functions.gemm, how.units, how.grain, given))
        if halved:
            rows = -(-m // TURNED)
            self.code.append(Launch(functions.mirror, rows, max(rows // 4, 1), [out, (LITERAL, m)]))
        if how.mode == INNER:
            given = [acc, out, (LITERAL, m * n * wide // 8), (LITERAL, how.units)]
            self.code.append(Launch(functions.total, 1, 1, given))

    def settle(self) -> None:
        """Close the segment and assign to Variables, unless this is inside a region."""
        if not self.depth:
            self.flush()
            if self.pending:
                self.actions.append(_assigning(self.pending))
            self.pending = []

    def flush(self) -> None:
        """Close the native segment written so far."""
        if not self.code:
            return
        program = do.encode(self.code, blas_state() if self.has_products else 0)
        start = self.exe.drive(program.start)
        behind = [self.exe.drive(code) for code in program.behind]
        if self.inner or self.failures:
            start = _taking_turns(start, behind, self.inner, self.failures)
        if self.drafts.rooms:
            self.abandoned.append(self.drafts.give)
        if self.abandoned:
            start = _cleaning_up(start, self.abandoned)
        self.actions.append(start)
        self.drafts = Drafts(self)
        self.code, self.inner, self.failures, self.abandoned = [], [], [], []
        self.has_products = False

    def runner(self) -> Callable[[list[Any]], list[Any]]:
        """The call: fill the slots, run the actions, take the results."""
        inputs = self.exe.graph.inputs
        refs = [i for i, v in enumerate(inputs) if v in self.variables]
        first, after = self.first, self.first + len(refs)
        used = self.exe.graph.uses() | dict.fromkeys(self.exe.graph.outputs, [None])
        tensors = [i for i, v in enumerate(inputs, 1) if type(v.type) is TensorType and used[v]]
        results = [self.fetch(v) for v in self.exe.graph.outputs]
        rest, fresh, actions = self.template[len(inputs) + 1 :], self.fresh, self.actions
        late, run_node, env = self.late, self.array_ops, self.env
        buffers = [i for i, v in enumerate(inputs, 1) if isinstance(v.type, BufferType)]
        through = self.through
        arena = self.most
        scratch = maker((arena + ALIGNMENT,), _UINT8)  # the driver aligns it
        keep = self.exe.kernels  # the programs hold addresses of their code
        free = None if self.records.root is None else self.records.freeing()

        def run(arrays: list[Any], keep: Any = keep) -> list[Any]:
            slots = [None, *arrays, *rest]
            for i in tensors:
                if not slots[i].flags.c_contiguous:
                    slots[i] = np.ascontiguousarray(slots[i])
            for i in through:  # what cannot be written to is a copy, which an assignment takes
                if not slots[i].flags.carray:
                    slots[i] = np.array(slots[i], order="C")
            if refs:
                slots[first:after] = [arrays[i] for i in refs]
                for i in refs:
                    slots[i + 1] = arrays[i].array
            for i in buffers:  # nobody else sees what is changed in place
                slots[i] = slots[i].view()
            if late is not None:
                slots[late] = run_node.at(env)
            for i, make in fresh:
                slots[i] = make()
            if arena:
                slots[0] = scratch()
            if free is not None:
                return _with_blocks(actions, slots, results, free)
            for act in actions:
                act(slots)
            return [get(slots) for get in results]

        return run


def _with_blocks(
    actions: Sequence[Callable[[list[Any]], None]], slots: list[Any],
    results: Sequence[Callable[[list[Any]], Any]], free: Callable[[list[Any]], None],
) -> list[Any]:  # fmt: skip
    """Run a program that has blocks, the first of whose actions says that there are none yet."""
    actions[0](slots)
    try:
        for act in actions[1:]:
            act(slots)
        return [get(slots) for get in results]
    finally:
        free(slots)


def _assigning(
    stores: Sequence[tuple[int, Callable[[list[Any]], Any]]],
) -> Callable[[list[Any]], None]:
    """Give Variables their new values."""

    def act(slots: list[Any]) -> None:
        for variable, array in stores:
            slots[variable].array = array(slots)

    return act


def _is_made_natively(root: Value) -> bool:
    """Whether a program makes a value, and so may make it anywhere."""
    made = root.node is not None and step_of(root.node).kind in _NATIVE
    return made and root.node is not None and isinstance(step_of(root.node).places[root.index], New)


def _array_at(
    arena: Any, offset: int, indirect: bool, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    """The memory at an offset of the arena, or where its address lies there, as an array."""
    size = prod(shape) * dtype.itemsize
    start = offset + -arena.ctypes.data % ALIGNMENT
    if not indirect:
        return np.ndarray(shape, dtype, arena[start : start + size])
    (address,) = arena[start : start + 8].view(np.int64)
    memory: Any = (ctypes.c_char * size).from_address(int(address))
    return np.ndarray(shape, dtype, memory)


def _taking_turns(
    start: Callable[[list[Any]], int | None], behind: Sequence[Callable[[list[Any]], int | None]],
    acts: Sequence[Callable[[list[Any]], None]],
    failures: Sequence[Callable[[list[Any]], None]],
) -> Callable[[list[Any]], None]:  # fmt: skip
    """A segment that leaves for Python and is called again behind it, or whose kernels fail."""

    def run(slots: list[Any]) -> None:
        number = start(slots)
        while number is not None:
            if number < 0:
                failures[-2 - number](slots)
            acts[number](slots)
            number = behind[number](slots)

    return run


def _cleaning_up(
    run: Callable[[list[Any]], Any], abandoned: Sequence[Callable[[list[Any]], None]]
) -> Callable[[list[Any]], None]:
    """A segment whose kernels have memory that must be freed after an exception."""

    def guarded(slots: list[Any]) -> None:
        try:
            run(slots)
        except BaseException:
            for clean in abandoned:
                clean(slots)
            raise

    return guarded
