"""tanh, sinh, cosh and their inverses.

Near 0 tanh and sinh are odd minimax polynomials (weighted Lawson fit at 400 bits, rounded one by
one), elsewhere quotients and sums of exponentials that do not cancel. The inverses are log1p of
an argument in which nothing cancels (Kahan, Branch cuts for complex elementary functions, 1987).
"""

from __future__ import annotations

from ..lanes import INF, NAN, Value
from .arithmetic import fma, power_of_two, scale_by_power, select, sqrt
from .exponential import exp_reduced, reduce_ln2
from .logarithm import log1p_finite
from .registry import math_function

LN2 = 0.6931471805599453
TANH_SPLIT = 0.55
# (tanh(x) - x) / x**3 in x*x, |x| <= 0.55; errors 2**-29.8 and 2**-65.0 relative to tanh(x).
TANH_F32 = (
    -0.33333319425582886,
    0.13332636654376984,
    -0.053856849670410156,
    0.02108830027282238,
    -0.006295621860772371,
)
TANH_F64 = (
    -0.3333333333333333,
    0.1333333333333294,
    -0.0539682539679582,
    0.0218694885249491,
    -0.00886323527976674,
    0.0035921244646614733,
    -0.001455800193667138,
    0.0005898025796686557,
    -0.00023810593714813482,
    9.3724045124276e-05,
    -3.2652326449057516e-05,
    7.2721147173252294e-06,
)
# (sinh(x) - x) / x**3 in x*x, |x| <= 1; errors 2**-31.5 and 2**-61.8.
SINH_F32 = (0.1666666716337204, 0.008333311416208744, 0.00019842630717903376, 2.783978516163188e-06)
SINH_F64 = (
    0.16666666666666669,
    0.008333333333332915,
    0.000198412698415894,
    2.755731910837017e-06,
    2.505213070609733e-08,
    1.6056683682456331e-10,
    7.775828609611585e-13,
)


def odd_polynomial(a: Value, coefficients: tuple[float, ...]) -> Value:
    """a + a**3 p(a*a)."""
    z = a * a
    return fma(a * z, z.polynomial(coefficients), a)


def half_exp(a: Value) -> Value:
    """exp(a) / 2 for a >= 0; overflows where sinh and cosh do."""
    highest = a.pick(90.0, 711.0)
    r, n = reduce_ln2(select(a > highest, highest, a))
    return scale_by_power(exp_reduced(r), n - 1)


@math_function("tanh", ulp_f32=2.0, ulp_f64=2.0)
def tanh(x: Value) -> Value:
    """The hyperbolic tangent; 1 - 2 / (e**2x + 1) away from 0."""
    limit = x.pick(10.0, 20.0)
    a = abs(x)
    clipped = select(a > limit, limit, a)
    r, n = reduce_ln2(clipped + clipped)
    e = exp_reduced(r) * power_of_two(n)
    large = 1.0 - 2.0 / (e + 1.0)
    small = odd_polynomial(a, x.pick(TANH_F32, TANH_F64))
    return select(a < TANH_SPLIT, small, large).with_sign(x)


@math_function("sinh", ulp_f32=2.0, ulp_f64=2.0)
def sinh(x: Value) -> Value:
    """The hyperbolic sine, up to its own overflow limit 89.42 / 710.48."""
    a = abs(x)
    h = half_exp(a)
    small = odd_polynomial(a, x.pick(SINH_F32, SINH_F64))
    return select(a < 1.0, small, h - 0.25 / h).with_sign(x)


@math_function("cosh", ulp_f32=2.0, ulp_f64=2.0)
def cosh(x: Value) -> Value:
    """The hyperbolic cosine, up to its own overflow limit 89.42 / 710.48."""
    h = half_exp(abs(x))
    return h + 0.25 / h


@math_function("asinh", ulp_f32=3.0, ulp_f64=3.0)
def asinh(x: Value) -> Value:
    """The inverse hyperbolic sine, log1p(a + a*a / (1 + sqrt(1 + a*a)))."""
    a = abs(x)
    # Beyond, asinh(a) is log(2 a) to working precision and a*a would overflow in the end.
    big = a > x.pick(2.0**14, 2.0**30)
    square = a * a
    grown = a + square / (sqrt(square + 1.0) + 1.0)
    result = log1p_finite(select(big, a - 1.0, grown)) + select(big, x.like(LN2), 0.0)
    result = select(a < x.pick(2.0**-14, 2.0**-30), a, result)
    return select(a < INF, result, a).with_sign(x)


@math_function("acosh", ulp_f32=3.0, ulp_f64=3.0)
def acosh(x: Value) -> Value:
    """The inverse hyperbolic cosine, log1p(t + sqrt(t*t + 2 t)) with t = x - 1; NaN below 1."""
    big = x > x.pick(2.0**14, 2.0**30)
    t = x - 1.0
    grown = t + sqrt(fma(t, t, t + t))
    result = log1p_finite(select(big, t, grown)) + select(big, x.like(LN2), 0.0)
    return select(x < INF, select(x < 1.0, NAN, result), x)


@math_function("atanh", ulp_f32=3.0, ulp_f64=3.0)
def atanh(x: Value) -> Value:
    """The inverse hyperbolic tangent, log1p(2 a + 2 a a / (1 - a)) / 2; NaN outside [-1, 1]."""
    a = abs(x)
    twice = a + a
    result = log1p_finite(fma(twice, a / (1.0 - a), twice)) * 0.5
    result = select(a < x.pick(2.0**-14, 2.0**-30), a, result)
    result = select(a < 1.0, result, select(a.equals(1.0), x.like(INF), NAN))
    return result.with_sign(x)
