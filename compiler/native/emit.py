"""A kernel to LLVM: ``void kernel(i64* context, i64 lo, i64 hi)`` over units of work.

The context holds the buffers' addresses, then the kernel's parameters. Code is written for
vectors of a fixed number of lanes on every machine, with masked tails, so that a result is the
same on every CPU and for every number of threads; LLVM splits the vectors where the CPU's are
narrower. What a unit is depends on the kernel's mode: see ``runner`` below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dims import DimLike

from ..kernel.expression import calls
from ..kernel.loops import CHEAP, Access, Fold, Instr, Kernel, Stage, Store
from .scalars import Scalars, Typed, element_type

__all__ = ["BODY", "VECTOR_BYTES", "Code", "emit_combine", "emit_kernel", "lanes_of"]

VECTOR_BYTES = 64
CHAINS = 4  # accumulators of a fold in a light loop
I64, I32, I1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)
POINTER = ir.PointerType()
BODY = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
ATTRIBUTES = ('"prefer-vector-width"="512"', '"min-legal-vector-width"="512"', "nounwind")


def lanes_of(kernel: Kernel) -> int:
    """Elements in a vector: 64 bytes of the widest dtype in the inner loops."""
    dtypes = [i.dtype for s in kernel.stages for i in s.inner]
    dtypes += [f.dtype for s in kernel.stages for f in s.folds]
    dtypes += kernel.buffers
    return VECTOR_BYTES // max([d.itemsize for d in dtypes] + [4])


def new_function(module: ir.Module, name: str) -> ir.Function:
    """An internal function with the kernels' signature and vector attributes."""
    fn = ir.Function(module, BODY, name)
    known = type(fn.attributes)._known
    if ATTRIBUTES[0] not in known:
        type(fn.attributes)._known = known | set(ATTRIBUTES)
    for attribute in ATTRIBUTES:
        fn.attributes.add(attribute)
    fn.linkage = "internal"
    return fn


