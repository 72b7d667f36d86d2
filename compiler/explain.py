"""Why a function was traced again, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .key import Key, part_text
from .signature import leaf_pattern

if TYPE_CHECKING:
    from .concrete import ConcreteFunction

__all__ = ["describe", "why_again"]


def why_again(latest: ConcreteFunction, key: Key, leaves: list[Any]) -> str:
    """What differs between the latest trace and the call that a new one is made for."""
    if latest.key[0] != key[0]:
        return "arguments of another structure"
    changes = [
        f"{name}: {_text(old)} -> {_text(new)}"
        for name, old, new in zip(latest.trace.leaf_names, latest.key[1:], key[1:], strict=True)
        if old != new
    ]
    return "; ".join(changes or latest.misfits(leaves)) or "a call that an earlier trace was for"


def describe(x: Any) -> str:
    """An argument as the explanations show it."""
    return repr(x) if x.__class__ in (int, float) else _text(leaf_pattern(x))


def _text(part: Any) -> str:
    text = part_text(part)
    return text if len(text) < 60 else f"{text[:57]}..."
