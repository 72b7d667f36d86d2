"""Long sums keep their digits, along every axis, eagerly and compiled; half precision as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.summation import add_up

MODES = {
    "eager": lambda f: f,
    "arrays": lambda f: tf.function(f, jit_compile=False),
    "native": lambda f: tf.function(f, jit_compile=True),
}
FORMS: list[tuple[tuple[int, ...], Any]] = [
    ((300_000,), None), ((2, 150_000), 1), ((150_000, 2), 0), ((9_000, 40), 0), ((6_000, 17), 0),
    ((200, 40, 30), (0, 2)), ((4, 300, 70), (1, 2)), ((70, 3, 70), (0, 2)), ((30, 5_000), None),
    ((3, 9_000, 20), 1), ((9_000, 3, 20), (0, 1)), ((2, 3, 4), (0, 1)), ((0, 3), 0), ((3, 0), 1),
]  # fmt: skip
FUNCTIONS = {
    "sum": (tf.sum, np.sum),
    "sum of squares": (
        lambda x, axis: tf.sum(x * x, axis=axis),
        lambda x, axis: np.sum(x * x, axis=axis),
    ),
    "logsumexp": (tf.logsumexp, lambda x, axis: np.log(np.sum(np.exp(x), axis=axis))),
}
BOUNDS = {"float32": 2e-6, "float64": 1e-12}


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_sums_of_a_constant_are_within_their_bound(name: str, mode: str, dtype: str) -> None:
    ours, numpys = FUNCTIONS[name]
    for shape, axis in FORMS:
        if 0 in shape and name == "logsumexp":
            continue
        f = MODES[mode](lambda x, axis=axis: ours(x, axis=axis))
        x = np.full(shape, 0.3, dtype)
        want = numpys(x.astype(np.longdouble), axis=axis)
        got = f(tf.constant(x)).numpy()
        assert (got.shape, got.dtype) == (np.shape(want), x.dtype)
        np.testing.assert_allclose(got, want.astype(dtype), rtol=BOUNDS[dtype])


def worst(shape: tuple[int, ...], axis: Any, dtype: str, every: int) -> Any:
    """Terms that are lost if they are added one by one: the first of ``every`` is 1, and the others
    are half of what 1 can still tell from itself."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    x = np.full(shape, np.finfo(dtype).eps / 2, dtype)
    place = np.zeros(shape, np.int64)
    for a in sorted(axes):
        along = np.arange(shape[a]).reshape([-1 if i == a else 1 for i in range(len(shape))])
        place = place * shape[a] + along
    x[place % every == 0] = 1
    return x


