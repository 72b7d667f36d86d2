"""Quantiles, and statistics of the numbers among the elements that are not NaN.

The methods of quantiles are those of Hyndman and Fan, "Sample Quantiles in Statistical Packages"
(1996), under NumPy's names.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import axes_of
from ..op import OPS, Sample, composite
from . import movement
from .casting import cast
from .create import full
from .elementwise import where
from .operand import as_inexact, as_tensor, product
from .reduce import argmax, argmin, max, min, prod, sum
from .sorting import sort, take_along_axis
from .statistics import in_single, root, rounded, widened

__all__ = [
    "median", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian",
    "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "percentile",
    "quantile",
]  # fmt: skip

# alpha and beta: the position of q among n numbers is n q + alpha + q (1 - alpha - beta) - 1
_PLACES = {
    "linear": (1.0, 1.0), "weibull": (0.0, 0.0), "hazen": (0.5, 0.5),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0), "lower": (1.0, 1.0), "higher": (1.0, 1.0),
    "nearest": (1.0, 1.0), "midpoint": (1.0, 1.0), "inverted_cdf": (0.0, 1.0),
    "averaged_inverted_cdf": (0.0, 1.0), "closest_observation": (-0.5, 1.5),
}  # fmt: skip
_ELEMENTS = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")
_GAPS = np.array([[3.0, 1.0, np.nan, 2.0], [0.5, -1.0, 4.0, np.nan]])


def _parts(q: Any, scale: float = 1.0) -> Any:
    """Parts in double precision; Python numbers are exact."""
    if (
        isinstance(q, int | float)
        or isinstance(q, list | tuple)
        and all(isinstance(n, int | float) for n in q)
    ):
        q = np.asarray(q, np.float64)
    return cast(q, dtype=np.dtype("float64")) / scale


def _one_axis(x: Any, axis: Any, what: str) -> tuple[Any, tuple[int, ...]]:
    """``x`` with the axes that are folded as its last one, and which they are."""
    axes = axes_of(axis, len(x.shape), what)
    kept = [a for a in range(len(x.shape)) if a not in axes]
    x = movement.transpose(x, perm=(*kept, *axes))
    shape = (*x.shape[: len(kept)], product(x.shape[len(kept) :]))
    return movement.reshape(x, shape=shape), axes


def _position(count: Any, q: Any, method: str) -> Any:
    alpha, beta = _PLACES[method]
    if alpha == beta == 1:
        place = (count - 1) * q
    elif alpha + beta == 1:
        place = count * q + (alpha - 1)
    else:
        place = count * q + (alpha + q * (1 - alpha - beta)) - 1
    low = OPS["floor"](place)
    if method == "lower":
        place = low
    elif method in ("higher", "inverted_cdf"):
        place = OPS["ceil"](place)
    elif method == "nearest":
        place = OPS["round"](place)
    elif method == "midpoint":
        place = 0.5 * (low + OPS["ceil"](place))
    elif method == "averaged_inverted_cdf":
        place = where(OPS["equal"](place, low), low + 0.5, OPS["ceil"](place))
    elif method == "closest_observation":  # half way between two: the even one, counted from 1
        half = OPS["logical_and"](OPS["equal"](place, low), OPS["equal"](low % 2, 1))
        place = where(half, low, low + 1)
    return OPS["maximum"](OPS["minimum"](place, count - 1), 0)


def _quantile(
    x: Any, q: Any, axis: Any, method: str, keepdims: bool, skips: bool, what: str
) -> Any:
    if method not in _PLACES:
        raise ArgumentError(f"{what}: method {method!r} is not one of {', '.join(_PLACES)}")
    x = as_tensor(x) if method in _ELEMENTS else as_inexact(x)
    if info(x.dtype).half:
        return in_single(lambda y: _quantile(y, q, axis, method, keepdims, skips, what), x)
    rank = len(x.shape)
    x, axes = _one_axis(x, axis, what)
    size = x.shape[-1]
    if size == 0:
        return _of_nothing(x, q, axes, rank, keepdims, what)
    line = sort(x, axis=-1)
    nothing = OPS["isnan"](x)
    wide = np.dtype("float64")
    flat = movement.reshape(q, shape=(-1,))
    if skips:
        count = sum(cast(OPS["logical_not"](nothing), dtype=wide), axis=-1, keepdims=True)
    else:
        count = cast(OPS["dim"](dim=size), dtype=wide)
    place = _position(count, flat, method)
    low = OPS["floor"](place)
    first = cast(low, dtype=np.dtype("int64"))
    last = cast(OPS["ceil"](place), dtype=np.dtype("int64"))
    shape = (*x.shape[:-1], flat.shape[0])
    first, last = (movement.broadcast_to(at, shape=shape) for at in (first, last))
    below, above = (take_along_axis(line, at, axis=-1) for at in (first, last))
    out = below
    if method not in _ELEMENTS:
        part = cast(place - low, dtype=x.dtype)
        step = where(OPS["equal"](below, above), 0, above - below)  # infinities side by side
        near = OPS["logical_or"](part < 0.5, OPS["isinf"](above))
        out = where(near, below + step * part, above - step * (1 - part))
        middle = below * 0.5 + above * 0.5  # rounded once, however far apart they are
        out = where(OPS["equal"](part, 0.5), middle, out)
    bad = sum(cast(nothing, dtype=np.dtype("int64")), axis=-1, keepdims=True)
    if info(x.dtype).inexact:
        out = where(bad == size if skips else bad > 0, math.nan, out)
    rest = iter(x.shape[:-1])
    kept = [1 if a in axes else next(rest) for a in range(rank)] if keepdims else rest
    return movement.reshape(movement.moveaxis(out, -1, 0), shape=(*q.shape, *kept))


def _of_nothing(x: Any, q: Any, axes: tuple[int, ...], rank: int, keepdims: bool, what: str) -> Any:
    """NaN, as the mean of nothing is."""
    if not info(x.dtype).inexact:
        raise ArgumentError(f"{what}: there is no element of nothing")
    rest = iter(x.shape[:-1])
    kept = [1 if a in axes else next(rest) for a in range(rank)] if keepdims else rest
    return full((*q.shape, *kept), math.nan, dtype=x.dtype)


@composite(Sample("f[3,4]", 0.3), Sample("f[3,4]", (0.0, 0.5, 1.0), 1),
           Sample("f[3,4]", 0.4, 0, "hazen", True))  # fmt: skip
def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The number below which a part ``q`` of the elements over ``axis`` (None: all) lies.

    Between two elements the methods ``linear`` (the default), ``midpoint``, ``weibull``, ``hazen``,
    ``median_unbiased``, ``normal_unbiased``, ``interpolated_inverted_cdf`` and
    ``averaged_inverted_cdf`` decide as in NumPy; ``lower``, ``higher``, ``nearest``,
    ``inverted_cdf`` and ``closest_observation`` give one of the elements, in its dtype. NaN gives
    NaN. The axes of ``q`` come first. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.quantile([1.0, 2.0, 4.0], [0.5, 0.75]).numpy()
    array([2., 3.], dtype=float32)
    """
    return _quantile(x, _parts(q), axis, method, keepdims, False, "quantile")


