"""``keras.ops.image``."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import backend
from keras.src.backend.common import is_float_dtype, standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .core import convert_to_tensor
from .linalg import solve
from .random import normal
from .sampling import (
    AFFINE_TRANSFORM_FILL_MODES,
    AFFINE_TRANSFORM_INTERPOLATIONS,
    RESIZE_INTERPOLATIONS,
    SCALE_AND_TRANSLATE_METHODS,
    check_rank,
    map_coordinates,
    one_of,
    resize,
    scale_and_translate,
)
from .windows import depthwise_conv

__all__ = [
    "AFFINE_TRANSFORM_FILL_MODES", "AFFINE_TRANSFORM_INTERPOLATIONS", "RESIZE_INTERPOLATIONS",
    "SCALE_AND_TRANSLATE_METHODS", "affine_transform", "compute_homography_matrix",
    "elastic_transform", "gaussian_blur", "hsv_to_rgb", "map_coordinates", "perspective_transform",
    "resize", "rgb_to_grayscale", "rgb_to_hsv", "scale_and_translate", "sobel_edges",
]  # fmt: skip


def _channels(data_format: str | None) -> int:
    return -1 if backend.standardize_data_format(data_format) == "channels_last" else -3


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Brightness by the weights of ITU-R BT.601."""
    images, axis = convert_to_tensor(images), _channels(data_format)
    check_rank(images)
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={images.shape}"
        )
    if images.shape[axis] == 1:
        return images
    own = standardize_dtype(images.dtype)
    x = tf.moveaxis(tf.cast(images, result_type(own, float)), axis, -1)
    gray = tf.sum(x * tf.constant([0.2989, 0.5870, 0.1140], x.dtype), axis=-1)
    return tf.cast(tf.expand_dims(gray, axis=axis), own)


def _planes(images: Any, data_format: str | None) -> tuple[list[Any], int]:
    """Three channels of floating point."""
    check_rank(images)
    if not is_float_dtype(images.dtype):
        raise ValueError(
            "Invalid images dtype: expected float dtype. "
            f"Received: images.dtype={standardize_dtype(images.dtype)}"
        )
    axis = _channels(data_format)
    return list(tf.unstack(images, axis=axis)), axis


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value. Source: Smith, "Color Gamut Transform Pairs", 1978."""
    images = convert_to_tensor(images)
    small = float(tf.finfo(images.dtype).eps) if is_float_dtype(images.dtype) else 0.0
    planes, axis = _planes(images, data_format)
    r, g, b = (tf.where(tf.abs(p) < small, tf.zeros_like(p), p) for p in planes)
    value = tf.maximum(tf.maximum(r, g), b)
    span = value - tf.minimum(tf.minimum(r, g), b)
    zero, one = tf.zeros_like(span), tf.ones_like(span)
    saturation = tf.where(value > 0, span / tf.where(value > 0, value, one), zero)
    part = 1.0 / (6.0 * tf.where(span > 0, span, one))
    hue = tf.where(value == g, part * (b - r) + 2.0 / 6.0, part * (r - g) + 4.0 / 6.0)
    hue = tf.where(value == r, part * (g - b), hue)
    hue = tf.where(span > 0, hue, zero) + tf.cast(hue < 0.0, hue.dtype)
    return tf.stack([hue, saturation, value], axis=axis)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue."""
    (hue, saturation, value), axis = _planes(convert_to_tensor(images), data_format)
    turn = tf.floormod(hue, 1.0) * 6.0
    parts = (tf.abs(turn - 3.0) - 1.0, 2.0 - tf.abs(turn - 2.0), 2.0 - tf.abs(turn - 4.0))
    rest = 1.0 - saturation
    planes = [value * (rest + saturation * tf.clip(p, 0.0, 1.0)) for p in parts]
    return tf.stack(planes, axis=axis)


def _batch(images: Any, data_format: str | None) -> tuple[Any, bool, bool]:
    """A batch with channels last; whether it was one image, and whether channels came first."""
    check_rank(images)
    single, first = len(images.shape) == 3, _channels(data_format) == -3
    images = tf.expand_dims(images, axis=0) if single else images
    return (tf.moveaxis(images, 1, -1) if first else images), single, first


def _given(images: Any, single: bool, first: bool) -> Any:
    images = tf.moveaxis(images, -1, 1) if first else images
    return images[0] if single else images


