"""Derivatives at poles and branch points, and where a formula would cancel or overflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import twofold as tf

INF, NAN = math.inf, math.nan
MODES = pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "compiled"])


def derivatives(f: Callable[[Any], Any], mode: Callable[..., Any], *points: float) -> list[Any]:
    """First and second derivatives, in float64, at points."""

    def both(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            first = tape.gradient(y, x)
        return first, outer.gradient(first, x)

    x = tf.constant(points, tf.float64)
    return [t.numpy().tolist() for t in mode(both)(x)]


@MODES
@pytest.mark.parametrize(
    ("f", "points", "first", "second"),
    [
        (tf.asin, [-1.0, 1.0], [INF, INF], [-INF, INF]),
        (tf.acos, [-1.0, 1.0], [-INF, -INF], [INF, -INF]),
        (tf.acosh, [1.0], [INF], [-INF]),
        (tf.atanh, [-1.0, 1.0], [INF, INF], [-INF, INF]),
        (tf.cbrt, [0.0, -0.0], [INF, INF], [-INF, INF]),
        (tf.logit, [0.0, 1.0], [INF, INF], [-INF, INF]),
        (tf.math.digamma, [-1.0, -2.0], [INF, INF], [NAN, NAN]),
    ],
    ids=["asin", "acos", "acosh", "atanh", "cbrt", "logit", "digamma"],
)
def test_derivatives_at_poles_are_the_limits(
    f: Any, points: list[float], first: list[float], second: list[float], mode: Any
) -> None:
    assert_allclose(derivatives(f, mode, *points), [first, second])


@MODES
def test_derivatives_of_sinc_are_exact_near_zero(mode: Any) -> None:
    points = [0.0, 1e-320, 1e-10, 1e-5, 0.25]
    first, second = derivatives(np.sinc, mode, *points)
    curve = math.pi**2 / 3
    assert_allclose(first[:4], [-curve * x for x in points[:4]], rtol=1e-9, atol=1e-322)
    assert_allclose(second[:4], [-curve] * 4, rtol=1e-8)
    sin, cos = math.sin(math.pi / 4), math.cos(math.pi / 4)
    assert_allclose(first[4], 4 * cos - 16 * sin / math.pi, rtol=1e-13)
    assert_allclose(second[4], -4 * math.pi * sin - 32 * cos + 128 * sin / math.pi, rtol=1e-12)


@MODES
def test_derivatives_of_sinc_are_exact_far_out(mode: Any) -> None:
    points = [1e2, 1e4, 1e5, 1e9]
    assert np.array_equal(np.sinc(tf.constant(points, tf.float64)).numpy(), [0, 0, 0, 0])
    first, second = derivatives(np.sinc, mode, *points)
    assert_allclose(first, [1 / x for x in points], rtol=1e-14)
    assert_allclose(second, [-2 / x**2 for x in points], rtol=1e-14)


@MODES
def test_derivatives_of_small_and_large_numbers_neither_cancel_nor_overflow(mode: Any) -> None:
    assert_allclose(derivatives(tf.asin, mode, 1e-20, -1e-40)[1], [1e-20, -1e-40])
    assert_allclose(derivatives(tf.acosh, mode, 1e200)[0], [1e-200])
    assert_allclose(derivatives(tf.asinh, mode, 1e200, -1e200)[0], [1e-200, 1e-200])


@MODES
def test_derivatives_of_functions_of_scipy_do_not_cancel(mode: Any) -> None:
    pytest.importorskip("scipy")
    first, second = derivatives(tf.math.special.dawsn, mode, 1e4, 1e100)
    assert_allclose(first, [-0.5e-8 * (1 + 1.5e-8), -0.5e-200])
    assert_allclose(second, [1e-12 * (1 + 3e-8), 1e-300])
    for f, sign in ((tf.math.special.bessel_i1, 1), (tf.math.special.bessel_j1, -1)):
        first, second = derivatives(f, mode, 0.0, 1e-40, 1e-5)
        assert_allclose(first, [0.5] * 3)
        assert_allclose(second, [0, sign * 3 / 8 * 1e-40, sign * 3 / 8 * 1e-5])
    for f in (tf.math.special.bessel_i1, tf.math.special.bessel_j1):
        assert_allclose(derivatives(f, mode, 1e-320)[0], [0.5])
    assert_allclose(derivatives(tf.math.special.bessel_i1e, mode, 1e20, -1e200), 0, atol=1e-25)
    assert derivatives(tf.math.special.bessel_i1, mode, 1e4)[0] == [INF]
    huge = tf.constant([1e200, INF, -1e200], tf.float64)
    for f in (tf.math.special.fresnel_cos, tf.math.special.fresnel_sin):
        assert mode(f)(huge).numpy().tolist() == [0.5, 0.5, -0.5]
