"""``tf.random``: generators, draws from the global one, and draws from explicit keys."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("random"))
