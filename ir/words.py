"""Numbers of things, and hints, in messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["counted", "meant"]

_PLURALS = {"axis": "axes", "index": "indices"}


def counted(n: Any, noun: str) -> str:
    """``1 axis``, ``2 axes``; ``n`` may be a symbolic size.

    >>> counted(1, "trace"), counted(2, "axis")
    ('1 trace', '2 axes')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {_PLURALS.get(noun, noun + 's')}"


def meant(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A question that names what is close to a name that is not known, or ``""``.

    >>> meant("ad", ["add", "exp"])
    '; did you mean add?'
    """
    import difflib  # noqa: PLC0415  (for a hint alone)

    close = difflib.get_close_matches(name, [k for k in known if len(k) < 60][:2000], 1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
