"""What a function was seen to read of objects from outside: the rest of them needs no guard."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable
from typing import Any

from twofold.ir.tensor_shape import LISTED

from ..library import is_library_object

__all__ = ["Reads"]

_ASKS = (isinstance, issubclass, type, id, callable, len, hasattr, getattr)
_CALLED = (
    types.FunctionType, types.MethodType, functools.partial, staticmethod, classmethod, property,
)  # fmt: skip
_DEEP = 4  # containers in containers that are looked into


class Reads:
    """Names of attributes that were read, by the identity of their object; ``whole``: of which
    everything may have been read. Once code of the user's ran that was not interpreted, nothing is
    known of what it read.
    """

    def __init__(self) -> None:
        self.names: dict[int, set[str]] = {}
        self.whole: set[int] = set()
        self.all_seen = True
        self._looked: set[tuple[int, str, int]] = set()

    def first(self, kind: Any, name: str, after: Any) -> bool:
        """Whether this is the first time that a name is looked for in a class."""
        key = id(kind), name, id(after)
        known = key in self._looked
        self._looked.add(key)
        return not known

    def given(self, function: Any, values: Iterable[Any]) -> None:
        """A function that is not interpreted is called."""
        compiled = getattr(type(function), "is_compiled", False)
        asks = any(function is asked for asked in _ASKS)
        if compiled or (not asks and any(map(_runs, values))):
            self.all_seen = False

    def of_objects(self) -> dict[int, set[str]]:
        """The names that were read of objects of which nothing else was."""
        return {k: v for k, v in self.names.items() if self.all_seen and k not in self.whole}


def _runs(value: Any, depth: int = _DEEP) -> bool:
    """Whether code of the user's may run, or read attributes, when a library is given a value."""
    if isinstance(value, _CALLED):
        return True
    if isinstance(value, type | types.ModuleType):
        return False
    if type(value) in LISTED or type(value) in (set, dict):
        parts = (*value, *value.values()) if type(value) is dict else value
        return not depth or any(_runs(part, depth - 1) for part in parts)
    return not is_library_object(value)
