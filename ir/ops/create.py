"""Ops that make an array from attributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import bind
from ..access import AccessMap, Axis
from ..dims import Dim
from ..dtypes import info, known
from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, as_dtype, require_fits
from ..op import OPS, Sample, composite, op
from ..promote import result_dtype, weak_dtype
from ..record import ALL
from ..shapes import Sizes
from ..types import TensorType
from .casting import cast
from .operand import as_sizes, as_tensor, new_shape_attr, size_attr

_NUMBERS = (bool, int, float, complex)
FLOAT, INT = np.dtype("float32"), np.dtype("int32")


def _constant_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    try:
        value = np.asarray(attrs["value"])
    except ValueError:
        value = None  # rows of different lengths
    if value is None or not known(value.dtype):
        raise ArgumentError(f"constant: {attrs['value']!r} is no array of one of the dtypes")
    return {"value": value}, (TensorType(value.dtype, value.shape),)


@op("create", _constant_rule, promote="none", public=False)
def constant(*, value: Any) -> Any:
    """A value that is part of the graph."""
    return np.asarray(value)


def _dim_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return {"dim": size_attr(attrs["dim"], op.name)}, (TensorType(np.dtype("int64"), ()),)


@op("create", _dim_rule, promote="none", public=False, samples=[Sample(dim=3)])
def dim(*, dim: Any) -> Any:
    """A size, possibly symbolic, as an int64 tensor without axes."""
    return np.asarray(dim, np.int64)


def _splat_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    shape = new_shape_attr(attrs["shape"], "full")
    if types[0].rank:
        raise ArgumentError(f"full: the fill value must have no axes, it is {types[0]}")
    return {"shape": shape}, (types[0].with_shape(shape),)


def _splat_axes(value: TensorType, out: TensorType, attrs: Attrs) -> AccessMap:
    return AccessMap((Axis(None),) * out.rank)


@op(
    "movement",
    _splat_rule,
    axes=_splat_axes,
    promote="none",
    shares_memory="never",
    public=False,
    samples=[Sample("f[]", shape=(2, 3)), Sample("i[]", shape=())],
)
def splat(value: Any, *, shape: Any) -> Any:
    """An array of ``shape`` with every element equal to the 0-d ``value``."""
    return np.full(shape, value, dtype=value.dtype)


@splat.gradient
def splat_vjp(g: Any, out: Any, value: Any, *, shape: Any) -> Any:
    return (lambda: OPS["sum"](g),)


@op("elementwise", "same", promote="none", accepts=ALL, widens=False, expr="0",
    samples=[Sample("f[3,4]")])  # fmt: skip
def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of ``x``."""
    return np.zeros_like(x)


@op("elementwise", "same", promote="none", accepts=ALL, widens=False, expr="1",
    samples=[Sample("f[3,4]")])  # fmt: skip
def ones_like(x: Any) -> Any:
    """Ones of the shape and dtype of ``x``."""
    return np.ones_like(x)


def _filled(value: int, shape: Any, dtype: Any) -> Any:
    return splat(as_dtype(dtype, "dtype").type(value), shape=shape)


@composite(Sample((2, 3)), Sample(4, dtype=INT))
def zeros(shape: Any, dtype: Any = FLOAT) -> Any:
    """Zeros, float32 unless ``dtype`` says otherwise."""
    return _filled(0, shape, dtype)


@composite(Sample((2, 3)), Sample((), dtype=np.dtype(bool)))
def ones(shape: Any, dtype: Any = FLOAT) -> Any:
    """Ones, float32 unless ``dtype`` says otherwise."""
    return _filled(1, shape, dtype)


@composite(Sample((2, 3)))
def empty(shape: Any, dtype: Any = FLOAT) -> Any:
    """An array whose values do not matter; they are zeros, so that both modes agree."""
    return _filled(0, shape, dtype)


