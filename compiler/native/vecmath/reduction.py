"""Exact reduction of |x| modulo pi/2, for every finite x.

Below a limit: Cody and Waite's reduction in three parts of pi/2, with the rounding errors of the
second step kept. At or above it, rare and behind a branch on "any lane": Payne and Hanek's method
(Radian reduction for trigonometric functions, 1983) in integers. With |x| = m 2**e, the bits of
2/pi whose weight times m is a multiple of 4 are skipped, and 192 bits after them multiply m
modulo 2**192: two bits of quadrant and 126 of fraction, enough for the double closest to a
multiple of pi/2 (about 2**-62 away).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from llvmlite import ir

from ..lanes import INF, Lanes, Value, declare
from .arithmetic import fast_two_sum, fma, nearest, two_product, two_sum

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
TWO_OVER_PI = 0.6366197723675814
# pi/2 as an unevaluated sum of three numbers of the format.
HALF_PI_F32 = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
HALF_PI_F64 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
# Up to here n is so small that n * part[0] - |x| is exact.
LIMIT_F32 = 2.0**16
LIMIT_F64 = 2.0**26

TABLE_BITS = 1280
EXACT_REDUCTION = "twofold.vecmath.reduce_half_pi"


def reduce_half_pi(a: Value) -> tuple[Value, Value, Value]:
    """(q, high, low) with a = n pi/2 + high + low, |high| <= pi/4 and q = n modulo 4, for a >= 0.

    Only the low two bits of q are meaningful; high is NaN where a is inf or NaN.
    """
    p1, p2, p3 = a.pick(HALF_PI_F32, HALF_PI_F64)
    n, q = nearest(a, TWO_OVER_PI)
    first = fma(n, -p1, a)
    product, product_rest = two_product(n, p2)
    second, second_rest = two_sum(first, -product)
    rest = fma(n, -p3, second_rest - product_rest)
    high, low = fast_two_sum(second, rest)
    return replace_huge(a, q, high, low)


def replace_huge(a: Value, q: Value, high: Value, low: Value) -> tuple[Value, Value, Value]:
    """The same triple with the exact reduction in lanes where `a` is beyond the fast one."""
    builder = a.lanes.builder
    before, limit = builder.block, a.pick(LIMIT_F32, LIMIT_F64)
    huge = a.lanes.any((a >= limit) & (a < INF))
    with builder.if_then(huge, likely=False):
        exact = exact_lanes(a, q, high, low, limit)
        after = builder.block

    def merge(fast: Value, slow: Value) -> ir.Value:
        phi = builder.phi(fast.ir.type)
        phi.add_incoming(fast.ir, before)
        phi.add_incoming(slow.ir, after)
        return phi

    slow_q, slow_high, slow_low = exact
    return (
        q.made(merge(q, slow_q)),
        high.made(merge(high, slow_high)),
        low.made(merge(low, slow_low)),
    )


def exact_lanes(
    a: Value, q: Value, high: Value, low: Value, limit: float
) -> tuple[Value, Value, Value]:
    """Pass the lanes through memory to the exact reduction, as float64."""
    lanes, builder = a.lanes, a.lanes.builder
    function = declare_exact_reduction(builder.module)
    values = [a.wide().ir, high.wide().ir]
    if a.is_double:
        values += [low.ir, q.ir]
    else:
        values += [low.wide().ir, q.cast(INT64).ir]
    with builder.goto_entry_block():
        slots = [builder.alloca(value.type) for value in values]
    for slot, value in zip(slots, values, strict=True):
        builder.store(value, slot, align=8)
    i64, pointer = ir.IntType(64), ir.PointerType()
    addresses = [builder.bitcast(slot, pointer) for slot in slots]
    builder.call(function, [*addresses, i64(lanes.count), ir.Constant(ir.DoubleType(), limit)])
    _, new_high, new_low, new_q = (
        builder.load(slot, typ=value.type, align=8)
        for slot, value in zip(slots, values, strict=True)
    )
    if a.is_double:
        return q.made(new_q), high.made(new_high), low.made(new_low)
    # Sum in float64, then split into two float32 parts.
    total = lanes.value(new_high, FLOAT64)
    first = total.narrow(a)
    rest = (total - first.wide() + lanes.value(new_low, FLOAT64)).narrow(a)
    return lanes.value(new_q, INT64).cast(q.dtype), first, rest


@cache
def two_over_pi_words() -> tuple[int, ...]:
    """2/pi as 64-bit words, most significant first, after one word of zeros.

    pi by Machin's formula, 16 atan(1/5) - 4 atan(1/239), in integers.
    """
    one = 1 << (TABLE_BITS + 64)

    def atan_inverse(n: int) -> int:
        term = total = one // n
        k = 1
        while term:
            term //= -n * n
            total += term // (2 * k + 1)
            k += 1
        return total

    pi = 16 * atan_inverse(5) - 4 * atan_inverse(239)
    bits = ((2 * one) << TABLE_BITS) // pi
    count = TABLE_BITS // 64
    return (0, *(bits >> 64 * (count - 1 - k) & (1 << 64) - 1 for k in range(count)))


def declare_exact_reduction(module: ir.Module) -> ir.Function:
    """The module's function (a*, high*, low*, q*, count, limit), defined on first use."""
    known = module.globals.get(EXACT_REDUCTION)
    if known:
        return known
    i64, pointer = ir.IntType(64), ir.PointerType()
    kind = ir.FunctionType(ir.VoidType(), [pointer] * 4 + [i64, ir.DoubleType()])
    fn = declare(module, EXACT_REDUCTION, kind)
    fn.linkage = "internal"
    fn.attributes.add("noinline")
    a_all, high_all, low_all, q_all, count, limit = fn.args
    entry, loop, work, step, done = (
        fn.append_basic_block(name) for name in ("entry", "loop", "work", "step", "done")
    )
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    index = builder.phi(i64)
    index.add_incoming(i64(0), entry)

    def at(array: ir.Value) -> ir.Value:
        return builder.gep(array, [index], source_etype=i64)

    a = builder.load(at(a_all), typ=ir.DoubleType())
    huge = builder.fcmp_ordered(">=", a, limit)
    finite = builder.fcmp_ordered("<", a, ir.Constant(ir.DoubleType(), INF))
    builder.cbranch(builder.and_(huge, finite), work, step)
    builder.position_at_end(work)
    q, high, low = payne_hanek(builder, a)
    builder.store(high.ir, at(high_all))
    builder.store(low.ir, at(low_all))
    builder.store(q, at(q_all))
    builder.branch(step)
    builder.position_at_end(step)
    following = builder.add(index, i64(1))
    index.add_incoming(following, step)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    ir.IRBuilder(done).ret_void()
    return fn


