"""Ops that move or repeat elements and compute nothing: axes, shapes, order along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..access import AccessMap, Axis, reshaped
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, axes_of, axis_of
from ..op import Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from ..words import counted
from .operand import as_tensor, new_shape_attr, sequence_attr, shape_attr, size_attr


def _expand_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    given = attrs["axis"]
    count = len(given) if isinstance(given, list | tuple) else 1
    axes = axes_of(given, x.rank + count, op.name)
    rest = iter(x.shape)
    shape = [1 if i in axes else next(rest) for i in range(x.rank + count)]
    return {"axis": axes}, (x.with_shape(shape),)


def _reshape_axes(x: TensorType, out: TensorType, attrs: Attrs) -> AccessMap | None:
    return reshaped(x.shape, out.shape)


@op(
    "movement",
    _expand_rule,
    axes=_reshape_axes,
    promote="none",
    shares_memory="alias",
    samples=[Sample("f[3,4]", axis=1), Sample("f[3]", axis=(0, -1)), Sample("f[]", axis=0)],
)
def expand_dims(x: Any, *, axis: Any = 0) -> Any:
    """Insert axes of size 1 at the positions ``axis`` (one or several) of the result."""
    return np.expand_dims(x, axis)


@expand_dims.gradient
def expand_dims_vjp(g: Any, out: Any, x: Any, *, axis: Any) -> Any:
    return (lambda: squeeze(g, axis=axis),)


def _squeeze_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    if attrs["axis"] is None:
        axes = tuple(i for i, d in enumerate(x.shape) if sizes.require_same(d, 1, decide=True))
    else:
        axes = axes_of(attrs["axis"], x.rank, op.name)
    for a in axes:
        if not sizes.require_same(x.shape[a], 1):
            raise ShapeError(
                f"squeeze: axis {a} of shape {show_shape(x.shape)} has size {x.shape[a]}; only "
                f"axes of size 1 can be removed"
            )
    return {"axis": axes}, (x.with_shape([d for i, d in enumerate(x.shape) if i not in axes]),)


@op(
    "movement",
    _squeeze_rule,
    axes=_reshape_axes,
    promote="none",
    shares_memory="alias",
    samples=[Sample("f[3,1,4]", axis=1), Sample("f[1,3,1]", axis=(0, -1)), Sample("f[1,2,1]")],
)
def squeeze(x: Any, *, axis: Any = None) -> Any:
    """Remove axes of size 1 (None: all of them)."""
    return np.squeeze(x, axis)


@squeeze.gradient
def squeeze_vjp(g: Any, out: Any, x: Any, *, axis: Any) -> Any:
    return (lambda: expand_dims(g, axis=axis),)


def _broadcast_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    shape = new_shape_attr(attrs["shape"], op.name)
    lead = len(shape) - x.rank
    fits = lead >= 0 and all(
        (isinstance(d, int) and d == 1) or sizes.require_same(d, s) or sizes.require_same(d, 1)
        for d, s in zip(x.shape, shape[lead:], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"cannot broadcast shape {show_shape(x.shape)} to {show_shape(shape)}: each size "
            f"must equal the target's or be 1, aligned at the last axis"
        )
    return {"shape": shape}, (x.with_shape(shape),)


def _broadcast_axes(x: TensorType, out: TensorType, attrs: Attrs) -> AccessMap:
    lead = out.rank - x.rank
    kept = [Axis(i, 0, 1 if d == out.shape[lead + i] else 0) for i, d in enumerate(x.shape)]
    return AccessMap((Axis(None),) * lead + tuple(kept))


@op("movement", _broadcast_rule, promote="none", axes=_broadcast_axes,
    samples=[Sample("f[3,1]", shape=(2, 3, 4)), Sample("f[]", shape=(2,)),
             Sample("f[3]", shape=(3,))])  # fmt: skip
def broadcast_to(x: Any, *, shape: Any) -> Any:
    """Repeat along new axes and along axes of size 1 until the shape is ``shape``."""
    return np.broadcast_to(x, shape)


@broadcast_to.gradient
def broadcast_to_vjp(g: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return (g,)  # the walk sums a cotangent to its input's shape


def _reshape_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    shape = list(shape_attr(attrs["shape"], op.name))
    holes = [i for i, d in enumerate(shape) if isinstance(d, int) and d == -1]
    if len(holes) > 1:
        raise ArgumentError(f"reshape: only one size may be -1, not {show_shape(shape)}")
    if holes:
        shape[holes[0]] = 1
        known = TensorType(x.dtype, shape).size
        if isinstance(known, int) and known == 0:
            raise ShapeError(f"reshape: -1 in {show_shape(shape)} is not determined, a size is 0")
        shape[holes[0]] = x.size // known
    target = TensorType(x.dtype, shape)
    if any(isinstance(d, int) and d < 0 for d in shape) or not sizes.require_same(
        target.size, x.size
    ):
        raise ShapeError(
            f"cannot reshape {show_shape(x.shape)} ({counted(x.size, 'element')}) to "
            f"{show_shape(shape)} ({counted(target.size, 'element')})"
        )
    return {"shape": tuple(shape)}, (target,)


@op("movement", _reshape_rule, promote="none", axes=_reshape_axes, shares_memory="alias",
    samples=[Sample("f[3,4]", shape=(2, -1)), Sample("f[1]", shape=()),
             Sample("f[0,3]", shape=(3, 0))])  # fmt: skip
def reshape(x: Any, *, shape: Any) -> Any:
    """The same elements in row-major order under another shape; one size may be -1."""
    return x.reshape(shape)


@reshape.gradient
def reshape_vjp(g: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return (lambda: reshape(g, shape=x.shape),)


def _transpose_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    perm = attrs["perm"]
    order = tuple(reversed(range(x.rank))) if perm is None else tuple(perm)
    if axes_of(order, x.rank, op.name) != tuple(range(x.rank)):
        raise ArgumentError(f"transpose: {order} is not a permutation of {counted(x.rank, 'axis')}")
    order = tuple(axis_of(a, x.rank, op.name) for a in order)
    return {"perm": order}, (x.with_shape([x.shape[a] for a in order]),)


def _transpose_axes(x: TensorType, out: TensorType, attrs: Attrs) -> AccessMap:
    return AccessMap(tuple(Axis(a) for a in attrs["perm"]))


@op("movement", _transpose_rule, promote="none", axes=_transpose_axes,
    samples=[Sample("f[2,3,4]", perm=(2, 0, 1)), Sample("f[2,3]"), Sample("f[2,3]", perm=(-1, 0)),
             Sample("f[]")])  # fmt: skip
def transpose(x: Any, *, perm: Any = None) -> Any:
    """Permute the axes: axis ``i`` of the result is axis ``perm[i]``; None reverses them."""
    return np.transpose(x, perm)


@transpose.gradient
def transpose_vjp(g: Any, out: Any, x: Any, *, perm: Any) -> Any:
    return (lambda: transpose(g, perm=tuple(int(i) for i in np.argsort(perm))),)


@composite(Sample("f[2,3,4]", axes=(2, 0, 1)))
def permute_dims(x: Any, axes: Any) -> Any:
    """``transpose`` under its array API name."""
    return transpose(x, perm=axes)


@composite(Sample("f[2,3,4]"))
def matrix_transpose(x: Any) -> Any:
    """Swap the last two axes. Raises ShapeError below two axes."""
    x = as_tensor(x)
    rank = len(x.shape)
    if rank < 2:
        raise ShapeError(f"matrix_transpose needs two axes, the shape is {show_shape(x.shape)}")
    return transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


@composite(Sample("f[2,3,4]", source=0, destination=-1),
           Sample("f[2,3,4]", source=(0, 1), destination=(2, 0)))  # fmt: skip
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other positions; the others keep their order."""
    x = as_tensor(x)
    rank = len(x.shape)
    given = source if isinstance(source, list | tuple) else (source,)
    wanted = sequence_attr(destination, len(given), "moveaxis: destination")
    taken = [axis_of(a, rank, "moveaxis") for a in given]
    goals = [axis_of(a, rank, "moveaxis") for a in wanted]
    if len(set(taken)) < len(taken) or len(set(goals)) < len(goals):
        raise ArgumentError(f"moveaxis: {source} or {destination} names one axis twice")
    order = [a for a in range(rank) if a not in taken]
    for goal, axis in sorted(zip(goals, taken, strict=True)):
        order.insert(goal, axis)
    return transpose(x, perm=tuple(order))


