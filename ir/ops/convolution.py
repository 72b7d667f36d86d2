"""Convolutions and pooling over one to three axes, written in slices and matrix products.

A window of a convolution is laid out along the channels (im2col), so that one matrix product makes
all outputs; a pool folds the slices of its window one after the other. Layouts are ``N...C``, or
``NC...``, with TensorFlow's names. ``SAME`` pads so that the output has ``ceil(size / stride)``
points, the odd element at the end; ``VALID`` does not pad.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .contract import matmul
from .create import ones
from .elementwise import maximum
from .joining import concat, stack
from .operand import as_tensor, product, sequence_attr
from .padding import pad_constant
from .reduce import sum
from .slicing import slice_axis

__all__ = [
    "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "conv1d", "conv2d", "conv2d_transpose",
    "conv3d", "depthwise_conv2d", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip

Pads = list[tuple[Any, Any]]


def _along(value: Any, rank: int, what: str) -> list[int]:
    """One number for each axis of a window, from one, as many, or one for each axis of a tensor."""
    if value is None:
        return [1] * rank
    if hasattr(value, "__iter__") and len(value) == rank + 2:
        lead, *value, last = value
        if lead != 1 or last != 1:
            raise ArgumentError(f"{what}: batch and channels have no window and no stride but 1")
    found = [int(n) for n in sequence_attr(value, rank, what)]
    if any(n < 1 for n in found):
        raise ArgumentError(f"{what}: {found} must be at least 1")
    return found


def _pads(sizes: Any, spans: list[int], strides: list[int], padding: Any, what: str) -> Pads:
    """What is added before and after each axis. Raises ArgumentError."""
    if not isinstance(padding, str):
        given = [tuple(pair) for pair in padding]
        return [(a, b) for a, b in (given[1:-1] if len(given) == len(spans) + 2 else given)]
    if padding.upper() == "VALID":
        return [(0, 0)] * len(spans)
    if padding.upper() != "SAME":
        raise ArgumentError(f"{what}: padding must be 'SAME', 'VALID' or pairs, not {padding!r}")
    found: Pads = []
    for size, span, stride in zip(sizes, spans, strides, strict=True):
        count = (size + stride - 1) // stride
        total = (count - 1) * stride + span - size
        total = total if total > 0 else 0
        found.append((total // 2, total - total // 2))
    return found


class Window:
    """Where the elements of a window lie in a tensor ``N...C``: one slice for each of them."""

    def __init__(
        self, x: Any, window: list[int], strides: list[int], dilations: list[int], padding: Any,
        fill: float, what: str,
    ) -> None:  # fmt: skip
        spans = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
        pads = _pads(x.shape[1:-1], spans, strides, padding, what)
        padded = any(w != 0 for pair in pads for w in pair)
        self.x = pad_constant(x, pads=((0, 0), *pads, (0, 0)), value=fill) if padded else x
        self.window, self.strides, self.dilations, self.pads = window, strides, dilations, pads
        self.counts = [
            (size - span) // stride + 1
            for size, span, stride in zip(self.x.shape[1:-1], spans, strides, strict=True)
        ]
        if any(isinstance(n, int) and n < 1 for n in self.counts):
            raise ShapeError(
                f"{what}: a window of {spans} does not fit into the shape {show_shape(x.shape)}"
            )

    def slices(self) -> list[Any]:
        """The elements of all windows at each place of a window, in row-major order."""
        found = [self.x]
        for axis, k in enumerate(self.window):
            found = [self._at(part, axis, i) for part in found for i in range(k)]
        return found

    def _at(self, x: Any, axis: int, i: int) -> Any:
        start, stride = i * self.dilations[axis], self.strides[axis]
        return slice_axis(x, axis + 1, start, start + (self.counts[axis] - 1) * stride + 1, stride)


def _channels_last(x: Any, data_format: str | None, what: str) -> tuple[Any, bool]:
    """``x`` as ``N...C``, and whether it was ``NC...``."""
    if data_format is None or data_format.upper().endswith("C"):
        return x, False
    if not data_format.upper().startswith("NC"):
        raise ArgumentError(f"{what}: data_format {data_format!r} is neither N...C nor NC...")
    return movement.moveaxis(x, 1, -1), True


def _convolved(
    x: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any, rank: int
) -> Any:
    what = f"conv{rank}d"
    x, filters = as_tensor(x), as_tensor(filters)
    if len(x.shape) != rank + 2 or len(filters.shape) != rank + 2:
        raise ShapeError(
            f"{what}: shapes {show_shape(x.shape)} and {show_shape(filters.shape)}; both have "
            f"{rank + 2} axes, of the filters the last two are channels in and out"
        )
    x, turned = _channels_last(x, data_format, what)
    inner, outer = filters.shape[-2:]
    groups = x.shape[-1] // inner
    if groups * inner != x.shape[-1] or (groups > 1 and outer % groups):
        raise ShapeError(f"{what}: {x.shape[-1]} channels for filters of {inner} and {outer}")
    window = Window(
        x, list(filters.shape[:rank]), _along(strides, rank, what),
        _along(dilations, rank, what), padding, 0, what,
    )  # fmt: skip
    slices = window.slices()
    parts = []
    for group in range(groups):
        lines, weights = slices, filters
        if groups > 1:
            width = outer // groups
            lines = [slice_axis(s, rank + 1, group * inner, (group + 1) * inner) for s in slices]
            weights = slice_axis(filters, rank + 1, group * width, (group + 1) * width)
        laid = concat(lines, axis=-1) if len(lines) > 1 else lines[0]
        depth = len(lines) * inner
        rows = movement.reshape(laid, shape=(product(laid.shape[:-1]), depth))
        made = matmul(rows, movement.reshape(weights, shape=(depth, weights.shape[-1])))
        parts.append(movement.reshape(made, shape=(*laid.shape[:-1], weights.shape[-1])))
    out = concat(parts, axis=-1) if groups > 1 else parts[0]
    return movement.moveaxis(out, -1, 1) if turned else out


@composite(Sample("f[2,6,3]", "f[3,3,2]", 1, "SAME"), Sample("f[2,7,2]", "f[2,2,3]", 2, "VALID"))
def conv1d(
    input: Any, filters: Any, stride: Any = 1, padding: Any = "VALID", data_format: Any = "NWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Cross-correlation along one axis: ``[N, W, C]`` with filters ``[K, C, F]`` to ``[N, W', F]``.

    As many channels as the filters have, or a multiple, which makes groups. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.conv1d(tf.ones((1, 4, 1)), tf.ones((3, 1, 1)), 1, "SAME").numpy().ravel()
    array([2., 3., 3., 2.], dtype=float32)
    """
    return _convolved(input, filters, stride, padding, data_format, dilations, 1)


