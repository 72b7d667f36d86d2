"""The two targets of ``@function``: array operations at once, machine code when it is ready."""

from __future__ import annotations

from .arrays.target import ARRAYS
from .loading import load
from .native.target import NATIVE
from .target import Target

__all__ = ["target_for"]


def target_for(native: bool) -> Target:
    """Machine code, or NumPy."""
    if native:
        load(native=True)
        return NATIVE
    return ARRAYS
