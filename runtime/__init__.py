"""What runs. Importing any part of it installs the eager executor."""

from __future__ import annotations

from . import eager  # noqa: F401
