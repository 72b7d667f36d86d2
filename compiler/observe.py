"""One observer of the calls of all compiled functions, for tools such as ``twofold compare``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Observer", "is_watched", "observed", "observer", "performing", "without_effects"]

# Receives (function, args, kwargs) in place of each outermost call and returns its result.
Observer = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
observer: Observer | None = None
performing = True  # whether compiled calls print, log and so on, as their functions do


if sys.version_info >= (3, 12):
    _tool, _trace = sys.monitoring.get_tool, sys.gettrace

    def is_watched() -> bool:
        """Whether a debugger or a tool for coverage is told of the lines that run."""
        return _trace() is not None or _tool(0) is not None or _tool(1) is not None

else:
    is_watched = sys.gettrace


@contextmanager
def observed(by: Observer | None) -> Iterator[None]:
    """Send every call of a compiled function to ``by`` while the block runs; None: to nobody.

    Calls made before keep their prepared form, so start observing before the functions run.
    """
    global observer
    before = observer
    observer = by
    try:
        yield
    finally:
        observer = before


@contextmanager
def without_effects() -> Iterator[None]:
    """Compiled calls in the block compute, and leave out what is done besides: prints, logs."""
    global performing
    before = performing
    performing = False
    try:
        yield
    finally:
        performing = before
