"""Half precision: reductions and what is made of them, of every length, along every axis, in all
modes: float64's result of the same numbers, rounded once, whatever the numbers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

Array = np.ndarray[Any, Any]
DTYPES = {"float16": tf.float16, "bfloat16": tf.bfloat16}
MODES: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "arrays": lambda f: tf.function(f, jit_compile=False),
    "native": lambda f: tf.function(f, jit_compile=True),
}
FORMS: list[tuple[tuple[int, ...], int]] = [
    ((1,), 0), ((2, 1), 1), ((17, 3), 0), ((3, 65), 1), ((4_097,), 0), ((4_097, 2), 0),
    ((2, 5_000), 1), ((2, 3_000, 3), 1), ((70_000,), 0), ((70_000, 2), 0),
]  # fmt: skip
NUMBERS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "a constant": lambda rng, shape: np.full(shape, 0.3),
    "far from zero": lambda rng, shape: 100 + rng.standard_normal(shape),
    "of all sizes": lambda rng, shape: rng.standard_normal(shape) * np.exp(
        rng.uniform(-8, 6, shape)),
    "large": lambda rng, shape: rng.uniform(-6e4, 6e4, shape),
    "one among zeros": lambda rng, shape: np.where(
        np.arange(np.prod(shape)).reshape(shape) == 0, 7.0, 0.0),
}  # fmt: skip


def softmax(x: Array, axis: int) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def logsumexp(x: Array, axis: int) -> Array:
    top = x.max(axis, keepdims=True)
    return (np.log(np.exp(x - top).sum(axis, keepdims=True)) + top).squeeze(axis)


# ours, float64's, and what 2**-23 is multiplied with for what float32 loses on the way
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "sum": (tf.sum, np.sum, lambda x, want, axis: 64 * np.abs(x).sum(axis)),
    "mean": (tf.mean, np.mean, lambda x, want, axis: 64 * np.abs(x).mean(axis)),
    "var": (tf.var, np.var, lambda x, want, axis: 64 * np.abs(want)),
    "std": (tf.std, np.std, lambda x, want, axis: 64 * np.abs(want)),
    "norm": (tf.norm, lambda x, axis: np.sqrt((x * x).sum(axis)),
             lambda x, want, axis: 64 * np.abs(want)),
    "softmax": (tf.nn.softmax, softmax, lambda x, want, axis: 64 * np.abs(want)),
    "logsumexp": (tf.logsumexp, logsumexp, lambda x, want, axis: 64 * (np.abs(want) + 1)),
    "cumsum": (tf.cumsum, np.cumsum, lambda x, want, axis: 64 * np.abs(x).cumsum(axis)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_a_result_is_that_of_float64_rounded_once(name: str, mode: str, dtype: str) -> None:
    ours, exact, loses = CASES[name]
    limits = tf.zeros((), DTYPES[dtype]).numpy().dtype
    eps, most = (2.0**-10, 65504.0) if dtype == "float16" else (2.0**-7, 3.3e38)
    smallest = 2.0**-24 if dtype == "float16" else 2.0**-133
    rng = np.random.default_rng(0)
    for shape, axis in FORMS:
        function = MODES[mode](lambda x, axis=axis: ours(x, axis=axis))
        for kind, make in NUMBERS.items():
            x = tf.constant(make(rng, shape), dtype=DTYPES[dtype])
            wide = x.numpy().astype(np.float64)
            want = np.asarray(exact(wide, axis=axis))
            found = function(x).numpy()
            assert (found.shape, found.dtype) == (want.shape, limits)
            allowed = (
                np.abs(want) * eps / 2 * 1.01 + smallest + (2.0**-23 * loses(wide, want, axis))
            )
            fits = np.abs(want) + allowed < most  # else it may be infinite
            error = np.abs(found.astype(np.float64)[fits] - want[fits])
            assert (error <= allowed[fits]).all(), (shape, axis, kind)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_a_million_terms(mode: str, dtype: str) -> None:
    for shape, axis in (((1_000_000,), 0), ((500_000, 2), 0), ((2, 500_000), 1)):
        x = tf.ones(shape, DTYPES[dtype]) / 4
        count = shape[axis]
        mean = MODES[mode](lambda x, axis=axis: tf.mean(x, axis=axis))(x)
        norm = MODES[mode](lambda x, axis=axis: tf.norm(x, axis=axis))(x)
        share = MODES[mode](lambda x, axis=axis: tf.nn.softmax(x, axis=axis))(x)
        assert (mean.numpy() == 0.25).all()
        np.testing.assert_allclose(norm.numpy().astype("d"), count**0.5 / 4, rtol=2.0**-8)
        np.testing.assert_allclose(share.numpy().astype("d"), 1 / count, rtol=2.0**-3)
