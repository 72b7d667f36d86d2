"""``tf.nn``: activations, normalisation, losses."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.contents("nn"))
