"""Convolutions and pooling over one to three axes, written in slices and matrix products.

A window of a convolution is laid out along the channels (im2col), so that one matrix product makes
all outputs; in compiled functions one op multiplies windows where they lie. A pool
folds the slices of its window one after the other. Layouts are ``N...C``, or
``NC...``, with TensorFlow's names. ``SAME`` pads so that the output has ``ceil(size / stride)``
points, the odd element at the end; ``VALID`` does not pad; ``CAUSAL`` pads at the start, so that no
output sees what comes after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import index
from typing import Any

from .. import bind
from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .contract import matmul
from .convolved import window_products
from .create import ones
from .elementwise import maximum
from .joining import concat, stack
from .largest import first_largest
from .operand import as_tensor, product, sequence_attr
from .padding import pad_constant
from .patches import patches
from .reduce import sum
from .slicing import slice_axis
from .statistics import mean

__all__ = [
    "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "conv1d", "conv2d", "conv3d",
    "depthwise_conv2d", "max_pool",
]  # fmt: skip

Pads = list[tuple[Any, Any]]

FEW = 16  # places of a window up to which a maximum is taken place by place


def along(value: Any, rank: int, what: str) -> list[int]:
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


def pads_of(sizes: Any, spans: list[int], strides: list[int], padding: Any, what: str) -> Pads:
    """What is added before and after each axis. Raises ArgumentError."""
    if not isinstance(padding, str):
        given = [tuple(pair) for pair in padding]
        return [(a, b) for a, b in (given[1:-1] if len(given) == len(spans) + 2 else given)]
    if padding.upper() == "VALID":
        return [(0, 0)] * len(spans)
    if padding.upper() == "CAUSAL":
        return [(span - 1, 0) for span in spans]
    if padding.upper() != "SAME":
        raise ArgumentError(
            f"{what}: padding must be 'SAME', 'VALID', 'CAUSAL' or pairs, not {padding!r}"
        )
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
        pads = pads_of(x.shape[1:-1], spans, strides, padding, what)
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

    def apart(self) -> bool:
        """Whether windows neither overlap nor leave anything out between them."""
        return self.strides == self.window and all(d == 1 for d in self.dilations)

    def blocks(self) -> tuple[Any, tuple[int, ...]]:
        """Windows that are apart as axes of their own, and which axes these are."""
        x, shape = self.x, [self.x.shape[0]]
        for axis, (count, k) in enumerate(zip(self.counts, self.window, strict=True), 1):
            x = slice_axis(x, axis, 0, count * k, 1)
            shape += [count, k]
        inside = tuple(range(2, len(shape), 2))
        return movement.reshape(x, shape=(*shape, x.shape[-1])), inside

    def large(self) -> bool:
        """Whether a window has more than one element, or some are left out."""
        return any(n > 1 for n in (*self.window, *self.strides))

    def laid(self, x: Any) -> Any:
        """The elements of each window of a padded ``x`` together: ``[N, *counts, width]``."""
        if not self.large():
            return x
        sizes = tuple(map(index, self.window))
        laid = patches(
            x, window=sizes, strides=tuple(self.strides), dilations=tuple(self.dilations)
        )  # fmt: skip
        width = math.prod(sizes) * x.shape[-1]
        return movement.reshape(laid, shape=(x.shape[0], *self.counts, width))

    def _at(self, x: Any, axis: int, i: int) -> Any:
        start, stride = i * self.dilations[axis], self.strides[axis]
        return slice_axis(x, axis + 1, start, start + (self.counts[axis] - 1) * stride + 1, stride)


def channels_last(x: Any, data_format: str | None, what: str) -> tuple[Any, bool]:
    """``x`` as ``N...C``, and whether it was ``NC...``."""
    if data_format is None or data_format.upper().endswith("C"):
        return x, False
    if not data_format.upper().startswith("NC"):
        raise ArgumentError(f"{what}: data_format {data_format!r} is neither N...C nor NC...")
    return movement.moveaxis(x, 1, -1), True


def _is_staged(x: Any) -> bool:
    """Whether machine code will multiply real numbers."""
    own = info(x.dtype)
    if not own.blas or not own.floating or bind.current.get() is None:
        return False
    return bind.ground().tracing


def _by_product(window: Window, x: Any, filters: Any) -> Any:
    """One product of all windows of ``x`` with the filters."""
    if window.large() and _is_staged(x):  # kernels need no windows beside each other
        how = {"strides": tuple(window.strides), "dilations": tuple(window.dilations)}
        return window_products(x, filters, **how)
    laid, outer = window.laid(x), filters.shape[-1]
    *lead, width = laid.shape
    rows = movement.reshape(laid, shape=(product(lead), width))
    made = matmul(rows, movement.reshape(filters, shape=(width, outer)))
    return movement.reshape(made, shape=(*lead, outer))


def convolved(
    x: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any, rank: int
) -> Any:
    what = f"conv{rank}d"
    x, filters = as_tensor(x), as_tensor(filters)
    if len(x.shape) != rank + 2 or len(filters.shape) != rank + 2:
        raise ShapeError(
            f"{what}: shapes {show_shape(x.shape)} and {show_shape(filters.shape)}; both have "
            f"{rank + 2} axes, of the filters the last two are channels in and out"
        )
    x, turned = channels_last(x, data_format, what)
    if turned:
        strides, dilations = inner(strides, rank), inner(dilations, rank)
    depth, outer = filters.shape[-2:]
    groups = x.shape[-1] // depth
    if groups * depth != x.shape[-1] or (groups > 1 and outer % groups):
        raise ShapeError(f"{what}: {x.shape[-1]} channels for filters of {depth} and {outer}")
    window = Window(
        x, list(filters.shape[:rank]), along(strides, rank, what),
        along(dilations, rank, what), padding, 0, what,
    )  # fmt: skip
    parts = []
    for group in range(groups):
        weights, laid = filters, window.x
        if groups > 1:
            each = outer // groups
            laid = slice_axis(laid, rank + 1, group * depth, (group + 1) * depth)
            weights = slice_axis(filters, rank + 1, group * each, (group + 1) * each)
        parts.append(_by_product(window, laid, weights))
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
    return convolved(input, filters, stride, padding, data_format, dilations, 1)


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
    return convolved(input, filters, strides, padding, data_format, dilations, 2)


@composite(Sample("f[1,3,4,3,2]", "f[2,2,2,2,2]", 1, "SAME"))
def conv3d(
    input: Any, filters: Any, strides: Any = 1, padding: Any = "VALID", data_format: Any = "NDHWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Cross-correlation along three axes: ``[N, D, H, W, C]`` with ``[KD, KH, KW, C, F]``."""
    return convolved(input, filters, strides, padding, data_format, dilations, 3)


