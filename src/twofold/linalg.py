"""``tf.linalg``: products of matrices, and norms."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("linalg"))