def payne_hanek(builder: ir.IRBuilder, a: ir.Value) -> tuple[ir.Value, Value, Value]:
    """(q, high, low) of one double a >= 2**10, in straight-line 64- and 128-bit integers."""
    i64, i128 = ir.IntType(64), ir.IntType(128)
    bits = builder.bitcast(a, i64)
    exponent = builder.sub(builder.lshr(bits, i64(52)), i64(1075))
    m = builder.or_(builder.and_(bits, i64((1 << 52) - 1)), i64(1 << 52))
    # The first bit of 2/pi that matters has weight 2**(1 - e); it is bit e + 62 of the table.
    words = window(builder, builder.add(exponent, i64(62)))
    m_wide = builder.zext(m, i128)
    products = [builder.mul(m_wide, builder.zext(word, i128)) for word in words]
    low = products[2]
    middle = builder.add(products[1], builder.lshr(low, i128(64)))
    top = builder.add(products[0], builder.lshr(middle, i128(64)))
    # top : middle : low is m * window modulo 2**192, in units of 2**-190 quarter turns.
    mask = i128((1 << 64) - 1)
    head = builder.or_(builder.shl(top, i128(64)), builder.and_(middle, mask))
    fraction = builder.shl(head, i128(2))
    tail = builder.lshr(builder.and_(low, mask), i128(62))
    fraction = builder.or_(fraction, tail)
    quadrant = builder.trunc(builder.lshr(head, i128(126)), i64)
    # Read as signed, the fraction is in [-1/2, 1/2); a negative one belongs to the next quadrant.
    negative = builder.lshr(fraction, i128(127))
    quadrant = builder.add(quadrant, builder.trunc(negative, i64))
    flip = builder.sub(i128(0), negative)
    magnitude = builder.sub(builder.xor(fraction, flip), flip)
    high, low_part = fraction_to_radians(builder, magnitude)
    sign = builder.shl(builder.trunc(negative, i64), i64(63))
    signs = high.lanes.value(sign, INT64)
    return quadrant, high.flipped_by(signs), low_part.flipped_by(signs)


def window(builder: ir.IRBuilder, offset: ir.Value) -> list[ir.Value]:
    """Three 64-bit words of the 2/pi table from bit `offset` on, most significant first."""
    i64 = ir.IntType(64)
    module = builder.module
    kind = ir.ArrayType(i64, len(two_over_pi_words()))
    table = module.globals.get(EXACT_REDUCTION + ".table")
    if table is None:
        table = ir.GlobalVariable(module, kind, EXACT_REDUCTION + ".table")
        table.linkage = "internal"
        table.global_constant = True
        table.initializer = ir.Constant(kind, list(two_over_pi_words()))
    first = builder.lshr(offset, i64(6))
    shift = builder.and_(offset, i64(63))
    base = builder.bitcast(table, ir.PointerType())
    words = []
    for k in range(4):
        place = builder.gep(base, [builder.add(first, i64(k))], source_etype=i64)
        words.append(builder.load(place, typ=i64))
    funnel = declare(module, "llvm.fshl.i64", ir.FunctionType(i64, [i64] * 3))
    return [builder.call(funnel, [words[k], words[k + 1], shift]) for k in range(3)]


def fraction_to_radians(builder: ir.IRBuilder, magnitude: ir.Value) -> tuple[Value, Value]:
    """magnitude * 2**-128 * pi/2 as a sum of two doubles, for 0 < magnitude <= 2**127."""
    one = Lanes(builder, 1)
    i64, i128 = ir.IntType(64), ir.IntType(128)
    kind = ir.FunctionType(i128, [i128, ir.IntType(1)])
    count = declare(builder.module, "llvm.ctlz.i128", kind)
    zeros = builder.call(count, [magnitude, ir.IntType(1)(0)])
    normal = builder.shl(magnitude, zeros)
    scale_bits = builder.shl(builder.sub(i64(1023), builder.trunc(zeros, i64)), i64(52))
    scale = one.value(scale_bits, INT64).real()
    head = builder.trunc(builder.lshr(normal, i128(75)), i64)
    tail = builder.and_(builder.trunc(builder.lshr(normal, i128(22)), i64), i64((1 << 53) - 1))
    high = one.value(head, INT64).to_real() * scale * 2.0**-53
    low = one.value(tail, INT64).to_real() * scale * 2.0**-106
    product, rest = two_product(high, HALF_PI_F64[0])
    rest = fma(low, HALF_PI_F64[0], fma(high, HALF_PI_F64[1], rest))
    return fast_two_sum(product, rest)
