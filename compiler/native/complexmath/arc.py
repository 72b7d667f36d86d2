"""The inverses of the circular and hyperbolic functions, by Kahan's formulas.

In each of them the square roots of ``1 - z`` and ``1 + z`` are multiplied so that nothing cancels.
"""

from __future__ import annotations

import math

from ..lanes import Value
from ..pairs import INF, call, divide, infinite, pair, parts
from .logarithm import sqrt
from .wide import in_double

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atanh"]

HUGE = 2.0**1000  # beyond, products of roots may overflow
QUARTER = 0.25
LN4 = math.log(4.0)
HALF_PI = math.pi / 2
THETA = 2.0**510  # beyond, atanh(z) is 1 / z and a quarter turn


@in_double
def asin(x: Value) -> Value:
    """The angle whose sine it is; cuts on the real axis beyond -1 and 1."""
    return pair(*_asin(*parts(x)))


@in_double
def asinh(x: Value) -> Value:
    """``-i asin(i x)``; cuts on the imaginary axis beyond -i and i."""
    a, b = parts(x)
    real, imag = _asin(-b, a)
    return pair(imag, -real)


@in_double
def acos(x: Value) -> Value:
    """The angle whose cosine it is; cuts as those of asin."""
    a, b = parts(x)
    (u, v), (p, q) = _roots(a, b)
    real = call("atan2", u, p) * 2.0
    imag = _asinh_of_sum((p, v), (-q, u), a, b)
    wide = infinite(a, b)
    real = wide.select(call("atan2", abs(b), a), real)
    imag = wide.select((-b.like(1.0).with_sign(b)) * INF, imag)
    # an undefined angle on the axis where the cosine is 0
    return pair((a.equals(0.0) & b.is_nan()).select(a.like(HALF_PI), real), imag)


@in_double
def acosh(x: Value) -> Value:
    """The inverse hyperbolic cosine; a cut on the real axis below 1."""
    a, b = parts(x)
    low, high = sqrt(pair(a - 1.0, b)), sqrt(pair(a + 1.0, b))
    (u, v), (p, q) = parts(low), parts(high)
    real = _asinh_of_sum((u, p), (v, q), a, b)
    imag = call("atan2", v, p) * 2.0
    wide = infinite(a, b)
    imag = wide.select(call("atan2", b, a), imag)
    imag = (a.equals(0.0) & b.is_nan()).select(a.like(HALF_PI), imag)  # as in acos
    return pair(wide.select(a.like(INF), real), imag)


@in_double
def atanh(x: Value) -> Value:
    """The inverse hyperbolic tangent; cuts on the real axis beyond -1 and 1."""
    return pair(*_atanh(*parts(x)))


@in_double
def atan(x: Value) -> Value:
    """``-i atanh(i x)``; cuts on the imaginary axis beyond -i and i."""
    a, b = parts(x)
    real, imag = _atanh(-b, a)
    return pair(imag, -real)


def _roots(a: Value, b: Value) -> tuple[tuple[Value, Value], tuple[Value, Value]]:
    """The parts of the square roots of ``1 - z`` and ``1 + z``; the first has the imaginary part
    ``-im``, zero or not."""
    return parts(sqrt(pair(1.0 - a, -b))), parts(sqrt(pair(a + 1.0, b)))


def _asinh_of_sum(x: tuple[Value, Value], y: tuple[Value, Value], a: Value, b: Value) -> Value:
    """asinh of a sum of two products, which may overflow for huge numbers."""
    huge = (abs(a) > HUGE) | (abs(b) > HUGE)
    scale = huge.select(a.like(QUARTER), 1.0)
    total = x[0] * scale * x[1] + y[0] * scale * y[1]
    found = call("asinh", total)
    more = huge.select(a.like(LN4), 0.0).with_sign(total)
    return found + more


def _asin(a: Value, b: Value) -> tuple[Value, Value]:
    (u, v), (p, q) = _roots(a, b)
    real = call("atan2", a, u * p - v * q)
    imag = _asinh_of_sum((u, q), (-v, p), a, b)
    wide = infinite(a, b)
    real = wide.select(call("atan2", a, abs(b)), real)
    imag = wide.select(b.like(INF).with_sign(b), imag)
    axis = a.equals(0.0)
    return axis.select(a, real), (b.equals(0.0) & (abs(a) <= 1.0)).select(b, imag)


def _atanh(a: Value, b: Value) -> tuple[Value, Value]:
    x, y = abs(a), abs(b)
    far = (x > THETA) | (y > THETA)
    p, q = far.select(a.like(0.5), x), far.select(a.like(0.5), y)
    less = 1.0 - p
    real = call("log1p", p * 4.0 / (less * less + q * q)) * 0.25
    # near 1, on the line through it, the quotient loses what is small, or overflows
    line = (call("log", (q * q + 4.0).intrinsic("sqrt")) - call("log", q)) * 0.5
    real = (p.equals(1.0) & (q < 1.0)).select(line, real)
    imag = call("atan2", q + q, less * (p + 1.0) - q * q) * 0.5
    inverse = divide(pair(x.like(1.0), x.like(0.0)), pair(x, y))
    away = infinite(a, b).select(x.like(0.0), inverse.part(0))
    unknown = infinite(b, b).select(x.like(0.0), x)  # beside a NaN the other part says which way
    away = x.is_nan().select(unknown, away)
    turn = x.is_nan().select(unknown + HALF_PI, y.like(HALF_PI))
    real = far.select(away, real)
    imag = far.select(y.is_nan().select(y, turn), imag)
    flat = y.equals(0.0) & (x <= 1.0)
    return x.equals(0.0).select(x, real).with_sign(a), flat.select(y, imag).with_sign(b)
