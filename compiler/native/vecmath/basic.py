"""Functions that are one or two instructions: roots, rounding, signs, extrema."""

from __future__ import annotations

from ..lanes import Value
from .arithmetic import fma, select, sqrt
from .registry import math_function

math_function("sqrt", ulp_f32=0.5, ulp_f64=0.5)(sqrt)
math_function("fma", ulp_f32=0.5, ulp_f64=0.5)(fma)


@math_function("rsqrt", ulp_f32=1.5, ulp_f64=1.5)
def rsqrt(x: Value) -> Value:
    """1 / sqrt(x): inf at 0, -inf at -0, NaN below."""
    return 1.0 / sqrt(x)


@math_function("abs", ulp_f32=0.0, ulp_f64=0.0)
def absolute(x: Value) -> Value:
    """|x|; clears the sign bit, of NaN too."""
    return abs(x)


@math_function("copysign", ulp_f32=0.0, ulp_f64=0.0)
def copysign(x: Value, y: Value) -> Value:
    """The magnitude of x with the sign bit of y."""
    return abs(x).with_sign(y)


@math_function("floor", ulp_f32=0.0, ulp_f64=0.0)
def floor(x: Value) -> Value:
    """The largest integer not above x."""
    return x.intrinsic("floor")


@math_function("ceil", ulp_f32=0.0, ulp_f64=0.0)
def ceil(x: Value) -> Value:
    """The smallest integer not below x."""
    return x.intrinsic("ceil")


@math_function("trunc", ulp_f32=0.0, ulp_f64=0.0)
def trunc(x: Value) -> Value:
    """x without its fraction."""
    return x.intrinsic("trunc")


@math_function("round", ulp_f32=0.0, ulp_f64=0.0)
def round_half_even(x: Value) -> Value:
    """The nearest integer, ties to even."""
    return x.intrinsic("rint")


@math_function("maximum", ulp_f32=0.0, ulp_f64=0.0)
def maximum(x: Value, y: Value) -> Value:
    """The larger of x and y; NaN if either is NaN."""
    return select(x.is_nan(), x, select(x > y, x, y))


@math_function("minimum", ulp_f32=0.0, ulp_f64=0.0)
def minimum(x: Value, y: Value) -> Value:
    """The smaller of x and y; NaN if either is NaN."""
    return select(x.is_nan(), x, select(x < y, x, y))
