"""Calls and reads that every call of the compiled function must make, and those it need not.

``Steps`` stands between the interpreter and everything that is not interpreted. What it lets pass
is done once, while tracing: operations of the graph, functions of the table in ``pure.py``, reads
of objects whose contents are guarded. A step whose result nobody uses (``print``, a line of a log)
is made after the graph on each call; any other step makes the function run as plain Python.
"""

from __future__ import annotations

import builtins
import collections
import contextvars
import copy
import functools
import os
import sys
import types
from abc import ABCMeta
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import TwofoldError
from twofold.ir.tree import dict_of
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..library import file_of, is_library, is_library_object, is_ours, runs_natively
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.converter import INDEXED
from ..ndarrays.kinds import class_of, refuse_missing
from ..plain import PlainPython, is_foreign
from ..readers import MISSING, Item
from ..state import is_generator
from ..symint import SymInt
from ..symnumber import SymNumber
from .before import before_graph
from .frame import Frame
from .journal import SHADOWED, WHOLE
from .later import done_later
from .machine import Generator
from .observed import Reads
from .outside import of_class
from .pure import (
    FIXED,
    READS,
    any_of,
    decimal_context,
    is_computed,
    is_generator_of,
    is_immutable,
    is_number,
    is_of_lock,
    is_path,
    is_pure_class,
    is_pure_function,
    is_symbolic,
    is_text,
    keeps_state,
    leads_to,
    lends_memory,
    name_of,
)
from .shapes import Opaque
from .text import TEXTS, Piece, Text, has_no_text, snapshot, writes_text
from .writes import Writes, looks, writes_first

__all__ = ["Steps"]

_STATEFUL = (
    list, dict, set, collections.deque, collections.UserDict, collections.UserList, Mapping,
    bytearray, array, contextvars.ContextVar, types.MappingProxyType,
)  # fmt: skip
_OF_TRACE = (Tensor, Variable, np.ndarray, TracedArray, TracedScalar, SymInt, SymNumber)
_READ_AS_IS = (*_OF_TRACE, type, types.ModuleType)
_MAKING = frozenset(("copy", "split", "rsplit", "splitlines", "tolist", "union", "intersection",
                     "difference", "symmetric_difference", "fromkeys", "findall"))  # fmt: skip
_COPYING = (iter, sorted, copy.copy)
_DICT_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
_CONTAINERS = (list, dict, set)
_TO_PYTHON = TEXTS | {"numpy", "item", "tolist", "__array__", "__float__", "__int__", "__bool__",
                      "__index__"}  # fmt: skip
_OURS = __name__.partition(".")[0]
_OF_RECORDING = frozenset(("watch", "reset", "stop_recording"))
_OF_FRAMES = frozenset(("breakpoint", "pdb.set_trace", "sys._getframe",
                        "inspect.currentframe", "inspect.stack", "inspect.trace"))  # fmt: skip
_ANY: Any = object()


