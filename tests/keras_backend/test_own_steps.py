"""Steps of the user's: models without ``call``, other data, several optimizers; and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

X = np.random.default_rng(1).standard_normal((40, 8)).astype("float32")
Z = np.random.default_rng(2).standard_normal((40, 3)).astype("float32")
layers = keras.layers


class Adversaries(keras.Model):
    """Two networks, an optimizer each, and no ``call``: the usual form of a GAN."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = layers.Dense(8), layers.Dense(1)
        self.told = keras.metrics.Mean(name="critic")

    def compile(self, **options: Any) -> None:
        super().compile(**options)
        self.second = keras.optimizers.SGD(0.01, momentum=0.9)
        self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self) -> list[Any]:
        return [self.told]

    def train_step(self, data: Any) -> Any:
        real, noise = data
        count = tf.shape(real)[0]
        both = tf.concat([self.generator(noise), real], 0)
        labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], 0)
        with tf.GradientTape() as tape:
            loss = self.loss_of(labels, self.critic(both))
        weights = self.critic.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            fooled = self.loss_of(tf.zeros((count, 1)), self.critic(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.second.apply_gradients(zip(tape.gradient(fooled, weights), weights, strict=True))
        self.told.update_state(loss)
        return {"critic": self.told.result(), "generator": fooled}


class Named(keras.Model):
    """Takes a dict that holds its labels, too; what it is called on has another size."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def _loss(self, data: Any) -> Any:
        x = data["x"][:, :4]
        return x, tf.reduce_mean((self(x, training=True) - data["y"]) ** 2)

    def train_step(self, data: Any) -> Any:
        with tf.GradientTape() as tape:
            _, loss = self._loss(data)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"error": loss}

    def test_step(self, data: Any) -> Any:
        return {"error": self._loss(data)[1]}


def history(make: Any, given: Any, **how: Any) -> dict[str, list[float]]:
    data = tf.data.Dataset.from_tensor_slices(given).batch(16)
    keras.utils.set_random_seed(5)
    model = make()
    model.compile(optimizer="sgd", **how)
    told: dict[str, list[float]] = model.fit(data, epochs=2, verbose=0).history
    if not model.run_eagerly:
        assert model.train_function.step.experimental_get_plain_count() == 0
    return told


@pytest.mark.parametrize(
    ("make", "given", "how"),
    [
        (Adversaries, (X, Z), {"jit_compile": True}),
        (Named, {"x": X, "y": X[:, :1]}, {}),
        (Named, {"x": X, "y": X[:, :1]}, {"jit_compile": True}),
    ],
)
def test_a_step_of_the_users_makes_what_it_needs_when_it_runs_first(
    make: Any, given: Any, how: Any
) -> None:
    eager, compiled = history(make, given, run_eagerly=True), history(make, given, **how)
    for name, values in eager.items():
        assert values[-1] != values[0]
        np.testing.assert_allclose(compiled[name], values, rtol=1e-5)


def test_an_evaluation_with_a_step_of_the_users_needs_no_build() -> None:
    model = Named()
    model.compile()
    data = tf.data.Dataset.from_tensors({"x": X, "y": X[:, :1]})
    first, second = (model.evaluate(data, verbose=0, return_dict=True)["error"] for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_the_loss_of_shares_beside_an_accuracy_is_the_same_compiled() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classes = np.abs(X[:, :3]).argmax(1)
    shares = model.predict(X, verbose=0)
    wanted = -np.log(shares[np.arange(len(X)), classes]).mean()
    for _ in range(3):
        found = model.evaluate(X, classes, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], wanted, rtol=1e-5)
        np.testing.assert_allclose(
            found["accuracy"], (shares.argmax(1) == classes).mean(), rtol=1e-6
        )


def test_a_metric_that_counts_elements_is_part_of_the_step() -> None:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[keras.metrics.R2Score()])
    told = [model.evaluate(X[:n], X[:n, :2], verbose=0, return_dict=True) for n in (20, 20, 9)]
    assert model.test_function.step.experimental_get_plain_count() == 0
    for found, n in zip(told, (20, 20, 9), strict=True):
        left = ((X[:n, :2] - model.predict(X[:n], verbose=0)) ** 2).sum(0)
        all_of = ((X[:n, :2] - X[:n, :2].mean(0)) ** 2).sum(0)
        np.testing.assert_allclose(found["r2_score"], (1 - left / all_of).mean(), rtol=1e-4)
