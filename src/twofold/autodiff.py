"""``tf.autodiff``: derivatives, backwards along a tape and forwards along a direction."""

from __future__ import annotations

from twofold.api import surface

__getattr__, __dir__ = surface.namespace(globals())
