"""NumPy's parameters, by position and by name: each call gives what NumPy gives, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

A = np.random.default_rng(0).uniform(0.2, 0.8, (3, 4))
MASK = A > 0.5
Call = Callable[[Any], Any]

CALLS: list[Call] = [
    lambda t: np.cumsum(t),
    lambda t: np.sum(t, 0, np.float32),
    lambda t: np.argsort(t, 1, "stable"),
    lambda t: np.concatenate([t, t], dtype=np.float32),
    lambda t: np.concatenate([t, t], axis=None),
    lambda t: np.stack([t, t], 1, dtype=np.float32),
    lambda t: np.vstack([t, t], dtype=np.float32),
    lambda t: np.hstack([t, t], dtype=np.int32, casting="unsafe"),
    lambda t: np.concatenate([t, t], out=None, dtype=np.int8, casting="unsafe"),
    lambda t: np.nan_to_num(t / (t > 0.5), True, 7.0, 8.0),
    lambda t: np.add.reduce(t),
    lambda t: np.add.reduce(t, 1, np.float32, None, True),
    lambda t: np.add.reduce(t, axis=None, initial=5.0, where=MASK),
    lambda t: np.maximum.reduce(t, axis=1, initial=0.5, where=MASK),
    lambda t: np.logical_and.reduce(t > 0.3, axis=1),
    lambda t: np.logaddexp.reduce(t),
    lambda t: np.multiply.accumulate(t, 1),
    lambda t: np.maximum.accumulate(t),
    lambda t: np.add.accumulate(t, axis=1, dtype=np.float32),
    lambda t: np.subtract.outer(t[0], t),
    lambda t: np.power(t, 2, dtype=np.float32),
    lambda t: np.full_like(t, 3, np.int32),
    lambda t: np.ones_like(t, np.int8),
    lambda t: np.linspace(t, 1),
    lambda t: np.linspace(t, 1, 5, False, False, np.float32, 1),
    lambda t: np.transpose(t, (1, 0)),
    lambda t: np.permute_dims(t),
    lambda t: np.roll(t, (1, 2), (0, 1)),
    lambda t: np.take(t, [1, 0], 1),
    lambda t: np.diff(t, 2, 0),
    lambda t: np.diff(t, append=1.0),
    lambda t: np.isclose(t, t + 0.001, 1e-3, 1e-2, True),
    lambda t: np.argmax(t, axis=0, keepdims=True),
    lambda t: np.any(MASK * t, axis=0, keepdims=True),
    lambda t: np.searchsorted(np.sort(t[0]), t[1], "right"),
    lambda t: np.fft.fft(t, 3, 0, "ortho"),
    lambda t: np.cross(t[:, :3], t[:, 1:]),
    lambda t: np.cross(t[:, :3].T, t[:, 1:].T, axis=0),
    lambda t: np.meshgrid(t[0], t[1], indexing="ij")[0],
    lambda t: np.max(t, 1, initial=0.6, where=MASK),
    lambda t: np.unstack(t, axis=1)[0] if hasattr(np, "unstack") else t,
    lambda t: np.std(t, 0, None, None, 1),
]

# What no op here does: NumPy does it where nobody records, and it is refused elsewhere.
ARRAYS_ONLY: list[tuple[str, Call]] = [
    ("np.add", lambda t: np.add(t, 1, where=MASK, out=np.zeros((3, 4)))),
    ("np.subtract.reduce", lambda t: np.subtract.reduce(t)),
    ("np.take", lambda t: np.take(t, [5, 0], 1, mode="clip")),
    ("np.angle", lambda t: np.angle(t, True)),
    ("np.reshape", lambda t: np.reshape(t, (4, 3), "F")),
    ("np.ones_like", lambda t: np.ones_like(t, shape=(2,))),
]


def agrees(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)
    assert np.asarray(found).dtype.kind == expected.dtype.kind


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("call", CALLS)
def test_each_call_gives_what_numpy_gives_in_both_modes_and_under_a_tape(call: Call) -> None:
    expected = call(A)
    agrees(call(tf.constant(A)), expected)
    agrees(tf.function(call, strict=True)(tf.constant(A)), expected)
    with tf.GradientTape() as tape:
        x = tf.constant(A)
        tape.watch(x)
        agrees(call(x), expected)


@pytest.mark.parametrize(("name", "call"), ARRAYS_ONLY)
def test_what_has_no_op_is_numpys_or_refused_by_its_own_name(name: str, call: Call) -> None:
    agrees(call(tf.constant(A)), call(A))
    x = tf.constant(A)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(tf.errors.StagingError, match=rf"{name} with these arguments"):
            call(x)


def test_at_changes_the_tensor_and_none_that_was_made_of_it() -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    before, same = x[:], x
    np.add.at(x, [0, 0, -1], [1.0, 10.0, 100.0])
    np.maximum.at(x, np.array([1]), 5.0)
    assert same.numpy().tolist() == [12.0, 5.0, 103.0]
    assert before.numpy().tolist() == [1.0, 2.0, 3.0]


def test_at_is_recorded() -> None:
    value = tf.constant([2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(value)
        x = tf.zeros(3)
        np.add.at(x, np.array([0, 0]), value)
        y = x * x
    np.testing.assert_array_equal(tape.gradient(y, value).numpy(), [10.0, 10.0])
    with tf.GradientTape() as tape:
        tape.watch(value)
        with pytest.raises(tf.errors.StagingError, match=r"np.maximum.at has no op"):
            np.maximum.at(tf.zeros(3), [0, 0], value)


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.vstack, np.hstack])
def test_joining_casts_only_what_numpy_casts(join: Call) -> None:
    x = tf.constant([[1.5]], tf.float64)
    for call in (join, tf.function(lambda parts, **options: join(parts, **options))):
        with pytest.raises(TypeError, match="same_kind"):
            call([x, x], dtype=np.int32)


def test_a_masked_array_is_refused() -> None:
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    for use in (tf.constant, tf.sum, tf.Variable, lambda m: tf.zeros(3) + m, tf.function(tf.sum)):
        with pytest.raises(tf.errors.ConversionError, match="masked array"):
            use(masked)
