"""Histograms in fewer passes: NumPy's bits, edges, dtypes and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.ops import binned

RNG = np.random.default_rng(7)
SIZE = binned.BLOCK + binned.PIECE + 77  # two blocks, the last piece cut short


def _values(kind: str, dtype: str) -> Any:
    if kind == "on the edges":
        return (RNG.integers(0, 10, SIZE) / 10).astype(dtype)
    if kind == "equal":
        return np.full(SIZE, 0.7, dtype)
    if kind == "far apart":
        return (10.0 ** RNG.uniform(-30, 30, SIZE)).astype(dtype)
    if kind == "signed zeros":
        return np.where(RNG.random(SIZE) < 0.5, -0.0, 0.0).astype(dtype)
    return RNG.normal(size=SIZE).astype(dtype)


@pytest.mark.parametrize("kind", ["normal", "on the edges", "equal", "far apart", "signed zeros"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bins", [1, 10, np.int64(1000)])
def test_counts_and_weights_have_numpys_bits(kind: str, dtype: str, bins: Any) -> None:
    values = _values(kind, dtype)
    for weights in (None, RNG.random(SIZE), RNG.normal(size=SIZE).astype("f4")):
        for ours, numpys in zip(
            binned.histogram(values, bins, weights=weights),
            np.histogram(values, bins, weights=weights),
            strict=True,
        ):
            assert ours.dtype == numpys.dtype
            assert ours.tobytes() == numpys.tobytes()


@pytest.mark.parametrize("values", [
    _values("normal", "f8").reshape(-1, 5)[:, ::2], _values("normal", "f8")[::-1],
    RNG.integers(-9, 9, SIZE), RNG.random(SIZE) < 0.3, RNG.random(SIZE).astype("f2"),
    RNG.random(SIZE).astype(">f8"), RNG.uniform(-1.0, 1.0, SIZE) * 1.7e308,
], ids=["strided", "reversed", "integers", "bools", "halves", "swapped", "large"])  # fmt: skip
def test_arrays_of_other_kinds_are_counted_as_numpy_does(values: Any) -> None:
    if values.dtype == np.dtype("bool"):
        values = values.astype(np.uint8)
    with np.errstate(all="ignore"):
        for options in ({}, {"weights": values * 2.0}, {"range": (0, 1)}, {"density": True}):
            try:
                expected = np.histogram(values, 12, **options)
            except ValueError as error:
                with pytest.raises(ValueError, match=str(error)[:20]):
                    binned.histogram(values, 12, **options)
                continue
            for ours, numpys in zip(binned.histogram(values, 12, **options), expected, strict=True):
                assert ours.dtype == numpys.dtype
                assert ours.tobytes() == numpys.tobytes()


def test_what_numpy_refuses_is_refused() -> None:
    values = _values("normal", "f8")
    values[5] = np.nan
    for bad in (values, values[:100]):
        with pytest.raises(ValueError, match="finite"):
            binned.histogram(bad, 10)
    for bins in (0, -1):
        with pytest.raises(ValueError, match="bins"):
            binned.histogram(values[6:], bins)
    with pytest.raises(TypeError):
        binned.histogram(values[6:], 2.5)
    with pytest.raises(ValueError, match="weights"):
        binned.histogram(values[6:], 10, weights=values[7:])


def test_a_compiled_function_counts_as_numpy() -> None:
    values, weights = RNG.random(SIZE), RNG.random(SIZE)

    def mean(data: Any, radius: Any) -> Any:
        return np.histogram(radius, 50, weights=data)[0] / np.histogram(radius, 50)[0]

    for mode in (True, False):
        compiled = tf.function(mean, jit_compile=mode)
        assert compiled(weights, values).tobytes() == mean(weights, values).tobytes()
