"""Objects of other libraries that say which tensor, or which Variable, they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf


class Weight:
    """A weight of a library, over a Variable; NumPy would lose its gradient."""

    def __init__(self, value: Any) -> None:
        self.variable = tf.Variable(value)

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        return self.variable.read_value()

    def __tf_variable__(self) -> Any:
        return self.variable

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise AssertionError("asked as an array")


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function(strict=True)])
def test_operations_and_tapes_take_the_tensor_behind_an_object(wrap: Any) -> None:
    weight = Weight([1.0, 2.0])

    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(weight)
            y = tf.reduce_sum(x * weight * weight) + tf.reduce_sum(tf.stack([x, weight]))
        return y, tape.gradient(y, [weight])

    y, (gradient,) = wrap(f)(tf.constant([3.0, 4.0]))
    assert float(y) == 29.0
    np.testing.assert_array_equal(gradient, [7.0, 17.0])


def test_a_tensor_of_the_object_is_asked_for_by_convert_to_tensor() -> None:
    np.testing.assert_array_equal(tf.convert_to_tensor(Weight([1.0])), [1.0])