LONG: list[tuple[tuple[int, ...], Any]] = [
    ((70_001,), None), ((3, 30_001), 1), ((30_001, 3), 0), ((5_001, 40), 0), ((2_001, 3), (0, 1)),
    ((300, 2, 41), (0, 2)), ((2, 300, 41), (1, 2)), ((40, 2, 2, 301), (0, 1, 3)),
    ((2,) * 14, tuple(range(0, 14, 2))), ((30, 2, 30, 2, 30), (0, 2, 4)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("mode", MODES)
def test_sums_of_terms_that_get_lost_are_within_the_bound(mode: str, dtype: str) -> None:
    for form, (shape, axis) in enumerate(LONG):
        light = MODES[mode](lambda x, axis=axis: tf.sum(x, axis=axis))
        dear = MODES[mode](lambda x, axis=axis: tf.sum(tf.sqrt(tf.exp(-x)) * x, axis=axis))
        for every in (16, 64, 500, 4_096):
            x = worst(shape, axis, dtype, every)
            for f, terms in ((light, x), (dear, (np.exp(-x / 2) * x).astype(dtype))):
                exact = np.sum(terms, axis=axis, dtype=np.longdouble)
                slack = 0 if f is light else 4  # each term of the other is a few units wrong itself
                bound = (32 + slack) * np.finfo(dtype).eps * exact
                error = np.abs(f(tf.constant(x)).numpy() - exact)
                assert (error <= bound).all(), (form, every, np.max(error / bound))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", ["C", "F", "reversed", "strided", "repeated"])
def test_the_bound_holds_for_every_layout(layout: str, mode: str) -> None:
    x = worst((3_001, 40, 2), (0, 1), "float64", 48)
    x = {
        "C": x, "F": np.asfortranarray(x), "reversed": x[::-1, ::-1], "strided": x[::2, 1::3],
        "repeated": np.broadcast_to(x[:, :1], x.shape),
    }[layout]  # fmt: skip
    for axis in (0, (0, 1), (0, 2), None):
        got = MODES[mode](lambda x, axis=axis: tf.sum(x, axis=axis))(x).numpy()
        exact = np.sum(x, axis=axis, dtype=np.longdouble)
        assert (np.abs(got - exact) <= 32 * np.finfo("float64").eps * exact).all()


def test_special_values_pass_through_sums_that_spill() -> None:
    for dtype in BOUNDS:
        huge = np.finfo(dtype).max
        x = np.ones((4, 6_000), dtype)
        x[0, 10], x[1, 20:22], x[2, 30], x[3, 40:42] = np.inf, huge, np.nan, (np.inf, -np.inf)
        for mode in MODES.values():
            for axis, array in ((1, x), (0, x.T.copy())):
                got = mode(lambda x, axis=axis: tf.sum(x, axis=axis))(tf.constant(array)).numpy()
                np.testing.assert_array_equal(got, [np.inf, np.inf, np.nan, np.nan])
        for row, want in zip(x, (np.inf, np.inf, np.nan, np.nan), strict=True):
            got = MODES["native"](tf.sum)(tf.constant(row)).numpy()
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("mode", MODES)
def test_sums_at_repeated_indices_do_not_stop_growing(mode: str) -> None:
    small = np.finfo("float32").eps / 2
    x = np.full((5_000, 2), small, np.float32)
    x[0] = 1
    zeros, at = np.zeros(5_000, np.int32), np.zeros((5_000, 1), np.int32)

    def gathered(x: Any, at: Any) -> Any:
        with tf.GradientTape() as tape:
            row = tf.zeros((1, 2))
            tape.watch(row)
            loss = tf.sum(tf.gather(row, at) * x)
        return tape.gradient(loss, row)[0]

    for function, indices in (
        (lambda x, at: tf.math.unsorted_segment_sum(x, at, 1)[0], zeros),
        (lambda x, at: tf.tensor_scatter_nd_add(tf.zeros((1, 2)), at, x)[0], at),
        (gathered, zeros),
    ):
        got = MODES[mode](function)(tf.constant(x), tf.constant(indices)).numpy()
        np.testing.assert_allclose(got, 1 + 4_999 * small, rtol=1e-7)


@pytest.mark.parametrize("mode", MODES)
def test_statistics_far_from_zero(mode: str) -> None:
    x = np.random.default_rng(0).uniform(250, 320, (100_000, 3)).astype(np.float32)
    wide = x.astype(np.float64)
    for ours, numpys in ((tf.mean, np.mean), (tf.var, np.var), (tf.std, np.std)):
        got = MODES[mode](lambda x, f=ours: f(x, axis=0))(tf.constant(x)).numpy()
        np.testing.assert_allclose(got, numpys(wide, axis=0), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_half_precision_results_that_fit_come_from_sums_that_do_not(mode: str) -> None:
    half = lambda values: tf.constant(np.asarray(values, np.float16))  # noqa: E731
    cases: list[tuple[Any, Any, float]] = [
        (lambda x: tf.nn.softmax(x)[0], half(np.zeros(70_000)), 1 / 70_000),
        (lambda x: tf.nn.log_softmax(x)[0], half(np.zeros(70_000)), -np.log(70_000)),
        (tf.logsumexp, half(np.zeros(70_000)), np.log(70_000)),
        (tf.norm, half([300, 400]), 500),
        (tf.std, half([300, -300]), 300),
        (tf.sum, half(np.ones(5_000)), 5_000),
        (lambda x: tf.sum(x, axis=0)[0], half(np.ones((5_000, 3))), 5_000),
        (lambda x: tf.mean(x, axis=0)[0], half(np.ones((5_000, 3))), 1),
        (lambda x: tf.cumsum(x)[-1], half(np.ones(5_000)), 5_000),
        (lambda x: x @ tf.ones_like(x), half(np.ones(5_000)), 5_000),
    ]
    for function, x, want in cases:
        got = MODES[mode](function)(x)
        assert got.dtype == np.float16
        np.testing.assert_allclose(float(got), want, rtol=2e-3)


@pytest.mark.parametrize("mode", MODES)
def test_running_sums_do_not_stop_growing(mode: str) -> None:
    count = 2**24 + 1_000
    got = MODES[mode](lambda x: tf.cumsum(x, axis=0)[-1])(tf.ones((count,)))
    assert abs(got.item() / count - 1) < 1e-6


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D", "i", "B"])
def test_any_axes_and_layout_are_numpys_sum(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (5, 70, 33)).astype(dtype)
    for array in (x, x.T, x[:, ::-2], np.asfortranarray(x), np.broadcast_to(x[:, :1], x.shape)):
        for axis in (None, 0, 1, -1, (0, 1), (0, 2), (1, 2), (0, 1, 2), ()):
            for keepdims in (False, True):
                want = np.sum(array, axis=axis, keepdims=keepdims, dtype=dtype)
                got = np.asarray(add_up(array, axis, keepdims))
                assert (got.shape, got.dtype) == (want.shape, want.dtype)
                np.testing.assert_array_equal(got, want)


def test_special_values_pass_through_long_sums() -> None:
    x = np.ones((5_000, 4), np.float32)
    x[100, 0], x[4_000, 1], x[17, 2], x[4_999, 2] = np.inf, np.nan, np.inf, -np.inf
    for mode in MODES.values():
        for axis, array in ((0, x), (1, x.T.copy())):
            got = mode(lambda x, axis=axis: tf.sum(x, axis=axis))(tf.constant(array)).numpy()
            np.testing.assert_array_equal(got, [np.inf, np.nan, np.nan, 5_000])