def _sampled(images: Any, rows: Any, columns: Any, order: int, mode: str, value: Any) -> Any:
    """Pixels of a batch (channels last) at coordinates of (batch, height, width)."""
    count, depth = int(images.shape[0]), int(images.shape[-1])
    made = [
        tf.stack([
            map_coordinates(images[i, ..., c], tf.stack([rows[i], columns[i]]), order, mode, value)
            for c in range(depth)
        ], axis=-1)
        for i in range(count)
    ]  # fmt: skip
    return tf.stack(made)


def _grid(images: Any) -> tuple[Any, Any]:
    rows, columns = np.mgrid[: int(images.shape[1]), : int(images.shape[2])].astype(np.float32)
    return tf.constant(rows), tf.constant(columns)


def affine_transform(
    images: Any, transform: Any, interpolation: str = "bilinear", fill_mode: str = "constant",
    fill_value: Any = 0, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Each pixel from where a matrix of six (and two zeros) says."""
    one_of("interpolation", interpolation, AFFINE_TRANSFORM_INTERPOLATIONS)
    one_of("fill_mode", fill_mode, AFFINE_TRANSFORM_FILL_MODES)
    images, transform = convert_to_tensor(images), convert_to_tensor(transform)
    check_rank(images)
    if len(transform.shape) not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms). Received input with shape: transform.shape={transform.shape}"
        )
    own = standardize_dtype(images.dtype)
    x, single, first = _batch(tf.cast(images, result_type(own, "float32")), data_format)
    matrix = tf.cast(transform, "float32")
    matrix = tf.broadcast_to(matrix, (int(x.shape[0]), int(matrix.shape[-1])))
    rows, columns = _grid(x)
    a0, a1, a2, b0, b1, b2 = (tf.reshape(matrix[:, i], (-1, 1, 1)) for i in range(6))
    across, down = a0 * columns + a1 * rows + a2, b0 * columns + b1 * rows + b2
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]
    return tf.cast(
        _given(_sampled(x, down, across, order, fill_mode, fill_value), single, first), own
    )


def _check_points(**points: Any) -> None:
    for name, value in points.items():
        if len(value.shape) not in (2, 3) or tuple(value.shape[-2:]) != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {value.shape}"
            )
    start, end = points.values()
    if tuple(start.shape) != tuple(end.shape):
        raise ValueError(
            "start_points and end_points must have the same shape. Received start_points.shape="
            f"{start.shape}, end_points.shape={end.shape}"
        )


def perspective_transform(
    images: Any, start_points: Any, end_points: Any, interpolation: str = "bilinear",
    fill_value: Any = 0, data_format: str | None = None,
) -> Any:  # fmt: skip
    """The image with four points moved to others."""
    images = convert_to_tensor(images)
    start, end = convert_to_tensor(start_points), convert_to_tensor(end_points)
    one_of("interpolation", interpolation, AFFINE_TRANSFORM_INTERPOLATIONS)
    check_rank(images)
    _check_points(start_points=start, end_points=end)
    own = standardize_dtype(images.dtype)
    x, single, first = _batch(tf.cast(images, result_type(own, "float32")), data_format)
    start, end = (p if len(p.shape) == 3 else tf.expand_dims(p, axis=0) for p in (start, end))
    matrix = tf.cast(compute_homography_matrix(start, end), "float32")
    matrix = tf.broadcast_to(matrix, (int(x.shape[0]), 8))
    rows, columns = _grid(x)
    a = [tf.reshape(matrix[:, i], (-1, 1, 1)) for i in range(8)]
    below = a[6] * columns + a[7] * rows + 1.0
    across = (a[0] * columns + a[1] * rows + a[2]) / below
    down = (a[3] * columns + a[4] * rows + a[5]) / below
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]
    made = _sampled(x, down, across, order, "constant", fill_value)
    return tf.cast(_given(made, single, first), own)


def compute_homography_matrix(start_points: Any, end_points: Any) -> Any:
    """The eight numbers of the projection from end points to start points.

    Source: Hartley and Zisserman, "Multiple View Geometry", 2003, 4.1.
    """
    start, end = convert_to_tensor(start_points), convert_to_tensor(end_points)
    own = result_type(start.dtype, end.dtype, float)
    start, end = (tf.cast(p, result_type(own, "float32")) for p in (start, end))
    rows, right = [], []
    for i in range(4):
        (x, y), (u, v) = ((p[:, i, 0], p[:, i, 1]) for p in (start, end))
        one, zero = tf.ones_like(u), tf.zeros_like(u)
        rows.append(tf.stack([u, v, one, zero, zero, zero, -x * u, -x * v], axis=-1))
        rows.append(tf.stack([zero, zero, zero, u, v, one, -y * u, -y * v], axis=-1))
        right += [x, y]
    found = solve(tf.stack(rows, axis=1), tf.stack(right, axis=-1))
    return tf.cast(tf.reshape(found, (-1, 8)), own)


def _gaussian(size: int, sigma: Any, dtype: str) -> Any:
    x = convert_to_tensor(np.arange(size) - (size - 1) / 2, dtype)
    bell = tf.exp(-0.5 * tf.square(x / sigma))
    return bell / tf.sum(bell)


def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Means of windows, weighted by a normal distribution; zeros around the image."""
    images = convert_to_tensor(images)
    check_rank(images)
    own = standardize_dtype(images.dtype)
    compute = result_type(own, "float32")
    x, single, first = _batch(tf.cast(images, compute), data_format)
    size = [int(n) for n in np.asarray(convert_to_tensor(kernel_size))]
    spread = convert_to_tensor(sigma, compute)
    across, down = (_gaussian(size[i], spread[i], compute) for i in (0, 1))
    window = tf.reshape(tf.expand_dims(down, axis=1) * across, (size[1], size[0], 1, 1))
    window = tf.tile(window, (1, 1, int(x.shape[-1]), 1))
    pads = [(0, 0), *(((n - 1) // 2, n - 1 - (n - 1) // 2) for n in (size[1], size[0])), (0, 0)]
    made = depthwise_conv(tf.pad(x, pads), window, data_format="channels_last")
    return tf.cast(_given(made, single, first), own)


def elastic_transform(
    images: Any, alpha: Any = 20.0, sigma: Any = 5.0, interpolation: str = "bilinear",
    fill_mode: str = "reflect", fill_value: Any = 0.0, seed: Any = None,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Pixels moved by smoothed noise. Source: Simard, Steinkraus and Platt, "Best Practices for
    Convolutional Neural Networks", 2003."""
    one_of("interpolation", interpolation, AFFINE_TRANSFORM_INTERPOLATIONS)
    one_of("fill_mode", fill_mode, AFFINE_TRANSFORM_FILL_MODES)
    images = convert_to_tensor(images)
    check_rank(images)
    own = standardize_dtype(images.dtype)
    x, single, first = _batch(tf.cast(images, result_type(own, "float32")), data_format)
    wide = float(convert_to_tensor(sigma, "float32"))
    size = int(6 * wide) | 1
    noise = normal((*x.shape[:3], 2), dtype="float32", seed=seed) * wide
    moves = gaussian_blur(noise, (size, size), (wide, wide), "channels_last")
    moves = moves * convert_to_tensor(alpha, "float32")
    rows, columns = _grid(x)
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]
    down, across = rows + moves[..., 1], columns + moves[..., 0]
    made = _sampled(x, down, across, order, fill_mode, fill_value)
    return tf.cast(_given(made, single, first), own)


def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Differences of neighbours down and across, smoothed; the border is mirrored."""
    images = convert_to_tensor(images)
    first = data_format == "channels_first"
    x = tf.moveaxis(images, 1, -1) if first else images
    rows, columns = int(x.shape[1]), int(x.shape[2])
    around = [np.pad(np.arange(n), 1, mode="symmetric").astype(np.int32) for n in (rows, columns)]
    x = tf.take(tf.take(x, around[0], axis=1), around[1], axis=2)

    def part(i: int, j: int) -> Any:
        return x[:, i : i + rows, j : j + columns]

    down = part(2, 0) + 2 * part(2, 1) + part(2, 2) - part(0, 0) - 2 * part(0, 1) - part(0, 2)
    across = part(0, 2) + 2 * part(1, 2) + part(2, 2) - part(0, 0) - 2 * part(1, 0) - part(2, 0)
    made = tf.stack([down, across], axis=-1)
    return tf.moveaxis(made, -2, 1) if first else made
