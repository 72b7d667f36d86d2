"""Windows that overlap, added up where they came from, to LLVM: the gradient of ``patches``.

A unit is a line of the result along its last axis but the channels. Each element of it collects
what the windows that it is in have for it: vectors of channels, in the order of the places in a
window, which is the order of the array operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from .code import I1, I64
from .vectors import Body, module_of

__all__ = ["Axis", "module"]


def module(symbol: str, dtype: np.dtype[Any]) -> ir.Module:
    """The module with the function ``add``."""
    return module_of(symbol, dtype, {"add": _write})


class Axis(NamedTuple):
    """One axis: its size, how many windows there are, of what size, how far apart, with what
    between their elements."""

    size: ir.Value
    count: ir.Value
    window: ir.Value
    step: ir.Value
    hole: ir.Value


class _Places(NamedTuple):
    """The places of an element in windows: ``first + i * step`` in window ``last - i * hole``, for
    ``i`` from ``start`` to ``stop``."""

    first: ir.Value
    last: ir.Value
    start: ir.Value
    stop: ir.Value


def _write(e: Body) -> None:
    g, out, channels, *rest = e.words(18)
    axes = [Axis(*rest[i::3]) for i in range(3)]
    dense = I1(1)
    for axis in axes:
        for number in (axis.step, axis.hole):
            dense = e.b.and_(dense, e.b.icmp_signed("==", number, I64(1)))
    with e.b.if_else(dense) as (then, otherwise):
        with then:  # divisions by numbers that are known to be 1
            one = [axis._replace(step=I64(1), hole=I64(1)) for axis in axes]
            _lines(e, g, out, channels, one)
        with otherwise:
            _lines(e, g, out, channels, axes)


def _lines(
    e: Body, g: ir.Value, out: ir.Value, channels: ir.Value, axes: Sequence[Axis]
) -> None:  # fmt: skip
    b = e.b
    depth, height, width = axes
    with e.code.loop(e.lo, e.hi) as unit:
        row = b.srem(unit, height.size)
        plane = b.sdiv(unit, height.size)
        batch = b.sdiv(plane, depth.size)
        outer = [_places(e, depth, b.srem(plane, depth.size)), _places(e, height, row)]
        with e.code.loop(I64(0), width.size) as column:
            places = [*outer, _places(e, width, column)]
            target = b.mul(b.add(b.mul(unit, width.size), column), channels)
            with e.blocks(channels) as (first, mask):
                total = e.code.slot(e.vector)
                b.store(ir.Constant(e.vector, None), total)
                with _every(e, places, axes, batch) as at:
                    place = e.at(g, b.add(b.mul(at, channels), first))
                    sum_ = b.fadd(b.load(total, typ=e.vector), e.load(place, mask))
                    b.store(sum_, total)
                e.store(b.load(total, typ=e.vector), e.at(out, b.add(target, first)), mask)


def _places(e: Body, axis: Axis, at: ir.Value) -> _Places:
    """The places in windows of what is at a position of an axis. Windows that are apart, and
    elements that are, do not come together."""
    b = e.b
    last, first = b.sdiv(at, axis.step), b.srem(at, axis.step)
    beyond = b.add(b.sub(last, axis.count), I64(1))  # so far behind the last window
    ahead = b.sdiv(b.add(beyond, b.sub(axis.hole, I64(1))), axis.hole)
    within = b.sdiv(b.sub(b.add(axis.window, b.sub(axis.step, I64(1))), first), axis.step)
    windows = b.add(b.sdiv(last, axis.hole), I64(1))
    return _Places(first, last, e.most(ahead, I64(0)), e.code.least(within, windows))


@contextmanager
def _every(
    e: Body, places: Sequence[_Places], axes: Sequence[Axis], batch: ir.Value
) -> Iterator[ir.Value]:  # fmt: skip
    """A loop over the elements of windows at these places; gives the number of each among all."""
    b, window, inside = e.b, batch, I64(0)
    with ExitStack() as loops:
        for place, axis in zip(places, axes, strict=True):
            i = loops.enter_context(e.code.loop(place.start, place.stop))
            number = b.sub(place.last, b.mul(i, axis.hole))
            window = b.add(b.mul(window, axis.count), number)
            at = b.add(place.first, b.mul(i, axis.step))
            inside = b.add(b.mul(inside, axis.window), at)
        every = b.mul(b.mul(axes[0].window, axes[1].window), axes[2].window)
        yield b.add(b.mul(window, every), inside)
