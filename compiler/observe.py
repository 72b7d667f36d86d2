"""One observer of the calls of all compiled functions, for tools such as ``twofold compare``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["observed", "observer"]

# Receives (function, args, kwargs) in place of each outermost call and returns its result.
observer: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None = None


@contextmanager
def observed(by: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> Iterator[None]:
    """Send every call of a compiled function to ``by`` while the block runs.

    Calls made before keep their prepared form, so start observing before the functions run.
    """
    global observer
    before = observer
    observer = by
    try:
        yield
    finally:
        observer = before
