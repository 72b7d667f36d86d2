"""Tapes inside, around and across tf.cond and tf.while_loop: what eager tapes give, to order two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.modes import same_in_every_mode

import twofold as tf


class State:
    """Variables and a constant that bodies use, fresh for each run."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.v = tf.Variable(rng.normal(size=3))
        self.w = tf.Variable(rng.normal(size=(3, 3)) * 0.5)
        self.c = tf.constant(rng.normal(size=3))
        self.trips = tf.Variable(np.int32(3), trainable=False)


def loop(trips: Any, body: Callable[[Any, Any], Any], x: Any) -> Any:
    """The last state of a loop that counts."""
    start = (tf.constant(0), x)
    return tf.while_loop(lambda i, y: i < trips, lambda i, y: (i + 1, body(i, y)), start)[1]


def a_branch_takes_a_variable(s: State, x: Any) -> Any:
    return tf.cond(tf.sum(x) > 0, lambda: x * s.v, lambda: s.c * x)


def the_other_branch_takes_it(s: State, x: Any) -> Any:
    return tf.cond(tf.sum(x) < 0, lambda: x * s.v, lambda: s.c * x)


def _assigning(s: State, x: Any) -> Any:
    y = s.v * x
    s.v.assign(s.v * 2.0 + x)
    return y * s.v


def a_branch_assigns(s: State, x: Any) -> Any:
    return s.v * tf.cond(tf.sum(x) > 0, lambda: _assigning(s, x), lambda: s.c * x)


def the_other_branch_assigns(s: State, x: Any) -> Any:
    return s.v * tf.cond(tf.sum(x) < 0, lambda: _assigning(s, x), lambda: s.c * x)


def a_loop_takes_captured_values(s: State, x: Any) -> Any:
    return loop(s.trips, lambda i, y: tf.tanh(tf.matmul(s.w, y[:, None])[:, 0]) + s.c, x)


