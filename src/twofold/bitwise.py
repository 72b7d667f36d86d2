"""``tf.bitwise``: operations on the bits of integers."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("bitwise"))
