"""Convolutions and pools as sums, products and extremes of shifted slices.

A window of a convolution is a slice with a step for each of its places; slices side by side are the
rows of one matrix product (im2col: Chellapilla, Puri, Simard, "High Performance Convolutional
Neural Networks for Document Processing", 2006). All of it is slices, pads and products, so it has
their gradients to any order, and batches of any size share one trace.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras.src import backend
from keras.src.backend.common.backend_utils import (
    check_conv_input_channels,
    check_conv_transpose_input_channels,
    compute_conv_transpose_padding_args_for_jax,
)

import twofold as tf

from .core import convert_to_tensor
from .kinds import together

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose",
    "depthwise_conv", "max_pool", "separable_conv",
]  # fmt: skip

Pads = list[tuple[int, int]]


def _each(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def _inner_first(x: Any, data_format: str) -> Any:
    """Channels last, whatever they are given as."""
    return x if data_format == "channels_last" else tf.moveaxis(x, 1, -1)


def _as_given(x: Any, data_format: str) -> Any:
    return x if data_format == "channels_last" else tf.moveaxis(x, -1, 1)


def _same(sizes: Sequence[int], window: Sequence[int], steps: Sequence[int]) -> Pads:
    """The pads of "same": each output has a window of its own, the odd element at the end."""
    out = []
    for size, width, step in zip(sizes, window, steps, strict=True):
        need = max((-(-size // step) - 1) * step + width - size, 0)
        out.append((need // 2, need - need // 2))
    return out


def _slices(
    x: Any, window: Sequence[int], steps: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """For each place in a window: the place, and the elements there of all windows."""
    spatial = [int(n) for n in x.shape[1:-1]]
    counts = [
        max((n - d * (w - 1) - 1) // s + 1, 0)
        for n, w, s, d in zip(spatial, window, steps, dilation, strict=True)
    ]
    for place in itertools.product(*map(range, window)):
        cuts = [
            slice(p * d, p * d + (c - 1) * s + 1 if c else p * d, s)
            for p, d, c, s in zip(place, dilation, counts, steps, strict=True)
        ]
        yield place, x[(slice(None), *cuts)]


def _padded(x: Any, pads: Pads, value: Any = 0) -> Any:
    if not any(map(any, pads)):
        return x
    return tf.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


def _product(x: Any, kernel: Any, steps: Any, dilation: Any) -> Any:
    """The convolution of padded inputs, channels last, of one group."""
    *window, depth, filters = kernel.shape
    parts = [part for _, part in _slices(x, window, steps, dilation)]
    rows = parts[0] if len(parts) == 1 else tf.concat(parts, -1)
    flat = tf.reshape(kernel, (math.prod(window) * depth, filters))
    return tf.matmul(rows, flat)


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A convolution over one to three axes; groups by the channels of the kernel."""
    data_format = backend.standardize_data_format(data_format)
    inputs, kernel = together(inputs, kernel)
    x = _inner_first(inputs, data_format)
    if int(x.shape[-1]) % int(kernel.shape[-2]):
        check_conv_input_channels(inputs, kernel, data_format)
    count = len(x.shape) - 2
    steps, dilation = _each(strides, count), _each(dilation_rate, count)
    *window, depth, filters = (int(n) for n in kernel.shape)
    spread = [d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True)]
    if padding == "same":
        x = _padded(x, _same([int(n) for n in x.shape[1:-1]], spread, steps))
    elif padding == "causal":
        x = _padded(x, [(spread[0] - 1, 0)])
    channels = int(x.shape[-1])
    groups = channels // depth
    if groups == 1:
        out = _product(x, kernel, steps, dilation)
    else:
        each = filters // groups
        out = tf.concat([
            _product(x[..., g * depth : (g + 1) * depth], kernel[..., g * each : (g + 1) * each],
                     steps, dilation)
            for g in range(groups)
        ], -1)  # fmt: skip
    return _as_given(out, data_format)


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A convolution of each channel by itself, with several kernels each."""
    data_format = backend.standardize_data_format(data_format)
    inputs, kernel = together(inputs, kernel)
    x = _inner_first(inputs, data_format)
    count = len(x.shape) - 2
    steps, dilation = _each(strides, count), _each(dilation_rate, count)
    *window, depth, many = (int(n) for n in kernel.shape)
    if padding == "same":
        spread = [d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True)]
        x = _padded(x, _same([int(n) for n in x.shape[1:-1]], spread, steps))
    terms = (
        tf.expand_dims(part, axis=-1) * kernel[place]
        for place, part in _slices(x, window, steps, dilation)
    )
    out = functools.reduce(tf.add, terms)
    out = tf.reshape(out, (*out.shape[:-2], depth * many))
    return _as_given(out, data_format)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1,
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A depthwise convolution and one of width one."""
    data_format = backend.standardize_data_format(data_format)
    deep = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(deep, pointwise_kernel, 1, "valid", data_format, 1)


