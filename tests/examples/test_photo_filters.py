"""The image filters: what they do to pictures, one trace for all sizes, files before and after."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from support.examples import load, run_main

import twofold as tf


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    return load("photo_filters")


@pytest.fixture(scope="module")
def photos() -> list[Any]:
    """Both photographs at half size."""
    return [image[::2, ::2] for image in load_sample_images().images]


def test_blur_is_the_binomial_filter(filters: ModuleType, photos: list[Any]) -> None:
    image = np.float32(photos[0][:20, :30])
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.float64)
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    expected = sum(
        weights[i, j] * padded[i : i + 20, j : j + 30] for i in range(5) for j in range(5)
    )
    np.testing.assert_allclose(filters.blur(tf.constant(image)).numpy(), expected, rtol=1e-5)


def test_vignette_darkens_the_corners_only(filters: ModuleType) -> None:
    out = filters.vignette(tf.ones((5, 7, 3))).numpy()
    assert out[2, 3, 0] == 1.0
    np.testing.assert_allclose(out[[0, 0, -1, -1], [0, -1, 0, -1]], 1 - 2 * 0.35, rtol=1e-6)


def test_one_trace_for_all_sizes_and_the_eager_picture(
    filters: ModuleType, photos: list[Any]
) -> None:
    for photo in (photos[0], photos[1][:50], photos[0][10:17, 20:29]):
        compiled = filters.develop(tf.constant(photo)).numpy()
        eager = filters.develop.python_function(tf.constant(photo)).numpy()
        assert compiled.shape == photo.shape and compiled.dtype == np.float32
        assert compiled.min() >= 0 and compiled.max() <= 1
        np.testing.assert_allclose(compiled, eager, atol=1e-6)
    assert filters.develop.experimental_get_tracing_count() == 1


def test_main_saves_before_and_after(
    filters: ModuleType, photos: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(filters, "load_sample_images", lambda: SimpleNamespace(images=photos))
    run_main(filters, monkeypatch, "--out", tmp_path)
    assert "traces: 1" in capsys.readouterr().out
    both = np.asarray(Image.open(tmp_path / "photo_flower.png"))
    before, after = np.split(both, 2, axis=1)
    np.testing.assert_array_equal(before, photos[1])
    assert 5 < np.abs(before.astype(int) - after).mean() < 100
    assert (tmp_path / "photo_china.png").exists() and (tmp_path / "photo_crop.png").exists()