@composite(Sample((2, 3), 1.5), Sample((2,), 7, dtype=np.dtype("int64")))
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Every element equal to the 0-d ``fill_value``; its dtype unless ``dtype`` is given."""
    return splat(fill_value if dtype is None else _element(fill_value, dtype), shape=shape)


def _element(value: Any, dtype: Any) -> Any:
    """A fill value in a dtype. Python's numbers reach it in one step, without rounding to float32
    on the way; a real dtype of a complex number and an integer that does not fit are refused."""
    if value.__class__ not in (bool, int, float, complex):
        return cast(value, dtype=dtype)
    own = info(as_dtype(dtype, "full"))
    if own.integer and value.__class__ is int and not own.ints[0] <= value <= own.ints[1]:
        raise ArgumentError(f"full: {value} does not fit {dtype}: {own.ints[0]}..{own.ints[1]}")
    if value.__class__ is complex and not own.complex:
        return cast(value, dtype=dtype)
    if own.integer and value.__class__ is float:
        return cast(value, dtype=dtype)
    made: Any = own.dtype.type  # a class, of which NumPy says too little
    return made(value)


@composite(Sample((2, 3), 1.5))
def fill(dims: Any, value: Any) -> Any:
    """Every element equal to the 0-d ``value``."""
    return splat(value, shape=dims)


@composite(Sample("f[3,4]", 7))
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The shape and dtype of ``x`` (or the dtype given), every element ``fill_value``."""
    x = as_tensor(x)
    return splat(_element(fill_value, x.dtype if dtype is None else dtype), shape=x.shape)


def _eye_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    rows = size_attr(attrs["n_rows"], op.name)
    cols = rows if attrs["n_cols"] is None else size_attr(attrs["n_cols"], op.name)
    for size in (rows, cols):
        if isinstance(size, int) and size < 0:
            raise ArgumentError(f"eye: a size must not be negative, it is {size}")
    dtype = as_dtype(attrs["dtype"], op.name)
    attrs = {"n_rows": rows, "n_cols": cols, "k": size_attr(attrs["k"], "eye"), "dtype": dtype}
    return attrs, (TensorType(dtype, (rows, cols)),)


@op("create", _eye_rule, samples=[Sample(n_rows=3), Sample(n_rows=2, n_cols=4, k=-1, dtype=INT)])
def eye(*, n_rows: Any, n_cols: Any = None, k: Any = 0, dtype: Any = FLOAT) -> Any:
    """Ones on diagonal ``k`` (above the main one if positive), zeros elsewhere."""
    return np.eye(n_rows, n_cols, k, dtype)


def _arange_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    start, stop, step = attrs["start"], attrs["stop"], attrs["step"]
    if stop is None:
        start, stop = 0, start
    parts = [_bound(v) for v in (start, stop, step)]
    floating = any(isinstance(p, float) for p in parts)
    if not isinstance(parts[2], Dim) and parts[2] == 0:
        raise ArgumentError("arange: the step must not be 0")
    named = dict(zip(("start", "stop", "step"), parts, strict=True))
    start, stop, step = parts
    (count,) = new_shape_attr((_arange_size(start, stop, step, sizes),), op.name)
    ends = [] if any(isinstance(v, Dim) for v in (count, *parts)) or not count else [
        start, start + (count - 1) * step
    ]  # fmt: skip
    if attrs["dtype"] is not None:
        dtype = as_dtype(attrs["dtype"], op.name)
        for end in ends:
            require_fits(end, dtype, "arange")
    elif floating:
        dtype = FLOAT
    else:
        least, most = info(INT).ints
        dtype = INT if all(least <= end <= most for end in ends) else np.dtype("int64")
    return {**named, "dtype": dtype}, (TensorType(dtype, (count,)),)


def _bound(value: Any) -> Any:
    """A number as int, float or symbolic size; tensors without axes give their value."""
    if isinstance(value, int | float | Dim):
        return value
    number = value.item() if hasattr(value, "item") else value
    if not isinstance(number, int | float):
        raise ArgumentError(f"arange: {value!r} is not a real number")
    return number


def _arange_size(start: Any, stop: Any, step: Any, sizes: Sizes) -> Any:
    if any(isinstance(v, float) for v in (start, stop, step)):
        return max(math.ceil((stop - start) / step), 0)
    forward = isinstance(step, Dim) or step > 0
    low, high, stride = (start, stop, step) if forward else (stop, start, -step)
    if not sizes.require_at_most(low, high):
        return 0
    return high - low if stride == 1 else (high - low + stride - 1) // stride


@op("create", _arange_rule,
    samples=[Sample(start=5), Sample(start=1, stop=8, step=3), Sample(start=5, stop=0, step=-2),
             Sample(start=0.0, stop=1.0, step=0.25), Sample(start=3, stop=1),
             Sample(start=4, dtype=np.dtype("float64"))])  # fmt: skip
