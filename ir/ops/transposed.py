"""What is made of convolutions: transposed, separable, with holes, and by rank."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..op import Sample, composite
from ..shapes import show_shape
from . import movement
from .convolution import (
    FOLDS,
    Pads,
    along,
    channels_last,
    convolved,
    depthwise,
    inner,
    pads_of,
    pooled,
    spaced,
)  # fmt: skip
from .operand import as_sizes, as_tensor
from .slicing import slice_axis

__all__ = [
    "atrous_conv2d", "atrous_conv2d_transpose", "conv1d_transpose", "conv2d_transpose",
    "conv3d_transpose", "conv_transpose", "convolution", "pool", "separable_conv2d", "transposed",
]  # fmt: skip


def transposed(x: Any, filters: Any, steps: list[int], holes: list[int], around: Pads) -> Any:
    """Points of ``x``, channels last, set apart by the strides, with zeros or cuts (negative
    widths) around them, convolved with the filters turned by half a turn."""
    rank = len(steps)
    for axis, step in enumerate(steps, 1):
        x = spaced(x, axis, step)
    for axis, (before, after) in enumerate(around, 1):
        if before < 0 or after < 0:
            low, high = (-w if w < 0 else 0 for w in (before, after))
            x = slice_axis(x, axis, low, x.shape[axis] - high)
    pads = [tuple(w if w > 0 else 0 for w in pair) for pair in around]
    turned = movement.swapaxes(movement.flip(filters, axis=tuple(range(rank))), -1, -2)
    return convolved(x, turned, 1, pads, None, holes, rank)


def _to_shape(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any, data_format: Any,
    dilations: Any, rank: int,
) -> Any:  # fmt: skip
    what = f"conv{rank}d_transpose"
    x, turned = channels_last(as_tensor(input), data_format, what)
    filters = as_tensor(filters)
    if len(x.shape) != rank + 2 or len(filters.shape) != rank + 2:
        raise ShapeError(
            f"{what}: shapes {show_shape(x.shape)} and {show_shape(filters.shape)}; both have "
            f"{rank + 2} axes, of the filters the last two are channels out and in"
        )
    shape = list(as_sizes(output_shape))
    if len(shape) == rank + 2:
        shape = shape[2:] if turned else shape[1:-1]
    if turned:
        strides, dilations = inner(strides, rank), inner(dilations, rank)
    steps, holes = along(strides, rank, what), along(dilations, rank, what)
    spans = [(k - 1) * d + 1 for k, d in zip(filters.shape[:rank], holes, strict=True)]
    pads = pads_of(shape, spans, steps, padding, what)
    counts = [
        (size + a + b - span) // step + 1
        for size, span, step, (a, b) in zip(shape, spans, steps, pads, strict=True)
    ]
    if any(m != n for m, n in zip(counts, x.shape[1:-1], strict=True)):
        raise ShapeError(f"{what}: {shape} has {counts} windows, the input {x.shape[1:-1]}")
    around: Pads = []
    for i in range(rank):
        before = spans[i] - 1 - pads[i][0]
        wide = (x.shape[i + 1] - 1) * steps[i] + 1
        around.append((before, shape[i] + spans[i] - 1 - before - wide))
    out = transposed(x, filters, steps, holes, around)
    return movement.moveaxis(out, -1, 1) if turned else out


@composite(Sample("f[2,2,3]", "f[3,2,3]", (2, 4, 2), 2, "SAME"))
def conv1d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any = 1, padding: Any = "SAME",
    data_format: Any = "NWC", dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The adjoint of ``conv1d``; filters are ``[K, F, C]``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.conv1d_transpose(tf.ones((1, 2, 1)), tf.ones((2, 1, 1)), (1, 4, 1), 2).shape
    (1, 4, 1)
    """
    args = (input, filters, output_shape, strides, padding, data_format, dilations)
    return _to_shape(*args, 1)


@composite(Sample("f[2,2,2,3]", "f[3,3,2,3]", (2, 4, 4, 2), 2, "SAME"),
           Sample("f[1,2,3,2]", "f[2,2,1,2]", (1, 3, 4, 1), 1, "VALID"),
           Sample("f[1,2,2,3]", "f[2,2,1,2]", (1, 1, 4, 6), 2, "SAME", "NCHW"))  # fmt: skip
