"""Traces for specs with open sizes: examples that fit what the function asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
W, B = tf.constant(RNG.standard_normal((12, 2)), tf.float32), tf.constant([1.0, 2.0, 3.0])
FILTERS = tf.ones((15, 1, 2))
OPEN = {rank: tf.TensorSpec([None] * rank) for rank in range(1, 5)}


def drawn(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype("float32")


@pytest.mark.parametrize(
    ("function", "specs", "calls"),
    [
        (lambda x: x + B, [1], [[(3,)]]),
        (lambda x: x @ W, [2], [[(5, 12)], [(1, 12)]]),
        (lambda x, y: x @ y, [2, 2], [[(2, 3), (3, 4)], [(5, 6), (6, 7)]]),
        (lambda x, y: tf.reduce_sum(x, 1) - y, [2, 1], [[(3, 4), (3,)], [(2, 5), (2,)]]),
        (lambda x: x[:, 20], [2], [[(2, 21)], [(3, 40)]]),
        (
            lambda x: tf.nn.conv1d(x, FILTERS, 1, "VALID"),
            [(None, None, 1)],
            [[(1, 16, 1)], [(2, 20, 1)]],
        ),
        (lambda x: tf.reshape(x, [-1, 12]) @ W, [3], [[(2, 3, 4)], [(5, 12, 1)], [(1, 2, 18)]]),
        (lambda x: tf.reshape(x, [-1, 4]), [1], [[(8,)], [(12,)]]),
        (lambda x: tf.reshape(x, [-1, 3]) + B, [2], [[(2, 6)], [(3, 5)]]),
        (lambda x: tf.reshape(x, [2, -1]), [2], [[(3, 4)], [(4, 5)]]),
        (lambda x: tf.split(x, 3, axis=1)[1], [2], [[(2, 6)], [(3, 9)]]),
        (lambda x: tf.nn.depth_to_space(x, 2), [4], [[(1, 2, 3, 8)], [(2, 1, 1, 4)]]),
        (lambda x: tf.nn.space_to_depth(x, 2), [4], [[(1, 2, 4, 3)], [(2, 6, 2, 1)]]),
    ],
)
def test_one_trace_serves_all_sizes_that_fit(function: Any, specs: Any, calls: Any) -> None:
    made = [OPEN[s] if isinstance(s, int) else tf.TensorSpec(s) for s in specs]
    f = tf.function(function, input_signature=made)
    trace = f.get_concrete_function()
    for shapes in calls:
        given = [tf.constant(drawn(*shape)) for shape in shapes]
        expected = function(*given).numpy()
        for found in (trace(*given), f(*given)):
            assert found.shape == expected.shape
            assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert f.experimental_get_tracing_count() == 1


def test_a_reshape_to_open_rows_is_refused_for_what_does_not_divide() -> None:
    f = tf.function(lambda x: tf.reshape(x, [-1, 4]), input_signature=[OPEN[1]])
    trace = f.get_concrete_function()
    with pytest.raises(ArgumentError, match="do not fit"):
        trace(tf.ones(6))
    with pytest.raises(ShapeError, match="cannot reshape"):
        f(tf.ones(6))


def test_a_split_into_equal_parts_is_refused_for_what_does_not_divide() -> None:
    f = tf.function(lambda x: tf.split(x, 2), input_signature=[OPEN[1]])
    assert [part.shape for part in f(tf.ones(6))] == [(3,), (3,)]
    with pytest.raises(ShapeError, match="no 2 equal parts"):
        f(tf.ones(5))


def test_gradients_through_a_reshape_to_open_rows() -> None:
    @tf.function(input_signature=[OPEN[3]])
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(W)
            loss = tf.reduce_mean((tf.reshape(x, [-1, 12]) @ W) ** 2)
        return tape.gradient(loss, W)

    for shape in ((2, 3, 4), (1, 12, 1), (5, 2, 6)):
        x = drawn(*shape)
        rows = x.reshape(-1, 12)
        expected = rows.T @ (rows @ W.numpy()) / len(rows)
        assert np.allclose(step(tf.constant(x)), expected, rtol=1e-4, atol=1e-5)


def test_what_no_sizes_fit_raises_the_error_of_the_first_examples() -> None:
    f = tf.function(lambda x: tf.reshape(x, [3, 5]) + tf.ones(7), input_signature=[OPEN[1]])
    with pytest.raises(ShapeError, match=r"cannot reshape \[n\]"):
        f.get_concrete_function()
