"""The modules that a first call waits for, imported in one go.

``function.py`` is imported where a function is decorated; what traces, plans and runs it is not,
until the first call.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from twofold._loading import Loading

__all__ = ["control_kernels", "load"]

_TRACING = ("effects", "tracing", "concrete", "capture.capture")
_NATIVE = (*_TRACING, "native.program")
_loaded: set[bool] = set()


@functools.cache
def control_kernels() -> Any:
    """The module ``kernel.control``: kernels of control flow, which most functions have none of."""
    with Loading():
        return importlib.import_module(".kernel.control", __package__)


def load(native: bool) -> None:
    """Import what traces and runs a function, ``native``: as machine code."""
    if native not in _loaded:
        with Loading():
            for name in _NATIVE if native else _TRACING:
                importlib.import_module(f".{name}", __package__)
        _loaded.add(native)