@composite(Sample("f[3,4]", 30.0, 1))
def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """``quantile`` of ``q / 100``.

    >>> import twofold as tf
    >>> tf.percentile([1.0, 2.0, 4.0], 75.0).item()
    3.0
    """
    return _quantile(x, _parts(q, 100), axis, method, keepdims, False, "percentile")


@composite(Sample("f[3,4]"), Sample("f[3,4]", 1, True))
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element over ``axis`` (None: all), or the mean of the two in the middle.

    >>> import twofold as tf
    >>> tf.median([5.0, 1.0, 2.0, 3.0]).item()
    2.5
    """
    return _quantile(x, _parts(0.5), axis, "linear", keepdims, False, "median")


@composite(Sample(_GAPS, 0.3, 1))
def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """``quantile`` of the elements that are numbers; NaN where there is none."""
    return _quantile(x, _parts(q), axis, method, keepdims, True, "nanquantile")


@composite(Sample(_GAPS, 30.0))
def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """``percentile`` of the elements that are numbers; NaN where there is none."""
    return _quantile(x, _parts(q, 100), axis, method, keepdims, True, "nanpercentile")


@composite(Sample(_GAPS, 1))
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``median`` of the elements that are numbers; NaN where there is none."""
    return _quantile(x, _parts(0.5), axis, "linear", keepdims, True, "nanmedian")


