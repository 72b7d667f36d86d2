"""Complex numbers in registers: pairs of real values.

A complex ``Value`` holds a structure of its real and its imaginary part. Products and quotients are
NumPy's: the product is the plain formula, without C99's recovery of infinities (Annex G), so
``(inf + 0j) * 1j`` has a NaN in both modes; the quotient is Smith's (Algorithm 116: Complex
division, 1962). ``exp``, ``log`` and ``sqrt`` have C99's values at infinities, zeros and signs.

Sources: the logarithm next to 1 takes ``log1p`` of ``|z|**2 - 1``, summed without rounding (Dekker
1971, Knuth 4.2.2); the square root is Kahan's (Branch cuts for complex elementary functions, 1987).
Errors are within a few units in the last place of the modulus: a part that cancels against the
other's size may have none of its own digits right, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dtypes import info

if TYPE_CHECKING:
    from .lanes import Value

__all__ = ["ARITHMETIC", "FUNCTIONS", "OF_REAL", "compare", "modulus"]

DOUBLE = np.dtype("float64")
INF = float("inf")
LARGE, STEP = 2.0**500, 2.0**512  # beyond: scaled, so that squares are in range


def add(x: Value, y: Value) -> Value:
    """Part by part."""
    return _pair(_real(x) + _real(y), _imag(x) + _imag(y))


def subtract(x: Value, y: Value) -> Value:
    """Part by part."""
    return _pair(_real(x) - _real(y), _imag(x) - _imag(y))


def multiply(x: Value, y: Value) -> Value:
    """Four products; an infinity times a zero is NaN."""
    (a, b), (c, d) = parts(x), parts(y)
    return _pair(a * c - b * d, a * d + b * c)


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
    return _pair(zero.select(a / abs(c), real), zero.select(b / abs(c), imag))


def negative(x: Value) -> Value:
    """Both parts."""
    return _pair(-_real(x), -_imag(x))


def compare(symbol: str, x: Value, y: Value) -> Value:
    """``==`` or ``!=``."""
    assert symbol in ("==", "!="), "complex numbers have no order"
    same = _real(x).equals(_real(y)) & _imag(x).equals(_imag(y))
    return same if symbol == "==" else ~same


def modulus(x: Value) -> Value:
    """The absolute value: infinite if a part is, whatever the other is."""
    a, b = parts(x)
    square, back = _square(a, b)
    size = square.intrinsic("sqrt") * back
    return _infinite(a, b).select(size.like(INF), size).cast(a.dtype)


def exp(x: Value) -> Value:
    """``e**re * (cos(im) + i sin(im))``; parts that are in range are not lost where ``e**re`` is
    not."""
    a, b = parts(x)
    limit, far = a.pick(80.0, 700.0), a.pick(64.0, 640.0)
    high, low = a > limit, a < -limit
    shift = high.select(a.like(far), low.select(a.like(-far), 0.0))
    factor = high.select(a.like(np.exp(far)), low.select(a.like(np.exp(-far)), 1.0))
    size = _call("exp", a - shift)
    real = size * _call("cos", b) * factor
    imag = size * _call("sin", b) * factor
    loose = ~(abs(b) < INF)  # an angle that is infinite or NaN
    gone, endless = a.equals(-INF) & loose, a.equals(INF) & loose
    real = gone.select(a.like(0.0), endless.select(a, real))
    imag = (gone | b.equals(0.0)).select(a.like(0.0).with_sign(b), imag)
    return _pair(real, imag)


def log(x: Value) -> Value:
    """The logarithm of the modulus, and the angle."""
    a, b = parts(x)
    return _pair(_log_modulus(a, b), _call("atan2", b, a))


def sqrt(x: Value) -> Value:
    """The root with a real part that is not negative."""
    a, b = parts(x)
    square, back = _square(a, b)
    size = square.intrinsic("sqrt")
    size = _infinite(a, b).select(size.like(INF), size)
    scaled = abs(a).cast(size.dtype) / back
    large = ((scaled + size) * 0.5).intrinsic("sqrt") * back.intrinsic("sqrt")
    ratio = abs(b).cast(size.dtype) / (large + large)
    large, small = (
        large.cast(a.dtype),
        large.equals(0.0).select(ratio.like(0.0), ratio).cast(a.dtype),
    )
    right = ~(a < 0.0)
    real = right.select(large, small)
    imag = right.select(small, large).with_sign(b)
    wide = abs(b).equals(INF)
    return _pair(wide.select(a.like(INF), real), wide.select(b, imag))


def parts(x: Value) -> tuple[Value, Value]:
    """The real and the imaginary part."""
    return _real(x), _imag(x)


def _real(x: Value) -> Value:
    return x.part(0)


def _imag(x: Value) -> Value:
    return x.part(1)


def _pair(real: Value, imag: Value) -> Value:
    return real.lanes.pair(real, imag)


def _call(name: str, *args: Value) -> Value:
    from .vecmath import FUNCTIONS as REAL  # noqa: PLC0415  (it is written over these values)

    return REAL[name].build(*args)


def _infinite(a: Value, b: Value) -> Value:
    return abs(a).equals(INF) | abs(b).equals(INF)


def _square(a: Value, b: Value) -> tuple[Value, Value]:
    """The squared modulus in double precision, and what its root is to be multiplied by."""
    if not a.is_double:
        a, b = a.cast(DOUBLE), b.cast(DOUBLE)
        return a.intrinsic("fma", a, b * b), a.like(1.0)
    most = abs(a).compare(">", abs(b)).select(abs(a), abs(b))
    high, low = most > LARGE, most < 1 / LARGE
    scale = high.select(a.like(1 / STEP), low.select(a.like(STEP), 1.0))
    back = high.select(a.like(STEP), low.select(a.like(1 / STEP), 1.0))
    a, b = a * scale, b * scale
    return a.intrinsic("fma", a, b * b), back


def _log_modulus(a: Value, b: Value) -> Value:
    square, back = _square(a, b)
    far = _call("log", square) * 0.5 + _call("log", back)
    x, y = abs(a).cast(DOUBLE), abs(b).cast(DOUBLE)
    first = x > y
    x, y = first.select(x, y), first.select(y, x)
    near = _call("log1p", _square_less_one(x, y)) * 0.5
    found = ((square > 0.5) & (square < 2.0) & back.equals(1.0)).select(near, far)
    return _infinite(a, b).select(found.like(INF), found).cast(a.dtype)


def _square_less_one(x: Value, y: Value) -> Value:
    """``x**2 + y**2 - 1`` for ``x >= y`` and a sum between 1/2 and 2."""
    p, q = x * x, y * y
    rest = x.intrinsic("fma", x, -p) + y.intrinsic("fma", y, -q)
    p = p - 1.0  # exact
    total = p + q
    added = total - p
    return total + (((p - (total - added)) + (q - added)) + rest)


def conj(x: Value) -> Value:
    """The imaginary part with the other sign; a real value stays."""
    return _pair(_real(x), -_imag(x)) if info(x.dtype).complex else x


def real(x: Value) -> Value:
    """The real part."""
    return _real(x) if info(x.dtype).complex else x


def imag(x: Value) -> Value:
    """The imaginary part, 0 of a real value."""
    return _imag(x) if info(x.dtype).complex else x.like(0)


def angle(x: Value) -> Value:
    """The argument, of a real value 0 or pi."""
    a, b = parts(x) if info(x.dtype).complex else (x, x.like(0.0))
    return _call("atan2", b, a)


def is_inf(x: Value) -> Value:
    """Whether a part is infinite."""
    return _infinite(*parts(x))


def is_finite(x: Value) -> Value:
    """Whether both parts are."""
    a, b = parts(x)
    return (abs(a) < INF) & (abs(b) < INF)


ARITHMETIC: Mapping[str, Callable[[Value, Value], Value]] = {
    "fadd": add, "fsub": subtract, "fmul": multiply, "fdiv": divide,
}  # fmt: skip
OF_REAL = frozenset({"conj", "real", "imag", "angle", "pair"})  # functions of real values, too
# What kernels call on complex values.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "conj": conj, "real": real, "imag": imag, "angle": angle, "pair": _pair, "abs": modulus,
    "exp": exp, "log": log, "sqrt": sqrt, "isinf": is_inf, "isfinite": is_finite,
}  # fmt: skip
