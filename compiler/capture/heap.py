"""What a part of a function that is staged changes in Python objects.

A branch is interpreted although it may not be taken, and the body of a loop once for all its
trips. So what it writes into lists, dicts, attributes and variables of closures is noted, taken out
when it ends, and put back as it was; the values go the way of those of local variables.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import TUPLES
from twofold.runtime.tensor import Tensor

from ..library import is_library_object
from ..plain import PlainPython
from ..state import attributes_of, past, state_of
from .aliases import Aliases
from .choice import Choice, Run
from .machine import Generator

__all__ = ["Contents", "Heap"]

_CLOSED = (type(None), bool, int, float, complex, str, bytes, Tensor, np.generic, np.ndarray, Run)
_OF_FUNCTION = (types.CellType, Generator)  # whoever has written to them
Restore = Callable[[Any], None]


class Contents:
    """What an object held before a part, and what it holds at its end."""

    def __init__(self, owner: Any, read: Callable[[], Any], write: Restore) -> None:
        self.owner, self.read, self.write = owner, read, write
        self.before = read()
        self.after: Any = None


class Heap:
    """The objects that were written to, part by part from the outermost to the innermost."""

    def __init__(self) -> None:
        self.parts: list[dict[int, Contents]] = []
        self.made: dict[int, tuple[Any, int]] = {}  # object -> the part that made it
        self.born: dict[int, dict[int, Contents]] = {}  # object -> that part, if it is one
        self.dicts: dict[int, tuple[Any, Any]] = {}  # the ``__dict__`` of an object -> the object
        self.aliases = Aliases()

    def fresh(self, value: Any) -> None:
        """An object that is made now."""
        self.made[id(value)] = value, len(self.parts)
        if self.parts:
            self.born[id(value)] = self.parts[-1]

    def release(self) -> None:
        """The trace is over: what the function has made is nobody's concern."""
        self.made.clear()
        self.born.clear()
        self.dicts.clear()

    def lends(self, owner: Any, held: Any) -> Any:
        """The ``__dict__`` of an object that the function has made is handed out: a write to it is
        one to the object."""
        self.dicts[id(held)] = held, owner
        return held

    def written(self, owner: Any) -> Any:
        """The object that a write changes: one whose ``__dict__`` this is, or itself."""
        return self.dicts[id(owner)][1] if id(owner) in self.dicts else owner

    def is_there(self, value: Any) -> bool:
        """Whether an object is one of the present parts, and not of an attempt that has ended."""
        born = self.born.get(id(value))
        return born is None or any(part is born for part in self.parts)

    def is_fresh(self, value: Any) -> bool:
        """Whether the innermost part has made an object."""
        found = self.made.get(id(value))
        return found is not None and found[1] >= len(self.parts)

    def is_made_inside(self, value: Any) -> bool:
        """Whether the part that has ended last has made an object."""
        found = self.made.get(id(value))
        return found is not None and found[1] > len(self.parts)

    def is_older(self, value: Any) -> bool:
        """Whether a container was there before the part that has ended last, or is from outside."""
        if type(value) not in (list, dict, set):
            return False
        found = self.made.get(id(value))
        return found is None or found[1] <= len(self.parts)

    def is_inner(self, value: Any) -> bool:
        """Whether the part that has ended last has made an object, which may hold what is its own;
        not a function of nothing around it."""
        if not self.is_made_inside(value):
            return False
        return not isinstance(value, types.FunctionType) or bool(
            value.__closure__ or value.__defaults__ or value.__kwdefaults__
        )

    def is_own(self, value: Any) -> bool:
        """Whether the function has made a list or a dict, at any time."""
        return type(value) in (list, dict) and id(value) in self.made

    def kept(self, value: Any, outside: Callable[[], Container[int]] = tuple) -> tuple[Any, bool]:
        """A value that a part returns, with copies of the lists and dicts that the function has
        made, and whether the value has nothing in it that could lead to others. Those whose ``id``
        is in what ``outside`` gives stay themselves: objects from outside have them, too."""
        memo: dict[int, Any] = {}
        closed = True

        def copied(x: Any) -> Any:
            nonlocal closed
            if type(x) in TUPLES or type(x) is Choice:
                return tuple.__new__(type(x), map(copied, x))
            if not self.is_own(x) or id(x) in shared:
                closed = closed and (isinstance(x, _CLOSED) or getattr(type(x), "in_trace", False))
                return x
            if id(x) not in memo:
                memo[id(x)] = made = type(x)()
                self.fresh(made)
                if type(x) is dict:
                    made.update((k, copied(v)) for k, v in x.items())
                else:
                    made.extend(map(copied, x))
            return memo[id(x)]

        if not any(self.is_own(c.owner) for c in self.parts[-1].values()):
            return value, True
        shared = outside()
        return copied(value), closed

    def only_own(self, owners: Iterable[Contents]) -> bool:
        """Whether all objects are lists and dicts that the function has made, its variables or
        its generators."""
        return all(self.is_own(c.owner) or type(c.owner) in _OF_FUNCTION for c in owners)

    def changes(self, owner: Any) -> bool:
        """An object is about to be written to; whether that can be followed."""
        if not self.parts or self.is_fresh(owner) or id(owner) in self.parts[-1]:
            return True
        contents = self.contents(owner)
        if contents is None:
            return False
        self.parts[-1][id(owner)] = contents
        return True

    def contents(self, owner: Any) -> Contents | None:
        """An object that a part may write to; None if that cannot be followed."""
        access = _access(owner)
        return None if access is None else Contents(owner, *access)

    def begin(self) -> None:
        """A part begins."""
        self.parts.append({})

    def end(self) -> dict[int, Contents]:
        """A part ends: what it wrote to, which holds what it held before."""
        found = self.parts.pop()
        for contents in found.values():
            contents.after = contents.read()
            contents.write(contents.before)
        return found


