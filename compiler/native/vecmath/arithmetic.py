"""Operations on lanes that the algorithms share: fma, selection, scaling, error-free sums.

Sources: Knuth, The Art of Computer Programming 2, 4.2.2 (two_sum); Dekker, A floating-point
technique for extending the available precision, 1971 (fast_two_sum); the product's error by fma
is from Kahan's lecture notes.
"""

from __future__ import annotations

from ..lanes import Number, Value


def fma(a: Value, b: Number, c: Number) -> Value:
    """a * b + c with one rounding."""
    return a.intrinsic("fma", b, c)


def sqrt(x: Value) -> Value:
    """The correctly rounded square root, IEEE 754 section 5.4.1; NaN below zero."""
    return x.intrinsic("sqrt")


def select(mask: Value, yes: Number, no: Number) -> Value:
    """`yes` where the mask holds, else `no`; one of them is a value."""
    like = yes if isinstance(yes, Value) else no
    assert isinstance(like, Value)
    return mask.select(like.like(yes), no)


def clamp(x: Value, low: float, high: float) -> Value:
    """`x` limited to [low, high]; NaN stays NaN."""
    x = select(x < low, low, x)
    return select(x > high, high, x)


def nearest(x: Value, scale: Number = 1.0) -> tuple[Value, Value]:
    """round(x * scale), ties to even, as float and as integer; |result| < 2**(mantissa - 1)."""
    fmt = x.fmt
    shifted = fma(x, scale, fmt.magic)
    return shifted - fmt.magic, shifted.bits() - fmt.magic_bits


def power_of_two(n: Value) -> Value:
    """2**n, exact, for n in the exponent range of normal numbers."""
    fmt = n.fmt
    return ((n + fmt.bias) << fmt.mantissa).real()


def scale_by_power(x: Value, n: Value) -> Value:
    """x * 2**n with one rounding, also where the result is subnormal, for x in [1/2, 4].

    The first factor keeps the product normal, so only the second can round.
    """
    half = n >> 1
    return x * power_of_two(half) * power_of_two(n - half)


def two_sum(a: Value, b: Number) -> tuple[Value, Value]:
    """s + e == a + b exactly, s rounded to nearest (Knuth)."""
    b = a.like(b)
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


def fast_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """s + e == a + b exactly where |a| >= |b| (Dekker)."""
    s = a + b
    return s, b - (s - a)


def two_product(a: Value, b: Number) -> tuple[Value, Value]:
    """p + e == a * b exactly, p rounded to nearest."""
    p = a * b
    return p, fma(a, b, -p)
