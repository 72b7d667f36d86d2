"""float16 and bfloat16 in registers: their bits, as 16-bit integers, and conversions of them.

Rounding is to nearest, ties to even; what is too large becomes infinite, a NaN stays one. A CPU
with F16C converts float16 by instructions, which LLVM writes for ``fpext`` and ``fptrunc``; on
others those would be calls of a library, so integer arithmetic gives the same bits. bfloat16 is
always converted by integers: AVX512-BF16 rounds subnormal numbers to zero.

Source of the integer conversions: IEEE 754 sections 3.4 and 4.3.1; a subnormal float16 is rounded
by adding 1/2, whose last place in float32 is float16's smallest number. float64 goes to float16 by
way of float32, rounded to odd there (Boldo and Melquiond, Emulation of FMA and correctly rounded
sums, 2008), so that only the second rounding counts.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from llvmlite import ir

from .codegen import generator

if TYPE_CHECKING:
    from .lanes import Value

__all__ = ["narrow", "widen"]

FLOAT16, SINGLE, DOUBLE = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
INT32 = np.dtype("int32")
SIGN, INFINITE, QUIET = 0x80000000, 0x7F800000, 0x00400000  # of float32
LIMIT = 0x47800000  # 2**16, which no float16 is near
NORMAL = 0x38800000  # 2**-14, the smallest normal float16
HALF = 0x3F000000  # 1/2
SHIFT = 13  # bits of a float32's significand that float16 has not
REBIAS = (127 - 15) << 23


@functools.cache
def _by_instructions() -> bool:
    return "+f16c" in generator()._get_host_cpu_features()


def widen(x: Value) -> Value:
    """A half as float32, exactly."""
    if x.dtype != FLOAT16:
        return (_word(x) << 16).real()
    if _by_instructions():
        return x.made(x.lanes.builder.fpext(_as_half(x), x.lanes.type(SINGLE)), SINGLE)
    bits = _word(x)
    magnitude = (bits & 0x7FFF) << SHIFT
    scaled = (magnitude.real() * 2.0**112).bits()  # the exponent's bias; right for subnormals too
    special = magnitude.compare(">=", 0x7C00 << SHIFT)
    loaded = special.select(scaled | INFINITE, scaled)
    loaded = magnitude.compare(">", 0x7C00 << SHIFT).select(loaded | QUIET, loaded)
    return (loaded | ((bits & 0x8000) << 16)).real()


def narrow(x: Value, dtype: np.dtype[np.generic]) -> Value:
    """A float32 or float64 rounded to a half."""
    if dtype != FLOAT16:
        return _to_bfloat(x.cast(SINGLE), dtype)
    x = _to_odd(x) if x.dtype == DOUBLE else x
    if _by_instructions():
        half = x.lanes.builder.fptrunc(x.ir, _type_of_halves(x))
        return x.made(x.lanes.builder.bitcast(half, x.lanes.type(dtype)), dtype)
    bits = x.bits()
    magnitude = bits & 0x7FFFFFFF
    rounded = (magnitude + 0xFFF + ((magnitude >> SHIFT) & 1) - REBIAS) >> SHIFT
    tiny = (magnitude.real() + 0.5).bits() - HALF
    found = magnitude.compare("<", NORMAL).select(tiny, rounded)
    found = magnitude.compare(">=", LIMIT).select(found.like(0x7C00), found)
    nan = ((magnitude >> SHIFT) & 0x1FF) | 0x7E00
    found = magnitude.compare(">", INFINITE).select(nan, found)
    return _short(found | (bits.logical_shift_right(16) & 0x8000), dtype)


def _to_bfloat(x: Value, dtype: np.dtype[np.generic]) -> Value:
    bits = x.bits()
    rounded = (bits + 0x7FFF + (bits.logical_shift_right(16) & 1)).logical_shift_right(16)
    nan = (bits.logical_shift_right(16) & 0x8000) | 0x7FC0
    return _short(x.is_nan().select(nan, rounded), dtype)


def _to_odd(x: Value) -> Value:
    """A float64 as float32, rounded to the neighbour whose last bit is 1 if it is between two."""
    near = x.cast(SINGLE)
    back = near.cast(DOUBLE)
    bits = near.bits()
    down = abs(back).compare(">", abs(x)).cast(INT32)
    between = back.compare("!=", x) & ~x.is_nan()
    return between.select((bits - down) | 1, bits).real()


def _word(x: Value) -> Value:
    """The bits in 32-bit integers."""
    return x.made(x.lanes.builder.zext(x.ir, x.lanes.type(INT32)), INT32)


def _short(x: Value, dtype: np.dtype[np.generic]) -> Value:
    return x.made(x.lanes.builder.trunc(x.ir, x.lanes.type(dtype)), dtype)


def _type_of_halves(x: Value) -> ir.Type:
    count = x.lanes.count
    return ir.HalfType() if count == 1 else ir.VectorType(ir.HalfType(), count)


def _as_half(x: Value) -> ir.Value:
    return x.lanes.builder.bitcast(x.ir, _type_of_halves(x))
