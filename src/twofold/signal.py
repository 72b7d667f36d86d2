"""``tf.signal``: frames, windows and transforms of signals."""

from __future__ import annotations

from twofold.api import surface

__getattr__, __dir__ = surface.namespace(globals())
