"""Attributes, names and captured variables of objects from outside: what a call writes into them is
kept beside them while the function is interpreted (``journal.py``).
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from ..library import file_of, is_library, is_library_object, is_ours
from ..ndarrays.names import Module
from ..readers import MISSING, in_class
from ..state import attributes_named
from ..symnumber import SymNumber
from .frame import Frame
from .journal import GONE, TORN, Attributes, Journal
from .objects import Objects
from .walks import VIEWS, viewed

__all__ = ["Outside", "base_of", "of_class"]

_ANY: Any = object()


def _place(owner: Any) -> Any:
    """Where the attributes of an object are written: the names of a module or a function in the
    dict that all that stands for it share."""
    if type(owner) is Module:
        return vars(owner.__dict__["_parts"][0])
    return vars(owner) if isinstance(owner, types.ModuleType | types.FunctionType) else owner


class Outside(Objects):
    """A machine that leaves the attributes of objects from outside as they are."""

    journal: Journal
    tracer: Any
    watch: Any
    heap: Any

    def _meet(self, owner: Any, keys: tuple[Any, ...] = ()) -> None:
        """What an object from outside holds is guarded, as far as it is going to be read."""
        raise NotImplementedError

    def is_own(self, value: Any) -> bool:
        """Whether the function has made an object."""
        raise NotImplementedError

    def observe(self, owner: Any, key: Any = _ANY) -> None:
        """The contents of an object from outside are read: they are guarded from now on."""
        raise NotImplementedError

    def guard(self, name: str, read: Callable[[], Any]) -> None:
        """The trace is good while a reader gives what it gives now."""
        raise NotImplementedError

    # what stands for objects

    def present(self, value: Any) -> Any:
        """What stands for a container that has been written to, or the same view of it; anything
        else as it is."""
        shadows = self.journal.shadows
        if not shadows:
            return value
        if type(value) in VIEWS:
            held = viewed(value)
            now = self.present(held)
            return value if now is held else getattr(now, VIEWS[type(value)])()
        found = shadows.get(id(value))
        if found is None or type(found[1]) is Attributes:
            return value
        if id(found[1]) in self.journal.torn:
            self.give_up("a read of a container that a loop or one way of a branch has changed")
        return found[1]

    def _written(self, owner: Any, name: str) -> Any:
        """What an attribute has been given, or MISSING."""
        place = _place(owner)
        held = self.journal.shadow(place)
        if type(held) is Attributes and name in held:
            return held[name]
        if not self.journal.kinds or isinstance(owner, types.ModuleType | types.FunctionType):
            return MISSING
        kinds = (owner if isinstance(owner, type) else type(owner)).__mro__
        if not isinstance(owner, type) and name in getattr(owner, "__dict__", ()):
            return MISSING
        for base in kinds:
            held = self.journal.shadow(base)
            if held is not None and name in held:
                found = held[name]
                if found is not GONE and hasattr(type(found), "__get__"):
                    self.give_up("a method that the function puts into a class")
                return found
            if name in vars(base):
                return MISSING
        return MISSING

    # attributes

    def attribute(self, frame: Frame, owner: Any, name: str) -> Any:
        shadows = self.journal.shadows
        if isinstance(owner, type):
            for base in owner.__mro__[:-1]:
                self.journal.read(base, name)
        elif isinstance(owner, types.ModuleType | types.FunctionType):
            self.journal.read(_place(owner), name)
        if shadows:
            found = self._written(owner, name)
            if found is TORN:
                self.give_up(f"a read of {name!r}, which one way of a branch has changed")
            if found is GONE:
                return self._gone(owner, name)
            if found is not MISSING:
                return found
            if name == "__dict__" and id(owner) in shadows:
                self.give_up("the __dict__ of an object that the function has written to")
        if name == "__dict__" and not isinstance(owner, type):
            made = super().attribute(frame, owner, name)
            if self.is_own(owner):
                return self.heap.lends(owner, made)
            self.journal.drawn[id(made)] = made
            return made
        cached = of_class(owner, name)
        if type(cached) is functools.cached_property and not self.is_own(owner):
            return self._cached(frame, owner, name, cached)
        made = super().attribute(frame, owner, name)
        if type(made) not in (int, float) or self.is_own(owner):
            return made
        if isinstance(owner, types.FunctionType):
            return self.number(_place(owner), name, made)
        if type(cached) is types.MemberDescriptorType or type(owner) is types.SimpleNamespace:
            return self.number(owner, name, made, attributes_named(owner, [name]))
        return made

    def unwritten(self, owner: Any, name: str) -> bool:
        """Whether an attribute of a module is what it was."""
        self.journal.read(_place(owner), name)
        return self.journal.shadow(_place(owner)) is None or self._written(owner, name) is MISSING

    def _cached(self, frame: Frame, owner: Any, name: str, member: Any) -> Any:
        """What a ``cached_property`` gives, which the object keeps."""
        if name in getattr(owner, "__dict__", ()):
            return owner.__dict__[name]
        made = self.call(frame, member.func, (owner,), {})
        self.write_attribute(frame, owner, name, made)
        return made

    def _gone(self, owner: Any, name: str) -> Any:
        if (
            of_class(owner, name) is not MISSING
            or self.own_method(owner, "__getattr__") is not None
        ):
            self.give_up(f"a read of {name!r}, which has been deleted")
        raise AttributeError(
            f"{type(owner).__name__!r} object has no attribute {name!r}", name=name, obj=owner
        )

    def write_attribute(self, frame: Frame, owner: Any, name: str, value: Any) -> None:
        if self.is_own(owner) or _is_set_by_array(owner, name):
            super().write_attribute(frame, owner, name, value)
        elif self._takes(owner, name):
            self._put(_place(owner), name, value)
        else:
            self.give_up(f"an assignment to {name!r} of a {type(owner).__name__}")

    def remove_attribute(self, frame: Frame, owner: Any, name: str) -> None:
        if self.is_own(owner):
            super().remove_attribute(frame, owner, name)
            return
        if not self._takes(owner, name):
            self.give_up(f"a deletion of {name!r} of a {type(owner).__name__}")
        self.attribute(frame, owner, name)  # it raises if there is none
        self._put(_place(owner), name, GONE)

    def _takes(self, owner: Any, name: str) -> bool:
        """Whether what is written into an attribute can be put there when the graph has run."""
        if name.startswith("__") and name.endswith("__"):
            return False
        if isinstance(owner, types.FunctionType):
            return True
        if isinstance(owner, type | types.ModuleType):
            if type(owner) is Module:
                owner = owner.__dict__["_parts"][0]
                return bool(owner.__name__.partition(".")[0] != "numpy")
            return not _is_library(owner)
        kind: Any = type(owner)
        if is_ours(kind):
            return False
        if kind is types.SimpleNamespace:
            return True
        if kind.__setattr__ is not object.__setattr__ and is_library_object(owner):
            return False
        found = of_class(owner, name)
        if found is MISSING or isinstance(found, types.MemberDescriptorType):
            return True
        return not hasattr(type(found), "__set__")

    def _put(self, owner: Any, name: str, value: Any) -> None:
        journal = self.journal
        held = journal.attributes(owner)
        if self.heap.parts and name not in held and journal.has_read(owner, name):
            journal.seed(held, name, base_of(self, owner, name))
        self.changes(held)
        held[name] = value
        journal.put(held, name)

    # names

    def load_global(self, frame: Frame, name: str) -> Any:
        space = getattr(frame.f_globals, "real", frame.f_globals)
        held = self.journal.shadow(space) if self.journal.shadows else None
        if held is not None and name in held:
            found = held[name]
            if found is TORN:
                self.give_up(f"a read of {name!r}, which one way of a branch has changed")
            if found is not GONE:
                return found
            if name not in frame.f_builtins:
                raise NameError(f"name '{name}' is not defined", name=name)
            return frame.f_builtins[name]
        self.journal.read(space, name)
        return super().load_global(frame, name)

    def store_global(self, frame: Frame, name: str, value: Any) -> None:
        self._put(getattr(frame.f_globals, "real", frame.f_globals), name, value)

    def delete_global(self, frame: Frame, name: str) -> None:
        space = getattr(frame.f_globals, "real", frame.f_globals)
        held = self.journal.shadow(space) or {}
        if held.get(name, MISSING if name not in space else None) in (GONE, MISSING):
            raise NameError(f"name '{name}' is not defined")
        self.journal.read(space, name)
        self._put(space, name, GONE)

    def load_cell(self, cell: types.CellType) -> Any:
        if self.is_own(cell):
            return cell.cell_contents
        original = self.original_cell(cell)
        held = self.journal.shadow(original) if self.journal.shadows else None
        if held is None:
            self.journal.read(original, "")
            return cell.cell_contents
        if held[""] is TORN:
            self.give_up("a read of a captured variable that one way of a branch has changed")
        if held[""] is GONE:
            raise ValueError
        return held[""]

    def store_cell(self, cell: types.CellType, value: Any) -> None:
        if self.is_own(cell):
            super().store_cell(cell, value)
        else:
            self._put(self.original_cell(cell), "", value)

    def delete_cell(self, cell: types.CellType) -> None:
        if self.is_own(cell):
            super().delete_cell(cell)
        else:
            self.load_cell(cell)
            self._put(self.original_cell(cell), "", GONE)

    def original_cell(self, cell: Any) -> Any:
        """The cell that one with values of the trace stands for."""
        raise NotImplementedError

    def shown_cell(self, cell: Any) -> Any:
        """What stands for a cell in the trace."""
        raise NotImplementedError

    def number(self, owner: Any, key: Any, value: Any, read: Any = None) -> Any:
        """A number that each call may find to be another one."""
        raise NotImplementedError


def _is_set_by_array(owner: Any, name: str) -> bool:
    """Whether this is an array of the trace that sees to what is assigned: its shape, its parts."""
    kind = type(owner)
    member = getattr(kind, name, None) if getattr(kind, "in_trace", False) else None
    return isinstance(member, property) and member.fset is not None


def _is_library(owner: Any) -> bool:
    """Whether a class or module is not the user's."""
    return is_ours(owner) or is_library(file_of(owner))


def of_class(owner: Any, name: str) -> Any:
    """What the class of an object has under a name, or MISSING."""
    for base in type(owner).__mro__:
        if name in base.__dict__:
            return in_class(base.__dict__[name])
    return MISSING


def base_of(machine: Any, owner: Any, name: str) -> Any:
    """What an attribute, a global name or a cell holds before the call writes to it."""
    if type(owner) is types.CellType:
        return machine.shown_cell(owner).cell_contents
    if type(owner) is not dict:
        return machine.attribute(None, owner, name)
    found = machine.tracer.arrays.number(owner, name, owner[name])
    return found if isinstance(found, SymNumber) else machine.number(owner, name, found)
