"""What only a branch uses that was not taken has the gradient zero, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X, Y = tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])
YES, NO = tf.constant(True), tf.constant(False)


def by_cond(p: Any, x: Any, y: Any) -> Any:
    return tf.cond(p, lambda: x * 2.0, lambda: y * 3.0)


def by_case(p: Any, x: Any, y: Any) -> Any:
    return tf.case([(p, lambda: x * 2.0)], default=lambda: y * 3.0)


def by_index(p: Any, x: Any, y: Any) -> Any:
    index = tf.cast(p, tf.int32)
    return tf.switch_case(index, [lambda: y * 3.0, lambda: x * 2.0, lambda: x * y])


def in_a_branch(p: Any, x: Any, y: Any) -> Any:
    return tf.cond(p, lambda: tf.cond(p, lambda: x * 2.0, lambda: y), lambda: x)


def behind_other_steps(p: Any, x: Any, y: Any) -> Any:
    u, v = tf.tanh(x), tf.sin(y)
    return tf.exp(tf.cond(p, lambda: u * 2.0, lambda: v * 3.0)) + 1.0


def gradients(f: Callable[..., Any], p: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        tape.watch([X, Y])
        z = f(p, X, Y)
    return list(tape.gradient(z, [X, Y]))


@pytest.mark.parametrize(
    "f", [by_cond, by_case, by_index, in_a_branch, behind_other_steps], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("p", [YES, NO])
def test_both_modes_give_the_same(f: Any, p: Any) -> None:
    eager = gradients(f, p)
    for found in (tf.function(lambda p: gradients(f, p))(p), gradients(tf.function(f), p)):
        for have, want in zip(found, eager, strict=True):
            np.testing.assert_allclose(have.numpy(), want.numpy(), rtol=1e-6)
    assert any(not g.numpy().any() for g in eager)


def test_a_variable_that_only_the_other_branch_reads() -> None:
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(X)
        z = tf.cond(YES, lambda: X * 2.0, lambda: X * v)
        unused = X * 3.0
    np.testing.assert_array_equal(tape.gradient(z, v).numpy(), [0.0, 0.0])
    assert tape.gradient(unused, v) is None
    assert tape.jacobian(z, v).numpy().shape == (2, 2)


def test_the_other_branch_does_nothing() -> None:
    seen: list[int] = []

    def other() -> Any:
        seen.append(1)
        return Y * 3.0

    def failing() -> Any:
        raise ValueError("not taken")

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([X, Y])
        a = tf.cond(YES, lambda: X * 2.0, other)
        b = tf.cond(YES, lambda: X * 2.0, failing)
    assert tape.gradient(a, Y) is None  # no trace can take what changes objects
    assert tape.gradient(b, Y) is None
    assert not seen


def stopped(p: Any, x: Any, y: Any) -> Any:
    return tf.cond(p, lambda: x * 2.0, lambda: x * tf.stop_gradient(y))


def compared(p: Any, x: Any, y: Any) -> Any:
    return tf.cond(p, lambda: x * 2.0, lambda: tf.where(y > 0.0, x, -x))


@pytest.mark.parametrize("f", [stopped, compared], ids=lambda f: f.__name__)
def test_what_no_gradient_goes_through_is_none(f: Any) -> None:
    for p in (YES, NO):
        assert gradients(f, p)[1] is None
        assert tf.function(lambda p: gradients(f, p))(p)[1] is None
