"""tf.while_loop in compiled functions: the same as in eager code."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from support.modes import same_in_every_mode

import twofold as tf
from twofold.ir.verify import verify

X = tf.constant([1.0, -2.0])
Point = namedtuple("Point", "x y")


@dataclass
class Box:
    value: Any
    name: str = "box"


def trips(*counts: int) -> list[tuple[Any]]:
    return [(tf.constant(n),) for n in counts]


def test_the_number_of_trips_is_known_when_it_runs() -> None:
    def f(n: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s * 1.5 + x), [0, x])

    same_in_every_mode(f, *[(n, X) for (n,) in trips(0, 1, 5)])
    compiled = tf.function(f)
    compiled(tf.constant(3), X), compiled(tf.constant(4), X)
    assert compiled.experimental_get_tracing_count() == 1
    verify(compiled.graph(tf.constant(3), X))


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ({"a": 1.0, "b": [2, X]}, lambda s: {"a": s["a"] + 1, "b": [s["b"][0] * 2, s["b"][1] + 1.0]}),
        (Point(1.0, (2, None)), lambda s: Point(s.x * 2.0, (s.y[0] + 1, None))),
        (Box(X), lambda s: Box(s.value * 2.0)),
        ([], lambda s: []),
        (np.arange(3), lambda s: s * 2),
    ],
)  # fmt: skip
def test_state_has_any_structure(state: Any, step: Any) -> None:
    def f(n: Any) -> Any:
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, step(s)), (0, state))

    same_in_every_mode(f, *trips(0, 3))


def test_a_single_state_may_come_without_a_container() -> None:
    def f(n: Any) -> Any:
        return tf.while_loop(lambda i: i < n, lambda i: i + 2, [0])

    (found, _) = same_in_every_mode(f, *trips(3, 0))
    assert found.structure.kind is list


def test_maximum_iterations_bounds_the_trips() -> None:
    def f(n: Any, most: Any) -> Any:
        return tf.while_loop(
            lambda i: i < n, lambda i: (i + 1,), [0], maximum_iterations=most,
            shape_invariants=None, parallel_iterations=1, back_prop=False, swap_memory=True, name="l",
        )  # fmt: skip

    calls = [(n, most) for (n,) in trips(0, 9) for most in (0, 4, tf.constant(2))]
    same_in_every_mode(f, *calls)


@pytest.mark.parametrize("more", [True, False, 1, np.False_])
def test_maximum_iterations_bounds_a_loop_whose_condition_is_no_tensor(more: Any) -> None:
    def f(most: Any) -> Any:
        return tf.while_loop(lambda i: more, lambda i: (i + 1,), [0], maximum_iterations=most)

    same_in_every_mode(f, *trips(3, 0))


def test_variables_tensors_and_arrays_around_a_loop_are_written_in_it() -> None:
    v, w = tf.Variable(1.0), tf.Variable([1.0, 2.0])

    def f(n: Any, x: Any, a: Any) -> Any:
        before = v.read_value()
        y = x * 1.0
        b = np.zeros(2, np.float32)

        def body(i: Any, s: Any) -> Any:
            v.assign_add(s + before)
            y[0] = y[0] + v
            b[1] += 1.0
            return i + 1, s + tf.sum(w) + tf.sum(y) + a[0]

        found = tf.while_loop(lambda i, s: (i < n) & (v < 1e6), body, (0, 0.5))
        w.assign(w * v)
        return found, y, b * 2, v + before

    a = np.array([1.0, 2.0], np.float32)
    same_in_every_mode(f, *[(n, X, a) for (n,) in trips(0, 1, 4)], variables=[v, w])


def test_a_variable_that_is_only_assigned_in_a_loop() -> None:
    v = tf.Variable(1.0)

    def f(n: Any) -> Any:
        def body(i: Any) -> Any:
            v.assign(tf.cast(i, tf.float32))
            return i + 1

        return tf.while_loop(lambda i: i < n, body, [0]), v * 2.0

    same_in_every_mode(f, *trips(0, 3), variables=[v])


def test_a_test_that_changes_state_runs_once_more_than_the_body() -> None:
    v, g = tf.Variable(0), tf.random.Generator.from_seed(2)

    def f(n: Any) -> Any:
        def test(i: Any) -> Any:
            v.assign_add(1)
            return (i < n) & (g.uniform(()) < 0.9)

        return tf.while_loop(test, lambda i: i + 1, [0]), v + 0

    same_in_every_mode(f, *trips(0, 30), variables=[v, g.state])


def test_an_error_in_the_body_leaves_the_state_of_the_trips_before() -> None:
    v = tf.Variable(0)

    def f(n: Any, d: Any) -> Any:
        def body(i: Any, s: Any) -> Any:
            v.assign_add(1)
            s = s // (d - i)
            v.assign_add(10)
            return i + 1, s

        return tf.while_loop(lambda i, s: i < n, body, (0, 64)), v + 0

    five = tf.constant(5)
    (fine, raised) = same_in_every_mode(
        f, (five, tf.constant(7)), (five, tf.constant(3)), variables=[v]
    )
    assert fine.error is None
    assert isinstance(raised.error, tf.errors.IntegerDivisionError)
    assert raised.state[0] == 34


def test_loops_in_loops_and_branches_with_random_numbers() -> None:
    v, g = tf.Variable(1.0), tf.random.Generator.from_seed(5)

    @tf.function
    def draw(x: Any) -> Any:
        v.assign(v * 1.1)
        return x + g.normal(())

    def f(n: Any, x: Any) -> Any:
        def inner(i: Any, s: Any) -> Any:
            def rows(j: Any, t: Any) -> Any:
                return j + 1, tf.cond(t > v, lambda: draw(t), lambda: t + tf.cast(i, tf.float32))

            return i + 1, tf.while_loop(lambda j, t: j < i, rows, (0, s))[1] * v

        return tf.cond(
            n > 2,
            lambda: tf.while_loop(lambda i, s: i < n, inner, (0, x)),
            lambda: (n, x - v),
        )

    calls = [(n, tf.constant(0.5)) for (n,) in trips(0, 3, 6)]
    same_in_every_mode(f, *calls, variables=[v, g.state])


def test_a_write_to_the_state_reaches_no_name_outside() -> None:
    def f(n: Any, x: Any) -> Any:
        x = x * 1.0

        def body(i: Any, s: Any) -> Any:
            s[0] = s[0] + 1.0
            return i + 1, s

        return tf.while_loop(lambda i, s: i < n, body, [0, x])[1], x

    same_in_every_mode(f, *[(n, X) for (n,) in trips(0, 3)])


@pytest.mark.parametrize(
    ("start", "step", "error", "words"),
    [
        (0.0, lambda s: tf.cast(s, tf.float64), tf.errors.DTypeError, r"f64\[\], not f32\[\]"),
        (0.0, lambda s: s + tf.zeros(3), tf.errors.ShapeError, r"f32\[3\], not f32\[\]"),
        ((0.0, 1), lambda s: [s[0], s[1]], tf.errors.ArgumentError, "the structure"),
        (0.0, lambda s: None, tf.errors.ArgumentError, "not f32"),
    ],
)
@pytest.mark.parametrize("decorate", [lambda f: f, tf.function])
def test_state_whose_type_changes_is_refused_with_the_line(
    decorate: Any, start: Any, step: Any, error: Any, words: str
) -> None:
    @decorate
    def f(n: Any) -> Any:
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, step(s)), (0, start))

    with pytest.raises(error, match=words) as found:
        f(tf.constant(3))
    assert found.value.location.file == __file__


def test_a_number_follows_the_dtype_of_its_state() -> None:
    def f(n: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, 0), (0, x))

    double = tf.constant(1.5, tf.float64)
    (found, _) = same_in_every_mode(f, (tf.constant(2), double), (tf.constant(0), double))
    assert found.leaves[1].dtype == tf.float64


def test_a_tape_goes_through_a_staged_loop() -> None:
    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * x), (0, x))[1]
        return tape.gradient(y, x)

    assert f(tf.constant(2.0)).item() == 32.0


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("trips", [0, 2])
def test_a_body_that_only_raises_may_have_written_before(jit: bool, trips: int) -> None:
    def f(n: Any, total: Any) -> Any:
        def body(i: Any) -> Any:
            total[0] = 1.0
            raise ValueError("no trips, please")

        (i,) = tf.while_loop(lambda i: i < n, body, [tf.constant(0)])
        return tf.cast(i, tf.float32) + total[0]

    outcomes = []
    for call in (f, tf.function(f, jit_compile=jit)):
        total, found = tf.zeros((2,)), ""
        try:
            found = str(float(call(tf.constant(trips), total)))
        except ValueError as error:
            found = str(error)
        outcomes.append((found, total.numpy().tolist()))
    assert outcomes[0] == outcomes[1]
