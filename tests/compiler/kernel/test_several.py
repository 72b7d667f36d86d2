"""Several computed positions in kernels: the numbers, order and errors of array operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import pipeline

DTYPES = [np.float32, np.float64, np.int32, np.complex64, np.bool_]
INDICES = {
    "few": np.array([2, 0, -1, 2]),
    "two axes": np.array([[1, 2], [0, -3]], np.int32),
    "many": np.arange(100) * 7 % 4,
    "none": np.array([], np.int64),
    "unsigned": np.array([3], np.uint8),
}


def numbers(shape: tuple[int, ...], dtype: Any) -> Any:
    found = np.random.default_rng(0).standard_normal(shape) * 5
    return tf.constant(found > 0 if dtype == np.bool_ else found.astype(dtype))


def same_and_native(function: Any, *given: Any) -> None:
    """The numbers of eager code from a loop of one trip, in which nothing is left to NumPy."""
    eager = function(*given)
    start = tf.zeros(eager.shape, eager.dtype)

    def looped(start: Any, *given: Any) -> Any:
        step = lambda i, y: (i + 1, function(*given))  # noqa: E731
        return tf.while_loop(lambda i, y: i < 1, step, (0, start))[1]

    compiled = tf.function(looped, jit_compile=True)
    native = compiled(start, *given)
    assert (eager.shape, eager.dtype) == (native.shape, native.dtype)
    assert eager.numpy().tobytes() == native.numpy().tobytes()
    planned = str(pipeline.run(compiled.get_concrete_function(start, *given).graph))
    assert "by arrays" not in planned


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("rows", [5, 200])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_read_written_and_added(dtype: Any, rows: int, index: str) -> None:
    x, at = numbers((rows, 4), dtype), tf.constant(INDICES[index])
    more = numbers((*at.shape, 4), dtype)

    def every(x: Any, at: Any, more: Any) -> Any:
        read = tf.gather(x, at), tf.gather(x, at, axis=1)
        points = tf.expand_dims(at, -1)
        written = tf.tensor_scatter_nd_update(x, points, more)
        parts = [*read, written]
        if dtype != np.bool_:
            parts.append(tf.tensor_scatter_nd_add(x, points, more))
        return tf.concat([tf.reshape(part, (-1,)) for part in parts], 0)

    same_and_native(every, x, at, more)


@pytest.mark.parametrize("rows", [5, 200])
def test_points_and_batches(rows: int) -> None:
    x = numbers((rows, 4), np.float32)
    points = tf.constant(np.array([[0, 1], [3, -1], [2, 2], [0, 1]]))
    same_and_native(tf.gather_nd, x, points)
    same_and_native(tf.tensor_scatter_nd_update, x, points, numbers((4,), np.float32))
    same_and_native(tf.tensor_scatter_nd_add, x, points, numbers((4,), np.float32))
    at = tf.constant(np.arange(5 * rows).reshape(rows, 5) % 8 - 4)
    same_and_native(lambda x, at: tf.gather(x, at, axis=1, batch_dims=1), x, at)


@pytest.mark.parametrize("size", [4, 400])
def test_a_loop_that_swaps_elements_is_one_kernel(size: int) -> None:
    def swapped(x: Any, n: Any) -> Any:
        def body(i: Any, x: Any) -> Any:
            pair = tf.stack([i % size, (i * 7 + 1) % size])
            return i + 1, tf.tensor_scatter_nd_update(x, pair[:, None], tf.gather(x, pair[::-1]))

        return tf.while_loop(lambda i, x: i < n, body, (0, x))[1]

    same_and_native(swapped, numbers((size,), np.float32), tf.constant(17))


def test_a_histogram_adds_in_place() -> None:
    def counts(bins: Any, keys: Any, n: Any) -> Any:
        def body(i: Any, bins: Any) -> Any:
            points = ((keys + i) % 300)[:, None]
            return i + 1, tf.tensor_scatter_nd_add(bins, points, tf.ones((50,)))

        return tf.while_loop(lambda i, bins: i < n, body, (0, bins))[1]

    keys = tf.constant((np.arange(50) * 11 % 300).astype(np.int32))
    same_and_native(counts, tf.zeros((300,)), keys, tf.constant(9))


@pytest.mark.parametrize("wrong", [[0, 5], [-6, 0]])
def test_an_index_out_of_range_raises_what_eager_code_raises(wrong: list[int]) -> None:
    def last(x: Any, at: Any, n: Any) -> Any:
        step = lambda i, x: (i + 1, tf.gather(x, at * i) + 1)  # noqa: E731
        return tf.while_loop(lambda i, x: i < n, step, (0, x))[1]

    x, at = tf.ones((5,)), tf.constant(wrong)
    with pytest.raises(tf.errors.IndexOutOfBoundsError):
        tf.function(last, jit_compile=True)(x[: len(wrong)], at, tf.constant(2))
    for run in (tf.gather, tf.function(lambda x, at: tf.gather(x, at), jit_compile=True)):
        with pytest.raises(tf.errors.IndexOutOfBoundsError, match=f"{wrong[wrong[0] == 0]}"):
            run(x, at)
