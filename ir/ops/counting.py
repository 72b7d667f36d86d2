"""How many elements fall where: bins, classes, and the places in sorted edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import as_dtype
from ..op import OPS, Sample, composite
from ..promote import as_floating, result_dtype
from ..shapes import show_shape
from . import movement
from .casting import cast
from .create import arange, linspace, ones
from .elementwise import where
from .joining import concat
from .operand import as_sizes, as_tensor, as_tensors, product
from .reduce import max, min
from .segment import unsorted_segment_sum
from .sorting import searchsorted
from .statistics import mean

__all__ = [
    "bincount", "confusion_matrix", "digitize", "histogram", "histogram_bin_edges",
    "histogram_fixed_width_bins", "in_top_k", "zero_fraction",
]  # fmt: skip

INT32, INT64 = np.dtype("int32"), np.dtype("int64")


def _flat(x: Any) -> Any:
    return movement.reshape(as_tensor(x), shape=(-1,))


@composite(Sample(np.array([0, 2, 2, 1]), None, 4, 4),
           Sample(np.array([0, 2, 2, 1]), "f[4]", 3, 3, np.dtype("float32")))  # fmt: skip
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None,
    dtype: Any = INT32, name: Any = None, axis: Any = None, binary_output: bool = False,
) -> Any:  # fmt: skip
    """How often each of the numbers 0, 1, ... stands in ``arr``, or the sum of its ``weights``.

    There are ``max(arr) + 1`` counts, at least ``minlength`` and at most ``maxlength``: what is
    larger does not count. ``axis=-1`` counts each row for itself; ``binary_output`` says 1 for any
    number of times. Negative numbers do not count. The dtype is that of
    the weights, if there are some.

    >>> import twofold as tf
    >>> tf.math.bincount([0, 2, 2]).numpy()
    array([1, 0, 2], dtype=int32)
    """
    x = as_tensor(arr)
    if axis not in (None, 0, -1):
        raise ArgumentError(f"bincount: axis must be None, 0 or -1, not {axis!r}")
    if weights is not None and binary_output:
        raise ArgumentError("bincount: weights and binary_output exclude each other")
    count = _length(x, minlength, maxlength)
    rows = axis == -1 and len(x.shape) > 1
    lead = tuple(x.shape[:-1]) if rows else ()
    x = where(OPS["logical_or"](x < 0, x >= count), -1, x)
    if rows:
        start = movement.reshape(arange(product(lead), dtype=x.dtype), shape=(*lead, 1)) * count
        x = where(x < 0, -1, x + start)
    total = product(lead) * count
    what = ones(x.shape, dtype=as_dtype(dtype, "bincount")) if weights is None else weights
    found = unsorted_segment_sum(_flat(what), _flat(x), num_segments=total)
    if binary_output:
        found = cast(found > 0, dtype=found.dtype)
    return movement.reshape(found, shape=(*lead, count))


def _length(x: Any, minlength: Any, maxlength: Any) -> Any:
    if minlength is not None and minlength == maxlength:
        return minlength
    none = OPS["constant"](value=np.array([-1], np.int64))
    count = max(concat([none, cast(_flat(x), dtype=INT64)])) + 1
    if minlength is not None:
        count = OPS["maximum"](count, minlength)
    return as_sizes(count if maxlength is None else OPS["minimum"](count, maxlength))


@composite(Sample(np.array([0, 1, 1]), np.array([0, 1, 0]), 2))
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None,
    dtype: Any = INT32, name: Any = None,
) -> Any:  # fmt: skip
    """Row ``i``, column ``j``: how often class ``i`` was predicted as ``j``, or its weights' sum.

    ``num_classes`` None: one more than the largest class. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy()
    array([[1, 0],
           [1, 1]], dtype=int32)
    """
    rows, columns = _flat(labels), _flat(predictions)
    if num_classes is None:
        most = OPS["maximum"](max(rows), max(columns))
        num_classes = as_sizes(cast(most, dtype=INT64) + 1)
    place = cast(rows, dtype=INT64) * num_classes + cast(columns, dtype=INT64)
    want = as_dtype(dtype, "confusion_matrix")
    what = ones(place.shape, dtype=want) if weights is None else cast(_flat(weights), dtype=want)
    found = unsorted_segment_sum(what, place, num_segments=num_classes * num_classes)
    return movement.reshape(found, shape=(num_classes, num_classes))


@composite(Sample(np.array([0.2, 6.4, 3.0]), np.array([0.0, 1.0, 2.5, 4.0])),
           Sample(np.array([0.2, 1.0]), np.array([4.0, 1.0, 0.0]), True))  # fmt: skip
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Between which edges (int64) each element lies: ``bins[i-1] <= x < bins[i]``.

    ``right``: the right edge belongs to a bin instead of the left one. Of falling edges the smaller
    one belongs to a bin, ``bins[i-1] > x >= bins[i]``, with ``right`` the larger, as in NumPy.

    >>> import twofold as tf
    >>> tf.digitize([0.5, 2.0], [0.0, 1.0, 2.0]).numpy()
    array([1, 3])
    """
    x, bins = as_tensors(x, bins)
    if len(bins.shape) != 1:
        raise ShapeError(f"digitize: edges are a vector, not {show_shape(bins.shape)}")
    size = bins.shape[0]
    falls = False if isinstance(size, int) and size < 2 else bins[0] > bins[-1]
    edges = bins if falls is False else where(falls, movement.flip(bins, axis=0), bins)
    place = searchsorted(edges, x, side="left" if right else "right")
    return place if falls is False else where(falls, size - place, place)


