"""``tf.math``: elementwise functions, reductions and sums over segments."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("math"))
