"""Images ``[..., H, W, C]`` cut, turned, resized and compared, under TensorFlow's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from . import movement
from .casting import cast
from .colours import as_float
from .contract import matmul
from .convolution import Window, along, avg_pool, depthwise
from .elementwise import square, where
from .gather import gather
from .operand import as_sizes, as_tensor, product, ranked, size_attr
from .padding import pad, pad_constant
from .reduce import sum
from .slicing import slice_axis
from .statistics import mean

__all__ = [
    "central_crop", "crop_and_resize", "crop_to_bounding_box", "extract_patches",
    "flip_left_right", "flip_up_down", "image_gradients", "image_transpose",
    "pad_to_bounding_box", "psnr", "resize", "resize_with_crop_or_pad", "resize_with_pad", "rot90",
    "sobel_edges", "ssim", "ssim_multiscale", "total_variation",
]  # fmt: skip

FLOAT = np.dtype("float32")
IMAGES = np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 5, 3))


def _image(x: Any, what: str) -> Any:
    x = as_tensor(x)
    if len(x.shape) not in (3, 4):
        raise ShapeError(f"{what}: an image has three axes, a batch four, not {len(x.shape)}")
    return x


@composite(Sample(IMAGES))
def flip_left_right(image: Any) -> Any:
    """Columns from right to left.

    >>> import twofold as tf
    >>> tf.image.flip_left_right([[[1], [2]]]).numpy().ravel()
    array([2, 1], dtype=int32)
    """
    return movement.flip(_image(image, "flip_left_right"), axis=-2)


@composite(Sample(IMAGES))
def flip_up_down(image: Any) -> Any:
    """Rows from bottom to top."""
    return movement.flip(_image(image, "flip_up_down"), axis=-3)


@composite(Sample(IMAGES))
def image_transpose(image: Any, name: Any = None) -> Any:
    """Rows as columns: ``tf.image.transpose``."""
    return movement.swapaxes(_image(image, "transpose"), -3, -2)


@composite(Sample(IMAGES), Sample(IMAGES, 2), Sample(IMAGES, 3))
def rot90(image: Any, k: int = 1, name: Any = None) -> Any:
    """``k`` quarter turns to the left.

    >>> import twofold as tf
    >>> tf.image.rot90([[[1], [2]]]).numpy().ravel()
    array([2, 1], dtype=int32)
    """
    x = _image(image, "rot90")
    k = int(k) % 4
    if k == 2:
        return movement.flip(x, axis=(-3, -2))
    if k:
        x = movement.swapaxes(x, -3, -2)
        return movement.flip(x, axis=-3 if k == 1 else -2)
    return OPS["identity"](x)


# ---- Cuts and borders


@composite(Sample(IMAGES, 1, 2, 2, 3))
def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """The part of ``target`` size that begins at ``offset``. Raises ArgumentError if it is none."""
    x = _image(image, "crop_to_bounding_box")
    top, left, high, wide = (
        as_sizes(n) for n in (offset_height, offset_width, target_height, target_width)
    )
    if top < 0 or left < 0 or top + high > x.shape[-3] or left + wide > x.shape[-2]:
        raise ArgumentError(
            f"crop_to_bounding_box: {high} by {wide} at ({top}, {left}) is no part of "
            f"{show_shape(x.shape)}"
        )
    rank = len(x.shape)
    return slice_axis(slice_axis(x, rank - 3, top, top + high), rank - 2, left, left + wide)


@composite(Sample(IMAGES, 1, 2, 6, 8))
def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """An image of ``target`` size with ``image`` at ``offset``, zeros around it."""
    x = _image(image, "pad_to_bounding_box")
    top, left, high, wide = (
        as_sizes(n) for n in (offset_height, offset_width, target_height, target_width)
    )
    below, right = high - top - x.shape[-3], wide - left - x.shape[-2]
    if top < 0 or left < 0 or below < 0 or right < 0:
        raise ArgumentError(
            f"pad_to_bounding_box: {show_shape(x.shape)} at ({top}, {left}) does not fit into "
            f"{high} by {wide}"
        )
    pads = ((top, below), (left, right), (0, 0))
    return pad_constant(x, pads=((0, 0), *pads) if len(x.shape) == 4 else pads, value=0)


@composite(Sample(IMAGES, 6, 3), Sample(IMAGES, 3, 8))
def resize_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Any:
    """An image of ``target`` size around the same middle: cut where it is larger, zeros else."""
    x = _image(image, "resize_with_crop_or_pad")
    high, wide = as_sizes(target_height), as_sizes(target_width)
    rows, columns = x.shape[-3:-1]
    kept = [min(a, b) for a, b in ((rows, high), (columns, wide))]
    starts = [max(a - b, 0) // 2 for a, b in ((rows, high), (columns, wide))]
    x = crop_to_bounding_box(x, *starts, *kept)
    offsets = [max(b - a, 0) // 2 for a, b in ((rows, high), (columns, wide))]
    return pad_to_bounding_box(x, *offsets, high, wide)


@composite(Sample(IMAGES, 0.5))
def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle part of an image, of that part of its height and width. Raises ArgumentError."""
    x = _image(image, "central_crop")
    if not 0 < central_fraction <= 1:
        raise ArgumentError(f"central_crop: {central_fraction} is not above 0 and at most 1")
    sizes = [int(n) for n in x.shape[-3:-1]]
    starts = [int((n - n * central_fraction) / 2) for n in sizes]
    kept = [n - 2 * s for n, s in zip(sizes, starts, strict=True)]
    return crop_to_bounding_box(x, *starts, *kept)


