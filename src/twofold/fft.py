"""``tf.fft``: discrete Fourier transforms."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("fft"))
