"""Dicts and arrays that are asked for a number of the graph: ``table[code]``, ``code in row``.

A dict is looked through as a chain of comparisons, one for each of its keys.
"""

from __future__ import annotations

from typing import Any

from ..ndarrays.base import TracedArray
from .frame import Frame
from .numbers import TracedNumber, is_number
from .staged import is_staged, known_truth, whole

__all__ = ["asks", "found_in", "get", "is_asked", "looked_up"]

MOST = 32  # keys
_MISSING: Any = object()


def is_asked(machine: Any, held: Any, key: Any) -> bool:
    """Whether this is a small dict of numbers, and the key a number of the graph."""
    if type(whole(key)) is not TracedNumber or not issubclass(whole(key).kind, int):
        return False
    held = machine.present(held)
    return type(held) is dict and 0 < len(held) <= MOST and {*map(type, held)} <= {int, bool}


def asks(machine: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether this is a call of ``get`` of such a dict."""
    owner = getattr(function, "__self__", None)
    if type(owner) is not dict or function.__name__ != "get" or kwargs or len(args) not in (1, 2):
        return False
    return is_asked(machine, owner, args[0])


def looked_up(machine: Any, frame: Frame, held: Any, key: Any) -> Any:
    """``held[key]``."""
    machine.observe(held)
    return machine.invoke(frame, _item, (machine.present(held), whole(key), key), {})


def get(machine: Any, frame: Frame, held: Any, key: Any, default: Any = None) -> Any:
    """``held.get(key, default)``."""
    machine.observe(held)
    return machine.invoke(frame, _item_or, (machine.present(held), whole(key), default), {})


def found_in(machine: Any, frame: Frame, held: Any, item: Any) -> Any:
    """``item in held``; NotImplemented for others than these dicts and arrays of the graph."""
    if is_asked(machine, held, item):
        machine.observe(held)
        return machine.invoke(frame, _has, (machine.present(held), whole(item)), {})
    staged = isinstance(held, TracedArray) and held.home.known(held.tensor()) is None
    if not staged and not (isinstance(held, TracedArray) and is_staged(item)):
        return NotImplemented
    if not held.ndim or not (is_number(item) or is_staged(item)):
        return NotImplemented
    some = machine.compare(frame, "==", held, item).any()
    return machine.truth(frame, some) if known_truth(some) is not None else bool(some)


# to be interpreted


def _item(held: Any, number: Any, key: Any) -> Any:
    for known, value in held.items():
        if known == number:
            return value
    raise KeyError(key)


def _item_or(held: Any, number: Any, default: Any) -> Any:
    for known, value in held.items():
        if known == number:
            return value
    return default


def _has(held: Any, number: Any) -> Any:
    return any(known == number for known in held)
