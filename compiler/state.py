"""What an object holds, as a value to compare with later, and how to put it back.

A snapshot is a tuple of what a container or an object holds, or bytes where that is its content.
"""

from __future__ import annotations

import array
import contextvars
import functools
import pickle
import sys
import weakref
from collections import UserDict, UserList, deque
from collections.abc import Callable, Mapping
from typing import Any

from twofold.ir.tree import UNSET, dict_of, slot_value, slots_of

from .library import file_of, is_library
from .readers import MISSING, Attributes, Items, Pairs

__all__ = [
    "MISSING",
    "Reader",
    "Restore",
    "attributes_named",
    "attributes_of",
    "is_generator",
    "past",
    "state_of",
]

Reader = Callable[[], Any]
Restore = Callable[[Any], None]
State = tuple[Reader, Restore | None]


def state_of(value: Any) -> State | None:
    """Reads the items of a container, or the state of a random generator; None for other
    objects."""
    if isinstance(value, _CONTAINERS) and _has_own_reads(type(value)):
        return _state_behind(value)
    if isinstance(value, list | UserList):
        return Items(value), functools.partial(value.__setitem__, slice(None))
    if isinstance(value, tuple):
        return Items(value), None
    if isinstance(value, Mapping):
        plain = isinstance(value, dict | UserDict)
        return Pairs(value), functools.partial(_put_items, value) if plain else None
    if isinstance(value, set):
        return lambda: tuple(sorted(value, key=id)), functools.partial(_refill, value, value.update)
    if isinstance(value, deque):
        return Items(value), functools.partial(_refill, value, value.extend)
    if isinstance(value, bytearray):
        return lambda: bytes(value), functools.partial(value.__setitem__, slice(None))
    if isinstance(value, array.array):
        return value.tobytes, functools.partial(_put_bytes, value)
    if isinstance(value, contextvars.ContextVar):
        return lambda: (value.get(MISSING),), None
    return _random_state(value)


_CONTAINERS = (list, tuple, set, deque, UserList, Mapping)
_READS = ("__iter__", "__getitem__", "__len__", "__missing__", "keys", "values", "items")


def _users(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if not is_library(file_of(base))]


def _has_own_reads(kind: type) -> bool:
    """Whether it runs code of the user's to go over a container."""
    if kind.__module__ == "builtins":
        return False
    return any(name in vars(base) for base in _users(kind) for name in _READS)


def _state_behind(value: Any) -> State | None:
    """What a container of a user's class holds, past the methods of that class; None if that is
    in its attributes."""
    if isinstance(value, UserDict):
        return lambda: Pairs(value.data)(), lambda old: _put_items(value.data, old)
    if isinstance(value, UserList):
        return lambda: tuple(value.data), lambda old: value.data.__setitem__(slice(None), old)
    if not isinstance(value, list | tuple | set | deque | dict):
        return None
    held = past(value)
    if isinstance(value, dict):
        return Pairs(held), functools.partial(_put_items, held)
    if isinstance(value, list):
        return lambda: tuple(held.__iter__()), functools.partial(held.__setitem__, slice(None))
    fill = None if isinstance(value, tuple) else getattr(held, "extend", None) or held.update
    return lambda: tuple(held.__iter__()), fill and functools.partial(_refill, held, fill)


def past(value: Any) -> Any:
    """A container with the methods that classes of the user's may have put others before."""
    users = _users(type(value))
    return super(users[-1], value) if users else value


def is_generator(value: Any) -> bool:
    """Whether an object is one of Python's or NumPy's generators of random numbers. Who has one has
    imported its module: a first call does not, which would take as long as all else in it."""
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    kinds = (getattr(python, "Random", ()), getattr(numpy, "RandomState", ()),
             getattr(numpy, "Generator", ()))  # fmt: skip
    return isinstance(value, kinds)


def _random_state(value: Any) -> State | None:
    get: Callable[[], Any]
    put: Callable[[Any], None]
    if not is_generator(value):
        return None
    if hasattr(value, "getstate"):
        get, put = value.getstate, value.setstate
    elif hasattr(value, "get_state"):
        get, put = value.get_state, value.set_state
    else:
        bits = value.bit_generator
        get, put = (
            functools.partial(getattr, bits, "state"),
            functools.partial(setattr, bits, "state"),
        )
    return lambda: pickle.dumps(get()), lambda old: put(pickle.loads(old))


def attributes_of(value: Any) -> State:
    """Reads the attributes of an object, without keeping it alive if that can be."""
    return Attributes(value), _put_attributes(value)


def attributes_named(value: Any, names: list[str]) -> Reader:
    """Reads the class of an object and some of its attributes, MISSING for those it has not."""
    ref: Callable[[], Any]
    try:
        ref = weakref.ref(value)
    except TypeError:
        ref = lambda: value  # noqa: E731
    slots = dict(slots_of(type(value)))

    def read() -> tuple[Any, ...]:
        owner = ref()
        held = dict_of(owner)
        found = [
            slot_value(owner, slots[n]) if n in slots and n not in held else held.get(n, MISSING)
            for n in names
        ]
        return (type(owner), *found)

    return read


def _refill(held: Any, fill: Callable[[Any], Any], old: tuple[Any, ...]) -> None:
    held.clear()
    fill(old)


def _put_bytes(held: array.array[Any], old: bytes) -> None:
    del held[:]
    held.frombytes(old)


def _put_items(held: Any, old: tuple[Any, ...]) -> None:
    half = len(old) // 2
    held.clear()
    held.update(zip(old[:half], old[half:], strict=True))


def _put_attributes(value: Any) -> Restore:
    """What gives an object the attributes back that ``Attributes`` read."""
    kind = type(value)

    def put(old: tuple[Any, ...]) -> None:
        if type(value) is not kind:
            object.__setattr__(value, "__class__", kind)
        slots = slots_of(kind)
        held = old[: len(old) - len(slots)]
        if held or dict_of(value):
            _put_items(dict_of(value), held)
        for (_, member), before in zip(slots, old[len(held) :], strict=True):
            if before is not UNSET:
                member.__set__(value, before)
            elif slot_value(value, member) is not UNSET:
                member.__delete__(value)

    return put
