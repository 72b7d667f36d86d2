"""A kernel to LLVM: ``void kernel(i64* context, i64 lo, i64 hi)`` over units of work.

The context holds the buffers' addresses, then the kernel's parameters. What a unit is depends on
the kernel's mode: see the functions of ``_RUNNERS``. ``points.py`` writes what runs at the points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from llvmlite import ir

from twofold.ir.dtypes import WIDEST, info

from ..kernel.expression import calls, names
from ..kernel.functions import CHEAP, FLOAT_ONLY
from ..kernel.loops import Kernel, Sweep
from ..kernel.statements import Apply, Load, Position
from .code import I1, I64, POINTER, new_function
from .folds import CHAINS, TERMS, Total, is_sum, rounded
from .lanes import Value, element_type
from .narrow import Narrow
from .points import Point, Slot

__all__ = ["emit_combine", "emit_kernel"]

Indices = Mapping[int, ir.Value]
Known = Mapping[str, "Value | Slot"]
DEAR = FLOAT_ONLY - CHEAP


class _Nest(Narrow):
    """The loops of one kernel function."""

    def extra(self, i: int) -> ir.Value:
        """The i-th integer of the context after the parameters and the status."""
        return self.word(self.given + i, I64)

    def along(
        self, sweep: Sweep, indices: Indices, start: ir.Value, stop: ir.Value, known: Known
    ) -> None:
        """A sweep along the last loop: full vectors, then one masked vector for what is left."""
        whole = self.b.sub(stop, self.b.srem(self.b.sub(stop, start), I64(self.lanes)))
        outside = Point(indices, known)
        fixed = [s for s in sweep.inner if self.straight and _fixed(s, self.vec)]
        self.run(fixed, outside)
        inner = [s for s in sweep.inner if s not in fixed]

        def at(index: ir.Value, mask: ir.Value | None) -> None:
            here = {**indices, self.vec: index}
            self.run(inner, Point(here, outside.values, True, mask, stop, self.vec))

        first = start
        if self.light(sweep):  # several accumulators hide the latency of the additions
            step = CHAINS * self.lanes
            first = self.b.sub(stop, self.b.srem(self.b.sub(stop, start), I64(step)))
            with self.code.loop(start, first, step) as index:
                for self.chain in range(CHAINS):
                    at(self.b.add(index, I64(self.chain * self.lanes)), None)
            self.chain = 0
        elif self.deep(sweep):
            step = 2 * self.lanes
            first = self.b.sub(stop, self.b.srem(self.b.sub(stop, start), I64(step)))
            with self.pairwise(), self.code.loop(start, first, step) as index:
                at(index, None)
        with self.code.loop(first, whole, self.lanes) as index:
            at(index, None)
        if self.lanes > 1:
            with self.b.if_then(self.b.icmp_signed("<", whole, stop)):
                at(whole, self.mask(whole, stop))

    def folding(
        self, sweep: Sweep, indices: Indices, start: ir.Value, stop: ir.Value, known: Known,
        counted: bool,
    ) -> None:  # fmt: skip
        """A sweep along the last loop that folds it, in parts between which sums may spill.

        ``counted``: it is one of several, in loops around this one.
        """
        if not any(fold.name in self.totals for fold in sweep.folds):
            self.along(sweep, indices, start, stop, known)
            return
        part = self.part(sweep)
        with self.code.loop(start, stop, part) as lo:
            hi = self.code.least(self.b.add(lo, I64(part)), stop)
            if counted:
                self.count(self.terms(sweep, self.b.sub(hi, lo)), sweep.folds)
            else:
                later = self.b.icmp_signed(">", lo, start)
                with self.b.if_then(later, likely=False):
                    for fold in sweep.folds:
                        self.spill(fold)
            self.along(sweep, indices, lo, hi, known)

    def part(self, sweep: Sweep) -> int:
        """Elements along the last loop that add ``TERMS`` terms or fewer to an accumulator."""
        if self.light(sweep):
            return (TERMS - CHAINS) * CHAINS * self.lanes
        return TERMS * self.lanes

    def terms(self, sweep: Sweep, length: ir.Value) -> ir.Value:
        """At most so many terms are added to an accumulator by so many elements; see ``along``."""
        vectors = self.b.sdiv(self.b.add(length, I64(self.lanes - 1)), I64(self.lanes))
        if not self.light(sweep):
            return vectors
        shared = self.b.add(self.b.sdiv(length, I64(CHAINS * self.lanes)), I64(CHAINS))
        return self.code.least(vectors, shared)

    @property
    def straight(self) -> bool:
        """Whether the kernel has no control flow."""
        return self.kernel.straight

    def light(self, sweep: Sweep) -> bool:
        """Whether a sweep does little but fold, so that it waits for its accumulators."""
        computed = [s for s in sweep.inner if isinstance(s, Load | Position | Apply)]
        dear = any(calls(s.expr) - CHEAP for s in computed if isinstance(s, Apply))
        used = {n for s in computed if isinstance(s, Apply) for n in names(s.expr)}
        loaded = [s for s in self.kernel.before if isinstance(s, Load) and s.name in used]
        consts = self.kernel.consts if sweep is self.kernel.sweeps[0] else ()
        few = len(computed) + len(loaded) + len(consts) <= 10
        return self.straight and bool(sweep.folds) and not dear and few

    def deep(self, sweep: Sweep) -> bool:
        """Whether a sweep computes functions of functions: a chain of instructions so long that the
        CPU finds too few others to do meanwhile. Two vectors side by side take 0.7 of the time
        then, and somewhat more of it where there is one function (AVX2, 16 registers)."""
        applied = [s for s in sweep.inner if isinstance(s, Apply)]
        plain = all(info(s.dtype).floating and not info(s.dtype).half
                    for s in sweep.inner if isinstance(s, Load | Apply))  # fmt: skip
        dear = sum(len(calls(s.expr) & DEAR) for s in applied)
        return self.straight and self.lanes > 1 and plain and dear > 1

    @contextmanager
    def nested(self, axes: Sequence[int], indices: Indices) -> Iterator[Indices]:
        """Loops over whole axes, outermost first."""
        if not axes:
            yield indices
            return
        with (
            self.code.loop(I64(0), self.dims[axes[0]]) as index,
            self.nested(axes[1:], {**indices, axes[0]: index}) as inner,
        ):
            yield inner


def _fixed(s: object, axis: int) -> bool:
    """Whether a statement loads the same element all along a loop."""
    if not isinstance(s, Load):
        return False
    stride = s.access.index.strides[axis]
    return isinstance(stride, int) and stride == 0


def emit_kernel(module: ir.Module, kernel: Kernel, name: str, narrow: bool = False) -> ir.Function:
    """Write a kernel into an LLVM module; ``narrow``: for a last loop that is short."""
    fn = new_function(module, name)
    nest = _Nest(kernel, fn)
    nest.narrow = narrow
    _RUNNERS[kernel.mode](nest)
    for growing in nest.growing.values():
        growing.close()
    nest.code.finish()
    return fn


def _run_map(e: _Nest) -> None:
    """Nothing is folded. Units: elements of the only axis, or points of all axes but the last."""
    (sweep,) = e.kernel.sweeps
    if len(e.dims) == 1:
        e.along(sweep, {}, e.lo, e.hi, {})
    elif e.narrow:
        e.runs(lambda *run: e.along_both(sweep, *run))
    else:
        e.runs(lambda *run: _lines(e, sweep, *run))


def _lines(e: _Nest, sweep: Sweep, indices: Indices, start: ir.Value, stop: ir.Value) -> None:
    with e.code.loop(start, stop) as line:
        e.along(sweep, {**indices, e.vec - 1: line}, I64(0), e.dims[e.vec], {})


def _run_row(e: _Nest) -> None:
    """The last axis is folded. Units: points of the other axes.

    Short rows have code of their own, since even a branch for spilling that is not taken makes
    rows of eight elements take twice as long.
    """
    if e.narrow:
        e.runs(lambda *run: _rows_together(e, *run))
        return
    summing = [sweep for sweep in e.kernel.sweeps if any(map(is_sum, sweep.folds))]
    if not summing:
        _rows(e, spills=False)
        return
    visits: ir.Value = I64(1)
    for axis in sorted(e.kernel.reduced - {e.vec}):
        visits = e.b.mul(visits, e.dims[axis])
    few: ir.Value = I1(1)
    for sweep in summing:
        terms = e.b.mul(visits, e.terms(sweep, e.dims[e.vec]))
        few = e.b.and_(few, e.b.icmp_signed("<=", terms, I64(TERMS)))
    with e.b.if_else(few) as (short, long):
        with short:
            _rows(e, spills=False)
        with long:
            _rows(e, spills=True)


def _rows_together(e: _Nest, indices: Indices, start: ir.Value, stop: ir.Value) -> None:
    """Short rows, one in each lane; those that are left one by one, by the same operations."""
    whole = e.b.sub(stop, e.b.srem(e.b.sub(stop, start), I64(e.lanes)))
    axis = e.vec - 1
    with e.code.loop(start, whole, e.lanes) as first:
        _rows_block(e, Point({**indices, axis: first}, {}, True, None, stop, axis))
    with e.single(), e.code.loop(whole, stop) as row:
        _rows_block(e, Point({**indices, axis: row}, {}))


def _rows_block(e: _Nest, block: Point) -> None:
    e.run(e.kernel.before, block)
    for sweep in e.kernel.sweeps:
        e.reset(sweep.folds, False)
        with e.code.loop(I64(0), e.dims[e.vec]) as column:
            point = block.inner()
            point.indices[e.vec] = column
            e.run(sweep.inner, point)
        block.values.update({fold.name: e.in_lanes(fold) for fold in sweep.folds})
        e.run(sweep.after, block)


def _rows(e: _Nest, spills: bool) -> None:
    """The loop over rows."""
    kernel = e.kernel
    kept = [a for a in range(len(e.dims)) if a not in kernel.reduced]
    loops = sorted(kernel.reduced - {e.vec})
    with e.code.loop(e.lo, e.hi) as unit:
        row = Point(e.outer_indices(unit, kept), {})
        e.run(kernel.before, row)
        for sweep in kernel.sweeps:
            e.reset(sweep.folds, spills)
            if loops:
                e.start_counting()
            with e.nested(loops, row.indices) as here:
                e.folding(sweep, here, I64(0), e.dims[e.vec], row.values, bool(loops))
            row.values.update({fold.name: e.across(fold) for fold in sweep.folds})
            e.run(sweep.after, row)


def _run_column(e: _Nest) -> None:
    """The last axis is kept and runs along the vectors. Units: blocks of that axis for every
    point of the other kept axes."""
    kernel = e.kernel
    kept = [a for a in range(len(e.dims)) if a not in kernel.reduced and a != e.vec]
    width = e.dims[e.vec]
    blocks = e.b.sdiv(e.b.add(width, I64(e.lanes - 1)), I64(e.lanes))
    with e.code.loop(e.lo, e.hi) as unit:
        block = e.b.srem(unit, blocks)
        indices = e.outer_indices(e.b.sdiv(unit, blocks), kept)
        start = e.b.mul(block, I64(e.lanes))
        stop = e.code.least(e.b.add(start, I64(e.lanes)), width)
        at = {**indices, e.vec: start}
        full = e.b.icmp_signed("==", e.b.sub(stop, start), I64(e.lanes))
        with e.b.if_else(full) as (then, otherwise):
            with then:
                _column_block(e, Point(at, {}, True, None, stop, e.vec))
            with otherwise:
                if e.lanes > 1:
                    mask = e.mask(start, stop)
                    _column_block(e, Point(at, {}, True, mask, stop, e.vec))


def _column_block(e: _Nest, block: Point) -> None:
    (sweep,) = e.kernel.sweeps
    e.reset(sweep.folds)
    e.run(e.kernel.before, block)
    *outer, last = sorted(e.kernel.reduced)
    e.start_counting()
    with (
        e.nested(outer, block.indices) as here,
        e.code.loop(I64(0), e.dims[last], TERMS) as lo,
    ):
        hi = e.code.least(e.b.add(lo, I64(TERMS)), e.dims[last])
        e.count(e.b.sub(hi, lo), sweep.folds)
        with e.code.loop(lo, hi) as row:
            point = block.inner()
            point.indices = {**here, last: row}
            e.run(sweep.inner, point)
    for fold in sweep.folds:
        block.values[fold.name] = e.in_lanes(fold)
    e.run(sweep.after, block)


def _run_total(e: _Nest) -> None:
    """Everything is folded. Units: blocks of the first axis; each leaves a partial result."""
    (sweep,) = e.kernel.sweeps
    block, partials, units = e.extra(0), e.extra(1), e.extra(2)
    known = Point({}, {})
    e.run(e.kernel.before, known)
    with e.code.loop(e.lo, e.hi) as unit:
        start = e.b.mul(unit, block)
        stop = e.code.least(e.b.add(start, block), e.dims[0])
        e.reset(sweep.folds)
        if len(e.dims) == 1:
            e.folding(sweep, {}, start, stop, known.values, False)
        else:
            e.start_counting()
            with (
                e.code.loop(start, stop) as first,
                e.nested(list(range(1, e.vec)), {0: first}) as here,
            ):
                e.folding(sweep, here, I64(0), e.dims[e.vec], known.values, True)
        for i, fold in enumerate(sweep.folds):
            raw = e.across(fold).to_memory()
            e.b.store(raw, _partial(e, partials, units, i, unit), align=8)


def _partial(e: _Nest, partials: ir.Value, units: ir.Value, i: int, unit: ir.Value) -> ir.Value:
    """Where a unit's partial result of the i-th fold lies."""
    place = e.b.mul(e.b.add(e.b.mul(I64(i), units), unit), I64(WIDEST // 8))
    return e.b.gep(e.b.inttoptr(partials, POINTER), [place], source_etype=I64)


def emit_combine(module: ir.Module, kernel: Kernel, name: str) -> ir.Function:
    """For a ``total`` kernel: fold the partial results in order, then compute what follows.

    Sums add their partial results in double precision and what that loses, rounding once.
    """
    fn = new_function(module, name)
    e = _Nest(kernel, fn)
    (sweep,) = kernel.sweeps
    partials, units = e.extra(1), e.extra(2)
    known = Point({}, {})
    for i, fold in enumerate(sweep.folds):
        total = Total(e.code, fold, e.one)
        with e.code.loop(I64(0), units) as unit:
            at = _partial(e, partials, units, i, unit)
            raw = e.b.load(at, typ=element_type(fold.dtype, memory=True), align=8)
            total.add(e.one.from_memory(raw, fold.dtype))
        known.values[fold.name] = rounded(fold, total.parts())
    e.run(kernel.before, known)
    e.run(sweep.after, known)
    e.code.finish()
    return fn


_RUNNERS = {"map": _run_map, "row": _run_row, "column": _run_column, "total": _run_total}
