"""Derivatives for the parameters of gamma and beta: exact values far out, and those of numbers drawn."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import twofold as tf


def slopes(function: Any, *values: float) -> list[float]:
    sources = [tf.constant(v, tf.float64) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        out = function(*sources)
    return [float(g) for g in tape.gradient(out, sources)]


@pytest.mark.parametrize("a", [1e-3, 0.3, 19.9, 500.0])
@pytest.mark.parametrize("ratio", [1e-8, 0.3, 1.4])
def test_igamma(a: float, ratio: float) -> None:
    x = ratio * max(a, 1.0)
    with mpmath.workdps(90):
        exact = mpmath.diff(lambda s: mpmath.gammainc(s, 0, x, regularized=True), a)
    found = slopes(tf.math.igamma, a, x)[0]
    assert abs(found - exact) <= 1e-9 * abs(exact) + 1e-300
    assert slopes(tf.math.igammac, a, x)[0] == -found


@pytest.mark.parametrize("a", [0.02, 30.0])
@pytest.mark.parametrize("b", [0.7, 5.0])
@pytest.mark.parametrize("x", [1e-10, 0.3, 0.99])
def test_betainc(a: float, b: float, x: float) -> None:
    with mpmath.workdps(90):
        value = lambda s, t: mpmath.betainc(s, t, 0, x, regularized=True)  # noqa: E731
        exact = mpmath.diff(lambda s: value(s, b), a), mpmath.diff(lambda t: value(a, t), b)
    for found, want in zip(slopes(tf.math.betainc, a, b, x)[:2], exact, strict=True):
        assert abs(found - want) <= 1e-9 * abs(want) + 1e-300


def test_edges() -> None:
    assert slopes(tf.math.igamma, 2.0, 0.0)[0] == 0.0 == slopes(tf.math.igamma, 2.0, np.inf)[0]
    assert slopes(tf.math.betainc, 2.0, 3.0, 0.0)[:2] == [0.0, 0.0]
    assert np.isnan(slopes(tf.math.igamma, -1.0, 1.0)[0])


@pytest.mark.parametrize("jit", [None, False])
def test_gamma_numbers_keep_their_places(jit: bool | None) -> None:
    def drawn(alpha: Any) -> Any:
        return tf.random.stateless_gamma((50, 3), (4, 5), alpha, dtype=tf.float64)

    call = drawn if jit is None else tf.function(drawn, jit_compile=jit)
    alpha, step = tf.constant([0.2, 1.5, 30.0], tf.float64), 1e-5
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        numbers = call(alpha)
    found = tape.gradient(numbers, alpha).numpy()
    a = alpha.numpy()
    places = special.gammainc(a, numbers.numpy())
    moved = [special.gammaincinv(a + h, places).sum(0) for h in (step, -step)]
    np.testing.assert_allclose(found, (moved[0] - moved[1]) / (2 * step), rtol=1e-5)
