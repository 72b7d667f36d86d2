"""What is built in a compiled function: layers, optimisers; and arrays that are given to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

keras = pytest.importorskip("twofold.keras")

X = np.random.default_rng(0).standard_normal((24, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def losses(compiled: bool, tensors: bool) -> list[float]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization(),
        keras.layers.Dense(2),
    ])  # fmt: skip
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.01)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    run = tf.function(step, strict=True) if compiled else step
    found = []
    for i in (0, 8, 16, 20, 0):
        x, y = X[i : i + 8], Y[i : i + 8]
        found.append(float(run(tf.constant(x), tf.constant(y)) if tensors else run(x, y)))
    if compiled:
        assert run.experimental_get_plain_count() == 0
        assert len(run.traces()) == 1
    assert int(optimizer.iterations) == 5
    return found


@pytest.mark.parametrize("tensors", [True, False])
def test_a_step_that_builds_model_and_optimizer_gives_the_eager_losses(tensors: bool) -> None:
    assert np.allclose(losses(True, tensors), losses(False, tensors), rtol=1e-5)
