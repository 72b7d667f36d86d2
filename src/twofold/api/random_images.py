"""Random changes of images: from a seed of two integers, and from the global generator.

Each ``stateless`` function is a pure one, with the numbers of ``tf.random.stateless_uniform``; the
others draw a seed for it from the generator first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.operand import as_sizes, as_tensor, shape_attr
from twofold.ir.shapes import show_shape

__all__ = [
    "ResizeMethod", "random_brightness", "random_contrast", "random_crop", "random_flip_left_right",
    "random_flip_up_down", "random_hue", "random_saturation", "stateless_random_brightness",
    "stateless_random_contrast", "stateless_random_crop", "stateless_random_flip_left_right",
    "stateless_random_flip_up_down", "stateless_random_hue", "stateless_random_saturation",
]  # fmt: skip

INT64 = np.dtype("int64")


class ResizeMethod:
    """The methods of ``tf.image.resize`` as names."""

    AREA = "area"
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    GAUSSIAN = "gaussian"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    MITCHELLCUBIC = "mitchellcubic"
    NEAREST_NEIGHBOR = "nearest"


def _drawn(seed: int | None) -> Any:
    """A seed for a function of one, from the global generator, or the one of a call's own seed."""
    from twofold.runtime.random import source  # noqa: PLC0415  (the generators are made with it)

    return source(seed).make_seeds(1)[:, 0]


def _uniform(seed: Any, shape: Any, low: Any, high: Any, what: str) -> Any:
    if isinstance(low, int | float) and isinstance(high, int | float) and not low <= high:
        raise ArgumentError(f"{what}: the bounds {low} and {high} are in the wrong order")
    return COMPOSITES["stateless_uniform"].function(shape, seed, float(low), float(high))


def _not_negative(number: Any, name: str, what: str) -> None:
    if isinstance(number, int | float) and number < 0:
        raise ArgumentError(f"{what}: {name} must not be negative, it is {number}")


def stateless_random_brightness(image: Any, max_delta: Any, seed: Any) -> Any:
    """``adjust_brightness`` by a number from ``-max_delta`` to ``max_delta``.

    >>> import twofold as tf
    >>> tf.image.stateless_random_brightness(tf.zeros((1, 1, 3)), 0.0, (1, 2)).shape
    (1, 1, 3)
    """
    _not_negative(max_delta, "max_delta", "random_brightness")
    delta = _uniform(seed, (), -max_delta, max_delta, "random_brightness")
    return COMPOSITES["adjust_brightness"].function(image, delta)


def random_brightness(image: Any, max_delta: Any, seed: int | None = None) -> Any:
    """``stateless_random_brightness`` with a seed from the global generator."""
    return stateless_random_brightness(image, max_delta, _drawn(seed))


def stateless_random_contrast(image: Any, lower: Any, upper: Any, seed: Any) -> Any:
    """``adjust_contrast`` by a factor from ``lower`` to ``upper``.

    >>> import twofold as tf
    >>> tf.image.stateless_random_contrast(tf.zeros((1, 1, 3)), 0.5, 1.0, (1, 2)).shape
    (1, 1, 3)
    """
    _not_negative(lower, "lower", "random_contrast")
    factor = _uniform(seed, (), lower, upper, "random_contrast")
    return COMPOSITES["adjust_contrast"].function(image, factor)


def random_contrast(image: Any, lower: Any, upper: Any, seed: int | None = None) -> Any:
    """``stateless_random_contrast`` with a seed from the global generator."""
    return stateless_random_contrast(image, lower, upper, _drawn(seed))


def stateless_random_saturation(image: Any, lower: Any, upper: Any, seed: Any = None) -> Any:
    """``adjust_saturation`` by a factor from ``lower`` to ``upper``.

    >>> import twofold as tf
    >>> tf.image.stateless_random_saturation(tf.zeros((1, 1, 3)), 0.5, 1.0, (1, 2)).shape
    (1, 1, 3)
    """
    if seed is None:
        raise ArgumentError("stateless_random_saturation needs a seed, of two integers")
    _not_negative(lower, "lower", "random_saturation")
    factor = _uniform(seed, (), lower, upper, "random_saturation")
    return COMPOSITES["adjust_saturation"].function(image, factor)


def random_saturation(image: Any, lower: Any, upper: Any, seed: int | None = None) -> Any:
    """``stateless_random_saturation`` with a seed from the global generator."""
    return stateless_random_saturation(image, lower, upper, _drawn(seed))


