"""Python numbers behind names and in attributes, which each call reads.

A float global, captured name or attribute (``RATE``, ``self.rate``) that is only used as a number
is an input of the trace, as a float argument is: it may change without another trace. An int is one
when a second value of it is seen. Names are looked up in hooked namespaces (``ndarrays/names.py``);
for attributes a descriptor stands in the class while the trace runs, which gives the symbol to code
of this trace alone: other threads see what they always see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.tree import dict_of

from .numbers import Numbers
from .readers import MISSING, WHOLE, Hook, in_class
from .state import Reader

__all__ = ["Reads", "Slot", "SlotKey", "Source"]

SlotKey = tuple[int, Any]  # the identity of a namespace, cell, object or class, and the name in it


class Slot:
    """A place where a number is, and the guard in which its value stands, as a whole or a part.
    ``read`` gives it: when the trace has ended, what the guard saw last."""

    __slots__ = ("guard", "owner", "part", "plain", "read", "symbol", "text", "value")

    def __init__(
        self, text: str, read: Reader, value: Any, guard: int, part: int = WHOLE,
        owner: type | None = None,
    ) -> None:  # fmt: skip
        self.text, self.read, self.value = text, read, value
        self.guard, self.part = guard, part
        self.owner = owner  # the class whose instances, or that itself, has the attribute
        self.plain = False  # whether code that sees names as they are may read it
        self.symbol: Any = None  # what the trace was given for it


class Source(NamedTuple):
    """A place where a number is that no guard compares: each call reads it."""

    read: Reader
    late: bool = False  # whether it is known only when the calls before the graph have been made


class Reads:
    """What the names and attributes with numbers give in one trace."""

    def __init__(self, slots: dict[SlotKey, Slot], numbers: Numbers) -> None:
        self.slots, self.numbers = slots, numbers

    def give(self, owner: Any, key: str, found: Any) -> Any:
        """The symbol for a number in a slot, or what was found if it is none."""
        slot = self.slots.get((id(owner), key))
        if slot is None or slot.plain or slot.value is not found:
            return found
        if slot.symbol is None:
            slot.symbol = self.numbers.read(slot, found, slot.text)
        return slot.symbol

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Attributes give symbols while the block runs."""
        hooks = []
        for (_, key), slot in self.slots.items():
            if slot.owner is not None and not slot.plain:
                hook = _hook(slot.owner, key)
                if hook is not None:
                    hooks.append(hook)
                    hook.traces[id(self.numbers)] = self
        try:
            yield
        finally:
            for hook in hooks:
                hook.leave(self)


_lock = threading.Lock()


def _hook(kind: type, key: str) -> _Attribute | None:
    """The descriptor for an attribute of a class, or None if the class has one of its own."""
    with _lock:
        found = vars(kind).get(key, MISSING)
        if found.__class__ is _Attribute:
            found.users += 1
            return found
        inherited = [vars(base)[key] for base in kind.__mro__ if key in vars(base)]
        if any(hasattr(type(in_class(x)), "__set__") for x in inherited):
            return None
        made = _Attribute(kind, key, found)
        try:
            type.__setattr__(kind, key, made)
        except TypeError:  # a class of the interpreter's
            return None
        return made


class _Attribute(Hook):
    """An attribute while traces run: as it is, or for their code the symbol of its number."""

    def __init__(self, kind: type, key: str, before: Any) -> None:
        self.kind, self.key, self.before = kind, key, before
        self.users = 1
        self.traces: dict[int, Reads] = {}

    def leave(self, reads: Reads) -> None:
        """A trace is over; after the last one the class is as it was."""
        with _lock:
            self.traces.pop(id(reads.numbers), None)
            self.users -= 1
            if self.users or vars(self.kind).get(self.key) is not self:
                return
            if self.before is MISSING:
                type.__delattr__(self.kind, self.key)
            else:
                type.__setattr__(self.kind, self.key, self.before)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        home, found = self._find(instance, type(instance) if owner is None else owner)
        if type(found) is not float and type(found) is not int:
            return found
        reads = self.traces.get(id(getattr(bind.ground(), "numbers", None)))
        return found if reads is None else reads.give(home, self.key, found)

    def _find(self, instance: Any, owner: type) -> tuple[Any, Any]:
        """Who has the attribute, and its value."""
        held = {} if instance is None else dict_of(instance)
        if self.key in held:
            return instance, held[self.key]
        for base in owner.__mro__:
            found = in_class(vars(base).get(self.key, MISSING))
            if found is not MISSING:
                bound: Callable[..., Any] | None = getattr(type(found), "__get__", None)
                return base, found if bound is None else bound(found, instance, owner)
        what = (
            f"type object {owner.__name__!r}" if instance is None else f"{owner.__name__!r} object"
        )
        raise AttributeError(
            f"{what} has no attribute {self.key!r}", name=self.key, obj=instance or owner
        )

    def __set__(self, instance: Any, value: Any) -> None:
        dict_of(instance)[self.key] = value

    def __delete__(self, instance: Any) -> None:
        try:
            del dict_of(instance)[self.key]
        except KeyError:
            raise AttributeError(
                f"{type(instance).__name__!r} object has no attribute {self.key!r}",
                name=self.key, obj=instance,
            ) from None  # fmt: skip
