"""Running sums and products, and the linear recurrence that their gradients need."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..infer import Attrs, Resolved, Types, as_dtype, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..summation import running_dtype
from ..types import TensorType
from . import movement
from .elementwise import chain, conj
from .joining import concat
from .operand import as_tensor
from .padding import pad_constant
from .slicing import slice_axis
from .statistics import accumulated

SAMPLES = [
    Sample("f[4]"),
    Sample("f[3,4]", axis=1),
    Sample("f[3,4]", axis=0, exclusive=True),
    Sample("f[3,4]", axis=-1, reverse=True),
    Sample("f[5]", exclusive=True, reverse=True),
]


def _running_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axis = axis_of(attrs["axis"], x.rank, op.name)
    dtype = np.dtype("int32") if x.dtype == bool else x.dtype
    return {
        "axis": axis, "exclusive": bool(attrs["exclusive"]), "reverse": bool(attrs["reverse"]),
    }, (TensorType(dtype, x.shape),)  # fmt: skip


def _running(ufunc: Any, start: int, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    x = np.flip(x, axis) if reverse else x
    dtype = np.dtype("int32") if x.dtype == bool else x.dtype
    wide = running_dtype(dtype) if ufunc is np.add else dtype
    out = ufunc.accumulate(x, axis=axis, dtype=wide).astype(dtype, copy=False)
    if exclusive:
        ends = np.moveaxis(out, axis, 0)
        shifted = np.full_like(ends, start)
        shifted[1:] = ends[:-1]
        out = np.moveaxis(shifted, 0, axis)
    return np.flip(out, axis) if reverse else out


@op("opaque", _running_rule, routine=True, samples=SAMPLES)
def cumsum(x: Any, *, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sums along an axis; ``exclusive`` leaves out the element itself.

    ``reverse`` sums from the end. Keeps the dtype, bool sums as int32; floating point is summed
    in double precision, each result rounded once.
    """
    return _running(np.add, 0, x, axis, exclusive, reverse)


@cumsum.gradient
def cumsum_vjp(g: Any, out: Any, x: Any, *, axis: int, exclusive: bool, reverse: bool) -> Any:
    return (lambda: cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse),)


@op("opaque", _running_rule, routine=True, samples=SAMPLES)
def cumprod(x: Any, *, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running products along an axis; ``exclusive`` leaves out the element itself.

    ``reverse`` multiplies from the end. The gradient is exact where elements are zero.
    """
    return _running(np.multiply, 1, x, axis, exclusive, reverse)


@cumprod.gradient
def cumprod_vjp(g: Any, out: Any, x: Any, *, axis: int, exclusive: bool, reverse: bool) -> Any:
    def products() -> Any:
        # y[k] = prod(x[:k+1]), so dx[i] = prod(x[:i]) * sum over k >= i of g[k] * prod(x[i+1:k+1]);
        # the sum obeys t[i] = g[i] + x[i+1] * t[i+1], exact whatever x is.
        others = conj(x)
        before = cumprod(x, axis=axis, exclusive=True, reverse=reverse)
        factors = _shift(others, axis, not reverse, 0)
        # exclusive: y[k] leaves x[k] out, so t[i] = g[i+1] + x[i+1] * t[i+1]
        received = _shift(g, axis, not reverse, 0) if exclusive else g
        received = linear_recurrence(factors, received, axis=axis, reverse=not reverse)
        return chain(received, before)

    return (products,)


def _shift(x: Any, axis: int, back: bool, fill: float) -> Any:
    """``x`` moved one place along an axis, towards the front if ``back``, filled at the end."""
    rank = len(x.shape)
    kept = slice_axis(x, axis, 1, None) if back else slice_axis(x, axis, None, -1)
    pads = [(0, 0)] * rank
    pads[axis] = (0, 1) if back else (1, 0)
    return pad_constant(kept, pads=tuple(pads), value=fill)


def _recurrence_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    a, b = types
    if a.rank != b.rank or not all(map(sizes.require_same, a.shape, b.shape)):
        raise ShapeError(
            f"linear_recurrence: shapes {show_shape(a.shape)} and {show_shape(b.shape)} must be "
            f"equal"
        )
    axis = axis_of(attrs["axis"], b.rank, op.name)
    return {"axis": axis, "reverse": bool(attrs["reverse"])}, (b,)


@op(
    "opaque",
    _recurrence_rule,
    accepts="fc",
    samples=[Sample("f[4]", "f[4]"), Sample("f[3,4]", "f[3,4]", axis=1, reverse=True)],
)
def linear_recurrence(a: Any, b: Any, *, axis: int = 0, reverse: bool = False) -> Any:
    """``y[i] = b[i] + a[i] * y[i-1]`` along an axis, from 0; ``reverse`` runs from the end."""
    out = np.empty(b.shape, b.dtype)
    fa, fb, fo = (np.moveaxis(v, axis, 0) for v in (a, b, out))
    carry = np.zeros(fb.shape[1:], b.dtype)
    order = range(len(fb))
    for i in reversed(order) if reverse else order:
        carry = fb[i] + fa[i] * carry
        fo[i] = carry
    return out


@linear_recurrence.gradient
def linear_recurrence_vjp(g: Any, out: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    factors = _shift(conj(a), axis, not reverse, 0)
    back = linear_recurrence(factors, g, axis=axis, reverse=not reverse)
    return lambda: chain(back, _shift(out, axis, reverse, 0)), back


def _with_start(running: Any, x: Any, axis: int | None, dtype: Any, start: int, lead: bool) -> Any:
    x = as_tensor(x)
    want = accumulated(x.dtype) if dtype is None else as_dtype(dtype, "dtype")
    x = x if x.dtype == want else OPS["cast"](x, dtype=want)
    if axis is None:
        if len(x.shape) != 1:
            raise ShapeError("an axis is needed unless the tensor has exactly one")
        axis = 0
    out = running(x, axis=axis)
    if not lead:
        return out
    axis = axis_of(axis, len(x.shape), "cumulative")
    shape = tuple(1 if i == axis else d for i, d in enumerate(x.shape))
    first = movement.broadcast_to(OPS["constant"](value=out.dtype.type(start)), shape=shape)
    return concat([first, out], axis=axis)


@composite(Sample("f[3]"), Sample("f[3,4]", axis=1, include_initial=True))
def cumulative_sum(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running sums along an axis (None: the only one); ``include_initial`` puts a 0 in front."""
    return _with_start(cumsum, x, axis, dtype, 0, include_initial)


@composite(Sample("f[3]"), Sample("f[3,4]", axis=1, include_initial=True))
def cumulative_prod(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running products along an axis (None: the only one); ``include_initial`` puts a 1 first."""
    return _with_start(cumprod, x, axis, dtype, 1, include_initial)
