"""Parts of an array whose place or size is a value of the graph: a start and a count, not slices.

``x[i:j]`` of values ``i`` and ``j`` has a size that depends on them. Its node makes a symbol for
it, unless one is known that must be the same. Who stages a window has brought its start and its
count into the axis; the NumPy bodies rely on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, op
from ..shapes import Sizes, show_shape

__all__ = ["block_update", "window"]

_INT64 = np.dtype(np.int64)


def _window_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, start, count = types
    axis = axis_of(attrs["axis"], x.rank, op.name)
    if any(t.rank or t.dtype != _INT64 for t in (start, count)):
        raise ArgumentError(f"{op.name}: the start and the count are int64 scalars")
    shape = (*x.shape[:axis], attrs["length"], *x.shape[axis + 1 :])
    return {**attrs, "axis": axis}, (x.with_shape(shape),)


@op("index", _window_rule, promote="none", data_dependent=True, public=False)
def window(x: Any, start: Any, count: Any, *, axis: int, length: Any, step: int = 1) -> Any:
    """``count`` elements from ``start`` along an axis, ``step`` apart. ``length`` is the size that
    the axis has then: a symbol where only the values say how many."""
    stop = start + count * step
    key = slice(int(start), None if stop < 0 else int(stop), step)
    return x[(*(slice(None),) * axis, key)]


@window.gradient
def window_vjp(
    g: Any, out: Any, x: Any, start: Any, count: Any, *, axis: int, length: Any, step: int
) -> Any:
    def into_zeros() -> Any:
        zero = OPS["constant"](value=np.zeros((), _INT64))
        starts = [start if i == axis else zero for i in range(len(x.shape))]
        steps = tuple(step if i == axis else 1 for i in range(len(x.shape)))
        return block_update(OPS["zeros_like"](x), g, OPS["stack"](starts), steps=steps)

    return into_zeros, None, None


def _update_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, part, starts = types
    if x.rank != part.rank or x.dtype != part.dtype:
        raise ShapeError(
            f"{op.name}: {part.dtype}{show_shape(part.shape)} is no part of "
            f"{x.dtype}{show_shape(x.shape)}"
        )
    if starts.shape != (x.rank,) or starts.dtype != _INT64 or len(attrs["steps"]) != x.rank:
        raise ArgumentError(f"{op.name}: one int64 start and one step for each axis")
    return attrs, (x,)


@op("index", _update_rule, promote="none", public=False)
def block_update(x: Any, part: Any, starts: Any, *, steps: Any) -> Any:
    """``x`` with a part at ``starts``, whose elements are ``steps`` apart along each axis."""
    out, key = x.copy(), []
    for start, count, step in zip(starts, part.shape, steps, strict=True):
        stop = start + count * step
        key.append(slice(int(start), None if stop < 0 else int(stop), step))
    out[tuple(key)] = part
    return out


@block_update.gradient
def block_update_vjp(g: Any, out: Any, x: Any, part: Any, starts: Any, *, steps: Any) -> Any:
    def kept() -> Any:
        return block_update(g, OPS["zeros_like"](part), starts, steps=steps)

    def written() -> Any:
        found = g
        for axis, (size, step) in enumerate(zip(part.shape, steps, strict=True)):
            count = OPS["cast"](OPS["dim"](dim=size), dtype=_INT64)
            start = OPS["strided_slice"](starts, index=(axis,))
            found = window(found, start, count, axis=axis, length=size, step=step)
        return found

    return kept, written, None
