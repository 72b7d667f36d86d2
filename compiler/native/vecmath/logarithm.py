"""log, log2, log10, log1p and softplus.

x = m 2**e with m in [sqrt(1/2), sqrt(2)), f = m - 1. In float64 log(1 + f) is the series of
2 atanh(f / (2 + f)) (as in Tang 1990), in float32 a minimax polynomial in f, which saves the
division. The low part of e ln2 joins the small terms, so only the last addition rounds visibly.
Coefficients: weighted Lawson fit at 400 bits, rounded one by one.
"""

from __future__ import annotations

from twofold.ir.normal import LOG

from ..lanes import INF, NAN, Value
from .arithmetic import fma, power_of_two, select, two_sum
from .exponential import LN2_F32, LN2_F64, exp_of_negative
from .registry import math_function

# (log1p(f) - f + f*f/2) / f**3, error 2**-27.3 relative to log1p(f).
LOG_F32 = (
    0.33333316445350647,
    -0.25000807642936707,
    0.20002298057079315,
    -0.16624635457992554,
    0.14181092381477356,
    -0.13128070533275604,
    0.1288166642189026,
    -0.07860840857028961,
)
# log2(e) and log10(e); log10(2) rounded to the format and the rounded rest.
LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
LOG10_2_F32 = (0.3010300099849701, -1.432098883924482e-08)
LOG10_2_F64 = (0.3010299956639812, -2.8037281277851704e-18)
ROOT_HALF_BITS_F32 = 0x3F3504F3
ROOT_HALF_BITS_F64 = 0x3FE6A09E667F3BCD


def split(x: Value) -> tuple[Value, Value, Value]:
    """(m, e, biased e) with x = m 2**e, sqrt(1/2) <= m < sqrt(2), for normal positive x."""
    fmt = x.fmt
    root_half = x.pick(ROOT_HALF_BITS_F32, ROOT_HALF_BITS_F64)
    one = fmt.bias << fmt.mantissa
    shifted = x.bits() + (one - root_half)
    biased = shifted.logical_shift_right(fmt.mantissa)
    m = ((shifted & ((1 << fmt.mantissa) - 1)) + root_half).real()
    # The small integer in the mantissa of 2**mantissa: a conversion without cvt instructions.
    anchor = 2.0**fmt.mantissa
    e = (biased | (fmt.bias + fmt.mantissa << fmt.mantissa)).real() - (anchor + fmt.bias)
    return m, e, biased


def split_any(x: Value) -> tuple[Value, Value]:
    """(m, e) for positive x, subnormal numbers included."""
    fmt = x.fmt
    shift = fmt.mantissa + 1
    small = x < fmt.tiny
    m, e, _ = split(select(small, x * 2.0**shift, x))
    return m, e - select(small, x.like(float(shift)), 0.0)


def log1p_reduced(f: Value, extra: Value | float = 0.0) -> Value:
    """log(1 + f) + extra for sqrt(1/2) <= 1 + f < sqrt(2), extra far below f."""
    if not f.is_double:
        inner = fma(f, f.polynomial(LOG_F32), -0.5)
        return f + fma(f * f, inner, extra)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    lower = fma(s, fma(z, z.polynomial(LOG), half_square), extra)
    return f + (lower - half_square)


def at_poles(x: Value, pole: float, result: Value) -> Value:
    """`result`, with log's values at the pole (-inf), below it and at NaN (NaN), and at inf."""
    result = select(x < INF, result, x)
    return select(x > pole, result, select(x.equals(pole), x.like(-INF), NAN))


@math_function("log", ulp_f32=1.5, ulp_f64=1.5)
def log(x: Value) -> Value:
    """The natural logarithm; -inf at both zeros, NaN below."""
    high, low = x.pick(LN2_F32, LN2_F64)
    m, e = split_any(x)
    return at_poles(x, 0.0, fma(e, high, log1p_reduced(m - 1.0, e * low)))


@math_function("log2", ulp_f32=2.5, ulp_f64=2.5)
def log2(x: Value) -> Value:
    """The logarithm to base 2, exact at powers of two."""
    m, e = split_any(x)
    return at_poles(x, 0.0, fma(log1p_reduced(m - 1.0), LOG2_E, e))


@math_function("log10", ulp_f32=2.5, ulp_f64=2.5)
def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    high, low = x.pick(LOG10_2_F32, LOG10_2_F64)
    m, e = split_any(x)
    tail = fma(log1p_reduced(m - 1.0), LOG10_E, e * low)
    return at_poles(x, 0.0, fma(e, high, tail))


def log1p_finite(x: Value) -> Value:
    """log(1 + x) for -1 < x < inf.

    u = 1 + x loses a rest c, found exactly; m + c 2**-e is the reduced argument.
    """
    high, low = x.pick(LN2_F32, LN2_F64)
    u, c = two_sum(x.like(1.0), x)
    m, e, biased = split(u)
    # c is lost beside u long before its scale factor would leave the format.
    bias = x.fmt.bias
    scale = select(e < x.pick(64.0, 128.0), power_of_two(bias - biased), 0.0)
    f = fma(c, scale, m - 1.0)
    return fma(e, high, log1p_reduced(f, e * low))


@math_function("log1p", ulp_f32=2.0, ulp_f64=2.0)
def log1p(x: Value) -> Value:
    """log(1 + x) without cancellation near 0; -inf at -1, NaN below."""
    result = at_poles(x, -1.0, log1p_finite(x))
    return select(abs(x) < x.fmt.tiny, x, result)


@math_function("softplus", ulp_f32=3.0, ulp_f64=3.0)
def softplus(x: Value) -> Value:
    """log(1 + e**x), as max(x, 0) + log1p(e**-|x|); inf at inf, 0 at -inf."""
    return select(x > 0.0, x, 0.0) + log1p_finite(exp_of_negative(-abs(x)))
