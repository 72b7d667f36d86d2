"""Variables: values, assignment, refusal, and that nobody shares their memory."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import twofold as tf


def test_repr_names_the_variable() -> None:
    text = "<tf.Variable 'w' shape=() dtype=float32, numpy=1.0>"
    assert repr(tf.Variable(1.0, name="w")) == text


def test_a_variable_is_an_operand() -> None:
    v = tf.Variable([1.0, 2.0])
    for got, want in [
        (v + 1, [2.0, 3.0]), (1 - v, [0.0, -1.0]), (np.ones(2, "float32") * v, [1.0, 2.0]),
        (np.square(v), [1.0, 4.0]), (-v, [-1.0, -2.0]), (v[1:], [2.0]), (v @ v, 5.0),
        (v.sum(), 3.0), (v.value(), [1.0, 2.0]), (v.read_value(), [1.0, 2.0]),
    ]:  # fmt: skip
        np.testing.assert_array_equal(got.numpy(), want)
    assert len(v) == 2
    assert float(tf.Variable(2.0)) == 2.0
    assert isinstance(tf.Variable(2.0).numpy(), np.float32)


def test_augmented_assignment_makes_a_tensor() -> None:
    v = w = tf.Variable(1.0)
    w += 1.0
    assert (v.numpy(), w.numpy(), isinstance(w, tf.Variable)) == (1.0, 2.0, False)


def test_assignment_returns_the_variable() -> None:
    v = tf.Variable([1.0, 2.0])
    assert v.assign([3, 4]).assign_add(1).assign_sub([1.0, 0.0]) is v
    np.testing.assert_array_equal(v.numpy(), [3.0, 5.0])
    v[0] = 7.0
    np.testing.assert_array_equal(v.numpy(), [7.0, 5.0])


def test_the_second_argument_is_trainable() -> None:
    assert tf.Variable(1.0).trainable
    assert not tf.Variable(1.0, False).trainable


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([1.0, 2.0, 3.0], tf.errors.ShapeError),
        (1.0, tf.errors.ShapeError),
        ([[1.0], [2.0]], tf.errors.ShapeError),
        (tf.constant([1, 2]), tf.errors.DTypeError),
        ("text", tf.errors.ConversionError),
        (None, tf.errors.ConversionError),
        ([1j, 1.0], tf.errors.ConversionError),
        ([[1.0], [2.0, 3.0]], tf.errors.ConversionError),
    ],
    ids=str,
)
def test_a_refused_assignment_changes_nothing(value: Any, error: type[Exception]) -> None:
    v = tf.Variable([1.0, 2.0], name="w")
    with pytest.raises(error) as caught:
        v.assign(value)
    assert caught.value.location.file == __file__  # type: ignore[attr-defined]
    np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])


@pytest.mark.parametrize("value", [[1.5, 2], float("nan"), [2**40, 1], [float("inf"), 0]])
def test_an_integer_variable_takes_no_fraction_and_nothing_too_large(value: Any) -> None:
    v = tf.Variable([1, 2])
    with pytest.raises(tf.errors.ConversionError):
        v.assign(value)
    np.testing.assert_array_equal(v.numpy(), [1, 2])


@pytest.mark.parametrize(("value", "dtype"), [(1.5, tf.int32), (300, tf.int8), (1j, tf.float32)])
def test_an_initial_value_must_fit_the_dtype(value: Any, dtype: Any) -> None:
    with pytest.raises(tf.errors.ConversionError):
        tf.Variable(value, dtype=dtype)


def test_a_variable_shares_memory_with_nobody() -> None:
    array, tensor = np.zeros(2, "float32"), tf.constant([0.0, 0.0])
    v, w = tf.Variable(array), tf.Variable(tensor)
    array[0] = tensor[0] = 1.0
    assert not v.numpy().any()
    assert not w.numpy().any()
    before, part = v.read_value(), v[:1]
    v.assign([5.0, 5.0])
    assert not before.numpy().any()
    assert not part.numpy().any()


def test_copies_are_variables_of_their_own() -> None:
    v = tf.Variable([1.0], name="w")
    for other in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        other.assign([2.0])
        assert (v.numpy(), other.name) == ([1.0], "w")
