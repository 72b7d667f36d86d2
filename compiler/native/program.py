"""The native executable: a planned graph as a program for the driver.

Compiling makes the kernels. ``prepare`` evaluates sizes for one exact shape and writes the
program, an int64 array; the call itself allocates outputs, fills the slot list and runs it.
Nodes that have no native form run by their NumPy bodies between native segments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.dims import DimLike, evaluate
from twofold.ir.evaluate import functions
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.types import RefType
from twofold.runtime import threads
from twofold.runtime.blas import find_blas, one_thread
from twofold.runtime.buffers import THRESHOLD, empty, workspace
from twofold.runtime.products import COLUMNS, ROWS

from ..arrays.reference import ArrayOps
from ..kernel.build import build_kernel
from ..kernel.expression import calls
from ..kernel.lanes import lanes_of
from ..kernel.loops import Kernel
from ..kernel.statements import Apply, walk
from ..passes.plan_memory import slot_sizes
from .cut import BATCH, INNER, Words, cut
from .machine import (
    MachineKernel,
    Source,
    compile_kernels,
    driver,
    driver_source,
    inspect,
    kernel_source,
    pool_address,
    pool_source,
    product_addresses,
    products_source,
)
from .steps import python_values, roots, step_kind

__all__ = ["NativeExecutable", "sources"]

BLOCK = 16384  # points of a `total` kernel that make one partial result
PARALLEL_WORK = 400_000  # weighted points below which one thread is faster
CHUNK_WORK = 100_000
LITERAL, SLOT, ARENA = 0, 1, 2
ALIGN = 64


class KernelInfo:
    """One kernel as ``dump`` shows it."""

    def __init__(self, kernel: Kernel, machine: MachineKernel) -> None:
        self.kernel, self.machine = kernel, machine

    @property
    def name(self) -> str:
        """The name of the kernel as a Python function."""
        from ..kernel.source import function_name  # noqa: PLC0415  (a call needs no readable form)

        return function_name(self.kernel)

    @property
    def python(self) -> str:
        """The loop nest as readable Python."""
        from ..kernel.source import python_source  # noqa: PLC0415

        return python_source(self.kernel, self.name)

    def llvm(self) -> str:
        """Optimised LLVM IR."""
        return inspect(self.machine.source)[0]

    def asm(self) -> str:
        """Assembly."""
        return inspect(self.machine.source)[1]


class NativeExecutable:
    """Machine code for a planned graph."""

    native = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.roots = roots(graph)
        self.slot_bytes = slot_sizes(graph)
        kernels = {n: build_kernel(n) for n in graph.nodes if step_kind(n) == "kernel"}
        machine = compile_kernels(list(kernels.values()))
        self.kernels = [KernelInfo(k, m) for k, m in zip(kernels.values(), machine, strict=True)]
        self.code = dict(zip(kernels, self.kernels, strict=True))
        self.drive = driver()
        self.blas = find_blas()
        self.where = self._assign_slots()

    def _assign_slots(self) -> dict[Value, int]:
        """Positions in the slot list: 0 is the arena, then inputs, then visible values."""
        where: dict[Value, int] = {}
        visible = python_values(self.graph, self.roots)
        for value in self.graph.inputs:
            where[value] = len(where) + 1
        for node in self.graph.nodes:
            for value in node.outputs:
                if value in visible and self.roots[value] is value:
                    where[value] = len(where) + 1
        return where

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """The call for exact sizes."""
        return _Writer(self, env).finish()


def sources(graph: Graph) -> list[Source]:
    """All that an executable of a planned graph is compiled from: kernels, then what they share."""
    kinds = [step_kind(n) for n in graph.nodes]
    kernels = [n for n, kind in zip(graph.nodes, kinds, strict=True) if kind == "kernel"]
    products = [products_source()] if "gemm" in kinds else []
    return [*(kernel_source(build_kernel(n)) for n in kernels), *products, driver_source(),
            pool_source()]  # fmt: skip


class _Writer:
    """Writes segments of program words for exact sizes."""

    def __init__(self, exe: NativeExecutable, env: dict[str, int]) -> None:
        self.exe, self.env, self.array_ops = exe, env, ArrayOps(env)
        self.offsets: list[int] = []
        self.arena = 0
        for nbytes in exe.slot_bytes:
            self.offsets.append(self.reserve(evaluate(nbytes, env)))
        self.place: dict[Value, tuple[int, int]] = {v: (SLOT, i) for v, i in exe.where.items()}
        self.words: list[int] = []
        self.n_steps = self.widest = 0
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
        self.arena += -(-nbytes // ALIGN) * ALIGN
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
            kind = step_kind(node)
            if kind in ("kernel", "gemm"):
                self.locate(node)
            getattr(self, f"_{kind}")(node)
        self.flush()
        self.actions.extend(self.pending)
        return self.runner()

    def locate(self, node: Node) -> None:
        """Note where the outputs of a native node lie; new arrays are made at each call."""
        for value, memory in zip(node.outputs, node.memory, strict=True):
            if memory == "new":
                slot = self.exe.where[value]
                shape, dtype = self.shape(value), value.type.dtype
                small = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize < THRESHOLD
                self.fresh.append((slot, np.empty if small else empty, shape, dtype))
            else:
                self.place[value] = (ARENA, self.offsets[int(memory[4:])])

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
        """A function from the slots to the array of a visible value."""
        root = self.exe.roots[value]
        slot, shape = self.exe.where[root], self.shape(value)
        if root.type.shape == value.type.shape:
            return lambda slots: slots[slot]
        return lambda slots: slots[slot].reshape(shape)

    def _python(self, node: Node) -> None:
        self.flush()
        if node.pinned:
            self.actions.extend(self.pending)
            self.pending = []
        inputs = [self.fetch(v) for v in node.inputs]
        outputs = [self.exe.where[v] for v in node.outputs]
        run_node, regions = self.array_ops, functions(node, self.array_ops)

        def act(slots: list[Any]) -> None:
            results = run_node(node, [get(slots) for get in inputs], regions)
            for slot, array in zip(outputs, results, strict=True):
                slots[slot] = np.ascontiguousarray(array) if array.ndim else array

        self.actions.append(act)

    def _kernel(self, node: Node) -> None:
        info = self.exe.code[node]
        kernel = info.kernel
        words = [self.word(v) for v in (*node.inputs, *node.outputs)]
        words += [(LITERAL, self.size(d)) for d in kernel.params()]
        dims = [self.size(d) for d in kernel.dims]
        points = int(np.prod(dims, dtype=np.int64))
        if kernel.mode == "total":
            return self._total(info, words, dims, points)
        units = _units(kernel, dims)
        self.step(info.machine.body, units, self.grain(kernel, units, points), words)
        return None

    def _total(
        self, info: KernelInfo, words: list[tuple[int, int]], dims: list[int], points: int
    ) -> None:
        inner = max(points // max(dims[0], 1), 1)
        block = max(BLOCK // inner, 1)
        units = -(-dims[0] // block)
        folds = len(info.kernel.sweeps[0].folds)
        partials = self.reserve(8 * folds * max(units, 1))
        words = [*words, (LITERAL, block), (ARENA, partials), (LITERAL, units)]
        grain = self.grain(info.kernel, units, points)
        self.step(info.machine.body, units, grain, words)
        self.step(info.machine.combine, 1, 1, words)

    def grain(self, kernel: Kernel, units: int, points: int) -> int:
        """Units in a chunk; all of them if the work is too small to share."""
        work = points * _weight(kernel)
        if work < PARALLEL_WORK or units < 2 or threads.get_num_threads() == 1:
            return max(units, 1)
        chunk = max(units * CHUNK_WORK // max(work, 1), 1)
        if kernel.mode == "map" and len(kernel.dims) == 1:
            chunk = -(-chunk // 256) * 256
        return chunk

    def step(self, function: int, units: int, grain: int, words: list[tuple[int, int]]) -> None:
        self.widest = max(self.widest, len(words))
        flat = [x for pair in words for x in pair]
        self.words += [5 + len(flat), function, units, grain, len(words), *flat]
        self.n_steps += 1

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
        self.step(multiply, how.units, how.grain, [as_word(w) for w in words])
        if how.mode == INNER:
            self.step(total, 1, 1, [acc, out, (LITERAL, m * n), (LITERAL, how.units)])

    def flush(self) -> None:
        """Close the native segment written so far."""
        if not self.n_steps:
            return
        head = [self.n_steps, self.widest + 1, pool_address()]
        run = self.exe.drive(np.array(head + self.words, np.int64))
        guard = one_thread()

        def multiply(slots: list[Any]) -> None:
            with guard:
                run(slots)

        self.actions.append(multiply if self.has_products else run)
        self.words, self.n_steps, self.widest, self.has_products = [], 0, 0, False

    def runner(self) -> Callable[[list[Any]], list[Any]]:
        """The call: fill the slots, run the actions, take the results."""
        inputs = self.exe.graph.inputs
        refs = [(i + 1, self.variables[v]) for i, v in enumerate(inputs) if v in self.variables]
        tensors = [i + 1 for i, v in enumerate(inputs) if v not in self.variables]
        results = [self.fetch(v) for v in self.exe.graph.outputs]
        template, fresh, actions = self.template, self.fresh, self.actions
        arena, stop = self.arena, len(inputs) + 1
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
                slots[0] = workspace(arena)
            for act in actions:
                act(slots)
            return [get(slots) for get in results]

        return run


def as_word(value: Any) -> tuple[int, int]:
    """A context word: a place, or a number."""
    return value if value.__class__ is tuple else (LITERAL, value)


def _units(kernel: Kernel, dims: list[int]) -> int:
    last = len(dims) - 1
    if kernel.mode == "map":
        return dims[0] if last == 0 else int(np.prod(dims[:-1], dtype=np.int64))
    kept = [d for a, d in enumerate(dims) if a not in kernel.reduced]
    if kernel.mode == "column":
        kept[-1] = -(-kept[-1] // lanes_of(kernel))
    return int(np.prod(kept, dtype=np.int64))


def _weight(kernel: Kernel) -> int:
    """Rough cost of one point: functions count eight, everything else one."""
    total = 0
    for sweep in kernel.sweeps:
        for s in walk(sweep.inner):
            total += 8 if isinstance(s, Apply) and calls(s.expr) else 1
    return max(total, 1)
