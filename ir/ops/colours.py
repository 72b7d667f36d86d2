"""Colours and brightness of images ``[..., H, W, 3]``, under TensorFlow's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import as_dtype
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .casting import cast
from .contract import matmul
from .elementwise import maximum, minimum, where
from .formulas import clip
from .joining import stack
from .operand import as_tensor, product, ranked
from .statistics import mean, std

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "convert_image_dtype", "grayscale_to_rgb", "hsv_to_rgb", "per_image_standardization",
    "rgb_to_grayscale", "rgb_to_hsv", "rgb_to_yiq", "rgb_to_yuv", "yiq_to_rgb", "yuv_to_rgb",
]  # fmt: skip

FLOAT = np.dtype("float32")
IMAGE = np.random.default_rng(0).uniform(0.1, 0.9, (2, 2, 3))

# Recommendation ITU-R BT.601
_GRAY = (0.2989, 0.5870, 0.1140)
_TO_YIQ = np.array([[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617],
                    [0.114, -0.32134392, 0.31119955]])  # fmt: skip
_TO_YUV = np.array([[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512],
                    [0.114, 0.43601035, -0.10001026]])  # fmt: skip
_FROM_YIQ = np.array([[1, 1, 1], [0.95598634, -0.27201283, -1.10674021],
                      [0.6208248, -0.64720424, 1.70423049]])  # fmt: skip
_FROM_YUV = np.array([[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]])


def convert(x: Any, dtype: Any, saturate: bool) -> Any:
    """An image in another dtype: integers are parts of their largest number."""
    want, own = info(dtype), info(x.dtype)
    if want.dtype == own.dtype:
        return OPS["identity"](x)
    if own.floating and want.floating:
        return cast(x, dtype=dtype)
    if own.floating:
        scaled = x * (want.ints[1] + 0.5)
        low, high = want.ints
        return cast(clip(scaled, float(low), float(high)) if saturate else scaled, dtype=dtype)
    if want.floating:
        return cast(x, dtype=dtype) * (1 / own.ints[1])
    up, down = want.ints[1], own.ints[1]
    if down > up:
        return cast(OPS["floor_divide"](x, (down + 1) // (up + 1)), dtype=dtype)
    return cast(x, dtype=dtype) * ((up + 1) // (down + 1))


@composite(Sample(np.array([0, 128, 255], np.uint8), FLOAT),
           Sample(IMAGE, np.dtype("uint8"), True))  # fmt: skip
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: Any = None) -> Any:
    """An image in another dtype: floating ones go from 0 to 1, integers to their largest number.

    ``saturate``: what lies outside becomes the nearest number.

    >>> import twofold as tf
    >>> tf.image.convert_image_dtype([0.0, 1.0], "uint8").numpy()
    array([  0, 255], dtype=uint8)
    """
    return convert(as_tensor(image), as_dtype(dtype, "convert_image_dtype"), saturate)


def as_float(image: Any) -> tuple[Any, Any]:
    """The image in floating point, and its own dtype."""
    x = as_tensor(image)
    return (x if info(x.dtype).floating else convert(x, FLOAT, False)), x.dtype


def channels(x: Any, what: str) -> list[Any]:
    """Red, green and blue. Raises ShapeError."""
    if not x.shape or x.shape[-1] != 3:
        raise ShapeError(f"{what}: the last axis holds three channels, not {show_shape(x.shape)}")
    return [x[..., i] for i in range(3)]


@composite(Sample(IMAGE))
def rgb_to_grayscale(images: Any, name: Any = None) -> Any:
    """Brightness, one channel: 0.2989 of red, 0.587 of green, 0.114 of blue. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.image.rgb_to_grayscale([[[1.0, 1.0, 1.0]]]).numpy().round(3)
    array([[[1.]]], dtype=float32)
    """
    x, own = as_float(images)
    parts = channels(x, "rgb_to_grayscale")
    gray = parts[0] * _GRAY[0] + parts[1] * _GRAY[1] + parts[2] * _GRAY[2]
    return convert(movement.expand_dims(gray, axis=(-1,)), own, False)


@composite(Sample(IMAGE[..., :1]))
def grayscale_to_rgb(images: Any, name: Any = None) -> Any:
    """One channel three times. Raises ShapeError."""
    x = as_tensor(images)
    if not x.shape or x.shape[-1] != 1:
        raise ShapeError(f"grayscale_to_rgb: one channel is needed, not {show_shape(x.shape)}")
    return movement.broadcast_to(x, shape=(*x.shape[:-1], 3))


@composite(Sample(IMAGE))
def rgb_to_hsv(images: Any, name: Any = None) -> Any:
    """Hue, saturation and value, from 0 to 1.

    Smith, "Color Gamut Transform Pairs" (1978).

    >>> import twofold as tf
    >>> tf.image.rgb_to_hsv([[[0.0, 1.0, 0.0]]]).numpy().round(3)
    array([[[0.333, 1.   , 1.   ]]], dtype=float32)
    """
    x, _ = as_float(images)
    r, g, b = channels(x, "rgb_to_hsv")
    value = maximum(maximum(r, g), b)
    span = value - minimum(minimum(r, g), b)
    some, coloured = value > 0, span > 0
    saturation = where(some, span / where(some, value, 1), 0)
    part = 1 / (6 * where(coloured, span, 1))
    hue = where(OPS["equal"](value, g), part * (b - r) + 2 / 6, part * (r - g) + 4 / 6)
    hue = where(OPS["equal"](value, r), part * (g - b), hue)
    hue = where(coloured, hue, 0)
    return stack(where(hue < 0, hue + 1, hue), saturation, value, axis=-1)


@composite(Sample(IMAGE))
def hsv_to_rgb(images: Any, name: Any = None) -> Any:
    """Red, green and blue of hue, saturation and value."""
    x, _ = as_float(images)
    hue, saturation, value = channels(x, "hsv_to_rgb")
    turn = hue * 6
    parts = (OPS["abs"](turn - 3) - 1, 2 - OPS["abs"](turn - 2), 2 - OPS["abs"](turn - 4))
    rest = 1 - saturation
    return stack([(rest + saturation * clip(p, 0.0, 1.0)) * value for p in parts], axis=-1)


def _mixed(images: Any, matrix: Any, what: str) -> Any:
    x, _ = as_float(images)
    channels(x, what)
    return matmul(x, OPS["constant"](value=matrix.astype(x.dtype)))


@composite(Sample(IMAGE))
def rgb_to_yiq(images: Any) -> Any:
    """Luma and the two components of colour of NTSC."""
    return _mixed(images, _TO_YIQ, "rgb_to_yiq")


@composite(Sample(IMAGE))
def yiq_to_rgb(images: Any) -> Any:
    """Red, green and blue of luma and the components of NTSC."""
    return _mixed(images, _FROM_YIQ, "yiq_to_rgb")


@composite(Sample(IMAGE))
def rgb_to_yuv(images: Any) -> Any:
    """Luma and the two components of colour of PAL."""
    return _mixed(images, _TO_YUV, "rgb_to_yuv")


@composite(Sample(IMAGE))
def yuv_to_rgb(images: Any) -> Any:
    """Red, green and blue of luma and the components of PAL."""
    return _mixed(images, _FROM_YUV, "yuv_to_rgb")


# ---- Adjustments


@composite(Sample(IMAGE, 0.1))
def adjust_brightness(image: Any, delta: Any) -> Any:
    """``image + delta``, of integers as parts of their largest number."""
    x, own = as_float(image)
    return convert(x + delta, own, True)


@composite(Sample(IMAGE, 2.0))
def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """``(x - mean) * contrast_factor + mean``, the mean of each channel over height and width."""
    x, own = as_float(images)
    center = mean(x, axis=(-3, -2), keepdims=True)
    return convert((x - center) * contrast_factor + center, own, True)


@composite(Sample(IMAGE, 0.5, 2.0))
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """``gain * x ** gamma``. Raises ArgumentError for a negative ``gamma``."""
    if isinstance(gamma, int | float) and gamma < 0:
        raise ArgumentError(f"adjust_gamma: gamma must not be negative: {gamma}")
    x, own = as_float(image)
    return convert(gain * x**gamma, own, True)


@composite(Sample(IMAGE, 0.3))
def adjust_hue(image: Any, delta: Any, name: Any = None) -> Any:
    """The hue turned by ``delta``, where 1 is a whole turn."""
    x, own = as_float(image)
    hue, saturation, value = channels(rgb_to_hsv(x), "adjust_hue")
    turned = stack(OPS["remainder"](hue + delta, 1.0), saturation, value, axis=-1)
    return convert(hsv_to_rgb(turned), own, False)


@composite(Sample(IMAGE, 0.5))
def adjust_saturation(image: Any, saturation_factor: Any, name: Any = None) -> Any:
    """The saturation times a factor, at most 1."""
    x, own = as_float(image)
    hue, saturation, value = channels(rgb_to_hsv(x), "adjust_saturation")
    scaled = clip(saturation * saturation_factor, 0.0, 1.0)
    return convert(hsv_to_rgb(stack(hue, scaled, value, axis=-1)), own, False)


@composite(Sample(IMAGE))
def per_image_standardization(image: Any) -> Any:
    """Each image less its mean, over its deviation, which is at least ``1 / sqrt(elements)``."""
    x = ranked(image, 3, "per_image_standardization")
    x = x if info(x.dtype).floating else cast(x, dtype=FLOAT)
    axes = (-3, -2, -1)
    least = 1 / math.sqrt(max(float(product(x.shape[-3:])), 1.0))
    spread = maximum(std(x, axis=axes, keepdims=True), least)
    return (x - mean(x, axis=axes, keepdims=True)) / spread
