"""atan, atan2, asin and acos.

atan: the ratio is brought to |t| <= tan(pi/8) with one division, by the angles 0, pi/4 and pi/2,
whose rounded rests are added. asin and acos: a polynomial on |x| <= 1/2, and
asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)) above. Minimax coefficients from a weighted Lawson fit
at 400 bits, rounded one by one.
"""

from __future__ import annotations

from ..lanes import INF, Value
from .arithmetic import fma, select, sqrt
from .reduction import HALF_PI_F32, HALF_PI_F64
from .registry import math_function

TAN_PI_8 = 0.41421356237309503
TAN_3PI_8 = 2.414213562373095
# (atan(t) - t) / t**3 in t*t, |t| <= tan(pi/8); errors 2**-30.5 and 2**-63.9.
ATAN_F32 = (
    -0.33333316445350647,
    0.1999853104352951,
    -0.1424446403980255,
    0.1059972494840622,
    -0.06091390177607536,
)
ATAN_F64 = (
    -0.33333333333333326,
    0.19999999999997123,
    -0.14285714285323262,
    0.11111111084355023,
    -0.09090908013449706,
    0.07692279933090218,
    -0.06666186862733794,
    0.058766472873203815,
    -0.05216087770302626,
    0.04494478313854897,
    -0.03327070322115136,
    0.014995156634407088,
)
# (asin(x) - x) / x**3 in x*x, |x| <= 1/2; errors 2**-27.6 and 2**-55.9.
ASIN_F32 = (
    0.16666753590106964,
    0.07495251297950745,
    0.045476265251636505,
    0.024150406941771507,
    0.04221554473042488,
)
ASIN_F64 = (
    0.1666666666666537,
    0.07500000000346364,
    0.04464285682082361,
    0.03038195943627997,
    0.02237175109646393,
    0.017359806684074122,
    0.013884254235358348,
    0.012175506751644315,
    0.006501315287453411,
    0.01959984150883761,
    -0.01633462111368004,
    0.03198671450036036,
)


def half_pi(x: Value) -> tuple[float, float]:
    """pi/2 rounded to the format, and the rounded rest."""
    high, low, _ = x.pick(HALF_PI_F32, HALF_PI_F64)
    return high, low


def atan_ratio(num: Value, den: Value) -> Value:
    """atan(num / den) in [0, pi/2] for num, den >= 0, not both 0 nor both inf."""
    high, low = half_pi(num)
    steep = num > den * TAN_3PI_8
    middle = num > den * TAN_PI_8
    top = select(steep, -den, select(middle, num - den, num))
    bottom = select(steep, num, select(middle, num + den, den))
    base = select(steep, high, select(middle, num.like(high / 2), 0.0))
    base_rest = select(steep, low, select(middle, num.like(low / 2), 0.0))
    t = top / bottom
    z = t * t
    return base + (t + fma(t * z, z.polynomial(num.pick(ATAN_F32, ATAN_F64)), base_rest))


@math_function("atan", ulp_f32=2.5, ulp_f64=2.5)
def atan(x: Value) -> Value:
    """The inverse tangent, in [-pi/2, pi/2]."""
    return atan_ratio(abs(x), x.like(1.0)).with_sign(x)


@math_function("atan2", ulp_f32=3.0, ulp_f64=3.0)
def atan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in [-pi, pi], with C's values at zeros and infinities."""
    num, den = abs(y), abs(x)
    largest = select(num > den, num, den)
    # Keep num + den finite, and the comparisons with multiples out of the subnormal range.
    bias = x.fmt.bias
    down = select(largest > 2.0 ** (bias - 2), num.like(0.25), 1.0)
    scale = select(largest < 2.0 ** (24 - bias), 2.0**30, down)
    both_infinite = num.equals(INF) & den.equals(INF)
    num = select(both_infinite, 1.0, num * scale)
    den = select(both_infinite | largest.equals(0.0), 1.0, den * scale)
    angle = atan_ratio(num, den)
    high, low = half_pi(x)
    behind = 2 * high - (angle - 2 * low)
    return select(x.sign().equals(0), angle, behind).with_sign(y)


def asin_parts(a: Value) -> tuple[Value, Value]:
    """(s, c) with asin = s + c on [0, 1/2]; above, asin(sqrt((1 - a) / 2)) = s + c."""
    above = a > 0.5
    z = select(above, (1.0 - a) * 0.5, a * a)
    s = select(above, sqrt(z), a)
    return s, s * z * z.polynomial(a.pick(ASIN_F32, ASIN_F64))


@math_function("asin", ulp_f32=2.0, ulp_f64=2.0)
def asin(x: Value) -> Value:
    """The inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1]."""
    high, low = half_pi(x)
    a = abs(x)
    s, c = asin_parts(a)
    above = high - (s + s + (c + c - low))
    return select(a > 0.5, above, s + c).with_sign(x)


@math_function("acos", ulp_f32=2.0, ulp_f64=2.0)
def acos(x: Value) -> Value:
    """The inverse cosine, in [0, pi]; NaN outside [-1, 1]."""
    high, low = half_pi(x)
    s, c = asin_parts(abs(x))
    right = s + c
    left = 2 * high - (s + s + (c + c - 2 * low))
    outer = select(x < 0.0, left, right + right)
    signed, signed_rest = s.flipped_by(x.sign()), c.flipped_by(x.sign())
    inner = high - (signed + (signed_rest - low))
    return select(abs(x) > 0.5, outer, inner)
