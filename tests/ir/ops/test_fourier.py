"""Transforms of single precision, large ones piece by piece, beside those of double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.ops.fourier import PIECE

RNG = np.random.default_rng(5)
SHAPES = [(PIECE // 64 + 3, 100), (100, PIECE // 64 + 3), (3, PIECE // 128, 51), (2 * PIECE,)]


def _is_close(found: Any, transform: Any, x: Any, *args: Any) -> None:
    """Within some ``eps * log2(n)`` of what double precision gives, of the mean size."""
    want = transform(x.astype(np.complex128 if x.dtype.kind == "c" else np.float64), *args)
    assert (found.dtype, found.shape) == (np.complex64, want.shape)
    size = np.sqrt(np.mean(np.abs(want) ** 2))
    assert np.max(np.abs(found.numpy() - want)) < 5e-6 * size


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_transform_is_that_of_double_precision(shape: Any, order: Any) -> None:
    x = np.asarray(RNG.standard_normal(shape).astype("f4"), order=order)
    z = np.asarray(x + 1j * x[..., ::-1], "c8", order=order)
    for axis in range(len(shape)):
        _is_close(tf.fft.rfft(x, axis=axis), np.fft.rfft, x, None, axis)
        _is_close(tf.fft.fft(z, axis=axis), np.fft.fft, z, None, axis)
        forward = tf.fft.ifft(z, axis=axis, norm="forward")
        _is_close(forward, np.fft.ifft, z, None, axis, "forward")


def test_transforms_over_several_axes() -> None:
    z = np.array([1, 1j]) @ RNG.standard_normal((2, 300 * 257))
    z = z.reshape(300, 257).astype("c8")
    _is_close(tf.fft.fft2(z), np.fft.fft2, z)
    compiled = tf.function(tf.fft.fft2, jit_compile=True)
    assert np.array_equal(compiled(tf.constant(z)).numpy(), tf.fft.fft2(z).numpy())


@pytest.mark.parametrize("count", [1, 2, 3, 17, 1000, 4099])
def test_lengths_of_every_kind(count: int) -> None:
    x = RNG.standard_normal((3, count)).astype("f4")
    _is_close(tf.fft.rfft(x), np.fft.rfft, x)
    _is_close(tf.fft.fft(x.astype("c8")), np.fft.fft, x.astype("c8"))


def test_divided_transforms_are_numpys() -> None:
    x = RNG.standard_normal((300, 257)).astype("f4")
    for norm in ("ortho", "forward"):
        assert np.array_equal(tf.fft.rfft(x, norm=norm).numpy(), np.fft.rfft(x, norm=norm))
    z = tf.fft.rfft(x)
    assert np.array_equal(tf.fft.irfft(z, 257).numpy(), np.fft.irfft(z.numpy(), 257))
