"""``tf.bitwise``: operations on the bits of integers."""

from __future__ import annotations

from twofold.api import surface

globals().update(surface.members("bitwise"))
__all__ = [*surface.public_names("bitwise")]


def __dir__() -> list[str]:
    return __all__
