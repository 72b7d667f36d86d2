"""Sweeps that compute functions of functions are written for two vectors side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-40, -1e-40, 3e38, -3e38, 88.7, -104.0]
SIZES = [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 129]


@tf.function(jit_compile=True)
def deep(x: Any, y: Any) -> Any:
    return tf.exp(tf.tanh(x) * y) + tf.log(abs(y))


@tf.function(jit_compile=True)
def deep_sums(x: Any, y: Any) -> Any:
    return tf.reduce_sum(tf.exp(tf.tanh(x) * y) + tf.log(abs(y)), axis=-1)


def numbers(*shape: int, dtype: str = "float32", special: bool = True) -> Any:
    rng = np.random.default_rng(len(shape) + shape[-1])
    x = rng.standard_normal(shape).astype(dtype)
    if special:
        flat = x.reshape(-1)
        flat[::3] = np.resize(np.asarray(SPECIAL, dtype), flat[::3].shape)
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", SIZES)
def test_an_elements_bits_do_not_depend_on_where_it_lies(n: int, dtype: str) -> None:
    x, y = numbers(3, n, dtype=dtype), numbers(3, n, dtype=dtype)[::-1].copy()
    whole = deep(x, y).numpy()
    for start in range(0, n, 5):
        part = deep(x[:, start : start + 5].copy(), y[:, start : start + 5].copy()).numpy()
        np.testing.assert_array_equal(whole[:, start : start + 5], part)
    with np.errstate(all="ignore"):
        reference = np.exp(np.tanh(x.astype("f8")) * y) + np.log(abs(y.astype("f8")))
        reference = reference.astype(dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(whole, reference, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [16, 31, 32, 33, 48, 64, 65, 96, 750])
def test_sums_add_two_vectors_one_after_the_other(n: int) -> None:
    x, y = numbers(4, n, special=False), numbers(4, n, special=False)
    terms = np.zeros((4, -(-n // 16) * 16), np.float32)
    terms[:, :n] = deep(x, y).numpy()
    lanes = np.zeros((4, 16), np.float32)
    for vector in np.split(terms, terms.shape[1] // 16, axis=1):
        lanes = lanes + vector
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    np.testing.assert_array_equal(deep_sums(x, y).numpy(), lanes[:, 0])


def test_a_nan_behind_the_end_of_a_row_stays_there() -> None:
    x = np.full((2, 40), 0.5, np.float32)
    x[1] = np.nan
    out = deep_sums(x, np.ones_like(x)).numpy()
    assert np.isfinite(out[0])
    assert np.isnan(out[1])
