"""``for`` over ``tf.range`` of a tensor: a loop of the graph, in one trace for all values."""

from __future__ import annotations

from typing import Any

import pytest

import twofold as tf


def squares(n: Any) -> Any:
    total = tf.constant(0)
    for i in tf.range(n):
        total += i * i
    return total


def odd(n: Any) -> Any:
    total, last = tf.constant(0), tf.constant(-1)
    for i in tf.range(1, n, 2):
        if i == 7:
            break
        if i % 3 == 0:
            continue
        total, last = total + i, i
    else:
        total += 100
    return total, last


def down(n: Any) -> Any:
    digits = tf.constant(0)
    for i in tf.range(n, 0, -1):
        digits = digits * 3 + i
    return digits


def triangle(n: Any) -> Any:
    total = tf.constant(0)
    for i in tf.range(n):
        for j in tf.range(i, 6):
            total += j - i
    return total


def slope(n: Any) -> Any:
    x = tf.constant(0.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for i in tf.range(n):
            y = tf.sin(y) * tf.cast(i + 1, tf.float32)
    return tape.gradient(y, x)


@pytest.mark.parametrize("function", [squares, odd, down, triangle, slope])
def test_a_for_over_a_range_of_a_tensor_is_a_loop(function: Any) -> None:
    compiled = tf.function(function, strict=True, jit_compile=None)
    for n in (3, 0, 1, -2, 5, 20):
        found, want = (f(tf.constant(n)) for f in (compiled, function))
        pairs = [(found, want)] if isinstance(want, tf.Tensor) else zip(found, want, strict=True)
        for a, b in pairs:
            assert a.dtype == b.dtype
            assert abs(a.numpy() - b.numpy()) <= 1e-5 * abs(b.numpy())
    assert compiled.experimental_get_tracing_count() == 1


def test_one_that_is_used_otherwise_is_a_tensor() -> None:
    @tf.function(jit_compile=None)
    def f(x: Any) -> Any:
        return tf.reduce_sum(tf.range(tf.shape(x)[0])), list(tf.range(3))

    total, items = f(tf.zeros((4, 2)))
    assert total.numpy() == 6
    assert [i.numpy() for i in items] == [0, 1, 2]
