"""Windows laid beside each other, to LLVM: ``patches``, which makes a convolution one product.

A unit is a line of windows along the last axis but the channels. What lies together in a window is
moved as it is, in vectors of integers. They may reach over its end, where the next is written
later; the last windows of a line are moved with masks, since nothing comes behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .code import I64
from .overlapped import Axis
from .vectors import Body, module_of

__all__ = ["module"]

Move = Callable[[ir.Value, ir.Value], None]  # from an element to another


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the function ``lay``."""
    return module_of(symbol, np.dtype(f"u{min(dtype.itemsize, 8)}"), {"lay": _lay})


class _Runs(NamedTuple):
    """What lies together in a window: how often, of what length, how far apart."""

    count: ir.Value
    length: ir.Value
    apart: ir.Value


def _lay(e: Body) -> None:
    x, out, channels, *rest = e.words(18)
    depth, height, width = [Axis(*rest[i::3]) for i in range(3)]
    b = e.b
    dense = b.icmp_signed("==", width.hole, I64(1))
    whole = b.mul(width.window, channels)
    runs = _Runs(
        b.select(dense, I64(1), width.window),
        b.select(dense, whole, channels),
        b.mul(width.hole, channels),
    )
    # from one window to the next, where they are read and written; none has no channels
    written = b.mul(b.mul(depth.window, height.window), whole)
    step = e.most(e.code.least(b.mul(width.step, channels), written), I64(1))
    few = e.lanes // 4

    def wide(lanes: int) -> None:
        """All lines: vectors that reach over the end, then the last columns."""
        left = b.sdiv(b.add(step, I64(lanes - 1)), step)
        last = e.most(b.sub(width.count, left), I64(0))
        with e.code.loop(e.lo, e.hi) as unit:
            _columns(e, x, out, channels, (depth, height, width), unit, runs, (I64(0), last),
                     lambda a, c: _over(e, lanes, a, c, runs.length))  # fmt: skip
            _columns(e, x, out, channels, (depth, height, width), unit, runs, (last, width.count),
                     lambda a, c: _exactly(e, a, c, runs.length))  # fmt: skip

    with b.if_else(b.icmp_signed("<=", runs.length, I64(few))) as (then, otherwise):
        with then:
            wide(few)
        with otherwise:
            wide(e.lanes)


def _columns(
    e: Body, x: ir.Value, out: ir.Value, channels: ir.Value, axes: tuple[Axis, Axis, Axis],
    unit: ir.Value, runs: _Runs, between: tuple[ir.Value, ir.Value], move: Move,
) -> None:  # fmt: skip
    """Some of the windows of a line, one after the other."""
    b, (depth, height, width) = e.b, axes
    plane = b.sdiv(unit, height.count)
    batch, layer = b.sdiv(plane, depth.count), b.srem(plane, depth.count)
    deep = b.mul(layer, depth.step)
    high = b.mul(b.srem(unit, height.count), height.step)
    line = b.mul(width.window, channels)
    every = b.mul(b.mul(depth.window, height.window), line)
    target = e.code.slot(I64)
    b.store(b.mul(b.add(b.mul(unit, width.count), between[0]), every), target)
    with e.code.loop(*between) as column, e.code.loop(I64(0), depth.window) as i:
        above = b.add(b.mul(batch, depth.size), b.add(deep, b.mul(i, depth.hole)))
        first = b.add(b.mul(above, height.size), high)
        with e.code.loop(I64(0), height.window) as j:
            row = b.add(first, b.mul(j, height.hole))
            start = b.add(b.mul(row, width.size), b.mul(column, width.step))
            source = b.mul(start, channels)
            with e.code.loop(I64(0), runs.count) as k:
                there = b.load(target, typ=I64)
                here = b.add(source, b.mul(k, runs.apart))
                move(e.at(x, here), e.at(out, there))
                b.store(b.add(there, runs.length), target)


def _over(e: Body, lanes: int, source: ir.Value, target: ir.Value, length: ir.Value) -> None:
    """Vectors of so many lanes, the last of which may reach over the end."""
    kind, b, align = ir.VectorType(e.kind, lanes), e.b, e.dtype.itemsize
    with e.code.loop(I64(0), length, lanes) as first:
        here, there = (b.gep(p, [first], source_etype=e.kind) for p in (source, target))
        b.store(b.load(here, typ=kind, align=align), there, align=align)


def _exactly(e: Body, source: ir.Value, target: ir.Value, length: ir.Value) -> None:
    with e.blocks(length) as (first, mask):
        here, there = (e.b.gep(p, [first], source_etype=e.kind) for p in (source, target))
        e.store(e.load(here, mask), there, mask)
