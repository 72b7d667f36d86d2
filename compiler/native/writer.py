"""The call of a planned graph for exact sizes: native segments, and array operations between them.

A call fills a list of slots (the arena, inputs, arrays of values, Variables) and runs its actions
in order; a native segment is one action, a program that the driver runs in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np

from twofold.ir.dims import DimLike, evaluate
from twofold.ir.evaluate import functions
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import New, Slot
from twofold.ir.types import RefType, TensorType
from twofold.runtime.arrays import ArrayOps
from twofold.runtime.blas import Blas
from twofold.runtime.buffers import ALIGNMENT, THRESHOLD, empty, workspace
from twofold.runtime.products import COLUMNS, ROWS

from ..kernel.loops import Kernel
from ..planned import step_of
from .cut import BATCH, INNER, Words, cut
from .launch import ARENA, LITERAL, SLOT, Launch, Word, encode, kernel_launches
from .machine import MachineKernel, blas_state, product_addresses

__all__ = ["Code", "Planned", "Writer"]


class Code(Protocol):
    """A kernel and its machine code."""

    kernel: Kernel
    machine: MachineKernel


class Planned(Protocol):
    """What the writer is given: a planned graph, its code, where its values lie."""

    graph: Graph
    roots: dict[Value, Value]
    slot_bytes: list[DimLike]
    where: dict[Value, int]
    code: Any  # node -> Code
    drive: Any
    kernels: Any
    blas: Blas | None


class Writer:
    """Writes the segments of one executable for exact sizes."""

    def __init__(self, exe: Planned, env: dict[str, int]) -> None:
        self.exe, self.env, self.array_ops = exe, env, ArrayOps(env)
        self.offsets: list[int] = []
        self.arena = 0
        for nbytes in exe.slot_bytes:
            self.offsets.append(self.reserve(evaluate(nbytes, env)))
        self.place: dict[Value, tuple[int, int]] = {v: (SLOT, i) for v, i in exe.where.items()}
        self.launches: list[Launch] = []
        self.has_products = False
        self.actions: list[Callable[[list[Any]], None]] = []
        self.fresh: list[tuple[int, Any, tuple[int, ...], Any]] = []
        refs = [v for v in exe.graph.inputs if isinstance(v.type, RefType)]
        first = len(exe.where) + 1
        self.variables = {v: first + i for i, v in enumerate(refs)}  # slots of the Variables
        self.template: list[Any] = [None] * (first + len(refs))
        self.pending: list[Callable[[list[Any]], None]] = []

    def reserve(self, nbytes: int) -> int:
        """An aligned part of the arena."""
        offset = self.arena
        self.arena += -(-nbytes // ALIGNMENT) * ALIGNMENT
        return offset

    def size(self, dim: DimLike) -> int:
        return dim if isinstance(dim, int) else evaluate(dim, self.env)

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(self.size(d) for d in value.type.shape)

    def word(self, value: Value) -> tuple[int, int]:
        """Where a value lies, as a (tag, value) pair."""
        return self.place[self.exe.roots[value]]

    def finish(self) -> Callable[[list[Any]], list[Any]]:
        for node in self.exe.graph.nodes:
            getattr(self, f"_{step_of(node).kind.value}")(node)
        self.flush()
        self.actions.extend(self.pending)
        return self.runner()

    def locate(self, node: Node) -> None:
        """Note where the outputs of a native node lie; new arrays are made at each call."""
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            if isinstance(place, New):
                slot = self.exe.where[value]
                shape, dtype = self.shape(value), value.type.dtype
                small = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize < THRESHOLD
                self.fresh.append((slot, np.empty if small else empty, shape, dtype))
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
        target, array = self.variables[ref], self.fetch(value)

        def act(slots: list[Any]) -> None:
            slots[target].array = array(slots)

        self.pending.append(act)

    def fetch(self, value: Value) -> Callable[[list[Any]], Any]:
        """A function from the slots to the array of a visible value, or to a Variable."""
        if value in self.variables:
            slot = self.variables[value]
            return lambda slots: slots[slot]
        root = self.exe.roots[value]
        slot, shape = self.exe.where[root], self.shape(value)
        if root.type.shape == value.type.shape:
            return lambda slots: slots[slot]
        return lambda slots: slots[slot].reshape(shape)

    def _arrays(self, node: Node) -> None:
        self.flush()
        if node.pinned:
            self.actions.extend(self.pending)
            self.pending = []
        inputs = [self.fetch(v) for v in node.inputs]
        outputs = [self.exe.where[v] for v in node.outputs]
        run_node, regions = self.array_ops, functions(node, self.array_ops)

        def act(slots: list[Any]) -> None:
            results = run_node(node, [get(slots) for get in inputs], regions)
            for slot, value in zip(outputs, results, strict=True):
                plain = isinstance(value, np.ndarray) and value.ndim
                slots[slot] = np.ascontiguousarray(value) if plain else value

        self.actions.append(act)

    def _kernel(self, node: Node) -> None:
        self.locate(node)
        made = self.exe.code[node]
        buffers = [self.word(v) for v in (*node.inputs, *node.outputs)]
        self.launches += kernel_launches(
            made.kernel, made.machine, buffers, self.size, self.reserve
        )

    def _library(self, node: Node) -> None:
        self.locate(node)
        getattr(self, f"_{step_of(node).routine}")(node)

    def _gemm(self, node: Node) -> None:
        a, b = node.inputs
        ta = bool(node.attrs["transpose_a"]) and a.type.rank > 1
        tb = bool(node.attrs["transpose_b"]) and b.type.rank > 1
        sa, sb, item = self.shape(a), self.shape(b), a.type.dtype.itemsize
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
        lda, ldb, ldc = max(sa[-1], 1), max(sb[-1], 1), max(n, 1)
        how = cut(m, n, k, batch)
        a_step, b_step = lda if ta else 1, 1 if tb else ldb
        steps = {
            BATCH: (*many, m * n, m * n),
            COLUMNS: (0, ldb if tb else 1, 1, 1),
            ROWS: (1 if ta else lda, 0, ldc, n),
            INNER: (how.chunk * a_step, how.chunk * b_step, m * n, m * n),
        }[how.mode]
        assert self.exe.blas is not None
        out, acc = self.word(node.out), (LITERAL, 0)
        target = out
        if how.long:
            copies = how.units if how.mode in (BATCH, INNER) else 1
            acc = (ARENA, self.reserve(8 * copies * m * n))
            if how.mode == INNER:
                target = (ARENA, self.reserve(item * copies * m * n))
        letter = "s" if item == 4 else "d"
        a_unit, b_unit, c_unit, acc_unit = steps
        words = Words(
            self.word(a), self.word(b), target, acc, self.exe.blas.addresses[letter + "gemm"],
            self.exe.blas.addresses[letter + "gemv"], 112 if ta else 111, 112 if tb else 111,
            m, n, k, lda, ldb, ldc, how.mode, a_unit * item, b_unit * item, c_unit * item,
            8 * acc_unit,
            a_step * item, b_step * item, how.block, how.chunk, int(how.long),
        )  # fmt: skip
        self.has_products = True
        multiply, total = product_addresses(a.type.dtype)
        given = [_as_word(w) for w in words]
        self.launches.append(Launch(multiply, how.units, how.grain, given))
        if how.mode == INNER:
            given = [acc, out, (LITERAL, m * n), (LITERAL, how.units)]
            self.launches.append(Launch(total, 1, 1, given))

    def flush(self) -> None:
        """Close the native segment written so far."""
        if not self.launches:
            return
        program = encode(self.launches, blas_state() if self.has_products else 0)
        self.actions.append(self.exe.drive(program))
        self.launches, self.has_products = [], False

    def runner(self) -> Callable[[list[Any]], list[Any]]:
        """The call: fill the slots, run the actions, take the results."""
        inputs = self.exe.graph.inputs
        refs = [(i + 1, self.variables[v]) for i, v in enumerate(inputs) if v in self.variables]
        tensors = [i for i, v in enumerate(inputs, 1) if type(v.type) is TensorType]
        results = [self.fetch(v) for v in self.exe.graph.outputs]
        template, fresh, actions = self.template, self.fresh, self.actions
        arena, stop = self.arena, len(inputs) + 1
        scratch = partial(workspace, arena)
        if arena < THRESHOLD:  # the driver looks for the first aligned address
            scratch = partial(np.empty, arena + ALIGNMENT, np.uint8)
        keep = self.exe.kernels  # the programs hold addresses of their code

        def run(arrays: list[Any], keep: Any = keep) -> list[Any]:
            slots = template.copy()
            slots[1:stop] = arrays
            for i in tensors:
                if not slots[i].flags.c_contiguous:
                    slots[i] = np.ascontiguousarray(slots[i])
            for i, variable in refs:
                slots[variable] = slots[i]
                slots[i] = slots[i].array
            for i, make, shape, dtype in fresh:
                slots[i] = make(shape, dtype)
            if arena:
                slots[0] = scratch()
            for act in actions:
                act(slots)
            return [get(slots) for get in results]

        return run


def _as_word(value: Any) -> Word:
    """A context word: a place, or a number."""
    return value if value.__class__ is tuple else (LITERAL, value)