def arange(*, start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """``start, start + step, ...`` below ``stop``; one argument counts from 0.

    int32 (int64 where they do not fit) of integers and float32 otherwise, unless ``dtype`` says
    what. Element ``i`` is
    ``start + i * step``, computed in float64 or int64 and then rounded to the dtype.
    """
    if any(isinstance(v, float) for v in (start, stop, step)):
        count = max(math.ceil((stop - start) / step), 0)
        return (start + np.arange(count) * step).astype(dtype)
    return np.arange(start, stop, step, dtype=np.int64).astype(dtype)


def spaced(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """``arange`` whose bounds may be floating tensors that the graph computes: so many values as
    there are below ``stop``, found when it runs."""
    given = [v.dtype for v in (start, stop, step) if getattr(v, "is_tensor", False)]
    floating = [d for d in given if d.kind == "f"]
    dtype = result_dtype(floating) if floating and dtype is None else dtype
    if not floating or bind.current.get() is None or not bind.ground().tracing:
        return arange(start=start, stop=stop, step=step, dtype=dtype)
    start, stop = (0, start) if stop is None else (start, stop)
    double, whole = np.dtype("float64"), np.dtype("int64")
    first, last, stride = (
        cast(v if getattr(v, "is_tensor", False) else np.float64(v), dtype=double)
        for v in (start, stop, step)
    )
    count = cast(OPS["ceil"](OPS["divide"](last - first, stride)), dtype=whole)
    places = arange(start=0, stop=as_sizes(OPS["maximum"](count, 0)), step=1, dtype=whole)
    return cast(first + cast(places, dtype=double) * stride, dtype=dtype)


@composite(Sample(0.0, 1.0, 5), Sample("f[2]", "f[2]", 3), Sample(0.0, 1.0, 4, endpoint=False))
def linspace(
    start: Any, stop: Any, num: int, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """``num`` evenly spaced values from ``start`` to ``stop``, which is included by default.

    Both may be tensors; the new axis is ``axis``. Both end points are exact; the steps are added up
    in double precision and rounded once, down to an integer if ``dtype`` is one, as NumPy does.
    """
    if start.__class__ in _NUMBERS and stop.__class__ in _NUMBERS:
        # in double precision, rounded once
        kind = complex if complex in (start.__class__, stop.__class__) else float
        wide = np.dtype("complex128" if kind is complex else "float64")
        dtype = weak_dtype(kind) if dtype is None else dtype
        for end in (start, stop):
            require_fits(end, as_dtype(dtype, "linspace"), "linspace")
        kind_of: Any = wide.type  # a class, of which NumPy says too little
        start, stop = kind_of(start), kind_of(stop)
    if num < 0:
        raise ArgumentError(f"linspace: the number of values must not be negative: {num}")
    span = OPS["subtract"](OPS["add"](stop, 0.0), OPS["add"](start, 0.0))
    dtype = span.dtype if dtype is None else as_dtype(dtype, "linspace")
    wide = np.dtype("complex128" if span.dtype.kind == "c" else "float64")
    start, stop = cast(start, dtype=wide), cast(stop, dtype=wide)
    gaps = num - 1 if endpoint else num
    rank = len(span.shape)
    spot = axis % (rank + 1)
    at = OPS["reshape"](
        arange(num, dtype=wide), shape=tuple(num if i == spot else 1 for i in range(rank + 1))
    )
    start, stop = (
        OPS["expand_dims"](OPS["broadcast_to"](v, shape=span.shape), axis=(spot,))
        for v in (start, stop)
    )
    out = at * OPS["divide"](stop - start, max(1, gaps)) + start
    if endpoint and num > 1:
        out = OPS["where"](OPS["equal"](at, gaps), stop, out)
    return cast(out if dtype.kind in "fcV" else OPS["floor"](out), dtype=dtype)


@composite(Sample("f[2]", "f[3]"), Sample("f[2]", "f[3]", "f[4]", indexing="ij"))
def meshgrid(*xs: Any, indexing: str = "xy") -> Any:
    """The coordinate grids of 1-d coordinates; ``"xy"`` swaps the first two axes of ``"ij"``."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    lines = [OPS["reshape"](x, shape=(-1,)) for x in xs]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = [1, 0]
    shape = tuple(lines[i].shape[0] for i in order)
    grids = []
    for i, line in enumerate(lines):
        spot = order.index(i)
        own = tuple(n if axis == spot else 1 for axis, n in enumerate(shape))
        grids.append(OPS["broadcast_to"](OPS["reshape"](line, shape=own), shape=shape))
    return tuple(grids)
