"""Matrix products: the kernel function that calls BLAS, and how a product is shared.

Context words: a, b, c (addresses), function, trans_a, trans_b (CBLAS numbers), m, n, k, lda, ldb,
ldc, mode, then the bytes from unit to unit of a, b and c. A unit is, by mode: 0 one product of a
batch, 1 a column of c, 2 a row of c. How units are cut into panels depends on the sizes alone,
never on the number of threads, so neither do the results.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from twofold.runtime.blas import find_blas

from .code import I32, I64, POINTER, Code, new_function

__all__ = ["BATCH", "COLUMNS", "ROWS", "Panels", "emit_gemm", "panels"]

BATCH, COLUMNS, ROWS = 0, 1, 2
SHARED_FLOPS = 2_000_000  # smaller products are faster on one thread
PANEL_FLOPS = 32_000_000  # work of a panel: two panels of a middling product, many of a large one
MOST_PANELS = 32
NARROWEST = 64  # columns or rows of a panel; narrower ones repeat too much of BLAS's packing


class Panels(NamedTuple):
    """How one product is cut: the mode, its units, units in a panel."""

    mode: int
    units: int
    grain: int


def panels(m: int, n: int, k: int) -> Panels:
    """Cut an m x k by k x n product into panels along its longer side.

    >>> panels(64, 64, 64)
    Panels(mode=1, units=64, grain=64)
    >>> panels(128, 512, 784)
    Panels(mode=1, units=512, grain=128)
    """
    mode, units = (COLUMNS, n) if n >= m else (ROWS, m)
    flops = 2 * m * n * k
    if flops < SHARED_FLOPS:
        return Panels(mode, units, max(units, 1))
    count = min(max(-(-flops // PANEL_FLOPS), 2), MOST_PANELS)
    width = max(-(-units // count), NARROWEST)
    return Panels(mode, units, -(-width // 16) * 16)


def emit_gemm(module: ir.Module, real: ir.Type, name: str) -> ir.Function:
    """Write the kernel function for one element type."""
    fn = new_function(module, name)
    code = Code(fn)
    b = code.b
    context, lo, hi = fn.args
    words = [b.load(b.gep(context, [I64(i)], source_etype=I64), typ=I64) for i in range(16)]
    a, bb, c, function, ta, tb, m, n, k, lda, ldb, ldc, mode, sa, sb, sc = words
    extent = b.sub(hi, lo)
    cut_n = b.select(b.icmp_signed("==", mode, I64(COLUMNS)), extent, n)
    cut_m = b.select(b.icmp_signed("==", mode, I64(ROWS)), extent, m)
    stop = b.select(b.icmp_signed("==", mode, I64(BATCH)), hi, b.add(lo, I64(1)))
    blas = find_blas()
    width = I64 if blas is None or blas.int_bits == 64 else I32
    kind = ir.FunctionType(
        ir.VoidType(),
        [I32, I32, I32, width, width, width, real, POINTER, width, POINTER, width, real, POINTER,
         width],
    )  # fmt: skip
    target = b.inttoptr(function, ir.PointerType(kind))

    def size(value: ir.Value) -> ir.Value:
        return value if width is I64 else b.trunc(value, I32)

    with code.loop(lo, stop) as unit:
        at = [
            b.inttoptr(b.add(base, b.mul(unit, step)), POINTER)
            for base, step in ((a, sa), (bb, sb), (c, sc))
        ]
        b.call(target, [I32(101), b.trunc(ta, I32), b.trunc(tb, I32), size(cut_m), size(cut_n),
                        size(k), real(1.0), at[0], size(lda), at[1], size(ldb), real(0.0), at[2],
                        size(ldc)])  # fmt: skip
    code.finish()
    return fn