def depthwise(
    x: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any, rank: int
) -> Any:
    """Each channel for itself with ``M`` filters: shifted slices times weights, added up."""
    what = "depthwise_conv"
    x, turned = channels_last(as_tensor(x), data_format, what)
    filters = as_tensor(filters)
    if (
        len(x.shape) != rank + 2
        or len(filters.shape) != rank + 2
        or (filters.shape[-2] != x.shape[-1])
    ):
        raise ShapeError(f"{what}: {show_shape(filters.shape)} for {show_shape(x.shape)}")
    sizes, times = list(filters.shape[:rank]), filters.shape[-1]
    if data_format is not None and data_format.upper().startswith("NC"):
        strides = inner(strides, rank)
    steps, holes = along(strides, rank, what), along(dilations, rank, what)
    slices = Window(x, sizes, steps, holes, padding, 0, what).slices()
    weights = movement.reshape(filters, shape=(len(slices), x.shape[-1], times))
    total: Any = None
    for place, part in enumerate(slices):
        term = movement.expand_dims(part, axis=(-1,)) * weights[place]
        total = term if total is None else total + term
    out = movement.reshape(total, shape=(*total.shape[:-2], x.shape[-1] * times))
    return movement.moveaxis(out, -1, 1) if turned else out


@composite(Sample("f[1,4,4,2]", "f[2,2,2,2]", 1, "SAME"))
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any = 1, padding: Any = "VALID", data_format: Any = "NHWC",
    dilations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """``conv2d`` of each channel for itself: filters ``[KH, KW, C, M]`` give ``C * M`` channels.

    >>> import twofold as tf
    >>> tf.nn.depthwise_conv2d(tf.ones((1, 3, 3, 2)), tf.ones((2, 2, 2, 2))).shape
    (1, 2, 2, 4)
    """
    return depthwise(input, filter, strides, padding, data_format, dilations, 2)


def spaced(x: Any, axis: int, step: int) -> Any:
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


def pooled(
    fold: Callable[[Window], Any], x: Any, ksize: Any, strides: Any, padding: Any,
    data_format: Any, fill: float, what: str, rank: int | None = None, dilations: Any = None,
) -> Any:  # fmt: skip
    x = as_tensor(x)
    count = len(x.shape) - 2
    if count < 1 or (rank is not None and rank != count):
        raise ShapeError(f"{what}: the shape {show_shape(x.shape)} has not {(rank or 1) + 2} axes")
    if data_format is not None and data_format.upper().startswith("NC"):
        ksize, strides, dilations = (inner(v, count) for v in (ksize, strides, dilations))
    x, turned = channels_last(x, data_format, what)
    if fill and not info(x.dtype).floating:
        fill = info(x.dtype).ints[0]
    sizes = along(ksize, count, what)
    steps = sizes if strides is None else along(strides, count, what)
    holes = along(dilations, count, what)
    out = fold(Window(x, sizes, steps, holes, padding, fill, what))
    return movement.moveaxis(out, -1, 1) if turned else out


