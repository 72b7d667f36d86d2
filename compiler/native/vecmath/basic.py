"""Functions that are one or two instructions: roots, rounding, signs, extrema."""

from __future__ import annotations

from .arithmetic import fma, select, sqrt
from .emit import Real
from .registry import math_function

math_function("sqrt", ulp_f32=0.5, ulp_f64=0.5)(sqrt)
math_function("fma", ulp_f32=0.5, ulp_f64=0.5)(fma)


@math_function("rsqrt", ulp_f32=1.5, ulp_f64=1.5)
def rsqrt(x: Real) -> Real:
    """1 / sqrt(x): inf at 0, -inf at -0, NaN below."""
    return 1.0 / sqrt(x)


@math_function("abs", ulp_f32=0.0, ulp_f64=0.0)
def absolute(x: Real) -> Real:
    """|x|; clears the sign bit, of NaN too."""
    return abs(x)


@math_function("copysign", ulp_f32=0.0, ulp_f64=0.0)
def copysign(x: Real, y: Real) -> Real:
    """The magnitude of x with the sign bit of y."""
    return abs(x).with_sign(y)


@math_function("floor", ulp_f32=0.0, ulp_f64=0.0)
def floor(x: Real) -> Real:
    """The largest integer not above x."""
    return Real(x.em, x.em.intrinsic("floor", x.ir))


@math_function("ceil", ulp_f32=0.0, ulp_f64=0.0)
def ceil(x: Real) -> Real:
    """The smallest integer not below x."""
    return Real(x.em, x.em.intrinsic("ceil", x.ir))


@math_function("trunc", ulp_f32=0.0, ulp_f64=0.0)
def trunc(x: Real) -> Real:
    """x without its fraction."""
    return Real(x.em, x.em.intrinsic("trunc", x.ir))


@math_function("round", ulp_f32=0.0, ulp_f64=0.0)
def round_half_even(x: Real) -> Real:
    """The nearest integer, ties to even."""
    return Real(x.em, x.em.intrinsic("rint", x.ir))


@math_function("maximum", ulp_f32=0.0, ulp_f64=0.0)
def maximum(x: Real, y: Real) -> Real:
    """The larger of x and y; NaN if either is NaN."""
    return select(x.is_nan(), x, select(x > y, x, y))


@math_function("minimum", ulp_f32=0.0, ulp_f64=0.0)
def minimum(x: Real, y: Real) -> Real:
    """The smaller of x and y; NaN if either is NaN."""
    return select(x.is_nan(), x, select(x < y, x, y))
