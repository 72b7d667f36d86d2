"""``tf.image``: images cut, turned, resized and coloured."""

from __future__ import annotations

from twofold.api import surface

__getattr__, __dir__ = surface.namespace(globals())
