"""Blocks of space moved into channels or the batch and back, and the windows of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..op import Sample, composite
from ..shapes import divides, show_shape
from . import movement
from .elementwise import relu
from .joining import concat
from .operand import as_sizes, as_tensor, product, ranked
from .padding import pad_constant
from .slicing import slice_axis

__all__ = [
    "batch_to_space", "batch_to_space_nd", "crelu", "depth_to_space", "space_to_batch",
    "space_to_batch_nd", "space_to_depth",
]  # fmt: skip


def _last(x: Any, data_format: str, what: str) -> tuple[Any, bool]:
    x = as_tensor(x)
    if len(x.shape) != 4:
        raise ShapeError(f"{what}: four axes are needed, the shape is {show_shape(x.shape)}")
    if data_format not in ("NHWC", "NCHW"):
        raise ArgumentError(f"{what}: data_format must be 'NHWC' or 'NCHW', not {data_format!r}")
    first = data_format == "NCHW"
    return (movement.moveaxis(x, 1, -1) if first else x), first


def _back(x: Any, first: bool) -> Any:
    return movement.moveaxis(x, -1, 1) if first else x


@composite(Sample("f[1,4,2,3]", 2), Sample("f[1,2,2,4]", 2, "NCHW"))
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: Any = None) -> Any:
    """Blocks of ``block_size`` by ``block_size`` points as channels: ``[N, H, W, C]`` becomes
    ``[N, H/b, W/b, b*b*C]``. Raises ShapeError where a side has no such blocks.

    >>> import twofold as tf
    >>> tf.nn.space_to_depth(tf.ones((1, 4, 4, 1)), 2).shape
    (1, 2, 2, 4)
    """
    x, first = _last(input, data_format, "space_to_depth")
    n, h, w, c = x.shape
    b = int(block_size)
    if b < 1 or not (divides(b, h) and divides(b, w)):
        raise ShapeError(f"space_to_depth: {show_shape((h, w))} has no blocks of side {b}")
    x = movement.reshape(x, shape=(n, h // b, b, w // b, b, c))
    x = movement.transpose(x, perm=(0, 1, 3, 2, 4, 5))
    return _back(movement.reshape(x, shape=(n, h // b, w // b, b * b * c)), first)


@composite(Sample("f[1,2,2,8]", 2), Sample("f[1,4,2,3]", 2, "NCHW"))
def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: Any = None) -> Any:
    """Channels as blocks of points, the inverse of ``space_to_depth``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.depth_to_space(tf.ones((1, 2, 2, 4)), 2).shape
    (1, 4, 4, 1)
    """
    x, first = _last(input, data_format, "depth_to_space")
    n, h, w, c = x.shape
    b = int(block_size)
    if b < 1 or not divides(b * b, c):
        raise ShapeError(f"depth_to_space: {c} channels are no blocks of side {b}")
    x = movement.reshape(x, shape=(n, h, w, b, b, c // (b * b)))
    x = movement.transpose(x, perm=(0, 1, 3, 2, 4, 5))
    return _back(movement.reshape(x, shape=(n, h * b, w * b, c // (b * b))), first)


def _numbers(value: Any) -> Any:
    return np.asarray(as_sizes(value)).tolist()


@composite(Sample("f[1,4,6,1]", (2, 3), ((0, 0), (0, 0))), Sample("f[2,3,2]", (2,), ((1, 0),)))
def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any, name: Any = None) -> Any:
    """Blocks of the axes after the first as batches, after zeros are added around them.

    ``[N, H, W, ...]`` becomes ``[b0 * b1 * N, H/b0, W/b1, ...]``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.space_to_batch_nd(tf.ones((1, 4, 4, 1)), (2, 2), ((0, 0), (0, 0))).shape
    (4, 2, 2, 1)
    """
    x, blocks, pads = as_tensor(input), _numbers(block_shape), _numbers(paddings)
    count = len(blocks)
    rest = len(x.shape) - count - 1
    if rest < 0 or len(pads) != count:
        raise ShapeError(f"space_to_batch_nd: {blocks} and {pads} for {show_shape(x.shape)}")
    x = pad_constant(x, pads=((0, 0), *map(tuple, pads), *[(0, 0)] * rest), value=0)
    n, *sizes = x.shape
    if not all(divides(b, size) for size, b in zip(sizes, blocks, strict=False)):
        raise ShapeError(f"space_to_batch_nd: {show_shape(x.shape)} has no blocks {blocks}")
    split = [m for size, b in zip(sizes, blocks, strict=False) for m in (size // b, b)]
    tail = tuple(sizes[count:])
    x = movement.reshape(x, shape=(n, *split, *tail))
    inner = [2 * i + 2 for i in range(count)]
    outer = [2 * i + 1 for i in range(count)]
    after = list(range(2 * count + 1, 2 * count + 1 + rest))
    x = movement.transpose(x, perm=(*inner, 0, *outer, *after))
    whole = [size // b for size, b in zip(sizes, blocks, strict=False)]
    return movement.reshape(x, shape=(n * product(blocks), *whole, *tail))


@composite(Sample("f[6,2,2,1]", (2, 3), ((0, 0), (1, 0))))
def batch_to_space(input: Any, block_shape: Any, crops: Any, name: Any = None) -> Any:
    """The inverse of ``space_to_batch_nd``: batches as blocks, of which ``crops`` are cut off.

    >>> import twofold as tf
    >>> tf.batch_to_space(tf.ones((4, 2, 2, 1)), (2, 2), ((0, 0), (0, 0))).shape
    (1, 4, 4, 1)
    """
    blocks, cuts = _numbers(block_shape), _numbers(crops)
    x = ranked(input, len(blocks) + 1, "batch_to_space")
    count = len(blocks)
    n, *sizes = x.shape
    each = product(blocks)
    if len(sizes) < count or not divides(each, n):
        raise ShapeError(f"batch_to_space: {show_shape(x.shape)} is not made of blocks {blocks}")
    tail = tuple(sizes[count:])
    x = movement.reshape(x, shape=(*blocks, n // each, *sizes))
    order = [count, *(a for i in range(count) for a in (count + 1 + i, i))]
    x = movement.transpose(x, perm=(*order, *range(2 * count + 1, len(x.shape))))
    whole = [size * b for size, b in zip(sizes, blocks, strict=False)]
    x = movement.reshape(x, shape=(n // each, *whole, *tail))
    for axis, (before, after) in enumerate(cuts, 1):
        x = slice_axis(x, axis, before, whole[axis - 1] - after)
    return x


@composite(Sample("f[1,4,4,1]", 2, ((0, 0), (0, 0))))
def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: Any = None) -> Any:
    """``space_to_batch_nd``; one number stands for a block of that side over two axes."""
    blocks = _numbers(block_shape)
    return space_to_batch_nd(input, [blocks] * 2 if isinstance(blocks, int) else blocks, paddings)


@composite(Sample("f[4,2,2,1]", (2, 2), ((0, 0), (0, 0))))
def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: Any = None) -> Any:
    """``batch_to_space`` under the name of its inverse."""
    return batch_to_space(input, block_shape, crops)


@composite(Sample("f[2,3]"), Sample("f[2,3]", 0))
def crelu(features: Any, axis: int = -1, name: Any = None) -> Any:
    """``relu(x)`` and ``relu(-x)`` side by side along an axis.

    Shang, Sohn, Almeida and Lee, "Understanding and Improving Convolutional Neural Networks via
    Concatenated Rectified Linear Units" (2016).

    >>> import twofold as tf
    >>> tf.nn.crelu([-1.0, 2.0]).numpy()
    array([0., 2., 1., 0.], dtype=float32)
    """
    x = as_tensor(features)
    return concat(relu(x), relu(-x), axis=axis)