def _access(owner: Any) -> tuple[Callable[[], Any], Restore] | None:
    if isinstance(owner, types.CellType):
        return lambda: _cell(owner), lambda old: _set_cell(owner, old)
    if type(owner) is Generator:
        return owner.state, owner.set_state
    if type(owner) is dict:
        return lambda: dict(owner), lambda old: _set_dict(owner, old)
    if isinstance(owner, dict):
        held = past(owner)
        return lambda: _dict_of(held), lambda old: _set_dict(held, old)
    if isinstance(owner, list):
        return lambda: list(owner), lambda old: owner.__setitem__(slice(None), old)
    if isinstance(owner, set):
        return lambda: set(owner), lambda old: _set_set(owner, old)
    if is_library_object(owner) and not isinstance(owner, types.SimpleNamespace):
        state = state_of(owner)
        if state is None or state[1] is None:
            return None
        read, write = state
        return read, lambda old: _put(write, old)
    if hasattr(owner, "__dict__") and not hasattr(type(owner), "__slots__"):
        held = owner.__dict__
        return lambda: dict(held), lambda old: _set_dict(held, old)
    read, write = attributes_of(owner)
    return None if write is None else (read, write)


def _put(write: Restore | None, old: Any) -> None:
    assert write is not None
    if type(old) is Choice:
        raise PlainPython(words="an object of a library that holds something else on each way")
    write(old)


EMPTY: Any = object()


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def _set_cell(cell: types.CellType, old: Any) -> None:
    if old is EMPTY:
        del cell.cell_contents
    else:
        cell.cell_contents = old


def _dict_of(held: Any) -> dict[Any, Any]:
    return dict(zip(held.keys(), held.values(), strict=True))


def _set_dict(held: dict[Any, Any], old: dict[Any, Any]) -> None:
    held.clear()
    held.update(old)


def _set_set(held: set[Any], old: set[Any]) -> None:
    held.clear()
    held.update(old)