class Steps(Writes):
    """A machine that tells what is to be executed on every call."""

    heap: Any

    def __init__(self, tracer: Any) -> None:
        super().__init__()
        self.tracer = tracer
        self.watch: Any = tracer.watch  # the guards of the trace; None in a trace that has none
        self.builtins: set[tuple[int, str]] = set()  # names that are guarded
        self.guarded: set[Any] = set()  # answers that are
        self.foreign: dict[type, bool] = {}  # see ``keeps_state``
        self.reads = Reads()
        self.shows_frames = False  # whether somebody is to look at the frames of the function

    # objects from outside

    def is_own(self, value: Any) -> bool:
        """Whether the function has made an object."""
        return isinstance(value, Generator) or id(value) in self.heap.made

    def observe(self, owner: Any, key: Any = _ANY) -> None:
        """The contents of an object from outside are read: they are guarded from now on."""
        if owner is os.environ and type(key) is str:
            self.guard(f"os.environ[{key!r}]", functools.partial(os.environ.get, key))
            return
        if type(owner) in _PLAIN or self.is_own(owner):
            return
        if is_generator(owner) and self.tracer.prelude is not None:
            return  # what draws from it, or asks for its state, is a step
        if issubclass(type(owner), np.ndarray) and is_foreign(owner):
            self.refuse_step(f"a read of a {type(owner).__name__} of dtype {owner.dtype}")
        if isinstance(owner, _OF_TRACE):
            return
        self.journal.read(owner, key if type(key) in _KEYS else WHOLE)
        if self.watch is not None and self.watch.walker is not None:
            self.reads.whole.add(id(owner))
        self._meet(owner, () if key is _ANY else (key,))

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
        """A name of a module is read: if it has none, that is guarded."""
        if name not in space and self.reads.first(space, name, None):
            self.guard(name, Item(space, name))

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

    def guard_builtin(self, space: Any, name: str) -> None:
        """A name means what Python itself has, while no global name hides it."""
        if self.watch is not None and (id(space), name) not in self.builtins:
            self.builtins.add((id(space), name))
            self.guard(name, Item(space, name))
            found = space.get("__builtins__", builtins)
            self.guard(name, Item(found if isinstance(found, dict) else vars(found), name))

    def attribute(self, frame: Frame, owner: Any, name: str) -> Any:
        """An attribute; of an object of a library's, if it can be guarded."""
        if name == "__class__" and isinstance(owner, (*_OF_TRACE, Text, Generator)):
            return _kind_of(owner)
        if isinstance(owner, _OF_TRACE):
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
        if kind in _PLAIN or isinstance(owner, _READ_AS_IS) or is_immutable(owner):
            return super().attribute(frame, owner, name)
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
            self.guard(f"{type(owner).__name__}.{name}", functools.partial(held.get, name))
            return
        if runs_natively(type(owner)):
            return
        found = next((b.__dict__[name] for b in type(owner).__mro__ if name in b.__dict__), _ANY)
        if found is _ANY:
            if any("__getattr__" in b.__dict__ for b in type(owner).__mro__):
                self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")
        elif isinstance(found, types.MemberDescriptorType):
            self.guard(f"{type(owner).__name__}.{name}", lambda: getattr(owner, name, None))
        elif is_computed(found):
            self._computed(owner, name)
        elif isinstance(found, property) and not isinstance(owner, _STATEFUL):
            self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")

    def _of_module(self, frame: Frame, owner: Any, name: str) -> Any:
        """A name of a module; that it has none is guarded, unless asking for it has made it."""
        try:
            return super().attribute(frame, owner, name)
        finally:
            self.looked_for(vars(owner), name)

    def _computed(self, owner: Any, name: str) -> None:
        """An attribute that code of the interpreter or of an extension computes: what it gives is
        guarded, if it can be compared."""
        read = functools.partial(getattr, owner, name, MISSING)
        value = read()
        if type(value) not in _ATOMS and value is not read():
            self.refuse_step(f"the attribute {name!r} of a {type(owner).__name__}")
        self.guard(f"{type(owner).__name__}.{name}", read)

    def _read(self, *values: Any) -> None:
        """Objects are computed with. Raises if nothing says what one of a library's holds."""
        for value in values:
            kind = type(value)
            if self._is_foreign(value):
                self.refuse_step(f"a read of a {kind.__name__} from outside")
            if kind.__name__ == "Decimal" and "decimal" not in self.guarded:
                self.guarded.add("decimal")
                self.guard("decimal.getcontext()", decimal_context)

    def _is_foreign(self, value: Any) -> bool:
        kind = type(value)
        found = self.foreign.get(kind)
        if found is None:
            found = self.foreign[kind] = keeps_state(kind)
        return found and not self.is_own(value)

    def item(self, frame: Frame, held: Any, key: Any) -> Any:
        self._read(held)
        if not self.is_tail(held, key):
            self.observe(held, key)
        for part in (key.start, key.stop, key.step) if type(key) is slice else (key,):
            if isinstance(part, Tensor) and (part is not key or not isinstance(held, _OF_TRACE)):
                self.relies(part)
        made = super().item(frame, held, key)
        return self.fresh(made) if type(key) is slice and type(made) is list else made

    def text(self, frame: Frame, value: Any, conversion: int, spec: str | None) -> Any:
        if isinstance(value, Tensor):
            self.relies(value)
        if isinstance(spec, Text):
            return self.give_up("a format made of values of the graph")
        if has_no_text(value):
            return Text([Piece(snapshot(value), conversion, spec)])
        return super().text(frame, value, conversion, spec)

    def binary(
        self, frame: Frame, function: Callable[[Any, Any], Any], name: str, left: Any, right: Any,
        in_place: bool = False,
    ) -> Any:  # fmt: skip
        if isinstance(left, str) and name == "mod" and has_no_text(right):
            self.give_up("a text made of values of the graph")
        self._read(left, right)
        if isinstance(left, _OF_TRACE) or isinstance(right, _OF_TRACE):
            self._refuse_lenders((left, right))
        made = super().binary(frame, function, name, left, right, in_place)
        return self.fresh(made) if type(made) in _CONTAINERS and made is not left else made

    def unary(self, frame: Frame, function: Callable[[Any], Any], name: str, value: Any) -> Any:
        self._read(value)
        return super().unary(frame, function, name, value)

    def compare(self, frame: Frame, sign: str, left: Any, right: Any) -> Any:
        self._read(left, right)
        if isinstance(left, _OF_TRACE) or isinstance(right, _OF_TRACE):
            self._refuse_lenders((left, right))
        return super().compare(frame, sign, left, right)

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        if isinstance(held, _OF_TRACE):
            self._refuse_lenders((key, value))
        super().set_item(frame, held, key, value)

    def _refuse_lenders(self, values: Any) -> None:
        """An array is made of objects that are not: raises if nothing says what it reads."""
        for value in values:
            if not isinstance(value, _GUARDED) and lends_memory(value):
                self.refuse_step(f"a conversion of a {type(value).__name__} to an array")

    def contains(self, frame: Frame, held: Any, item: Any, inverted: bool) -> Any:
        self._read(held)
        by_key = held is os.environ or type(held) is dict and type(item) in _KEYS
        self.observe(held, item if by_key else _ANY)
        return super().contains(frame, held, item, inverted)

    def truth(self, frame: Frame, value: Any) -> Any:
        if hasattr(type(value), "__bool__") or hasattr(type(value), "__len__"):
            self._read(value)
        self.observe(value)
        if isinstance(value, Tensor):
            self.relies(value)
        return super().truth(frame, value)

    # iteration

    def iterator(self, frame: Frame, value: Any) -> Any:
        made = super().iterator(frame, value)
        if made is value and not isinstance(made, Generator) and self.own_method(made, "__next__"):
            return made
        if made is value and not self.is_own(made):
            self.refuse_step(f"a {type(value).__name__} from outside")
        if made is not value:
            self.observe(value)
            self.heap.fresh(made)
        return made

    def advance(self, frame: Frame, end: int) -> Any:
        walker = frame.stack[-1]
        if isinstance(walker, Opaque):
            self.refuse_step("the next item of an iterator")
        if not self.is_own(walker) and self.own_method(walker, "__next__") is None:
            self.refuse_step(f"a {type(walker).__name__} from outside")
        return super().advance(frame, end)

    # calls

    def construct(
        self, frame: Frame, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if kind is type and len(args) == 1 and not kwargs and isinstance(args[0], Opaque):
            return self.refuse_step("the type of an object of a library")
        if kind is type and len(args) == 1 and not kwargs:
            return _kind_of(args[0])
        return super().construct(frame, kind, args, kwargs)

    def native(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call what is not interpreted, or note that each call has to."""
        if not is_of_lock(function) and not self._settled(function, args, kwargs):
            return self.step(frame, function, args, kwargs)
        if args and writes_first(function):
            self.changes(args[0])
        needs_text = any_of(lambda a: type(a) is Text, args, kwargs)
        if needs_text or writes_text(function) and any_of(has_no_text, args, kwargs):
            self.give_up("a text made of values of the graph")
        return self.native_now(frame, function, args, kwargs)

    def native_now(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call what is called once, while tracing."""
        ours = is_ours(type(function)) or (getattr(function, "__module__", "") or "").startswith(
            _OURS
        )
        if ours or name_of(function).startswith("numpy."):
            self._refuse_lenders((*args, *kwargs.values()))
            if _is_view_of_bytes(function) and not isinstance(args[0] if args else None, bytes):
                self.refuse_step("an array in the memory of something else")
        self.reads.given(function, (*args, *kwargs.values()))
        owner = getattr(function, "__self__", None)
        free = not ours and (owner is None or isinstance(owner, type | types.ModuleType))
        for value in (*args, *kwargs.values()) if not looks(function) else ():
            if free:
                self._read(value)
            self.observe(value)
            if not ours and isinstance(value, Tensor):
                self.relies(value)
        try:
            made = self.execute(function, args, kwargs)
        except (TypeError, AttributeError) as error:
            known = isinstance(error, TwofoldError) or not any_of(is_symbolic, args, kwargs)
            if not known:  # code in C takes only a true number, perhaps
                raise PlainPython("call", refusal=error) from error
            raise
        if made is NotImplemented and any_of(is_number, args, kwargs):
            self.give_up(f"{name_of(function)}() of a value of the graph")
        if function is copy.deepcopy:
            self._all_fresh(made)
        elif type(made) in _ATOMS:
            pass  # there is nothing in it
        elif (
            isinstance(function, type)
            or function in _COPYING
            or _is_iterator(made)
            or type(made) in _CONTAINERS
            and getattr(function, "__name__", "") in _MAKING
            or isinstance(made, np.ndarray)
            and not any(made is a for a in args)
        ):
            self.heap.fresh(made)
        elif type(made) in SHADOWED:
            given = any(made is a for a in args)
            if not (given if ours else leads_to(made, (function, args, kwargs))):
                self._all_fresh(made)
        return made

    def _all_fresh(self, made: Any) -> None:
        """What a deep copy made is of this call, to the last part."""
        if isinstance(made, (*_OF_TRACE, type, types.ModuleType)) or type(made) in (*_ATOMS, Text):
            return
        if not self.is_own(made):
            self.heap.fresh(made)
            parts = made.values() if isinstance(made, dict) else made
            for part in parts if isinstance(made, list | tuple | dict | set) else ():
                self._all_fresh(part)
            for part in getattr(made, "__dict__", {}).values():
                self._all_fresh(part)

    def relies(self, tensor: Any) -> None:
        """Python is told what a captured tensor holds: it is guarded from now on."""
        if not hasattr(tensor, "trace"):
            self.tracer.arrays.relies(tensor)

    def learn(self, name: str) -> None:
        """An attribute is named by a text that the code makes."""
        if self.watch is not None and self.watch.walker is not None:
            self.watch.walker.learn({name: None})

    def execute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function now."""
        return function(*args, **kwargs)

    def _settled(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call is made now, once."""
        if runs_natively(function):
            return True
        if isinstance(function, type):
            return is_pure_class(function) or is_generator_of(function, args)
        owner = getattr(function, "__self__", None)
        if owner is None and isinstance(function, types.MethodDescriptorType) and args:
            owner = args[0]
        if owner is None or isinstance(owner, type | types.ModuleType):
            if function is next:
                return bool(args) and self.is_own(args[0])
            if function is id:
                return len(args) == 1 and (self.is_own(args[0]) or not _is_of_python(args[0]))
            if function is iter and _is_iterator(args[0] if args else None):
                return self.is_own(args[0])
            called = isinstance(type(function).__call__, types.FunctionType)
            if called and self._is_foreign(function):  # an object of a library's
                return False
            return is_pure_function(function, args, kwargs)
        return self._owned(owner, getattr(function, "__name__", ""))

    def _owned(self, owner: Any, name: str) -> bool:
        """Whether a method of an object is called now, once."""
        if issubclass(type(owner), np.ndarray):
            self.observe(owner)  # nothing guards what matrices and object arrays hold
        if name in TEXTS and has_no_text(owner):
            return False
        if isinstance(owner, Tensor) and name in _TO_PYTHON:
            self.relies(owner)
        if isinstance(owner, _CONTAINERS) and name not in READS:
            self.changes(owner)
        if isinstance(owner, _OF_TRACE) or self.is_own(owner) or is_immutable(owner):
            self._read(owner)
            return not (isinstance(owner, np.ndarray) and name in ("tofile", "dump"))
        kind = type(owner)
        if isinstance(owner, INDEXED):  # ``np.mgrid[...]`` and its like: NumPy wrote it in Python
            return True
        if isinstance(owner, _STATEFUL) and owner is not os.environ:
            if name in READS:
                self.observe(owner)
            elif isinstance(owner, contextvars.ContextVar):
                return False
            elif not isinstance(owner, _CONTAINERS):
                self.give_up(f"{name!r} of a {kind.__name__} from outside, which may change it,")
            return True
        self._refuse_tape(owner, name)
        if kind in _DICT_VIEWS or is_ours(kind):
            return True
        if is_library_object(owner):
            return kind.__module__ in ("functools", "operator", "types") or is_path(kind, name)
        if name in ("__setattr__", "__delattr__", "__setitem__", "__delitem__"):
            self.changes(owner)
        return not _is_iterator(owner) or name != "__next__"

    def step(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A call that each call of the compiled function makes: after the graph, if nobody uses
        what it gives."""
        if frame is not None and frame.program.steps[frame.at].op == "POP_TOP":
            later = done_later(frame, function, args, kwargs)
            if later is not None:
                self.later(name_of(function), *later)
                return None
        self.shows_frames |= name_of(function) in _OF_FRAMES
        made = before_graph(self, function, args, kwargs)
        return self.refuse_step(name_of(function)) if made is NotImplemented else made

    def later(self, what: str, function: Any, args: Any, kwargs: Any) -> None:
        """Note a call for after the graph."""
        raise NotImplementedError

    def refuse_step(self, what: str) -> Any:
        """Raise: this function runs as plain Python."""
        return self.give_up(f"{what} is made on every call: what it gives")


_ATOMS = frozenset((int, float, bool, complex, str, bytes, type(None)))
_PLAIN = _ATOMS | {tuple}
_KEYS = _ATOMS - {type(None)}
_GUARDED = (bytearray, array)  # their elements are


def _kind_of(value: Any) -> Any:
    """``type(value)``; what stands for a text or a generator is one."""
    if type(value) is Text:
        return str
    return types.GeneratorType if isinstance(value, Generator) else class_of(value)


def _is_view_of_bytes(function: Any) -> bool:
    return getattr(function, "real", function) is np.frombuffer


def _is_of_python(value: Any) -> bool:
    """Whether this is an object from outside, not something of the trace."""
    return not (hasattr(value, "trace") or is_ours(type(value)))


def _is_iterator(value: Any) -> bool:
    return isinstance(value, Iterator)
