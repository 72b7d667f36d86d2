"""What Python asks an object of the user's for, and what it checks of the answer."""

from __future__ import annotations

import collections.abc
import contextlib
from typing import Any

from .frame import Frame
from .numbers import is_number, kind_of

__all__ = ["SEQUENCES", "checked", "hint", "listed", "mapped"]

SEQUENCES = (list, tuple, str, bytes, bytearray)
_PLAIN = frozenset((bool, int, float, complex, str, bytes, list, tuple, dict, set, type(None)))


class _Says:
    """An object whose special methods give this."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def _say(self, *_: Any) -> Any:
        return self.said

    __len__ = __hash__ = __bool__ = __str__ = __repr__ = __format__ = __iter__ = __index__ = _say


def checked(function: Any, said: Any, *args: Any) -> Any:
    """What a function of Python's (``len``, ``hash``, ``str`` ...) gives, or raises, for an object
    whose method has given this; values of the graph are what they are."""
    if type(said) in _PLAIN:
        return function(_Says(said), *args)
    if not is_number(said):
        return said
    if function is hash and kind_of(said) is int:
        return hash(_Says(int(said)))
    if function is len and kind_of(said) is int and (said < 0) is True:
        return len(_Says(-1))  # raises
    function(_Says(kind_of(said)(1)), *args)
    return said


def mapped(machine: Any, frame: Frame, value: Any) -> Any:
    """What ``update`` and ``**`` take of a mapping of the user's, as a dict; others as they are."""
    kind = type(value)
    names = ("keys", "__iter__", "__getitem__")
    own = hasattr(kind, "keys") and any(machine.own_method(value, name) for name in names)
    if not own or isinstance(value, dict) and kind.__iter__ is dict.__iter__:
        return value
    if kind.keys is collections.abc.Mapping.keys:  # a view, which goes over the mapping
        keys = value
    else:
        keys = machine.call(frame, machine.attribute(frame, value, "keys"), (), {})
    found = {}
    for key in list(machine.items(frame, keys)):
        found[machine.hashable(key)] = machine.item(frame, value, key)
    return machine.fresh(found)


def listed(machine: Any, frame: Frame, value: Any) -> Any:
    """What ``extend`` takes of an iterable of the user's, as a list; others as they are."""
    if machine.own_method(value, "__iter__") is None:
        return value
    return machine.fresh(list(machine.items(frame, value, hinted=True)))


def hint(machine: Any, frame: Frame, value: Any) -> None:
    """Ask an object of the user's how many items it has, as ``operator.length_hint`` does."""
    if machine.own_method(value, "__len__") is not None:
        with contextlib.suppress(TypeError):
            machine.call(frame, len, (value,), {})
            return
    own = machine.own_method(value, "__length_hint__")
    count = 0 if own is None else machine.invoke(frame, own, (value,), {})
    if count is NotImplemented:
        return
    if not isinstance(count, int):
        raise TypeError(f"__length_hint__ must be an integer, not {type(count).__name__}")
    if count < 0:
        raise ValueError("__length_hint__() should return >= 0")
