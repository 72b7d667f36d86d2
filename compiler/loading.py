"""The modules that a first call waits for, imported in one go.

``function.py`` is imported where a function is decorated; what traces, plans and runs it is not,
until the first call.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from twofold._loading import Loading

__all__ = ["late", "load"]

_TRACING = ("effects", "tracing", "concrete", "capture.capture")
_NATIVE = (*_TRACING, "native.program")
_loaded: set[bool] = set()


@functools.cache
def late(name: str) -> Any:
    """A module of the compiler that most functions have no use for, when one has."""
    with Loading():
        return importlib.import_module(f".{name}", __package__)


def load(native: bool) -> None:
    """Import what traces and runs a function, ``native``: as machine code."""
    if native not in _loaded:
        with Loading():
            for name in _NATIVE if native else _TRACING:
                importlib.import_module(f".{name}", __package__)
        _loaded.add(native)