@composite(Sample("f[2,3,4]", axis1=0, axis2=-1))
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    x = as_tensor(x)
    rank = len(x.shape)
    a, b = axis_of(axis1, rank, "swapaxes"), axis_of(axis2, rank, "swapaxes")
    order = list(range(rank))
    order[a], order[b] = b, a
    return transpose(x, perm=tuple(order))


@composite(Sample("f[3]"), Sample("f[]"))
def atleast_1d(x: Any) -> Any:
    """``x`` with one axis if it has none."""
    x = as_tensor(x)
    return reshape(x, shape=x.shape or (1,))


def _flip_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    return {"axis": axes_of(attrs["axis"], x.rank, op.name)}, (x,)


def _flip_axes(x: TensorType, out: TensorType, attrs: Attrs) -> AccessMap:
    turned = [(i, d - 1, -1) if i in attrs["axis"] else (i, 0, 1) for i, d in enumerate(x.shape)]
    return AccessMap(tuple(Axis(*axis) for axis in turned))


@op(
    "movement",
    _flip_rule,
    axes=_flip_axes,
    involution=True,
    promote="none",
    samples=[Sample("f[3,4]"), Sample("f[3,4]", axis=-1), Sample("f[2,3,4]", axis=(0, 2))],
)
def flip(x: Any, *, axis: Any = None) -> Any:
    """Reverse the order of the elements along ``axis`` (None: all axes)."""
    return np.flip(x, axis)


@flip.gradient
def flip_vjp(g: Any, out: Any, x: Any, *, axis: Any) -> Any:
    return (lambda: flip(g, axis=axis),)


def _roll_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    if attrs["axis"] is None:
        return {"shift": size_attr(attrs["shift"], op.name), "axis": None}, (x,)
    given = attrs["axis"] if isinstance(attrs["axis"], list | tuple) else (attrs["axis"],)
    axes = tuple(axis_of(a, x.rank, op.name) for a in given)
    shifts = sequence_attr(attrs["shift"], len(axes), "roll: shift")
    return {"shift": tuple(size_attr(s, op.name) for s in shifts), "axis": axes}, (x,)


@op("movement", _roll_rule, promote="none",
    samples=[Sample("f[3,4]", shift=2), Sample("f[3,4]", shift=-1, axis=1),
             Sample("f[3,4]", shift=(1, -2), axis=(0, 1))])  # fmt: skip
def roll(x: Any, *, shift: Any, axis: Any = None) -> Any:
    """Shift elements along ``axis``; those pushed out come back in at the other end.

    None rolls the elements in row-major order. A negative shift goes towards the front.
    """
    return np.roll(x, shift, axis)


@roll.gradient
def roll_vjp(g: Any, out: Any, x: Any, *, shift: Any, axis: Any) -> Any:
    back = -shift if axis is None else tuple(-s for s in shift)
    return (lambda: roll(g, shift=back, axis=axis),)
