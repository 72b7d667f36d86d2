"""tf.TensorArray: by position, in loops and branches, as a list, as a tensor and as a buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf

X = tf.constant(np.arange(6, dtype=np.float32).reshape(3, 2))


def trips(*counts: int) -> list[tuple[Any, Any]]:
    return [(tf.constant(n), X) for n in counts]


def written(n: Any, x: Any, **options: Any) -> Any:
    def body(i: Any, rows: Any) -> Any:
        return i + 1, rows.write(i, x[0] + tf.cast(i, tf.float32))

    rows = tf.TensorArray(tf.float32, **options)
    return tf.while_loop(lambda i, rows: i < n, body, (0, rows))[1]


def test_what_a_loop_writes_is_read_and_stacked() -> None:
    def f(n: Any, x: Any) -> Any:
        rows = written(n, x, size=5)
        return rows.stack(), rows.size(), rows.read(1), rows.gather([0, 2, 0]), rows.concat()

    (found, *_, raised) = same_in_every_mode(f, *trips(1, 3, 5, 6), words=False)
    np.testing.assert_array_equal(found.leaves[0][1:], np.zeros((4, 2)))
    assert isinstance(raised.error, tf.errors.IndexOutOfBoundsError)
    assert isinstance(raised.error, IndexError)


@pytest.mark.parametrize("size", [0, 2])
def test_an_array_grows_with_what_is_written_behind_its_end(size: int) -> None:
    def f(n: Any, x: Any) -> Any:
        rows = written(n, x, size=size, dynamic_size=True, element_shape=(2,))
        before = rows.stack() * 2.0
        rows = rows.write(n + 2, x[1])
        return before, rows.size(), rows.stack(), rows.read(n), rows.concat()

    same_in_every_mode(f, *trips(0, 1, 3, 40))


def test_a_size_that_is_known_only_when_it_runs() -> None:
    def f(n: Any, x: Any) -> Any:
        rows = written(n, x, size=n + 1)
        return rows.stack(), rows.size(), rows.read(n)

    same_in_every_mode(f, *trips(1, 4))


def test_a_recurrent_loop_over_rows_and_its_gradient() -> None:
    w = tf.Variable([[0.1, 0.2], [0.3, -0.4]])

    def f(x: Any) -> Any:
        n = tf.shape(x)[0]
        given = tf.TensorArray(tf.float32, size=n).unstack(x)

        def body(i: Any, h: Any, made: Any) -> Any:
            h = tf.tanh(h @ w + given.read(i)[None])
            return i + 1, h, made.write(i, h[0])

        with tf.GradientTape() as tape:
            tape.watch(x)
            _, h, made = tf.while_loop(
                lambda i, *_: i < n, body, (0, tf.zeros((1, 2)), tf.TensorArray(tf.float32, n))
            )
            total = tf.sum(made.stack() ** 2) + tf.sum(h)
        return made.stack(), tape.gradient(total, [x, w])

    same_in_every_mode(f, (X,), (X[:2],), variables=[w])


def test_the_gradient_of_what_grows() -> None:
    def f(n: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sum(written(n, x, dynamic_size=True).stack() ** 2)
        return y, tape.gradient(y, x)

    same_in_every_mode(f, *trips(1, 3))


@pytest.mark.parametrize("options", [{"size": 2}, {"size": 0, "dynamic_size": True}])
def test_branches_write_to_an_array_around_them(options: Any) -> None:
    def f(p: Any, x: Any) -> Any:
        rows = tf.TensorArray(tf.float32, **options)
        found = tf.cond(p, lambda: rows.write(0, x), lambda: rows.write(1, x * 2.0))
        return found.stack(), rows.stack()

    same_in_every_mode(f, (tf.constant(True), X), (tf.constant(False), X))


@pytest.mark.parametrize("options", [{"size": 4}, {"dynamic_size": True}])
def test_rows_are_unstacked_and_scattered(options: Any) -> None:
    def f(n: Any, x: Any) -> Any:
        rows = tf.TensorArray(tf.float32, **options).unstack(x)
        first = rows.stack() + 0.0
        rows = rows.scatter(tf.stack([n, 0]), x[:2] * 10.0)
        return first, rows.stack(), rows.size(), rows.element_shape

    same_in_every_mode(f, *trips(1, 2))


def test_elements_of_several_shapes_and_splits() -> None:
    def f(x: Any) -> Any:
        parts = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(x, [1, 2])
        other = tf.TensorArray(tf.float32, 2, infer_shape=False).write(0, x).write(1, x[:1])
        return parts.concat(), parts.read(1), other.concat()

    same_in_every_mode(f, (X,))


def test_an_element_may_be_read_any_number_of_times_and_copies_are_apart() -> None:
    def f(x: Any) -> Any:
        rows = tf.TensorArray(tf.float32, size=2, clear_after_read=True).write(0, x)
        copy = rows.identity()
        rows.write(0, x * 2.0)
        rows.close()
        return rows.read(0), rows.read(0), copy.read(0), rows.read(1), rows.dynamic_size

    same_in_every_mode(f, (X,))


@pytest.mark.parametrize("mode", ["eager", *MODES])
@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda rows, x: rows.write(2, x), tf.errors.IndexOutOfBoundsError),
        (lambda rows, x: rows.write(-1, x), tf.errors.IndexOutOfBoundsError),
        (lambda rows, x: rows.write(0, x).read(tf.constant(7)), tf.errors.IndexOutOfBoundsError),
        (lambda rows, x: rows.write(0, x).read(-1), tf.errors.IndexOutOfBoundsError),
        (lambda rows, x: rows.write(0, x).gather([0, 5]), tf.errors.IndexOutOfBoundsError),
        (lambda rows, x: rows.write(0, tf.cast(x, tf.float64)), tf.errors.DTypeError),
        (lambda rows, x: rows.write(0, x).write(1, x[0]), tf.errors.ShapeError),
        (lambda rows, x: rows.unstack(tf.ones((3, 2))), tf.errors.ShapeError),
        (lambda rows, x: rows.unstack(tf.constant(1.0)), tf.errors.ShapeError),
        (lambda rows, x: rows.read(0), tf.errors.ArgumentError),
    ],
)
def test_what_does_not_fit_is_refused_with_the_line(use: Any, error: Any, mode: str) -> None:
    def run(x: Any) -> Any:
        found = use(tf.TensorArray(tf.float32, size=2), x)
        return found.stack() if isinstance(found, tf.TensorArray) else found

    with pytest.raises(error) as found:
        (run if mode == "eager" else MODES[mode](run))(X)
    assert found.value.location.file == __file__


def test_an_array_that_was_made_outside_runs_as_plain_python() -> None:
    rows = tf.TensorArray(tf.float32, size=2).write(0, 1.0)

    def f(x: Any) -> Any:
        return rows.read(0) * x

    same_in_every_mode(f, (X,))
