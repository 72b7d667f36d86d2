"""Keras models on twofold: the compiled steps are the eager ones, and one trace serves all
batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

layers = keras.layers
RNG = np.random.default_rng(5)
FLAT, SERIES = RNG.standard_normal((40, 6)).astype("f4"), RNG.standard_normal((40, 5, 4))
IMAGES, WORDS = RNG.standard_normal((40, 6, 6, 2)).astype("f4"), RNG.integers(0, 9, (40, 5))
CLASSES = RNG.integers(0, 3, 40)


def dense() -> Any:
    return [layers.Dense(8, activation="relu"), layers.Dropout(0.2), layers.BatchNormalization()]


def convolutions() -> Any:
    return [
        layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
        layers.DepthwiseConv2D(2), layers.GlobalAveragePooling2D(),
    ]  # fmt: skip


def recurrent() -> Any:
    return [layers.LSTM(4, return_sequences=True), layers.GRU(3)]


def masked() -> Any:
    return [layers.Embedding(9, 4, mask_zero=True), layers.Bidirectional(layers.LSTM(3))]


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "dense": (dense, FLAT), "convolutions": (convolutions, IMAGES),
    "recurrent": (recurrent, SERIES), "masked": (masked, WORDS),
}  # fmt: skip


def trained(kind: str, eagerly: bool) -> tuple[Any, Any]:
    make, x = MODELS[kind]
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(x.shape[1:]), *make(), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=eagerly)
    told = model.fit(x, CLASSES, batch_size=16, epochs=3, verbose=0)
    return model, told.history


@pytest.mark.parametrize("kind", MODELS)
def test_fit_is_the_same_compiled_and_eagerly(kind: str) -> None:
    eager, expected = trained(kind, True)
    compiled, history = trained(kind, False)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=2e-5)
    for a, b in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    x = MODELS[kind][1]
    np.testing.assert_allclose(
        compiled.predict(x, batch_size=7, verbose=0), eager(x).numpy(), rtol=1e-4, atol=1e-5
    )


def test_one_trace_serves_whole_and_partial_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    own = tf.function

    def function(*args: Any, **kwargs: Any) -> Any:
        made.append(own(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(tf, "function", function)
    trained("dense", False)
    assert [f.experimental_get_tracing_count() for f in made] == [1]


def test_the_loop_of_every_tutorial() -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(3)]
    )
    optimizer = keras.optimizers.SGD(0.5)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    optimizer.build(model.trainable_weights)
    start = [w.numpy() for w in model.weights]
    seen = []
    for run in (step, tf.function(step, strict=True)):
        for weight, value in zip(model.weights, start, strict=True):
            weight.assign(value)
        seen.append(
            [float(run(tf.constant(FLAT), tf.constant(CLASSES, "int32"))) for _ in range(5)]
        )
    assert seen[0][-1] < seen[0][0]
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-5)


def test_an_operation_of_a_tensor_and_a_keras_variable_has_its_gradient() -> None:
    weight = keras.Variable(np.array([1.0, 2.0], "f4"))

    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(x * weight + tf.stack([x, weight]) * weight)
        return tape.gradient(y, [weight])

    expected = [[11.0, 16.0]]  # 3 x + 2 w
    x = tf.constant([3.0, 4.0])
    for run in (f, tf.function(f, strict=True)):
        np.testing.assert_allclose(run(x), expected)


def test_a_model_is_what_it_was_after_saving_and_loading(tmp_path: Path) -> None:
    model, _ = trained("convolutions", False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(IMAGES).numpy(), model(IMAGES).numpy())


def test_train_step_can_be_overridden() -> None:
    class Twice(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)
            self.seen = keras.metrics.Mean(name="seen")

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            self.seen.update_state(loss)
            return {"seen": self.seen.result()}

    keras.utils.set_random_seed(1)
    model = Twice()
    model.compile(optimizer="sgd", loss="mse")
    told = model.fit(FLAT, FLAT[:, :1], epochs=3, verbose=0).history
    assert told["seen"][-1] < told["seen"][0]


def test_a_subclassed_model_knows_the_shapes_that_fit_has_built_it_for() -> None:
    class Two(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layers.Dense(3), layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    model = Two()
    model.compile("sgd", "mse")
    model.fit(FLAT[:2], FLAT[:2, :1], verbose=0)
    assert model.built and model.get_build_config() == {"input_shape": (2, 6)}


def test_the_first_step_is_eager_and_the_second_is_machine_code() -> None:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    target = np.zeros((40, 3), "f4")
    model.train_on_batch(FLAT, target)
    assert not model.train_function.step.traces()
    model.train_on_batch(FLAT, target)
    (trace,) = model.train_function.step.traces()
    assert trace.executable().native
    model.compile("sgd", "mse", jit_compile=True)
    model.train_on_batch(FLAT, target)
    assert model.train_function.step.traces()[0].executable().native


def test_numbers_that_keras_gives_are_part_of_the_step_and_arrays_are_read_at_each_call() -> None:
    scale = np.array([1.0, 2.0])
    f = tf.function(lambda x: keras.ops.add(keras.ops.multiply(x, scale), 0.5), jit_compile=True)
    x = tf.constant([1.0, 1.0])
    np.testing.assert_array_equal(f(x), [1.5, 2.5])
    scale[0] = 3.0
    np.testing.assert_array_equal(f(x), [3.5, 2.5])
    (trace,) = f.traces()
    assert [c is scale for c in trace.captures] == [True]


def test_a_crop_of_images_of_several_sizes_is_the_eager_one() -> None:
    crop = layers.CenterCrop(3, 4)
    staged = tf.function(lambda x: crop(x))
    for shape in ((2, 5, 8, 1), (2, 2, 3, 1), (3, 5, 8, 1)):
        images = RNG.standard_normal(shape).astype("f4")
        np.testing.assert_array_equal(staged(tf.constant(images)), crop(images))
    assert len(staged.traces()) == 2


@pytest.mark.parametrize("name", ["SGD", "Adam", "Ftrl", "Lamb"])
@pytest.mark.parametrize("compiled", [False, True])
def test_optimizers_train_variables_of_the_core(name: str, compiled: bool) -> None:
    def trained_by_hand(make: Any) -> tuple[list[float], np.ndarray[Any, Any]]:
        average = {"use_ema": True, "ema_overwrite_frequency": 2}
        optimizer = getattr(keras.optimizers, name)(0.1, weight_decay=0.01, **average)
        w = make([2.0, 3.0])

        def step() -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum((w - 1.0) ** 2)
            optimizer.apply_gradients(zip(tape.gradient(loss, [w]), [w], strict=True))
            return loss

        run = tf.function(step) if compiled else step
        losses = [float(run()) for _ in range(4)]
        if compiled:
            assert run.experimental_get_plain_count() == 0
        return losses, w.numpy()

    losses, weights = trained_by_hand(tf.Variable)
    expected = trained_by_hand(lambda value: keras.Variable(value, name="w"))
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, expected[0], rtol=1e-6)
    np.testing.assert_allclose(weights, expected[1], rtol=1e-6)


def test_a_variable_has_a_constraint_for_optimizers() -> None:
    w = tf.Variable([2.0, 3.0], constraint=lambda x: tf.clip_by_value(x, 0.0, 2.5))
    keras.optimizers.SGD(0.1).apply_gradients([(tf.constant([1.0, 1.0]), w)])
    np.testing.assert_allclose(w.numpy(), [1.9, 2.5])
