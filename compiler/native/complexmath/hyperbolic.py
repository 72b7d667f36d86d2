"""sinh, cosh, tanh, and sin, cos, tan: the same functions on the plane turned by a right angle."""

from __future__ import annotations

import math

from ..lanes import Value
from ..pairs import INF, call, infinite, pair, parts
from .wide import in_double

__all__ = ["cos", "cosh", "sin", "sinh", "tan", "tanh"]

LIMIT, FAR = 700.0, 640.0  # beyond the limit e**|re| is computed in two factors
ONE_SIDED = 22.0  # beyond, tanh is 1 but for an exponentially small part


@in_double
def sinh(x: Value) -> Value:
    """``sinh(re) cos(im) + i cosh(re) sin(im)``."""
    return pair(*_sinh(*parts(x)))


@in_double
def cosh(x: Value) -> Value:
    """``cosh(re) cos(im) + i sinh(re) sin(im)``."""
    return pair(*_cosh(*parts(x)))


@in_double
def tanh(x: Value) -> Value:
    """Kahan's quotient; +-1 and an exponentially small imaginary part far from the axis, which at
    infinity is 0 with the sign of that of ``x``."""
    a, b = parts(x)
    real, imag = _tanh(a, b)
    return pair(real, abs(a).equals(INF).select(a.like(0.0).with_sign(b), imag))


@in_double
def sin(x: Value) -> Value:
    """``-i sinh(i x)``."""
    a, b = parts(x)
    real, imag = _sinh(-b, a)
    return pair(imag, -real)


@in_double
def cos(x: Value) -> Value:
    """``cosh(i x)``."""
    a, b = parts(x)
    return pair(*_cosh(-b, a))


@in_double
def tan(x: Value) -> Value:
    """``-i tanh(i x)``."""
    a, b = parts(x)
    real, imag = _tanh(-b, a)
    return pair(imag, -real)


def _sinh(a: Value, b: Value) -> tuple[Value, Value]:
    growing, falling, back = _pair_of(a)
    real = growing * call("cos", b) * back
    imag = falling * call("sin", b) * back
    loose = ~(abs(b) < INF)
    real = (loose & (a.equals(0.0) | infinite(a, a))).select(a, real)
    return real, b.equals(0.0).select(b, imag)


def _cosh(a: Value, b: Value) -> tuple[Value, Value]:
    growing, falling, back = _pair_of(a)
    real = falling * call("cos", b) * back
    imag = growing * call("sin", b) * back
    loose = ~(abs(b) < INF)
    real = (loose & infinite(a, a)).select(abs(a), real)
    flat = b.equals(0.0) | (loose & a.equals(0.0))
    signed = a.like(0.0).with_sign(a) * a.like(1.0).with_sign(b)
    return real, flat.select(signed, imag)


def _pair_of(a: Value) -> tuple[Value, Value, Value]:
    """sinh and cosh of a real number, and a factor of both that keeps them in range."""
    size = abs(a)
    far = size > LIMIT
    half = call("exp", size - FAR) * 0.5
    back = far.select(a.like(math.exp(FAR)), 1.0)
    near = far.select(a.like(0.0), a)
    growing = far.select(half.with_sign(a), call("sinh", near))
    return growing, far.select(half, call("cosh", near)), back


def _tanh(a: Value, b: Value) -> tuple[Value, Value]:
    far = abs(a) > ONE_SIDED
    near = far.select(a.like(0.0), a)
    t = call("tan", b)
    beta = t * t + 1.0
    s = call("sinh", near)
    rho = (s * s + 1.0).intrinsic("sqrt")
    below = beta * s * s + 1.0
    real, imag = beta * rho * s / below, t / below
    edge = far.select(a.like(1.0).with_sign(a), real)
    # 4 sin(im) cos(im) e**(-2 |re|), which is 0 beyond 745 / 2
    small = call("exp", -abs(a)) * 2.0
    rest = call("sin", b) * call("cos", b) * small * small
    loose = ~(abs(b) < INF)
    rest = (loose & abs(a).equals(INF)).select(a.like(0.0).with_sign(b), rest)
    imag = b.equals(0.0).select(b, far.select(rest, imag))
    real = (loose & ~far).select(a.equals(0.0).select(a, b - b), edge)
    return (loose & far & ~abs(a).equals(INF)).select(b - b, real), imag
