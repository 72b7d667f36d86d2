"""sin, cos and tan for every finite argument.

|x| = n pi/2 + high + low (see `reduction`); sin and cos of the reduced argument are minimax
polynomials (weighted Lawson fit at 400 bits, rounded one by one), the quadrant chooses between
them and the sign, and the low part enters to first order.
"""

from __future__ import annotations

from ..lanes import Value
from .arithmetic import fma, select
from .reduction import reduce_half_pi
from .registry import math_function

# (sin(r) - r) / r**3 and (cos(r) - 1 + r*r/2) / r**4 in r*r, |r| <= pi/4.
# Errors relative to the result: 2**-28.0, 2**-58.0 and 2**-33.1, 2**-64.2.
SIN_F32 = (-0.16666655242443085, 0.008332191035151482, -0.00019518600311130285)
SIN_F64 = (
    -0.16666666666666632,
    0.008333333333322476,
    -0.00019841269829839287,
    2.755731369865208e-06,
    -2.505075869169475e-08,
    1.5896807629635174e-10,
)
COS_F32 = (0.04166664555668831, -0.001388730714097619, 2.4431952624581754e-05)
COS_F64 = (
    0.0416666666666666,
    -0.001388888888887446,
    2.4801587289656958e-05,
    -2.755731439527803e-07,
    2.08757283209795e-09,
    -1.135987647938801e-11,
)


def sin_cos_reduced(high: Value, low: Value) -> tuple[Value, Value]:
    """(sin, cos) of high + low, |high| <= pi/4, low below half a unit of high."""
    z = high * high
    cube = fma(z * high, z.polynomial(high.pick(SIN_F32, SIN_F64)), low)
    # 1 - z/2 rounds; its error is exactly (1 - w) - z/2.
    half = z * 0.5
    w = 1.0 - half
    tail = fma(z * z, z.polynomial(high.pick(COS_F32, COS_F64)), (1.0 - w) - half)
    return high + cube, w + fma(-high, low, tail)


def quadrant_sign(q: Value) -> Value:
    """The sign bit, in place, of bit 1 of q."""
    return (q << (q.fmt.bits - 2)) & q.fmt.sign_bit


def odd(q: Value) -> Value:
    """Whether q is odd, where sine and cosine change places."""
    return (q & 1).equals(1)


@math_function("sin", ulp_f32=1.5, ulp_f64=1.5)
def sin(x: Value) -> Value:
    """The sine of x in radians, right for every finite x; NaN at infinities."""
    q, high, low = reduce_half_pi(abs(x))
    s, c = sin_cos_reduced(high, low)
    return select(odd(q), c, s).flipped_by(quadrant_sign(q) ^ x.sign())


@math_function("cos", ulp_f32=1.5, ulp_f64=1.5)
def cos(x: Value) -> Value:
    """The cosine of x in radians, right for every finite x; NaN at infinities."""
    q, high, low = reduce_half_pi(abs(x))
    s, c = sin_cos_reduced(high, low)
    return select(odd(q), s, c).flipped_by(quadrant_sign(q + 1))


@math_function("tan", ulp_f32=3.0, ulp_f64=3.0)
def tan(x: Value) -> Value:
    """The tangent of x in radians, as sin / cos of the reduced argument."""
    q, high, low = reduce_half_pi(abs(x))
    s, c = sin_cos_reduced(high, low)
    swap = odd(q)
    ratio = select(swap, c, s) / select(swap, s, c)
    # tan(r + pi/2) = -cos(r) / sin(r): bit 0 of q is the sign.
    return ratio.flipped_by((q << (q.fmt.bits - 1)) ^ x.sign())
