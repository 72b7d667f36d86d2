"""Convolutions and pools of Keras: its names and layouts for the ops of ``tf.nn``."""

from __future__ import annotations

from typing import Any

from keras.src import backend
from keras.src.backend.common.backend_utils import (
    compute_conv_transpose_padding_args_for_jax,
)

import twofold as tf
from twofold.ir.ops.convolution import depthwise
from twofold.ir.ops.transposed import transposed

from .core import convert_to_tensor
from .kinds import together

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose",
    "depthwise_conv", "max_pool", "separable_conv",
]  # fmt: skip

_LAYOUTS = {"channels_last": "N...C", "channels_first": "NC..."}


def _layout(data_format: str | None) -> str:
    return _LAYOUTS[backend.standardize_data_format(data_format)]


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A convolution over one to three axes; groups by the channels of the kernel."""
    layout = _layout(data_format)
    inputs, kernel = together(inputs, kernel)
    channels = inputs.shape[-1 if layout == "N...C" else 1]
    _check_channels(channels, kernel.shape[-2], int(channels) % int(kernel.shape[-2]) == 0)
    return tf.nn.convolution(inputs, kernel, strides, padding, layout, dilation_rate)


def _check_channels(given: Any, wanted: Any, fit: bool) -> None:
    if not fit:
        raise ValueError(
            f"The number of input channels must match the kernel's input channels. Received: input "
            f"channels={given}, kernel input channels={wanted}."
        )


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A convolution of each channel by itself, with several kernels each."""
    inputs, kernel = together(inputs, kernel)
    rank = len(inputs.shape) - 2
    return depthwise(inputs, kernel, strides, padding, _layout(data_format), dilation_rate, rank)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1,
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """A depthwise convolution and one of width one."""
    deep = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(deep, pointwise_kernel, 1, "valid", data_format, 1)


def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    output_padding: Any = None, data_format: str | None = None, dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """The transpose of a convolution: its inputs set apart by the strides, and convolved."""
    data_format = backend.standardize_data_format(data_format)
    inputs, kernel = together(inputs, kernel)
    channels = inputs.shape[1 if data_format == "channels_first" else -1]
    _check_channels(channels, kernel.shape[-1], int(channels) == int(kernel.shape[-1]))
    pads = compute_conv_transpose_padding_args_for_jax(
        input_shape=tuple(None if hasattr(type(n), "symbolic_size") else n for n in inputs.shape),
        kernel_shape=kernel.shape, strides=strides, padding=padding,
        output_padding=output_padding, dilation_rate=dilation_rate,
    )  # fmt: skip
    first = data_format == "channels_first"
    x = tf.moveaxis(inputs, 1, -1) if first else inputs
    rank = len(x.shape) - 2
    out = transposed(x, kernel, _each(strides, rank), _each(dilation_rate, rank), list(pads))
    return tf.moveaxis(out, -1, 1) if first else out


def _each(value: Any, count: int) -> list[int]:
    return [value] * count if isinstance(value, int) else list(value)


def _checked(padding: str) -> str:
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")
    return padding


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The largest element of each window."""
    inputs = convert_to_tensor(inputs)
    return tf.nn.max_pool(inputs, pool_size, strides, _checked(padding), _layout(data_format))


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """The mean of each window, over the elements that it has."""
    inputs = convert_to_tensor(inputs)
    return tf.nn.avg_pool(inputs, pool_size, strides, _checked(padding), _layout(data_format))


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Means of windows such that the result has a given size."""
    x = convert_to_tensor(inputs)
    return tf.nn.adaptive_avg_pool(x, output_size, _layout(data_format))


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Extremes of windows such that the result has a given size."""
    x = convert_to_tensor(inputs)
    return tf.nn.adaptive_max_pool(x, output_size, _layout(data_format))
