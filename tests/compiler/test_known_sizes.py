"""Tensors of sizes as sizes: ``tf.zeros(tf.shape(x))``, with one trace for all sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

SHAPES = [(2, 6), (4, 3), (6, 5)]
ONE_TRACE: dict[str, Callable[[Any], Any]] = {
    "a shape": lambda x: tf.zeros(tf.shape(x)),
    "a length": lambda x: tf.zeros((len(x), 3)) / len(x),
    "a range of a length": lambda x: tf.reduce_sum([x[i] for i in range(len(x) - 1, len(x))]),
    "one size": lambda x: tf.zeros((tf.shape(x)[0], 3)),
    "a size alone": lambda x: tf.fill(tf.shape(x)[0], 1.0),
    "the rest of a shape": lambda x: tf.reshape(x, (-1, tf.shape(x)[0])),
    "a target of broadcasting": lambda x: tf.broadcast_to(x[:1, :1], tf.shape(x)),
    "a filled shape": lambda x: tf.fill([tf.shape(x)[0], 2], x[0, 1]),
    "arithmetic": lambda x: tf.ones((tf.shape(x)[0] * 2 + 1, tf.shape(x)[1] // 2)),
    "arithmetic on a shape": lambda x: tf.ones(tf.shape(x) * 2 - [1, 2]),
    "a symbolic divisor": lambda x: tf.zeros((30 // tf.shape(x)[0], 31 % tf.shape(x)[1])),
    "rounding up": lambda x: tf.zeros((-(-tf.shape(x)[0] // 2),)),
    "a range": lambda x: tf.range(1, tf.shape(x)[0], 2),
    "joined": lambda x: tf.zeros(tf.concat([tf.shape(x)[:1], [5], tf.shape(x)[1:]], axis=0)),
    "stacked": lambda x: tf.zeros(tf.stack([tf.shape(x)[1], 1, tf.shape(x)[0]])),
    "backwards": lambda x: tf.zeros(tf.shape(x)[::-1]),
    "reversed": lambda x: tf.zeros(tf.reverse(tf.shape(x), [0])),
    "gathered": lambda x: tf.zeros(tf.gather(tf.shape(x), [1, 0, 1])),
    "unpacked": lambda x: (lambda b, n: tf.zeros((n, b)))(*tf.shape(x)),
    "the number of elements": lambda x: tf.reshape(x, [tf.reduce_prod(tf.shape(x))]),
    "a sum": lambda x: tf.zeros((tf.reduce_sum(tf.shape(x)),)),
    "tf.size": lambda x: tf.reshape(x, (tf.size(x),)),
    "a cast": lambda x: tf.zeros(tf.cast(tf.shape(x), tf.int64)),
    "int64": lambda x: tf.zeros(tf.shape(x, out_type=tf.int64)),
    "a list made a tensor": lambda x: tf.zeros(tf.constant([x.shape[0], 3])),
    "a Python number of it": lambda x: tf.zeros((tf.shape(x)[0].item(), *tf.shape(x).tolist())),
    "the end of a slice": lambda x: x[: tf.shape(x)[0] - 1],
    "tf.slice": lambda x: tf.slice(x, [0, 1], [tf.shape(x)[0] - 1, 2]),
    "repeats": lambda x: tf.tile(tf.repeat(x, tf.shape(x)[0], axis=0), [1, tf.shape(x)[1]]),
    "widths": lambda x: tf.pad(x, [[0, tf.shape(x)[0]], [1, 0]]),
    "parts": lambda x: tf.split(x, [1, tf.shape(x)[0] - 1], axis=0),
    "a shift": lambda x: tf.roll(x, tf.shape(x)[0] // 2, 0),
    "a depth": lambda x: tf.one_hot([0, 1], tf.shape(x)[0]),
    "an identity matrix": lambda x: tf.eye(tf.shape(x)[0], tf.shape(x)[1]),
    "a random shape": lambda x: tf.shape(tf.random.normal(tf.shape(x))),
    "chosen by a constant": lambda x: tf.zeros(tf.where([True, False], tf.shape(x), 5)),
    "a written element": lambda x: _with_another_size(x),
    "through a compiled function": lambda x: _zeros(x, _doubled(x)),
    "in a branch": lambda x: tf.cond(
        tf.reduce_sum(x) > 3.0, lambda: tf.zeros(tf.shape(x)), lambda: x * 2
    ),
    "in a loop": lambda x: tf.while_loop(
        lambda i, a: i < tf.shape(x)[0],
        lambda i, a: (i + 1, a + tf.ones(tf.shape(x))),
        (0, tf.zeros(tf.shape(x))),
    ),
    "a NumPy function": lambda x: np.zeros((tf.shape(x)[0], 2)),
    "a constant": lambda x: tf.zeros(tf.constant([2, 3])) + tf.reduce_sum(x),
}
A_TRACE_EACH: dict[str, Callable[[Any], Any]] = {
    "a Python loop": lambda x: [x[i] for i in range(tf.shape(x)[0])],
    "a Python int": lambda x: int(tf.shape(x)[0]) * 2,
    "a Python float": lambda x: float(tf.shape(x)[0]),
    "a floating size": lambda x: tf.zeros((tf.cast(tf.math.ceil(tf.shape(x)[0] / 2), tf.int32),)),
}


@tf.function
def _doubled(x: Any) -> Any:
    return tf.shape(x)[::-1] * 2


@tf.function
def _zeros(x: Any, shape: Any) -> Any:
    return tf.zeros(shape) + x[0, 0]


def _with_another_size(x: Any) -> Any:
    shape = tf.shape(x)
    shape[1] = 7
    return tf.zeros(shape)


@pytest.mark.parametrize("name", ["arithmetic", "rounding up", "a shift", "a symbolic divisor"])
def test_a_division_that_only_makes_a_size_is_compiled_away(name: str) -> None:
    x = tf.ones((2, 6))
    want = ONE_TRACE[name](x)
    assert tf.function(ONE_TRACE[name], jit_compile=True)(x).shape == want.shape


def _agree(function: Any, plain: Any, shape: tuple[int, ...]) -> None:
    x = tf.constant(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    tf.config.run_functions_eagerly(True)
    try:
        want = plain(x)
    finally:
        tf.config.run_functions_eagerly(False)
    got = function(x)
    assert type(got) is type(want)
    several = isinstance(got, list | tuple)
    for a, b in zip(got if several else [got], want if several else [want], strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("name", ONE_TRACE)
@pytest.mark.parametrize("jit_compile", [None, False])
def test_one_trace_serves_all_sizes(name: str, jit_compile: bool | None) -> None:
    plain = ONE_TRACE[name]
    function = tf.function(plain, jit_compile=jit_compile)
    for shape in SHAPES:
        _agree(function, plain, shape)
    assert function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", A_TRACE_EACH)
def test_a_plain_number_is_for_one_size(name: str) -> None:
    plain = A_TRACE_EACH[name]
    function = tf.function(plain)
    for shape in SHAPES:
        _agree(function, plain, shape)
    assert function.experimental_get_tracing_count() == len(SHAPES)


def test_a_comparison_of_sizes_is_decided_once_for_each_answer() -> None:
    @tf.function
    def large(x: Any) -> Any:
        return x + 1 if tf.shape(x)[0] > 3 else x - 1

    for n in (2, 5, 3, 9):
        assert large(tf.zeros(n)).numpy()[0] == (1 if n > 3 else -1)
    assert large.experimental_get_tracing_count() == 2


def test_gradients_go_through_shapes_that_were_computed() -> None:
    @tf.function
    def loss(x: Any) -> Any:
        return tf.reduce_sum(tf.broadcast_to(x[:1], tf.shape(x)) * x)

    for n in (2, 5):
        x = tf.constant(np.arange(1.0, n + 1, dtype=np.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = loss(x)
        want = np.ones(n, np.float32)
        want[0] += x.numpy().sum()
        np.testing.assert_array_equal(tape.gradient(y, x), want)
    assert loss.experimental_get_tracing_count() == 1


def test_a_captured_tensor_of_sizes_is_followed() -> None:
    sizes = tf.constant([2, 3])

    @tf.function
    def made() -> Any:
        return tf.zeros(sizes)

    assert made().shape == (2, 3)
    sizes[0] = 5
    assert made().shape == (5, 3)


def test_a_number_among_the_arguments_may_scale_a_size() -> None:
    @tf.function
    def made(x: Any, k: int) -> Any:
        return tf.zeros((tf.shape(x)[0] * k,))

    for k in (2, 3, 4):
        assert made(tf.zeros(5), k).shape == (5 * k,)


def test_elements_of_an_argument_are_no_sizes() -> None:
    @tf.function(strict=True)
    def made(sizes: Any) -> Any:
        return tf.zeros(sizes + 1)

    with pytest.raises(tf.errors.StagingError, match="use as a size"):
        made(tf.constant([2, 3]))


def test_sizes_that_are_tensors_serve_eagerly_too() -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert tf.slice(x, tf.constant([0, 1]), tf.constant([-1, 1])).shape == (2, 1)
    assert [p.shape for p in tf.split(x, tf.constant([-1, 1]))] == [(1, 2), (1, 2)]
    assert tf.roll(x, tf.constant(1), 0).numpy()[0, 0] == 3.0
