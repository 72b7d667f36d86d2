"""exp, exp2, expm1 and the activations that are one exponential away.

x = n ln2 + r with |r| <= ln2/2 (Cody and Waite's two-constant reduction; the first step is exact
because fma keeps the 24- or 53-bit product), then a minimax polynomial of (e**r - 1 - r) / r**2
whose coefficients come from a weighted Lawson fit at 400 bits, rounded one by one.
"""

from __future__ import annotations

from ..lanes import Value
from .arithmetic import clamp, fma, nearest, power_of_two, scale_by_power, select
from .registry import math_function

LOG2_E = 1.4426950408889634
# ln2 rounded to the format, and the rounded rest.
LN2_F32 = (0.6931471824645996, -1.904654323148236e-09)
LN2_F64 = (0.6931471805599453, 2.3190468138462996e-17)

# (exp(r) - 1 - r) / r**2 on |r| <= ln2/2, errors 2**-26.1 and 2**-55.6 relative to expm1(r).
EXP_F32 = (0.5, 0.1666654348373413, 0.04166644811630249, 0.0083665382117033, 0.0013936527539044619)
EXP_F64 = (
    0.5000000000000006,
    0.16666666666666682,
    0.04166666666657362,
    0.00833333333331703,
    0.0013888888932376577,
    0.0001984126989759252,
    2.4801504450241258e-05,
    2.7557232899924687e-06,
    2.7626324568750835e-07,
    2.511288825886564e-08,
)
# (2**r - 1) / r on |r| <= 1/2, errors 2**-28.3 and 2**-57.9.
EXP2_F32 = (
    0.6931471824645996,
    0.24022650718688965,
    0.055503591895103455,
    0.009618071839213371,
    0.001339114853180945,
    0.00015458835696335882,
)
EXP2_F64 = (
    0.6931471805599453,
    0.2402265069591012,
    0.0555041086648226,
    0.009618129107597682,
    0.0013333558146257152,
    0.00015403530453494697,
    1.5252733947168194e-05,
    1.3215436801617096e-06,
    1.0178021970564498e-07,
    7.0735565909713975e-09,
    4.4602618272574055e-10,
)


def reduce_ln2(x: Value) -> tuple[Value, Value]:
    """(r, n) with x = n ln2 + r and |r| <= ln2/2."""
    high, low = x.pick(LN2_F32, LN2_F64)
    n, n_int = nearest(x, LOG2_E)
    return fma(n, -low, fma(n, -high, x)), n_int


def expm1_reduced(r: Value) -> Value:
    """exp(r) - 1 for |r| <= ln2/2."""
    return fma(r * r, r.polynomial(r.pick(EXP_F32, EXP_F64)), r)


def exp_reduced(r: Value) -> Value:
    """exp(r) for |r| <= ln2/2."""
    return r.polynomial((1.0, 1.0, *r.pick(EXP_F32, EXP_F64)))


def exp_of_negative(x: Value) -> Value:
    """exp(x) for x <= 0 or NaN."""
    lowest = x.pick(-104.0, -746.0)
    r, n = reduce_ln2(select(x < lowest, lowest, x))
    return scale_by_power(exp_reduced(r), n)


@math_function("exp", ulp_f32=1.0, ulp_f64=1.0)
def exp(x: Value) -> Value:
    """e**x. Overflows to inf above 88.72 / 709.78, underflows gradually to 0."""
    highest = x.pick(89.0, 710.0)
    return exp_of_negative(select(x > highest, highest, x))


@math_function("exp2", ulp_f32=1.0, ulp_f64=1.0)
def exp2(x: Value) -> Value:
    """2**x, exact at integers."""
    x = clamp(x, x.pick(-150.0, -1075.0), x.pick(128.0, 1024.0))
    n, n_int = nearest(x)
    r = x - n
    return scale_by_power(r.polynomial((1.0, *x.pick(EXP2_F32, EXP2_F64))), n_int)


@math_function("expm1", ulp_f32=2.5, ulp_f64=2.5)
def expm1(x: Value) -> Value:
    """e**x - 1 without cancellation near 0."""
    small = x.pick(2.0**-26, 2.0**-55)
    r, n = reduce_ln2(clamp(x, x.pick(-18.0, -38.0), x.pick(89.0, 710.0)))
    # Half the result, so that the factor stays finite up to the overflow limit.
    half = power_of_two(n - 1)
    result = fma(half, expm1_reduced(r), half - 0.5) * 2.0
    return select(abs(x) < small, x, result)


@math_function("sigmoid", ulp_f32=3.0, ulp_f64=3.0)
def sigmoid(x: Value) -> Value:
    """1 / (1 + e**-x), to full relative accuracy in both tails."""
    e = exp_of_negative(-abs(x))
    return select(x < 0.0, e, 1.0) / (e + 1.0)
