"""Derivatives of parts of arrays at places that are values: against differences, orders one and two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.ops.windows import block_update, window

X = np.array([0.5, -1.0, 2.0, 0.3, 1.5])
STEP = 1e-5


def number(value: int) -> Any:
    return tf.constant(np.int64(value))


def part(x: Any, start: int, count: int, step: int = 1) -> Any:
    return window(x, number(start), number(count), axis=0, length=count, step=step)


def changed(x: Any, new: Any, start: int, step: int = 1) -> Any:
    return block_update(x, new, tf.constant(np.array([start])), steps=(step,))


CASES: dict[str, Callable[[Any], Any]] = {
    "a window": lambda x: tf.sum(part(x, 1, 3) ** 3),
    "every other element": lambda x: tf.sum(part(x, 0, 3, 2) ** 3),
    "backwards": lambda x: tf.sum(part(x, 4, 3, -2) ** 3 * tf.constant([1.0, 2.0, 3.0])),
    "an empty window": lambda x: tf.sum(part(x, 4, 0) ** 3) + tf.sum(x * x),
    "windows that overlap": lambda x: tf.sum(part(x, 0, 3) * part(x, 1, 3) ** 2),
    "an update": lambda x: tf.sum(changed(x * x, part(x, 0, 2) ** 3, 2) ** 2),
    "an update with a step": lambda x: tf.sum(changed(x * x, part(x, 0, 2) ** 3, 1, 3) ** 2),
    "an update of everything": lambda x: tf.sum(changed(x * x, x**3, 0) ** 2),
}


def differences(function: Callable[[Any], Any], x: Any) -> Any:
    steps = STEP * np.eye(len(x))
    return np.array([(function(x + s) - function(x - s)) / (2 * STEP) for s in steps])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("compiled", [False, True])
def test_derivatives_of_windows_are_the_limits_of_differences(name: str, compiled: bool) -> None:
    function = tf.function(CASES[name], jit_compile=True) if compiled else CASES[name]
    weights = np.arange(1.0, 6.0)

    def first(given: Any) -> Any:
        x = tf.constant(given)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x).numpy()

    def second(given: Any) -> Any:
        x = tf.constant(given)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            weighted = tf.sum(inner.gradient(y, x) * tf.constant(weights))
        return outer.gradient(weighted, x).numpy()

    def value(given: Any) -> float:
        return float(CASES[name](tf.constant(given)))

    np.testing.assert_allclose(first(X), differences(value, X), rtol=1e-6, atol=1e-6)
    slopes = differences(lambda given: first(given) @ weights, X)
    np.testing.assert_allclose(second(X), slopes, rtol=1e-6, atol=1e-5)
