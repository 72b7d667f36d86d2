"""Rows put in places of a tensor, to LLVM: ``tensor_scatter_nd_update``.

``check32``, ``check64``, one unit: the positions, by their dtype, are checked and become numbers of
rows. ``copy``: a unit is a block of what is updated, where the result lies elsewhere. ``put``, one
unit: the rows in their order, so that of several for one place the last stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir

from .code import I1, I32, I64, POINTER
from .lanes import declare
from .routines import COPIED
from .vectors import Body, module_of

__all__ = ["check", "each_way", "module", "move_row"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the functions."""
    return module_of(symbol, dtype, {
        "check32": lambda e: check(e, I32), "check64": lambda e: check(e, I64),
        "copy": _copy, "put": _put,
    })  # fmt: skip


def check(e: Body, kind: ir.IntType) -> None:
    """Positions along axes become numbers of rows."""
    b = e.b
    given, targets, count, depth, status, failure = e.words(6)
    with e.code.loop(I64(0), count) as m:
        flat = e.code.slot(I64)
        b.store(I64(0), flat)
        with e.code.loop(I64(0), depth) as i:
            raw = b.load(e.at(given, b.add(b.mul(m, depth), i), kind), typ=kind)
            at, size = b.sext(raw, I64) if kind is not I64 else raw, e.word(b.add(i, I64(6)))
            at = b.select(b.icmp_signed("<", at, I64(0)), b.add(at, size), at)
            with b.if_then(b.icmp_unsigned(">=", at, size), likely=False):
                b.store(failure, b.inttoptr(status, ir.PointerType()))
                b.ret_void()
            b.store(b.add(b.mul(b.load(flat, typ=I64), size), at), flat)
        b.store(b.load(flat, typ=I64), e.at(targets, m, I64))


def _copy(e: Body) -> None:
    source, out, total = e.words(3)
    start = e.b.mul(e.lo, I64(COPIED))
    stop = e.code.least(e.b.mul(e.hi, I64(COPIED)), total)
    _move(e, e.b.add(source, start), e.b.add(out, start), e.b.sub(stop, start))


def _put(e: Body) -> None:
    b = e.b
    updates, targets, out, count, width = e.words(5)
    one = b.icmp_signed("==", width, I64(1))
    for single, way in each_way(e, one):
        with way, e.code.loop(I64(0), count) as m:
            move_row(e, updates, m, out, b.load(e.at(targets, m, I64), typ=I64), width, single)


def each_way(e: Body, one: ir.Value) -> Iterator[tuple[bool, Any]]:
    """Code for rows of one element, and for others."""
    with e.b.if_else(one) as (single, several):
        yield True, single
        yield False, several


def move_row(
    e: Body, source: ir.Value, i: ir.Value, target: ir.Value, j: ir.Value, width: ir.Value,
    single: bool,
) -> None:  # fmt: skip
    """Copy row ``i`` to row ``j``; ``single``: each is one element."""
    b, nbytes = e.b, e.dtype.itemsize
    if single:
        kind = ir.IntType(8 * nbytes)
        item = b.load(e.at(source, i, kind), typ=kind, align=1)
        b.store(item, e.at(target, j, kind), align=1)
        return
    row = b.mul(width, I64(nbytes))
    _move(e, b.add(source, b.mul(i, row)), b.add(target, b.mul(j, row)), row)


def _move(e: Body, source: ir.Value, target: ir.Value, nbytes: ir.Value) -> None:
    """Copy bytes that do not overlap."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I1])
    copy = declare(e.fn.module, "llvm.memcpy.p0.p0.i64", kind)
    addresses = [e.b.inttoptr(x, POINTER) for x in (target, source)]
    e.b.call(copy, [*addresses, nbytes, I1(0)])
