"""Kernels with a short last loop to LLVM: vectors along that loop and the one around it together.

``kernel/short.py`` says which kernels and sizes. Vectors run through rows and columns at once::

    lanes     0  1  2  3  4  5 ...    x[i0 * 3 + i1]  consecutive elements
    rows      0  0  0  1  1  1        r[i0]           a vector of rows, of which each lane picks
    columns   0  1  2  0  1  2        c[i1]           consecutive elements of copies of all columns

``rows`` are counted from the vector's first row; the next vector may begin in another column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ..kernel.loops import Sweep
from ..kernel.short import gapless, is_dear
from ..kernel.statements import Access, Index, Load
from .code import I32, I64
from .lanes import Value, element_type
from .points import INT64, Point
from .reduce import Reductions

__all__ = ["Narrow"]

INT32, SINGLE, FLOAT = np.dtype("int32"), np.dtype("float32"), ir.FloatType()


class Lattice(NamedTuple):
    """Where each lane of a vector is: so many rows behind the first, in which column; the row that
    its run stops at; copies of all columns one behind the other, by where those lie."""

    rows: Value
    columns: Value
    stop: ir.Value
    repeated: Mapping[Access, ir.Value]


class Narrow(Reductions):
    """Writes the statements of one kernel, at points of two loops as well; ``narrow``: for a last
    loop that is short."""

    narrow = False

    def outer_indices(self, unit: ir.Value, axes: Sequence[int]) -> dict[int, ir.Value]:
        """The index of each of these axes, from a flat index over them."""
        out: dict[int, ir.Value] = {}
        for axis in reversed(axes[1:]):
            out[axis] = self.b.srem(unit, self.dims[axis])
            unit = self.b.sdiv(unit, self.dims[axis])
        if axes:
            out[axes[0]] = unit
        return out

    def runs(self, write: Callable[[Mapping[int, ir.Value], ir.Value, ir.Value], None]) -> None:
        """Write code for each run of units that differ in the last but one loop alone: it is given
        the indices of the loops around that, and where the run begins and ends."""
        if self.vec == 1:
            write({}, self.lo, self.hi)
            return
        b, width = self.b, self.dims[self.vec - 1]
        width = b.select(b.icmp_signed("==", width, I64(0)), I64(1), width)  # no unit, no run
        past = b.sdiv(b.add(self.hi, b.sub(width, I64(1))), width)
        with self.code.loop(b.sdiv(self.lo, width), past) as outer:
            begin = b.mul(outer, width)
            start = b.select(b.icmp_signed(">", self.lo, begin), b.sub(self.lo, begin), I64(0))
            stop = self.code.least(b.sub(self.hi, begin), width)
            write(self.outer_indices(outer, range(self.vec - 1)), start, stop)

    @contextmanager
    def single(self) -> Iterator[None]:
        """Code for one lane."""
        outside = self.lanes, self.all, self.accs
        self.lanes, self.all, self.accs = 1, self.one, {}
        yield
        self.lanes, self.all, self.accs = outside

    def along_both(
        self, sweep: Sweep, indices: Mapping[int, ir.Value], start: ir.Value, stop: ir.Value
    ) -> None:
        """A sweep along the last loop and some trips of the one around it."""
        columns, lanes = self.dims[self.vec], I64(self.lanes)
        run = Point({**indices, self.vec - 1: start, self.vec: I64(0)}, {})
        loads = [s for s in sweep.inner if isinstance(s, Load)]
        fixed = [s for s in loads if s.access.index.strides[-2:] == (0, 0)]
        self.run(fixed, run)
        repeated = {
            s.access: self._repeated(s, run) for s in loads if s.access.index.strides[-2:] == (0, 1)
        }
        inner = [s for s in sweep.inner if s not in fixed]
        total = self.b.mul(self.b.sub(stop, start), columns)
        once = is_dear(self.kernel)  # code for a mask alone: compiled sooner, and as fast
        whole = total if once else self.b.sub(total, self.b.srem(total, lanes))
        row, column = self.code.slot(I64), self.code.slot(I64)
        self.b.store(start, row)
        self.b.store(I64(0), column)

        def at(first: ir.Value, mask: ir.Value | None) -> None:
            here = {
                **run.indices,
                self.vec - 1: self.b.load(row, typ=I64),
                self.vec: self.b.load(column, typ=I64),
            }
            point = Point(here, run.values, True, mask, total, self.vec)
            rows, lanes = self._lattice(here[self.vec], self.b.sub(total, first))
            point.lattice = Lattice(rows, lanes, stop, repeated)
            self.run(inner, point)

        more, rest = self.b.sdiv(lanes, columns), self.b.srem(lanes, columns)
        with self.code.loop(I64(0), whole, self.lanes) as first:
            at(first, self.mask(first, total) if once else None)
            self._advance(row, column, more, rest)
        if not once:
            with self.b.if_then(self.b.icmp_signed("<", whole, total)):
                at(whole, self.mask(whole, total))

    def _repeated(self, s: Load, run: Point) -> ir.Value:
        """Copies of all columns, so many that a vector may begin in each column of the first."""
        kind, columns = element_type(s.dtype, memory=True), self.dims[self.vec]
        copies = self.code.slot(kind, 2 * self.lanes)

        def put(i: ir.Value, raw: ir.Value) -> None:
            self._put(raw, copies, i, s.dtype, None)

        source = self.pointer(s.access.buffer)
        first = self.address(s.access.index, run)
        with self.code.loop(I64(0), columns) as i:
            put(i, self._element(source, self.b.add(first, i), s.dtype))
        with self.code.loop(columns, self.b.add(columns, I64(self.lanes - 1))) as i:
            put(i, self._element(copies, self.b.sub(i, columns), s.dtype))
        return copies

    def _advance(self, row: ir.Value, column: ir.Value, more: ir.Value, rest: ir.Value) -> None:
        """To the next vector's first row and column."""
        columns = self.dims[self.vec]
        behind = self.b.add(self.b.load(column, typ=I64), rest)
        wraps = self.b.icmp_signed(">=", behind, columns)
        self.b.store(self.b.select(wraps, self.b.sub(behind, columns), behind), column)
        further = self.b.add(self.b.load(row, typ=I64), more)
        self.b.store(self.b.add(further, self.b.zext(wraps, I64)), row)

    def _lattice(self, column: ir.Value, left: ir.Value) -> tuple[Value, Value]:
        """Rows behind the first and columns of the lanes; those behind the end are at the last."""
        lanes, b = self.all, self.b
        kind = ir.VectorType(I32, lanes.count)

        def everywhere(x: ir.Value) -> Value:
            return lanes.splat(b.trunc(x, I32), INT32)

        last = everywhere(self.code.least(b.sub(left, I64(1)), I64(lanes.count - 1)))
        number = lanes.value(ir.Constant(kind, list(range(lanes.count))), INT32)
        number = (number <= last).select(number, last) + everywhere(column)
        size = self.dims[self.vec]
        part = b.fdiv(FLOAT(1.0), b.sitofp(size, FLOAT))
        quotient = (number.cast(SINGLE) + 0.5) * lanes.splat(part, SINGLE)
        rows = number.made(b.fptosi(quotient.ir, kind))
        return rows, number - rows * everywhere(size)

    # ---- Places

    def load(self, access: Access, dtype: np.dtype[Any], point: Point) -> Value:
        """Read a vector, along both loops if the point is on both."""
        if point.lattice is None:
            return super().load(access, dtype, point)
        lattice, strides = point.lattice, access.index.strides[-2:]
        if gapless(access.index, self.kernel.loops[-1].size) or strides == (0, 0):
            return super().load(access, dtype, point)
        if strides == (0, 1):
            column = point.indices[self.vec]
            raw = self._vector(lattice.repeated[access], column, dtype, None)
        elif strides == (1, 0):
            at = self.address(access.index, self._first(point))
            mask = self.mask(point.indices[self.vec - 1], lattice.stop)
            rows = self._vector(self.pointer(access.buffer), at, dtype, mask)
            raw = self._lookup(rows, lattice.rows)
        else:
            places = self.position(access.index, point)
            raw = ir.Constant(self.all.type(dtype, memory=True), ir.Undefined)
            for i in range(self.lanes):
                at = self.b.extract_element(places.ir, I32(i))
                element = self._element(self.pointer(access.buffer), at, dtype)
                raw = self.b.insert_element(raw, element, I32(i))
        return self.all.from_memory(raw, dtype)

    def position(self, index: Index, point: Point) -> Value:
        """A position as a value, of every lane in a vector."""
        if point.lattice is None:
            return super().position(index, point)
        total = self.all.splat(self.address(index, self._first(point)), INT64)
        for found, stride in zip(point.lattice[:2], index.strides[-2:], strict=True):
            total = total + found.cast(INT64) * self.all.splat(self.number(stride), INT64)
        return total

    def _first(self, point: Point) -> Point:
        """The first column of a vector's first row."""
        return Point({**point.indices, self.vec: I64(0)}, point.values)

    def _lookup(self, vector: ir.Value, places: Value) -> ir.Value:
        """Elements of a vector, one for each lane: one instruction where the CPU has it."""
        made = ir.Constant(vector.type, ir.Undefined)
        for i in range(self.lanes):
            at = self.b.extract_element(places.ir, I32(i))
            made = self.b.insert_element(made, self.b.extract_element(vector, at), I32(i))
        return made
