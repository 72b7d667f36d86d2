"""The two targets of ``@function``: array operations at once, machine code when it is ready."""

from __future__ import annotations

from .arrays.target import ARRAYS
from .loading import load
from .target import Target

__all__ = ["target_for"]


def target_for(native: bool) -> Target:
    """Machine code, or NumPy."""
    if native:
        load(native=True)
        from .native.target import NATIVE  # noqa: PLC0415  (no part of a first call in default mode)

        return NATIVE
    return ARRAYS
