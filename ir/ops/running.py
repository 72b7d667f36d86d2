"""Running maxima, minima and logarithms of sums along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes
from .cumulative import _running_rule as running_rule
from .elementwise import where
from .exponential import exp, log
from .gather import scatter_add
from .operand import as_tensor
from .padding import pad_constant
from .slicing import slice_axis

SAMPLES = [Sample("f[4]"), Sample("f[3,4]", axis=1), Sample("f[3,4]", axis=-1, reverse=True)]


def _extreme_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axis = axis_of(attrs["axis"], x.rank, op.name)
    return {"axis": axis, "reverse": bool(attrs["reverse"])}, (x,)


def _accumulated(ufunc: Any, x: Any, axis: int, reverse: bool) -> Any:
    x = np.flip(x, axis) if reverse else x
    out = ufunc.accumulate(x, axis=axis)
    return np.flip(out, axis) if reverse else out


@op("opaque", _extreme_rule, accepts="iuf", samples=SAMPLES)
def cummax(x: Any, *, axis: int = 0, reverse: bool = False) -> Any:
    """The largest element so far along an axis; ``reverse`` runs from the end. NaN stays.

    The gradient of each result goes to the first element that has its value.

    >>> import twofold as tf
    >>> tf.cummax([1, 3, 2]).numpy()
    array([1, 3, 3], dtype=int32)
    """
    return _accumulated(np.maximum, x, axis, reverse)


@op("opaque", _extreme_rule, accepts="iuf", samples=SAMPLES)
def cummin(x: Any, *, axis: int = 0, reverse: bool = False) -> Any:
    """The smallest element so far along an axis; ``reverse`` runs from the end. NaN stays.

    The gradient of each result goes to the first element that has its value.

    >>> import twofold as tf
    >>> tf.cummin([3, 1, 2]).numpy()
    array([3, 1, 1], dtype=int32)
    """
    return _accumulated(np.minimum, x, axis, reverse)


@cummax.gradient
def cummax_vjp(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return (lambda: _to_first(g, out, axis, reverse),)


@cummin.gradient
def cummin_vjp(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return (lambda: _to_first(g, out, axis, reverse),)


def _to_first(g: Any, out: Any, axis: int, reverse: bool) -> Any:
    """The cotangents of a run of equal results, at the first of them."""
    last, rank = len(out.shape) - 1, len(out.shape)
    g, out = (OPS["flip"](v, axis=(axis,)) if reverse else v for v in (g, out))
    g, out = (OPS["transpose"](v, perm=_swapped(rank, axis)) for v in (g, out))
    changed = OPS["not_equal"](slice_axis(out, last, 1, None), slice_axis(out, last, None, -1))
    pads = [(0, 0)] * rank
    pads[last] = (1, 0)
    at = OPS["arange"](out.shape[-1], dtype=np.dtype("int64"))
    starts = OPS["cast"](pad_constant(changed, pads=tuple(pads), value=False), dtype=at.dtype) * at
    first = cummax(starts, axis=last)
    found = scatter_add(OPS["zeros_like"](g), first, g, axis=last, batch_dims=last)
    found = OPS["transpose"](found, perm=_swapped(rank, axis))
    return OPS["flip"](found, axis=(axis,)) if reverse else found


def _swapped(rank: int, axis: int) -> tuple[int, ...]:
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return tuple(order)


@op("opaque", running_rule, promote="floating", accepts="f", public=False, samples=[
    *SAMPLES, Sample("f[3,4]", axis=0, exclusive=True),
    Sample("f[5]", exclusive=True, reverse=True)])  # fmt: skip
def log_running_sum(
    x: Any, *, axis: int = 0, exclusive: bool = False, reverse: bool = False
) -> Any:
    """``log(cumsum(exp(x)))``, without overflow; of nothing ``-inf``."""
    x = np.moveaxis(np.flip(x, axis) if reverse else x, axis, 0)
    out = np.logaddexp.accumulate(x, axis=0)
    if exclusive:
        shifted = np.full_like(out, -np.inf)
        shifted[1:] = out[:-1]
        out = shifted
    out = np.moveaxis(out, 0, axis)
    return np.flip(out, axis) if reverse else out


@log_running_sum.gradient
def log_running_sum_vjp(
    g: Any, out: Any, x: Any, *, axis: int, exclusive: bool, reverse: bool
) -> Any:
    def back() -> Any:
        parts = []
        for part in (g, -g):  # sums of positive numbers only, so that they are logarithms
            some = OPS["logical_and"](part > 0, OPS["isfinite"](out))
            line = where(some, log(where(some, part, 1)) - where(some, out, 0), -np.inf)
            total = log_running_sum(line, axis=axis, exclusive=exclusive, reverse=not reverse)
            parts.append(exp(total + x))
        return parts[0] - parts[1]

    return (back,)


@composite(Sample("f[4]"), Sample("f[3,4]", 1, True), Sample("f[3,4]", reverse=True))
def cumulative_logsumexp(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Any = None
) -> Any:
    """``log(cumsum(exp(x)))`` along an axis, without overflow.

    ``exclusive`` leaves out the element itself, so that the first result is ``-inf``; ``reverse``
    sums from the end.

    >>> import twofold as tf
    >>> tf.math.cumulative_logsumexp([0.0, 0.0]).numpy().round(4)
    array([0.    , 0.6931], dtype=float32)
    """
    return log_running_sum(as_tensor(x), axis=axis, exclusive=exclusive, reverse=reverse)
