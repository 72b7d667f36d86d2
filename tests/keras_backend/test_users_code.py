"""What users derive from Keras's classes, or hand to them, in a compiled step of training."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras
from twofold.keras_backend import users
from twofold.runtime import carried

RNG = np.random.default_rng(0)
X = RNG.random((40, 4), np.float32)
Y = RNG.random((40, 1), np.float32)


def halved_if_large(true: Any, predicted: Any) -> Any:
    error = tf.reduce_mean((true - predicted) ** 2)
    if error > 0.3:
        return error / 2.0
    return error


class Repeated(keras.losses.Loss):
    def call(self, true: Any, predicted: Any) -> Any:
        error = halved_if_large(true, predicted)
        while error > 0.1:
            error = error * 0.9
        return error


class Counted(keras.metrics.Metric):
    def __init__(self) -> None:
        super().__init__(name="counted")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, true: Any, predicted: Any, sample_weight: Any = None) -> None:
        if tf.reduce_mean(predicted) > tf.reduce_mean(true):
            self.count.assign_add(1.0)
        else:
            self.count.assign_add(10.0)

    def result(self) -> Any:
        return self.count


def beyond(weight: Any) -> Any:
    size = tf.reduce_sum(weight * weight)
    if size > 1.0:
        return 0.1 * size
    return 0.0 * size


class Beyond(keras.regularizers.Regularizer):
    def __call__(self, weight: Any) -> Any:
        return beyond(weight)


class Shrunk(keras.constraints.Constraint):
    def __call__(self, weight: Any) -> Any:
        shrunk = weight * 1.0
        while tf.reduce_max(shrunk) > 0.5:
            shrunk = shrunk * 0.9
        return shrunk


class Bounded(keras.constraints.Constraint):
    """Gives the Variable itself, not a tensor, where there is nothing to do."""

    def __call__(self, weight: Any) -> Any:
        if tf.reduce_max(weight) > 0.3:
            return weight * 0.7
        return weight


class Careful(keras.optimizers.SGD):
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if tf.reduce_max(tf.abs(gradient)) > 0.1:
            gradient = gradient / 2.0
        super().update_step(gradient, variable, learning_rate)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step: Any) -> Any:
        if step > 2:
            return 0.01
        return 0.1


def leaky(x: Any) -> Any:
    return x * 0.5 if tf.reduce_mean(x) > 0.1 else x


def shrunk(weight: Any) -> Any:
    return weight * 0.9 if tf.reduce_max(weight) > 0.5 else weight * 1.0


class Holder:
    def leaky(self, x: Any, slope: float = 1.0) -> Any:
        return leaky(x) * slope


class Sloped:
    """Called as a function is: an activation, a loss and a metric."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, *given: Any) -> Any:
        x = given[-1] - given[0] if len(given) > 1 else given[0]
        return leaky(x * x) * self.slope


class Weighed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(*args, **kwargs)
        if loss > 0.2:
            loss = loss * 2.0
        return loss


def dense(**options: Any) -> Callable[[], Any]:
    layers = keras.layers
    return lambda: keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, **options), layers.Dense(1)]
    )


def recurrent() -> Any:
    layers = keras.layers
    cell = layers.LSTM(2, activation=leaky, recurrent_activation=leaky)
    return keras.Sequential([keras.Input((4,)), layers.Reshape((4, 1)), cell, layers.Dense(1)])


def with_function() -> Any:
    scaled = keras.layers.Lambda(lambda x: x * 2.0 if tf.reduce_max(x) > 0.5 else x)
    return keras.Sequential([keras.Input((4,)), scaled, keras.layers.Dense(1)])


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "a function for a loss": (dense(), {"loss": halved_if_large}),
    "a loss": (dense(), {"loss": Repeated()}),
    "a function for a metric": (dense(), {"metrics": [halved_if_large]}),
    "a metric": (dense(), {"metrics": [Counted]}),
    "a regularizer": (dense(kernel_regularizer=Beyond()), {}),
    "a constraint": (dense(kernel_constraint=Shrunk()), {}),
    "a constraint that may give the Variable": (dense(kernel_constraint=Bounded()), {}),
    "an optimizer": (dense(), {"optimizer": lambda: Careful(0.1)}),
    "a schedule": (dense(), {"optimizer": lambda: keras.optimizers.SGD(Falling())}),
    "the loss of a model": (Weighed, {}),
    "a Lambda": (with_function, {}),
    "a function for an activation": (dense(activation=leaky), {}),
    "a method for an activation": (dense(activation=Holder().leaky), {}),
    "a partial function": (dense(activation=functools.partial(Holder().leaky, slope=2.0)), {}),
    "an object for an activation": (dense(activation=Sloped(0.5)), {}),
    "objects for a loss and a metric": (dense(), {"loss": Sloped(0.5), "metrics": [Sloped(2.0)]}),
    "a partial object": (dense(activation=functools.partial(Sloped(0.5))), {}),
    "functions of a cell": (recurrent, {}),
    "a function for a regularizer": (dense(activity_regularizer=beyond), {}),
    "a method for a loss": (dense(), {"loss": Repeated().call}),
}


