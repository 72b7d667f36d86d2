"""Dilation and erosion of images, and the pool that says where its elements come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .convolution import Window, along
from .create import arange, ones
from .elementwise import maximum, where
from .operand import as_tensor

__all__ = ["dilation2d", "erosion2d", "max_pool_with_argmax"]

INT64 = np.dtype("int64")


def _image(x: Any, data_format: Any, what: str) -> Any:
    x = as_tensor(x)
    if data_format != "NHWC":
        raise ArgumentError(f"{what}: data_format is 'NHWC', not {data_format!r}")
    if len(x.shape) != 4:
        raise ShapeError(f"{what}: an image has four axes, the shape is {show_shape(x.shape)}")
    return x


_DILATED = [
    Sample("f[2,5,4,2]", "f[2,3,2]", (1, 1, 1, 1), "VALID", "NHWC", (1, 1, 1, 1)),
    Sample("f[1,5,5,2]", "f[3,2,2]", (1, 2, 1, 1), "SAME", "NHWC", (1, 1, 2, 1)),
]


@composite(*_DILATED)
def dilation2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str, dilations: Any,
    name: Any = None,
) -> Any:  # fmt: skip
    """The largest sum of an element and of the filter's element over it, in each window.

    ``input``: ``[N, H, W, C]``; ``filters``: ``[h, w, C]``. ``strides`` and ``dilations`` are
    numbers for each axis of ``input``. What is padded never counts; at a tie the gradient goes to
    the first element. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> x, flat = tf.constant([[[[1.0], [4.0], [2.0]]]]), tf.zeros((1, 2, 1))
    >>> print(tf.nn.dilation2d(x, flat, [1] * 4, "VALID", "NHWC", [1] * 4).numpy().ravel())
    [4. 4.]
    """
    x, kernel = _image(input, data_format, "dilation2d"), as_tensor(filters)
    if len(kernel.shape) != 3 or kernel.shape[2] != x.shape[3]:
        raise ShapeError(
            f"dilation2d: filters {show_shape(kernel.shape)} do not fit {show_shape(x.shape)}"
        )
    window = [int(k) for k in kernel.shape[:2]]
    steps, apart = along(strides, 2, "dilation2d"), along(dilations, 2, "dilation2d")
    exact = info(x.dtype).integer
    lowest = info(x.dtype).ints[0] if exact else -math.inf
    view = Window(x, window, steps, apart, padding, 0 if exact else -math.inf, "dilation2d")
    inside = None
    if exact and any(w != 0 for pair in view.pads for w in pair):
        plane = ones((1, *x.shape[1:3], 1), dtype=INT64)
        inside = Window(plane, window, steps, apart, padding, 0, "dilation2d").slices()
    out = None
    for place, part in enumerate(view.slices()):
        row = OPS["strided_slice"](kernel, index=(place // window[1], place % window[1]))
        moved = part + row
        if inside is not None:
            moved = where(OPS["greater"](inside[place], 0), moved, lowest)
        out = moved if out is None else maximum(out, moved)
    return out


@composite(*_DILATED)
def erosion2d(
    value: Any, filters: Any, strides: Any, padding: Any, data_format: str, dilations: Any,
    name: Any = None,
) -> Any:  # fmt: skip
    """The smallest difference of an element and of the turned filter's, in each window.

    It is the dual of ``dilation2d``, which describes the arguments.

    >>> import twofold as tf
    >>> x, flat = tf.constant([[[[1.0], [4.0], [2.0]]]]), tf.zeros((1, 2, 1))
    >>> print(tf.nn.erosion2d(x, flat, [1] * 4, "VALID", "NHWC", [1] * 4).numpy().ravel())
    [1. 2.]
    """
    turned = movement.flip(as_tensor(filters), axis=(0, 1))
    x = _image(value, data_format, "erosion2d")
    if info(x.dtype).unsigned:
        raise ArgumentError("erosion2d: unsigned integers have no negative; cast them first")
    return -dilation2d(-x, turned, strides, padding, data_format, dilations)


@composite(Sample("f[2,4,5,2]", 2, 2, "VALID"), Sample("f[1,5,4,1]", 3, 2, "SAME"))
def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC",
    output_dtype: Any = INT64, include_batch_in_index: bool = False, name: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The largest element of each window of ``[N, H, W, C]``, and its place, the first at a tie.

    Places are ``(y*W + x)*C + c``, or ``((n*H + y)*W + x)*C + c`` with ``include_batch_in_index``.
    Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> x = tf.constant([[[[1.0], [4.0]], [[3.0], [2.0]]]])
    >>> print(tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")[1].numpy().ravel())
    [1]
    """
    what = "max_pool_with_argmax"
    x = _image(input, data_format, what)
    sizes, steps = along(ksize, 2, what), along(strides, 2, what)
    view = Window(x, sizes, steps, [1, 1], padding, 0, what)
    (top, _), (left, _) = view.pads
    height, width, channels = x.shape[1:]
    first_row = arange(view.counts[0], dtype=INT64) * steps[0] - top
    first_column = arange(view.counts[1], dtype=INT64) * steps[1] - left
    best = at = None
    for place, part in enumerate(view.slices()):
        row = movement.expand_dims(first_row + place // sizes[1], axis=(1,))
        column = first_column + place % sizes[1]
        spot = movement.expand_dims(row * width + column, axis=(2,))
        there = OPS["logical_and"](_within(row, height), _within(column, width))
        there = movement.expand_dims(there, axis=(2,))
        if best is None:  # what is padded is kept as negative positions
            best, at = part, _spread(where(there, spot, -1), part)
            continue
        larger = OPS["greater"](part, best)
        if info(x.dtype).floating:
            nan = OPS["logical_and"](OPS["isnan"](part), OPS["logical_not"](OPS["isnan"](best)))
            larger = OPS["logical_or"](larger, nan)
        taken = OPS["logical_and"](there, OPS["logical_or"](larger, OPS["less"](at, 0)))
        best, at = where(taken, part, best), where(taken, spot, at)
    places = at * channels + arange(channels, dtype=INT64)
    if include_batch_in_index:
        batch = arange(x.shape[0], dtype=INT64) * (height * width * channels)
        places = places + movement.reshape(batch, shape=(-1, 1, 1, 1))
    return best, OPS["cast"](places, dtype=output_dtype)


def _within(at: Any, size: Any) -> Any:
    return OPS["logical_and"](OPS["greater_equal"](at, 0), OPS["less"](at, size))


def _spread(places: Any, like: Any) -> Any:
    return movement.broadcast_to(places, shape=tuple(like.shape))
