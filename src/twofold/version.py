"""``tf.version``."""

from __future__ import annotations

from twofold._version import __version__ as VERSION

__all__ = ["VERSION"]
