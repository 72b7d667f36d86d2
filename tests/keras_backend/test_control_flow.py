"""Control flow by values in layers, models and steps of training that the user writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras
from twofold.keras import ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4)).astype(np.float32)
Y = X[:, 0]


class Scaled(keras.layers.Layer):
    """Doubles and counts until the sum is large."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        x = x * x + 1.0 if tf.reduce_mean(x) > 0.0 else x * x
        count = tf.constant(0.0)
        while tf.reduce_sum(x) < 500.0:
            x = x * 2.0
            count = count + 1.0
        if training:
            self.seen.assign_add(count)
        return x / 100.0


class Model(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.scaled = keras.layers.Dense(3), Scaled()
        self.last = keras.layers.Dense(1)

    def call(self, x: Any, training: bool = False) -> Any:
        h = self.scaled(self.first(x), training=training)
        if tf.reduce_max(h) > 3.0:
            h = h / 3.0
        return self.last(h)[:, 0]


def trained(eagerly: bool) -> tuple[Any, Any]:
    keras.utils.set_random_seed(1)
    model = Model()
    model.compile("sgd", "mse", run_eagerly=eagerly)
    seen = model.fit(X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False).history["loss"]
    return model, [*seen, float(model.scaled.seen), *model.predict(X, verbose=0)]


def test_layers_with_control_flow_by_values_train_as_eager_ones_do() -> None:
    model, compiled = trained(eagerly=False)
    for function in (model.train_function, model.predict_function):
        assert function.step.experimental_get_plain_count() == 0
    assert float(model.scaled.seen) > 0.0
    np.testing.assert_allclose(compiled, trained(eagerly=True)[1], rtol=1e-5)


SEEN = keras.Variable(0.0)
OPS: list[Callable[[Any, Any, Any], Any]] = [
    lambda x, n, h: [SEEN.assign(n), SEEN.assign_add(n), SEEN.assign_sub(h), SEEN * n, n - SEEN],
    lambda x, n, h: [n > SEEN, ops.add(x, n), ops.maximum(h, x), ops.where(n > 2, x, -x)],
    lambda x, n, h: [ops.array([n, n + 1]), ops.stack([n, 2]), ops.cast(n, "float16"), ops.sqrt(h)],
    lambda x, n, h: [ops.one_hot(n % 3, 3), ops.cast(n > 2, "int32"), ops.clip(x, -h, h)],
    lambda x, n, h: ops.cond(n > 2, lambda: x, lambda: -x),
    lambda x, n, h: ops.fori_loop(0, n, lambda i, a: a + 1.0, x),
    lambda x, n, h: [ops.slice(x, (n % 4, 1), (2, 2)), ops.slice(x, (n + 99, 0), (4, 3))],
    lambda x, n, h: ops.slice_update(x, (n % 4, 1), ops.ones((2, 2))),
    lambda x, n, h: [tf.constant(n), tf.constant(h, tf.float64), np.float32(n), np.sqrt(h)],
]


@pytest.mark.parametrize("of_number", OPS)
def test_numbers_that_a_staged_loop_makes_go_to_keras(of_number: Any) -> None:
    def counted(x: Any) -> Any:
        n = 0
        while tf.reduce_sum(x) < 100.0:
            x = tf.abs(x) * 2.0
            n += 1
        SEEN.assign(1.0)
        return of_number(x, n, n / 2)

    made = tf.function(counted, strict=True, jit_compile=False)(X)
    for one, expected in zip(*map(keras.tree.flatten, (made, counted(X))), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6)
        assert np.asarray(one).dtype == np.asarray(expected).dtype


def test_a_layer_whose_call_cannot_be_staged_is_built_on_ones() -> None:
    class Told(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            while tf.reduce_sum(x) < 50.0:
                x = x * 2.0 + 1.0
                sums.append(float(np.asarray(x).sum()))
            return x[:, :2]

    sums: list[float] = []
    given = keras.layers.Input((4,))
    made = Told()(given)
    assert made.shape == (None, 2)
    model = keras.Sequential([Told(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    assert len(model.fit(X, Y, epochs=1, verbose=0).history["loss"]) == 1 and sums


def test_a_functional_model_has_such_a_layer() -> None:
    given = keras.layers.Input((4,))
    model = keras.Model(given, keras.layers.Dense(1)(Scaled()(given)))
    f = tf.function(model, strict=True)
    for rows in (1, 5, 8):
        np.testing.assert_allclose(f(X[:rows]), model(X[:rows]), rtol=1e-5)
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("build", [Model, lambda: keras.Sequential([keras.layers.Dense(2)])])
def test_a_model_that_is_saved_as_an_object_serves_its_call(tmp_path: Path, build: Any) -> None:
    model = build()
    expected = np.asarray(model(X))
    tf.saved_model.save(model, tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    for rows in (10, 3):
        (made,) = served(tf.constant(X[:rows])).values()
        if rows == 10:
            np.testing.assert_allclose(made, expected, rtol=1e-5)
        else:
            np.testing.assert_allclose(made, np.asarray(model(X[:rows])), rtol=1e-5)
