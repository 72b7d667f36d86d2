"""Gradients where sizes change from trip to trip, or from branch to branch: what eager tapes give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


def loop(trips: int, body: Callable[[Any, Any], Any], x: Any) -> Any:
    """The last state of a loop that counts; its rows may become more or fewer."""
    start = (tf.constant(0), x)
    return tf.while_loop(lambda i, y: i < trips, lambda i, y: (i + 1, body(i, y)), start,
                         shape_invariants=((), [None, 2]))[1]  # fmt: skip


def growing(x: Any, w: Any) -> Any:
    return loop(3, lambda i, y: tf.concat([tf.sin(y), y * w], 0), x)


def shrinking(x: Any, w: Any) -> Any:
    return loop(2, lambda i, y: tf.sin(y[1:]) * w, x)


def branches(x: Any, w: Any) -> Any:
    return tf.cond(tf.sum(x) > 0, lambda: tf.concat([tf.sin(x), x * w], 0), lambda: x * x)


def the_other_branch(x: Any, w: Any) -> Any:
    return tf.cond(tf.sum(x) < 0, lambda: tf.concat([tf.sin(x), x * w], 0), lambda: x * x * w)


def a_branch_in_a_loop(x: Any, w: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        return tf.cond(tf.equal(i, 1), lambda: tf.concat([y, tf.sin(y) * w], 0),
                       lambda: tf.cos(y) * w)  # fmt: skip

    return loop(3, body, x)


def a_loop_in_a_branch(x: Any, w: Any) -> Any:
    return tf.cond(tf.sum(x) > 0, lambda: tf.sum(growing(x, w) ** 2, axis=0), lambda: w)


FORMS = [growing, shrinking, branches, the_other_branch, a_branch_in_a_loop, a_loop_in_a_branch]


def derivatives(function: Callable[[Any, Any], Any]) -> list[Any]:
    """The gradients of a sum of squares, and of the sum of their cubes."""
    xs = [tf.constant([[0.3, 0.5], [0.2, 0.9], [1.1, 0.4]], dtype="float64"),
          tf.constant([0.3, 1.2], dtype="float64")]  # fmt: skip
    with tf.GradientTape() as outer:
        outer.watch(xs)
        with tf.GradientTape() as inner:
            inner.watch(xs)
            y = function(*xs)
            total = tf.sum(y * y)
        first = inner.gradient(total, xs)
        total = sum(tf.sum(g * g * g) for g in first if g is not None)
    return [*first, *outer.gradient(total, xs)]


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_gradients_around_a_compiled_function_are_those_of_eager_code(form: Any) -> None:
    found = derivatives(tf.function(form, jit_compile=False))
    for a, b in zip(found, derivatives(form), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8)
