"""Norms and what is scaled by them fit wherever their result does, in every dtype and mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

NORMS: dict[str, Callable[[Any], Any]] = {
    "norm": tf.norm,
    "vector_norm": tf.linalg.vector_norm,
    "vector_norm of order 3": lambda x: tf.linalg.vector_norm(x, ord=3),
    "vector_norm of order -3": lambda x: tf.linalg.vector_norm(x, ord=-3),
    "matrix_norm": lambda x: tf.linalg.matrix_norm(tf.reshape(x, (1, 2))),
    "reduce_euclidean_norm": tf.math.reduce_euclidean_norm,
    "global_norm": lambda x: tf.linalg.global_norm([x, None]),
    "np.linalg.norm": np.linalg.norm,
    "std": tf.math.reduce_std,
    "nanstd": tf.nanstd,
}
SCALED: dict[str, Callable[[Any], Any]] = {
    "l2_normalize": tf.math.l2_normalize,
    "clip_by_norm": lambda x: tf.clip_by_norm(x, 1.0),
    "clip_by_global_norm": lambda x: tf.clip_by_global_norm([x], 1.0)[0][0],
}
LARGE = {"float32": 1e30, "float16": 2e4, "bfloat16": 1e30}


def _both(call: Callable[[Any], Any]) -> list[Callable[[Any], Any]]:
    return [call, tf.function(call, jit_compile=False), tf.function(call, jit_compile=True)]


@pytest.mark.parametrize("scale", [1.0, 1e-60])
@pytest.mark.parametrize("name", NORMS)
def test_squares_of_single_precision_fit(name: str, scale: float) -> None:
    given = np.array([3.0, 4.0]) * 1e30 * scale
    wanted = NORMS[name](tf.constant(given)).item()
    for call in _both(NORMS[name]):
        found = call(tf.constant(given.astype("float32")))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.item(), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("dtype", LARGE)
def test_what_is_scaled_by_a_norm_fits(name: str, dtype: str) -> None:
    given = tf.constant(np.array([3.0, 4.0]) * LARGE[dtype] / 4, dtype)
    wanted = np.array(tf.cast([0.6, 0.8], dtype).numpy(), np.float64)
    for call in _both(SCALED[name]):
        found = np.array(call(given).numpy(), np.float64)
        np.testing.assert_allclose(found, wanted, rtol=1e-2 if dtype != "float32" else 1e-6)


@pytest.mark.parametrize("name", ["norm", "vector_norm of order 3", "std"])
def test_gradients_fit_as_well(name: str) -> None:
    for call in _both(NORMS[name]):
        small, large = tf.constant([3.0, 4.0]), tf.constant([3e30, 4e30])
        grads = []
        for x in (small, large):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = call(x)
            grads.append(tape.gradient(y, x).numpy())
        np.testing.assert_allclose(grads[1], grads[0], rtol=1e-5)


def test_norms_of_nothing_and_of_zeros() -> None:
    for order in (1, 2, 3, -3, np.inf):
        assert tf.linalg.vector_norm(tf.zeros((0,)), ord=order).item() == 0
        assert tf.linalg.vector_norm(tf.zeros((2, 3)), axis=1, ord=order).shape == (2,)
    assert tf.linalg.vector_norm([np.inf, 1.0], ord=3).item() == np.inf
    assert np.isnan(tf.linalg.vector_norm([np.nan, 1.0], ord=3).item())
