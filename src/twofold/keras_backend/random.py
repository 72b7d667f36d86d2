"""``keras.ops.random``: numbers by a seed of two words, the same in eager and compiled code."""

from __future__ import annotations

from typing import Any

from keras.src.backend.config import floatx
from keras.src.random.seed_generator import SeedGenerator, draw_seed, make_default_seed

import twofold as tf

from .core import convert_to_tensor

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "draw_seed", "dropout", "gamma",
    "make_default_seed", "normal", "randint", "shuffle", "truncated_normal", "uniform",
]  # fmt: skip


def _seed(seed: Any) -> Any:
    return tf.cast(convert_to_tensor(draw_seed(seed)), "int32")


def _drawn(draw: Any, shape: Any, dtype: Any, seed: Any) -> Any:
    """Halves are drawn in float32."""
    want = dtype or floatx()
    wide = want if want in ("float32", "float64") else "float32"
    return tf.cast(draw(tuple(shape), _seed(seed), dtype=wide), want)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normally distributed numbers."""
    drawn = _drawn(tf.random.stateless_normal, shape, dtype, seed)
    return drawn * tf.cast(stddev, drawn.dtype) + tf.cast(mean, drawn.dtype)


def uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Uniformly distributed numbers, the upper bound excluded."""
    drawn = _drawn(tf.random.stateless_uniform, shape, dtype, seed)
    low, high = (tf.cast(v, drawn.dtype) for v in (minval, maxval))
    return drawn * (high - low) + low


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normally distributed numbers within two deviations."""
    drawn = _drawn(tf.random.stateless_truncated_normal, shape, dtype, seed)
    return drawn * tf.cast(stddev, drawn.dtype) + tf.cast(mean, drawn.dtype)


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Integers from a range, the upper bound excluded."""
    low, high = convert_to_tensor(minval, "int64"), convert_to_tensor(maxval, "int64")
    unit = tf.random.stateless_uniform(tuple(shape), _seed(seed), dtype="float64")
    drawn = low + tf.cast(tf.floor(unit * tf.cast(high - low, "float64")), "int64")
    return tf.cast(drawn, dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None) -> Any:
    """Class numbers by their logits, row by row."""
    logits = convert_to_tensor(logits)
    if logits.dtype.name not in ("float32", "float64"):
        logits = tf.cast(logits, "float32")
    return tf.cast(tf.random.stateless_categorical(logits, num_samples, _seed(seed)), dtype)


def dropout(inputs: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zeros at random places, the rest scaled up."""
    inputs = convert_to_tensor(inputs)
    if isinstance(rate, int | float) and rate in (0.0, 1.0):
        return inputs if rate == 0.0 else tf.zeros_like(inputs)
    given = [None] * len(inputs.shape) if noise_shape is None else list(noise_shape)
    shape = [inputs.shape[i] if n is None else n for i, n in enumerate(given)]
    kept = tf.random.stateless_uniform(tuple(shape), _seed(seed), dtype="float32") >= rate
    scale = tf.cast(1.0 / (1.0 - rate), inputs.dtype)
    return tf.where(kept, inputs * scale, tf.zeros_like(inputs))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along an axis in a random order."""
    x = tf.moveaxis(convert_to_tensor(x), axis, 0)
    return tf.moveaxis(tf.random.stateless_shuffle(x, _seed(seed)), 0, axis)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of a gamma distribution."""
    alpha = convert_to_tensor(alpha)
    drawn = tf.random.stateless_gamma(tuple(shape), _seed(seed), alpha, dtype="float64")
    return tf.cast(drawn, dtype or floatx())


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """Numbers of successes."""
    given = (convert_to_tensor(counts), convert_to_tensor(probabilities))
    drawn = tf.random.stateless_binomial(tuple(shape), _seed(seed), *given, "float64")
    return tf.cast(drawn, dtype or floatx())


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of a beta distribution."""
    given = (convert_to_tensor(alpha), convert_to_tensor(beta))
    drawn = tf.random.stateless_beta(tuple(shape), _seed(seed), *given, "float64")
    return tf.cast(drawn, dtype or floatx())
