"""``tf.autodiff.ForwardAccumulator``: derivatives along a direction, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X, V = np.array([0.5, 2.0, -1.5]), np.array([1.0, -2.0, 0.5])


def _loop(x: Any) -> Any:
    y = x
    for _ in tf.range(3):
        y = y * x
    return y


def _branch(x: Any) -> Any:
    return tf.exp(x) if tf.reduce_sum(x) > 0 else tf.sin(x)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "power": lambda x: x**3,
    "a scalar": lambda x: tf.reduce_sum(tf.sin(x) * x),
    "a matrix": lambda x: tf.tensordot(x, tf.exp(x), 0),
    "order": lambda x: tf.sort(x) * tf.cumsum(x),
    "a loop": _loop,
    "a branch": _branch,
    "a part": lambda x: tf.concat([x[1:], x[:1] * 2.0], 0),
}


def _forward(f: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def run(x: Any, v: Any) -> Any:
        with tf.autodiff.ForwardAccumulator(x, v) as acc:
            y = f(x)
        return acc.jvp(y)

    return run


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_change_along_the_direction(name: str, compiled: bool) -> None:
    f, h = FUNCTIONS[name], 1e-6
    run = tf.function(_forward(f), jit_compile=False) if compiled else _forward(f)
    found = run(tf.constant(X), tf.constant(V)).numpy()
    ahead, behind = (f(tf.constant(X + s * h * V)).numpy() for s in (1, -1))
    np.testing.assert_allclose(found, (ahead - behind) / (2 * h), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("compiled", [False, True])
def test_hessians_times_vectors(compiled: bool) -> None:
    def inner(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x**3)
        return tape.gradient(y, x)

    run = tf.function(_forward(inner), jit_compile=False) if compiled else _forward(inner)
    np.testing.assert_allclose(run(tf.constant(X), tf.constant(V)).numpy(), 6 * X * V)
    twice = _forward(lambda x: _forward(lambda z: z**4)(x, tf.constant(V)))
    np.testing.assert_allclose(twice(tf.constant(X), tf.constant(V)).numpy(), 12 * X**2 * V**2)


def test_variables_containers_and_what_does_not_depend() -> None:
    v = tf.Variable([1.0, 2.0])
    x = tf.constant(3.0)
    tangents = {"v": tf.constant([1.0, 0.0]), "x": [tf.constant(2.0)]}
    with tf.autodiff.ForwardAccumulator({"v": v, "x": [x]}, tangents) as acc:
        y, z = v * v + x, tf.constant([1.0])
    found = acc.jvp((y, [z]))
    assert found[0].numpy().tolist() == [4.0, 2.0] and found[1] == [None]
    zeros = acc.jvp(z, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros.numpy().tolist() == [0.0]


def test_holomorphic_functions_are_differentiated_along_complex_directions() -> None:
    z, d = tf.constant([1 + 2j, 3.0], tf.complex128), tf.constant([1j, 1.0], tf.complex128)
    np.testing.assert_allclose(_forward(tf.exp)(z, d).numpy(), (tf.exp(z) * d).numpy())


def test_tangents_that_do_not_fit() -> None:
    x = tf.constant([1.0, 2.0])
    with pytest.raises(tf.errors.ShapeError, match="tangent of shape"):
        tf.autodiff.ForwardAccumulator(x, tf.constant([1.0]))
    with pytest.raises(tf.errors.ArgumentError, match="tangent of dtype int32"):
        tf.autodiff.ForwardAccumulator(x, tf.constant([1, 0]))
    with pytest.raises(tf.errors.ArgumentError, match="structure"):
        tf.autodiff.ForwardAccumulator([x], x)


def test_a_cotangent_that_is_zero_has_a_derivative_of_its_own() -> None:
    x, w = tf.constant([1.0, 2.0]), tf.constant([0.0, 0.0])
    with tf.GradientTape() as outer:
        outer.watch(w)
        with tf.GradientTape() as middle:
            middle.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(x**3)
            slope = inner.gradient(y, x)
        bend = middle.gradient(slope, x, output_gradients=w)
    np.testing.assert_allclose(outer.gradient(bend, w).numpy(), [6.0, 12.0])