def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    output_padding: Any = None, data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """The transpose of a convolution: its inputs set apart by the strides, and convolved."""
    data_format = backend.standardize_data_format(data_format)
    inputs, kernel = together(inputs, kernel)
    check_conv_transpose_input_channels(inputs, kernel, data_format)
    pads = compute_conv_transpose_padding_args_for_jax(
        input_shape=tuple(None if hasattr(type(n), "symbolic_size") else n for n in inputs.shape),
        kernel_shape=kernel.shape, strides=strides, padding=padding,
        output_padding=output_padding, dilation_rate=dilation_rate,
    )  # fmt: skip
    x = _inner_first(inputs, data_format)
    count = len(x.shape) - 2
    steps, dilation = _each(strides, count), _each(dilation_rate, count)
    for axis, step in enumerate(steps, 1):
        x = _apart(x, axis, step)
    for axis, (low, high) in enumerate(pads, 1):  # a pad below zero cuts
        x = x[(slice(None),) * axis + (slice(max(-low, 0), int(x.shape[axis]) - max(-high, 0)),)]
    x = _padded(x, [(max(low, 0), max(high, 0)) for low, high in pads])
    turned = tf.flip(tf.swapaxes(kernel, -1, -2), axis=tuple(range(count)))
    return _as_given(_product(x, turned, (1,) * count, dilation), data_format)


def _apart(x: Any, axis: int, step: int) -> Any:
    """Zeros between the elements along an axis."""
    if step == 1:
        return x
    size = int(x.shape[axis])
    spread = tf.expand_dims(x, axis=axis + 1)
    pads = [(0, step - 1) if a == axis + 1 else (0, 0) for a in range(len(x.shape) + 1)]
    shape = (*x.shape[:axis], size * step, *x.shape[axis + 1 :])
    out = tf.reshape(tf.pad(spread, pads), shape)
    return out[(slice(None),) * axis + (slice(0, (size - 1) * step + 1),)]


def _pool(
    inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None,
    fill: Any, fold: Callable[[Any, Any], Any],
) -> tuple[Any, Any]:  # fmt: skip
    """The fold over windows, and how many elements each window has."""
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")
    x = _inner_first(inputs, data_format or "")
    count = len(x.shape) - 2
    window = _each(pool_size, count)
    steps = window if strides is None else _each(strides, count)
    sizes = [int(n) for n in x.shape[1:-1]]
    pads = _same(sizes, window, steps) if padding == "same" else [(0, 0)] * count
    parts = (part for _, part in _slices(_padded(x, pads, fill), window, steps, (1,) * count))
    out = functools.reduce(fold, parts)
    counts: Any = math.prod(window)
    if any(map(any, pads)):
        ones = np.pad(np.ones(sizes, np.float32), pads)[None, ..., None]
        counts = np.stack([p for _, p in _slices(ones, window, steps, (1,) * count)]).sum(0)
    return out, counts


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The largest element of each window."""
    inputs = convert_to_tensor(inputs)
    data_format = backend.standardize_data_format(data_format)
    least = -np.inf if inputs.dtype.kind in "fV" else tf.iinfo(inputs.dtype).min
    out, _ = _pool(inputs, pool_size, strides, padding, data_format, least, tf.maximum)
    return _as_given(out, data_format)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The mean of each window, over the elements that it has."""
    inputs = convert_to_tensor(inputs)
    data_format = backend.standardize_data_format(data_format)
    out, counts = _pool(inputs, pool_size, strides, padding, data_format, 0, tf.add)
    return _as_given(out / tf.cast(counts, out.dtype), data_format)


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, fold: Any) -> Any:
    """Windows of sizes that differ by one, axis by axis."""
    data_format = backend.standardize_data_format(data_format)
    x = _inner_first(convert_to_tensor(inputs), data_format)
    count = len(x.shape) - 2
    for axis, many in enumerate(_each(output_size, count), 1):
        size = int(x.shape[axis])
        before = (slice(None),) * axis
        parts = [
            fold(x[(*before, slice(i * size // many, -(-(i + 1) * size // many)))], axis)
            for i in range(many)
        ]
        x = tf.concat(parts, axis)
    return _as_given(x, data_format)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Means of windows such that the result has a given size."""
    return _adaptive(
        inputs, output_size, data_format, lambda x, a: tf.mean(x, axis=a, keepdims=True)
    )


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Extremes of windows such that the result has a given size."""
    return _adaptive(
        inputs, output_size, data_format, lambda x, a: tf.max(x, axis=a, keepdims=True)
    )
