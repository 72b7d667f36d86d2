"""The largest elements of rows and their positions, to LLVM: ``top_k`` of few.

A unit is a row. What it has found so far lies in the result, in falling order; a vector of elements
none of which exceeds the last of those is passed over. NaN exceeds every number, and of equal
elements the first stays ahead, as in the array operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dtypes import info

from .code import I64
from .vectors import ONE, Body, module_of

__all__ = ["module"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the function ``rows``."""
    return module_of(symbol, dtype, {"rows": _rows})


def _rows(e: Body) -> None:
    b = e.b
    x, values, places, length, count = e.words(5)
    with e.code.loop(e.lo, e.hi) as unit:
        line, kept = b.mul(unit, length), b.mul(unit, count)
        found = _Found(e, e.at(values, kept), e.at(places, kept, I64), count)
        with e.code.loop(I64(0), count) as i:
            found.insert(e.load(e.at(x, b.add(line, i)), ONE), i, i)
        rest = b.select(b.icmp_signed("==", count, I64(0)), I64(0), b.sub(length, count))
        begin = b.add(line, count)
        with e.blocks(rest) as (first, mask):
            vector = e.load(e.at(x, b.add(begin, first)), mask)
            exceeds = b.and_(found.may_exceed(vector), mask)
            bits = b.bitcast(exceeds, ir.IntType(e.lanes))
            with b.if_then(b.icmp_unsigned("!=", bits, bits.type(0)), likely=False):
                behind = e.code.least(b.sub(rest, first), I64(e.lanes))
                with e.code.loop(first, b.add(first, behind)) as i:
                    element = e.load(e.at(x, b.add(begin, i)), ONE)
                    with b.if_then(found.exceeds(element, b.sub(count, I64(1)))):
                        found.insert(element, b.add(count, i), b.sub(count, I64(1)))


class _Found:
    """The largest elements so far, where they lie in memory."""

    def __init__(self, e: Body, values: ir.Value, places: ir.Value, count: ir.Value) -> None:
        self.e, self.values, self.places, self.count = e, values, places, count
        self.floating = info(e.dtype).floating

    def value(self, i: ir.Value) -> ir.Value:
        return self.e.b.gep(self.values, [i], source_etype=self.e.kind)

    def place(self, i: ir.Value) -> ir.Value:
        return self.e.b.gep(self.places, [i], source_etype=I64)

    def may_exceed(self, vector: ir.Value) -> ir.Value:
        """The lanes that exceed the last one, and some that do not where that is NaN."""
        last = self.e.load(self.value(self.e.b.sub(self.count, I64(1))), ONE)
        every = self.e.spread(last)
        if self.floating:
            return self.e.b.fcmp_unordered(">", vector, every)
        return self.e.b.icmp_signed(">", vector, every)

    def exceeds(self, element: ir.Value, i: ir.Value) -> ir.Value:
        """Whether an element stands ahead of the one that is there."""
        b, other = self.e.b, self.e.load(self.value(i), ONE)
        if not self.floating:
            return b.icmp_signed(">", element, other)
        number = b.fcmp_ordered("ord", other, other)
        return b.and_(number, b.fcmp_unordered(">", element, other))

    def insert(self, element: ir.Value, at: ir.Value, last: ir.Value) -> None:
        """Put an element and its position behind those that it does not exceed; what is at ``last``
        is lost."""
        b, spot = self.e.b, self.e.code.slot(I64)
        b.store(last, spot)
        with self.e.code.forever() as done:
            i = b.load(spot, typ=I64)
            ahead = b.sub(i, I64(1))
            with b.if_then(b.icmp_signed("<=", i, I64(0))):
                b.branch(done)
            with b.if_then(b.not_(self.exceeds(element, ahead))):
                b.branch(done)
            self.e.store(self.e.load(self.value(ahead), ONE), self.value(i), ONE)
            b.store(b.load(self.place(ahead), typ=I64), self.place(i))
            b.store(ahead, spot)
        i = b.load(spot, typ=I64)
        self.e.store(element, self.value(i), ONE)
        b.store(at, self.place(i))
