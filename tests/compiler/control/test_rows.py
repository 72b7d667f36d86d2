"""tf.map_fn, tf.scan, tf.foldl and tf.foldr: the same as in eager code, and as NumPy makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf
from twofold.ir.verify import verify

A = np.arange(6, dtype=np.float32).reshape(3, 2)
X, EMPTY = tf.constant(A), tf.constant(np.zeros((0, 2), np.float32))


def test_scan_is_a_running_fold() -> None:
    def f(x: Any) -> Any:
        return tf.scan(lambda a, r: a * 0.5 + r, x)

    (found,) = same_in_every_mode(f, (X,))
    want = [A[0], A[0] * 0.5 + A[1], (A[0] * 0.5 + A[1]) * 0.5 + A[2]]
    np.testing.assert_allclose(found.leaves[0], np.stack(want))
    verify(tf.function(f).graph(X))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [None, (1.0, 2)])
def test_scan_has_a_state_of_any_structure_and_two_directions(reverse: bool, start: Any) -> None:
    def f(x: Any, k: Any) -> Any:
        def step(a: Any, r: Any) -> Any:
            return (a[0] + tf.sum(r[0]) * 0.5, a[1] + r[1])

        return tf.scan(step, (tf.sum(x, axis=1), k), initializer=start, reverse=reverse)

    k = tf.constant([5, 7, 11])
    (found,) = same_in_every_mode(f, (X, k))
    assert [leaf.shape for leaf in found.leaves] == [(3,), (3,)]
    last = 0 if reverse else -1
    assert found.leaves[1][last] == 23 + (2 if start else 0)


def test_folds_take_the_rows_from_either_end() -> None:
    def f(x: Any) -> Any:
        left = tf.foldl(lambda a, r: a * 2.0 + r, x)
        right = tf.foldr(lambda a, r: a * 2.0 + r, x)
        return left, right, tf.foldl(lambda a, r: a + tf.sum(r), x, 0.5)

    (found,) = same_in_every_mode(f, (X,))
    np.testing.assert_allclose(found.leaves[0], (A[0] * 2 + A[1]) * 2 + A[2])
    np.testing.assert_allclose(found.leaves[1], (A[2] * 2 + A[1]) * 2 + A[0])
    assert found.leaves[2] == 15.5


def test_map_fn_stacks_what_each_row_gives() -> None:
    v, g = tf.Variable(1.0), tf.random.Generator.from_seed(7)

    def f(x: Any) -> Any:
        def one(r: Any) -> Any:
            v.assign_add(tf.sum(r))
            return {"a": r * v, "b": (tf.sum(r) > 2.0, 3)}, g.normal((2,)) + r

        return tf.map_fn(one, x), v * 1.0

    (found, empty) = same_in_every_mode(f, (X,), (EMPTY,), variables=[v, g.state])
    assert [leaf.shape for leaf in found.leaves] == [(3, 2), (3,), (3,), (3, 2), ()]
    assert [leaf.shape for leaf in empty.leaves] == [(0, 2), (0,), (0,), (0, 2), ()]


@pytest.mark.parametrize("keyword", ["dtype", "fn_output_signature"])
def test_map_fn_has_the_dtypes_of_its_signature(keyword: str) -> None:
    def f(x: Any, y: Any) -> Any:
        signature = {keyword: (tf.float32, tf.TensorSpec((), tf.float64))}
        return tf.map_fn(lambda pair: (tf.sum(pair[0]) * 2.0, 1), (x, y), **signature)

    (found,) = same_in_every_mode(f, (X, tf.constant([1, 2, 3])))
    assert [leaf.dtype for leaf in found.leaves] == [tf.float32, tf.float64]


def test_rows_are_one_trace_for_any_number() -> None:
    f = tf.function(lambda x: tf.map_fn(lambda r: r * r, x))
    for n in (2, 3, 5, 0):
        assert f(tf.ones((n, 4))).shape == (n, 4)
    assert f.experimental_get_tracing_count() == 1


def test_loops_over_rows_in_one_another() -> None:
    w = tf.constant([[0.1, 0.2], [0.3, 0.4]])

    def f(x: Any) -> Any:
        def row(r: Any) -> Any:
            return tf.scan(lambda h, t: tf.tanh(h + t), tf.foldl(lambda a, c: a @ w, x, r[None])[0])

        return tf.map_fn(row, x)

    same_in_every_mode(f, (X,))


@pytest.mark.parametrize("mode", ["eager", *MODES])
@pytest.mark.parametrize(
    ("form", "error", "words"),
    [
        (lambda x: tf.map_fn(lambda r: r, 3.0), tf.errors.ShapeError, "no rows"),
        (lambda x: tf.map_fn(lambda r: r, (x, x[:2])), tf.errors.ShapeError, "3 and 2 rows"),
        (lambda x: tf.map_fn(lambda r: r, []), tf.errors.ArgumentError, "container of tensors"),
        (lambda x: tf.map_fn(3, x), tf.errors.ArgumentError, "fn is a function"),
        (lambda x: tf.map_fn(lambda r: r, x, dtype=tf.int32), tf.errors.DTypeError, "float32"),
        (lambda x: tf.scan(lambda a, r: a + r, x, 0), tf.errors.DTypeError, r"not i32\[\]"),
        (lambda x: tf.scan(lambda a, r: r, x, 0.0), tf.errors.ShapeError, r"not f32\[\]"),
        (lambda x: tf.foldl(lambda a, r: a, x[:0]), tf.errors.ShapeError, "needs a row"),
        (lambda x: tf.foldr(lambda a, r: [a], x), tf.errors.ArgumentError, "the structure"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_line(
    form: Any, error: Any, words: str, mode: str
) -> None:
    with pytest.raises(error, match=words) as found:
        (form if mode == "eager" else MODES[mode](form))(X)
    assert found.value.location.file == __file__
