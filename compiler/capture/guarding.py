"""What is read of objects from outside: it is guarded, or the read is a step of every call.

``Guarding`` is told of each name, attribute and item that interpreted code reads. What the function
has made itself needs no guard. What an object of a library computes, and what another thread would
find there, is asked for again; what cannot be compared is refused.
"""

from __future__ import annotations

import builtins
import functools
import os
import sys
import threading
import types
import weakref
from abc import ABCMeta
from array import array
from collections import UserDict, UserList, deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import dict_of
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..library import file_of, is_library, is_library_object, is_ours, runs_natively
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.kinds import class_of, refuse_missing
from ..plain import is_foreign
from ..readers import MISSING, Item
from ..state import attributes_named, is_generator
from ..symint import SymInt
from ..symnumber import SymNumber, plain
from .frame import Frame
from .journal import SHADOWED, WHOLE, is_key
from .machine import Generator
from .observed import Reads
from .outside import of_class
from .pure import FIXED, decimal_context, is_computed, is_immutable, is_text
from .text import Text
from .walks import VIEWS, viewed
from .writes import Writes

__all__ = ["ANY", "ATOMS", "KEYS", "OF_TRACE", "STATEFUL", "Guarding", "kind_of"]

STATEFUL = (
    list, dict, set, deque, UserDict, UserList, Mapping, bytearray, array, ContextVar,
    types.MappingProxyType,
)  # fmt: skip
OF_TRACE = (Tensor, Variable, np.ndarray, TracedArray, TracedScalar, SymInt, SymNumber)
ATOMS = frozenset((int, float, bool, complex, str, bytes, type(None)))
KEYS = ATOMS - {type(None)}
ANY: Any = object()
_READ_AS_IS = (*OF_TRACE, type, types.ModuleType)
_PLAIN = ATOMS | TUPLES
_HOLDERS = (list, tuple, dict, set, deque)
_DEEP = 4  # containers in containers that are looked into
_OF_RECORDING = frozenset(("watch", "reset", "stop_recording"))