class Code:
    """A function being written: blocks, loops, integer arithmetic."""

    def __init__(self, fn: ir.Function) -> None:
        self.entry = ir.IRBuilder(fn.append_basic_block("entry"))
        self.b = ir.IRBuilder(fn.append_basic_block("start"))
        self.start = self.b.block
        self.fn = fn

    def finish(self) -> None:
        """Return, and join the entry block to the code."""
        self.b.ret_void()
        self.entry.position_at_end(self.entry.block)  # others allocate in this block too
        self.entry.branch(self.start)

    def slot(self, kind: ir.Type) -> ir.Value:
        """A stack slot, allocated in the entry block."""
        self.entry.position_at_end(self.entry.block)
        made: ir.Value = self.entry.alloca(kind)
        return made

    @contextmanager
    def loop(self, start: ir.Value, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """Repeat for an index from start while index < stop."""
        counter = self.slot(I64)
        self.b.store(start, counter)
        head = self.fn.append_basic_block("head")
        body = self.fn.append_basic_block("body")
        after = self.fn.append_basic_block("after")
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.load(counter, typ=I64)
        self.b.cbranch(self.b.icmp_signed("<", index, stop), body, after)
        self.b.position_at_end(body)
        yield index
        self.b.store(self.b.add(index, I64(step)), counter)
        self.b.branch(head)
        self.b.position_at_end(after)

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The smaller of two signed integers."""
        made: ir.Value = self.b.select(self.b.icmp_signed("<", x, y), x, y)
        return made


class _Emitter:
    """Writes one kernel function."""

    def __init__(self, kernel: Kernel, fn: ir.Function) -> None:
        self.kernel, self.fn = kernel, fn
        self.code = Code(fn)
        self.b = self.code.b
        self.context, self.lo, self.hi = fn.args
        self.lanes = lanes_of(kernel)
        self.pointers = [self._word(i, POINTER) for i in range(len(kernel.buffers))]
        offset = len(kernel.buffers)
        self.params: dict[DimLike, ir.Value] = {
            d: self._word(offset + i, I64) for i, d in enumerate(kernel.params())
        }
        self.dims = [self.params[d] for d in kernel.dims]
        self.vec = len(kernel.dims) - 1
        self.accs: dict[int, list[ir.Value]] = {}
        self.chain = 0  # which of a fold's accumulators the code being written adds to
        self.values: dict[int, Typed] = {}  # outer-level values, scalar or along the vector axis

    def _word(self, i: int, kind: ir.Type) -> ir.Value:
        place = self.b.gep(self.context, [I64(i)], source_etype=I64)
        return self.b.load(place, typ=kind)

    def extra(self, i: int) -> ir.Value:
        """The i-th integer of the context after the parameters."""
        return self._word(len(self.kernel.buffers) + len(self.params) + i, I64)

    def number(self, item: DimLike) -> ir.Value:
        """A stride, offset or size as an LLVM integer."""
        if isinstance(item, int) and item in (0, 1):
            return I64(item)
        return self.params[item]

    def mask(self, index: ir.Value, stop: ir.Value) -> ir.Value:
        """The lanes of a vector starting at ``index`` that lie before ``stop``."""
        kind = ir.VectorType(I64, self.lanes)
        left = Scalars(self.b, self.lanes).splat(self.b.sub(stop, index), np.dtype("int64")).ir
        return self.b.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), left)

    def address(self, access: Access, indices: Mapping[int, ir.Value]) -> ir.Value:
        """The element offset of an access at these loop indices."""
        total = self.number(access.offset)
        for axis, index in indices.items():
            stride = access.strides[axis]
            if isinstance(stride, int) and stride == 0:
                continue
            one = isinstance(stride, int) and stride == 1
            step = index if one else self.b.mul(index, self.number(stride))
            total = self.b.add(total, step)
        return total

    def load(
        self, access: Access, dtype: np.dtype[Any], indices: Mapping[int, ir.Value],
        vector: bool, mask: ir.Value | None, stop: ir.Value,
    ) -> Typed:  # fmt: skip
        """Read one element or one vector along the vector axis."""
        place = self.address(access, indices)
        pointer = self.pointers[access.buffer]
        stride = access.strides[self.vec] if vector else 0
        if isinstance(stride, int) and stride == 0:
            return self._load_splat(pointer, place, dtype, vector)
        if isinstance(stride, int) and stride == 1:
            return self._load_vector(pointer, place, dtype, mask)
        return self._load_gather(pointer, place, dtype, indices[self.vec], stride, stop)

    def _from_memory(self, raw: ir.Value, dtype: np.dtype[Any], lanes: int) -> Typed:
        if dtype.kind != "b":
            return Typed(raw, dtype)
        zero = ir.Constant(raw.type, 0 if lanes == 1 else [0] * lanes)
        return Typed(self.b.icmp_unsigned("!=", raw, zero), dtype)

    def _element(self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
        kind = element_type(dtype, memory=True)
        at = self.b.gep(pointer, [place], source_etype=kind)
        return self.b.load(at, typ=kind, align=dtype.itemsize)

    def _load_splat(
        self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any], vector: bool
    ) -> Typed:
        one = self._from_memory(self._element(pointer, place, dtype), dtype, 1)
        return Scalars(self.b, self.lanes).splat(one.ir, dtype) if vector else one

    def _load_vector(
        self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any], mask: ir.Value | None
    ) -> Typed:
        kind = Scalars(self.b, self.lanes).type(dtype, memory=True)
        element = element_type(dtype, memory=True)
        at = self.b.gep(pointer, [place], source_etype=element)
        if mask is None:
            raw = self.b.load(at, typ=kind, align=dtype.itemsize)
        else:
            fn = self._masked("load", kind, dtype)
            zero = ir.Constant(kind, [0] * self.lanes)
            raw = self.b.call(fn, [at, I32(dtype.itemsize), mask, zero])
        return self._from_memory(raw, dtype, self.lanes)

    def _load_gather(
        self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any], index: ir.Value,
        stride: DimLike, stop: ir.Value,
    ) -> Typed:  # fmt: skip
        kind = Scalars(self.b, self.lanes).type(dtype, memory=True)
        raw = ir.Constant(kind, ir.Undefined)
        last = self.b.sub(self.b.sub(stop, index), I64(1))
        for lane in range(self.lanes):
            step = self.b.mul(self.code.least(I64(lane), last), self.number(stride))
            element = self._element(pointer, self.b.add(place, step), dtype)
            raw = self.b.insert_element(raw, element, I32(lane))
        return self._from_memory(raw, dtype, self.lanes)

    def store(
        self, store: Store, value: Typed, indices: Mapping[int, ir.Value],
        vector: bool, mask: ir.Value | None,
    ) -> None:  # fmt: skip
        """Write one element or one vector."""
        dtype = store.dtype
        place = self.address(store.access, indices)
        element = element_type(dtype, memory=True)
        at = self.b.gep(self.pointers[store.access.buffer], [place], source_etype=element)
        lanes = self.lanes if vector else 1
        scalars = Scalars(self.b, lanes)
        if vector and value.ir.type == element_type(dtype):
            value = scalars.splat(value.ir, dtype)
        raw = value.ir
        if dtype.kind == "b":
            raw = self.b.zext(raw, scalars.type(dtype, memory=True))
        if not vector or mask is None:
            self.b.store(raw, at, align=dtype.itemsize)
            return
        fn = self._masked("store", raw.type, dtype)
        self.b.call(fn, [raw, at, I32(dtype.itemsize), mask])

    def _masked(self, what: str, kind: ir.Type, dtype: np.dtype[Any]) -> ir.Function:
        bits = 8 * dtype.itemsize
        element = f"f{bits}" if dtype.kind == "f" else f"i{bits}"
        name = f"llvm.masked.{what}.v{self.lanes}{element}.p0"
        found = self.b.module.globals.get(name)
        if found is not None:
            return found
        lanes = ir.VectorType(I1, self.lanes)
        if what == "load":
            return ir.Function(
                self.b.module, ir.FunctionType(kind, [POINTER, I32, lanes, kind]), name
            )
        signature = ir.FunctionType(ir.VoidType(), [kind, POINTER, I32, lanes])
        return ir.Function(self.b.module, signature, name)

    def compute(
        self, instrs: Sequence[Instr], values: dict[int, Typed], indices: Mapping[int, ir.Value],
        vector: bool, mask: ir.Value | None, stop: ir.Value,
    ) -> None:  # fmt: skip
        """Run instructions at one point (or one vector of points)."""
        lanes = self.lanes if vector else 1
        scalars = Scalars(self.b, lanes)
        for instr in instrs:
            if instr.id in values:
                continue
            if instr.kind == "const":
                values[instr.id] = scalars.constant(instr.value, instr.dtype)
            elif instr.kind == "load":
                assert instr.access is not None
                values[instr.id] = self.load(instr.access, instr.dtype, indices, vector, mask, stop)
            else:
                args = {
                    p: self._at_lanes(values[a], scalars)
                    for p, a in zip(instr.params, instr.args, strict=False)
                    if a in values
                }
                assert instr.compute is not None
                values[instr.id] = scalars.apply(instr.expr, args, instr.compute, instr.dtype)

    @staticmethod
    def _at_lanes(value: Typed, scalars: Scalars) -> Typed:
        if scalars.lanes > 1 and not isinstance(value.ir.type, ir.VectorType):
            return scalars.splat(value.ir, value.dtype)
        return value

    def points(
        self, stage: Stage, indices: dict[int, ir.Value], start: ir.Value, stop: ir.Value,
        outer: dict[int, Typed], fold: Callable[[Fold, Typed, ir.Value | None], None],
    ) -> None:  # fmt: skip
        """The vector loop of a stage: full vectors, then one masked vector for what is left."""
        whole = self.b.sub(stop, self.b.srem(self.b.sub(stop, start), I64(self.lanes)))
        outer = dict(outer)
        fixed = [i for i in stage.inner if i.access is not None and _is_zero(i.access, self.vec)]
        self.compute(fixed, outer, indices, False, None, stop)

        def at(index: ir.Value, mask: ir.Value | None) -> None:
            here = {**indices, self.vec: index}
            values = dict(outer)
            self.compute(stage.inner, values, here, True, mask, stop)
            scalars = Scalars(self.b, self.lanes)
            for item in stage.folds:
                fold(item, self._at_lanes(values[item.arg], scalars), mask)
            for store in stage.stores:
                self.store(store, values[store.arg], here, True, mask)

        first = start
        if _light(stage):  # several accumulators hide the latency of the additions
            step = CHAINS * self.lanes
            first = self.b.sub(stop, self.b.srem(self.b.sub(stop, start), I64(step)))
            with self.code.loop(start, first, step) as index:
                for self.chain in range(CHAINS):
                    at(self.b.add(index, I64(self.chain * self.lanes)), None)
            self.chain = 0
        with self.code.loop(first, whole, self.lanes) as index:
            at(index, None)
        with self.b.if_then(self.b.icmp_signed("<", whole, stop)):
            at(whole, self.mask(whole, stop))

    def accumulate(self, fold: Fold, value: Typed, mask: ir.Value | None) -> None:
        """Fold a vector into the vector accumulator; masked lanes keep the identity."""
        scalars = Scalars(self.b, self.lanes)
        x = scalars.cast(value, fold.dtype)
        if mask is not None:
            neutral = scalars.constant(fold.identity, fold.dtype)
            x = Typed(self.b.select(mask, x.ir, neutral.ir), fold.dtype)
        slot = self.accs[fold.id][self.chain]
        acc = Typed(self.b.load(slot, typ=scalars.type(fold.dtype)), fold.dtype)
        new = scalars.apply(fold.expr, {"acc": acc, "x": x}, fold.dtype, fold.dtype)
        self.b.store(new.ir, slot)

    def reset(self, folds: Sequence[Fold]) -> None:
        """Set accumulators to their identities."""
        scalars = Scalars(self.b, self.lanes)
        for fold in folds:
            if fold.id not in self.accs:
                kind = scalars.type(fold.dtype)
                self.accs[fold.id] = [self.code.slot(kind) for _ in range(CHAINS)]
            for slot in self.accs[fold.id]:
                self.b.store(scalars.constant(fold.identity, fold.dtype).ir, slot)

    def across(self, fold: Fold) -> Typed:
        """Fold the accumulators, then their lanes, pairwise into one scalar."""
        scalars = Scalars(self.b, self.lanes)
        kind = scalars.type(fold.dtype)
        parts = [Typed(self.b.load(s, typ=kind), fold.dtype) for s in self.accs[fold.id]]
        while len(parts) > 1:
            parts = [
                scalars.apply(fold.expr, {"acc": x, "x": y}, fold.dtype, fold.dtype)
                for x, y in zip(parts[::2], parts[1::2], strict=True)
            ]
        vector = parts[0].ir
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            mask = ir.VectorType(I32, lanes)
            low = self.b.shuffle_vector(vector, vector, ir.Constant(mask, list(range(lanes))))
            high = self.b.shuffle_vector(
                vector, vector, ir.Constant(mask, list(range(lanes, 2 * lanes)))
            )
            if lanes == 1:
                low = self.b.extract_element(low, I32(0))
                high = self.b.extract_element(high, I32(0))
            args = {"acc": Typed(low, fold.dtype), "x": Typed(high, fold.dtype)}
            vector = Scalars(self.b, lanes).apply(fold.expr, args, fold.dtype, fold.dtype).ir
        return Typed(vector, fold.dtype)

    def outer_indices(self, unit: ir.Value, axes: Sequence[int]) -> dict[int, ir.Value]:
        """The index of each of these axes, from a flat index over them."""
        out: dict[int, ir.Value] = {}
        for axis in reversed(axes[1:]):
            out[axis] = self.b.srem(unit, self.dims[axis])
            unit = self.b.sdiv(unit, self.dims[axis])
        if axes:
            out[axes[0]] = unit
        return out

    @contextmanager
    def nested(
        self, axes: Sequence[int], indices: dict[int, ir.Value]
    ) -> Iterator[dict[int, ir.Value]]:
        """Loops over whole axes, outermost first."""
        if not axes:
            yield indices
            return
        with (
            self.code.loop(I64(0), self.dims[axes[0]]) as index,
            self.nested(axes[1:], {**indices, axes[0]: index}) as inner,
        ):
            yield inner

    def no_fold(self, fold: Fold, value: Typed, mask: ir.Value | None) -> None:
        raise AssertionError("a kernel without reductions has no folds")


def _light(stage: Stage) -> bool:
    """Whether a stage's loop does little but fold, so that it waits for its accumulators."""
    calls_ = any(i.expr and calls(i.expr) - CHEAP for i in stage.inner)
    return bool(stage.folds) and not calls_ and len(stage.inner) <= 10


def _is_zero(access: Access, axis: int) -> bool:
    stride = access.strides[axis]
    return isinstance(stride, int) and stride == 0


def emit_kernel(module: ir.Module, kernel: Kernel, name: str) -> ir.Function:
    """Write a kernel into an LLVM module."""
    fn = new_function(module, name)
    emitter = _Emitter(kernel, fn)
    _RUNNERS[kernel.mode](emitter)
    emitter.code.finish()
    return fn


def _run_map(e: _Emitter) -> None:
    """No reduction. Units: elements of the only axis, or points of all axes but the last."""
    (stage,) = e.kernel.stages
    if len(e.dims) == 1:
        e.points(stage, {}, e.lo, e.hi, {}, e.no_fold)
        return
    with e.code.loop(e.lo, e.hi) as unit:
        indices = e.outer_indices(unit, list(range(e.vec)))
        e.points(stage, indices, I64(0), e.dims[e.vec], {}, e.no_fold)


def _run_row(e: _Emitter) -> None:
    """The last axis is reduced. Units: points of the kept axes."""
    kernel = e.kernel
    kept = [a for a in range(len(e.dims)) if a not in kernel.reduced]
    loops = sorted(kernel.reduced - {e.vec})
    with e.code.loop(e.lo, e.hi) as unit:
        indices = e.outer_indices(unit, kept)
        values: dict[int, Typed] = {}
        for number, stage in enumerate(kernel.stages):
            if number == 0:
                early = _before(kernel)
                e.compute(early, values, indices, False, None, I64(0))
            e.reset(stage.folds)
            with e.nested(loops, indices) as here:
                e.points(stage, here, I64(0), e.dims[e.vec], values, e.accumulate)
            for fold in stage.folds:
                values[fold.id] = e.across(fold)
            e.compute(
                [i for i in stage.post if i.id not in values], values, indices, False, None, I64(0)
            )
            for store in stage.post_stores:
                e.store(store, values[store.arg], indices, False, None)


def _before(kernel: Kernel) -> list[Instr]:
    """Outer-level instructions that need no fold: they run before the first stage."""
    folded = {f.id for s in kernel.stages for f in s.folds}
    ready: list[Instr] = [i for i in kernel.stages[0].inner if i.kind == "const"]
    for instr in kernel.stages[0].post:
        if not any(a in folded for a in instr.args):
            ready.append(instr)
        else:
            folded.add(instr.id)
    return ready


def _run_column(e: _Emitter) -> None:
    """The last axis is kept and runs along the vectors. Units: blocks of that axis for every
    point of the other kept axes."""
    kernel = e.kernel
    (stage,) = kernel.stages
    kept = [a for a in range(len(e.dims)) if a not in kernel.reduced and a != e.vec]
    loops = sorted(kernel.reduced)
    width = e.dims[e.vec]
    blocks = e.b.sdiv(e.b.add(width, I64(e.lanes - 1)), I64(e.lanes))
    with e.code.loop(e.lo, e.hi) as unit:
        block = e.b.srem(unit, blocks)
        indices = e.outer_indices(e.b.sdiv(unit, blocks), kept)
        start = e.b.mul(block, I64(e.lanes))
        stop = e.code.least(e.b.add(start, I64(e.lanes)), width)
        full = e.b.icmp_signed("==", e.b.sub(stop, start), I64(e.lanes))
        with e.b.if_else(full) as (then, otherwise):
            with then:
                _column_block(e, stage, indices, loops, start, stop, None)
            with otherwise:
                _column_block(e, stage, indices, loops, start, stop, e.mask(start, stop))


def _column_block(
    e: _Emitter, stage: Stage, indices: dict[int, ir.Value], loops: list[int],
    start: ir.Value, stop: ir.Value, mask: ir.Value | None,
) -> None:  # fmt: skip
    e.reset(stage.folds)
    scalars = Scalars(e.b, e.lanes)
    at = {**indices, e.vec: start}
    early: dict[int, Typed] = {}
    e.compute(_before(e.kernel), early, at, True, mask, stop)
    with e.nested(loops, at) as here:
        values = dict(early)
        e.compute(stage.inner, values, here, True, mask, stop)
        for fold in stage.folds:
            e.accumulate(fold, e._at_lanes(values[fold.arg], scalars), None)
        for store in stage.stores:
            e.store(store, values[store.arg], here, True, mask)
    values = dict(early)
    for fold in stage.folds:
        slot = e.b.load(e.accs[fold.id][0], typ=scalars.type(fold.dtype))
        values[fold.id] = Typed(slot, fold.dtype)
    e.compute(stage.post, values, at, True, mask, stop)
    for store in stage.post_stores:
        e.store(store, values[store.arg], at, True, mask)


def _run_total(e: _Emitter) -> None:
    """Everything is reduced. Units: blocks of the first axis; each leaves a partial result."""
    (stage,) = e.kernel.stages
    block, partials = e.extra(0), e.extra(1)
    units = e.extra(2)
    single = len(e.dims) == 1
    early: dict[int, Typed] = {}
    e.compute(_before(e.kernel), early, {}, False, None, I64(0))
    with e.code.loop(e.lo, e.hi) as unit:
        start = e.b.mul(unit, block)
        stop = e.code.least(e.b.add(start, block), e.dims[0])
        e.reset(stage.folds)
        if single:
            e.points(stage, {}, start, stop, early, e.accumulate)
        else:
            with (
                e.code.loop(start, stop) as first,
                e.nested(list(range(1, e.vec)), {0: first}) as here,
            ):
                e.points(stage, here, I64(0), e.dims[e.vec], early, e.accumulate)
        for i, fold in enumerate(stage.folds):
            total = e.across(fold)
            raw = _to_memory(e.b, total)
            place = e.b.add(e.b.mul(I64(i), units), unit)
            at = e.b.gep(e.b.inttoptr(partials, POINTER), [place], source_etype=I64)
            e.b.store(raw, at, align=8)


def _to_memory(b: ir.IRBuilder, value: Typed) -> ir.Value:
    return b.zext(value.ir, ir.IntType(8)) if value.dtype.kind == "b" else value.ir


def emit_combine(module: ir.Module, kernel: Kernel, name: str) -> ir.Function:
    """For a ``total`` kernel: fold the partial results in order, then compute what follows.

    Sums of float32 add their partial results in float64, rounding once.
    """
    fn = new_function(module, name)
    e = _Emitter(kernel, fn)
    (stage,) = kernel.stages
    partials, units = e.extra(1), e.extra(2)
    values: dict[int, Typed] = {}
    scalars = Scalars(e.b, 1)
    for i, fold in enumerate(stage.folds):
        wide = np.dtype("float64") if fold.dtype == np.dtype("float32") else fold.dtype
        slot = e.code.slot(scalars.type(wide))
        e.b.store(scalars.constant(fold.identity, wide).ir, slot)
        with e.code.loop(I64(0), units) as unit:
            place = e.b.add(e.b.mul(I64(i), units), unit)
            at = e.b.gep(e.b.inttoptr(partials, POINTER), [place], source_etype=I64)
            raw = e.b.load(at, typ=element_type(fold.dtype, memory=True), align=8)
            x = scalars.cast(e._from_memory(raw, fold.dtype, 1), wide)
            acc = Typed(e.b.load(slot, typ=scalars.type(wide)), wide)
            new = scalars.apply(fold.expr, {"acc": acc, "x": x}, wide, wide)
            e.b.store(new.ir, slot)
        final = Typed(e.b.load(slot, typ=scalars.type(wide)), wide)
        values[fold.id] = scalars.cast(final, fold.dtype)
    consts = [i for i in stage.inner if i.kind == "const"]
    e.compute(consts + stage.post, values, {}, False, None, I64(0))
    for store in stage.post_stores:
        e.store(store, values[store.arg], {}, False, None)
    e.code.finish()
    return fn


_RUNNERS = {"map": _run_map, "row": _run_row, "column": _run_column, "total": _run_total}
