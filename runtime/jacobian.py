"""Jacobians from reverse walks: one for each element of the target.

The walks are written in ops, so they are recorded by outer tapes and staged by the tracer as any
others. Sizes that set the number of walks are used as plain ints, which a trace relies on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from twofold.ir.errors import ShapeError, TapeError
from twofold.ir.op import OPS
from twofold.ir.shapes import show_shape
from twofold.ir.vjp import differentiable

__all__ = ["batch_jacobian", "jacobian"]


class Walker(Protocol):
    """A tape, as the functions here need it."""

    def pull(
        self, seeds: Sequence[tuple[Any, Any]], sources: Sequence[Any], zero: bool
    ) -> list[Any]:
        """The gradient of each source for these pairs of a target and its cotangent."""


def jacobian(tape: Walker, target: Any, sources: Sequence[Any], zero: bool) -> list[Any]:
    """For each source a tensor of shape ``target.shape + source.shape``, or None."""
    shape = tuple(map(int, target.shape))
    if not differentiable(target):
        return [_zeros(x, (*shape, *x.shape)) if zero else None for x in sources]
    count = math.prod(shape)
    basis = OPS["reshape"](OPS["eye"](n_rows=count, dtype=target.dtype), shape=(count, *shape))
    rows = [tape.pull([(target, basis[i])], sources, False) for i in range(count)]
    found = []
    for k, x in enumerate(sources):
        parts = [row[k] for row in rows]
        if all(p is None for p in parts):
            empty = zero or not count
            found.append(_zeros(x, (*shape, *x.shape)) if empty else None)
        else:
            stacked = OPS["stack"](_filled(parts, x), axis=0)
            found.append(OPS["reshape"](stacked, shape=(*shape, *x.shape)))
    return found


def batch_jacobian(tape: Walker, target: Any, source: Any, zero: bool) -> Any:
    """A tensor of shape ``(batch, *target.shape[1:], *source.shape[1:])``, or None."""
    if not target.shape or not source.shape or target.shape[0] != source.shape[0]:
        raise ShapeError(
            f"batch_jacobian needs the same size along axis 0, the shapes of target and source "
            f"are {show_shape(target.shape)} and {show_shape(source.shape)}"
        )
    if not differentiable(target):
        raise TapeError(f"the target of batch_jacobian has dtype {target.dtype}, not a real one")
    shape = tuple(map(int, target.shape[1:]))
    count = math.prod(shape)
    basis = OPS["reshape"](OPS["eye"](n_rows=count, dtype=target.dtype), shape=(count, *shape))
    rows = [OPS["broadcast_to"](basis[i], shape=target.shape) for i in range(count)]
    parts = [tape.pull([(target, row)], [source], False)[0] for row in rows]
    if all(p is None for p in parts):
        empty = zero or not count
        return _zeros(source, (*target.shape, *source.shape[1:])) if empty else None
    stacked = OPS["stack"](_filled(parts, source), axis=1)
    return OPS["reshape"](stacked, shape=(*target.shape, *source.shape[1:]))


def _filled(parts: list[Any], source: Any) -> list[Any]:
    """The parts with zeros where an element of the target does not depend on the source."""
    return [OPS["zeros_like"](source) if p is None else p for p in parts]


def _zeros(source: Any, shape: Any) -> Any:
    return OPS["splat"](OPS["cast"](0, dtype=source.dtype), shape=shape)
