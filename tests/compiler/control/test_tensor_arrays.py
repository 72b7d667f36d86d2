"""tf.TensorArray: by position, in loops and branches, as a list, as a tensor and as a buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run

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


def test_an_index_error_has_the_same_words_in_every_mode() -> None:
    def read(i: Any, x: Any) -> Any:
        return tf.TensorArray(tf.float32, size=3).unstack(x).read(i)

    def gather(i: Any, x: Any) -> Any:
        return tf.TensorArray(tf.float32, size=3).unstack(x).gather(tf.stack([0, i]))

    def grown(i: Any, x: Any) -> Any:
        return written(2, x, size=0, dynamic_size=True).read(i)

    def write(i: Any, x: Any) -> Any:
        return tf.TensorArray(tf.float32, size=3).unstack(x).write(i, x[0]).stack()

    def grow(i: Any, x: Any) -> Any:
        return written(2, x, size=0, dynamic_size=True).write(i, x[0]).stack()

    for use, wrong in ((read, 3), (gather, 9), (grown, 2), (write, 3), (grow, -1)):
        outcomes = same_in_every_mode(use, *trips(1, wrong, -1))
        assert isinstance(outcomes[1].error, tf.errors.IndexOutOfBoundsError)
        assert f"index {wrong} is out of bounds for a TensorArray" in str(outcomes[1].error)
        assert isinstance(outcomes[2].error, tf.errors.IndexOutOfBoundsError)


def held(array: Any) -> Any:
    """What an array holds, for comparing."""
    known = array.element_shape is not None
    return array.size(), array.dynamic_size, array.dtype, array.stack() if known else None


@pytest.mark.parametrize("mode", MODES)
def test_an_array_is_returned_from_a_compiled_function(mode: str) -> None:
    def f(n: Any, x: Any) -> Any:
        fixed = tf.TensorArray(tf.float32, size=3).write(0, x[0])
        grown = written(n, x, size=0, dynamic_size=True)
        return {"a": fixed, "b": [grown, fixed]}, tf.TensorArray(tf.int32, n), written(n, x, size=n)

    compiled = MODES[mode](f)
    for args in trips(1, 3):
        (want, *more), (got, *others) = f(*args), compiled(*args)
        assert got["a"] is got["b"][1]
        pairs = [
            (want["a"], got["a"]),
            (want["b"][0], got["b"][0]),
            *zip(more, others, strict=True),
        ]
        for a, b in pairs:
            for left, right in zip(held(a), held(b), strict=True):
                if isinstance(left, tf.Tensor):
                    np.testing.assert_array_equal(left.numpy(), right.numpy())
                else:
                    assert left == right
        got["a"].write(1, args[1][0])  # it is an array as any other
        assert got["a"].read(1).numpy().tolist() == args[1][0].numpy().tolist()


@pytest.mark.parametrize("mode", MODES)
def test_a_tape_around_sees_the_elements_of_a_returned_array(mode: str) -> None:
    compiled = MODES[mode](lambda x: tf.TensorArray(tf.float32, 2).write(0, x * x).write(1, x))
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        rows = compiled(x)
        y = rows.read(0) * 2.0 + rows.write(1, x * 5.0).read(1)
    assert tape.gradient(y, x).item() == 17.0


def test_arrays_cross_the_borders_of_functions_in_a_graph() -> None:
    make = tf.function(lambda n, x: written(n, x, size=3))
    add = tf.function(lambda rows, i, x: rows.write(i, x))

    def f(n: Any, x: Any) -> Any:
        rows = add(make(n, x), n - 1, x[1] * 7.0)
        return rows.write(2, x[2]).stack(), rows.read(n - 1)

    same_in_every_mode(f, *trips(1, 2))


def fibonacci(n: Any, x: Any) -> Any:
    rows = tf.TensorArray(tf.float32, size=20).write(0, x[0, 0]).write(1, x[0, 1])
    more = lambda i, rows: (i + 1, rows.write(i, rows.read(i - 1) + rows.read(i - 2)))  # noqa: E731
    return tf.while_loop(lambda i, rows: i < 20, more, (2, rows))[1].stack()


def bubbles(n: Any, x: Any) -> Any:
    flat = tf.reshape(x, (-1,))

    def swap(j: Any, rows: Any) -> Any:
        a, b = rows.read(j), rows.read(j + 1)
        later = rows.write(j, tf.minimum(a, b)).write(j + 1, tf.maximum(a, b))
        return j + 1, tf.cond(a < 2.5, lambda: later, lambda: later.write(j, later.read(j) * 1.5))

    def sweep(i: Any, rows: Any) -> Any:
        return i + 1, tf.while_loop(lambda j, _: j < 5, swap, (0, rows))[1]

    rows = tf.TensorArray(tf.float32, size=6).unstack(flat)
    return tf.while_loop(lambda i, _: i < n, sweep, (0, rows))[1].stack()


def chained(n: Any, x: Any) -> Any:
    given = tf.TensorArray(tf.float32, size=0, dynamic_size=True).unstack(x)

    def body(i: Any, s: Any, rows: Any) -> Any:
        s = tf.tanh(s * given.read(i % 3) + given.read((i * 2) % 3))
        return i + 1, s, rows.write(i * 2, s)

    start = (0, x[0], tf.TensorArray(tf.float32, size=0, dynamic_size=True))
    return tf.while_loop(lambda i, *_: i < n, body, start)[2].stack()


@pytest.mark.parametrize("use", [fibonacci, bubbles, chained])
def test_loops_over_arrays_and_their_gradients_are_the_same_everywhere(use: Any) -> None:
    def f(n: Any, x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = use(n, x)
                total = tf.sum(y * y * 0.1)
            g = tape.gradient(total, x)
            second = tf.sum(g * g)
        return y, g, outer.gradient(second, x)

    outcomes = same_in_every_mode(f, *trips(1, 4))
    assert all(o.error is None for o in outcomes)


def and_gradient(n: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sum(fibonacci(n, x))
    return tape.gradient(y, x)


@pytest.mark.parametrize("use", [fibonacci, bubbles, and_gradient])
def test_loops_over_arrays_of_small_elements_are_kernels(use: Any) -> None:
    graph = tf.function(use).get_concrete_function(tf.constant(3), X).graph
    planned = run(graph, target=NATIVE)
    assert not [node for node in planned.nodes if node.op.name in ("while", "scan")]
