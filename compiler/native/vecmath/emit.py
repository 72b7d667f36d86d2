"""Arithmetic on LLVM values, written with operators.

An `Emitter` fixes an element type (float32 or float64) and a lane count; `Real`, `Int` and `Mask`
wrap LLVM values of that shape, so that an algorithm reads as its formula and the same text builds
scalar code (one lane) and explicit vector code. Integers have the width of the element type.

Invariants: no instruction carries a fast-math flag, so error-free transformations hold and NaN,
infinities and signed zeros survive; `fma` is always the single-rounding `llvm.fma` (on a target
without the instruction LLVM calls the C library's `fma`: correct, and slow).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir


@dataclass(frozen=True)
class Format:
    """The numbers that describe an IEEE 754 binary interchange format.

    `mantissa` counts the stored bits, `magic` is 1.5 * 2**mantissa: adding it rounds to an
    integer and leaves that integer in the low bits.
    """

    bits: int
    mantissa: int
    bias: int

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def magic_bits(self) -> int:
        return (self.bias + self.mantissa << self.mantissa) | 1 << (self.mantissa - 1)

    @property
    def sign_bit(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def huge(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0**-self.mantissa) * 2.0**self.bias


FORMATS = {32: Format(32, 23, 127), 64: Format(64, 52, 1023)}
INF = float("inf")
NAN = float("nan")


class Emitter:
    """Builds instructions at the position of `builder` for one element type and lane count.

    The builder's current block may change (`where_any` opens blocks), so a caller that adds phi
    nodes must read `builder.block` after the call, not before.

    Raises ValueError for a dtype other than float32 and float64 or for fewer than one lane.
    """

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype[Any], lanes: int) -> None:
        dtype = np.dtype(dtype)
        if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"vector mathematics needs float32 or float64, not {dtype}")
        if lanes < 1:
            raise ValueError(f"the lane count must be at least 1, not {lanes}")
        self.builder, self.lanes = builder, lanes
        self.fmt = FORMATS[dtype.itemsize * 8]
        self.is_double = self.fmt.bits == 64
        self.element = ir.DoubleType() if self.is_double else ir.FloatType()
        self.real_type = self.shaped(self.element)
        self.int_type = self.shaped(ir.IntType(self.fmt.bits))

    def shaped(self, element: ir.Type) -> ir.Type:
        """`element` itself for one lane, else the vector of it."""
        return element if self.lanes == 1 else ir.VectorType(element, self.lanes)

    def constant(self, kind: ir.Type, element: Any) -> ir.Constant:
        return ir.Constant(kind, element if self.lanes == 1 else [element] * self.lanes)

    def real(self, x: Real | float) -> Real:
        """`x` as a Real; a Python number becomes a constant, rounded to the element type."""
        if isinstance(x, Real):
            return x
        return Real(self, self.constant(self.real_type, float(x)))

    def int(self, x: Int | int) -> Int:
        """`x` as an Int; a Python integer becomes a constant, wrapped to the element's width."""
        if isinstance(x, Int):
            return x
        half = self.fmt.sign_bit
        return Int(self, self.constant(self.int_type, (x + half) % (2 * half) - half))

    def pick(self, single: Any, double: Any) -> Any:
        """The argument for this element type: coefficients, limits, degrees."""
        return double if self.is_double else single

    def intrinsic(self, name: str, *args: ir.Value) -> ir.Value:
        """Call an LLVM intrinsic that is overloaded on the real type alone."""
        scalar = "f64" if self.is_double else "f32"
        suffix = scalar if self.lanes == 1 else f"v{self.lanes}{scalar}"
        kind = ir.FunctionType(self.real_type, [self.real_type] * len(args))
        return self.builder.call(declare(self.builder.module, f"llvm.{name}.{suffix}", kind), args)

    def any(self, mask: Mask) -> ir.Value:
        """One i1: whether the mask holds in some lane."""
        if self.lanes == 1:
            return mask.ir
        kind = ir.FunctionType(ir.IntType(1), [mask.ir.type])
        name = f"llvm.vector.reduce.or.v{self.lanes}i1"
        return self.builder.call(declare(self.builder.module, name, kind), [mask.ir])

    def widened(self) -> Emitter:
        """The float64 emitter with the same lanes."""
        return Emitter(self.builder, np.dtype(np.float64), self.lanes)