def a_loop_assigns(s: State, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        s.v.assign(s.v * y + 0.1)
        return y * s.v

    return loop(3, body, x) * s.v


def a_loop_reads_and_assigns(s: State, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        z = y * s.v
        s.v.assign(s.v * 0.5 + y)
        return z + s.v

    return loop(3, body, x)


def a_branch_in_a_loop_assigns(s: State, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        def one() -> Any:
            s.v.assign(s.v * 0.5 + y)
            return y * s.v

        return tf.cond(tf.equal(i, 1), one, lambda: y + s.v)

    return loop(3, body, x) * s.v


def a_loop_without_trips(s: State, x: Any) -> Any:
    return loop(0, lambda i, y: y * s.v, x)


def a_loop_in_a_loop(s: State, x: Any) -> Any:
    return loop(4, lambda i, y: loop(i, lambda j, z: tf.sin(z) * s.v, y) + s.c, x)


def a_loop_in_a_branch_in_a_loop(s: State, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        return tf.cond(i > 1, lambda: loop(i, lambda j, z: tf.sin(z) * s.v, y), lambda: y * y)

    return loop(4, body, x)


def a_tape_in_the_body(s: State, x: Any) -> Any:
    def body(i: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(y)
            energy = tf.sum(y * y * y * s.v)
        return y - 0.1 * tape.gradient(energy, y)

    return loop(3, body, x)


def a_tape_across(s: State, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = loop(3, lambda i, y: tf.sin(y) * s.v, x)
        y = tf.cond(tf.sum(y) > 0, lambda: y * y, lambda: -y * y * y)
    by_x, by_v = tape.gradient(y, [x, s.v])
    return by_x + by_v


def a_gradient_in_a_branch(s: State, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sin(x) * s.v
    return tf.cond(tf.sum(x) > 0, lambda: tape.gradient(y, x), lambda: x)


def a_branch_that_would_be_nan(s: State, x: Any) -> Any:
    return tf.cond(tf.sum(x) > -1e9, lambda: x * x, lambda: tf.sqrt(x - 1e9) * s.v)


def whole_numbers_as_state(s: State, x: Any) -> Any:
    state = (tf.constant(0), tf.constant(True), x, x)

    def body(i: Any, flag: Any, y: Any, same: Any) -> Any:
        return i + 1, tf.logical_not(flag), tf.where(flag, y * s.v, tf.sin(y) + same), same

    out = tf.while_loop(lambda i, *rest: i < 4, body, state)
    return out[2] * out[3]


FORMS = [
    a_branch_takes_a_variable, the_other_branch_takes_it, a_branch_assigns,
    the_other_branch_assigns, a_loop_takes_captured_values, a_loop_assigns,
    a_loop_reads_and_assigns, a_branch_in_a_loop_assigns, a_loop_without_trips, a_loop_in_a_loop,
    a_loop_in_a_branch_in_a_loop, a_tape_in_the_body, a_tape_across, a_gradient_in_a_branch,
    a_branch_that_would_be_nan, whole_numbers_as_state,
]  # fmt: skip


def derivatives(s: State, function: Callable[[Any], Any]) -> list[Any]:
    """The value, the gradients of its squares, and those of the squares of these."""
    x = tf.constant([0.5, 1.2, 0.3], dtype="float64")
    sources = [x, s.v, s.w, s.c]
    with tf.GradientTape() as outer:
        outer.watch([x, s.c])
        with tf.GradientTape() as inner:
            inner.watch([x, s.c])
            y = function(x)
            total = tf.sum(y * y)
        first = inner.gradient(total, sources)
        total = sum(tf.sum(g * g) for g in first if g is not None)
    return [y, *first, *outer.gradient(total, sources)]


def assert_same(found: list[Any], want: list[Any]) -> None:
    """Equal; what does not depend on a source in this run may have the gradient zero."""
    for a, b in zip(found, want, strict=True):
        if b is None:
            assert a is None or not a.numpy().any()
        elif a is None:
            assert not b.numpy().any()
        else:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", ["around", "inside"])
def test_gradients_are_those_of_eager_code(form: Any, place: str) -> None:
    eager, state = State(), State()
    want = derivatives(eager, lambda x: form(eager, x))
    if place == "around":
        compiled = tf.function(lambda x: form(state, x), jit_compile=False)
        found = derivatives(state, compiled)
    else:
        found = tf.function(lambda: derivatives(state, lambda x: form(state, x)))()
    assert_same(found, want)
    np.testing.assert_allclose(state.v.numpy(), eager.v.numpy(), rtol=1e-12)


def test_a_branch_that_is_not_taken_gives_zeros() -> None:
    @tf.function
    def f(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            z = tf.cond(x > 0, lambda: x * 2.0, lambda: tf.log(y) / y)
        return tape.gradient(z, [x, y])

    by_x, by_y = f(tf.constant(1.0), tf.constant(0.0))
    assert (by_x.item(), by_y.item()) == (2.0, 0.0)


def test_what_no_branch_uses_has_no_gradient() -> None:
    @tf.function
    def f(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            z = tf.cond(x > 0, lambda: (x * 2.0, y * 1.0), lambda: (x, y * y))[0]
        return tape.gradient(z, [x, y])

    assert f(tf.constant(1.0), tf.constant(0.0))[1] is None


def _rows(x: Any, w: Any, n: Any) -> Any:
    return tf.foldl(lambda a, row: a * w + row, tf.zeros((5,))[:n], initializer=x)


def _stacks(x: Any, w: Any, n: Any) -> Any:
    return x + tf.sum(tf.scan(lambda a, row: a * w + row, tf.zeros((5,))[:n], initializer=x))


def _trips(x: Any, w: Any, n: Any) -> Any:
    return tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * w), (0, x))[1]


def _at_most(x: Any, w: Any, n: Any) -> Any:
    start = {"i": 0, "y": x}
    body = lambda s: ({"i": s["i"] + 1, "y": s["y"] * w},)  # noqa: E731
    return tf.while_loop(lambda s: True, body, (start,), maximum_iterations=n)[0]["y"]


@pytest.mark.parametrize("loop", [_rows, _stacks, _trips, _at_most])
@pytest.mark.parametrize("trips", [0, 2])
def test_a_loop_without_trips_has_the_sources_of_any_other(loop: Any, trips: int) -> None:
    v = tf.Variable(0.5)

    def f(x: Any, w: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch([x, w])
            with tf.GradientTape() as tape:
                tape.watch([x, w])
                y = loop(x * 1.0, w * v, trips)
            found = tape.gradient(y, [x, w, v])
            total = found[0] + found[1] + found[2]
        return y, found, outer.gradient(total, [x, w, v])

    (eager,) = same_in_every_mode(f, (tf.constant(2.0), tf.constant(3.0)), variables=[v])
    assert eager.error is None and None not in eager.leaves
    if not trips:
        assert [x.item() for x in eager.leaves[1:4]] == [1.0, 0.0, 0.0]


def test_a_body_that_makes_no_trip_changes_nothing() -> None:
    calls: list[int] = []

    def body(i: Any, y: Any) -> Any:
        calls.append(1)
        return i + 1, y * y

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.while_loop(lambda i, y: i < 0, body, (0, x))[1]
    assert tape.gradient(y, x).item() == 1.0
    assert tf.foldl(lambda a, r: body(a, r)[0], tf.zeros((0,)), initializer=x).item() == 3.0
    assert calls == []
    with pytest.raises(tf.errors.StagingError, match="there is no row"):
        tf.map_fn(lambda row: body(row, row)[0], tf.zeros((0,)))
