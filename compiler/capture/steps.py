"""Calls and reads that every call of the compiled function must make, and those it need not.

``Steps`` stands between the interpreter and everything that is not interpreted. What it lets pass
is done once, while tracing: operations of the graph, functions of the table in ``pure.py``, reads
of objects whose contents are guarded. A step whose result nobody uses (``print``, a line of a log)
is made after the graph on each call; any other step makes the function run as plain Python.
"""

from __future__ import annotations

import contextvars
import copy
import os
import types
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir.errors import TwofoldError
from twofold.runtime.tensor import Tensor

from ..library import is_library_object, is_ours, runs_natively
from ..ndarrays.converter import INDEXED
from ..plain import PlainPython
from ..state import is_generator
from .before import before_graph
from .cut import Cuts
from .frame import Frame
from .guarding import ANY, ATOMS, KEYS, OF_TRACE, STATEFUL, Guarding, kind_of
from .journal import SHADOWED
from .later import done_later
from .machine import Generator
from .pure import (
    READS,
    any_of,
    is_generator_of,
    is_immutable,
    is_number,
    is_of_lock,
    is_path,
    is_pure_class,
    is_pure_function,
    is_symbolic,
    keeps_state,
    leads_to,
    lends_memory,
    name_of,
)
from .reentry import Reentry, hands_over, may_call, natively, only_reads, runs_code
from .shapes import Opaque
from .text import TEXTS, Piece, Text, has_no_text, snapshot, writes_text
from .writes import looks, writes_first

__all__ = ["Steps"]

_MAKING = frozenset(("copy", "split", "rsplit", "splitlines", "tolist", "union", "intersection",
                     "difference", "symmetric_difference", "fromkeys", "findall"))  # fmt: skip
_COPYING = (iter, sorted, copy.copy)
_DICT_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
_CONTAINERS = (list, dict, set)
_TO_PYTHON = TEXTS | {"numpy", "item", "tolist", "__array__", "__float__", "__int__", "__bool__",
                      "__index__"}  # fmt: skip
_OURS = __name__.partition(".")[0]
_NEST = f"{_OURS}.nest"
_OF_FRAMES = frozenset(("breakpoint", "pdb.set_trace", "sys._getframe",
                        "inspect.currentframe", "inspect.stack", "inspect.trace"))  # fmt: skip


