"""Rows added to those of a table, to LLVM: ``scatter_add``, ``tensor_scatter_nd_add`` and, of no
table, ``unsorted_segment_sum``.

``order``, one unit: the positions are checked, and the rows that are added put in the order of
their targets, those of one target in their own order (a counting sort). Rows without a target
(a segment's number is negative) are put behind all others. ``add``: a unit is a row of
the result, which is kept in double precision while what belongs to it is added.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.summation import running_dtype

from .code import I32, I64
from .vectors import Body, module_of

__all__ = ["module"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the functions ``order32``, ``order64`` (by the dtype of the positions) and
    ``add``."""
    return module_of(symbol, dtype, {
        "order32": lambda e: _order(e, I32), "order64": lambda e: _order(e, I64), "add": _add,
    })  # fmt: skip


def _order(e: Body, kind: ir.IntType) -> None:
    b = e.b
    given, targets, starts, order, count, rows, depth, drops, status, failure = e.words(10)
    drops = b.icmp_signed("!=", drops, I64(0))
    with e.code.loop(I64(0), b.add(rows, I64(3))) as i:
        b.store(I64(0), e.at(starts, i, I64))
    with e.code.loop(I64(0), count) as m:
        flat = e.code.slot(I64)
        b.store(I64(0), flat)
        with e.code.loop(I64(0), depth) as i:
            raw = b.load(e.at(given, b.add(b.mul(m, depth), i), kind), typ=kind)
            at, size = b.sext(raw, I64) if kind is not I64 else raw, e.word(b.add(i, I64(10)))
            negative = b.icmp_signed("<", at, I64(0))
            dropped = b.and_(negative, drops)
            at = b.select(dropped, rows, b.select(negative, b.add(at, size), at))
            outside = b.and_(b.icmp_unsigned(">=", at, size), b.not_(dropped))
            with b.if_then(outside, likely=False):
                b.store(failure, b.inttoptr(status, ir.PointerType()))
                b.ret_void()
            b.store(b.add(b.mul(b.load(flat, typ=I64), size), at), flat)
        target = b.load(flat, typ=I64)
        b.store(target, e.at(targets, m, I64))
        _step(e, e.at(starts, b.add(target, I64(2)), I64))
    total = e.code.slot(I64)
    b.store(I64(0), total)
    with e.code.loop(I64(0), b.add(rows, I64(3))) as i:
        place = e.at(starts, i, I64)
        sum_ = b.add(b.load(total, typ=I64), b.load(place, typ=I64))
        b.store(sum_, total)
        b.store(sum_, place)
    with e.code.loop(I64(0), count) as m:
        target = b.load(e.at(targets, m, I64), typ=I64)
        place = _step(e, e.at(starts, b.add(target, I64(1)), I64))
        b.store(m, e.at(order, place, I64))


def _step(e: Body, place: ir.Value) -> ir.Value:
    """The number at a place, which is one more from then on."""
    before = e.b.load(place, typ=I64)
    e.b.store(e.b.add(before, I64(1)), place)
    return before


def _add(e: Body) -> None:
    width = e.words(8)[-1]
    few = e.b.icmp_signed("<", width, I64(e.lanes // 2))
    with e.b.if_else(few) as (then, otherwise):
        with then:
            _rows(e, by_vectors=False)
        with otherwise:
            _rows(e, by_vectors=True)


def _rows(e: Body, by_vectors: bool) -> None:
    b, own = e.b, e.vector if by_vectors else e.kind
    wide = e.wide(running_dtype(e.dtype), by_vectors)
    x, updates, out, starts, order, count, rows, width = e.words(8)
    with e.code.loop(e.lo, e.hi) as unit:
        row, outer = b.srem(unit, rows), b.sdiv(unit, rows)
        start = b.load(e.at(starts, row, I64), typ=I64)
        stop = b.load(e.at(starts, b.add(row, I64(1)), I64), typ=I64)
        here, there = b.mul(unit, width), b.mul(outer, count)
        with e.blocks(width, by_vectors) as (first, mask):
            total = e.code.slot(wide)
            b.store(ir.Constant(wide, None), total)
            with b.if_then(b.icmp_signed("!=", x, I64(0))):
                b.store(e.cast(e.load(e.at(x, b.add(here, first)), mask), wide), total)
            with e.code.loop(start, stop) as i:
                m = b.load(e.at(order, i, I64), typ=I64)
                place = b.add(b.mul(b.add(there, m), width), first)
                more = e.cast(e.load(e.at(updates, place), mask), wide)
                b.store(e.add(b.load(total, typ=wide), more), total)
            e.store(e.cast(b.load(total, typ=wide), own), e.at(out, b.add(here, first)), mask)
