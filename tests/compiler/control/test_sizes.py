"""Sizes that change from trip to trip, and what stands behind a loop or a branch that makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf
from twofold.ir.errors import IRSyntaxError
from twofold.ir.parser import parse
from twofold.ir.verify import verify

X = tf.constant([[1.0, 2.0], [3.0, 4.0]])
CALLS = [(tf.constant(n), X) for n in (0, 1, 4)]


def grown(n: Any, x: Any) -> Any:
    def body(i: Any, s: Any) -> Any:
        return i + 1, tf.concat([s, x * tf.cast(i, tf.float32)], axis=0)

    return tf.while_loop(lambda i, s: i < n, body, (0, x))[1]


def test_a_state_that_grows_and_what_is_computed_of_it() -> None:
    def f(n: Any, x: Any) -> Any:
        s = grown(n, x)
        return s * 2.0, tf.mean(s, axis=0), tf.transpose(s) @ s, tf.zeros_like(s), tf.sum(s)

    same_in_every_mode(f, *CALLS)
    compiled = tf.function(f)
    for call in CALLS:
        compiled(*call)
    assert compiled.experimental_get_tracing_count() == 1
    verify(compiled.graph(*CALLS[0]))


def test_branches_of_different_sizes() -> None:
    def f(n: Any, x: Any) -> Any:
        s = tf.cond(n > 1, lambda: grown(n, x), lambda: x[:1])
        return tf.cond(n > 0, lambda: s + 1.0, lambda: s), tf.sum(s)

    same_in_every_mode(f, *CALLS)


def test_a_loop_that_grows_inside_of_others() -> None:
    def f(n: Any, x: Any) -> Any:
        def body(i: Any, t: Any) -> Any:
            return i + 1, t + tf.sum(grown(i, x)) * tf.sum(tf.ones_like(grown(i + 1, x)))

        return tf.while_loop(lambda i, t: i < n, body, (0, 0.0))[1]

    same_in_every_mode(f, *CALLS)


def test_where_a_size_is_needed_the_function_runs_as_plain_python() -> None:
    def f(n: Any, x: Any) -> Any:
        s = grown(n, x)
        return s[1:], int(s.shape[0]), s + tf.ones((1, 2)), tf.max(s, axis=0), tf.reshape(s, (-1,))

    same_in_every_mode(f, *CALLS)


@pytest.mark.parametrize("mode", ["inside", *MODES])
def test_gradients_where_sizes_change_inside_and_around(mode: str) -> None:
    def gradient(grow: Any, n: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.sum(grow(n, x) ** 2)
        return tape.gradient(total, x)

    if mode == "inside":
        same_in_every_mode(lambda n, x: gradient(grown, n, x), *CALLS)
        return
    compiled = MODES[mode](grown)
    for n, x in CALLS:
        np.testing.assert_allclose(gradient(compiled, n, x), gradient(grown, n, x), rtol=1e-5)


def test_random_numbers_for_every_row_there_is() -> None:
    g = tf.random.Generator.from_seed(4)

    def f(n: Any, x: Any) -> Any:
        s = grown(n, x)
        return s + g.normal(s.shape)

    same_in_every_mode(f, *CALLS, variables=[g.state])


BRANCHES = """graph f(%p: bool[], %x: f32[n], %y: f32[m]) {
  %z: f32[k] = cond(%p, %x, %y)
    region then(%x: f32[n], %y: f32[m]) { return %x }
    region else_(%x: f32[n], %y: f32[m]) { return %y }
  %s: f32[k] = exp(%z)
  return %s
}"""


def test_the_text_of_branches_of_different_sizes() -> None:
    graph = parse(BRANCHES)
    verify(graph)
    assert str(parse(str(graph))) == str(graph)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("%z: f32[k]", "%z: f32[n]", "a size that the node makes"),
        ("%z: f32[k]", "%z: f32[2*k]", "the outputs of region then"),
        ("%z: f32[k]", "%z: f32[k,k]", "the outputs of region then"),
    ],
)
def test_a_size_that_differs_needs_a_symbol_of_its_own(old: str, new: str, reason: str) -> None:
    with pytest.raises((IRSyntaxError, tf.errors.VerifyError), match=reason):
        verify(parse(BRANCHES.replace(old, new).replace("%s: f32[k]", "%s")))