class Steps(Guarding):
    """A machine that tells what is to be executed on every call."""

    cuts: Cuts  # where the trace may end

    def __init__(self, tracer: Any) -> None:
        super().__init__(tracer)
        self.foreign: dict[type, bool] = {}  # see ``keeps_state``
        self.shows_frames = False  # whether somebody is to look at the frames of the function

    def _read(self, *values: Any) -> None:
        """Objects are computed with. Raises if nothing says what one of a library's holds."""
        for value in values:
            kind = type(value)
            if self._is_foreign(value):
                self.refuse_step(f"a read of a {kind.__name__} from outside")
            self.computed_with(value)

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
            if isinstance(part, Tensor) and (part is not key or not isinstance(held, OF_TRACE)):
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
        if isinstance(left, OF_TRACE) or isinstance(right, OF_TRACE):
            self._refuse_lenders((left, right))
        made = super().binary(frame, function, name, left, right, in_place)
        return self.fresh(made) if type(made) in _CONTAINERS and made is not left else made

    def unary(self, frame: Frame, function: Callable[[Any], Any], name: str, value: Any) -> Any:
        self._read(value)
        return super().unary(frame, function, name, value)

    def compare(self, frame: Frame, sign: str, left: Any, right: Any) -> Any:
        self._read(left, right)
        if isinstance(left, OF_TRACE) or isinstance(right, OF_TRACE):
            self._refuse_lenders((left, right))
        return super().compare(frame, sign, left, right)

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        if isinstance(held, OF_TRACE):
            self._refuse_lenders((key, value))
        super().set_item(frame, held, key, value)

    def _refuse_lenders(self, values: Any) -> None:
        """An array is made of objects that are not: raises if nothing says what it reads."""
        for value in values:
            if not isinstance(value, _GUARDED) and lends_memory(value):
                self.refuse_step(f"a conversion of a {type(value).__name__} to an array")

    def contains(self, frame: Frame, held: Any, item: Any, inverted: bool) -> Any:
        self._read(held)
        if not self.asks_for(held, item):
            self.observe(held, item if held is os.environ else ANY)
        return super().contains(frame, held, item, inverted)

    def truth(self, frame: Frame, value: Any) -> Any:
        if hasattr(type(value), "__bool__") or hasattr(type(value), "__len__"):
            self._read(value)
        if not self.is_followed(value):
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
            return kind_of(args[0])
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
        ours = _is_of_package(function)
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
            made = self._executed(function, args, kwargs)
        except (TypeError, AttributeError) as error:
            known = isinstance(error, TwofoldError) or not any_of(is_symbolic, args, kwargs)
            if not known:  # code in C takes only a true number, perhaps
                raise PlainPython("call", refusal=error) from error
            raise
        if made is NotImplemented and any_of(is_number, args, kwargs):
            self.give_up(f"{name_of(function)}() of a value of the graph")
        if function is copy.deepcopy:
            self._all_fresh(made)
        elif type(made) in ATOMS:
            pass  # there is nothing in it
        elif (
            isinstance(function, type)
            or is_generator_of(function, args, kwargs)
            or function in _COPYING
            or getattr(function, "__name__", "") == "__new__"
            and not any(made is a for a in args)
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
        if isinstance(made, (*OF_TRACE, type, types.ModuleType)) or type(made) in (*ATOMS, Text):
            return
        if not self.is_own(made):
            self.heap.fresh(made)
            parts = made.values() if isinstance(made, dict) else made
            for part in parts if isinstance(made, list | tuple | dict | set) else ():
                self._all_fresh(part)
            for part in getattr(made, "__dict__", {}).values():
                self._all_fresh(part)

    def _executed(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function now; a step, if that would run code of the user's unseen."""
        if self._calls_itself(function):
            return self.execute(function, args, kwargs)
        if hands_over(function, args, kwargs):
            return self.refuse_step(name_of(function))
        if not may_call(self, function, args, kwargs):
            return self.execute(function, args, kwargs)
        owner = args[0] if args and writes_first(function) else getattr(function, "__self__", None)
        held = self.heap.contents(owner) if isinstance(owner, _CONTAINERS) else None
        try:
            return natively(self, self.execute, (function, args, kwargs), {})
        except Reentry as reentry:
            if held is not None:
                held.write(held.before)
            return self._refuse_reentry(name_of(function), reentry)

    def _calls_itself(self, function: Any) -> bool:
        """Whether a function knows how to call code of the user's in a trace: operations with
        functions, tapes, frameworks; not NumPy's, and not those of ``tf.nest``."""
        if hasattr(function, "real") or getattr(function, "__module__", "") == _NEST:
            return False
        return _is_of_package(function) or runs_natively(function)

    def execute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function now."""
        return function(*args, **kwargs)

    def natively(self, what: str, function: Any, *args: Any) -> Any:
        if not any(runs_code(self, x) for x in args):
            return function(*args)
        try:
            return natively(self, function, args, {})
        except Reentry as reentry:
            return self._refuse_reentry(what, reentry)

    def _refuse_reentry(self, what: str, reentry: Reentry) -> Any:
        self.cuts.whole = self.cuts.whole or reentry.of_keys
        return self.refuse_step(what)

    def hashable(self, key: Any) -> Any:
        if type(key) not in KEYS and runs_code(self, key):
            self.natively("a key with methods of its own", hash, key)
            same = self.own_method(key, "__eq__")
            if same is not None and not only_reads(same.__code__):
                self._refuse_reentry("a key with methods of its own", Reentry(same.__name__))
        return super().hashable(key)

    def _settled(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call is made now, once."""
        if runs_natively(function):
            return True
        if isinstance(function, type):
            return is_pure_class(function) or is_generator_of(function, args, kwargs)
        owner = getattr(function, "__self__", None)
        if owner is None and args and (
            isinstance(function, types.MethodDescriptorType) or is_generator(args[0])
        ):  # fmt: skip
            owner = args[0]  # of generators, Cython wrote the methods
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
            return is_pure_function(function, args, kwargs) or is_generator_of(
                function, args, kwargs
            )
        return self._owned(owner, getattr(function, "__name__", ""))

    def _owned(self, owner: Any, name: str) -> bool:
        """Whether a method of an object is called now, once."""
        if issubclass(type(owner), np.ndarray):
            self.observe(owner)  # nothing guards what matrices and object arrays hold
        if name in TEXTS and has_no_text(owner):
            return False
        if isinstance(owner, Tensor) and name in _TO_PYTHON:
            self.relies(owner)
        made = self.is_own(owner) and not is_ours(type(owner))
        if name not in READS and (made or isinstance(owner, _CONTAINERS)):
            self.changes(owner)
        if isinstance(owner, OF_TRACE) or self.is_own(owner) or is_immutable(owner):
            self._read(owner)
            return not (isinstance(owner, np.ndarray) and name in ("tofile", "dump"))
        kind = type(owner)
        if isinstance(owner, INDEXED):  # ``np.mgrid[...]`` and its like: NumPy wrote it in Python
            return True
        if isinstance(owner, STATEFUL) and owner is not os.environ:
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


_GUARDED = (bytearray, array)  # their elements are


def _is_of_package(function: Any) -> bool:
    module = getattr(function, "__module__", "") or ""
    return is_ours(type(function)) or module.startswith(_OURS)


def _is_view_of_bytes(function: Any) -> bool:
    return getattr(function, "real", function) is np.frombuffer


def _is_of_python(value: Any) -> bool:
    """Whether this is an object from outside, not something of the trace."""
    return not (hasattr(type(value), "trace") or is_ours(type(value)))


def _is_iterator(value: Any) -> bool:
    return isinstance(value, Iterator)