def _takes_functions() -> bool:
    """Whether weights of this version of Keras take functions besides regularizers and constraints
    of its classes."""
    try:
        keras.Variable([0.0]).constraint = shrunk
    except ValueError:
        return False
    return True


if _takes_functions():
    CASES["an object for a regularizer"] = (dense(kernel_regularizer=Sloped(0.1)), {})
    CASES["functions of a weight"] = (dense(bias_regularizer=beyond, kernel_constraint=shrunk), {})


def made_anew(x: Any) -> Any:
    """Metrics and optimizers are made for each model."""
    if isinstance(x, list):
        return [made_anew(part) for part in x]
    return x() if isinstance(x, type) or getattr(x, "__name__", "") == "<lambda>" else x


@pytest.mark.parametrize("case", CASES)
def test_control_flow_by_values_in_what_users_write_for_keras_is_staged(case: str) -> None:
    def trained(eagerly: bool) -> tuple[Any, dict[str, Any]]:
        make, options = CASES[case]
        keras.utils.set_random_seed(3)
        model = make()
        given = {"optimizer": "sgd", "loss": "mse"} | {k: made_anew(v) for k, v in options.items()}
        model.compile(**given, run_eagerly=eagerly)
        told = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
        return model, {"weights": [w.numpy() for w in model.weights], **told}

    model, compiled = trained(eagerly=False)
    step = model.train_function.step
    assert (step.experimental_get_plain_count(), step.experimental_get_tracing_count()) == (0, 1)
    keras.tree.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        compiled,
        trained(eagerly=True)[1],
    )


def test_effects_of_what_users_write_happen_once_in_each_step_in_order(capsys: Any) -> None:
    class Told(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            print("call", end=" ")
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            print("step", len(seen), end=" ")
            seen.append(1)
            made = super().train_step(data)
            print("end")
            return made

    def loss(true: Any, predicted: Any) -> Any:
        print("loss", end=" ")
        return tf.reduce_mean((true - predicted) ** 2)

    seen: list[int] = []
    model = Told()
    model(X[:8])
    model.compile("sgd", loss)
    model.evaluate(X[:8], Y[:8], verbose=0)  # what Keras finds out without data has its effects too
    capsys.readouterr()
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    assert capsys.readouterr().out.splitlines() == [f"step {i} call loss end" for i in range(5)]


def test_a_function_for_a_loss_stays_the_users(tmp_path: Any) -> None:
    model = dense()()
    model.compile("sgd", halved_if_large)
    model.fit(X, Y, epochs=2, verbose=0)
    wrapper = model._compile_loss._flat_losses[0].loss
    assert wrapper.fn is halved_if_large
    model.save(tmp_path / "m.keras")
    named = {"halved_if_large": halved_if_large}
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects=named)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_functions_stay_the_users_in_other_threads_while_one_is_traced(monkeypatch: Any) -> None:
    model = dense(activation=leaky)()
    seen: list[Any] = []

    def hooked(function: Any) -> Any:  # it is called while the step is traced
        reading = threading.Thread(target=lambda: seen.append(model.layers[0].activation))
        reading.start()
        reading.join()
        return carried.hooked(function)

    monkeypatch.setattr(users, "hooked", hooked)
    model.compile("sgd", "mse", jit_compile=True)
    model.train_on_batch(X, Y)
    assert seen and set(seen) == {leaky}
    assert model.train_function.step.experimental_get_plain_count() == 0
