"""An object that is no operand answers by its reflected method, as beside Python's numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


class Pair:
    """Two numbers; says who asked."""

    def __init__(self, first: Any, second: Any) -> None:
        self.parts = first, second

    def __radd__(self, other: Any) -> Any:
        return Pair(*(other + part for part in self.parts))

    def __rmatmul__(self, other: Any) -> Any:
        return "product", other

    def __gt__(self, other: Any) -> Any:
        return self.parts[0] > other

    def __eq__(self, other: Any) -> Any:
        return "equal"

    def __mul__(self, other: Any) -> Any:
        return NotImplemented

    __rmul__ = __mul__


def sums(x: Any, pair: Any) -> Any:
    first, second = (x + pair).parts
    return first, second, x < pair


@pytest.mark.parametrize("compiled", [False, True])
def test_the_reflected_method_computes_and_has_gradients(compiled: bool) -> None:
    run = tf.function(sums, strict=True) if compiled else sums
    x = tf.Variable([1.0, 2.0])
    for second in (3.0, 4.0):
        pair = Pair(tf.constant(2.0), second)
        with tf.GradientTape() as tape:
            first, other, less = run(x, pair)
            total = tf.reduce_sum(first * other)
        assert np.array_equal(first, [3, 4]) and np.array_equal(less, [True, False])
        assert np.array_equal(other, np.array([1, 2]) + second)
        assert np.array_equal(tape.gradient(total, x), np.array([4, 6]) + second)


def test_products_of_matrices_and_equality_are_answered_too() -> None:
    x = tf.ones((2, 2))
    kind, other = x @ Pair(1, 2)
    assert kind == "product" and other is x
    assert (x == Pair(1, 2)) == "equal"


class WithArray(Pair):
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 1.0], dtype)


def test_an_object_that_can_become_a_tensor_is_an_operand() -> None:
    assert isinstance(tf.ones(2) + WithArray(1, 2), tf.Tensor)


@pytest.mark.parametrize("function", [operator.mul, operator.sub, operator.ge])
@pytest.mark.parametrize("other", [Pair(1, 2), object(), np.array(["a"]), [object()]])
def test_who_has_no_answer_is_refused(function: Callable[..., Any], other: Any) -> None:
    with pytest.raises(TypeError):
        function(tf.ones(2), other)
    with pytest.raises(TypeError):
        tf.function(function)(tf.ones(2), other)
