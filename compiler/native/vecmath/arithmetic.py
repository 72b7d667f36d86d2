"""Operations on lanes that the algorithms share: fma, selection, scaling, error-free sums.

Sources: Knuth, The Art of Computer Programming 2, 4.2.2 (two_sum); Dekker, A floating-point
technique for extending the available precision, 1971 (fast_two_sum); the product's error by fma
is from Kahan's lecture notes.
"""

from __future__ import annotations

from .emit import Int, Mask, Real


def fma(a: Real, b: Real | float, c: Real | float) -> Real:
    """a * b + c with one rounding."""
    em = a.em
    return Real(em, em.intrinsic("fma", a.ir, em.real(b).ir, em.real(c).ir))


def sqrt(x: Real) -> Real:
    """The correctly rounded square root, IEEE 754 section 5.4.1; NaN below zero."""
    return Real(x.em, x.em.intrinsic("sqrt", x.ir))


def select(mask: Mask, yes: Real | float, no: Real | float) -> Real:
    """`yes` where the mask holds, else `no`."""
    em = mask.em
    return Real(em, em.builder.select(mask.ir, em.real(yes).ir, em.real(no).ir))


def select_int(mask: Mask, yes: Int | int, no: Int | int) -> Int:
    """`yes` where the mask holds, else `no`."""
    em = mask.em
    return Int(em, em.builder.select(mask.ir, em.int(yes).ir, em.int(no).ir))


def clamp(x: Real, low: float, high: float) -> Real:
    """`x` limited to [low, high]; NaN stays NaN."""
    x = select(x < low, low, x)
    return select(x > high, high, x)


def nearest(x: Real, scale: Real | float = 1.0) -> tuple[Real, Int]:
    """round(x * scale) to nearest even, as a Real and as an Int; |result| < 2**(mantissa - 1)."""
    fmt = x.em.fmt
    shifted = fma(x, scale, fmt.magic)
    return shifted - fmt.magic, shifted.bits() - fmt.magic_bits


def power_of_two(n: Int) -> Real:
    """2**n, exact, for n in the exponent range of normal numbers."""
    fmt = n.em.fmt
    return ((n + fmt.bias) << fmt.mantissa).real()


def scale_by_power(x: Real, n: Int) -> Real:
    """x * 2**n with one rounding, also where the result is subnormal, for x in [1/2, 4].

    The first factor keeps the product normal, so only the second can round.
    """
    half = n >> 1
    return x * power_of_two(half) * power_of_two(n - half)


def two_sum(a: Real, b: Real | float) -> tuple[Real, Real]:
    """s + e == a + b exactly, s rounded to nearest (Knuth)."""
    b = a.em.real(b)
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


def fast_two_sum(a: Real, b: Real) -> tuple[Real, Real]:
    """s + e == a + b exactly where |a| >= |b| (Dekker)."""
    s = a + b
    return s, b - (s - a)


def two_product(a: Real, b: Real | float) -> tuple[Real, Real]:
    """p + e == a * b exactly, p rounded to nearest."""
    p = a * b
    return p, fma(a, b, -p)
