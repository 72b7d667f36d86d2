"""NumPy's protocols: which operation runs, what it returns, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import twofold as tf

A = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "operate",
    [
        lambda a, b: a + b, lambda a, b: b - a, lambda a, b: a @ b, lambda a, b: b / a,
        lambda a, b: a**b, lambda a, b: a < b, lambda a, b: a == b, lambda a, b: b // a,
        lambda a, b: np.float64(2) * b, lambda a, b: b % np.int64(2), lambda a, b: np.add(a, b),
        lambda a, b: np.add.reduce(b), lambda a, b: np.add.outer(a, b),
        lambda a, b: np.maximum.reduce(b), lambda a, b: np.add.accumulate(b),
        lambda a, b: np.concatenate([a, b]), lambda a, b: np.stack([b, a], axis=1),
        lambda a, b: np.where(b > 1, b, a), lambda a, b: np.sum(b, axis=0, keepdims=True),
        lambda a, b: np.clip(b, 1, 2), lambda a, b: np.var(b, ddof=1), lambda a, b: np.sort(-b),
        lambda a, b: np.median(b), lambda a, b: np.sum(b, where=np.array([True, False, True])),
        lambda a, b: np.reshape(b, (3, 1), order="F"), lambda a, b: np.linalg.norm(b),
        lambda a, b: np.divmod(b, 2)[1],
    ],
)  # fmt: skip
def test_a_numpy_function_of_a_tensor_is_a_tensor_of_numpys_value(operate: Any) -> None:
    got = operate(A, tf.constant(A))
    assert isinstance(got, tf.Tensor)
    np.testing.assert_allclose(got.numpy(), operate(A, A))


def test_a_result_goes_into_the_array_that_was_given() -> None:
    out = np.zeros(3)
    assert np.exp(tf.constant(A), out=out) is out
    np.testing.assert_array_equal(out, np.exp(A))
    array = same = A.copy()
    array += tf.constant(A)
    assert array is same
    np.testing.assert_array_equal(same, 2 * A)


@pytest.mark.parametrize("make", [tf.constant, tf.Variable])
def test_numpy_does_not_write_into_tensors_and_variables(make: Any) -> None:
    out = make(A)
    with pytest.raises(tf.errors.ArgumentError, match="assign its result instead"):
        np.exp(tf.constant(A), out=out)
    np.testing.assert_array_equal(out.numpy(), A)


def test_a_function_without_an_op_is_refused_where_somebody_records() -> None:
    x = tf.constant(A)
    with tf.GradientTape() as tape, pytest.raises(tf.errors.StagingError, match="np.unwrap"):
        tape.watch(x)
        np.unwrap(x)
    with pytest.raises(tf.errors.StagingError, match="np.unwrap"):
        tf.function(np.unwrap, strict=True)(x)


def test_integer_division_by_zero_raises_through_numpy() -> None:
    for divide in (np.floor_divide, np.remainder, np.divmod):
        with warnings.catch_warnings(), pytest.raises(ZeroDivisionError):
            warnings.simplefilter("error")
            divide(tf.constant([1]), 0)


def test_dlpack_goes_both_ways_and_changes_no_tensor() -> None:
    x = tf.constant(A)
    array = np.from_dlpack(x)
    np.testing.assert_array_equal(array, A)
    if array.flags.writeable:  # NumPy 2.0 has no read-only DLPack
        pytest.skip("this NumPy cannot be told not to write")
    source = A.copy()
    made = tf.from_dlpack(source)
    source[0] = 9.0
    np.testing.assert_array_equal(made.numpy(), A)
    with pytest.raises(tf.errors.ConversionError, match="has no __dlpack__"):
        tf.from_dlpack([1.0])


def test_the_array_namespace_is_twofold() -> None:
    x = tf.constant(A)
    assert x.__array_namespace__() is tf
    assert x.__array_namespace__(api_version="2024.12") is tf
    with pytest.raises(tf.errors.ArgumentError, match="no version '1999.1'"):
        x.__array_namespace__(api_version="1999.1")