def stateless_random_hue(image: Any, max_delta: Any, seed: Any) -> Any:
    """``adjust_hue`` by a part of a turn from ``-max_delta`` to ``max_delta``, at most 0.5.

    >>> import twofold as tf
    >>> tf.image.stateless_random_hue(tf.zeros((1, 1, 3)), 0.2, (1, 2)).shape
    (1, 1, 3)
    """
    _not_negative(max_delta, "max_delta", "random_hue")
    if isinstance(max_delta, int | float) and max_delta > 0.5:
        raise ArgumentError(f"random_hue: max_delta must be at most 0.5, it is {max_delta}")
    delta = _uniform(seed, (), -max_delta, max_delta, "random_hue")
    return COMPOSITES["adjust_hue"].function(image, delta)


def random_hue(image: Any, max_delta: Any, seed: int | None = None) -> Any:
    """``stateless_random_hue`` with a seed from the global generator."""
    return stateless_random_hue(image, max_delta, _drawn(seed))


def _flipped(image: Any, seed: Any, flip: Callable[[Any], Any], what: str) -> Any:
    x = as_tensor(image)
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"{what}: an image has 3 axes, a batch 4; the shape is {show_shape(x.shape)}"
        )
    count = x.shape[0] if len(x.shape) == 4 else 1
    turns = OPS["less"](_uniform(seed, (count, 1, 1, 1), 0, 1, what), 0.5)
    turns = turns if len(x.shape) == 4 else OPS["reshape"](turns, shape=(1, 1, 1))
    return OPS["where"](turns, flip(x), x)


def stateless_random_flip_left_right(image: Any, seed: Any) -> Any:
    """Each image as it is or from right to left, with equal probabilities. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.image.stateless_random_flip_left_right(tf.zeros((4, 2, 3, 1)), (1, 2)).shape
    (4, 2, 3, 1)
    """
    flip = COMPOSITES["flip_left_right"].function
    return _flipped(image, seed, flip, "random_flip_left_right")


def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """``stateless_random_flip_left_right`` with a seed from the global generator."""
    return stateless_random_flip_left_right(image, _drawn(seed))


def stateless_random_flip_up_down(image: Any, seed: Any) -> Any:
    """Each image as it is or upside down, with equal probabilities. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.image.stateless_random_flip_up_down(tf.zeros((4, 2, 3, 1)), (1, 2)).shape
    (4, 2, 3, 1)
    """
    return _flipped(image, seed, COMPOSITES["flip_up_down"].function, "random_flip_up_down")


def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """``stateless_random_flip_up_down`` with a seed from the global generator."""
    return stateless_random_flip_up_down(image, _drawn(seed))


def stateless_random_crop(value: Any, size: Any, seed: Any, name: Any = None) -> Any:
    """A part of this size, at a place that ``seed`` decides, all places equally likely. -1 keeps an
    axis. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.image.stateless_random_crop(tf.zeros((5, 5, 3)), (2, 2, 3), (1, 2)).shape
    (2, 2, 3)
    """
    x = as_tensor(value)
    given = shape_attr(as_sizes(size), "random_crop")
    if len(given) != len(x.shape):
        raise ShapeError(f"random_crop: {len(given)} sizes for the shape {show_shape(x.shape)}")
    wanted = tuple(n if w == -1 else w for w, n in zip(given, x.shape, strict=True))
    for want, have in zip(wanted, x.shape, strict=True):
        if isinstance(want, int) and isinstance(have, int) and not 0 <= want <= have:
            raise ShapeError(f"random_crop: {wanted} is no part of {show_shape(x.shape)}")
    seeds = COMPOSITES["stateless_split"].function(seed, max(len(wanted), 1))
    for axis, (want, have) in enumerate(zip(wanted, x.shape, strict=True)):
        if isinstance(want, int) and isinstance(have, int) and want == have:
            continue
        first = COMPOSITES["stateless_uniform"].function(
            (), seeds[axis], 0, have - want + 1, dtype=INT64
        )
        x = OPS["gather"](x, first + OPS["arange"](start=want, dtype=INT64), axis=axis)
    return x


def random_crop(value: Any, size: Any, seed: int | None = None, name: Any = None) -> Any:
    """``stateless_random_crop`` with a seed from the global generator."""
    return stateless_random_crop(value, size, _drawn(seed))
