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


OF_SHARES = [
    (keras.losses.sparse_categorical_crossentropy, [0, 1]),
    (keras.losses.categorical_crossentropy, [[1.0, 0.0], [0.0, 1.0]]),
]


@pytest.mark.parametrize(("loss", "wanted"), OF_SHARES)
def test_a_cross_entropy_of_a_softmax_is_that_of_what_it_was_given(loss: Any, wanted: Any) -> None:
    given = tf.constant([[-30.0, 30.0], [1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = loss(tf.constant(wanted), keras.activations.softmax(given))
    assert np.allclose(found, [60.0, np.log1p(np.exp(-1.0))], rtol=1e-6)
    assert np.allclose(tape.gradient(found, given)[0], [-1.0, 1.0])


def test_a_binary_cross_entropy_of_a_sigmoid_is_that_of_what_it_was_given() -> None:
    given = tf.constant([[-40.0], [2.0]])
    one = tf.ones((2, 1))
    found = keras.losses.binary_crossentropy(one, keras.activations.sigmoid(given))
    assert np.allclose(found, [40.0, np.log1p(np.exp(-2.0))], rtol=1e-6)
    loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    with pytest.warns(UserWarning, match="from_logits"):
        again = loss(one, keras.activations.sigmoid(given))
    assert np.allclose(again, found)


def test_a_compiled_training_has_the_losses_of_what_saturates() -> None:
    losses = []
    for eager in (True, False):
        keras.utils.set_random_seed(0)
        spread = keras.initializers.RandomNormal(stddev=40.0)
        model = keras.Sequential([
            keras.Input((4,)), keras.layers.Dense(3, "softmax", kernel_initializer=spread),
        ])  # fmt: skip
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
        x = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
        history = model.fit(x, np.arange(16) % 3, epochs=2, shuffle=False, verbose=0).history
        losses.append(history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0][0] > 20  # what -log(1e-7) would cut off
