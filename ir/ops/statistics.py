"""Statistics, written in reductions: counts, means, variances, norms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import as_dtype, axes_of
from ..op import OPS, Sample, composite
from ..promote import as_floating, result_dtype
from .operand import as_inexact, as_tensor, product
from .reduce import SAMPLES, SOME, max, min, sum

# The dtype that holds the squares of another.
_HOLDS_SQUARES = {
    "float16": np.dtype("float32"), "bfloat16": np.dtype("float64"),
    "float32": np.dtype("float64"), "complex64": np.dtype("complex128"),
}  # fmt: skip


def accumulated(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which the array API adds numbers of this one: integers in 32 bits at least."""
    own = info(dtype)
    if own.inexact or own.bits >= 32:
        return dtype
    return np.dtype("uint32" if own.unsigned else "int32")


def summed(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The array API's ``sum``."""
    return _folded(sum, x, axis, keepdims, dtype)


def multiplied(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The array API's ``prod``."""
    return _folded(OPS["prod"], x, axis, keepdims, dtype)


def _folded(fold: Any, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Any:
    x = as_tensor(x)
    want = accumulated(x.dtype) if dtype is None else as_dtype(dtype, fold.name)
    return fold(x if x.dtype == want else OPS["cast"](x, dtype=want), axis=axis, keepdims=keepdims)


@composite(*SAMPLES)
def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Number (int64) of nonzero elements over ``axis`` (None: all); NaN counts."""
    nonzero = OPS["cast"](OPS["not_equal"](x, 0), dtype=np.dtype("int64"))
    return sum(nonzero, axis=axis, keepdims=keepdims)


def _count(x: Any, axis: Any) -> Any:
    """The number of elements that a reduction over ``axis`` folds into one."""
    count = product(x.shape[a] for a in axes_of(axis, len(x.shape), "mean"))
    return count if isinstance(count, int) else OPS["dim"](dim=count)


@composite(*SOME)
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over ``axis`` (None: all), in floating point; NaN of nothing.

    Half precision is summed in float32. Integers give float32, 64-bit integers float64.
    """
    x = as_tensor(x)
    dtype = as_floating(x.dtype)
    wide = info(dtype).computes_in
    total = sum(OPS["cast"](x, dtype=wide) if x.dtype != wide else x, axis=axis, keepdims=keepdims)
    out = OPS["divide"](total, _count(x, axis))
    return out if dtype == wide else OPS["cast"](out, dtype=dtype)


@composite(*SOME, Sample("f[3,4]", axis=0, correction=1))
def var(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Variance over ``axis`` (None: all): squared distances from the mean over ``n - correction``.

    Two passes. Of complex numbers the squared absolute distance, which is real. NaN where
    ``n - correction`` is not positive, as the array API standard says.
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(var, x, axis, correction, keepdims)
    return _spread(_squared_abs, x, axis, correction, keepdims)


def _spread(squared: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    distance = x - mean(x, axis=axis, keepdims=True)
    total = sum(squared(distance), axis=axis, keepdims=keepdims)
    whole = int(correction) if correction == int(correction) else correction
    over = _count(x, axis) - whole
    if isinstance(over, int | float):
        return OPS["divide"](total, over if over > 0 else math.nan)
    return OPS["where"](OPS["greater"](over, 0), OPS["divide"](total, over), math.nan)


def _squared_abs(x: Any) -> Any:
    return OPS["real"](x * OPS["conjugate"](x)) if info(x.dtype).complex else x * x


def widened(x: Any) -> Any:
    """``x`` in a dtype that holds the squares of all its values, but for the widest, as it is."""
    wide = _HOLDS_SQUARES.get(x.dtype.name, x.dtype)
    return x if x.dtype == wide else OPS["cast"](x, dtype=wide)


def squares(x: Any) -> Any:
    """Squared absolute values in a dtype that holds all of them."""
    return _squared_abs(widened(x))


def in_single(function: Any, x: Any, *args: Any) -> Any:
    """A function of a tensor in half precision, computed in float32: what it sums need not fit.

    Its result is rounded to the dtype of the tensor and of those among the other arguments.
    """
    wide = function(OPS["cast"](x, dtype=info(x.dtype).computes_in), *args)
    dtype = result_dtype([x.dtype, *(a.dtype for a in args if hasattr(a, "dtype"))])
    return wide if wide.dtype == dtype else OPS["cast"](wide, dtype=dtype)


def root(x: Any) -> Any:
    """Square root of non-negative values, with derivative 0 at 0."""
    zero = OPS["equal"](x, 0)
    return OPS["where"](zero, 0, OPS["sqrt"](OPS["where"](zero, 1, x)))


@composite(*[s for s in SOME if s.inputs != ("f[]",)], Sample("f[3,4]", axis=0, correction=1))
def std(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation: the square root of ``var``; its gradient is 0 where it is 0."""
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(std, x, axis, correction, keepdims)
    return rounded(root(_spread(squares, x, axis, correction, keepdims)), x)


def rounded(size: Any, *xs: Any) -> Any:
    """What was computed from squares of tensors, in the dtype of their absolute values."""
    dtype = info(as_floating(result_dtype([x.dtype for x in xs]))).part_dtype
    return size if size.dtype == dtype else OPS["cast"](size, dtype=dtype)


def largest(x: Any, **folded: Any) -> Any:
    """The largest of numbers that are not negative; 0 of nothing."""
    out = max(x, **folded)
    return OPS["where"](out < 0, 0, out)


@composite(*SOME, *[Sample("f[3,4]", axis=1, ord=p) for p in (1, 3, math.inf, -math.inf, 0)])
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The ``ord``-norm over ``axis`` (None: all elements): ``sum(|x|**ord) ** (1/ord)``.

    ``inf`` and ``-inf`` give the largest and the smallest absolute value, 0 the number of nonzero
    elements. The gradient is 0 where the norm is 0.
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(vector_norm, x, axis, keepdims, ord)
    if isinstance(ord, str):
        raise ArgumentError(f"vector_norm: ord is a number or infinity, not {ord!r}")
    folded: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if ord == 2:
        return rounded(root(sum(squares(x), **folded)), x)
    size = OPS["abs"](x)
    if ord == 0:
        return OPS["cast"](sum(OPS["not_equal"](x, 0), **folded), dtype=size.dtype)
    if ord == 1:
        return sum(size, **folded)
    if math.isinf(ord):
        return (largest if ord > 0 else min)(size, **folded)
    unit = _unit(size, axis)
    total = sum(OPS["power"](size / unit, float(ord)), axis=axis, keepdims=True)
    zero = OPS["equal"](total, 0)
    safe = unit * OPS["power"](OPS["where"](zero, 1, total), 1.0 / ord)
    out = OPS["where"](zero, 0, safe)
    return out if keepdims else OPS["squeeze"](out, axis=axes_of(axis, len(x.shape), "vector_norm"))


def _unit(size: Any, axis: Any) -> Any:
    """The largest along ``axis``, kept, by which numbers are divided so that their powers fit; 1
    where it is 0 or infinite. A constant to gradients: the norm does not depend on it."""
    unit = OPS["stop_gradient"](largest(size, axis=axis, keepdims=True))
    fits = OPS["logical_and"](OPS["isfinite"](unit), OPS["not_equal"](unit, 0))
    return OPS["where"](fits, unit, 1)
