"""Windows times filters, to LLVM: ``window_products``, a convolution without its windows laid out.

``pack`` puts the filters of a few channels behind each other, a vector for each element of a
window. In ``multiply`` a unit is a few windows that follow each other; their sums stay in
registers, while the elements of the windows go by in their order, each times its vector (the
micro-kernel of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008,
over windows). Nothing is added that is not in a window, so that infinities stay where they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from .code import I64
from .lanes import declare, suffix_of
from .overlapped import Axis
from .routines import TILE
from .vectors import Body, module_of

__all__ = ["module"]

LONG = 4096  # terms that are added up in the order in which they come


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the functions ``pack`` and ``multiply``."""
    return module_of(symbol, dtype, {"pack": _pack, "multiply": _multiply})


def _pack(e: Body) -> None:
    """A unit is a block of channels; those that are missing in the last one are zeros."""
    b = e.b
    filters, packed, width, channels = e.words(4)
    with e.code.loop(e.lo, e.hi) as block:
        first = b.mul(block, I64(e.lanes))
        mask = e.mask(b.sub(channels, first))
        with e.code.loop(I64(0), width) as k:
            source = e.at(filters, b.add(b.mul(k, channels), first))
            target = e.at(packed, b.mul(b.add(b.mul(block, width), k), I64(e.lanes)))
            e.b.store(e.load(source, mask), target, align=e.dtype.itemsize)


def _multiply(e: Body) -> None:
    b = e.b
    x, packed, out, depth, channels, total, *rest = e.words(21)
    axes = [Axis(*rest[i::3]) for i in range(3)]
    sizes = [axis.window for axis in axes]
    width = b.mul(b.mul(sizes[0], sizes[1]), b.mul(sizes[2], depth))
    tiles = e.most(b.sdiv(b.add(total, I64(TILE - 1)), I64(TILE)), I64(1))
    last = b.sdiv(b.sub(e.hi, I64(1)), tiles)
    with e.code.loop(b.sdiv(e.lo, tiles), b.add(last, I64(1))) as block:
        first, behind = b.mul(block, I64(e.lanes)), b.mul(block, tiles)
        weights = e.at(packed, b.mul(first, width))
        walk = _Walk(e, axes, depth, total)
        begin = e.most(b.sub(e.lo, behind), I64(0))
        walk.start(b.mul(begin, I64(TILE)))
        with e.code.loop(begin, e.code.least(b.sub(e.hi, behind), tiles)):
            windows, targets = [], []
            for _ in range(TILE):
                windows.append(e.at(x, walk.place()))
                targets.append(e.at(out, b.add(b.mul(walk.number(), channels), first)))
                walk.on()
            sums = _sums(e, windows, weights, axes, depth)
            _stores(e, sums, targets, b.sub(channels, first))


def _stores(e: Body, sums: list[ir.Value], targets: list[ir.Value], left: ir.Value) -> None:
    """The channels of a block: a vector, or one after the other if there are fewer."""
    b = e.b
    with b.if_else(b.icmp_signed(">=", left, I64(e.lanes)), likely=True) as (whole, part):
        with whole:
            for found, target in zip(sums, targets, strict=True):
                b.store(found, target, align=e.dtype.itemsize)
        with part:
            for found, target in zip(sums, targets, strict=True):
                with e.code.loop(I64(0), left) as i:
                    place = b.gep(target, [i], source_etype=e.kind)
                    b.store(b.extract_element(found, i), place)


class _Walk:
    """Windows in their order: where each begins. Behind the last one it stays there."""

    def __init__(self, e: Body, axes: list[Axis], depth: ir.Value, total: ir.Value) -> None:
        self.e, self.axes, self.depth, self.total = e, axes, depth, total
        self.at, self.count, self.column = (e.code.slot(I64) for _ in range(3))

    def start(self, window: ir.Value) -> None:
        """Begin at a window by its number."""
        b = self.e.b
        b.store(window, self.count)
        b.store(b.srem(window, self.axes[2].count), self.column)
        b.store(self._from(window), self.at)

    def _from(self, window: ir.Value) -> ir.Value:
        b, (deep, high, wide) = self.e.b, self.axes
        line, column = b.sdiv(window, wide.count), b.srem(window, wide.count)
        plane, row = b.sdiv(line, high.count), b.srem(line, high.count)
        batch, layer = b.sdiv(plane, deep.count), b.srem(plane, deep.count)
        first = b.add(b.mul(batch, deep.size), b.mul(layer, deep.step))
        first = b.add(b.mul(first, high.size), b.mul(row, high.step))
        first = b.add(b.mul(first, wide.size), b.mul(column, wide.step))
        return b.mul(first, self.depth)

    def place(self) -> ir.Value:
        return self.e.b.load(self.at, typ=I64)

    def number(self) -> ir.Value:
        return self.e.b.load(self.count, typ=I64)

    def on(self) -> None:
        """To the next window."""
        b, wide = self.e.b, self.axes[2]
        following = b.add(self.number(), I64(1))
        with b.if_then(b.icmp_signed("<", following, self.total), likely=True):
            b.store(following, self.count)
            column = b.add(b.load(self.column, typ=I64), I64(1))
            with b.if_else(b.icmp_signed("<", column, wide.count), likely=True) as (same, other):
                with same:
                    b.store(column, self.column)
                    step = b.mul(wide.step, self.depth)
                    b.store(b.add(self.place(), step), self.at)
                with other:
                    b.store(I64(0), self.column)
                    b.store(self._from(following), self.at)


