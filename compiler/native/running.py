"""Running sums and products along an axis, to LLVM: ``cumsum`` and ``cumprod``.

``lines``: a unit is a few lines of the array, side by side, so that an addition does not wait for
the one before it in another line. ``blocks``: a unit is a vector of lines that are next to each
other in memory. Terms are added in the order of the array operation, in the same precision.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dtypes import info
from twofold.ir.summation import running_dtype

from .code import I64
from .routines import LINES
from .vectors import ONE, Body, module_of

__all__ = ["module"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with ``cumsum_lines``, ``cumsum_blocks``, and the functions of ``cumprod``."""
    functions: dict[str, Callable[[Body], None]] = {}
    for name, adds in (("cumsum", True), ("cumprod", False)):
        functions[f"{name}_lines"] = functools.partial(_lines, adds=adds)
        functions[f"{name}_blocks"] = functools.partial(_blocks, adds=adds)
    return module_of(symbol, dtype, functions)


class _Run:
    """A running fold of one line, or of a vector of them: what it has, and where it goes next."""

    def __init__(self, e: Body, adds: bool, vector: bool) -> None:
        self.e, self.adds, self.own = e, adds, e.vector if vector else e.kind
        self.floating = info(e.dtype).floating
        self.kind = e.wide(running_dtype(e.dtype) if adds else e.dtype, vector)
        self.state = e.code.slot(self.kind)
        # the sum of nothing and -0.0 is -0.0
        e.b.store(self._number(self.kind, -0.0 if adds else 1.0), self.state)

    def _number(self, kind: ir.Type, number: float) -> ir.Constant:
        each = number if self.floating else int(number)
        count = getattr(kind, "count", 0)
        return ir.Constant(kind, [each] * count if count else each)

    def step(self, source: ir.Value, target: ir.Value, first: ir.Value, exclusive: ir.Value,
             mask: Any) -> None:  # fmt: skip
        """One element further."""
        e, b = self.e, self.e.b
        before = b.load(self.state, typ=self.kind)
        x = e.cast(e.load(source, mask), self.kind)
        after = e.add(before, x) if self.adds else e.multiply(before, x)
        b.store(after, self.state)
        start = self._number(self.own, 0.0 if self.adds else 1.0)
        behind = b.select(first, start, e.cast(before, self.own))
        e.store(b.select(exclusive, behind, e.cast(after, self.own)), target, mask)


def _lines(e: Body, adds: bool) -> None:
    b = e.b
    x, out, length, width, lines, backward, exclusive = e.words(7)
    exclusive = b.icmp_signed("!=", exclusive, I64(0))
    start, step = _way(e, length, width, backward)
    with e.code.loop(e.lo, e.hi) as unit:
        bases, runs = [], []
        for i in range(LINES):  # the last unit has its last line several times
            line = b.add(b.mul(unit, I64(LINES)), I64(i))
            line = e.code.least(line, b.sub(lines, I64(1)))
            base = b.mul(b.sdiv(line, width), b.mul(length, width))
            bases.append(b.add(b.add(base, b.srem(line, width)), start))
            runs.append(_Run(e, adds, vector=False))
        with e.code.loop(I64(0), length) as i:
            first, behind = b.icmp_signed("==", i, I64(0)), b.mul(i, step)
            for base, run in zip(bases, runs, strict=True):
                at = b.add(base, behind)
                run.step(e.at(x, at), e.at(out, at), first, exclusive, ONE)


def _blocks(e: Body, adds: bool) -> None:
    b = e.b
    x, out, length, width, _, backward, exclusive = e.words(7)
    exclusive = b.icmp_signed("!=", exclusive, I64(0))
    start, step = _way(e, length, width, backward)
    blocks = b.sdiv(b.add(width, I64(e.lanes - 1)), I64(e.lanes))
    with e.code.loop(e.lo, e.hi) as unit:
        column = b.mul(b.srem(unit, blocks), I64(e.lanes))
        base = b.mul(b.sdiv(unit, blocks), b.mul(length, width))
        base = b.add(b.add(base, column), start)
        mask, run = e.mask(b.sub(width, column)), _Run(e, adds, vector=True)
        with e.code.loop(I64(0), length) as i:
            first, at = b.icmp_signed("==", i, I64(0)), b.add(base, b.mul(i, step))
            run.step(e.at(x, at), e.at(out, at), first, exclusive, mask)


def _way(
    e: Body, length: ir.Value, width: ir.Value, backward: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Where a line begins behind its base, and how far it is to the next element."""
    b = e.b
    turned = b.icmp_signed("!=", backward, I64(0))
    end = b.mul(b.sub(length, I64(1)), width)
    return b.select(turned, end, I64(0)), b.select(turned, b.neg(width), width)
