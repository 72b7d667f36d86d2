"""Statistics and numerical functions with NumPy's names: NumPy's values, eager and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
A, V, W = RNG.uniform(0, 1, (3, 4)), RNG.uniform(0, 1, 7), RNG.uniform(0, 1, 4)
GAPS = A.copy()
GAPS[0, 1] = GAPS[2] = np.nan
EDGES = np.array([0.2, 0.5, 0.9])
Call = Callable[[Any, Any], Any]

METHODS = (
    "linear", "lower", "higher", "midpoint", "nearest", "weibull", "hazen", "median_unbiased",
    "normal_unbiased", "interpolated_inverted_cdf", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation",
)  # fmt: skip
OF_GAPS = ("nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd", "nanmedian")
PAIRS = [(V, W), (W, V), (V, W[:3]), (W[:3], V), (V[:2], W), (V[:1], W)]

CASES: dict[str, tuple[Any, Call]] = {
    **{f"quantile {m}": (A, lambda f, x, m=m: f.quantile(
        x, [0.0, 0.13, 0.5, 0.77, 1.0], axis=1, method=m)) for m in METHODS},
    "quantile of two axes": (A, lambda f, x: f.quantile(x, 0.4, axis=(0, 1), keepdims=True)),
    "percentile": (A, lambda f, x: f.percentile(x, 30, axis=0)),
    "nanquantile": (GAPS, lambda f, x: f.nanquantile(x, [0.2, 0.6], axis=1)),
    "nanpercentile": (GAPS, lambda f, x: f.nanpercentile(x, 30)),
    **{f"{n} {a}": (GAPS, lambda f, x, n=n, a=a: getattr(f, n)(x, axis=a))
       for n in OF_GAPS for a in (None, 0, 1)},
    "nanargmax": (GAPS[:2], lambda f, x: f.nanargmax(x, axis=1)),
    "nancumsum": (GAPS, lambda f, x: f.nancumsum(x, axis=1)),
    "nancumprod": (GAPS, lambda f, x: f.nancumprod(x)),
    **{f"{n} {m} {len(p)} {len(q)}": (p, lambda f, x, n=n, m=m, q=q: getattr(f, n)(x, q, m))
       for n in ("convolve", "correlate") for m in ("full", "same", "valid") for p, q in PAIRS},
    "cov": (A, lambda f, x: f.cov(x)),
    "cov of columns": (A, lambda f, x: f.cov(x, rowvar=False, bias=True)),
    "cov with weights": (A, lambda f, x: f.cov(x, aweights=W, fweights=np.array([1, 2, 1, 3]))),
    "cov of two": (A, lambda f, x: f.cov(x, x * x, ddof=0)),
    "cov of one": (V, lambda f, x: f.cov(x)),
    "cov of a row of variables": (A[:1], lambda f, x: f.cov(x, rowvar=False, ddof=0)),
    "cov of too few": (A[:, :2], lambda f, x: f.cov(x, ddof=5)),
    "corrcoef of what is one": (W, lambda f, x: f.corrcoef([x, 3 * x])),
    "corrcoef": (A, lambda f, x: f.corrcoef(x)),
    "histogram": (A, lambda f, x: f.histogram(x, 5)[0]),
    "histogram of a range": (A, lambda f, x: f.histogram(x, 5, (0.2, 0.7))[0]),
    "histogram of edges": (A, lambda f, x: f.histogram(x, EDGES, density=True)[0]),
    "histogram of coarser edges": (
        A, lambda f, x: f.histogram(x, A[0, :3].astype("f4").cumsum())[0]),
    "histogram_bin_edges": (A, lambda f, x: f.histogram_bin_edges(x, 5)),
    "digitize": (A, lambda f, x: f.digitize(x, EDGES)),
    "digitize at falling edges": (EDGES, lambda f, x: f.digitize(x, EDGES[::-1].copy())),
    "digitize at falling edges right": (
        EDGES, lambda f, x: f.digitize(x, EDGES[::-1].copy(), right=True)),
    "digitize falling": (A, lambda f, x: f.digitize(x, EDGES[::-1].copy(), right=True)),
    "interp": (3 * V - 1, lambda f, x: f.interp(x, EDGES, EDGES[::-1] ** 2)),
    **{f"interp {xs} {ys}": (V, lambda f, x, xs=xs, ys=ys: f.interp(x, xs, ys)) for xs, ys in (
        ([-np.inf, np.inf], [3.0, 3.0]), ([-np.inf, np.inf], [3.0, 4.0]),
        ([-np.inf, 1.0], [0.0, 3.0]), ([0.0, np.inf], [1.0, 3.0]), ([0.0, 1.0], [-np.inf, 3.0]),
        ([0.0, 1.0], [np.inf, np.inf]), ([0.0, 1.0], [-np.inf, np.inf]))},
    "interp of complex": (V, lambda f, x: f.interp(x, EDGES, EDGES * (1 - 2j), left=1j)),
    "interp of complex infinities": (V, lambda f, x: f.interp(x, [0.0, 1.0], [-np.inf + 0j, 3.0])),
    "interp of finer places": (V, lambda f, x: f.interp(x, EDGES.astype("f4"), EDGES)),
    "interp outside": (3 * V - 1, lambda f, x: f.interp(x, EDGES, EDGES**2, 9.0, 8.0)),
    "interp periodic": (3 * V - 1, lambda f, x: f.interp(x, EDGES, EDGES**2, period=0.75)),
    "gradient": (A, lambda f, x: f.gradient(x)[1]),
    "gradient second": (A, lambda f, x: f.gradient(x, 0.5, axis=1, edge_order=2)),
    "gradient of places": (A, lambda f, x: f.gradient(x, W.cumsum(), axis=1, edge_order=2)),
    "gradient of axes in order": (A, lambda f, x: f.gradient(x, 2.0, 3.0, axis=(1, 0))[0]),
    "take_along_axis of wider": (A[:, :1], lambda f, x: f.take_along_axis(
        x, np.array([[0, 2, 1]]), axis=0)),
    "nan_to_num of one kind": (np.array([np.inf, np.nan, -np.inf]), lambda f, x: f.nan_to_num(
        x, nan=np.inf, posinf=9.0)),
    "median beside infinity": (np.array([1.0, np.inf]), lambda f, x: f.median(x)),
    "median of nothing": (np.zeros((2, 0)), lambda f, x: f.median(x, axis=1)),
    "gradient of distances": (A, lambda f, x: f.gradient(x, 2.0, 3.0)[0]),
    "trapezoid": (A, lambda f, x: f.trapezoid(x, W.cumsum())),
    "trapezoid along": (A, lambda f, x: f.trapezoid(x, dx=0.5, axis=0)),
    "polyval": (A, lambda f, x: f.polyval(W, x)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_numpys_by_our_name_by_numpys_and_compiled(name: str) -> None:
    given, call = CASES[name]
    if not hasattr(np, "trapezoid") and "trapezoid" in name:
        pytest.skip("NumPy 2.0 has the name")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of rows without numbers
        expected = np.asarray(call(np, given))
    for found in (
        call(tf, tf.constant(given)),
        call(np, tf.constant(given)),
        tf.function(lambda x: call(tf, x))(tf.constant(given)),
    ):
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-12)


def test_counts_of_integers() -> None:
    given = np.array([0, 2, 2, 5])
    np.testing.assert_array_equal(tf.math.bincount(given).numpy(), np.bincount(given))
    np.testing.assert_array_equal(np.bincount(tf.constant(given), minlength=8).numpy(),
                                  np.bincount(given, minlength=8))  # fmt: skip
    rows = tf.math.bincount([[0, 1, 1], [2, 7, -1]], minlength=3, maxlength=3, axis=-1)
    np.testing.assert_array_equal(rows.numpy(), [[1, 2, 0], [0, 0, 1]])
    fixed = tf.function(lambda x: tf.math.bincount(x, minlength=3, maxlength=3), strict=True)
    np.testing.assert_array_equal(fixed(tf.constant(given)).numpy(), [1, 0, 2])
