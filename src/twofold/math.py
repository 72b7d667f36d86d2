"""``tf.math``: elementwise functions, reductions and sums over segments."""

from __future__ import annotations

from twofold.api import surface

__getattr__, __dir__ = surface.namespace(globals())
