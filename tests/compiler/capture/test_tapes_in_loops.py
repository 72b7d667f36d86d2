"""Training loops of the graph, whose trips open tapes, and managers that suppress exceptions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

WEIGHTS, BIAS = tf.Variable([1.0, 2.0]), tf.Variable(0.0)
X = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
Y = tf.constant([1.0, 2.0, 3.0])


def loss_of(x: Any, y: Any) -> Any:
    return tf.reduce_mean((tf.linalg.matvec(x, WEIGHTS) + BIAS - y) ** 2)


def steps(n):
    loss = tf.constant(0.0)
    for _ in tf.range(n):
        with tf.GradientTape() as tape:
            loss = loss_of(X, Y)
        weights, bias = tape.gradient(loss, [WEIGHTS, BIAS])
        WEIGHTS.assign_sub(0.01 * weights)
        BIAS.assign_sub(0.01 * bias)
    return loss


def epochs(n):
    for _ in tf.range(n):
        for k in tf.range(3):
            with tf.GradientTape() as tape:
                loss = loss_of(X[k : k + 1], Y[k : k + 1])
            grads = tape.gradient(loss, [WEIGHTS, BIAS])
            for v, g in zip([WEIGHTS, BIAS], grads, strict=True):
                v.assign_sub(0.01 * g)
    return WEIGHTS.read_value()


def batches(n):
    for i in tf.range(n):
        rows, wanted = X[i : i + 2], Y[i : i + 2]
        with tf.GradientTape() as tape:
            loss = loss_of(rows, wanted)
        WEIGHTS.assign_sub(0.01 * tape.gradient(loss, WEIGHTS))
    return WEIGHTS.read_value()


def until_small(n):
    i, loss = tf.constant(0), tf.constant(10.0)
    while i < n and loss > 0.1:
        with tf.GradientTape() as tape:
            loss = loss_of(X, Y)
        WEIGHTS.assign_sub(0.01 * tape.gradient(loss, WEIGHTS))
        i += 1
    return i, loss


def newton(n):
    z = tf.constant(2.0)
    for _ in tf.range(n):
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                value = z**4
            slope = inner.gradient(value, z)
        z = z - slope / outer.gradient(slope, z)
    return z


def best_of(n):
    best = tf.constant(1e9)
    for _ in tf.range(n):
        with tf.GradientTape(persistent=True) as tape:
            loss = loss_of(X, Y)
        WEIGHTS.assign_sub(0.1 * tape.gradient(loss, WEIGHTS))
        if loss < best:
            best = loss
        else:
            break
    return best


def clipped(n):
    losses = tf.TensorArray("float32", size=n)
    for i in tf.range(n):
        with tf.GradientTape() as tape:
            loss = loss_of(X, Y)
        slope = tape.gradient(loss, WEIGHTS)
        if tf.norm(slope) > 1.0:
            slope = slope / tf.norm(slope)
        WEIGHTS.assign_sub(0.1 * slope)
        losses = losses.write(i, loss)
    return losses.stack()


def listed(n):
    losses = []
    for _ in tf.range(n):
        with tf.GradientTape() as tape:
            loss = loss_of(X, Y)
        WEIGHTS.assign_sub(0.01 * tape.gradient(loss, WEIGHTS))
        losses.append(loss)
    return losses


def under_a_tape(n):
    z = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(z)
        moved = z
        for _ in tf.range(n):
            with tf.GradientTape() as tape:
                tape.watch(moved)
                value = tf.reduce_sum(moved**3)
            moved = moved - 0.01 * tape.gradient(value, moved)
        total = tf.reduce_sum(moved)
    return outer.gradient(total, z)


def raising(n):
    for i in tf.range(n):
        with tf.GradientTape() as tape:
            loss = loss_of(X, Y)
        if i == 3:
            raise RuntimeError("three")
        WEIGHTS.assign_sub(0.01 * tape.gradient(loss, WEIGHTS))
    return WEIGHTS.read_value()


def suppressed(n):
    total, value = tf.constant(0.0), tf.constant(0.0)
    for i in tf.range(n):
        with contextlib.suppress(ValueError):
            if i % 2 == 1:
                raise ValueError
            value = tf.cast(i, "float32") * 10
        total = total + value
    return total


class Forgiving:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is KeyError

    def doubled(self, x):
        return x * 2


def forgiven(n):
    total = tf.constant(0.0)
    for i in tf.range(n):
        with Forgiving() as manager:
            if i == 2:
                raise KeyError
            value = manager.doubled(tf.cast(i, "float32"))
        total = total + value
    return total


def managed(n):
    total = tf.constant(0.0)
    for i in tf.range(n):
        with Forgiving() as manager:
            value = manager.doubled(tf.cast(i, "float32"))
        total = total + manager.doubled(value)
    return total, value


STAGED = [
    steps, epochs, batches, until_small, newton, best_of, clipped, listed, under_a_tape, raising, managed
]  # fmt: skip


def ended(function: Callable[[Any], Any], n: int) -> Any:
    """The result or the error, and the state afterwards."""
    WEIGHTS.assign([1.0, 2.0])
    BIAS.assign(0.0)
    try:
        made = function(tf.constant(n))
    except (RuntimeError, UnboundLocalError) as error:
        made = [str(error)]
    made = made if isinstance(made, list | tuple) else [made]
    return [x if isinstance(x, str) else x.numpy() for x in made], WEIGHTS.numpy(), BIAS.numpy()


def same(got: Any, want: Any) -> None:
    assert len(got[0]) == len(want[0])
    for x, y in zip([*got[0], *got[1:]], [*want[0], *want[1:]], strict=True):
        if isinstance(y, str):
            assert x == y
        else:
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("program", STAGED)
def test_a_loop_whose_trips_open_tapes_is_part_of_the_graph(program: Callable[[Any], Any]) -> None:
    compiled = tf.function(program, strict=True)
    for n in (5, 1, 3, 8):
        same(ended(compiled, n), ended(program, n))
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("program", [*STAGED, suppressed, forgiven])
@pytest.mark.filterwarnings("ignore")
def test_what_a_suppressed_exception_leaves_is_what_python_leaves(
    program: Callable[[Any], Any],
) -> None:
    compiled = tf.function(program, jit_compile=False)
    for n in (5, 2, 6):
        same(ended(compiled, n), ended(program, n))
