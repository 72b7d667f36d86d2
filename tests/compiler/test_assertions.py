"""tf.debugging's assertions on values, in compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import twofold as tf

check = tf.debugging
COUNT = tf.Variable(0.0)


def positive(x: Any) -> Any:
    check.assert_positive(x)
    return x * 2


def with_words(x: Any) -> Any:
    check.assert_equal(x, tf.abs(x), message="a size")
    return x


def in_a_loop(x: Any) -> Any:
    for i in tf.range(3):
        check.assert_less(x[i], 10.0)
        x = x + 1
    return x


def in_a_branch(x: Any) -> Any:
    if tf.reduce_sum(x) > 0:
        check.assert_non_negative(x)
    return x


def caught(x: Any) -> Any:
    try:
        check.assert_greater(x, 0.0)
    except AssertionError:
        return -x
    return x


def finite(x: Any) -> Any:
    return check.check_numerics(x / x, "the ratio")


def near(x: Any) -> Any:
    check.assert_near(x, x * (1 + 1e-9))
    check.Assert(tf.reduce_all(x > -5), ["too low"])
    return tf.reduce_sum(x)


def under_a_tape(x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        check.assert_positive(x)
        y = tf.reduce_sum(x**2)
    return tape.gradient(y, x)


def counted(x: Any) -> Any:
    check.assert_none_equal(x, 0.0)
    COUNT.assign_add(1.0)
    return x


def _outcome(function: Callable[[Any], Any], x: Any) -> Any:
    COUNT.assign(0.0)
    try:
        made = function(x).tolist()
    except AssertionError as error:
        made = str(error)
    return made, COUNT.item()


@pytest.mark.parametrize(
    "program",
    [positive, with_words, in_a_loop, in_a_branch, caught, finite, near, under_a_tape, counted],
)
def test_an_assertion_is_part_of_the_graph_and_raises_what_it_raises_eagerly(
    program: Callable[[Any], Any],
) -> None:
    compiled = tf.function(program, strict=True)
    for given in (
        [1.0, 2.0, 3.0],
        [1.0, -2.0, 3.0],
        [0.0, 0.0, 0.0],
        [9.0, 8.0, 1.0],
        [-9.0, 1.0, 1.0],
    ):
        x = tf.constant(given)
        assert _outcome(compiled, x) == _outcome(program, x)
    assert compiled.experimental_get_tracing_count() == 1
