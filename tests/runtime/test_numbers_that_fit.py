"""A Python number that an integer dtype does not hold raises, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

ZEROS = np.zeros(2, np.int8)


@pytest.mark.parametrize("call", [
    lambda x: tf.pad(x, 1, constant_values=300), lambda x: np.pad(x, 1, constant_values=-129),
    lambda x: tf.one_hot([1], 3, on_value=300, dtype=x.dtype),
    lambda x: tf.one_hot([1], 3, off_value=300, dtype=x.dtype),
    lambda x: tf.arange(129, dtype=x.dtype), lambda x: tf.range(0, 300, 100, dtype=x.dtype),
    lambda x: tf.arange(0.0, 300.0, 100.0, dtype=x.dtype), lambda x: tf.arange(0, -130, -1, x.dtype),
    lambda x: tf.linspace(0, 300, 3, dtype=x.dtype), lambda x: tf.put_along_axis(x, [0], [300]),
    lambda x: tf.pad(x, 1, constant_values=1.5), lambda x: tf.put_along_axis(x, [0], 1.5),
    lambda x: tf.one_hot([1], 3, on_value=0.5, dtype=x.dtype),
    lambda x: tf.linalg.set_diag(tf.zeros((2, 2), x.dtype), [1, 300]),
    lambda x: tf.linalg.diag(x, k=1, padding_value=300),
    lambda x: tf.linalg.diag_part(tf.zeros((3, 2), x.dtype), k=(0, 1), padding_value=1.5),
    lambda x: np.add.at(x, [0], 300), lambda x: np.subtract.at(x, [0], 1.5),
    lambda x: tf.random.stateless_uniform((2,), (1, 2), 0, 129, tf.int8),
    lambda x: tf.random.stateless_uniform((2,), (1, 2), -129, 0, tf.int8),
])  # fmt: skip
@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_refused_in_both_modes(call: Callable[[Any], Any], compiled: bool) -> None:
    made = tf.function(call, jit_compile=False) if compiled else call
    with pytest.raises(tf.errors.ArgumentError, match="does not fit int8"):
        made(tf.constant(ZEROS))


@pytest.mark.parametrize("name", ["update", "add", "sub", "max", "min"])
def test_a_variable_keeps_its_rows(name: str) -> None:
    v = tf.Variable(ZEROS)
    with pytest.raises(tf.errors.ConversionError, match="does not fit int8"):
        getattr(v, f"scatter_nd_{name}")([[0]], [300])
    assert v.numpy().tolist() == [0, 0]


def test_the_ends_fit() -> None:
    assert tf.arange(0, 128, 127, dtype="int8").numpy().tolist() == [0, 127]
    assert tf.arange(5, 5, dtype="int8").shape == (0,)
    assert tf.one_hot([1], 2, 127, -128, dtype="int8").numpy().tolist() == [[-128, 127]]
    assert tf.pad(ZEROS, 1, constant_values=127).numpy().tolist() == [127, 0, 0, 127]
    assert tf.random.stateless_uniform((9,), (1, 2), 0, 128, tf.int8).numpy().min() >= 0


def test_ranges_beyond_int32_are_of_int64() -> None:
    for call in (tf.range, tf.arange, tf.function(tf.range, jit_compile=False)):
        found = call(2**31 - 1, 2**31 + 1)
        assert found.dtype == np.int64 and found.numpy().tolist() == [2**31 - 1, 2**31]