def inner(value: Any, rank: int) -> Any:
    """Of one number for each axis of ``NC...``, those of the axes of a window."""
    full = hasattr(value, "__iter__") and len(value) == rank + 2
    return (1, *value[2:], 1) if full else value


def _largest(window: Window) -> Any:
    """The largest elements; windows that are apart have them as axes for the gradient."""
    apart = window.apart() and any(k > 1 for k in window.window)
    if apart and math.prod(window.window) > FEW:
        blocks, inside = window.blocks()
        return first_largest(blocks, OPS["max"](blocks, axis=inside), axis=inside)
    first, *others = window.slices()
    for other in others:
        first = maximum(first, other)
    if apart:
        blocks, inside = window.blocks()
        return first_largest(blocks, first, axis=inside)
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


_LINE = [Sample("f[1,6,2]", 2, 2, "VALID"), Sample("f[2,5,2]", 3, 2, "SAME")]
_PLANE = [Sample("f[1,4,5,2]", 2, 2, "VALID"), Sample("f[1,5,5,1]", 3, 2, "SAME"),
          Sample("f[1,2,4,4]", 2, 1, "SAME", "NCHW")]  # fmt: skip
_SPACE = [Sample("f[1,3,4,2,1]", 2, 1, "SAME")]
FOLDS = {"max_pool": (_largest, -math.inf), "avg_pool": (_mean, 0.0)}
_SUMMARY = {
    "max_pool": """The largest element of each window{0}.

    ``strides`` are those of the windows if not given. What is padded never counts. At a tie the
    gradient goes to the first element. Raises ShapeError.
    """,
    "avg_pool": """The mean of each window{0}; what is padded does not count.

    ``strides`` are those of the windows if not given. Raises ShapeError.
    """,
}


def _pool(name: str, rank: int | None, data_format: str | None, samples: list[Sample]) -> Any:
    """One pool: of any rank, or of one, with TensorFlow's default layout."""
    fold, fill = FOLDS[name[:8]]

    def pool(
        input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID",
        data_format: Any = data_format, name: Any = None,
    ) -> Any:  # fmt: skip
        return pooled(fold, input, ksize, strides, padding, data_format, fill, called, rank)

    called = pool.__name__ = pool.__qualname__ = name
    over = ", over all axes but batch and channels" if rank is None else f", {rank} axes long"
    shown = "[3. 2.]" if fold is _largest else "[2. 1.]"
    example = f"""
    >>> import twofold as tf
    >>> print(tf.nn.{name}([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel())
    {shown}
    """
    pool.__doc__ = _SUMMARY[name[:8]].format(over) + (example if rank in (None, 1) else "")
    return composite(*samples)(pool)


_POOLS: list[tuple[str, Any, Any, list[Sample]]] = [
    ("", None, None, _LINE + _PLANE), ("1d", 1, "NWC", _LINE), ("2d", 2, "NHWC", _PLANE),
    ("3d", 3, "NDHWC", _SPACE),
]  # fmt: skip
max_pool, *_ = [_pool(f"max_pool{end}", *rest) for end, *rest in _POOLS]
avg_pool, *_ = [_pool(f"avg_pool{end}", *rest) for end, *rest in _POOLS]


def _adaptive(x: Any, output_size: Any, data_format: Any, fold: Any, what: str) -> Any:
    x, turned = channels_last(as_tensor(x), data_format, what)
    count = len(x.shape) - 2
    for axis, many in enumerate(along(output_size, count, what), 1):
        size = x.shape[axis]
        parts = [
            fold(slice_axis(x, axis, i * size // many, ((i + 1) * size + many - 1) // many),
                 axis=axis, keepdims=True)
            for i in range(many)
        ]  # fmt: skip
        x = concat(parts, axis=axis)
    return movement.moveaxis(x, -1, 1) if turned else x


@composite(Sample("f[1,5,2]", 2), Sample("f[1,2,4,5]", (2, 3), "NCHW"))
def adaptive_max_pool(input: Any, output_size: Any, data_format: Any = None) -> Any:
    """The largest elements of windows whose number along each axis is ``output_size``.

    Windows may overlap by one, so that together they cover all; see ``max_pool`` for layouts.

    >>> import twofold as tf
    >>> tf.nn.adaptive_max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel()
    array([3., 2.], dtype=float32)
    """
    return _adaptive(input, output_size, data_format, OPS["max"], "adaptive_max_pool")


@composite(Sample("f[1,5,2]", 2), Sample("f[1,2,4,5]", (2, 3), "NCHW"))
def adaptive_avg_pool(input: Any, output_size: Any, data_format: Any = None) -> Any:
    """The means of windows whose number along each axis is ``output_size``, as for the largest.

    >>> import twofold as tf
    >>> tf.nn.adaptive_avg_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).numpy().ravel()
    array([2., 1.], dtype=float32)
    """
    return _adaptive(input, output_size, data_format, mean, "adaptive_avg_pool")
