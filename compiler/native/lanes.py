"""The one wrapper of LLVM values: so many lanes of one dtype, written with operators.

``Lanes`` is where values are written: a builder and a number of lanes. A ``Value`` has a dtype, and
its operators follow it as NumPy's do: floating arithmetic carries no fast-math flag and is not
contracted, so it gives NumPy's bits and error-free transformations hold; integers wrap; a bool is
an i1 in registers and a byte in memory; a complex number is a structure of its parts, which lie
side by side in memory. An operand that is a Python number takes the dtype of the
other one. The same text builds scalar code (one lane) and explicit vector code.

``fma`` is always the single-rounding ``llvm.fma``: on a machine without the instruction LLVM calls
the C library's, which is correct, and slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dtypes import FORMATS, DTypeInfo, Format, info
from twofold.ir.promote import complex_of

from . import pairs
from .halves import narrow, widen

__all__ = [
    "BOOL", "INF", "NAN", "Lanes", "Number", "Value", "declare", "element_type", "suffix_of",
]  # fmt: skip

BOOL, SINGLE, DOUBLE = np.dtype(bool), np.dtype("float32"), np.dtype("float64")
INT32, INT64 = np.dtype("int32"), np.dtype("int64")
INF, NAN = float("inf"), float("nan")


RARE = 2000  # to one, as LLVM is told; from a hundred on it makes a branch of a select
_I32 = ir.IntType(32)
_BY_WIDTH = {4: FORMATS["f32"], 8: FORMATS["f64"]}


def element_type(dtype: np.dtype[Any], memory: bool = False) -> ir.Type:
    """The LLVM type of one element, in a register or in memory."""
    own = info(dtype)
    if own.complex:
        part = element_type(own.part_dtype)
        return ir.VectorType(part, 2) if memory else ir.LiteralStructType([part, part])
    if own.boolean:
        return ir.IntType(8 if memory else 1)
    if own.floating and not own.half:
        return ir.DoubleType() if own.double else ir.FloatType()
    return ir.IntType(own.bits)


def suffix_of(dtype: np.dtype[Any]) -> str:
    """What LLVM's overloaded functions call an element."""
    own = info(dtype)
    return f"{'f' if own.floating and not own.half else 'i'}{own.bits}"


