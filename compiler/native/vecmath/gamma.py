"""lgamma, the one function that calls the C library: a lane at a time, in float64.

Full relative accuracy at the zeros between negative integers needs a table an interval, which a C
library has. Measured against mpmath for glibc 2.36: at most 3.1 units for x > -2.4, and up to 7.2
beside the zeros left of it (worst between -4 and -3); rounded to float32, at most 0.5 anywhere.
"""

from __future__ import annotations

from llvmlite import ir

from ..lanes import Value, declare
from .registry import math_function


@math_function("lgamma", ulp_f32=1.0, ulp_f64=8.0)
def lgamma(x: Value) -> Value:
    """log |gamma(x)|; inf at 0 and at negative integers. In float64 within 4 units for x > -2.4,
    within 8 beside the zeros left of it. Scalar, through the C library."""
    lanes, wide = x.lanes, x.wide()
    builder, f64 = lanes.builder, ir.DoubleType()
    function = declare(builder.module, "lgamma", ir.FunctionType(f64, [f64]))
    value = wide.ir
    if lanes.count == 1:
        return wide.made(builder.call(function, [value])).narrow(x)
    result = ir.Constant(value.type, ir.Undefined)
    for lane in range(lanes.count):
        index = ir.IntType(32)(lane)
        one = builder.call(function, [builder.extract_element(value, index)])
        result = builder.insert_element(result, one, index)
    return wide.made(result).narrow(x)
