"""The modules that a first call waits for, imported in one go.

``function.py`` is imported where a function is decorated; what traces, plans and runs it is not,
until the first call.
"""

from __future__ import annotations

import importlib

from twofold._loading import Loading

__all__ = ["load"]

_TRACING = ("effects", "tracing", "concrete", "capture.capture")
_NATIVE = (*_TRACING, "kernel.control", "native.program")
_loaded: set[bool] = set()


def load(native: bool) -> None:
    """Import what traces and runs a function, ``native``: as machine code."""
    if native not in _loaded:
        with Loading():
            for name in _NATIVE if native else _TRACING:
                importlib.import_module(f".{name}", __package__)
        _loaded.add(native)