@composite(Sample("f[2,5,4,3]", "f[3,2,3,2]", 1, "SAME"), Sample("f[1,5,6,2]", "f[2,2,2,3]", 2),
           Sample("f[1,4,5,5]", "f[2,2,2,4]", 1, "VALID", "NCHW"),
           Sample("f[1,6,6,1]", "f[2,2,1,2]", 1, "SAME", dilations=2))  # fmt: skip
def conv2d(
    input: Any, filters: Any, strides: Any = 1, padding: Any = "VALID", data_format: Any = "NHWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Cross-correlation along two axes: ``[N, H, W, C]`` with filters ``[KH, KW, C, F]``.

    ``padding`` is ``SAME``, ``VALID`` or pairs of widths. As many channels as the filters have, or
    a multiple, which makes groups. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.conv2d(tf.ones((1, 4, 4, 1)), tf.ones((3, 3, 1, 1)), 1, "VALID").numpy().ravel()
    array([9., 9., 9., 9.], dtype=float32)
    """
    return _convolved(input, filters, strides, padding, data_format, dilations, 2)


@composite(Sample("f[1,3,4,3,2]", "f[2,2,2,2,2]", 1, "SAME"))
def conv3d(
    input: Any, filters: Any, strides: Any = 1, padding: Any = "VALID", data_format: Any = "NDHWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Cross-correlation along three axes: ``[N, D, H, W, C]`` with ``[KD, KH, KW, C, F]``."""
    return _convolved(input, filters, strides, padding, data_format, dilations, 3)


@composite(Sample("f[1,4,4,2]", "f[2,2,2,2]", 1, "SAME"))
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any = 1, padding: Any = "VALID", data_format: Any = "NHWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """``conv2d`` of each channel for itself: filters ``[KH, KW, C, M]`` give ``C * M`` channels."""
    filter = as_tensor(filter)
    kh, kw, inner, times = filter.shape
    filters = movement.reshape(filter, shape=(kh, kw, 1, inner * times))
    return _convolved(input, filters, strides, padding, data_format, dilations, 2)


@composite(Sample("f[2,2,2,3]", "f[3,3,2,3]", (2, 4, 4, 2), 2, "SAME"),
           Sample("f[1,2,3,2]", "f[2,2,1,2]", (1, 3, 4, 1), 1, "VALID"))  # fmt: skip
def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any = 1, padding: Any = "SAME",
    data_format: Any = "NHWC", dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The adjoint of ``conv2d``: what it makes of ``output_shape`` has the shape of ``input``.

    Filters are ``[KH, KW, F, C]``, where ``C`` are the channels of ``input``. Raises ShapeError.
    """
    what = "conv2d_transpose"
    x, turned = _channels_last(as_tensor(input), data_format, what)
    filters = as_tensor(filters)
    shape = [int(n) for n in output_shape]
    if len(shape) == 4:
        shape = shape[2:] if turned else shape[1:3]
    steps, holes = _along(strides, 2, what), _along(dilations, 2, what)
    spans = [(k - 1) * d + 1 for k, d in zip(filters.shape[:2], holes, strict=True)]
    pads = _pads(shape, spans, steps, padding, what)
    counts = [
        (size + a + b - span) // step + 1
        for size, span, step, (a, b) in zip(shape, spans, steps, pads, strict=True)
    ]
    if counts != list(x.shape[1:3]):
        raise ShapeError(f"{what}: {shape} has {counts} windows, the input has {x.shape[1:3]}")
    around: Pads = []
    for i in range(2):
        x = _spaced(x, i + 1, steps[i])
        before = spans[i] - 1 - pads[i][0]
        around.append((before, shape[i] + spans[i] - 1 - before - x.shape[i + 1]))
    flipped = movement.swapaxes(movement.flip(filters, axis=(0, 1)), -1, -2)
    out = _convolved(x, flipped, 1, around, None, dilations, 2)
    return movement.moveaxis(out, -1, 1) if turned else out


def _spaced(x: Any, axis: int, step: int) -> Any:
    """``x`` with ``step - 1`` zeros between neighbours along an axis."""
    if step == 1:
        return x
    shape = list(x.shape)
    pads = [(0, 0)] * (len(shape) + 1)
    pads[axis + 1] = (0, step - 1)
    wide = pad_constant(movement.expand_dims(x, axis=(axis + 1,)), pads=tuple(pads), value=0)
    shape[axis] = shape[axis] * step
    return slice_axis(movement.reshape(wide, shape=tuple(shape)), axis, 0, shape[axis] - step + 1)


# ---- Pooling


def _pooled(
    fold: Callable[[Window], Any], x: Any, ksize: Any, strides: Any, padding: Any,
    data_format: Any, fill: float, what: str, rank: int | None = None,
) -> Any:  # fmt: skip
    x = as_tensor(x)
    count = len(x.shape) - 2
    if count < 1 or (rank is not None and rank != count):
        raise ShapeError(f"{what}: the shape {show_shape(x.shape)} has not {(rank or 1) + 2} axes")
    if data_format is not None and data_format.upper().startswith("NC"):
        ksize, strides = (_inner(v, count) for v in (ksize, strides))
    x, turned = _channels_last(x, data_format, what)
    sizes = _along(ksize, count, what)
    steps = sizes if strides is None else _along(strides, count, what)
    out = fold(Window(x, sizes, steps, [1] * count, padding, fill, what))
    return movement.moveaxis(out, -1, 1) if turned else out


def _inner(value: Any, rank: int) -> Any:
    """Of one number for each axis of ``NC...``, those of the axes of a window."""
    full = hasattr(value, "__iter__") and len(value) == rank + 2
    return value[2:] if full else value


def _largest(window: Window) -> Any:
    first, *others = window.slices()
    for other in others:
        first = maximum(first, other)
    return OPS["identity"](first) if not others and first is window.x else first


def _mean(window: Window) -> Any:
    total, *others = window.slices()
    for other in others:
        total = total + other
    if all(w == 0 for pair in window.pads for w in pair):
        return total / math.prod(window.window)
    sizes = [n - a - b for n, (a, b) in zip(window.x.shape[1:-1], window.pads, strict=True)]
    inside = Window(
        ones((1, *sizes, 1), dtype=total.dtype), window.window, window.strides, window.dilations,
        window.pads, 0, "avg_pool",
    )  # fmt: skip
    return total / sum(stack(inside.slices(), axis=0), axis=0)


_MAX = [Sample("f[1,6,2]", 2, 2, "VALID"), Sample("f[2,5,2]", 3, 2, "SAME")]
_TWO = [Sample("f[1,4,5,2]", 2, 2, "VALID"), Sample("f[1,5,5,1]", 3, 2, "SAME"),
        Sample("f[1,2,4,4]", 2, 1, "SAME", "NCHW")]  # fmt: skip


@composite(*_MAX, *_TWO)
def max_pool(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """The largest element of each window, over all axes but batch and channels.

    ``strides`` are those of the windows if not given. What is padded never counts. At a tie the
    gradient goes to the first element. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel()
    array([3., 2.], dtype=float32)
    """
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_largest, *args, -math.inf, "max_pool")


@composite(*_MAX, *_TWO)
def avg_pool(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """The mean of each window, over all axes but batch and channels; what is padded does not count.

    >>> import twofold as tf
    >>> tf.nn.avg_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel()
    array([2., 1.], dtype=float32)
    """
    return _pooled(_mean, input, ksize, strides, padding, data_format, 0, "avg_pool")


@composite(*_MAX)
def max_pool1d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NWC", name: Any = None,
) -> Any:  # fmt: skip
    """The largest element of each window along one axis; see ``max_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_largest, *args, -math.inf, "max_pool1d", 1)


@composite(*_TWO)
def max_pool2d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NHWC", name: Any = None,
) -> Any:  # fmt: skip
    """The largest element of each window along two axes; see ``max_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_largest, *args, -math.inf, "max_pool2d", 2)


@composite(Sample("f[1,3,4,2,1]", 2, 1, "SAME"))
def max_pool3d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NDHWC", name: Any = None,
) -> Any:  # fmt: skip
    """The largest element of each window along three axes; see ``max_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_largest, *args, -math.inf, "max_pool3d", 3)


@composite(*_MAX)
def avg_pool1d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NWC", name: Any = None,
) -> Any:  # fmt: skip
    """The mean of each window along one axis; see ``avg_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_mean, *args, 0, "avg_pool1d", 1)


@composite(*_TWO)
def avg_pool2d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NHWC", name: Any = None,
) -> Any:  # fmt: skip
    """The mean of each window along two axes; see ``avg_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_mean, *args, 0, "avg_pool2d", 2)


@composite(Sample("f[1,3,4,2,1]", 2, 1, "SAME"))
def avg_pool3d(
    input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
    data_format: Any = "NDHWC", name: Any = None,
) -> Any:  # fmt: skip
    """The mean of each window along three axes; see ``avg_pool``."""
    args = (input, ksize, strides, padding, data_format)
    return _pooled(_mean, *args, 0, "avg_pool3d", 3)
