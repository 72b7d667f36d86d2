"""exp, exp2, expm1 and powers of complex numbers.

A power with an integer exponent below ``EXACT`` is repeated squaring, as in NumPy; another one is
``exp(y log x)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..lanes import NAN, Value
from ..pairs import INF, call, divide, infinite, multiply, pair, parts
from .logarithm import log
from .wide import in_double

__all__ = ["exp", "exp2", "expm1", "pow_"]

LN2 = math.log(2.0)
EXACT = 100  # integer exponents below are multiplied out
BITS = EXACT.bit_length()


def exp(x: Value) -> Value:
    """``e**re * (cos(im) + i sin(im))``; parts that are in range are not lost where ``e**re`` is
    not."""
    a, b = parts(x)
    limit, far = a.pick(80.0, 700.0), a.pick(64.0, 640.0)
    high, low = a > limit, a < -limit
    shift = high.select(a.like(far), low.select(a.like(-far), 0.0))
    factor = high.select(a.like(np.exp(far)), low.select(a.like(np.exp(-far)), 1.0))
    size = call("exp", a - shift)
    real = size * call("cos", b) * factor
    imag = size * call("sin", b) * factor
    loose = ~(abs(b) < INF)  # an angle that is infinite or NaN
    gone, endless = a.equals(-INF) & loose, a.equals(INF) & loose
    real = gone.select(a.like(0.0), endless.select(a, real))
    imag = (gone | b.equals(0.0)).select(a.like(0.0).with_sign(b), imag)
    return pair(real, imag)


@in_double
def exp2(x: Value) -> Value:
    """``e**(x ln 2)``, as NumPy has it."""
    a, b = parts(x)
    return exp(pair(a * LN2, b * LN2))


@in_double
def expm1(x: Value) -> Value:
    """``e**x - 1`` without cancellation near 0: the real part is
    ``expm1(re) cos(im) - 2 sin(im / 2)**2``."""
    a, b = parts(x)
    half = call("sin", b * 0.5)
    near = call("expm1", a) * call("cos", b) - half * half * 2.0 + 0.0  # -0 gives 0
    whole = exp(x)
    far = abs(a) > 40.0
    real = far.select(whole.part(0) - 1.0, near)
    return pair(real, whole.part(1))


@in_double
def pow_(x: Value, y: Value) -> Value:
    """``x**y``: 1 for an exponent of 0; of a base 0 it is 0, or NaN where re(y) <= 0."""
    (a, b), (c, d) = parts(x), parts(y)
    whole = d.equals(0.0) & (abs(c) < EXACT) & call("trunc", c).equals(c)
    found = _where_any(~whole, y, lambda: exp(_recovered(y, log(x))))
    found = whole.select(_integer_power(x, whole.select(c, 0.0)), found)
    at_zero = (c > 0.0).select(a.like(0.0), NAN)
    found = (a.equals(0.0) & b.equals(0.0)).select(pair(at_zero, at_zero), found)
    one = c.equals(0.0) & d.equals(0.0)
    return one.select(pair(a.like(1.0), a.like(0.0)), found)


def _where_any(mask: Value, otherwise: Value, build: Callable[[], Value]) -> Value:
    """What is built, behind a branch for the vectors in which a lane needs it."""
    builder = mask.lanes.builder
    before = builder.block
    with builder.if_then(mask.lanes.any(mask)):
        built = build()
        after = builder.block
    phi = builder.phi(otherwise.ir.type)
    phi.add_incoming(otherwise.ir, before)
    phi.add_incoming(built.ir, after)
    return otherwise.made(phi)


def _recovered(x: Value, y: Value) -> Value:
    """The product as C99 has it (Annex G.5.1): an infinity is one, though a part is NaN."""
    found = multiply(x, y)
    products = [p * q for p in parts(x) for q in parts(y)]
    one, other = infinite(*parts(x)), infinite(*parts(y))
    grown = (infinite(*products[:2]) | infinite(*products[2:])) & ~one & ~other
    lost = found.part(0).is_nan() & found.part(1).is_nan() & (one | other | grown)

    def boxed(value: Value, flat: Value, zeros: Value) -> Value:
        def part(v: Value) -> Value:
            unit = abs(v).equals(INF).select(v.like(1.0), 0.0).with_sign(v)
            kept = (zeros & v.is_nan()).select(v.like(0.0).with_sign(v), v)
            return flat.select(unit, kept)

        return pair(*map(part, parts(value)))

    again = multiply(boxed(x, one, other | grown), boxed(y, other, one | grown))
    return lost.select(pair(again.part(0) * INF, again.part(1) * INF), found)


def _integer_power(x: Value, exponent: Value) -> Value:
    """``x**exponent`` for integers below ``EXACT``, by squaring."""
    one = pair(exponent.like(1.0), exponent.like(0.0))
    left = abs(exponent)
    total, square = one, x
    started = exponent.equals(INF)  # nowhere
    for bit in range(BITS):
        rest = call("floor", left * 0.5)
        taken = (left - rest * 2.0).equals(1.0)
        product = started.select(multiply(total, square), square)
        total = taken.select(product, total)
        started = started | taken
        left = rest
        if bit < BITS - 1:
            square = multiply(square, square)
    inverse = divide(one, total)
    inverse = infinite(*parts(x)).select(pair(left.like(NAN), left.like(NAN)), inverse)  # as NumPy
    return (exponent < 0.0).select(inverse, total)
