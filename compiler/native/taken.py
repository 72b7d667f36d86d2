"""Rows taken from places of a tensor, to LLVM: ``gather``, ``gather_nd``.

``check32``, ``check64``, one unit, for points: see ``placed.py``. ``take32``, ``take64``, by the
dtype of the places: a unit is a row of the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from .code import I32, I64
from .placed import check, each_way, move_row
from .vectors import Body, module_of

__all__ = ["module"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the functions."""
    return module_of(symbol, dtype, {
        "check32": lambda e: check(e, I32), "check64": lambda e: check(e, I64),
        "take32": lambda e: _take(e, I32), "take64": lambda e: _take(e, I64),
    })  # fmt: skip


def _take(e: Body, kind: ir.IntType) -> None:
    b = e.b
    x, places, out, count, width, rows, status, failure = e.words(8)
    nth, first = e.code.slot(I64), e.code.slot(I64)  # which place it is, and where its rows begin
    b.store(b.srem(e.lo, count), nth)
    b.store(b.mul(b.sdiv(e.lo, count), rows), first)
    for single, way in each_way(e, b.icmp_signed("==", width, I64(1))):
        with way, e.code.loop(e.lo, e.hi) as unit:
            i, begin = b.load(nth, typ=I64), b.load(first, typ=I64)
            raw = b.load(e.at(places, i, kind), typ=kind)
            at = b.sext(raw, I64) if kind is not I64 else raw
            at = b.select(b.icmp_signed("<", at, I64(0)), b.add(at, rows), at)
            with b.if_then(b.icmp_unsigned(">=", at, rows), likely=False):
                b.store(failure, b.inttoptr(status, ir.PointerType()))
                b.ret_void()
            move_row(e, x, b.add(begin, at), out, unit, width, single)
            i = b.add(i, I64(1))
            ends = b.icmp_signed("==", i, count)
            b.store(b.select(ends, I64(0), i), nth)
            b.store(b.select(ends, b.add(begin, rows), begin), first)
