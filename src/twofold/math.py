"""``tf.math``: elementwise functions, reductions and sums over segments."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.members("math"))
__all__ = [*surface.public_names("math")]


def __dir__() -> list[str]:
    return __all__
