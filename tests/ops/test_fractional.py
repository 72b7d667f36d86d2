"""Pools with drawn windows, and isotonic regression."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
X = RNG.integers(0, 4, (2, 11, 9, 3)).astype("f4")


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("pseudo", [False, True])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_windows_of_two_sizes_cover_all(kind: str, pseudo: bool, overlapping: bool) -> None:
    pool = getattr(tf.nn, f"fractional_{kind}_pool")
    fold = np.max if kind == "max" else np.mean
    out, rows, columns = pool(X, (1, 1.4, 1.73, 1), pseudo, overlapping, seed=3)
    assert rows[0] == columns[0] == 0 and rows[-1] == 11 and columns[-1] == 9
    assert out.shape == (2, 7, 5, 3) and set(np.diff(rows.numpy())) == {1, 2}
    expected = [
        [fold(X[:, a : b + overlapping, c : d + overlapping], axis=(1, 2))
         for c, d in pairwise(columns.numpy())]
        for a, b in pairwise(rows.numpy())
    ]  # fmt: skip
    np.testing.assert_allclose(out, np.moveaxis(expected, 2, 0), rtol=1e-6)
    staged = tf.function(lambda x: pool(x, (1, 1.4, 1.73, 1), pseudo, overlapping, seed=3))
    for a, b in zip(staged(tf.constant(X)), (out, rows, columns), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_the_first_of_equal_elements_has_the_gradient() -> None:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out, rows, columns = tf.nn.fractional_max_pool(x, 1.5, seed=5)
    slope = tape.gradient(out, x).numpy()
    assert out.shape == (2, 7, 6, 3)
    for a, b in pairwise(rows.numpy()):
        for c, d in pairwise(columns.numpy()):
            part = X[:, a:b, c:d].reshape(2, -1, 3)
            given = slope[:, a:b, c:d].reshape(2, -1, 3)
            np.testing.assert_array_equal(given.argmax(1), part.argmax(1))
            np.testing.assert_array_equal(given.sum(1), 1)


def test_what_is_drawn_depends_on_the_seed_or_on_the_generator() -> None:
    tf.random.set_seed(1)
    drawn = [tf.nn.fractional_max_pool(X, 1.3).row_pooling_sequence.numpy() for _ in range(8)]
    assert len({d.tobytes() for d in drawn}) > 1
    tf.random.set_seed(1)
    again = [tf.nn.fractional_max_pool(X, 1.3).row_pooling_sequence.numpy() for _ in range(8)]
    np.testing.assert_array_equal(drawn, again)
    with pytest.raises(tf.errors.ArgumentError):
        tf.nn.fractional_max_pool(X, 0.5)
    with pytest.raises(tf.errors.ShapeError):
        tf.nn.fractional_avg_pool(X[0], 2.0)


def nearest(line: Any, rising: bool) -> Any:
    """Isotonic regression by its formula of largest smallest means."""
    x = line if rising else line[::-1]
    n = len(x)
    out = [max(min(x[i : j + 1].mean() for j in range(k, n)) for i in range(k + 1))
           for k in range(n)]  # fmt: skip
    return np.array(out if rising else out[::-1])


@pytest.mark.parametrize("rising", [True, False])
def test_isotonic_regression_is_the_nearest_monotone_line(rising: bool) -> None:
    x = RNG.standard_normal((3, 12))
    for run in (tf.nn.isotonic_regression, tf.function(tf.nn.isotonic_regression)):
        found, segments = run(tf.constant(x), not rising)
        np.testing.assert_allclose(found, [nearest(line, rising) for line in x], atol=1e-12)
        for line, own in zip(found.numpy(), segments.numpy(), strict=True):
            assert own[0] == 0 and set(np.diff(own)) <= {0, 1}
            assert all(len(set(line[own == k])) == 1 for k in set(own))
    down, _ = tf.nn.isotonic_regression(x.T, not rising, 0)
    np.testing.assert_array_equal(down.numpy().T, found)


def test_the_gradient_of_a_segment_is_its_mean() -> None:
    x, g = tf.constant([3.0, 1.0, 2.0, 0.5]), tf.constant([1.0, 2.0, 4.0, 8.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        out, _ = tf.nn.isotonic_regression(x)
    assert tape.gradient(out, x, output_gradients=g).numpy().tolist() == [1.0, 3.0, 3.0, 8.0]
