"""pow and cbrt.

pow(x, y) = exp(y log|x|). In float64 log|x| = e ln2 + 2 atanh(s), s = (m - 1) / (m + 1), is
carried as an unevaluated sum of two doubles through every term that needs it (error-free sums and
products of Knuth, Dekker and fma), to about 2**-66 relative: y log|x| may reach 745, and its
absolute error becomes the relative error of the result. In float32 the same in float64, short.
Coefficients: weighted Lawson fit at 400 bits, rounded one by one.
"""

from __future__ import annotations

from ..lanes import INF, NAN, Value
from .arithmetic import (
    clamp,
    fast_two_sum,
    fma,
    nearest,
    power_of_two,
    scale_by_power,
    select,
    two_product,
    two_sum,
)
from .basic import trunc
from .exponential import exp_reduced, reduce_ln2
from .logarithm import LOG2_E, split, split_any
from .registry import math_function

# ln2 with 12 trailing zero bits, so that e * high is exact; and the rounded rest.
LN2_EXACT = (0.693147180559663, 2.8235290563031577e-13)
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# (2 atanh(s) - 2 s - 2/3 s**3) / s**5 in s*s, error 2**-72.5 relative to 2 atanh(s).
LOG_TAIL = (
    0.3999999999999998,
    0.28571428571443863,
    0.2222222221778055,
    0.18181818845460201,
    0.1538455831089399,
    0.13336269552495666,
    0.11675669533540939,
    0.11982738171957295,
)
# For float32: (2 atanh(s) - 2 s) / s**3 in s*s, error 2**-36.6; (2**r - 1) / r, error 2**-29.0.
LOG_SHORT = (0.6666666564103746, 0.40000336263000447, 0.28537236564552054, 0.2358358720684726)
EXP2_SHORT = (
    0.693147206613069,
    0.24022651196318665,
    0.05550327333179661,
    0.009618020952880554,
    0.0013400398855282743,
    0.00015471737643733458,
)
# cbrt(m) on [sqrt(1/2), sqrt(2)], relative errors 2**-13.7 and 2**-19.6.
CBRT_F32 = (0.49252068996429443, 0.7396841645240784, -0.290345698595047, 0.0582101047039032)
CBRT_F64 = (
    0.4216965434639385,
    1.0559794388730115,
    -0.8359958975838507,
    0.5108905669050107,
    -0.1795191218720138,
    0.02694748260905881,
)
# Any |y| beyond acts as an infinity: |log x| is 0 or at least 2**-53.
LARGEST_EXPONENT = 2.0**64


def log_as_sum(x: Value) -> tuple[Value, Value]:
    """log(x) = high + low to about 2**-66, for positive finite float64 x."""
    m, e = split_any(x)
    f = m - 1.0
    den, den_rest = two_sum(m, 1.0)
    inverse = 1.0 / den
    s = f * inverse
    s_rest = fma(-s, den_rest, fma(-s, den, f)) * inverse
    z, z_rest = two_product(s, s)
    z_rest = fma(s + s, s_rest, z_rest)
    # t = 2/3 + z p(z), cube = s**3, both as sums.
    t, t_rest = fast_two_sum(x.like(TWO_THIRDS[0]), z * z.polynomial(LOG_TAIL))
    t_rest = t_rest + TWO_THIRDS[1]
    cube, cube_rest = two_product(s, z)
    cube_rest = fma(s_rest, z, fma(s, z_rest, cube_rest))
    v, v_rest = two_product(cube, t)
    v_rest = fma(cube_rest, t, fma(cube, t_rest, v_rest))
    u, u_rest = fast_two_sum(s + s, v)
    u_rest = u_rest + (s_rest + s_rest + v_rest)
    high, low = fast_two_sum(e * LN2_EXACT[0], u)
    return fast_two_sum(high, low + fma(e, LN2_EXACT[1], u_rest))


def pow_magnitude_f64(a: Value, y: Value) -> Value:
    """a**y for positive finite a and |y| <= LARGEST_EXPONENT."""
    high, low = log_as_sum(a)
    p, p_rest = two_product(y, high)
    p_rest = fma(y, low, p_rest)
    in_range = abs(p) < 800.0
    r, n = reduce_ln2(clamp(p, -746.0, 710.0))
    return scale_by_power(exp_reduced(r + select(in_range, p_rest, 0.0)), n)


def pow_magnitude_f32(a: Value, y: Value) -> Value:
    """a**y for positive finite a and |y| <= LARGEST_EXPONENT, through float64."""
    m, e, _ = split(a.wide())
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    log_m = fma(s * z, z.polynomial(LOG_SHORT), s + s)
    t = clamp(fma(log_m, LOG2_E, e) * y.wide(), -160.0, 130.0)
    n, n_int = nearest(t)
    r = t - n
    # 2**-160 and 2**130 are normal in float64, so the only rounding is the last.
    return (r.polynomial((1.0, *EXP2_SHORT)) * power_of_two(n_int)).narrow(a)


def is_integer(y: Value) -> Value:
    """Whether y is an integer, infinities counted as such."""
    return trunc(y).equals(y)


@math_function("pow", ulp_f32=1.0, ulp_f64=1.5)
def pow_(x: Value, y: Value) -> Value:
    """x**y with C's table of special values: pow(x, 0) = pow(1, y) = 1, NaN for negative x and
    fractional y, the sign of an odd power, and zeros and infinities."""
    a = abs(x)
    exponent = clamp(y, -LARGEST_EXPONENT, LARGEST_EXPONENT)
    build = x.pick(pow_magnitude_f32, pow_magnitude_f64)
    result = build(a, exponent)
    infinite, zero = a.equals(INF), a.equals(0.0)
    result = select(infinite | zero, select(infinite ^ (y < 0.0), x.like(INF), 0.0), result)
    integer = is_integer(y)
    result = select((x < 0.0) & (a < INF) & ~integer, NAN, result)
    odd = integer & ~is_integer(y * 0.5)
    result = result.flipped_by(select(odd, x.sign(), 0))
    result = select(x.is_nan() | y.is_nan(), NAN, result)
    return select(y.equals(0.0) | x.equals(1.0), 1.0, result)


@math_function("cbrt", ulp_f32=1.0, ulp_f64=1.0)
def cbrt(x: Value) -> Value:
    """The real cube root: a polynomial of the fraction, then one step of Halley's method."""
    a = abs(x)
    m, e = split_any(a)
    # e = 3 k + j with j in {-1, 0, 1}; y = m 2**j.
    k, k_int = nearest(e, 1.0 / 3.0)
    j = e - k * 3.0
    low, high = j < 0.0, j > 0.0
    root = m.polynomial(x.pick(CBRT_F32, CBRT_F64))
    root = root * select(low, 2.0 ** (-1 / 3), select(high, x.like(2.0 ** (1 / 3)), 1.0))
    y = m * select(low, 0.5, select(high, x.like(2.0), 1.0))
    square, square_rest = two_product(root, root)
    # y - root**3 without cancellation error.
    residual = fma(-root, square_rest, fma(-root, square, y))
    root = fma(root, residual / fma(root * 2.0, square, y), root)
    result = root * power_of_two(k_int)
    return select((a < INF) & (a > 0.0), result, a).with_sign(x)
