"""What a kernel keeps in an output until it is needed last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf


def shares_twice(x: Any) -> tuple[Any, Any, Any]:
    """Shares of shares, their logarithms' sum, and what is stored before those are computed."""
    p = tf.exp(x)
    p = p * (1.0 / tf.reduce_sum(p, -1, keepdims=True))
    q = p / tf.reduce_sum(p, -1, keepdims=True)
    return tf.reduce_sum(tf.math.log(q), -1), tf.where(p > 0.25, 1.0, p), q


def shares_of_shares(x: Any) -> tuple[Any, ...]:
    """Four sweeps, each of which computes the values of those before again."""
    made = []
    for _ in range(3):
        x = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
        x = x / tf.reduce_sum(x, -1, keepdims=True)
        made.append(x * 2.0)
    return tuple(made)


def after_the_last_use(x: Any) -> tuple[Any, Any]:
    p = tf.exp(x)
    return p / tf.reduce_sum(p, -1, keepdims=True), tf.reduce_sum(p, -1)


@pytest.mark.parametrize("function", [shares_twice, shares_of_shares, after_the_last_use])
@pytest.mark.parametrize("shape", [(8, 3), (5, 70)])
def test_it_is_there_for_every_sweep_that_computes_from_it(function: Any, shape: Any) -> None:
    x = tf.constant(np.random.default_rng(0).standard_normal(shape).astype("float32"))
    compiled = tf.function(function, jit_compile=True)
    for found, wanted in zip(compiled(x), function(x), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
