"""``tf.random``: generators, draws from the global one, and draws from explicit keys."""

from __future__ import annotations

from twofold.api import surface

__getattr__, __dir__ = surface.namespace(globals())
