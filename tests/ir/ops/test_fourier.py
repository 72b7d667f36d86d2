"""Transforms of large arrays of single precision: piece by piece, as double precision gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.ops.fourier import PIECE

RNG = np.random.default_rng(5)
SHAPES = [(PIECE // 64 + 3, 100), (100, PIECE // 64 + 3), (3, PIECE // 128, 51), (2 * PIECE,)]


def _rounded(transform: Any, x: Any, axis: int, norm: str | None = None) -> Any:
    wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return transform(wide, axis=axis, norm=norm).astype(np.complex64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_transform_is_that_of_double_precision_rounded(shape: Any, order: Any) -> None:
    x = np.asarray(RNG.standard_normal(shape).astype("f4"), order=order)
    z = np.asarray(x + 1j * x[..., ::-1], "c8", order=order)
    for axis in range(len(shape)):
        for found, want in (
            (tf.fft.rfft(x, axis=axis), _rounded(np.fft.rfft, x, axis)),
            (tf.fft.fft(z, axis=axis), _rounded(np.fft.fft, z, axis)),
            (tf.fft.ifft(z, axis=axis, norm="forward"),
             _rounded(np.fft.ifft, z, axis, "forward")),
        ):  # fmt: skip
            assert found.dtype == np.complex64
            np.testing.assert_allclose(found.numpy(), want, rtol=1e-4, atol=1e-3)
            if len(shape) > 1:
                assert np.array_equal(found.numpy(), want)


def test_transforms_over_several_axes_round_after_each() -> None:
    z = (RNG.standard_normal((300, 257)) + 1j).astype("c8")
    want = _rounded(np.fft.fft, _rounded(np.fft.fft, z, 1), 0)
    assert np.array_equal(tf.fft.fft2(z).numpy(), want)
    assert np.array_equal(tf.function(tf.fft.fft2, jit_compile=True)(tf.constant(z)).numpy(), want)


def test_divided_transforms_are_numpys() -> None:
    x = RNG.standard_normal((300, 257)).astype("f4")
    for norm in ("ortho", "forward"):
        assert np.array_equal(tf.fft.rfft(x, norm=norm).numpy(), np.fft.rfft(x, norm=norm))
    z = tf.fft.rfft(x)
    assert np.array_equal(tf.fft.irfft(z, 257).numpy(), np.fft.irfft(z.numpy(), 257))
