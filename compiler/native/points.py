"""Statements of kernels to LLVM, at one point or at a vector of points along the last loop.

Code is written for vectors of a fixed number of lanes on every machine, with masked tails, so that
a result is the same on every CPU; LLVM splits the vectors where the CPU's are narrower. A kernel
with control flow or computed positions is written for one lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from llvmlite import ir

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info

from ..kernel.expression import names
from ..kernel.lanes import lanes_of
from ..kernel.loops import Kernel
from ..kernel.statements import (
    Access,
    Apply,
    Check,
    Fold,
    For,
    If,
    Index,
    Load,
    Position,
    Resize,
    Set,
    Size,
    Statement,
    Store,
    Var,
    While,
    in_code,
    walk,
)
from .code import I1, I32, I64, POINTER, Code, signals
from .growing import Growing
from .lanes import BOOL, Lanes, Value, element_type, suffix_of
from .scalars import evaluate

if TYPE_CHECKING:
    from .narrow import Lattice

__all__ = ["Point", "Points", "Slot"]

POLL = 22  # a loop runs about 2**22 statements before it asks for signals
INT64 = np.dtype("int64")


class Slot(NamedTuple):
    """A variable: its place on the stack and its dtype."""

    place: ir.Value
    dtype: np.dtype[Any]


class Point:
    """Where the code runs: the loops' indices, the values known there; in a vector also the mask of
    its lanes, the position that its loop stops at, and which loop that is: an axis of the kernel or
    the name of an index. ``lattice``: where the lanes are, if they run along two loops."""

    lattice: Lattice | None = None

    def __init__(
        self, indices: Mapping[int, ir.Value], values: Mapping[str, Value | Slot],
        vector: bool = False, mask: ir.Value | None = None, stop: ir.Value = None,
        along: int | str | None = None,
    ) -> None:  # fmt: skip
        self.indices, self.values = dict(indices), dict(values)
        self.vector, self.mask, self.stop, self.along = vector, mask, stop, along

    def inner(self) -> Point:
        """The same place in a deeper block."""
        return Point(self.indices, self.values, self.vector, self.mask, self.stop, self.along)

    def stride(self, index: Index) -> DimLike:
        """How far it is from one lane to the next."""
        if isinstance(self.along, int):
            return index.strides[self.along]
        total: DimLike = 0
        for name, stride in index.scalars:
            if name == self.along:
                total = total + stride
        return total

    def first(self) -> ir.Value:
        """Where the first lane is along the loop of the vector."""
        if isinstance(self.along, int):
            return self.indices[self.along]
        assert self.along is not None
        found = self.values[self.along]
        assert isinstance(found, Value)
        return found.ir


class Points:
    """Writes the statements of one kernel."""

    def __init__(self, kernel: Kernel, fn: ir.Function) -> None:
        self.kernel, self.fn = kernel, fn
        self.code = Code(fn)
        self.b = self.code.b
        self.context, self.lo, self.hi = fn.args
        self.lanes = lanes_of(kernel)
        self.pointers = [self.word(i, POINTER) for i in range(len(kernel.buffers))]
        offset = len(kernel.buffers)
        self.params: dict[DimLike, ir.Value] = {
            d: self.word(offset + i, I64) for i, d in enumerate(kernel.params())
        }
        self.given = offset + len(self.params)  # words of the context so far
        if kernel.leaves:
            self.status, self.given = self.word(self.given, POINTER), self.given + 2
        self.growing = {
            i: Growing(self.code, self.pointers[i], buffer.dtype)
            for i, buffer in enumerate(kernel.buffers) if buffer.grows
        }  # fmt: skip
        self.dims = [self.params[d] for d in kernel.dims]
        self.vec = len(kernel.loops) - 1  # vectors run along the last loop
        self.one, self.all = Lanes(self.b, 1), Lanes(self.b, self.lanes)
        self.consts = {c.name: self.one.constant(c.value, c.dtype) for c in kernel.consts}

    def word(self, i: int, kind: ir.Type) -> ir.Value:
        """The i-th word of the context."""
        place = self.b.gep(self.context, [I64(i)], source_etype=I64)
        return self.b.load(place, typ=kind)

    def at(self, point: Point) -> Lanes:
        """The lanes of a point."""
        return self.all if point.vector else self.one

    def number(self, item: DimLike) -> ir.Value:
        """A stride, offset or size as an LLVM integer."""
        return I64(item) if in_code(item) else self.params[item]

    # ---- Statements

    def run(self, statements: Iterable[Statement], point: Point) -> None:
        """Write statements; the point then knows what they compute."""
        for s in statements:
            match s:
                case Load(name, dtype, access):
                    point.values[name] = self.load(access, dtype, point)
                case Position(name, index):
                    point.values[name] = self.position(index, point)
                case Apply(name, dtype, expr):
                    point.values[name] = self.expression(expr, dtype, point)
                case Size(name, buffer):
                    point.values[name] = self.one.value(self.growing[buffer].now, INT64)
                case Resize(buffer, amount):
                    failed = self.growing[buffer].resize(amount)
                    if failed is not None:
                        with self.b.if_then(failed, likely=False):
                            self.leave(I64(-1))
                case Fold():
                    self.accumulate(s, point)
                case Store(access, value):
                    self.store(access, self.value(value, point), point)
                case Var(name, dtype, expr):
                    slot = Slot(self.code.slot(element_type(dtype)), dtype)
                    self.b.store(self.expression(expr, dtype, point).ir, slot.place)
                    point.values[name] = slot
                case Set(name, expr):
                    slot = point.values[name]  # type: ignore[assignment]
                    self.b.store(self.expression(expr, slot.dtype, point).ir, slot.place)
                case _:
                    self.control(s, point)

    def accumulate(self, fold: Fold, point: Point) -> None:
        """One more value for a fold; ``folds.py`` has it."""
        raise NotImplementedError

    def control(self, s: Statement, point: Point) -> None:
        """Checks, and branches and loops, these for one lane."""
        match s:
            case Check(test):
                wrong = ~self.expression(test, BOOL, point)
                if point.mask is not None:
                    wrong = wrong & self.all.value(point.mask, BOOL)
                with self.b.if_then(wrong.lanes.any(wrong), likely=False):
                    self.leave(self.word(self.given - 1, I64))
            case If(test, then, orelse):
                taken = self.expression(test, BOOL, point)
                with self.b.if_else(taken.ir) as (yes, no):
                    with yes:
                        self.run(then, point.inner())
                    with no:
                        self.run(orelse, point.inner())
            case While(before, test, body):
                with self.code.forever() as after:
                    here = point.inner()
                    self.run(before, here)
                    on = self.fn.append_basic_block("on")
                    self.b.cbranch(self.expression(test, BOOL, here).ir, on, after)
                    self.b.position_at_end(on)
                    self.run(body, here)
                    self.interruptible(s)
            case For():
                self.counted(s, point)

    def counted(self, loop: For, point: Point) -> None:
        """A loop over positions."""
        start, stop = self.address(loop.start, point), self.address(loop.stop, point)

        def trip(index: ir.Value) -> None:
            here = point.inner()
            here.values[loop.name] = self.one.value(index, INT64)
            self.run(loop.body, here)

        if not any(isinstance(s, For | While) for s in walk(loop.body)):
            with self.b.if_then(self.b.icmp_signed("<", start, stop)):
                self.parts(start, stop, _between(loop), trip)
            return
        with self.code.loop(start, stop) as index:
            trip(index)
            self.interruptible(loop)

    def parts(
        self, start: ir.Value, stop: ir.Value, part: int, trip: Callable[[ir.Value], None]
    ) -> None:
        """The trips of an innermost loop, one at least, in parts, between which signals are
        handled. Of a part LLVM sees how many trips it has: it unrolls them, and makes vectors."""
        position = self.code.slot(I64)
        self.b.store(start, position)
        with self.code.forever() as after:
            first = self.b.load(position, typ=I64)
            left = self.b.sub(stop, first)
            more = self.b.icmp_unsigned(">", left, I64(part))
            count = self.b.select(more, I64(part), left)
            with self.code.times(count) as index:
                trip(self.b.add(first, index))
            self.b.store(self.b.add(first, count), position)
            again = self.fn.append_basic_block("again")
            self.b.cbranch(more, again, after)
            self.b.position_at_end(again)
            self.signals()

    def interruptible(self, loop: While | For) -> None:
        """After every so many trips of a loop let Python handle signals; leave if that raises."""
        between = _between(loop)
        trips = self.code.slot(I64)
        self.code.entry.store(I64(between), trips)
        left = self.b.sub(self.b.load(trips, typ=I64), I64(1))
        self.b.store(left, trips)
        with self.b.if_then(self.b.icmp_signed("==", left, I64(0)), likely=False):
            self.b.store(I64(between), trips)
            self.signals()

    def signals(self) -> None:
        """Let Python handle signals, where it may be asked; leave if a handler raises."""
        known = self.b.icmp_unsigned("!=", self.status, POINTER(None))
        with self.b.if_then(known):
            raised = self.b.icmp_signed("!=", self.b.call(signals(self.b.module), []), I32(0))
            with self.b.if_then(raised, likely=False):
                self.leave(I64(-1))

    def leave(self, status: ir.Value) -> None:
        """End the kernel here, with this status of the program."""
        known = self.b.icmp_unsigned("!=", self.status, POINTER(None))
        with self.b.if_then(known):
            self.b.store(status, self.status)
        self.b.ret_void()

    def value(self, name: str, point: Point) -> Value:
        """A value in as many lanes as the point has; what a variable holds now."""
        found = self.known(name, point)
        if not point.vector or found.lanes.count == self.lanes:
            return found
        if name == point.along:
            return self._numbered(found.ir, 1)
        return self.all.splat(found.ir, found.dtype)

    def known(self, name: str, point: Point) -> Value:
        """A value in as many lanes as it has; the index of the loop of a vector is its first."""
        found = self.consts.get(name) or point.values[name]
        if isinstance(found, Slot):
            now = self.b.load(found.place, typ=element_type(found.dtype))
            return self.one.value(now, found.dtype)
        return found

    def _numbered(self, first: ir.Value, stride: DimLike) -> Value:
        """A number in the first lane, so much more in every next one."""
        lanes, base = self.all, self.all.splat(first, INT64)
        if lanes.count == 1:
            return base
        numbers = lanes.value(ir.Constant(lanes.type(INT64), list(range(lanes.count))), INT64)
        return base + numbers * lanes.splat(self.number(stride), INT64)

    def expression(self, expr: str, dtype: np.dtype[Any], point: Point) -> Value:
        """The value of an expression."""
        args = {name: self.value(name, point) for name in names(expr)}
        return evaluate(self.at(point), expr, args, dtype)

    # ---- Places

    def pointer(self, buffer: int) -> ir.Value:
        """The address of a buffer."""
        found = self.growing.get(buffer)
        return self.pointers[buffer] if found is None else found.data

    def address(self, index: Index, point: Point, lane: ir.Value = None) -> ir.Value:
        """The position that an index gives at a point: in a vector that of a lane, or of the first,
        without what differs from lane to lane by no stride."""
        terms = [(point.indices[a], s) for a, s in enumerate(index.strides) if a in point.indices]
        for name, stride in index.scalars:
            found = self.known(name, point)
            if found.lanes.count == 1:
                terms.append((found.ir, stride))
            elif lane is not None:
                terms.append((self.b.extract_element(found.ir, lane), stride))
        if lane is not None:
            terms.append((self.b.zext(lane, I64), point.stride(index)))
        total = self.number(index.offset)
        for at, stride in terms:
            if _is(stride, 0):
                continue
            step = at if _is(stride, 1) else self.b.mul(at, self.number(stride))
            total = self.b.add(total, step)
        return total

    def position(self, index: Index, point: Point) -> Value:
        """A position as a value, of every lane in a vector."""
        first = self.address(index, point)
        if not point.vector:
            return self.one.splat(first, INT64)
        total = self._numbered(first, point.stride(index))
        for found, stride in self._varying(index, point):
            total = total + found * self.all.splat(self.number(stride), INT64)
        return total

    def _varying(self, index: Index, point: Point) -> list[tuple[Value, DimLike]]:
        """What differs from lane to lane by no stride, each so many times."""
        terms = [(self.known(name, point), stride) for name, stride in index.scalars]
        return [(found, stride) for found, stride in terms if found.lanes.count > 1]

    def mask(self, index: ir.Value, stop: ir.Value) -> ir.Value:
        """The lanes of a vector starting at ``index`` that lie before ``stop``."""
        kind = ir.VectorType(I64, self.lanes)
        left = self.all.splat(self.b.sub(stop, index), INT64).ir
        return self.b.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), left)

    def load(self, access: Access, dtype: np.dtype[Any], point: Point) -> Value:
        """Read one element or one vector along the last loop."""
        place = self.address(access.index, point)
        pointer = self.pointer(access.buffer)
        stride = point.stride(access.index) if point.vector else 0
        varies = point.vector and self.lanes > 1 and self._varying(access.index, point)
        if not varies and (self.lanes == 1 or _is(stride, 0)):
            one = self.one.from_memory(self._element(pointer, place, dtype), dtype)
            return self.at(point).splat(one.ir, dtype)
        if varies:
            raw = self._gather(pointer, access.index, dtype, point)
        elif _is(stride, 1):
            raw = self._vector(pointer, place, dtype, point.mask)
        elif _is(stride, -1):
            first = self.b.sub(place, I64(self.lanes - 1))
            mask = self._turned(point.mask)
            raw = self._turned(self._vector(pointer, first, dtype, mask), info(dtype).complex)
        else:
            raw = self._gather(pointer, access.index, dtype, point)
        return self.all.from_memory(raw, dtype)

    def _element(self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
        kind = element_type(dtype, memory=True)
        at = self.b.gep(pointer, [place], source_etype=kind)
        return self.b.load(at, typ=kind, align=_alignment(dtype))

    def _vector(
        self, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any], mask: ir.Value | None
    ) -> ir.Value:
        kind = self.all.type(dtype, memory=True)
        at = self.b.gep(pointer, [place], source_etype=element_type(dtype, memory=True))
        if mask is None:
            return self.b.load(at, typ=kind, align=_alignment(dtype))
        zero = ir.Constant(kind, [0] * kind.count)
        fn = self._masked("load", kind, dtype)
        return self.b.call(fn, [at, I32(_alignment(dtype)), self._spread(mask, dtype), zero])

    def _turned(self, vector: ir.Value, pairs: bool = False) -> ir.Value:
        """A vector (or a mask, or None) with its lanes in reverse order; ``pairs``: two elements
        are one lane."""
        if vector is None:
            return None
        places = list(reversed(range(self.lanes)))
        if pairs:
            places = [2 * i + j for i in places for j in (0, 1)]
        return self._picked(vector, places)

    def _spread(self, mask: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
        """A mask of lanes as one of elements in memory."""
        if not info(dtype).complex:
            return mask
        return self._picked(mask, [i for i in range(self.lanes) for _ in range(2)])

    def _picked(self, vector: ir.Value, places: list[int]) -> ir.Value:
        """The elements at some places of a vector, as another."""
        order = ir.Constant(ir.VectorType(I32, len(places)), places)
        return self.b.shuffle_vector(vector, vector, order)

    def _gather(
        self, pointer: ir.Value, index: Index, dtype: np.dtype[Any], point: Point
    ) -> ir.Value:
        """Element by element; the lanes behind the loop's end read the last one before it."""
        raw = ir.Constant(self.all.type(dtype, memory=True), ir.Undefined)
        for lane, place in enumerate(self._places(index, point)):
            element = self._element(pointer, place, dtype)
            if info(dtype).complex:
                for i in range(2):
                    part = self.b.extract_element(element, I32(i))
                    raw = self.b.insert_element(raw, part, I32(2 * lane + i))
            else:
                raw = self.b.insert_element(raw, element, I32(lane))
        return raw

    def _places(self, index: Index, point: Point) -> Iterator[ir.Value]:
        """The position of each lane; of one behind the loop's end that of the last before it."""
        if point.mask is None and not self._varying(index, point):
            place, step = self.address(index, point), self.number(point.stride(index))
            for _ in range(self.lanes):
                yield place
                place = self.b.add(place, step)
            return
        last = self.b.sub(self.b.sub(point.stop, point.first()), I64(1))
        for lane in range(self.lanes):
            at = self.b.trunc(self.code.least(I64(lane), last), I32) if point.mask else I32(lane)
            yield self.address(index, point, at)

    def store(self, access: Access, value: Value, point: Point) -> None:
        """Write one element or one vector along the last loop."""
        place, pointer = self.address(access.index, point), self.pointer(access.buffer)
        raw, dtype = value.to_memory(), value.dtype
        stride = point.stride(access.index) if point.vector else 0
        if not point.vector or self.lanes == 1 or _is(stride, 1):
            self._put(raw, pointer, place, dtype, point.mask)
            return
        if _is(stride, -1):
            first, mask = self.b.sub(place, I64(self.lanes - 1)), self._turned(point.mask)
            self._put(self._turned(raw, info(dtype).complex), pointer, first, dtype, mask)
            return
        for lane in range(self.lanes):
            at = self.b.add(place, self.b.mul(I64(lane), self.number(stride)))
            inside = I1(1) if point.mask is None else self.b.extract_element(point.mask, I32(lane))
            with self.b.if_then(inside):
                self._put(self._lane(raw, lane, dtype), pointer, at, dtype, None)

    def _lane(self, raw: ir.Value, lane: int, dtype: np.dtype[Any]) -> ir.Value:
        """One lane of what is stored."""
        if info(dtype).complex:
            return self._picked(raw, [2 * lane, 2 * lane + 1])
        return self.b.extract_element(raw, I32(lane))

    def _put(
        self, raw: ir.Value, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any],
        mask: ir.Value | None,
    ) -> None:  # fmt: skip
        at = self.b.gep(pointer, [place], source_etype=element_type(dtype, memory=True))
        if mask is None:
            self.b.store(raw, at, align=_alignment(dtype))
            return
        fn = self._masked("store", raw.type, dtype)
        self.b.call(fn, [raw, at, I32(_alignment(dtype)), self._spread(mask, dtype)])

    def _masked(self, what: str, kind: ir.Type, dtype: np.dtype[Any]) -> ir.Function:
        name = f"llvm.masked.{what}.v{kind.count}{suffix_of(info(dtype).part_dtype)}.p0"
        found = self.b.module.globals.get(name)
        if found is not None:
            return found
        lanes = ir.VectorType(I1, kind.count)
        signature = ir.FunctionType(kind, [POINTER, I32, lanes, kind])
        if what == "store":
            signature = ir.FunctionType(ir.VoidType(), [kind, POINTER, I32, lanes])
        return ir.Function(self.b.module, signature, name)


def _between(loop: While | For) -> int:
    """Trips of a loop after which Python is asked for signals."""
    cost = sum(1 for _ in walk((loop,)))
    return 1 << max(POLL - cost.bit_length(), 4)


def _alignment(dtype: np.dtype[Any]) -> int:
    """That of NumPy's arrays: a complex number lies where its parts may."""
    return info(dtype).part_dtype.itemsize


def _is(size: DimLike, number: int) -> bool:
    return isinstance(size, int) and size == number
