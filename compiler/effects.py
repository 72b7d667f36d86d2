"""What tracing changes in the state of Python: it is undone, and the call runs as plain Python.

A trace runs the Python function once, on stand-ins of its containers, and later calls do not run
it at all. A function that changes a list, an attribute or a global would do so once instead of on
every call, or leave a traced tensor there. So what the trace changed is put back as far as it is
watched (``guards.py``), and ``Changed`` tells the caller to run the function itself. (What another
thread changes in the same containers at the same time can be put back with it.)
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import Structure, flatten

from .guards import Watch
from .library import is_library_object
from .plain import Changed, reason
from .state import Reader, Restore, attributes_of, state_of
from .symint import SymInt
from .symnumber import SymNumber
from .trace import Traced

__all__ = ["Effects", "Noted", "refuse_streams"]


def refuse_streams(name: str, leaves: list[Any]) -> None:
    """Raise Changed if an argument is an iterator: reading it changes it, and tracing would."""
    for leaf in leaves:
        if isinstance(leaf, Iterator) and is_library_object(leaf):
            made = Changed(
                f"{name} takes a {type(leaf).__name__}, which changes when it is read, so calls "
                f"of it run as plain Python; pass what it yields instead"
            )
            made.lasting = True
            raise made


class Effects:
    """The state before a trace, to compare with after it."""

    def __init__(self, seen: Watch, structure: Structure, leaves: list[Any], names: list[str]):
        self.structure, self.leaves, self.names = structure, leaves, names
        self.watched = [*zip(seen.names, seen.readers(), seen.restores, strict=True), *seen.long]
        self.before = [read() for _, read, _ in self.watched]
        arrays = {id(a): a for a in [*seen.arrays, *seen.named]}
        self.arrays = [(a, a.copy()) for a in arrays.values()]
        self.noted: dict[int, Noted] = {}  # by the identity of the object

    def note(self, owner: Any) -> None:
        """An object that the function has not made is about to be written to, whether or not the
        walk over the names of the code has found it."""
        if id(owner) not in self.noted:
            self.noted[id(owner)] = Noted(owner)

    def settle(self, name: str, arguments: Any) -> str:
        """What the trace changed by name, if that may stay; else undo it and raise Changed.

        It may stay if it holds nothing of the trace and the arguments are as they were: then it
        has happened once, as it should.
        """
        inside = self._changed_arguments(arguments)
        outside = [
            (what, now)
            for (what, read, _), old in zip(self.watched, self.before, strict=True)
            if not _same(now := read(), old)
        ]
        if not inside and not outside:
            outside = [(n.name, n.read()) for n in self.noted.values() if n.is_changed()]
        names = ", ".join(dict.fromkeys([*inside, *(what for what, _ in outside)]))
        if any(a.tobytes() != old.tobytes() for a, old in self.arrays):
            self.undo()
            raise Changed(reason(name, "a NumPy array in an attribute or a container"))
        if inside or any(_holds_traced(now) for _, now in outside):
            self.undo()
            raise Changed(reason(name, names))
        return names

    def undo(self) -> None:
        """Put back what is watched: the last change first, as one object may be seen in two ways
        (an instance and its ``__dict__``)."""
        for noted in reversed(self.noted.values()):
            if noted.restore is not None and noted.is_changed():
                noted.restore(noted.before)
        for (_, read, restore), old in zip(self.watched, self.before, strict=True):
            if restore is not None and not _same(read(), old):
                restore(old)
        for array, held in self.arrays:
            if array.flags.writeable and array.shape == held.shape:
                np.copyto(array, held)

    def _changed_arguments(self, arguments: Any) -> list[str]:
        """The arguments in which something else stands than before."""
        now, structure = flatten(arguments)
        if structure == self.structure:
            pairs = zip(self.names, self.leaves, now, strict=True)
            return [name for name, old, new in pairs if old is not new]
        return ["a list, dict or object that it was given as an argument"]


class Noted:
    """What an object held before the function wrote to it."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner  # it stays alive, and its identity its own
        self.read: Reader
        self.restore: Restore | None
        if isinstance(owner, types.CellType):
            self.name = "a variable of a function around it"
            self.read, self.restore = _cell_state(owner)
        else:
            self.name = f"a {type(owner).__name__}"
            self.read, self.restore = state_of(owner) or attributes_of(owner)
        self.before = self.read()

    def is_changed(self) -> bool:
        """Whether it holds something else now."""
        return not _same(self.read(), self.before)


def _cell_state(cell: types.CellType) -> tuple[Reader, Restore]:
    def read() -> Any:
        try:
            return (cell.cell_contents,)
        except ValueError:
            return ()

    def restore(old: Any) -> None:
        if old:
            cell.cell_contents = old[0]
        else:
            del cell.cell_contents

    return read, restore


def _same(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if now.__class__ in TUPLES and before.__class__ in TUPLES:
        return len(now) == len(before) and all(map(_same, now, before))
    return now.__class__ is before.__class__ and _same_value(now, before)


def _same_value(now: Any, before: Any) -> bool:
    """Plain values by value, bound methods by their parts; other objects only by identity."""
    if isinstance(now, int | float | complex | str | bytes):
        return repr(now) == repr(before)
    function = getattr(now, "__func__", None)
    return function is not None and (
        function is getattr(before, "__func__", None) and now.__self__ is before.__self__
    )


def _holds_traced(value: Any, depth: int = 4) -> bool:
    if isinstance(value, Traced | SymInt | SymNumber) or getattr(type(value), "in_trace", False):
        return True
    if depth and isinstance(value, list | tuple | set):
        return any(_holds_traced(v, depth - 1) for v in value)
    return bool(depth) and isinstance(value, dict) and _holds_traced([*value.values()], depth - 1)