def declare(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    """The function `name` of `module`, declared on first use."""
    return module.globals.get(name) or ir.Function(module, kind, name)


class Lanes:
    """Values of so many lanes at the position of a builder.

    The builder's block may change while values are computed (a rare path opens blocks), so read
    `builder.block` after a call when you need the current one.
    """

    __slots__ = ("builder", "count")

    def __init__(self, builder: ir.IRBuilder, count: int) -> None:
        self.builder, self.count = builder, count

    def type(self, dtype: np.dtype[Any], memory: bool = False) -> ir.Type:
        """The register (or memory) type of this many elements."""
        element = element_type(dtype, memory)
        if self.count == 1:
            return element
        if not info(dtype).complex:
            return ir.VectorType(element, self.count)
        part = self.type(info(dtype).part_dtype)
        if memory:
            return ir.VectorType(part.element, 2 * self.count)
        return ir.LiteralStructType([part, part])

    def value(self, value: ir.Value, dtype: np.dtype[Any]) -> Value:
        """An LLVM value of this many lanes."""
        return Value(self, value, dtype)

    def constant(self, number: Any, dtype: np.dtype[Any]) -> Value:
        """The same number in every lane; integers wrap to the width of the dtype."""
        own = info(dtype)
        if own.complex:
            number = complex(number)
            parts = (self.constant(x, own.part_dtype) for x in (number.real, number.imag))
            return Value(self, ir.Constant(self.type(dtype), [x.ir for x in parts]), dtype)
        if own.half:
            item: Any = int(np.asarray(number, dtype).view(np.uint16))
        elif own.floating:
            item = float(np.asarray(number).astype(dtype))
        elif own.boolean:
            item = int(bool(number))
        else:
            low, high = own.ints
            item = int(number)
            item = item if own.unsigned else (item - low) % (high - low + 1) + low
        items = item if self.count == 1 else [item] * self.count
        return Value(self, ir.Constant(self.type(dtype), items), dtype)

    def splat(self, value: ir.Value, dtype: np.dtype[Any]) -> Value:
        """A scalar repeated in every lane."""
        if self.count == 1:
            return Value(self, value, dtype)
        if isinstance(value, ir.Constant) and not info(dtype).complex:
            return Value(self, ir.Constant(self.type(dtype), [value.constant] * self.count), dtype)
        if info(dtype).complex:
            one = Value(Lanes(self.builder, 1), value, dtype)
            real, imag = (self.splat(one.part(i).ir, one.part(i).dtype) for i in range(2))
            return self.pair(real, imag)
        start = self.builder.insert_element(
            ir.Constant(self.type(dtype), ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.count), [0] * self.count)
        return Value(self, self.builder.shuffle_vector(start, start, mask), dtype)

    def from_memory(self, raw: ir.Value, dtype: np.dtype[Any]) -> Value:
        """What was loaded, as a value."""
        if dtype == BOOL:
            raw = self.builder.icmp_unsigned("!=", raw, ir.Constant(raw.type, None))
        elif info(dtype).complex:
            return self.pair(*(self._every_other(raw, i, info(dtype).part_dtype) for i in range(2)))
        return Value(self, raw, dtype)

    def _every_other(self, raw: ir.Value, first: int, dtype: np.dtype[Any]) -> Value:
        word = ir.IntType(32)
        if self.count == 1:
            return Value(self, self.builder.extract_element(raw, word(first)), dtype)
        places = ir.Constant(
            ir.VectorType(word, self.count), [2 * i + first for i in range(self.count)]
        )
        return Value(self, self.builder.shuffle_vector(raw, raw, places), dtype)

    def pair(self, real: Value, imag: Value) -> Value:
        """The complex numbers with these parts."""
        dtype = complex_of(real.dtype)
        empty = ir.Constant(self.type(dtype), ir.Undefined)
        made = self.builder.insert_value(empty, real.ir, 0)
        return Value(self, self.builder.insert_value(made, imag.ir, 1), dtype)

    def any(self, mask: Value) -> ir.Value:
        """One i1: whether a bool holds in some lane."""
        if self.count == 1:
            return mask.ir
        kind = ir.FunctionType(ir.IntType(1), [mask.ir.type])
        name = f"llvm.vector.reduce.or.v{self.count}i1"
        return self.builder.call(declare(self.builder.module, name, kind), [mask.ir])


class Value:
    """An LLVM value, the lanes that it belongs to and the dtype that says what it means."""

    __slots__ = ("dtype", "ir", "lanes")

    def __init__(self, lanes: Lanes, value: ir.Value, dtype: np.dtype[Any]) -> None:
        self.lanes, self.ir, self.dtype = lanes, value, dtype

    # ---- What it is

    @property
    def fmt(self) -> Format:
        """The format of the dtype, or of the floating dtype of the same width."""
        return _BY_WIDTH[self.dtype.itemsize]

    @property
    def floating(self) -> bool:
        """Whether an element is a floating-point number."""
        return info(self.dtype).floating

    @property
    def is_double(self) -> bool:
        """Whether an element is a float64."""
        return self.dtype == DOUBLE

    def pick(self, single: Any, double: Any) -> Any:
        """The argument for this element type: coefficients, limits, degrees."""
        return double if self.is_double else single

    def like(self, number: Number) -> Value:
        """A number as a value of this dtype; a value stays as it is."""
        return number if isinstance(number, Value) else self.lanes.constant(number, self.dtype)

    def made(self, value: ir.Value, dtype: np.dtype[Any] | None = None) -> Value:
        """Another value of these lanes, by default of this dtype."""
        return Value(self.lanes, value, self.dtype if dtype is None else dtype)

    def part(self, i: int) -> Value:
        """The real (0) or the imaginary (1) part of a complex number."""
        return self.made(self.lanes.builder.extract_value(self.ir, i), info(self.dtype).part_dtype)

    def to_memory(self) -> ir.Value:
        """The value as it is stored."""
        if info(self.dtype).complex:
            return self._side_by_side(self.part(0).ir, self.part(1).ir)
        if self.dtype != BOOL:
            return self.ir
        return self.lanes.builder.zext(self.ir, self.lanes.type(self.dtype, memory=True))

    def _side_by_side(self, real: ir.Value, imag: ir.Value) -> ir.Value:
        b, count, word = self.lanes.builder, self.lanes.count, ir.IntType(32)
        if count == 1:
            empty = ir.Constant(self.lanes.type(self.dtype, memory=True), ir.Undefined)
            return b.insert_element(b.insert_element(empty, real, word(0)), imag, word(1))
        places = [i + half for i in range(count) for half in (0, count)]
        return b.shuffle_vector(real, imag, ir.Constant(ir.VectorType(word, 2 * count), places))

    # ---- Arithmetic

    def _apply(self, other: Number, floating: str, integer: str, boolean: str = "") -> Value:
        own = info(self.dtype)
        if own.complex:
            return pairs.ARITHMETIC[floating](self, self.like(other))
        name = floating if own.floating else boolean if own.boolean else integer
        assert name and not own.half, f"no such operation on {self.dtype}"
        return self.made(getattr(self.lanes.builder, name)(self.ir, self.like(other).ir))

    def __add__(self, other: Number) -> Value:
        return self._apply(other, "fadd", "add", "or_")

    def __radd__(self, other: float) -> Value:
        return self.like(other) + self

    def __sub__(self, other: Number) -> Value:
        return self._apply(other, "fsub", "sub")

    def __rsub__(self, other: float) -> Value:
        return self.like(other) - self

    def __mul__(self, other: Number) -> Value:
        return self._apply(other, "fmul", "mul", "and_")

    def __rmul__(self, other: float) -> Value:
        return self.like(other) * self

    def __truediv__(self, other: Number) -> Value:
        return self._apply(other, "fdiv", "")

    def __rtruediv__(self, other: float) -> Value:
        return self.like(other) / self

    def __neg__(self) -> Value:
        b = self.lanes.builder
        if info(self.dtype).complex:
            return pairs.negative(self)
        return self.made(b.fneg(self.ir) if self.floating else b.neg(self.ir))

    def __abs__(self) -> Value:
        if self.floating:
            return self.intrinsic("fabs")
        if info(self.dtype).complex:
            return pairs.modulus(self)
        return (self < 0).select(-self, self) if info(self.dtype).signed else self

    def __and__(self, other: Number) -> Value:
        return self._apply(other, "", "and_", "and_")

    def __or__(self, other: Number) -> Value:
        return self._apply(other, "", "or_", "or_")

    def __xor__(self, other: Number) -> Value:
        return self._apply(other, "", "xor", "xor")

    def __invert__(self) -> Value:
        return self.made(self.lanes.builder.not_(self.ir))

    def __lshift__(self, count: Number) -> Value:
        """Counts beyond the width give any number: see ``scalars.py`` for NumPy's shift."""
        return self._apply(count, "", "shl")

    def __rshift__(self, count: Number) -> Value:
        """Arithmetic for signed integers, logical for others."""
        return self._apply(count, "", "ashr" if info(self.dtype).signed else "lshr")

    def logical_shift_right(self, count: Number) -> Value:
        """With zeros from the left."""
        return self._apply(count, "", "lshr")

    def intrinsic(self, name: str, *others: Number) -> Value:
        """An LLVM intrinsic that is overloaded on this type alone."""
        lanes, kind = self.lanes, self.ir.type
        suffix = suffix_of(self.dtype)
        full = f"llvm.{name}.{suffix if lanes.count == 1 else f'v{lanes.count}{suffix}'}"
        args = [self.ir, *(self.like(x).ir for x in others)]
        fn = declare(lanes.builder.module, full, ir.FunctionType(kind, [kind] * len(args)))
        return self.made(lanes.builder.call(fn, args))

    # ---- Comparisons

    def compare(self, symbol: str, other: Number) -> Value:
        """``<`` and so on; with NaN all are false but ``!=``."""
        if info(self.dtype).complex:
            return pairs.compare(symbol, self, self.like(other))
        b, right = self.lanes.builder, self.like(other).ir
        if self.floating:
            of_kind = b.fcmp_unordered if symbol == "!=" else b.fcmp_ordered
        else:
            of_kind = b.icmp_signed if info(self.dtype).signed else b.icmp_unsigned
        return self.made(of_kind(symbol, self.ir, right), BOOL)

    def __lt__(self, other: Number) -> Value:
        return self.compare("<", other)

    def __le__(self, other: Number) -> Value:
        return self.compare("<=", other)

    def __gt__(self, other: Number) -> Value:
        return self.compare(">", other)

    def __ge__(self, other: Number) -> Value:
        return self.compare(">=", other)

    def equals(self, other: Number) -> Value:
        """Equality: false where either side is NaN."""
        return self.compare("==", other)

    def is_nan(self) -> Value:
        """Whether it, or a part of it, is a NaN; false for dtypes without one."""
        if info(self.dtype).complex:
            return self.part(0).is_nan() | self.part(1).is_nan()
        if not self.floating:
            return self.lanes.constant(False, BOOL)
        return self.made(self.lanes.builder.fcmp_unordered("uno", self.ir, self.ir), BOOL)

    def nonzero(self) -> Value:
        """Its truth value, as Python has it: NaN is true."""
        if self.dtype == BOOL:
            return self
        if info(self.dtype).complex:
            return pairs.compare("!=", self, self.like(0))
        b, zero = self.lanes.builder, self.like(0).ir
        if self.floating:
            return self.made(b.fcmp_unordered("!=", self.ir, zero), BOOL)
        return self.made(b.icmp_signed("!=", self.ir, zero), BOOL)

    def select(self, yes: Value, no: Number, rare: bool = False) -> Value:
        """``yes`` where this bool holds, else ``no``. ``rare``: it nearly never does; then one lane
        becomes a branch, and what is computed from ``no`` does not wait for the test."""
        if info(yes.dtype).complex:
            parts = [(yes.part(i), yes.like(no).part(i)) for i in range(2)]
            return self.lanes.pair(*(self.select(*pair, rare=rare) for pair in parts))
        b = self.lanes.builder
        chosen = b.select(self.ir, yes.ir, yes.like(no).ir)
        if rare and self.lanes.count == 1:
            weights = [ir.MetaDataString(b.module, "branch_weights"), _I32(1), _I32(RARE)]
            chosen.set_metadata("prof", b.module.add_metadata(weights))
        return yes.made(chosen)

    # ---- Bits and conversions

    def bits(self) -> Value:
        """The bits of a floating value as signed integers of its width."""
        dtype = np.dtype(f"i{self.dtype.itemsize}")
        return self.made(self.lanes.builder.bitcast(self.ir, self.lanes.type(dtype)), dtype)

    def real(self) -> Value:
        """The bits of an integer reread as floating point."""
        dtype = np.dtype(f"f{self.dtype.itemsize}")
        return self.made(self.lanes.builder.bitcast(self.ir, self.lanes.type(dtype)), dtype)

    def to_real(self) -> Value:
        """A signed integer converted to floating point of its width; exact below 2**mantissa."""
        return self.cast(np.dtype(f"f{self.dtype.itemsize}"))

    def sign(self) -> Value:
        """The sign bit in place, all other bits zero, as an integer."""
        return self.bits() & self.fmt.sign_bit

    def with_sign(self, sign: Value) -> Value:
        """A magnitude (sign bit clear) given the sign bit of `sign`."""
        bit = sign.sign() if sign.floating else sign
        return (self.bits() | bit).real()

    def flipped_by(self, sign: Value) -> Value:
        """Negated where the in-place sign bit `sign` is set."""
        return (self.bits() ^ sign).real()

    def polynomial(self, coefficients: Sequence[float]) -> Value:
        """sum c[k] x**k by Horner's rule, one fma a coefficient; constant term first."""
        result = self.like(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            result = result.intrinsic("fma", self, c)
        return result

    def wide(self) -> Value:
        """The same lanes in float64."""
        return self.cast(np.dtype(np.float64))

    def narrow(self, like: Value) -> Value:
        """These float64 lanes rounded to the dtype of another value."""
        return self.cast(like.dtype)

    def cast(self, dtype: np.dtype[Any]) -> Value:
        """Convert as NumPy's ``astype``; floating to integer is not supported here."""
        if self.dtype == dtype:
            return self
        source, target = info(self.dtype), info(dtype)
        if source.half:
            return widen(self).cast(dtype)
        if target.boolean:
            return self.nonzero()
        if source.complex or target.complex:
            return self._cast_parts(target)
        if target.half:
            return narrow(self if source.floating else self.cast(SINGLE), dtype)
        b, kind = self.lanes.builder, self.lanes.type(dtype)
        wider = target.bits > source.bits
        if source.floating:
            assert target.floating, "a cast of floating to integer may fail"
            made = b.fpext(self.ir, kind) if wider else b.fptrunc(self.ir, kind)
        elif target.floating:
            made = b.sitofp(self.ir, kind) if source.signed else b.uitofp(self.ir, kind)
        elif source.boolean or (source.unsigned and wider):
            made = b.zext(self.ir, kind)
        elif wider:
            made = b.sext(self.ir, kind)
        else:
            made = b.trunc(self.ir, kind) if target.bits < source.bits else self.ir
        return self.made(made, dtype)

    def truncated(self, dtype: np.dtype[Any]) -> Value:
        """Cast a floating number to an integer dtype, rounded to zero.

        What does not fit gives what NumPy gives on x86: conversions are those of int32 (int64 for
        uint32 and 64 bits), which have the least number for what is beyond them, cut to the width;
        for uint64 numbers from 2**63 on are shifted by that.
        """
        own = info(dtype)
        if own.short == "u64":
            far = self >= 2.0**63
            rest = far.select(self - 2.0**63, self).truncated(INT64)
            return (rest ^ far.select(rest.like(-(2**63)), rest.like(0))).cast(dtype)
        via = INT64 if own.short in ("u32", "i64") else INT32
        limit = 2.0 ** (8 * via.itemsize - 1)
        inside = (self < limit) & (self > -limit - 1.0 if via == INT32 else self >= -limit)
        b = self.lanes.builder
        safe = inside.select(self, 0.0)
        whole = self.made(b.fptosi(safe.ir, self.lanes.type(via)), via)
        return inside.select(whole, info(via).ints[0]).cast(dtype)

    def _cast_parts(self, target: DTypeInfo) -> Value:
        """To or from complex: a real number has no imaginary part."""
        if not info(self.dtype).complex:
            real = self.cast(target.part_dtype)
            return self.lanes.pair(real, real.like(0.0))
        if not target.complex:
            return self.part(0).cast(target.dtype)
        return self.lanes.pair(*(self.part(i).cast(target.part_dtype) for i in range(2)))


Number = Value | float
