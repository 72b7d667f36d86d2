"""tf.custom_gradient: the gradient that a function says, in every mode, nested, of order two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf
from twofold.ir.parser import parse
from twofold.ir.verify import verify

X = tf.constant([1.0, -2.0, 3.0])


@tf.custom_gradient
def log1pexp(x: Any) -> Any:
    e = tf.exp(x)

    def grad(g: Any) -> Any:
        return g * (1.0 - 1.0 / (1.0 + e))

    return tf.log(1.0 + e), grad


@tf.custom_gradient
def tripled(x: Any, y: Any) -> Any:
    """A gradient that is three times the true one for ``x``, and none for ``y``."""
    return (x * y, x + 1.0), lambda g, h: (3.0 * (g * y + h), None)


def gradient(f: Any, *xs: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return y, tape.gradient(y, list(xs))


def test_the_gradient_is_the_one_that_is_said() -> None:
    (found,) = same_in_every_mode(lambda x: gradient(tripled, x, x * 2.0), (X,))
    np.testing.assert_allclose(found.leaves[2], 3.0 * (2.0 * X.numpy() + 1.0))
    assert found.leaves[3] is None


def test_a_tape_around_a_compiled_function_uses_it() -> None:
    for mode, compiled in MODES.items():
        f = compiled(lambda x: log1pexp(x * 2.0) * 3.0)
        _, (g,) = gradient(f, X)
        want = gradient(lambda x: log1pexp(x * 2.0) * 3.0, X)[1][0]
        np.testing.assert_allclose(g, want, rtol=1e-5, err_msg=mode)


def test_the_gradient_of_the_gradient_is_that_of_what_it_computes() -> None:
    def f(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            _, (g,) = gradient(log1pexp, x)
        return g, outer.gradient(g, x)

    (found,) = same_in_every_mode(f, (X,))
    s = 1.0 / (1.0 + np.exp(-X.numpy()))
    np.testing.assert_allclose(found.leaves[0], s, rtol=1e-5)
    np.testing.assert_allclose(found.leaves[1], s * (1 - s), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_order_two_around_a_compiled_function(mode: str) -> None:
    f = MODES[mode](lambda x: log1pexp(x))
    with tf.GradientTape() as outer:
        outer.watch(X)
        _, (g,) = gradient(f, X)
    s = 1.0 / (1.0 + np.exp(-X.numpy()))
    np.testing.assert_allclose(outer.gradient(g, X), s * (1 - s), rtol=1e-5)


def test_custom_gradients_in_one_another() -> None:
    @tf.custom_gradient
    def outer(x: Any) -> Any:
        y = log1pexp(x)

        @tf.custom_gradient
        def first(g: Any, x: Any) -> Any:
            return g * x, lambda h: (h * 5.0, h * 7.0)

        return y * y, lambda g: first(g, x)

    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, (g,) = gradient(outer, x)
        return g, tape.gradient(g, x)

    (found,) = same_in_every_mode(f, (X,))
    np.testing.assert_allclose(found.leaves[0], X)
    np.testing.assert_allclose(found.leaves[1], np.full(3, 7.0))


def test_variables_that_the_function_reads_are_given_to_the_gradient() -> None:
    v, w = tf.Variable(2.0), tf.Variable(1.0, trainable=False)

    @tf.custom_gradient
    def f(x: Any) -> Any:
        def grad(g: Any, variables: Any = None) -> Any:
            assert [u is v for u in variables] == [True]
            return g * 10.0, [tf.sum(g) * 100.0]

        return x * v * w, grad

    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x) * 2.0
        return tape.gradient(y, [x, v])

    (found,) = same_in_every_mode(run, (X,), variables=[v, w])
    assert found.leaves[1] == 600.0


def test_a_variable_that_is_an_argument_has_its_gradient_there() -> None:
    v = tf.Variable([2.0, 3.0])

    @tf.custom_gradient
    def f(u: Any, k: Any) -> Any:
        return u * k, lambda g: (g * 10.0, None)

    def run(k: Any) -> Any:
        with tf.GradientTape() as tape:
            y = f(v, k)
        return tape.gradient(y, v)

    (found,) = same_in_every_mode(run, (tf.constant(4.0),), variables=[v])
    np.testing.assert_array_equal(found.leaves[0], [10.0, 10.0])


def test_it_holds_in_branches_and_loops() -> None:
    def f(n: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(
                lambda i, s: i < n,
                lambda i, s: (i + 1, tf.cond(i > 0, lambda: log1pexp(s), lambda: s * 2.0)),
                (0, x),
            )[1]
        return y, tape.gradient(y, x)

    same_in_every_mode(f, *[(tf.constant(n), X) for n in (0, 1, 3)])


@pytest.mark.parametrize("mode", ["eager", *MODES])
@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: x, tf.errors.ArgumentError, "its result and the function"),
        (lambda x: (x, lambda g: (g, g)), tf.errors.TapeError, "2 gradients for 1 argument"),
        (lambda x: (x, 3), tf.errors.ArgumentError, "its result and the function"),
    ],
)
def test_what_is_no_gradient_is_refused(function: Any, error: Any, words: str, mode: str) -> None:
    f = tf.custom_gradient(function)

    def run(x: Any) -> Any:
        return gradient(f, x)[1]

    with pytest.raises(error, match=words):
        (run if mode == "eager" else MODES[mode](run))(X)


def test_a_gradient_that_does_not_take_the_variables_is_refused() -> None:
    v = tf.Variable(1.0)
    f = tf.custom_gradient(lambda x: (x * v, lambda g: g))
    with pytest.raises(tf.errors.TapeError, match="`variables=`"):
        f(X)


TEXT = """graph f(%x: f32[n]) {
  %e: f32[n] = exp(%x)
  %y: f32[n] = custom(%e, %x) {own=1, wrt=(1,)}
    region gradient(%g: f32[n], %x: f32[n]) { %d = add(%g, %g) return %d }
  return %y
}"""


def test_the_text_is_read_back_and_refused_where_it_does_not_fit() -> None:
    graph = parse(TEXT)
    verify(graph)
    assert str(parse(str(graph))) == str(graph)
    for old, new in (("own=1", "own=3"), ("wrt=(1,)", "wrt=(0,)"), ("wrt=(1,)", "wrt=()")):
        with pytest.raises(tf.errors.IRSyntaxError):
            parse(TEXT.replace(old, new))
