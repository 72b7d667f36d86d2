"""Complex numbers in registers: pairs of real values.

A complex ``Value`` holds a structure of its real and its imaginary part. Products and quotients are
NumPy's: the product is the plain formula, without C99's recovery of infinities (Annex G), so
``(inf + 0j) * 1j`` has a NaN in both modes; the quotient is Smith's (Algorithm 116: Complex
division, 1962). ``complexmath/`` has the functions that are no arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dtypes import info

if TYPE_CHECKING:
    from .lanes import Value

__all__ = [
    "ARITHMETIC", "FUNCTIONS", "INF", "OF_REAL", "call", "compare", "infinite", "modulus", "pair",
    "parts", "square",
]  # fmt: skip

DOUBLE = np.dtype("float64")
INF = float("inf")
# Above the first number squares are scaled by the second, below the third by the fourth.
DOUBLE_SCALES = (2.0**500, 2.0**-512, 2.0**-500, 2.0**900)
SINGLE_SCALES = (2.0**62, 2.0**-66, 2.0**-50, 2.0**90)


def add(x: Value, y: Value) -> Value:
    """Part by part."""
    return pair(_real(x) + _real(y), _imag(x) + _imag(y))


def subtract(x: Value, y: Value) -> Value:
    """Part by part."""
    return pair(_real(x) - _real(y), _imag(x) - _imag(y))


def multiply(x: Value, y: Value) -> Value:
    """Four products; an infinity times a zero is NaN."""
    (a, b), (c, d) = parts(x), parts(y)
    return pair(a * c - b * d, a * d + b * c)


def divide(x: Value, y: Value) -> Value:
    """Smith's quotient: the smaller part of the divisor in units of the larger."""
    (a, b), (c, d) = parts(x), parts(y)
    first = abs(c).compare(">=", abs(d))
    large, small = first.select(c, d), first.select(d, c)
    ratio = small / large
    scale = 1.0 / (large + small * ratio)
    real = first.select(a + b * ratio, a * ratio + b) * scale
    imag = first.select(b - a * ratio, b * ratio - a) * scale
    zero = abs(c).equals(0.0) & abs(d).equals(0.0)
    return pair(zero.select(a / abs(c), real), zero.select(b / abs(c), imag))


def negative(x: Value) -> Value:
    """Both parts."""
    return pair(-_real(x), -_imag(x))


def compare(symbol: str, x: Value, y: Value) -> Value:
    """``==`` or ``!=``."""
    assert symbol in ("==", "!="), "complex numbers have no order"
    same = _real(x).equals(_real(y)) & _imag(x).equals(_imag(y))
    return same if symbol == "==" else ~same


def modulus(x: Value) -> Value:
    """The absolute value: infinite if a part is, whatever the other is."""
    a, b = parts(x)
    squared, back = square(a, b) if a.is_double else scaled_square(a, b, SINGLE_SCALES)
    size = squared.intrinsic("sqrt") * back
    return infinite(a, b).select(size.like(INF), size).cast(a.dtype)


def parts(x: Value) -> tuple[Value, Value]:
    """The real and the imaginary part."""
    return _real(x), _imag(x)


def _real(x: Value) -> Value:
    return x.part(0)


def _imag(x: Value) -> Value:
    return x.part(1)


def pair(real: Value, imag: Value) -> Value:
    """The complex number with these parts."""
    return real.lanes.pair(real, imag)


def call(name: str, *args: Value) -> Value:
    """A function of real values."""
    from .vecmath import FUNCTIONS as REAL  # noqa: PLC0415  (it is written over these values)

    return REAL[name].build(*args)


def infinite(a: Value, b: Value) -> Value:
    """Whether one of two parts is infinite."""
    return abs(a).equals(INF) | abs(b).equals(INF)


def square(a: Value, b: Value) -> tuple[Value, Value]:
    """The squared modulus in double precision, and what its root is to be multiplied by."""
    if not a.is_double:
        a, b = a.cast(DOUBLE), b.cast(DOUBLE)
        return a.intrinsic("fma", a, b * b), a.like(1.0)
    return scaled_square(a, b, DOUBLE_SCALES)


def scaled_square(a: Value, b: Value, scales: tuple[float, ...]) -> tuple[Value, Value]:
    """The same in the dtype of the parts, in a range where squares neither overflow nor vanish."""
    above, down, below, up = scales
    most = abs(a).compare(">", abs(b)).select(abs(a), abs(b))
    high, low = most > above, most < below
    scale = high.select(a.like(down), low.select(a.like(up), 1.0))
    back = high.select(a.like(1 / down), low.select(a.like(1 / up), 1.0))
    a, b = a * scale, b * scale
    return a.intrinsic("fma", a, b * b), back


def conj(x: Value) -> Value:
    """The imaginary part with the other sign; a real value stays."""
    return pair(_real(x), -_imag(x)) if info(x.dtype).complex else x


def real(x: Value) -> Value:
    """The real part."""
    return _real(x) if info(x.dtype).complex else x


def imag(x: Value) -> Value:
    """The imaginary part, 0 of a real value."""
    return _imag(x) if info(x.dtype).complex else x.like(0)


def angle(x: Value) -> Value:
    """The argument, of a real value 0 or pi."""
    a, b = parts(x) if info(x.dtype).complex else (x, x.like(0.0))
    return call("atan2", b, a)


def nearest(x: Value) -> Value:
    """Both parts as integers, ties to even."""
    return pair(*(call("round", part) for part in parts(x)))


def is_inf(x: Value) -> Value:
    """Whether a part is infinite."""
    return infinite(*parts(x))


def is_finite(x: Value) -> Value:
    """Whether both parts are."""
    a, b = parts(x)
    return (abs(a) < INF) & (abs(b) < INF)


ARITHMETIC: Mapping[str, Callable[[Value, Value], Value]] = {
    "fadd": add, "fsub": subtract, "fmul": multiply, "fdiv": divide,
}  # fmt: skip
OF_REAL = frozenset({"conj", "real", "imag", "angle", "pair"})  # functions of real values, too
# What kernels call on complex values, besides ``complexmath``.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": modulus, "angle": angle, "conj": conj, "imag": imag, "isfinite": is_finite,
    "isinf": is_inf, "pair": pair, "real": real, "round": nearest,
}  # fmt: skip