# ---- Resizing: a weighted sum of rows, then of columns


def _cubic(a: float) -> Any:
    def weigh(x: Any) -> Any:
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    return weigh


def _mitchell(x: Any) -> Any:
    near = (7 * x - 12) * x * x / 6 + 16 / 18
    far = (((-7 / 18) * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: float) -> Any:
    def weigh(x: Any) -> Any:
        inside = np.sinc(x) * np.sinc(x / radius)
        return np.where(x > radius, 0, np.where(x <= 1e-3, 1, inside))

    return weigh


def _gaussian(x: Any) -> Any:
    return np.where(x >= 1.5, 0, np.exp(-(x**2) / (2 * 0.5**2)))


# method -> radius of the kernel, and its weight at a distance
_KERNELS: dict[str, tuple[float, Any]] = {
    "bilinear": (1.0, lambda x: np.maximum(0, 1 - x)),
    "lanczos3": (3.0, _lanczos(3.0)), "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian), "mitchellcubic": (2.0, _mitchell),
    "bicubic": (2.0, _cubic(-0.5)),
}  # fmt: skip
_METHODS = (*_KERNELS, "nearest", "area")


def _weights(size: int, target: int, method: str, antialias: bool) -> Any:
    """The matrix ``[target, size]`` of one axis."""
    scale = size / target
    spots = (np.arange(target) + 0.5) * scale
    if method == "nearest":
        return np.eye(size)[np.minimum(np.floor(spots), size - 1).astype(int)]
    if method == "area":
        low, high = np.arange(target)[:, None] * scale, (np.arange(target)[:, None] + 1) * scale
        cells = np.arange(size)
        parts = np.minimum(cells + 1, high) - np.maximum(cells, low)
        return np.maximum(parts, 0) / scale
    radius, weigh = _KERNELS[method]
    wide = max(scale, 1.0) if antialias else 1.0
    distance = np.abs(np.arange(size) + 0.5 - spots[:, None]) / wide
    made = np.where(distance <= radius, weigh(distance), 0)
    total = made.sum(1, keepdims=True)
    return np.divide(made, total, out=np.zeros_like(made), where=np.abs(total) > 1e-9)


def _weights_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    size, target = (size_attr(attrs[n], "resize") for n in ("size", "target"))
    dtype = as_dtype(attrs["dtype"], "resize")
    full = dict(attrs, size=size, target=target, dtype=dtype, antialias=bool(attrs["antialias"]))
    return full, (TensorType(dtype, (size, target)),)


@op("create", _weights_rule, public=False,
    samples=[Sample(size=3, target=5, method="bicubic"),
             Sample(size=5, target=2, method="bilinear", antialias=True)])  # fmt: skip
def resize_weights(
    *, size: Any, target: Any, method: str, antialias: bool = False, dtype: Any = FLOAT
) -> Any:
    """The matrix ``[size, target]`` that resizes one axis, computed in double precision."""
    made = _weights(size, target, method, antialias).astype(info(dtype).computes_in)
    return np.ascontiguousarray(made.T).astype(dtype)


@composite(*[Sample(IMAGES, (3, 7), m) for m in _METHODS],
           Sample(IMAGES, (2, 2), "bilinear", antialias=True))  # fmt: skip
def resize(
    images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False,
    antialias: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """Images of another height and width, in float32 unless they are floating.

    ``method``: ``bilinear``, ``nearest`` (which keeps the dtype), ``bicubic``, ``area``,
    ``lanczos3``, ``lanczos5``, ``gaussian`` or ``mitchellcubic``. ``antialias`` widens the kernel
    where an image shrinks. Points are the middles of pixels. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.image.resize([[[0.0], [1.0]]], (1, 4)).numpy().ravel()
    array([0.  , 0.25, 0.75, 1.  ], dtype=float32)
    """
    x = _image(images, "resize")
    method = getattr(method, "value", method)
    if method not in _METHODS:
        raise ArgumentError(f"resize: method {method!r} is not one of {', '.join(_METHODS)}")
    target, sizes = list(as_sizes(size)), list(x.shape[-3:-1])
    if len(target) != 2 or any(t < 1 for t in target):
        raise ArgumentError(f"resize: size is a height and a width, not {target}")
    if preserve_aspect_ratio:
        target, sizes = [int(t) for t in target], [int(n) for n in sizes]
        scale = min(t / n for t, n in zip(target, sizes, strict=True))
        target = [max(round(n * scale), 1) for n in sizes]
    own = x.dtype
    x = x if info(own).floating else cast(x, dtype=np.dtype("float32"))
    for axis, (n, t) in enumerate(zip(sizes, target, strict=True), -3):
        if isinstance(n, int) and n == t and method in ("bilinear", "nearest", "area"):
            continue
        matrix = resize_weights(
            size=n, target=t, method=method, antialias=antialias, dtype=x.dtype
        )  # fmt: skip
        x = movement.moveaxis(matmul(movement.moveaxis(x, axis, -1), matrix), -1, axis)
    return cast(x, dtype=own) if method == "nearest" else OPS["identity"](x)


@composite(Sample(IMAGES, 8, 5))
def resize_with_pad(
    image: Any, target_height: Any, target_width: Any, method: Any = "bilinear",
    antialias: bool = False,
) -> Any:  # fmt: skip
    """``resize`` to fit into the target with the same proportions, zeros around it.

    >>> import twofold as tf
    >>> tf.image.resize_with_pad(tf.ones((8, 9, 1)), 12, 7).numpy()[5, :, 0]
    array([1., 1., 1., 1., 1., 1., 1.], dtype=float32)
    """
    x = _image(image, "resize_with_pad")
    goal = [int(target_height), int(target_width)]
    sizes = [int(n) for n in x.shape[-3:-1]]
    ratio = max(Fraction(n, t) for n, t in zip(sizes, goal, strict=True))  # 9 to 7 is 9 / (9 / 7)
    inside = [int(n / ratio) for n in sizes]
    offsets = [int((t - n / ratio) / 2) for t, n in zip(goal, sizes, strict=True)]
    small = resize(x, inside, method, antialias=antialias)
    return pad_to_bounding_box(small, *offsets, *goal)


_BOXES = np.array([[0.1, 0.2, 0.8, 1.2], [0.0, 0.0, 1.0, 1.0]])


@composite(Sample(IMAGES, _BOXES, np.array([0, 1]), (3, 3)),
           Sample(IMAGES, _BOXES, np.array([1, 1]), (1, 2), "nearest"))  # fmt: skip
def crop_and_resize(
    image: Any, boxes: Any, box_indices: Any, crop_size: Any, method: str = "bilinear",
    extrapolation_value: Any = 0.0, name: Any = None,
) -> Any:  # fmt: skip
    """Boxes ``[y1, x1, y2, x2]``, in parts of the images they name, resized to ``crop_size``.

    The corners of a box are corners of its crop; outside the image is ``extrapolation_value``.
    Raises ArgumentError for a method that is not ``bilinear`` or ``nearest``.
    """
    if method not in ("bilinear", "nearest"):
        raise ArgumentError(f"crop_and_resize: there is no method {method!r}")
    x, boxes = ranked(image, 4, "crop_and_resize", 4), ranked(boxes, 2, "crop_and_resize", 2)
    x = x if info(x.dtype).floating else cast(x, dtype=np.dtype("float32"))
    picked = gather(x, box_indices, axis=0)
    rows = _spots(boxes[:, 0], boxes[:, 2], x.shape[1], int(as_sizes(crop_size)[0]))
    columns = _spots(boxes[:, 1], boxes[:, 3], x.shape[2], int(as_sizes(crop_size)[1]))
    out, inside_y = _sampled(picked, rows, 1, method)
    out, inside_x = _sampled(out, columns, 2, method)
    there = OPS["logical_and"](
        movement.expand_dims(inside_y, axis=(2, 3)), movement.expand_dims(inside_x, axis=(1, 3))
    )
    return where(there, out, extrapolation_value)


def _spots(first: Any, last: Any, size: Any, count: int) -> Any:
    """Where in an axis the points of each crop lie: ``[boxes, count]``."""
    first, last = (movement.expand_dims(e, axis=(1,)) for e in (first, last))
    if count == 1:
        return 0.5 * (first + last) * (size - 1)
    step = (last - first) * (size - 1) / (count - 1)
    return first * (size - 1) + step * np.arange(count, dtype=first.dtype)


def _sampled(x: Any, spots: Any, axis: int, method: str) -> tuple[Any, Any]:
    size = x.shape[axis]
    inside = OPS["logical_and"](spots >= 0, spots <= size - 1)
    held = OPS["minimum"](OPS["maximum"](spots, 0), size - 1)
    shape = [1] * len(x.shape)
    shape[0], shape[axis] = spots.shape
    take: Callable[..., Any] = lambda at: _rows(x, cast(at, dtype=np.dtype("int64")), axis)  # noqa: E731
    if method == "nearest":
        return take(OPS["round"](held)), inside
    low = OPS["floor"](held)
    part = movement.reshape(cast(held - low, dtype=x.dtype), shape=tuple(shape))
    below, above = take(low), take(OPS["ceil"](held))
    return below + (above - below) * part, inside


def _rows(x: Any, at: Any, axis: int) -> Any:
    """Of box ``i`` the slices ``at[i]`` along an axis."""
    front = movement.moveaxis(x, axis, 1)
    return movement.moveaxis(gather(front, at, axis=1, batch_dims=1), 1, axis)


@composite(Sample(IMAGES, (1, 2, 3, 1), (1, 2, 2, 1), (1, 1, 1, 1), "SAME"))
def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: Any, name: Any = None
) -> Any:
    """The windows of an image as channels: ``[N, rows, columns, h * w * C]``."""
    what = "extract_patches"
    x = ranked(images, 4, what, 4)
    window, steps, holes = (along(v, 2, what) for v in (sizes, strides, rates))
    view = Window(x, window, steps, holes, padding, 0, what)
    return OPS["identity"](view.laid(view.x))


# ---- Differences and quality


@composite(Sample(IMAGES))
def image_gradients(image: Any) -> tuple[Any, Any]:
    """Differences to the row below and to the column on the right; zeros at the end."""
    x = as_tensor(image)
    if len(x.shape) != 4:
        raise ShapeError(f"image_gradients: a batch has four axes, not {len(x.shape)}")
    down = slice_axis(x, 1, 1, x.shape[1]) - slice_axis(x, 1, 0, x.shape[1] - 1)
    right = slice_axis(x, 2, 1, x.shape[2]) - slice_axis(x, 2, 0, x.shape[2] - 1)
    return (
        pad_constant(down, pads=((0, 0), (0, 1), (0, 0), (0, 0)), value=0),
        pad_constant(right, pads=((0, 0), (0, 0), (0, 1), (0, 0)), value=0),
    )


@composite(Sample(IMAGES))
def sobel_edges(image: Any) -> Any:
    """Sobel's differences along height and width, as a last axis of two."""
    x = ranked(image, 4, "sobel_edges", 4)
    smooth = np.array([1.0, 2.0, 1.0])
    slope = np.array([-1.0, 0.0, 1.0])
    kernels = np.stack([np.outer(slope, smooth), np.outer(smooth, slope)], -1)[:, :, None]
    count = int(x.shape[-1])
    weights = OPS["constant"](value=np.tile(kernels, (1, 1, count, 1)).astype(x.dtype))
    wide = pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    out = depthwise(wide, weights, 1, "VALID", None, None, 2)
    return movement.reshape(out, shape=(*x.shape, 2))


@composite(Sample(IMAGES))
def total_variation(images: Any, name: Any = None) -> Any:
    """The sum of the moduli of differences between neighbours, of each image."""
    x = _image(images, "total_variation")
    rank = len(x.shape)
    total = None
    for axis in (rank - 3, rank - 2):
        size = x.shape[axis]
        step = OPS["abs"](slice_axis(x, axis, 1, size) - slice_axis(x, axis, 0, size - 1))
        part = sum(step, axis=(-3, -2, -1))
        total = part if total is None else total + part
    return total


@composite(Sample(IMAGES, IMAGES[::-1].copy(), 1.0))
def psnr(a: Any, b: Any, max_val: Any, name: Any = None) -> Any:
    """Peak signal-to-noise ratio in decibels, of each image; ``max_val``: the largest value.

    >>> import twofold as tf
    >>> round(tf.image.psnr([[[0.0]]], [[[0.1]]], 1.0).item(), 3)
    20.0
    """
    (x, own), (y, _) = as_float(a), as_float(b)
    scale = 1.0 if info(own).floating else 1 / info(own).ints[1]
    error = mean(square(x - y), axis=(-3, -2, -1))
    peak = max_val * scale
    level = math.log10(peak) if isinstance(peak, int | float) else OPS["log10"](peak)
    return 20 * level - 10 * OPS["log10"](error)


_PAIR = np.tile(IMAGES, (1, 4, 3, 1)), np.tile(IMAGES[::-1], (1, 4, 3, 1))


@composite(Sample(*_PAIR, 1.0))
def ssim(
    img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5,
    k1: float = 0.01, k2: float = 0.03, return_index_map: bool = False,
) -> Any:  # fmt: skip
    """Structural similarity of two images, at most 1, under a Gaussian window.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity" (2004). ``return_index_map``: for each window. Raises ShapeError.
    """
    x, y, peak = _compared(img1, img2, max_val, "ssim")
    light, structure = _similarity(x, y, peak, filter_size, filter_sigma, (k1, k2), "ssim")
    found = mean(light * structure, axis=-1)
    return found if return_index_map else mean(found, axis=(-2, -1))


@composite(Sample(*_PAIR, 1.0, (0.5, 0.5), 3))
def ssim_multiscale(
    img1: Any, img2: Any, max_val: Any,
    power_factors: Any = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), filter_size: int = 11,
    filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
) -> Any:  # fmt: skip
    """``ssim`` at several scales, each half the one before, to the powers of their weights.

    Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality Assessment"
    (2003). Raises ShapeError where the smallest scale is smaller than the window.
    """
    what = "ssim_multiscale"
    x, y, peak = _compared(img1, img2, max_val, what)
    parts = []
    for scale in range(len(power_factors)):
        if scale:
            x, y = _halved(x), _halved(y)
        light, found = _similarity(x, y, peak, filter_size, filter_sigma, (k1, k2), what)
        last = scale == len(power_factors) - 1
        parts.append(OPS["relu"](mean(light * found if last else found, axis=(-3, -2))))
    powers = OPS["constant"](value=np.asarray(power_factors, x.dtype))
    return mean(OPS["prod"](OPS["stack"](parts, axis=-1) ** powers, axis=-1), axis=-1)