class Guarding(Writes):
    """A machine that guards what it reads."""

    heap: Any

    def __init__(self, tracer: Any) -> None:
        super().__init__()
        self.tracer = tracer
        self.watch: Any = tracer.watch  # the guards of the trace; None in a trace that has none
        self.builtins: set[tuple[int, str]] = set()  # names that are guarded
        self.guarded: set[Any] = set()  # answers that are
        self.reads = Reads()

    def is_own(self, value: Any) -> bool:
        """Whether the function has made an object."""
        if isinstance(value, Generator) or id(value) in self.heap.made:
            return True
        return id(value) in self.heap.dicts

    def observe(self, owner: Any, key: Any = ANY) -> None:
        """The contents of an object from outside are read: they are guarded from now on."""
        if owner is os.environ and type(key) is str:
            self.guard(f"os.environ[{key!r}]", functools.partial(os.environ.get, key))
            return
        owner = viewed(owner) if type(owner) in VIEWS else owner
        if key is ANY and isinstance(owner, _HOLDERS):
            self._read_inside(owner, _DEEP)
        if type(owner) in _PLAIN or self.is_own(owner):
            return
        if is_generator(owner) and self.tracer.prelude is not None:
            return  # what draws from it, or asks for its state, is a step
        if issubclass(type(owner), np.ndarray) and is_foreign(owner):
            self.refuse_step(f"a read of a {type(owner).__name__} of dtype {owner.dtype}")
        if isinstance(owner, OF_TRACE):
            return
        key = plain(key) if isinstance(key, SymNumber) else key
        self.journal.read(owner, key if is_key(key) else WHOLE)
        if self.watch is not None and self.watch.walker is not None:
            self.reads.whole.add(id(owner))
        self._meet(owner, () if key is ANY else (key,))

    def _read_inside(self, value: Any, depth: int) -> None:
        """All that containers from outside hold is read, of those inside others too."""
        if depth < _DEEP and type(value) in SHADOWED and not self.is_own(value):
            self.journal.reads.setdefault(id(value), (value, set()))[1].add(WHOLE)
        for part in value.values() if isinstance(value, dict) else value:
            if depth and isinstance(part, _HOLDERS):
                self._read_inside(part, depth - 1)

    def _meet(self, owner: Any, keys: tuple[Any, ...] = ()) -> None:
        if self.watch is not None and self.watch.walker is not None:
            self.watch.walker.meet(owner, keys)

    def named(self, owner: Any, name: str) -> None:
        """An attribute of an object from outside is read: it is guarded from now on."""
        if self.is_own(owner):
            return
        self.journal.read(owner, WHOLE if name == "__dict__" else name)
        for base in type(owner).__mro__[:-1]:
            self.journal.read(base, name)
        if self.watch is None or self.watch.walker is None:
            return
        found = of_class(owner, name)
        if is_computed(found) and not name.startswith("__"):
            self._computed(owner, name)
        for looked in (name, "__getattribute__"):
            self.looked_up(type(owner), looked)
        if name not in dict_of(owner) and not any(name in vars(b) for b in type(owner).__mro__):
            self.looked_up(type(owner), "__getattr__")
        if isinstance(owner, threading.local):
            self._in_dict(owner, name)
            return
        if name == "__dict__":
            self.reads.whole.add(id(owner))
        self.reads.names.setdefault(id(owner), set()).add(name)
        self.watch.walker.meet(owner)

    def looked_up(self, kind: Any, name: str, after: Any = None) -> None:
        """A name is looked for in a class and its bases (those ``after`` one of them): where it is
        found, and that those before do not have it, is guarded."""
        if not self.reads.first(kind, name, after) or self.watch is None:
            return
        walker, order = self.watch.walker, kind.__mro__
        for base in order[0 if after is None else order.index(after) + 1 :] if walker else ():
            if not (base.__flags__ & FIXED or is_ours(base)):
                walker.of_class(base, name)
            if name in vars(base):
                return

    def looked_for(self, space: dict[str, Any], name: str) -> None:
        """A name of a module is read: if it has none, that is guarded, and who gives it."""
        if name not in space and self.reads.first(space, name, None):
            self.guard(name, Item(space, name))
            self.guard("__getattr__", Item(space, "__getattr__"))

    def takes_in(self, kind: ABCMeta, other: Any) -> None:
        """Whether a class counts as one that is derived from an abstract one is guarded."""
        if not isinstance(other, type) or (kind, other) in self.guarded:
            return
        self.guarded.add((kind, other))
        if not (is_library(file_of(kind)) and is_library(file_of(other))):
            name = f"whether {other.__name__} is a {kind.__name__}"
            self.guard(name, functools.partial(issubclass, other, kind))

    def own_method(self, value: Any, name: str) -> types.FunctionType | None:
        kind = type(value)
        if not (kind.__flags__ & FIXED or is_ours(kind)):
            self.looked_up(kind, name)
        return super().own_method(value, name)

    def class_function(self, kind: type, name: str) -> types.FunctionType | None:
        if not (kind.__flags__ & FIXED or is_ours(kind)):
            self.looked_up(kind, name)
        return super().class_function(kind, name)

    def imported(self, name: str) -> None:
        """A module is imported: which one it is, is guarded."""
        while name:
            self.guard(f"the module {name}", Item(sys.modules, name))
            name = name.rpartition(".")[0]

    def guard(self, name: str, read: Callable[[], Any]) -> None:
        """The trace is good while a reader gives what it gives now."""
        if self.watch is not None:
            self.watch.add(name, read)

    def frame_of(self, function: types.FunctionType, back: Frame | None) -> Frame:
        """What a function that is interpreted says of itself, and the names in its code, are
        guarded, whichever way it was found."""
        real = self.tracer.arrays.names.original(function)
        if self.watch is not None and self.watch.walker is not None and not self.is_own(real):
            self.watch.walker.called(real)
        return super().frame_of(function, back)

    def guard_builtin(self, space: Any, name: str) -> None:
        """A name means what Python itself has, while no global name hides it."""
        if self.watch is not None and (id(space), name) not in self.builtins:
            self.builtins.add((id(space), name))
            self.guard(name, Item(space, name))
            found = space.get("__builtins__", builtins)
            self.guard(name, Item(found if isinstance(found, dict) else vars(found), name))

    def attribute(self, frame: Frame, owner: Any, name: str) -> Any:
        """An attribute; of an object of a library's, if it can be guarded."""
        if name == "__class__" and isinstance(owner, (*OF_TRACE, Text, Generator)):
            return kind_of(owner)
        if isinstance(owner, OF_TRACE) and not self._is_given(owner, name):
            refuse_missing(owner, name)
        kind = type(owner)
        if is_text(owner, name) and not self.is_own(owner):
            original = self.tracer.arrays.names.original(getattr(owner, "__func__", owner))
            self.guard(f"{owner.__name__}.{name}", functools.partial(getattr, original, name))
        if isinstance(owner, types.ModuleType) and not is_ours(owner):
            return self._of_module(frame, owner, name)
        if isinstance(owner, type):
            if kind is not type and not is_ours(owner):
                self.observe(kind)
                self.looked_up(kind, name)
            self.looked_up(owner, name)
        elif kind is super:
            self.looked_up(owner.__self_class__, name, owner.__thisclass__)
        if kind in _PLAIN or isinstance(owner, _READ_AS_IS) or self._is_fixed(owner):
            self.computed_with(owner)
            return super().attribute(frame, owner, name)
        if kind in weakref.ProxyTypes:
            self.refuse_step(f"the attribute {name!r} of a weak proxy")
        if isinstance(owner, types.FunctionType | types.MethodType):
            if not name.startswith("__"):
                self._meet(owner)
        elif not is_library_object(owner) or isinstance(owner, types.SimpleNamespace):
            self.named(owner, name)
        elif isinstance(owner, GradientTape):
            self._refuse_tape(owner, name)
        elif not is_ours(kind) and not self.is_own(owner):
            self._library_attribute(owner, name)
        return super().attribute(frame, owner, name)

    def computed_with(self, value: Any) -> None:
        """A number of the standard library's is read: what it depends on is guarded. The parts of
        a fraction can be assigned to, though nobody should."""
        kind = type(value)
        if kind.__name__ == "Fraction" and id(value) not in self.guarded:
            if not self.is_own(value):
                self.guarded.add(id(value))
                self.guard("a Fraction", attributes_named(value, ["_numerator", "_denominator"]))
        elif kind.__name__ == "Decimal" and "decimal" not in self.guarded:
            self.guarded.add("decimal")
            self.guard("decimal.getcontext()", decimal_context)

    def _is_given(self, owner: Any, name: str) -> bool:
        """Whether a tensor or a Variable has an attribute that somebody gave it; either is relied
        on. What an argument has is another call's matter: a step looks into it."""
        if not isinstance(owner, Tensor | Variable) or hasattr(type(owner), name) != (
            name == "__dict__"
        ):
            return False
        given = dict_of(owner)
        if not hasattr(owner, "trace"):
            if name == "__dict__":
                self.refuse_step("the __dict__ of a tensor")
            self._in_dict(owner, name)
        elif name not in given:
            self._rely_on_bare(owner, name)
        return name in given

    def _rely_on_bare(self, owner: Any, name: str) -> None:
        """An attribute is looked for that a tensor of the trace has not been given."""
        tracer = self.tracer
        at = next((i for i, (x, _) in enumerate(tracer.arguments) if x is owner), None)
        if at is None or name.startswith("__") and name != "__dict__":
            return
        if at in tracer.adorned or name == "__dict__":
            self.refuse_step(f"the attribute {name!r} of an argument")
        tracer.bare.add(at)

    def _is_fixed(self, owner: Any) -> bool:
        """Whether nobody assigns to the attributes of an object: one of a class of the user's has
        more than the number or the text that it is."""
        return is_immutable(owner) and (self.is_own(owner) or is_library_object(owner))

    def _refuse_tape(self, owner: Any, name: str) -> None:
        """A tape that records around this trace, or around this region of it, knows no values of
        it: raises if it is asked for something."""
        if isinstance(owner, GradientTape):
            if not self.is_own(owner):
                self.refuse_step(f"{name}() of a tape from outside")
            if name in _OF_RECORDING and not owner.is_over(bind.ground()):
                self.refuse_step(f"{name}() of a tape that records around this code")

    def _library_attribute(self, owner: Any, name: str) -> None:
        held = getattr(owner, "__dict__", None) or {}
        if name in held:
            self._in_dict(owner, name)
            return
        if runs_natively(type(owner)):
            return
        found = next((b.__dict__[name] for b in type(owner).__mro__ if name in b.__dict__), ANY)
        if found is ANY:
            if any("__getattr__" in b.__dict__ for b in type(owner).__mro__):
                self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")
        elif isinstance(found, types.MemberDescriptorType):
            self.guard(f"{type(owner).__name__}.{name}", lambda: getattr(owner, name, None))
        elif is_computed(found):
            self._computed(owner, name)
        elif isinstance(found, property) and not isinstance(owner, STATEFUL):
            self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")

    def _of_module(self, frame: Frame, owner: Any, name: str) -> Any:
        """A name of a module; that it has none is guarded, unless asking for it has made it."""
        try:
            return super().attribute(frame, owner, name)
        finally:
            self.looked_for(vars(owner), name)

    def _in_dict(self, owner: Any, name: str) -> None:
        """What an object has in its dict, or has not, is guarded."""
        read = functools.partial(_attribute_in_dict, owner, name)
        self.guard(f"{type(owner).__name__}.{name}", read)

    def _computed(self, owner: Any, name: str) -> None:
        """An attribute that code of the interpreter or of an extension computes: what it gives is
        guarded, if it can be compared."""
        read = functools.partial(getattr, owner, name, MISSING)
        value = read()
        if type(value) not in ATOMS and value is not read():
            self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")
        self.guard(f"{type(owner).__name__}.{name}", read)

    def relies(self, tensor: Any) -> None:
        """Python is told what a captured tensor holds: it is guarded from now on."""
        if not hasattr(tensor, "trace"):
            self.tracer.arrays.relies(tensor)

    def learn(self, name: str) -> None:
        """An attribute is named by a text that the code makes."""
        if self.watch is not None and self.watch.walker is not None:
            self.watch.walker.learn({name: None})

    def refuse_step(self, what: str) -> Any:
        """Raise: this function runs as plain Python."""
        return self.give_up(f"{what} is made on every call: what it gives")


def kind_of(value: Any) -> Any:
    """``type(value)``; what stands for a text or a generator is one."""
    if type(value) is Text:
        return str
    return types.GeneratorType if isinstance(value, Generator) else class_of(value)


def _attribute_in_dict(owner: Any, name: str) -> Any:
    """What is in the dict of an object now; that of a ``threading.local`` is the thread's."""
    return getattr(owner, "__dict__", {}).get(name, MISSING)