# ---- Reductions without NaN


def _filled(x: Any, value: Any, dtype: Any = None) -> Any:
    x = as_tensor(x)
    x = where(OPS["isnan"](x), value, x) if info(x.dtype).inexact else x
    return x if dtype is None else cast(x, dtype=dtype)


def _numbers(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements are numbers, as floating numbers."""
    there = cast(OPS["logical_not"](OPS["isnan"](x)), dtype=info(x.dtype).part_dtype)
    return sum(there, axis=axis, keepdims=keepdims)


@composite(Sample(_GAPS, 1))
def nansum(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Sum over ``axis`` (None: all); NaN counts as 0. ``dtype`` is that of the sum.

    >>> import twofold as tf
    >>> tf.nansum([1.0, float("nan")]).item()
    1.0
    """
    return sum(_filled(x, 0, dtype), axis=axis, keepdims=keepdims)


@composite(Sample(_GAPS, 1))
def nanprod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Product over ``axis`` (None: all); NaN counts as 1. ``dtype`` is that of the product."""
    return prod(_filled(x, 1, dtype), axis=axis, keepdims=keepdims)


@composite(Sample(_GAPS, 1), Sample(_GAPS))
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean of the numbers over ``axis`` (None: all); NaN where there is none.

    >>> import twofold as tf
    >>> tf.nanmean([1.0, float("nan"), 3.0]).item()
    2.0
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(nanmean, x, axis, keepdims)
    return nansum(x, axis, keepdims) / _numbers(x, axis, keepdims)


@composite(Sample(_GAPS, 1), Sample(_GAPS, None, 1))
def nanvar(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Variance of the numbers over ``axis`` (None: all): the divisor is their count less
    ``correction``; NaN where that is not positive."""
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(nanvar, x, axis, correction, keepdims)
    apart = where(OPS["isnan"](x), 0, _filled(x, 0) - nanmean(x, axis, True))
    count = _numbers(x, axis, keepdims) - correction
    square = OPS["square"](OPS["abs"](apart) if info(x.dtype).complex else apart)
    spread = sum(square, axis=axis, keepdims=keepdims)
    return where(count > 0, spread / where(count > 0, count, 1), math.nan)


@composite(Sample(_GAPS, 1))
def nanstd(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation of the numbers: the square root of ``nanvar``."""
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(nanstd, x, axis, correction, keepdims)
    return rounded(root(nanvar(widened(x), axis, correction, keepdims)), x)


def _extreme(fold: Any, x: Any, axis: Any, keepdims: bool, start: float) -> Any:
    x = as_tensor(x)
    out = fold(_filled(x, start), axis=axis, keepdims=keepdims)
    if not info(x.dtype).inexact:
        return out
    return where(_numbers(x, axis, keepdims) == 0, math.nan, out)


@composite(Sample(_GAPS, 1))
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest number over ``axis`` (None: all); NaN where there is none."""
    return _extreme(max, x, axis, keepdims, -math.inf)


@composite(Sample(_GAPS, 1))
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest number over ``axis`` (None: all); NaN where there is none."""
    return _extreme(min, x, axis, keepdims, math.inf)


@composite(Sample(_GAPS, 1))
def nanargmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Where (int64) the largest number stands; 0 where there is none."""
    return argmax(_filled(x, -math.inf), axis=axis, keepdims=keepdims)


@composite(Sample(_GAPS, 1))
def nanargmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Where (int64) the smallest number stands; 0 where there is none."""
    return argmin(_filled(x, math.inf), axis=axis, keepdims=keepdims)


@composite(Sample(_GAPS, 1))
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis (None: of the flattened tensor); NaN counts as 0.
    ``dtype`` is that of the results."""
    x = _filled(x, 0, dtype)
    x = movement.reshape(x, shape=(-1,)) if axis is None else x
    return OPS["cumsum"](x, axis=axis or 0)


@composite(Sample(_GAPS, 1))
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis (None: of the flattened tensor); NaN counts as 1.
    ``dtype`` is that of the results."""
    x = _filled(x, 1, dtype)
    x = movement.reshape(x, shape=(-1,)) if axis is None else x
    return OPS["cumprod"](x, axis=axis or 0)
