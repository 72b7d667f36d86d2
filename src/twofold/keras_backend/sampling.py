"""``keras.ops.image``: resizing, and pixels taken at coordinates."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras.src import backend
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .arrays import pad
from .core import convert_to_tensor
from .kinds import counted

__all__ = [
    "AFFINE_TRANSFORM_FILL_MODES", "AFFINE_TRANSFORM_INTERPOLATIONS", "RESIZE_INTERPOLATIONS",
    "SCALE_AND_TRANSLATE_METHODS", "check_rank", "map_coordinates", "one_of", "resize",
    "scale_and_translate",
]  # fmt: skip

RESIZE_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
AFFINE_TRANSFORM_INTERPOLATIONS = {"nearest": 0, "bilinear": 1}
AFFINE_TRANSFORM_FILL_MODES = {"constant", "nearest", "wrap", "mirror", "reflect"}
SCALE_AND_TRANSLATE_METHODS = {
    "linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5",
}  # fmt: skip

Array = np.ndarray[Any, Any]


def one_of(name: str, value: Any, allowed: Any) -> None:
    """Raises ValueError for an argument with another value."""
    if value not in allowed:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected of one {set(allowed)}. "
            f"Received: {name}={value}"
        )


def check_rank(images: Any) -> None:
    """Raises ValueError for what is neither an image nor a batch of some."""
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={images.shape}"
        )


def _triangle(x: Array) -> Array:
    hat: Array = np.maximum(0, 1 - np.abs(x))
    return hat


def _cubic(x: Array) -> Array:
    """Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981."""
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x >= 2.0, 0.0, np.where(x >= 1.0, far, near))


def _lanczos(radius: float, x: Array) -> Array:
    """Source: Duchon, "Lanczos Filtering in One and Two Dimensions", 1979."""
    top = radius * np.sin(np.pi * x) * np.sin(np.pi * x / radius)
    inner = np.where(x > 1e-3, top / np.where(x != 0, np.pi**2 * x**2, 1), 1)
    cut: Array = np.where(x > radius, 0.0, inner)
    return cut


_KERNELS: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": functools.partial(_lanczos, 3.0),
    "lanczos5": functools.partial(_lanczos, 5.0),
}


def _weights(
    size: int, wanted: int, scale: float, move: float, method: str, antialias: bool
) -> Array:
    """The share of each of ``size`` elements in each of ``wanted``."""
    inverse = 1.0 / scale
    at = (np.arange(wanted) + 0.5) * inverse - move * inverse - 0.5
    width = max(inverse, 1.0) if antialias else 1.0
    shares = _KERNELS[method](np.abs(at[None] - np.arange(size)[:, None]) / width)
    total = shares.sum(0, keepdims=True)
    enough = np.abs(total) > 1000.0 * np.finfo(np.float32).eps
    shares = np.where(enough, shares / np.where(total != 0, total, 1), 0)
    return np.where((at >= -0.5) & (at <= size - 0.5), shares, 0)


def _scaled(
    images: Any, shape: Sequence[Any], axes: Sequence[int], scale: Sequence[float],
    move: Sequence[float], method: str, antialias: bool,
) -> Any:  # fmt: skip
    own = standardize_dtype(images.dtype)
    rounds = images.dtype.kind in "iu"
    out = tf.cast(images, "float32") if rounds else images
    for axis, factor, distance in zip(axes, scale, move, strict=True):
        axis %= len(images.shape)
        size, wanted = int(images.shape[axis]), int(shape[axis])
        shares = _weights(size, wanted, float(factor), float(distance), method, antialias)
        shares = convert_to_tensor(shares.astype(np.float32), standardize_dtype(out.dtype))
        out = tf.moveaxis(tf.matmul(tf.moveaxis(out, axis, -1), shares), -1, axis)
    if rounds:
        out = tf.clip(tf.round(out), tf.cast(tf.min(images), "float32"),
                      tf.cast(tf.max(images), "float32"))  # fmt: skip
    return tf.cast(out, own)


def scale_and_translate(
    images: Any, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, method: str,
    antialias: bool = True,
) -> Any:  # fmt: skip
    """An image scaled and moved along some axes."""
    one_of("method", method, SCALE_AND_TRANSLATE_METHODS)
    factors, moves = (np.asarray(convert_to_tensor(v)).tolist() for v in (scale, translation))
    images = convert_to_tensor(images)
    return _scaled(images, output_shape, spatial_dims, factors, moves, method, antialias)


def resize(
    images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False,
    crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant", fill_value: float = 0.0, data_format: str | None = None,
) -> Any:  # fmt: skip
    """An image, or a batch of some, in another size."""
    data_format = backend.standardize_data_format(data_format)
    one_of("interpolation", interpolation, RESIZE_INTERPOLATIONS)
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    if len(size) != 2:
        raise ValueError(
            "Argument `size` must be a tuple of two elements (height, width). "
            f"Received: size={size}"
        )
    images = convert_to_tensor(images)
    check_rank(images)
    down = len(images.shape) - (3 if data_format == "channels_last" else 2)
    wanted = int(size[0]), int(size[1])
    if crop_to_aspect_ratio:
        images = _cropped(images, down, wanted)
    elif pad_to_aspect_ratio:
        images = _widened(images, down, wanted, fill_value)
    shape = [*images.shape[:down], *wanted, *images.shape[down + 2 :]]
    changed = [a for a in (down, down + 1) if images.shape[a] != shape[a]]
    if interpolation == "nearest":
        for axis in changed:
            old, new = int(images.shape[axis]), int(shape[axis])
            places = np.floor((np.arange(new, dtype=np.float32) + 0.5) * old / new)
            images = tf.take(images, places.astype(np.int32), axis=axis)
        return images
    scale = [int(shape[a]) / int(images.shape[a]) for a in changed]
    return _scaled(images, shape, changed, scale, [0.0] * len(changed), interpolation, antialias)


def _cropped(images: Any, down: int, wanted: tuple[int, int]) -> Any:
    """The middle of the image in the shape of the result."""
    height, width = int(images.shape[down]), int(images.shape[down + 1])
    h = max(min(height, int(float(width * wanted[0]) / wanted[1])), 1)
    w = max(min(width, int(float(height * wanted[1]) / wanted[0])), 1)
    top, left = int(float(height - h) / 2), int(float(width - w) / 2)
    return images[(slice(None),) * down + (slice(top, top + h), slice(left, left + w))]


def _widened(images: Any, down: int, wanted: tuple[int, int], value: float) -> Any:
    """The image with borders, in the shape of the result."""
    height, width = int(images.shape[down]), int(images.shape[down + 1])
    h = max(height, int(float(width * wanted[0]) / wanted[1]))
    w = max(width, int(float(height * wanted[1]) / wanted[0]))
    top, left = int(float(h - height) / 2), int(float(w - width) / 2)
    widths = [(0, 0)] * len(images.shape)
    if top > 0:
        widths[down] = (top, top)
    elif left > 0:
        widths[down + 1] = (left, left)
    return pad(images, widths, constant_values=value)


def _mirrored(index: Any, size: int) -> Any:
    around = max(2 * (size - 1), 1)
    index = index % around
    return tf.minimum(index, around - index)


_INSIDE: dict[str, Callable[[Any, int], Any]] = {
    "nearest": lambda i, n: tf.clip(i, 0, n - 1),
    "constant": lambda i, n: tf.clip(i, 0, n - 1),
    "wrap": lambda i, n: i % n,
    "mirror": _mirrored,
    "reflect": lambda i, n: (_mirrored(2 * i + 1, 2 * n + 1) - 1) // 2,
}


def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: Any = 0.0
) -> Any:
    """Elements at coordinates: the nearest one (``order`` 0) or between neighbours (1)."""
    inputs = convert_to_tensor(inputs)
    places = [convert_to_tensor(c) for c in tf.unstack(convert_to_tensor(coordinates))]
    if len(places) != len(inputs.shape):
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs "
            f"with shape: {inputs.shape} and coordinate leading dim of {len(places)}"
        )
    if not places[0].shape:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. Received input with shape: "
            f"({len(places)},)"
        )
    one_of("fill_mode", fill_mode, _INSIDE)
    if order not in (0, 1):
        raise ValueError(f"Invalid value for argument `order`. Expected one of [0, 1]. "
                         f"Received: order={order}")  # fmt: skip
    compute = result_type(standardize_dtype(inputs.dtype), "float32")
    sides = [_sides(tf.cast(c, compute), order) for c in places]
    out: Any = None
    for choice in itertools.product(*sides):
        share, found = _corner(inputs, choice, fill_mode, fill_value, compute)
        term = found if share is None else found * share
        out = term if out is None else out + term
    if inputs.dtype.kind in "iu":
        out = tf.round(out)
    return tf.cast(out, standardize_dtype(inputs.dtype))


def _sides(place: Any, order: int) -> list[tuple[Any, Any]]:
    """The neighbours of a coordinate along one axis, with their shares."""
    if order == 0:
        return [(counted(tf.round(place)), None)]
    low = tf.floor(place)
    part = place - low
    return [(counted(low), 1 - part), (counted(low) + 1, part)]


def _corner(
    inputs: Any, choice: Sequence[tuple[Any, Any]], mode: str, value: Any, dtype: str
) -> tuple[Any, Any]:
    """The elements at one of the neighbours, and the product of its shares."""
    flat: Any = None
    inside: Any = None
    share: Any = None
    for (index, part), size in zip(choice, map(int, inputs.shape), strict=True):
        own = tf.logical_and(index >= 0, index < size)
        inside = own if inside is None else tf.logical_and(inside, own)
        at = _INSIDE[mode](index, size)
        flat = at if flat is None else flat * size + at
        if part is not None:
            share = part if share is None else share * part
    found = tf.cast(tf.take(tf.reshape(inputs, (-1,)), flat), dtype)
    if mode == "constant":
        found = tf.where(inside, found, tf.cast(value, dtype))
    return share, found