@composite(Sample("f[7]", 4), Sample("f[7]", 4, (-1.0, 1.0)))
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of ``bins`` equal parts of ``range`` (None: from the least to the largest element);
    edges that are given stay as they are."""
    if not isinstance(bins, int):
        return _own_edges(bins)
    if bins < 1:
        raise ArgumentError(f"histogram: the number of bins must be positive, not {bins}")
    x = as_tensor(a)
    x = x if info(x.dtype).floating else cast(x, dtype=as_floating(x.dtype))
    if range is not None:
        _check_range(range)
        own = [end.dtype for end in range if getattr(end, "dtype", None) is not None]
        x = cast(x, dtype=result_dtype([x.dtype, *[d for d in own if info(d).floating]]))
        low, high = (cast(end, dtype=x.dtype) for end in range)
    elif product(x.shape) == 0:
        low, high = cast(0, dtype=x.dtype), cast(1, dtype=x.dtype)
    else:
        low, high = min(x), max(x)
    same = OPS["equal"](low, high)
    return linspace(where(same, low - 0.5, low), where(same, high + 0.5, high), bins + 1)


def _own_edges(bins: Any) -> Any:
    edges = OPS["identity"](bins)
    if len(edges.shape) != 1 or edges.shape[0] == 0:
        raise ShapeError(
            f"histogram: bins are a number or a vector of edges, not {show_shape(edges.shape)}"
        )
    if isinstance(bins, list | tuple | np.ndarray) and np.any(np.diff(bins) < 0):
        raise ArgumentError("histogram: the edges must rise")
    return edges


def _check_range(range: Any) -> None:
    """Refuse ends that are known and are no range."""
    low, high = range
    if not all(isinstance(end, int | float | np.number) for end in (low, high)):
        return
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ArgumentError(f"histogram: ({low}, {high}) is no range from one number to a larger")


@composite(Sample("f[7]", 4), Sample("f[7]", np.array([-1.0, 0.0, 1.0]), None, None, "f[7]"))
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many elements (int64, or the sum of their ``weights``) lie in each bin, and the edges.

    ``bins`` is a number of equal parts of ``range``, or rising edges; the last bin holds its right
    edge, and what lies outside does not count. ``density``: divided by the widths and the total.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.histogram([1.0, 2.0, 2.5, 4.0], 3)]
    [[1, 2, 1], [1.0, 2.0, 3.0, 4.0]]
    """
    edges = histogram_bin_edges(a, bins, range)
    x = _flat(a)
    count = edges.shape[0] - 1
    wide = result_dtype([x.dtype, edges.dtype])  # an element is compared, not rounded to an edge
    x, limits = cast(x, dtype=wide), cast(edges, dtype=wide)
    place = searchsorted(limits, x, side="right") - 1
    place = where(OPS["equal"](x, limits[-1]), count - 1, place)
    place = where(place >= count, -1, place)
    if weights is not None and tuple(as_tensor(weights).shape) != tuple(as_tensor(a).shape):
        raise ShapeError(
            f"histogram: weights of shape {show_shape(as_tensor(weights).shape)} for elements of "
            f"shape {show_shape(as_tensor(a).shape)}"
        )
    what = ones(x.shape, dtype=INT64) if weights is None else _flat(weights)
    found = unsorted_segment_sum(what, place, num_segments=count)
    if not density:
        return found, edges
    width = edges[1:] - edges[:-1]
    mass = cast(found, dtype=edges.dtype)
    return mass / width / OPS["sum"](mass), edges


@composite(Sample("f[7]", (-1.0, 1.0), 4))
def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = INT32, name: Any = None
) -> Any:
    """Into which of ``nbins`` equal parts of ``[low, high]`` each value falls; those outside into
    the first or the last."""
    x = as_tensor(values)
    low, high = value_range
    part = OPS["floor"](OPS["divide"](x - low, high - low) * nbins)
    part = OPS["minimum"](OPS["maximum"](part, 0), nbins - 1)
    return cast(part, dtype=as_dtype(dtype, "histogram_fixed_width_bins"))


@composite(Sample(np.array([0, 2]), "f[2,4]", 2))
def in_top_k(targets: Any, predictions: Any, k: Any, name: Any = None) -> Any:
    """Whether the class ``targets[i]`` is among the ``k`` most likely of ``predictions[i]``.

    Classes as likely as the last of them count as well; a prediction that is not finite does not.

    >>> import twofold as tf
    >>> tf.math.in_top_k([0, 1], [[0.1, 0.9], [0.1, 0.9]], 1).numpy()
    array([False,  True])
    """
    x, labels = as_tensor(predictions), as_tensor(targets)
    own = OPS["gather"](x, movement.expand_dims(labels, axis=(-1,)), axis=1, batch_dims=1)
    better = OPS["sum"](cast(x > own, dtype=INT64), axis=-1)
    fine = OPS["isfinite"](movement.squeeze(own, axis=(-1,)))
    return OPS["logical_and"](better < k, fine)


@composite(Sample(np.array([0, 1, 0, 2])))
def zero_fraction(value: Any, name: Any = None) -> Any:
    """The part of the elements that is 0, as float32; NaN of nothing.

    >>> import twofold as tf
    >>> tf.nn.zero_fraction([0.0, 1.0, 0.0, 2.0]).item()
    0.5
    """
    x = as_tensor(value)
    zeros = cast(OPS["equal"](x, 0), dtype=np.dtype("float32"))
    return mean(zeros)
