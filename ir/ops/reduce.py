"""Reductions: one scalar expression folds axes away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import RULES, Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, op
from ..shapes import Sizes, show_shape
from ..summation import add_up
from ..types import TensorType
from . import movement
from .elementwise import chain
from .operand import product

SOME = [
    Sample("f[3,4]"),
    Sample("f[3,4]", axis=1),
    Sample("f[2,3,4]", axis=(0, -1), keepdims=True),
    Sample("f[]"),
]
SAMPLES = [*SOME, Sample("f[0,2]", axis=0), Sample("f[2,3]", axis=())]


def spread(g: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced cotangent repeated along the axes that were folded away."""
    if not keepdims and axis:
        g = movement.expand_dims(g, axis=axis)
    return movement.broadcast_to(g, shape=x.shape)


def _sum_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    attrs, (out,) = RULES["reduce"](op, types, attrs, sizes)
    return attrs, (out.with_dtype(np.dtype("int32")) if out.dtype == bool else out,)


@op("reduce", _sum_rule, expr="acc + x", folds="add", identity=0, samples=SAMPLES)
def sum(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over ``axis`` (None: all); keeps the dtype, bool sums as int32; of nothing: 0.

    Along any axis and for any length the error is within ``32 * eps * sum(|x|)``, compiled as well.
    Half precision is summed in float32 and rounded once. Integers wrap.
    """
    return add_up(x.astype(np.int32) if x.dtype == bool else x, axis, keepdims)


@sum.gradient
def sum_vjp(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return (lambda: spread(g, x, axis, keepdims),)


@op("reduce", _sum_rule, expr="acc * x", folds="multiply", identity=1, samples=SAMPLES)
def prod(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Product over ``axis`` (None: all); keeps the dtype, bool multiplies as int32; of nothing: 1.

    The gradient is the product of the other elements, exact where elements are zero.
    """
    dtype = np.dtype("int32") if x.dtype == bool else x.dtype
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype)


@prod.gradient
def prod_vjp(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    def others() -> Any:
        rank = len(x.shape)
        kept = tuple(i for i in range(rank) if i not in axis)
        perm = kept + tuple(axis)
        lead = tuple(x.shape[i] for i in kept)
        turned = movement.transpose(x, perm=perm)
        flat = movement.reshape(turned, shape=(*lead, product(x.shape[i] for i in axis)))
        cumprod, last = OPS["cumprod"], len(kept)
        left = cumprod(flat, axis=last, exclusive=True, reverse=False)
        right = cumprod(flat, axis=last, exclusive=True, reverse=True)
        rest = movement.reshape(left * right, shape=turned.shape)
        rest = movement.transpose(rest, perm=tuple(int(i) for i in np.argsort(perm)))
        return chain(spread(g, x, axis, keepdims), rest)

    return (others,)


def _extreme(x: Any, lowest: bool) -> Any:
    """The value that every other of its dtype is at least (or at most)."""
    if info(x.dtype).floating:
        return -np.inf if lowest else np.inf
    low, high = info(x.dtype).ints
    return x.dtype.type(low if lowest else high)


@op(
    "reduce",
    expr="maximum(acc, x)",
    neutral=True,
    folds="maximum",
    identity=-math.inf,
    accepts="biuf",
    samples=SOME,
)
def max(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over ``axis`` (None: all); NaN if there is one.

    Of nothing: ``-inf``, or the lowest value of an integer dtype, which are the identities. The
    gradient is split equally among equal largest elements.
    """
    return np.max(x, axis=axis, keepdims=keepdims, initial=_extreme(x, lowest=True))


@op(
    "reduce",
    expr="minimum(acc, x)",
    neutral=True,
    folds="minimum",
    identity=math.inf,
    accepts="biuf",
    samples=SOME,
)
def min(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over ``axis`` (None: all); NaN if there is one.

    Of nothing: ``inf``, or the highest value of an integer dtype, which are the identities. The
    gradient is split equally among equal smallest elements.
    """
    return np.min(x, axis=axis, keepdims=keepdims, initial=_extreme(x, lowest=False))


@max.gradient
def max_vjp(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return (lambda: _share(g, out, x, axis, keepdims),)


@min.gradient
def min_vjp(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    return (lambda: _share(g, out, x, axis, keepdims),)


def _share(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The cotangent in equal parts to the elements that equal the result."""
    chosen = OPS["cast"](OPS["equal"](x, spread(out, x, axis, keepdims)), dtype=x.dtype)
    count = sum(chosen, axis=axis, keepdims=keepdims)
    return spread(g / count, x, axis, keepdims) * chosen


@op(
    "reduce",
    promote="bool",
    result="bool",
    expr="acc or x",
    neutral=True,
    folds="logical_or",
    identity=False,
    samples=SAMPLES,
)
def any(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether an element over ``axis`` (None: all) is nonzero; NaN counts as nonzero."""
    return np.any(x, axis=axis, keepdims=keepdims)


@op(
    "reduce",
    promote="bool",
    result="bool",
    expr="acc and x",
    neutral=True,
    folds="logical_and",
    identity=True,
    samples=SAMPLES,
)
def all(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over ``axis`` (None: all) are nonzero; true of none."""
    return np.all(x, axis=axis, keepdims=keepdims)


def _arg_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    keepdims = bool(attrs["keepdims"])
    axis = None if attrs["axis"] is None else axis_of(attrs["axis"], x.rank, op.name)
    for i, d in enumerate(x.shape):
        if axis in (None, i) and not sizes.require_positive(d):
            raise ArgumentError(
                f"{op.name} of no elements: axis {i} of shape {show_shape(x.shape)} is empty"
            )
    shape = [
        1 if axis in (None, i) else d
        for i, d in enumerate(x.shape) if keepdims or axis not in (None, i)
    ]  # fmt: skip
    return {"axis": axis, "keepdims": keepdims}, (TensorType(np.dtype("int64"), shape),)


_ARG = [Sample("f[3,4]"), Sample("f[3,4]", axis=1), Sample("f[3,4]", axis=0, keepdims=True),
        Sample(np.array([1.0, 3.0, 3.0], np.float32))]  # fmt: skip


@op("opaque", _arg_rule, accepts="biuf", samples=_ARG)
def argmax(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position (int64) of the largest element along ``axis`` (None: in row-major order).

    Ties take the lowest position, and so does the first NaN. Raises ArgumentError on no elements.
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op("opaque", _arg_rule, accepts="biuf", samples=_ARG)
def argmin(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position (int64) of the smallest element along ``axis`` (None: in row-major order).

    Ties take the lowest position, and so does the first NaN. Raises ArgumentError on no elements.
    """
    return np.argmin(x, axis=axis, keepdims=keepdims)