def _halved(x: Any) -> Any:
    """Means of squares of 2 x 2; what lacks to an even size is the last line once more."""
    lead, inner = tuple(x.shape[:-3]), tuple(x.shape[-3:])
    flat = movement.reshape(x, shape=(product(lead), *inner))
    odd = [int(n) % 2 for n in inner[:2]]
    flat = pad(flat, ((0, 0), (0, odd[0]), (0, odd[1]), (0, 0)), "symmetric")
    small = avg_pool(flat, 2, 2, "VALID")
    return movement.reshape(small, shape=(*lead, *small.shape[1:]))


def _compared(img1: Any, img2: Any, max_val: Any, what: str) -> tuple[Any, Any, Any]:
    """Two images as floats, and the largest value that they may have."""
    (x, own), (y, _) = as_float(ranked(img1, 3, what)), as_float(ranked(img2, 3, what))
    return x, y, max_val * (1.0 if info(own).floating else 1 / info(own).ints[1])


def _similarity(
    x: Any, y: Any, peak: Any, size: int, sigma: float, constants: tuple[float, float], what: str
) -> tuple[Any, Any]:
    """How alike two images are in each window and channel: their light, their structure."""
    if min(int(n) for n in x.shape[-3:-1]) < size:
        raise ShapeError(f"{what}: a window of {size} does not fit {show_shape(x.shape)}")
    c1, c2 = ((k * peak) ** 2 for k in constants)
    spots = np.arange(size) - (size - 1) / 2
    line = np.exp(-(spots**2) / (2 * sigma**2))
    window = np.outer(line, line) / line.sum() ** 2
    weights = np.tile(window[:, :, None, None], (1, 1, int(x.shape[-1]), 1)).astype(x.dtype)
    lead, inner = tuple(x.shape[:-3]), tuple(x.shape[-3:])

    def blur(z: Any) -> Any:
        flat = movement.reshape(z, shape=(product(lead), *inner))
        found = depthwise(flat, weights, 1, "VALID", None, None, 2)
        return movement.reshape(found, shape=(*lead, *found.shape[1:]))

    mx, my = blur(x), blur(y)
    both, squares = 2 * mx * my, square(mx) + square(my)
    structure = (2 * blur(x * y) - both + c2) / (blur(square(x) + square(y)) - squares + c2)
    return (both + c1) / (squares + c1), structure