def declare(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    """The function `name` of `module`, declared on first use."""
    return module.globals.get(name) or ir.Function(module, kind, name)


class Real:
    """Floating-point lanes; operators take another Real or a Python number."""

    __slots__ = ("em", "ir")

    def __init__(self, em: Emitter, value: ir.Value) -> None:
        self.em, self.ir = em, value

    def __add__(self, other: Real | float) -> Real:
        return Real(self.em, self.em.builder.fadd(self.ir, self.em.real(other).ir))

    def __radd__(self, other: float) -> Real:
        return self.em.real(other) + self

    def __sub__(self, other: Real | float) -> Real:
        return Real(self.em, self.em.builder.fsub(self.ir, self.em.real(other).ir))

    def __rsub__(self, other: float) -> Real:
        return self.em.real(other) - self

    def __mul__(self, other: Real | float) -> Real:
        return Real(self.em, self.em.builder.fmul(self.ir, self.em.real(other).ir))

    def __rmul__(self, other: float) -> Real:
        return self.em.real(other) * self

    def __truediv__(self, other: Real | float) -> Real:
        return Real(self.em, self.em.builder.fdiv(self.ir, self.em.real(other).ir))

    def __rtruediv__(self, other: float) -> Real:
        return self.em.real(other) / self

    def __neg__(self) -> Real:
        return Real(self.em, self.em.builder.fneg(self.ir))

    def __abs__(self) -> Real:
        return Real(self.em, self.em.intrinsic("fabs", self.ir))

    def _compare(self, op: str, other: Real | float) -> Mask:
        right = self.em.real(other).ir
        return Mask(self.em, self.em.builder.fcmp_ordered(op, self.ir, right))

    def __lt__(self, other: Real | float) -> Mask:
        return self._compare("<", other)

    def __le__(self, other: Real | float) -> Mask:
        return self._compare("<=", other)

    def __gt__(self, other: Real | float) -> Mask:
        return self._compare(">", other)

    def __ge__(self, other: Real | float) -> Mask:
        return self._compare(">=", other)

    def equals(self, other: Real | float) -> Mask:
        """Ordered equality: false where either side is NaN."""
        return self._compare("==", other)

    def is_nan(self) -> Mask:
        return Mask(self.em, self.em.builder.fcmp_unordered("uno", self.ir, self.ir))

    def bits(self) -> Int:
        return Int(self.em, self.em.builder.bitcast(self.ir, self.em.int_type))

    def sign(self) -> Int:
        """The sign bit in place, all other bits zero."""
        return self.bits() & self.em.fmt.sign_bit

    def with_sign(self, sign: Real | Int) -> Real:
        """A magnitude (sign bit clear) given the sign bit of `sign`."""
        bit = sign.sign() if isinstance(sign, Real) else sign
        return (self.bits() | bit).real()

    def flipped_by(self, sign: Int) -> Real:
        """Negated where the in-place sign bit `sign` is set."""
        return (self.bits() ^ sign).real()

    def polynomial(self, coefficients: Sequence[float]) -> Real:
        """sum c[k] x**k by Horner's rule, one fma a coefficient; constant term first."""
        em = self.em
        result = em.real(coefficients[-1]).ir
        for c in reversed(coefficients[:-1]):
            result = em.intrinsic("fma", result, self.ir, em.real(c).ir)
        return Real(em, result)

    def wide(self) -> Real:
        """The same lanes in float64."""
        em = self.em.widened()
        return self if self.em.is_double else Real(em, em.builder.fpext(self.ir, em.real_type))

    def narrow(self, em: Emitter) -> Real:
        """These float64 lanes rounded to the element type of `em`."""
        return self if em.is_double else Real(em, em.builder.fptrunc(self.ir, em.real_type))


class Int:
    """Integer lanes of the element's width; arithmetic wraps, comparison is signed."""

    __slots__ = ("em", "ir")

    def __init__(self, em: Emitter, value: ir.Value) -> None:
        self.em, self.ir = em, value

    def _apply(self, op: str, other: Int | int) -> Int:
        return Int(self.em, getattr(self.em.builder, op)(self.ir, self.em.int(other).ir))

    def __add__(self, other: Int | int) -> Int:
        return self._apply("add", other)

    def __sub__(self, other: Int | int) -> Int:
        return self._apply("sub", other)

    def __mul__(self, other: Int | int) -> Int:
        return self._apply("mul", other)

    def __and__(self, other: Int | int) -> Int:
        return self._apply("and_", other)

    def __or__(self, other: Int | int) -> Int:
        return self._apply("or_", other)

    def __xor__(self, other: Int | int) -> Int:
        return self._apply("xor", other)

    def __lshift__(self, other: int) -> Int:
        return self._apply("shl", other)

    def __rshift__(self, other: int) -> Int:
        """Arithmetic shift."""
        return self._apply("ashr", other)

    def logical_shift_right(self, count: int) -> Int:
        return self._apply("lshr", count)

    def _compare(self, op: str, other: Int | int) -> Mask:
        right = self.em.int(other).ir
        return Mask(self.em, self.em.builder.icmp_signed(op, self.ir, right))

    def __lt__(self, other: Int | int) -> Mask:
        return self._compare("<", other)

    def __gt__(self, other: Int | int) -> Mask:
        return self._compare(">", other)

    def equals(self, other: Int | int) -> Mask:
        return self._compare("==", other)

    def real(self) -> Real:
        """The bits reread as floating point."""
        return Real(self.em, self.em.builder.bitcast(self.ir, self.em.real_type))

    def to_real(self) -> Real:
        """The value converted to floating point; exact below 2**mantissa."""
        return Real(self.em, self.em.builder.sitofp(self.ir, self.em.real_type))


class Mask:
    """One bit a lane."""

    __slots__ = ("em", "ir")

    def __init__(self, em: Emitter, value: ir.Value) -> None:
        self.em, self.ir = em, value

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.em, self.em.builder.and_(self.ir, other.ir))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.em, self.em.builder.or_(self.ir, other.ir))

    def __xor__(self, other: Mask) -> Mask:
        return Mask(self.em, self.em.builder.xor(self.ir, other.ir))

    def __invert__(self) -> Mask:
        return Mask(self.em, self.em.builder.not_(self.ir))
