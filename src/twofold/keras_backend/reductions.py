"""``keras.ops.numpy``: sums, extremes, statistics, products, order."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import is_float_dtype, standardize_dtype
from keras.src.backend.common.backend_utils import canonicalize_axis
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .core import convert_to_tensor
from .elementwise import isnan, wide
from .kinds import axes, common, counted, sum_dtype, together

__all__ = [
    "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "argpartition", "argsort",
    "average", "corrcoef", "count_nonzero", "cross", "cumprod", "cumsum", "digitize", "dot",
    "einsum", "inner", "kron", "matmul", "max", "mean", "median", "min", "nanargmax",
    "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "outer",
    "percentile", "prod", "ptp", "quantile", "searchsorted", "sort", "std", "sum",
    "tensordot", "trapezoid", "var", "vdot",
]  # fmt: skip


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes."""
    x = convert_to_tensor(x)
    return tf.sum(tf.cast(x, sum_dtype(x)), axis=axes(axis), keepdims=keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product over axes."""
    x = convert_to_tensor(x)
    return tf.prod(tf.cast(x, dtype or sum_dtype(x)), axis=axes(axis), keepdims=keepdims)


def _statistic(op: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """In float32 at least, for the sake of halves; integers give ``floatx``."""
    x = convert_to_tensor(x)
    want = result_type(x.dtype, float)
    if x.dtype.kind != "c":
        x = tf.cast(x, result_type(x.dtype, "float32"))
    return tf.cast(op(x, axis=axes(axis), keepdims=keepdims), want)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes."""
    return _statistic(tf.mean, x, axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance over axes."""
    return _statistic(tf.var, x, axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation over axes."""
    return _statistic(tf.std, x, axis, keepdims)


def _extreme(op: Any, pair: Any, x: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
    x = convert_to_tensor(x)
    if initial is not None:
        initial = convert_to_tensor(initial, standardize_dtype(x.dtype))
        if x.size == 0:
            shape = np.zeros(x.shape).sum(axis=axes(axis), keepdims=keepdims).shape
            return tf.broadcast_to(initial, shape)
        return pair(op(x, axis=axes(axis), keepdims=keepdims), initial)
    return op(x, axis=axes(axis), keepdims=keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element over axes."""
    return _extreme(tf.max, tf.maximum, x, axis, keepdims, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element over axes."""
    return _extreme(tf.min, tf.minimum, x, axis, keepdims, initial)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element over axes."""
    return max(x, axis, keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element over axes."""
    return min(x, axis, keepdims)


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest less the smallest element."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every element is true."""
    return tf.all(convert_to_tensor(x, "bool"), axis=axes(axis), keepdims=keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether an element is true."""
    return tf.any(convert_to_tensor(x, "bool"), axis=axes(axis), keepdims=keepdims)


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether all elements are close."""
    a, b = together(x1, x2)
    return tf.all(tf.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def count_nonzero(x: Any, axis: Any = None) -> Any:
    """The number of elements that are not zero."""
    return counted(tf.count_nonzero(convert_to_tensor(x), axis=axes(axis)))


def _position(op: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    x = convert_to_tensor(x)
    if x.dtype == bool:
        x = tf.cast(x, "int32")
    if x.dtype.kind in "fV" and x.shape:  # as XLA has it, -0 stands before 0
        tiny = tf.cast(-float(tf.finfo(x.dtype).tiny), x.dtype)
        x = tf.where(tf.logical_and(x == 0, tf.signbit(x)), tiny, x)
    found = counted(op(x, axis=axis))
    if not keepdims:
        return found
    rank = len(x.shape)
    return tf.reshape(found, (1,) * rank) if axis is None else tf.expand_dims(found, axis=axis)


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the first largest element."""
    return _position(tf.argmax, x, axis, keepdims)


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the first smallest element."""
    return _position(tf.argmin, x, axis, keepdims)


def argsort(x: Any, axis: Any = -1) -> Any:
    """The positions of the elements in ascending order."""
    x = convert_to_tensor(x)
    if axis is None or not x.shape:
        x, axis = tf.reshape(x, (-1,)), -1
    return counted(tf.argsort(x, axis=axis))


def sort(x: Any, axis: Any = -1) -> Any:
    """The elements in ascending order."""
    x = convert_to_tensor(x)
    if axis is None or not x.shape:
        x, axis = tf.reshape(x, (-1,)), -1
    return tf.sort(x, axis=axis)


def argpartition(x: Any, kth: int, axis: Any = -1) -> Any:
    """Positions such that those before ``kth`` are of elements that are not larger."""
    return argsort(x, axis)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values go in a sorted sequence."""
    sequence, values = together(sorted_sequence, values)
    if len(sequence.shape) != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use "
            "`keras.ops.vectorized_map` to extend it to N-D sequences. Received: "
            f"sorted_sequence.shape={sequence.shape}"
        )
    return counted(tf.searchsorted(sequence, values, side=side))


def digitize(x: Any, bins: Any) -> Any:
    """The bin of each element."""
    return searchsorted(bins, x, side="right")


def _running(op: Any, x: Any, axis: Any, dtype: Any) -> Any:
    x = convert_to_tensor(x)
    want = result_type(dtype or x.dtype)
    x = tf.cast(x, "int32" if want == "bool" else want)
    if axis is None:
        x, axis = tf.reshape(x, (-1,)), 0
    return op(x, axis=axis)


def cumsum(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Running sums."""
    return _running(tf.cumsum, x, axis, dtype)


def cumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Running products."""
    return _running(tf.cumprod, x, axis, dtype)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The weighted mean."""
    x = convert_to_tensor(x)
    if weights is None:
        return mean(tf.cast(x, result_type(x.dtype, float)), axis)
    x, weights = together(x, weights, also=(float,))
    if axis is not None and len(weights.shape) == 1 and len(x.shape) > 1:
        shape = [1] * len(x.shape)
        shape[axis] = -1
        weights = tf.reshape(weights, shape)
    total = tf.sum(tf.broadcast_to(weights, x.shape), axis=axes(axis))
    return tf.sum(x * weights, axis=axes(axis)) / total


def _quantiles(x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    """Quantiles of sorted elements. Source: Hyndman and Fan, "Sample Quantiles in Statistical
    Packages", 1996, definition 7 and its discrete neighbours."""
    x = convert_to_tensor(x)
    want = config.floatx() if standardize_dtype(x.dtype) == "int64" else result_type(x.dtype, float)
    x = tf.cast(x, result_type(want, "float32"))
    q = convert_to_tensor(q, standardize_dtype(x.dtype))
    rank = len(x.shape)
    over = range(rank) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    over = sorted(a % rank for a in over)
    rest = [a for a in range(rank) if a not in over]
    y = tf.transpose(x, perm=(*rest, *over))
    y = tf.sort(tf.reshape(y, (*[x.shape[a] for a in rest], -1)), axis=-1)
    size = y.shape[-1]
    at = q * tf.cast(size - 1, q.dtype)
    low, high = tf.floor(at), tf.ceil(at)
    part = {
        "linear": at - low, "lower": at * 0, "higher": at * 0 + 1, "midpoint": at * 0 + 0.5,
        "nearest": tf.round(at) - low,
    }.get(method)  # fmt: skip
    if part is None:
        raise ValueError(f"Invalid method: {method}")
    below, above = (tf.take(y, tf.cast(i, "int32"), axis=-1) for i in (low, high))
    part = tf.where(low == high, tf.zeros_like(part), part)
    out = below + (above - below) * part
    out = tf.where(tf.any(isnan(y), axis=-1, keepdims=len(q.shape) > 0), np.nan, out)
    if q.shape:
        out = tf.moveaxis(out, -1, 0)
    if keepdims:
        kept = [1 if a in over else x.shape[a] for a in range(rank)]
        out = tf.reshape(out, (*q.shape, *kept))
    return tf.cast(out, want)


def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Quantiles for fractions ``q``."""
    return _quantiles(x, q, axis, method, keepdims)


def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Quantiles for percentages ``q``."""
    q = convert_to_tensor(q)
    return _quantiles(x, tf.cast(q, "float32") / 100, axis, method, keepdims)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
    return _quantiles(x, 0.5, axis, "linear", keepdims)


def _filled(x: Any, value: float) -> tuple[Any, Any]:
    x = convert_to_tensor(x)
    return x, tf.where(isnan(x), tf.cast(value, x.dtype), x) if x.dtype.kind in "fV" else x


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of the numbers."""
    return sum(_filled(x, 0.0)[1], axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of the numbers."""
    return prod(_filled(x, 1.0)[1], axis, keepdims)


def nancumsum(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Running sums of the numbers."""
    return cumsum(_filled(x, 0.0)[1], axis, dtype)


def nancumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Running products of the numbers."""
    return cumprod(_filled(x, 1.0)[1], axis, dtype)


def _nan_extreme(op: Any, worst: float, x: Any, axis: Any, keepdims: bool) -> Any:
    x, filled = _filled(x, worst)
    found = op(filled, axis, keepdims)
    if x.dtype.kind not in "fV":
        return found
    return tf.where(all(isnan(x), axis, keepdims), tf.cast(np.nan, x.dtype), found)


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest number."""
    return _nan_extreme(max, -np.inf, x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest number."""
    return _nan_extreme(min, np.inf, x, axis, keepdims)


def _nan_position(op: Any, worst: float, x: Any, axis: Any, keepdims: bool) -> Any:
    x, filled = _filled(x, worst)
    return tf.where(all(isnan(x), axis, keepdims), -1, op(filled, axis, keepdims))


def nanargmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the largest number; -1 without one."""
    return _nan_position(argmax, -np.inf, x, axis, keepdims)


def nanargmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The position of the smallest number; -1 without one."""
    return _nan_position(argmin, np.inf, x, axis, keepdims)


def _numbers(x: Any) -> tuple[Any, Any, Any]:
    """In float32 at least: the elements with zeros for NaN, 1 for each number, the final dtype."""
    x = convert_to_tensor(x)
    want = result_type(x.dtype, float)
    x = tf.cast(x, result_type(x.dtype, "float32"))
    missing = isnan(x)
    return tf.where(missing, 0.0, x), tf.where(missing, tf.zeros_like(x), tf.ones_like(x)), want


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of the numbers."""
    filled, ones, want = _numbers(x)
    total, count = (tf.sum(v, axis=axes(axis), keepdims=keepdims) for v in (filled, ones))
    return tf.cast(total / count, want)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance of the numbers."""
    filled, ones, want = _numbers(x)
    count = tf.sum(ones, axis=axes(axis), keepdims=True)
    middle = tf.sum(filled, axis=axes(axis), keepdims=True) / count
    squares = tf.sum(tf.square(filled - middle) * ones, axis=axes(axis), keepdims=keepdims)
    return tf.cast(squares / tf.reshape(count, squares.shape), want)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation of the numbers."""
    found = nanvar(x, axis, keepdims)
    return tf.sqrt(found)


def _by_numpy(function: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """A NumPy function on tensors: refused where a tape or a trace would miss it."""
    out = function(*[convert_to_tensor(a) for a in args], **kwargs)
    return tree.map_structure(lambda x: convert_to_tensor(x, dtype), out)


def _nan_order(function: Any, x: Any, q: Any, axis: Any, keepdims: bool, **more: Any) -> Any:
    x = convert_to_tensor(x)
    want = result_type(x.dtype, float)
    x = tf.cast(x, result_type(want, "float32"))
    more |= {"axis": axes(axis), "keepdims": keepdims}
    return _by_numpy(function, x, *q, dtype=want, **more)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The median of the numbers."""
    return _nan_order(np.nanmedian, x, (), axis, keepdims)


def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Quantiles of the numbers."""
    return _nan_order(np.nanquantile, x, (q,), axis, keepdims, method=method)


def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Percentiles of the numbers."""
    x = convert_to_tensor(x)
    if not is_float_dtype(x.dtype):
        x = tf.cast(x, config.floatx())
    return _nan_order(np.nanpercentile, x, (q,), axis, keepdims, method=method)


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product; int8 grows to int32."""
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    if a.dtype == np.int8 and b.dtype == np.int8:
        return tf.matmul(tf.cast(a, "int32"), tf.cast(b, "int32"))
    a, b = together(a, b)
    if a.dtype == bool:
        return tf.cast(tf.matmul(tf.cast(a, "int32"), tf.cast(b, "int32")), "bool")
    return tf.matmul(a, b)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sums of products by subscripts; int8 grows to int32."""
    given = [convert_to_tensor(x) for x in operands]
    if builtins.all(x.dtype == np.int8 for x in given):
        given = [tf.cast(x, "int32") for x in given]
    return tf.einsum(subscripts, *together(*given))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Sums of products over axes of both."""
    a, b = together(x1, x2)
    return tf.tensordot(a, b, axes=tuple(axes) if isinstance(axes, list) else axes)


def _dot(a: Any, b: Any) -> Any:
    if not a.shape or not b.shape:
        return a * b
    return tf.tensordot(a, b, axes=((len(a.shape) - 1,), (builtins.max(len(b.shape) - 2, 0),)))


dot = common(_dot)
outer = common(lambda a, b: tf.reshape(a, (-1, 1)) * tf.reshape(b, (1, -1)))
inner = common(
    lambda a, b: a * b if not a.shape or not b.shape
    else tf.tensordot(a, b, axes=((len(a.shape) - 1,), (len(b.shape) - 1,)))
)  # fmt: skip


def vdot(x1: Any, x2: Any) -> Any:
    """The sum of products of all elements, the first conjugated."""
    a, b = together(x1, x2)
    return tf.tensordot(tf.conj(tf.reshape(a, (-1,))), tf.reshape(b, (-1,)), axes=1)


def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """The cross product of vectors of two or three parts."""
    a, b = together(x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = tf.moveaxis(a, axisa, -1), tf.moveaxis(b, axisb, -1)
    sizes = int(a.shape[-1]), int(b.shape[-1])
    if sizes == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (
        tf.concat([v, tf.zeros_like(v[..., :1])], -1) if n == 2 else v
        for v, n in zip((a, b), sizes, strict=True)
    )
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return tf.moveaxis(tf.stack(parts, axis=-1), -1, axisc)


def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product."""
    a, b = together(x1, x2)
    rank = builtins.max(len(a.shape), len(b.shape))
    left, right = ((1,) * (rank - len(v.shape)) + tuple(v.shape) for v in (a, b))
    spread = tf.reshape(a, [n for size in left for n in (size, 1)])
    spread = spread * tf.reshape(b, [n for size in right for n in (1, size)])
    return tf.reshape(spread, [m * n for m, n in zip(left, right, strict=True)])


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by the trapezoidal rule."""
    y = convert_to_tensor(y)
    y = tf.moveaxis(tf.cast(y, result_type(y.dtype, float)), axis, -1)
    middle = (y[..., 1:] + y[..., :-1]) / 2
    if x is None:
        return tf.sum(middle * convert_to_tensor(dx, standardize_dtype(y.dtype)), axis=-1)
    x = convert_to_tensor(x, standardize_dtype(y.dtype))
    x = tf.moveaxis(x, canonicalize_axis(axis, len(x.shape)), -1) if len(x.shape) > 1 else x
    return tf.sum(middle * (x[..., 1:] - x[..., :-1]), axis=-1)


def corrcoef(x: Any) -> Any:
    """Correlation of rows."""
    x = convert_to_tensor(x)
    x = tf.cast(x, wide(x))
    rows = x if len(x.shape) > 1 else tf.expand_dims(x, axis=0)
    rows = rows - tf.mean(rows, axis=-1, keepdims=True)
    between = tf.matmul(rows, tf.transpose(rows))
    scale = tf.sqrt(tf.sum(tf.square(rows), axis=-1))
    found = between / tf.expand_dims(scale, axis=1) / tf.expand_dims(scale, axis=0)
    return found if len(x.shape) > 1 else tf.reshape(found, ())
