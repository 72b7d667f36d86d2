"""Logarithms, square roots and directions of complex numbers.

The logarithm next to the circle takes ``log1p`` of ``|z|**2 - 1``, summed without rounding (Dekker
1971, Knuth 4.2.2); the square root is Kahan's.
"""

from __future__ import annotations

import math

import numpy as np

from ..lanes import NAN, Value
from ..pairs import INF, call, divide, infinite, modulus, pair, parts, square
from .wide import in_double

__all__ = ["log", "log1p", "log2", "log10", "rsqrt", "sign", "sqrt"]

DOUBLE = np.dtype("float64")


def log(x: Value) -> Value:
    """The logarithm of the modulus, and the angle."""
    a, b = parts(x)
    return pair(log_modulus(a, b), call("atan2", b, a))


@in_double
def log1p(x: Value) -> Value:
    """``log(1 + x)`` without cancellation near 0: ``log1p(2 re + re**2 + im**2) / 2``."""
    a, b = parts(x)
    moved = a + 1.0
    small = (abs(a) < 0.5) & (abs(b) < 0.5)
    excess = a.intrinsic("fma", a + 2.0, b * b)
    near = call("log1p", small.select(excess, 0.0)) * 0.5
    return pair(small.select(near, log_modulus(moved, b)), call("atan2", b, moved))


@in_double
def log2(x: Value) -> Value:
    """The logarithm to base 2."""
    return _scaled(log(x), 1 / math.log(2.0))


@in_double
def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    return _scaled(log(x), 1 / math.log(10.0))


def sqrt(x: Value) -> Value:
    """The root with a real part that is not negative."""
    a, b = parts(x)
    squared, back = square(a, b)
    size = squared.intrinsic("sqrt")
    size = infinite(a, b).select(size.like(INF), size)
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
    return pair(wide.select(a.like(INF), real), wide.select(b, imag))


@in_double
def rsqrt(x: Value) -> Value:
    """``1 / sqrt(x)``."""
    root = sqrt(x)
    one = pair(root.part(0).like(1.0), root.part(0).like(0.0))
    return divide(one, root)


@in_double
def sign(x: Value) -> Value:
    """``x / abs(x)``, 0 at 0; of one infinite part the direction of that part."""
    a, b = parts(x)
    size = modulus(x)
    endless = size.equals(INF)

    def along(part: Value) -> Value:
        alone = abs(part).equals(INF).select(part.like(1.0).with_sign(part), 0.0)
        found = endless.select(alone, part / size)
        found = (infinite(a, a) & infinite(b, b)).select(part.like(NAN), found)
        return size.equals(0.0).select(part.like(0.0), found)

    return pair(along(a), along(b))


def _scaled(x: Value, factor: float) -> Value:
    return pair(x.part(0) * factor, x.part(1) * factor)


def log_modulus(a: Value, b: Value) -> Value:
    """The logarithm of the modulus of a number with these parts."""
    squared, back = square(a, b)
    far = call("log", squared) * 0.5 + call("log", back)
    x, y = abs(a).cast(DOUBLE), abs(b).cast(DOUBLE)
    first = x > y
    x, y = first.select(x, y), first.select(y, x)
    near = call("log1p", _square_less_one(x, y)) * 0.5
    found = ((squared > 0.5) & (squared < 2.0) & back.equals(1.0)).select(near, far)
    return infinite(a, b).select(found.like(INF), found).cast(a.dtype)


def _square_less_one(x: Value, y: Value) -> Value:
    """``x**2 + y**2 - 1`` for ``x >= y`` and a sum between 1/2 and 2."""
    p, q = x * x, y * y
    rest = x.intrinsic("fma", x, -p) + y.intrinsic("fma", y, -q)
    p = p - 1.0  # exact
    total = p + q
    added = total - p
    return total + (((p - (total - added)) + (q - added)) + rest)