class _Sums:
    """The products of a few windows with one block of filters. Every ``LONG`` terms or so what has
    come together is added to what came before."""

    def __init__(self, e: Body) -> None:
        self.e = e
        self.own, self.before = ([e.code.slot(e.vector) for _ in range(TILE)] for _ in range(2))
        self.terms = e.code.slot(I64)
        kind = ir.FunctionType(e.vector, [e.vector] * 3)
        self.fma = declare(e.fn.module, f"llvm.fmuladd.v{e.lanes}{suffix_of(e.dtype)}", kind)
        for slot in (*self.own, *self.before):
            e.b.store(ir.Constant(e.vector, None), slot)
        e.b.store(I64(0), self.terms)

    def run(self, lines: list[ir.Value], weights: ir.Value, count: ir.Value) -> None:
        """So many elements of each window, from these places on, times their vectors."""
        e, b = self.e, self.e.b
        with e.code.times(count) as n:
            place = b.gep(weights, [b.mul(n, I64(e.lanes))], source_etype=e.kind)
            vector = b.load(place, typ=e.vector, align=e.dtype.itemsize)
            for line, slot in zip(lines, self.own, strict=True):
                element = b.load(b.gep(line, [n], source_etype=e.kind), typ=e.kind)
                now = b.load(slot, typ=e.vector)
                b.store(b.call(self.fma, [e.spread(element), vector, now]), slot)
        terms = b.add(b.load(self.terms, typ=I64), count)
        b.store(terms, self.terms)
        with b.if_then(b.icmp_signed(">=", terms, I64(LONG)), likely=False):
            b.store(I64(0), self.terms)
            for slot, found in zip(self.before, self.found(), strict=True):
                b.store(found, slot)
            for slot in self.own:
                b.store(ir.Constant(e.vector, None), slot)

    def found(self) -> list[ir.Value]:
        """The sums so far."""
        b, kind = self.e.b, self.e.vector
        pairs = zip(self.before, self.own, strict=True)
        return [b.fadd(b.load(x, typ=kind), b.load(y, typ=kind)) for x, y in pairs]


def _sums(
    e: Body, windows: list[ir.Value], weights: ir.Value, axes: list[Axis], depth: ir.Value
) -> list[ir.Value]:
    """All elements of a few windows: what lies together in them is one run."""
    b, (deep, high, wide) = e.b, axes
    dense = b.icmp_signed("==", wide.hole, I64(1))
    runs = b.select(dense, I64(1), wide.window)
    length = b.select(dense, b.mul(wide.window, depth), depth)
    sums, done = _Sums(e), e.code.slot(I64)
    b.store(I64(0), done)
    with e.code.loop(I64(0), deep.window) as i, e.code.loop(I64(0), high.window) as j:
        above = b.mul(b.add(b.mul(b.mul(i, deep.hole), high.size), b.mul(j, high.hole)), wide.size)
        with e.code.loop(I64(0), runs) as k:
            start = b.mul(b.add(above, b.mul(k, wide.hole)), depth)
            with e.code.loop(I64(0), length, LONG) as part:
                at = b.add(start, part)
                count, before = e.code.least(b.sub(length, part), I64(LONG)), b.load(done, typ=I64)
                first = b.mul(before, I64(e.lanes))
                vectors, *lines = [
                    b.gep(place, [here], source_etype=e.kind)
                    for place, here in ((weights, first), *[(w, at) for w in windows])
                ]
                sums.run(lines, vectors, count)
                b.store(b.add(before, count), done)
    return sums.found()