def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any = 1, padding: Any = "SAME",
    data_format: Any = "NHWC", dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The adjoint of ``conv2d``: what it makes of ``output_shape`` has the shape of ``input``.

    Filters are ``[KH, KW, F, C]``, where ``C`` are the channels of ``input``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.conv2d_transpose(tf.ones((1, 2, 2, 1)), tf.ones((2, 2, 1, 1)), (1, 4, 4, 1), 2).shape
    (1, 4, 4, 1)
    """
    args = (input, filters, output_shape, strides, padding, data_format, dilations)
    return _to_shape(*args, 2)


@composite(Sample("f[1,2,2,1,2]", "f[2,2,1,1,2]", (1, 4, 3, 1, 1), (2, 2, 1), "SAME"))
def conv3d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any = 1, padding: Any = "SAME",
    data_format: Any = "NDHWC", dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The adjoint of ``conv3d``; filters are ``[KD, KH, KW, F, C]``. Raises ShapeError."""
    args = (input, filters, output_shape, strides, padding, data_format, dilations)
    return _to_shape(*args, 3)


@composite(Sample("f[2,2,3]", "f[3,2,3]", (2, 4, 2), 2),
           Sample("f[1,2,2,1]", "f[2,2,1,1]", (4, 4), 2))  # fmt: skip
def conv_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME",
    data_format: Any = None, dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The transposed convolution of one to three axes, by those of ``input``."""
    rank = len(as_tensor(input).shape) - 2
    if not 1 <= rank <= 3:
        raise ShapeError(f"conv_transpose: one to three axes beside batch and channels, not {rank}")
    args = (input, filters, output_shape, strides, padding, data_format, dilations)
    return _to_shape(*args, rank)


@composite(Sample("f[1,5,2]", "f[2,2,1]", padding="SAME"), Sample("f[1,4,4,1]", "f[2,2,1,2]", 2))
def convolution(
    input: Any, filters: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """``conv1d``, ``conv2d`` or ``conv3d``, by the axes of ``input``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.convolution(tf.ones((1, 4, 1)), tf.ones((3, 1, 1))).numpy().ravel()
    array([3., 3.], dtype=float32)
    """
    rank = len(as_tensor(input).shape) - 2
    if not 1 <= rank <= 3:
        raise ShapeError(f"convolution: one to three axes beside batch and channels, not {rank}")
    return convolved(input, filters, strides, padding, data_format, dilations, rank)


@composite(Sample("f[1,5,4,2]", "f[2,2,2,2]", "f[1,1,4,3]", (1, 1, 1, 1), "SAME"))
def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any,
    data_format: Any = None, dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """``depthwise_conv2d``, then ``conv2d`` with filters ``[1, 1, C * M, F]``. Raises ShapeError.

    >>> import twofold as tf
    >>> deep, point = tf.ones((2, 2, 1, 2)), tf.ones((1, 1, 2, 1))
    >>> tf.nn.separable_conv2d(tf.ones((1, 2, 2, 1)), deep, point, (1, 1, 1, 1), "VALID").item()
    8.0
    """
    layout = data_format or "NHWC"
    deep = depthwise(input, depthwise_filter, strides, padding, layout, dilations, 2)
    return convolved(deep, pointwise_filter, 1, "VALID", layout, None, 2)


@composite(Sample("f[1,6,6,1]", "f[2,2,1,2]", 2, "VALID"))
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: Any = None) -> Any:
    """``conv2d`` with ``rate - 1`` holes between the elements of a filter."""
    return convolved(value, filters, 1, padding, "NHWC", rate, 2)


@composite(Sample("f[1,4,4,2]", "f[2,2,1,2]", (1, 6, 6, 1), 2, "VALID"))
def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: Any, name: Any = None
) -> Any:
    """The adjoint of ``atrous_conv2d``; filters are ``[KH, KW, F, C]``."""
    return _to_shape(value, filters, output_shape, 1, padding, "NHWC", rate, 2)


@composite(Sample("f[1,6,2]", 2, "MAX"), Sample("f[1,4,4,1]", 2, "AVG", 2, "SAME"))
def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: Any = "VALID",
    data_format: Any = None, dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """``max_pool`` or ``avg_pool``, by ``pooling_type``, ``"MAX"`` or ``"AVG"``; strides are 1.

    ``dilations``: how far the elements of a window are apart, along each axis.

    >>> import twofold as tf
    >>> tf.nn.pool([[[1.0], [3.0], [2.0]]], 2, "MAX").numpy().ravel()
    array([3., 3.], dtype=float32)
    """
    if pooling_type not in ("MAX", "AVG"):
        raise ArgumentError(f"pool: pooling_type must be 'MAX' or 'AVG', not {pooling_type!r}")
    fold, fill = FOLDS["max_pool" if pooling_type == "MAX" else "avg_pool"]
    steps = 1 if strides is None else strides
    return pooled(
        fold, input, window_shape, steps, padding, data_format, fill, "pool", None, dilations
    )  # fmt: skip
