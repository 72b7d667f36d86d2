"""The eager tensor as a Python value: text, conversion, protocols of numbers and sequences."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError

A = np.arange(24.0, dtype="float32").reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "<tf.Tensor: shape=(), dtype=int32, numpy=5>"),
        (1.5, "<tf.Tensor: shape=(), dtype=float32, numpy=1.5>"),
        (True, "<tf.Tensor: shape=(), dtype=bool, numpy=True>"),
        ([], "<tf.Tensor: shape=(0,), dtype=float32, numpy=array([], dtype=float32)>"),
        ([1, 2], "<tf.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>"),
    ],
)
def test_repr_says_shape_dtype_and_value(value: Any, text: str) -> None:
    assert repr(tf.constant(value)) == text


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1, 2.5], "float32"),
        ([True, 2], "int32"),
        ([1, 2**40], "int64"),
        (-(2**31), "int32"),
        (2**31, "int64"),
        ([1, 1j], "complex64"),
        ([np.float64(1), 2], "float64"),
        ([[], []], "float32"),
        (range(3), "int32"),
        (np.float16(1), "float16"),
    ],
)
def test_python_values_have_the_dtypes_of_the_language(value: Any, dtype: str) -> None:
    assert tf.constant(value).dtype.name == dtype


def test_an_integer_beyond_int64_needs_uint64() -> None:
    with pytest.raises(tf.errors.ConversionError, match="pass dtype=tf.uint64"):
        tf.constant(2**63)
    assert tf.constant(2**63, tf.uint64).item() == 2**63
    with pytest.raises(tf.errors.ConversionError, match="more than 64 bits"):
        tf.constant([1, 2**64])


def test_a_number_too_large_for_a_float_is_infinite_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tf.constant(1e300).item() == math.inf
        assert (tf.constant(1.0) + 10**39).item() == math.inf
        assert (tf.constant(1.0, tf.float16) * 1e6).item() == math.inf
        assert (tf.constant(1.0) + 2**70).item() == float(2**70)
    with pytest.raises(tf.errors.ConversionError, match="does not fit float32"):
        tf.constant(1.0) + 10**400


def test_one_element_is_a_python_number() -> None:
    one = tf.constant([3])
    assert (int(one), float(one), bool(one), one.item()) == (3, 3.0, True, 3)
    assert [10, 20, 30][tf.constant(1)] == 20
    assert complex(tf.constant(2j)) == 2j
    assert f"{tf.constant(7):04d} {tf.constant(1.5):.2f}" == "0007 1.50"
    assert math.floor(tf.constant(1.5)) == math.trunc(tf.constant(1.9)) == 1
    assert tf.constant([[1, 2]]).tolist() == [[1, 2]]


def test_round_and_divmod_are_operations() -> None:
    x = tf.constant([1.26, -2.5])
    np.testing.assert_allclose(round(x, 1).numpy(), [1.3, -2.5], rtol=1e-6)
    np.testing.assert_array_equal(round(x).numpy(), [1.0, -2.0])
    quotient, rest = divmod(tf.constant([7, -7]), 2)
    np.testing.assert_array_equal(quotient.numpy(), [3, -4])
    np.testing.assert_array_equal(rest.numpy(), [1, 1])
    assert [t.item() for t in divmod(7, tf.constant(2))] == [3, 1]


def test_sequence_protocol() -> None:
    x = tf.constant([1, 2])
    assert len(x) == 2
    assert [t.item() for t in x] == [1, 2]
    assert [t.item() for t in reversed(x)] == [2, 1]
    assert 2 in x


def test_a_tensor_is_hashed_by_identity_and_copied_by_value() -> None:
    x = tf.constant([1.0, 2.0])
    assert {x: 1}[x] == 1
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.copy()):
        assert other is not x
        x[0] = 5.0
        np.testing.assert_array_equal(other.numpy(), [1.0, 2.0])
        x[0] = 1.0


def test_what_is_no_number_is_unequal() -> None:
    x = tf.constant([1.0])
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (x == "a") is False
    assert any(item is x for item in ["a", None, x])


@pytest.mark.parametrize(
    "key",
    [
        0, -1, (1, 2), ..., (..., 0), None, (None, 0), slice(None, None, -1), [0, 1],
        (0, [0, 2]), ([0, 1], slice(None), [1, 2]), (slice(None), [[0, 1], [2, 0]]), A > 3,
        (0, A[0] > 3), [True, False], True, False, (True, 0), np.int64(1), slice(5, 1, -2),
        slice(10, 20), [], (np.array([[0], [1]]), np.array([0, 2])), (slice(None), True),
    ],
    ids=str,
)  # fmt: skip
def test_reading_and_writing_by_every_key_of_numpy(key: Any) -> None:
    np.testing.assert_array_equal(tf.constant(A)[key].numpy(), A[key])
    expected, written = A.copy(), tf.constant(A)
    expected[key] = 7.0
    written[key] = 7.0
    np.testing.assert_array_equal(written.numpy(), expected)


@pytest.mark.parametrize("key", [[True, False], True, (slice(None), False), (0, [True, False])])
def test_a_mask_written_out_in_the_key_is_staged(key: Any) -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    staged = tf.function(lambda t: t[key], jit_compile=False)(x)
    np.testing.assert_array_equal(staged.numpy(), x[key].numpy())


def test_a_tensor_never_shares_memory_with_an_array_of_the_caller() -> None:
    makers = [
        tf.constant, tf.asarray, tf.identity, tf.stop_gradient, tf.transpose, tf.flip, tf.real,
        lambda a: tf.reshape(a, (1, 2)), lambda a: tf.expand_dims(a, 0), lambda a: +tf.squeeze(a),
        lambda a: tf.broadcast_to(a, (2, 2)), lambda a: tf.split(a, 2)[0],
        lambda a: tf.unstack(a)[0], lambda a: tf.cast(a, "float64"), tf.from_dlpack,
    ]  # fmt: skip
    for make in makers:
        array = np.zeros(2)
        made = make(array)
        array[:] = 1.0
        assert not made.numpy().any(), make


def test_an_array_of_a_tensor_cannot_change_it() -> None:
    x = tf.constant([1.0, 2.0])
    for array in (x.numpy(), np.asarray(x), np.array(x)):
        array[0] = 9.0
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x, copy=False)[0] = 9.0
    np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])


def test_integers_wrap_and_do_not_divide_by_zero() -> None:
    assert (tf.constant(2**31 - 1) + 1).item() == -(2**31)
    assert (tf.constant(100, tf.int8) + 100).item() == -56
    assert (-tf.constant(1, tf.uint8)).item() == 255
    for divide in (lambda: tf.constant(1) // 0, lambda: 1 % tf.constant(0)):
        with pytest.raises(ZeroDivisionError):
            divide()
    assert (tf.constant(1) / 0).item() == math.inf


def test_equal_attributes_that_are_not_the_same_are_told_apart() -> None:
    x = tf.constant([1.0])
    signs = [np.signbit(tf.pad(x, [(1, 0)], constant_values=v).numpy()[0]) for v in (0.0, -0.0)]
    assert signs == [False, True]
    tf.reshape(x, (1, 1))
    with pytest.raises(ArgumentError, match="must be an integer"):
        tf.reshape(x, (1.0, 1))
