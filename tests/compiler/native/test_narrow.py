"""Vectors along a short last axis and the one before it: the numbers are those of array operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import IntegerDivisionError

ROWS, COLUMNS = (2, 7, 33, 250), (2, 3, 4, 7, 8, 9)


def numbers(shape: tuple[int, ...], dtype: str) -> Any:
    rng = np.random.default_rng(len(shape))
    return tf.constant(rng.integers(1, 100, shape).astype(dtype))


def same(function: Any, *shapes: tuple[int, ...], dtype: str = "float32") -> None:
    """Compare the compiled function with the eager one, bit for bit."""
    inputs = [numbers(shape, dtype) for shape in shapes]
    compiled = tf.function(function, jit_compile=True)
    found, want = compiled(*inputs), function(*inputs)
    assert found.dtype == want.dtype and found.shape == want.shape
    np.testing.assert_array_equal(found.numpy(), want.numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int8", "float16", "uint16"])
def test_one_trace_serves_rows_of_all_lengths(dtype: str) -> None:
    def function(x: Any, column: Any, row: Any) -> Any:
        return (x - column) * row + column

    compiled = tf.function(function, jit_compile=True)
    for n in ROWS:
        for k in COLUMNS:
            inputs = [numbers(shape, dtype) for shape in ((n, k), (k,), (n, 1))]
            found, want = compiled(*inputs).numpy(), function(*inputs).numpy()
            if dtype == "float16":  # rounded once here, after each operation there
                np.testing.assert_allclose(found, want, rtol=2e-3)
            else:
                np.testing.assert_array_equal(found, want, err_msg=f"{n} x {k}")
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("n, k", [(1, 3), (5, 2), (40, 3), (40, 8)])
def test_loops_around_the_two(n: int, k: int) -> None:
    def function(x: Any, plane: Any, column: Any, row: Any) -> Any:
        return tf.minimum(x * plane, row) - column

    same(function, (6, n, k), (6, n, 1), (k,), (6, 1, 1))
    same(function, (6, n, k), (n, 1), (6, 1, k), (1, n, k))


@pytest.mark.parametrize("k", [3, 8])
def test_arrays_that_lie_otherwise(k: int) -> None:
    same(lambda x, c: tf.transpose(x) + c[::-1], (k, 40), (k,))
    same(lambda x, r: x[::-1] * r[::2], (40, k), (80, 1))
    same(lambda x, r: x[:, 1:] * r[3:43] - x[:, :-1], (40, k + 1), (50, 1))
    same(lambda x, c: tf.where(x > c, x, -c) / c, (40, k), (k,), dtype="float64")


def test_a_length_that_the_signature_gives() -> None:
    signature = [tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((3,), tf.float32)]
    compiled = tf.function(lambda x, c: x * c, input_signature=signature, jit_compile=True)
    x, c = numbers((45, 3), "float32"), numbers((3,), "float32")
    np.testing.assert_array_equal(compiled(x, c).numpy(), x.numpy() * c.numpy())


@pytest.mark.parametrize("k", [3, 4])
def test_positions(k: int) -> None:
    @tf.function(jit_compile=True)
    def compiled(x: Any) -> Any:
        n, k = x.shape
        rows, columns = np.arange(n)[:, None], np.arange(k)
        return x * (10 * rows + columns)

    x = np.ones((50, k))
    np.testing.assert_array_equal(
        compiled(tf.constant(x)).numpy(), 10 * np.arange(50)[:, None] + np.arange(k)
    )


def test_flags_and_what_they_choose() -> None:
    same(lambda x, r: tf.cast(tf.logical_and(x > 50, r > 50), tf.int32), (61, 3), (61, 1))
    same(lambda x, r: tf.where(x > r, x, r), (61, 3), (61, 1), dtype="int64")


def test_a_division_that_fails_in_one_lane() -> None:
    compiled = tf.function(lambda x, c, r: x // c - r, jit_compile=True)
    x, c, r = tf.ones((40, 3), tf.int32), tf.constant([1, 2, 0]), tf.ones((40, 1), tf.int32)
    with pytest.raises(IntegerDivisionError):
        compiled(x, c, r)
    want = np.tile(np.array([-1, -1, 0], np.int32), (40, 1))
    np.testing.assert_array_equal(compiled(x, c + 1, r).numpy(), want)


def test_a_dear_function_of_an_array_of_many_rows() -> None:
    same(lambda x, c, r: tf.maximum(x - c, 0.0) * r, (20_011, 3), (3,), (20_011, 1))
    compiled = tf.function(lambda x, c, r: tf.exp(-(x - c) / 50) * r, jit_compile=True)
    rng = np.random.default_rng(0)
    x, c, r = rng.random((20_011, 3)), rng.random(3), rng.random((20_011, 1))
    np.testing.assert_allclose(compiled(x, c, r).numpy(), np.exp(-(x - c) / 50) * r, rtol=1e-14)


@pytest.mark.parametrize("k", [1, 2, 5, 8, 9])
@pytest.mark.parametrize("n", [1, 16, 61])
def test_short_rows_that_are_folded(n: int, k: int) -> None:
    x = numbers((n, k), "float32") / 30
    lse = tf.function(lambda x: tf.reduce_logsumexp(x, -1), jit_compile=True)(x).numpy()
    wide = x.numpy().astype(np.float64)
    np.testing.assert_allclose(lse, np.log(np.exp(wide).sum(-1)), rtol=1e-6)
    softmax = tf.function(tf.nn.softmax, jit_compile=True)(x).numpy()
    np.testing.assert_allclose(softmax, np.exp(wide - np.log(np.exp(wide).sum(-1))[:, None]), 1e-6)


def test_pairs_of_points() -> None:
    @tf.function(jit_compile=True)
    def kernel(a: Any, b: Any) -> Any:
        return tf.exp(-tf.reduce_sum((a[:, None] - b[None]) ** 2, -1))

    rng = np.random.default_rng(0)
    for n, m, k in ((1, 40, 2), (5, 3, 3), (33, 21, 4), (4, 19, 5)):
        a, b = rng.random((n, k)), rng.random((m, k))
        want = np.exp(-((a[:, None] - b) ** 2).sum(-1))
        np.testing.assert_allclose(kernel(a, b).numpy(), want, rtol=1e-14)


def test_a_row_has_the_same_bits_wherever_it_lies() -> None:
    x = numbers((37, 7), "float32") / 30
    softmax = tf.function(tf.nn.softmax, jit_compile=True)
    whole = softmax(x).numpy()
    for n in (1, 2, 15, 16, 17, 36):
        np.testing.assert_array_equal(softmax(x[-n:]).numpy(), whole[-n:])


def test_rows_that_are_scaled_in_place() -> None:
    @tf.function(jit_compile=True)
    def twice(x: Any) -> Any:
        y = x * 2 + 1
        return y / tf.sqrt(tf.reduce_sum(y * y, -1, keepdims=True))

    x = np.random.default_rng(0).random((45, 3))
    want = (2 * x + 1) / np.sqrt(((2 * x + 1) ** 2).sum(-1, keepdims=True))
    np.testing.assert_allclose(twice(x).numpy(), want, rtol=1e-15)
