"""Layers that are quantized to float8: their casts, scales and histories, in both modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

LIMITS = {"inputs": 448.0, "kernel": 448.0, "outputs_grad": 57344.0}


@pytest.mark.parametrize("eagerly", [True, False])
def test_a_quantized_layer_trains_with_the_scales_that_its_histories_give(eagerly: bool) -> None:
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(3, use_bias=False)
    layer.build((None, 4))
    layer.quantize("float8")
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(layer.trainable_weights)

    def train(x: Any, g: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) * g)
        weights = layer.trainable_weights
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    step = train if eagerly else tf.function(train, strict=True)
    scales, histories = dict.fromkeys(LIMITS, 1.0), {name: np.zeros(1024, "f4") for name in LIMITS}
    for _ in range(3):
        x, g = rng.standard_normal((5, 4)).astype("f4"), rng.standard_normal((5, 3)).astype("f4")
        seen = {"inputs": x, "kernel": np.array(layer._kernel), "outputs_grad": g}
        for name, limit in LIMITS.items():
            largest = histories[name].max()
            scales[name] = largest / limit if largest > 0 else scales[name]
            histories[name] = np.roll(histories[name], -1)
            histories[name][0] = np.abs(seen[name]).max()
        before = seen["kernel"]
        step(tf.constant(x), tf.constant(g))
        for name in LIMITS:
            np.testing.assert_allclose(getattr(layer, f"{name}_scale"), scales[name], rtol=1e-6)
            history = getattr(layer, f"{name}_amax_history")
            np.testing.assert_allclose(history, histories[name], rtol=1e-6)
        assert not np.array_equal(before, layer._kernel)


def test_outputs_are_those_of_values_rounded_to_float8() -> None:
    x = np.random.default_rng(1).standard_normal((4, 4)).astype("f4")
    layer = keras.layers.Dense(2, use_bias=False)
    layer.build((None, 4))
    kernel = np.array(layer.kernel)
    layer.quantize("float8")
    small = np.dtype(tf.float8_e4m3fn)
    expected = x.astype(small).astype("f4") @ kernel.astype(small).astype("f4")
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
    np.testing.assert_allclose(tf.function(layer)(x), expected, rtol=1e-6)
