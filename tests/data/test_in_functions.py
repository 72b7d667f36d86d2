"""Datasets inside compiled functions: loops, ``iter`` and ``next``, ``reduce``; the state and errors of
eager code, and bodies that are graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = np.arange(12, dtype=np.float32).reshape(6, 2)
BATCHES = tf.data.Dataset.from_tensor_slices((X, np.arange(6) % 2)).batch(4)
w = tf.Variable(0.0)
log: list[Any] = []


def total(ds: Any) -> Any:
    found = 0.0
    for x, _ in ds:
        found += tf.reduce_sum(x)
    return found


def assigned(ds: Any) -> Any:
    for x, _ in ds:
        w.assign_add(tf.reduce_sum(x))
        if w > 20.0:
            w.assign_sub(1.0)
    return w.read_value()


def left_early(ds: Any) -> Any:
    count = 0
    for _, y in ds:
        count += 1
        if tf.reduce_sum(y) > 1:
            break
    else:
        count = 100
    return count


def returned(ds: Any) -> Any:
    for x, _ in ds:
        if tf.reduce_max(x) > 8.0:
            return x
    return None


def ended(ds: Any) -> Any:
    for x, _ in ds.take(1):
        if tf.reduce_max(x) > 100.0:
            break
    else:
        return "all"
    return x


def listed(ds: Any) -> Any:
    found = []
    for i, (x, _) in enumerate(ds):
        found.append(x * i)
        log.append(i)
    return found


def nested(ds: Any) -> Any:
    found = 0.0
    for x, _ in ds:
        for row in tf.data.Dataset.from_tensor_slices(x):
            found += tf.reduce_prod(row)
    return found


def advanced(ds: Any) -> Any:
    elements = iter(ds)
    (x, _), (z, _) = next(elements), next(elements)
    return x.shape[0], tf.reduce_sum(z), next(elements, "none")


def until_stopped(ds: Any) -> Any:
    elements, count = iter(ds), 0
    while True:
        try:
            next(elements)
        except StopIteration:
            return count
        count += 1


def folded(ds: Any) -> Any:
    return ds.reduce(tf.zeros(2), lambda state, x, y: state + tf.reduce_sum(x, 0)) * 2.0


def counted_twice(ds: Any) -> Any:
    return total(ds) + total(ds.shuffle(6, seed=1)), ds.cardinality()


def unbound(ds: Any) -> Any:
    for x, _ in ds.take(0):
        last = x
    return last


def failing(ds: Any) -> Any:
    for x, _ in ds.map(refusing):
        w.assign_add(tf.reduce_sum(x))
    return w.read_value()


def refusing(x: Any, y: Any) -> Any:
    if x.numpy()[0, 0] > 7:
        raise ValueError("no more")
    return x, y


def numpy_rows(ds: Any) -> Any:
    return sum(float(x.sum()) for x, _ in ds.as_numpy_iterator())


PROGRAMS: list[Callable[..., Any]] = [
    total, assigned, left_early, returned, ended, listed, nested, advanced, until_stopped, folded,
    counted_twice, unbound, failing, numpy_rows,
]  # fmt: skip


def outcome(function: Any) -> Any:
    w.assign(0.0)
    log.clear()
    try:
        found: Any = function(BATCHES)
    except Exception as error:  # noqa: BLE001  (compared)
        found = type(error), str(error)
    return repr(found), float(w), list(log)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_compiled_function_does_what_eager_code_does(program: Callable[..., Any]) -> None:
    compiled, expected = tf.function(program), outcome(program)
    for _ in range(3):  # a warning that a part of it runs as plain Python would be an error here
        assert outcome(compiled) == expected


def test_the_body_is_one_graph_for_all_batches() -> None:
    sizes = []

    @tf.function
    def epoch(ds: Any) -> Any:
        found = tf.constant(0.0)
        for x, _ in ds:
            sizes.append(None)  # a list from outside: once for each batch
            found += tf.reduce_sum(tf.exp(x / 12.0))
        return found

    for size in (1, 2, 4, 5):
        ds = tf.data.Dataset.from_tensor_slices((X, X)).batch(size)
        np.testing.assert_allclose(float(epoch(ds)), np.exp(X / 12.0).sum(), rtol=1e-5)
    assert len(sizes) == 6 + 3 + 2 + 2
    traces = [c.experimental_get_tracing_count() for c in epoch.continuations()]
    assert sum(traces) < 13  # fewer than there were batches


def test_a_training_loop_over_a_dataset_is_that_of_eager_code() -> None:
    def trained(wrap: Callable[[Any], Any]) -> Any:
        kernel = tf.Variable([[0.5], [-0.5]])

        def epoch(ds: Any) -> Any:
            losses = []
            for x, y in ds:
                with tf.GradientTape() as tape:
                    error = x @ kernel - tf.expand_dims(tf.cast(y, tf.float32), 1)
                    loss = tf.reduce_mean(error * error)
                kernel.assign_sub(0.01 * tape.gradient(loss, kernel))
                losses.append(loss)
            return losses

        made = wrap(epoch)
        return [float(x) for _ in range(3) for x in made(BATCHES)], kernel.numpy()

    (losses, kernel), (want, expected) = trained(tf.function), trained(lambda f: f)
    np.testing.assert_allclose(losses, want, rtol=1e-6)
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)


def test_strict_says_where_the_loop_is() -> None:
    with pytest.raises(tf.errors.StagingError, match=r"over a dataset.*\n.*test_in_functions"):
        tf.function(total, strict=True)(BATCHES)
