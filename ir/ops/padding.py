"""Padding: with a constant, the edge, or the tensor's own elements mirrored or wrapped around."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..access import Piece, Span, around, identity
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, require_fits
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes
from ..types import TensorType
from ..words import counted
from . import movement
from .joining import concat
from .operand import as_sizes, as_tensor, exact_number, size_attr
from .slicing import slice_axis, strided_slice

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _pad_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    pads = tuple([(size_attr(a, "pad"), size_attr(b, "pad")) for a, b in attrs["pads"]])
    if len(pads) != x.rank:
        raise ArgumentError(
            f"pad: {counted(len(pads), 'pair')} of widths for {counted(x.rank, 'axis')}: {pads}"
        )
    if any(isinstance(w, int) and w < 0 for pair in pads for w in pair):
        raise ArgumentError(f"pad: widths must not be negative: {pads}")
    shape = [a + d + b for (a, b), d in zip(pads, x.shape, strict=True)]
    return {"pads": pads, "value": attrs["value"]}, (x.with_shape(shape),)


def _pad_pieces(types: Types, out: TensorType, attrs: Attrs) -> list[Piece] | None:
    (x,) = types
    value = exact_number(attrs["value"], out.dtype)
    if value is None:
        return None
    box = tuple(Span(a, d) for (a, _), d in zip(attrs["pads"], x.shape, strict=True))
    border = [Piece(b, None, value=value) for b in around(box, out.shape)]
    return [Piece(box, 0, identity(out.rank)), *border]


@op(
    "index",
    _pad_rule,
    pieces=_pad_pieces,
    promote="none",
    public=False,
    samples=[Sample("f[2,3]", pads=((1, 0), (2, 1)), value=0.5), Sample("f[]", pads=())],
)
def pad_constant(x: Any, *, pads: Any, value: Any = 0) -> Any:
    """``x`` with ``pads[i] = (before, after)`` elements of ``value`` added along axis ``i``."""
    return np.pad(x, pads, constant_values=value) if x.ndim else x.copy()


@pad_constant.gradient
def pad_constant_vjp(g: Any, out: Any, x: Any, *, pads: Any, value: Any) -> Any:
    index = tuple((a, a + d, 1) for (a, _), d in zip(pads, x.shape, strict=True))
    return (lambda: strided_slice(g, index=index),)


@composite(*[Sample("f[3,4]", ((1, 2), (2, 0)), mode=m) for m in MODES], Sample("f[3]", 1))
def pad(x: Any, paddings: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Add elements before and after along each axis: ``paddings[i] = (before, after)``.

    One pair or one number serves all axes. Modes: ``constant``; ``edge`` repeats the outermost
    element; ``reflect`` mirrors without it (a width must be smaller than the axis), ``symmetric``
    with it (at most the axis); ``wrap`` continues at the other end. Raises ArgumentError.
    """
    x = given = as_tensor(x)
    mode = mode.lower()
    if mode not in MODES:
        raise ArgumentError(f"pad: mode {mode!r} is not one of {', '.join(MODES)}")
    pads = _pairs(as_sizes(paddings), len(x.shape))
    if len(pads) != len(x.shape):
        raise ArgumentError(f"pad: {len(pads)} pairs of widths for {len(x.shape)} axes")
    if mode == "constant":
        require_fits(constant_values, x.dtype, "pad", whole=True)
        return pad_constant(x, pads=pads, value=constant_values)
    for axis, (before, after) in enumerate(pads):
        parts = [_border(x, axis, before, mode, True), x, _border(x, axis, after, mode, False)]
        parts = [p for p in parts if p is not None]
        x = concat(parts, axis=axis) if len(parts) > 1 else x
    return OPS["identity"](x) if x is given else x


def _pairs(paddings: Any, rank: int) -> tuple[tuple[Any, Any], ...]:
    if not hasattr(paddings, "__iter__"):
        return ((paddings, paddings),) * rank
    rows = [tuple(r) if hasattr(r, "__iter__") else r for r in paddings]
    if len(rows) == 2 and not isinstance(rows[0], tuple):
        return ((rows[0], rows[1]),) * rank
    if len(rows) == 1 and isinstance(rows[0], tuple):
        rows = rows * rank
    if not all(isinstance(r, tuple) and len(r) == 2 for r in rows):
        raise ArgumentError(f"pad: paddings must be (before, after) pairs, not {paddings!r}")
    return tuple((r[0], r[1]) for r in rows if isinstance(r, tuple))


def _border(x: Any, axis: int, width: Any, mode: str, front: bool) -> Any:
    """The elements to add on one side, or None for none."""
    if width == 0:
        return None
    size = x.shape[axis]
    limit = size - 1 if mode == "reflect" else size
    if mode == "edge":
        edge = slice_axis(x, axis, 0, 1) if front else slice_axis(x, axis, -1, None)
        shape = tuple(width if i == axis else d for i, d in enumerate(x.shape))
        return movement.broadcast_to(edge, shape=shape)
    if width > limit:
        raise ShapeError(
            f"pad: {mode} by {width} along axis {axis} of size {size}; at most {limit} is possible"
        )
    if mode == "wrap":
        first, last = (size - width, size) if front else (0, width)
        return slice_axis(x, axis, first, last)
    skip = 1 if mode == "reflect" else 0
    first, last = (skip, skip + width) if front else (size - skip - width, size - skip)
    return movement.flip(slice_axis(x, axis, first, last), axis=(axis,))
