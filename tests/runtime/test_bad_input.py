"""Bad input: each refusal is a documented exception that names the user's line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

E = tf.errors
X = tf.constant([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tf.constant([[1, 2], [3]]), E.ConversionError),
        (lambda: tf.constant(["a", 1]), E.ConversionError),
        (lambda: tf.constant(object()), E.ConversionError),
        (lambda: tf.constant(np.array([None])), E.ConversionError),
        (lambda: tf.constant([1, 2], shape=3), E.ConversionError),
        (lambda: tf.constant(float("nan"), tf.int32), E.ConversionError),
        (lambda: tf.cast([float("inf")], tf.int32), E.ConversionError),
        (lambda: tf.cast(X, "text"), E.DTypeError),
        (lambda: X + "a", E.ConversionError),
        (lambda: X + None, E.ConversionError),
        (lambda: tf.constant(1, tf.int8) + 300, E.ConversionError),
        (lambda: tf.constant(1, tf.uint64) + tf.constant(1, tf.int64), E.DTypeError),
        (lambda: X & X, E.DTypeError),
        (lambda: X + tf.zeros(3), E.ShapeError),
        (lambda: X @ tf.zeros((3, 1)), E.ShapeError),
        (lambda: tf.reshape(X, (3, -1)), E.ShapeError),
        (lambda: tf.concat([X, tf.zeros(2)], 0), E.ShapeError),
        (lambda: tf.sum(X, axis=2), E.ArgumentError),
        (lambda: tf.eye(-1), E.ArgumentError),
        (lambda: tf.random.shuffle(tf.constant(1.0)), E.ShapeError),
        (lambda: tf.random.categorical([0.0, 1.0], 3), E.ShapeError),
        (lambda: tf.tile(X, [-1, 1]), E.ArgumentError),
        (lambda: X[::0], E.ArgumentError),
        (lambda: X[2], E.IndexOutOfBoundsError),
        (lambda: X[0, 0, 0], E.IndexOutOfBoundsError),
        (lambda: X[1.0], E.DTypeError),
        (lambda: tf.gather(X, 5), E.IndexOutOfBoundsError),
        (lambda: tf.constant(1) // 0, E.IntegerDivisionError),
        (lambda: tf.constant(2) ** -1, E.ArgumentError),
        (lambda: bool(X), E.ShapeError),
        (lambda: int(X), E.ConversionError),
        (lambda: int(tf.constant(float("nan"))), E.ConversionError),
        (lambda: float(tf.constant(1j)), E.ConversionError),
        (lambda: [1, 2][tf.constant(1.0)], E.ConversionError),
        (lambda: X.item(), E.ConversionError),
        (lambda: len(tf.constant(1)), E.ConversionError),
        (lambda: list(tf.constant(1)), E.ConversionError),
        (lambda: f"{X:.2f}", E.ConversionError),
        (lambda: tf.function(3), E.ArgumentError),
    ],
)
def test_a_refusal_is_documented_and_names_the_line(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        call()
    place = caught.value.location  # type: ignore[attr-defined]
    assert (place.file, place.line) == (__file__, call.__code__.co_firstlineno)
    assert str(place) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (2, 1.0, E.IndexOutOfBoundsError),
        (0, [1.0, 2.0, 3.0], E.ShapeError),
        (0, "a", E.ConversionError),
        (0, 1j, E.DTypeError),
        ((0, 0, 0), 1.0, E.IndexOutOfBoundsError),
        (slice(None, None, 0), 1.0, E.ArgumentError),
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_a_refused_write_changes_nothing(
    key: Any, value: Any, error: type[Exception], recorded: bool
) -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        if recorded:
            tape.watch(x)
        with pytest.raises(error):
            x[key] = value
        y = x * x
    np.testing.assert_array_equal(x.numpy(), [[1.0, 2.0], [3.0, 4.0]])
    gradient = tape.gradient(y, x)
    assert (gradient is not None) == recorded


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int8", 300), ("int8", -129), ("uint8", -1), ("int32", [2**40]), ("int32", float("nan"))],
)
def test_a_write_never_wraps_a_python_integer(dtype: str, value: Any) -> None:
    x = tf.constant([1, 2], dtype)
    with pytest.raises(E.ConversionError):
        x[0:1] = value
    np.testing.assert_array_equal(x.numpy(), [1, 2])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "call",
    [lambda: tf.range(2**62), lambda: tf.range(10**30), lambda: tf.linspace(0.0, 1.0, 2**60)],
)
def test_what_no_memory_holds_is_refused_before_it_is_made(call: Any, compiled: bool) -> None:
    with pytest.raises(MemoryError, match="more elements than memory holds"):
        (tf.function(call) if compiled else call)()
