"""lgamma, the one function that calls the C library, a lane at a time, in float64.

Full relative accuracy at the zeros between negative integers needs a table an interval, which a
C library has. glibc's result is within 4 units except left of -3 at moderate distance from those
zeros, where its error reaches 7 (measured for glibc 2.36); there the result is computed again as

    lgamma(-n + d) = lgamma(1 + d) - log |d (1 - d) (2 - d) ... (n - d)|

with the product and the logarithm as sums of two doubles. Both live in one scalar function a
module, so a call site stays small.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from .arithmetic import fast_two_sum, fma, nearest, select, two_product, two_sum
from .emit import Emitter, Real, declare
from .power import log_as_sum
from .registry import math_function

LGAMMA = "twofold.vecmath.lgamma"
# Left of -18 no double lies close enough to a zero for |lgamma| to be small.
RANGE = (-18.0, -2.9)
# Values of |lgamma| that are computed again: beside a zero, but not at it.
BAND = (0.06, 1.0)


def library_lgamma(x: Real) -> Real:
    """The C library's lgamma of one float64 lane."""
    builder, f64 = x.em.builder, ir.DoubleType()
    function = declare(builder.module, "lgamma", ir.FunctionType(f64, [f64]))
    return Real(x.em, builder.call(function, [x.ir]))


def lgamma_by_product(x: Real) -> Real:
    """lgamma(x) by the formula above, for x in RANGE."""
    negated, _ = nearest(x)
    n = -negated
    d = x + n
    p, p_rest = abs(d), x.em.real(0.0)
    for k in range(1, -int(RANGE[0]) + 1):
        factor, factor_rest = two_sum(x.em.real(float(k)), -d)
        used = n >= float(k)
        factor, factor_rest = select(used, factor, 1.0), select(used, factor_rest, 0.0)
        product, rest = two_product(p, factor)
        rest = fma(p, factor_rest, fma(p_rest, factor, rest))
        p, p_rest = fast_two_sum(product, rest)
    high, low = log_as_sum(p)
    return -(high + (low + p_rest / p - library_lgamma(d + 1.0)))


def declare_lgamma(module: ir.Module) -> ir.Function:
    """The module's scalar function double -> double, defined on first use."""
    known = module.globals.get(LGAMMA)
    if known:
        return known
    f64 = ir.DoubleType()
    fn = declare(module, LGAMMA, ir.FunctionType(f64, [f64]))
    fn.linkage = "internal"
    fn.attributes.add("noinline")
    entry, again, done = (fn.append_basic_block(name) for name in ("entry", "again", "done"))
    builder = ir.IRBuilder(entry)
    x = Real(Emitter(builder, np.dtype(np.float64), 1), fn.args[0])
    value = library_lgamma(x)
    size = abs(value)
    beside = (x > RANGE[0]) & (x < RANGE[1]) & (size > BAND[0]) & (size < BAND[1])
    builder.cbranch(beside.ir, again, done)
    builder.position_at_end(again)
    refined = lgamma_by_product(x)
    builder.branch(done)
    builder.position_at_end(done)
    result = builder.phi(f64)
    result.add_incoming(value.ir, entry)
    result.add_incoming(refined.ir, again)
    builder.ret(result)
    return fn


@math_function("lgamma", ulp_f32=1.0, ulp_f64=4.0)
def lgamma(x: Real) -> Real:
    """log |gamma(x)|; inf at 0 and at negative integers. Scalar, through the C library."""
    em, wide = x.em, x.em.widened()
    builder = em.builder
    function = declare_lgamma(builder.module)
    value = x.wide().ir
    if em.lanes == 1:
        return Real(wide, builder.call(function, [value])).narrow(em)
    result = ir.Constant(value.type, ir.Undefined)
    for lane in range(em.lanes):
        index = ir.IntType(32)(lane)
        one = builder.call(function, [builder.extract_element(value, index)])
        result = builder.insert_element(result, one, index)
    return Real(wide, result).narrow(em)
