"""``tf.nn``: activations, normalisation, losses."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.members("nn"))
__all__ = [*surface.public_names("nn")]


def __dir__() -> list[str]:
    return __all__
