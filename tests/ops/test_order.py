"""Quicker ways to sort give what the stable order gives: ties, zeros of both signs, NaNs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

SHAPES = [(2000,), (5, 3, 90)]


def _values(kind: str, shape: tuple[int, ...], dtype: str) -> Any:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(shape) * 1000
    if kind == "ties":
        x = np.round(x / 300)
    x = x.astype(dtype)
    if kind == "special" and dtype in "fd":
        x[..., ::7], x[..., 1], x[..., 2] = np.nan, -0.0, 0.0
    return x


def _order(x: Any, axis: int, falls: bool) -> Any:
    if not falls:
        return np.argsort(x, axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["f", "d", "i"])
@pytest.mark.parametrize("kind", ["different", "ties", "special"])
def test_order_is_the_stable_one(kind: str, dtype: str, shape: tuple[int, ...]) -> None:
    x = _values(kind, shape, dtype)
    for axis in range(len(shape)):
        for word, falls in (("ASCENDING", False), ("DESCENDING", True)):
            order = _order(x, axis, falls)
            np.testing.assert_array_equal(tf.argsort(x, axis, word).numpy(), order)
            found, want = tf.sort(x, axis, word).numpy(), np.sort(x, axis, kind="stable")
            want = np.flip(want, axis) if falls else want
            np.testing.assert_array_equal(found, want)
            np.testing.assert_array_equal(np.signbit(found[want == 0]), np.signbit(want[want == 0]))
    for k in (1, 10, 20):
        values, places = tf.math.top_k(x, k)
        want = _order(x, -1, True)[..., :k]
        np.testing.assert_array_equal(places.numpy(), want)
        np.testing.assert_array_equal(values.numpy(), np.take_along_axis(x, want, -1))
