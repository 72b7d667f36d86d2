"""``tf.linalg``: products of matrices, and norms."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.members("linalg"))
__all__ = [*surface.public_names("linalg")]


def __dir__() -> list[str]:
    return __all__
