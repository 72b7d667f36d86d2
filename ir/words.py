"""Numbers of things in messages."""

from __future__ import annotations

from typing import Any

__all__ = ["counted"]

_PLURALS = {"axis": "axes", "index": "indices"}


def counted(n: Any, noun: str) -> str:
    """``1 axis``, ``2 axes``; ``n`` may be a symbolic size.

    >>> counted(1, "trace"), counted(2, "axis")
    ('1 trace', '2 axes')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {_PLURALS.get(noun, noun + 's')}"
