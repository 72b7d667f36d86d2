"""Native code that calls code of the user's.

``re.sub(pattern, f, text)``, ``{point: 1}``, ``items == others``: what is written in C calls
functions and special methods of the user's, which nobody interprets then. Code that only reads and
gives a plain value may run so, once, while tracing: it is guarded like all that a function can
reach. Before any other code of the user's begins, the call is broken off; it is a step.
"""

from __future__ import annotations

import collections
import collections.abc
import functools
import inspect
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from twofold.ir.location import is_internal
from twofold.ir.tensor_shape import LISTED

from ..library import is_library, is_library_module, is_ours
from ..readers import Item
from .code import program_of
from .guarding import OF_TRACE
from .pure import READS, is_pure_function
from .shapes import ATOMS

__all__ = [
    "Reentry", "hands_over", "has_effects", "may_call", "natively", "only_reads", "runs_code",
]  # fmt: skip

_WRITES = frozenset((
    "STORE_ATTR", "STORE_SUBSCR", "STORE_SLICE", "STORE_GLOBAL", "STORE_NAME", "STORE_DEREF",
    "DELETE_ATTR", "DELETE_SUBSCR", "DELETE_GLOBAL", "DELETE_NAME", "DELETE_DEREF", "IMPORT_NAME",
))  # fmt: skip
_FIXED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_NAMES = frozenset(("STORE_NAME", "DELETE_NAME"))
_HOLDING = (set, frozenset, collections.deque)
_DICTS = (dict, collections.OrderedDict, collections.Counter, collections.defaultdict)
_ITERATORS = (map, filter, zip, enumerate, reversed, type(iter(int, 1)))
_OWN = (len, list, tuple, zip, enumerate, reversed, iter, isinstance, issubclass, id, callable)
_KEEPING = frozenset((  # methods of containers that leave the items alone
    "append", "appendleft", "insert", "pop", "popleft", "popitem", "clear", "reverse", "copy",
    "rotate", "items", "keys", "values", "__len__", "__iter__",
))  # fmt: skip


class Reentry(BaseException):
    """Code of the user's was about to run in a call of native code."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.of_keys = name in ("__hash__", "__eq__")  # everybody who has them would run it


def may_call(machine: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether what is given to a native function has code of the user's."""
    depth = 0 if any(function is f for f in _OWN) else 4
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type | types.ModuleType):
        if type(owner) in (list, *_HOLDING, *_DICTS) and function.__name__ in _KEEPING:
            return False
        if runs_code(machine, owner):
            return True
    elif not isinstance(function, _FIXED) and runs_code(machine, function):
        return True  # an object of a library's with a function of the user's
    return any(runs_code(machine, x, depth) for x in (*args, *kwargs.values()))


def hands_over(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a native function gets one that does something on every call, which it may call."""
    if isinstance(function, type) or not isinstance(function, _FIXED):
        return False
    if getattr(function, "__name__", "") in _KEEPING:
        return False
    return any(
        type(x) is types.BuiltinMethodType and has_effects(x) for x in (*args, *kwargs.values())
    )


def has_effects(function: Any) -> bool:
    """Whether a call of a function in C does more than to give what follows from its arguments."""
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, type | types.ModuleType):
        return not is_pure_function(function, (), {})
    return function.__name__ not in READS


def runs_code(machine: Any, x: Any, depth: int = 4) -> bool:
    """Whether an object, or one in it, has methods of the user's, or is a function of theirs."""
    kind = type(x)
    if kind in ATOMS or getattr(kind, "in_trace", False):
        return False
    if kind in LISTED or kind in _HOLDING:
        return depth > 0 and any(runs_code(machine, v, depth - 1) for v in x)
    if kind in _DICTS:
        if getattr(x, "default_factory", None) is not None:
            return True
        return depth > 0 and any(runs_code(machine, v, depth - 1) for kv in x.items() for v in kv)
    if kind.__module__ == "itertools" or kind in _ITERATORS:
        return True
    if kind is types.GeneratorType:
        return x.gi_frame is not None and _continues(machine, x)
    if kind is types.FunctionType:
        return not is_library(x.__code__.co_filename)
    if kind is types.MethodType:
        return runs_code(machine, x.__func__) or runs_code(machine, x.__self__)
    if kind is functools.partial:
        return runs_code(machine, (x.func, x.args, x.keywords))
    if not machine.is_plain(x if isinstance(x, type) else kind):
        return True
    held = None if isinstance(x, type | types.ModuleType) or is_ours(kind) else _held(x)
    return bool(held) and depth > 0 and runs_code(machine, held, min(depth - 1, 1))


def _continues(machine: Any, generator: Any) -> bool:
    """Whether a generator that is not interpreted is the user's, or goes over what is."""
    file = generator.gi_code.co_filename
    held = list(generator.gi_frame.f_locals.values())
    return not (is_library(file) or is_internal(file)) or runs_code(machine, held, 2)


def _held(x: Any) -> Any:
    """What an object of a library holds: ``np.vectorize(f)``, ``Mapping.keys(m)``."""
    if isinstance(x, collections.abc.MappingView):
        return [getattr(x, "_mapping", None)]
    return getattr(x, "__dict__", None)


def natively(machine: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a native function. Raises Reentry before code of the user's that does more than read."""
    around = sys.getprofile()
    if around is not None and type(around) is not _Watch:
        raise Reentry  # somebody else looks at every call
    watch = _Watch(machine)
    sys.setprofile(watch)
    try:
        return function(*args, **kwargs)
    finally:
        sys.setprofile(around)
        for space, name in watch.names:
            machine.guard(name, Item(space, name))


class _Watch:
    """Sees the calls that a native function makes; not those that the machine interprets for it."""

    def __init__(self, machine: Any) -> None:
        self.machine, self.running = machine, machine.running
        self.asked = ""  # what native code calls of the user's
        self.names: list[tuple[dict[str, Any], str]] = []  # global ones that it reads

    def __call__(self, frame: types.FrameType, event: str, what: Any) -> None:
        if self.machine.running is not self.running or not _is_of_user(frame):
            return
        self.asked = self.asked or frame.f_code.co_name
        if event == "call":
            whole = _is_of_class(frame.f_code) or all(map(_is_fixed, _around(frame)))
            allowed = only_reads(frame.f_code) and whole
            self.names += [(frame.f_globals, name) for name in global_names(frame.f_code)]
        elif event == "return":
            plain = type(what) in ATOMS or isinstance(what, OF_TRACE)
            allowed = plain or _is_of_class(frame.f_code)
        else:
            allowed = event != "c_call" or not has_effects(what)
        if not allowed:
            raise Reentry(self.asked)


def _is_of_user(frame: types.FrameType) -> bool:
    """Whether code is the user's; libraries execute texts, too: dataclasses, named tuples."""
    if is_library(frame.f_code.co_filename):
        return False
    name = frame.f_globals.get("__name__") if frame.f_code.co_filename == "<string>" else None
    if not isinstance(name, str):
        return True
    module = sys.modules.get(name)
    return not (is_library_module(module) if module else name.startswith("namedtuple_"))


def _around(frame: types.FrameType) -> Iterator[Any]:
    """What a function has from around it."""
    for name in global_names(frame.f_code):
        yield frame.f_globals.get(name)
    for name in frame.f_code.co_freevars:
        found = frame.f_locals.get(name)
        yield found if isinstance(found, type) else frame  # others nothing guards


def _is_fixed(value: Any) -> bool:
    """Whether it is enough to know which object a variable has."""
    return type(value) in ATOMS or isinstance(value, _FIXED)


@lru_cache(4096)
def global_names(code: types.CodeType) -> frozenset[str]:
    """The global names that a function reads."""
    return frozenset(s.arg for s in program_of(code).steps if s.op == "LOAD_GLOBAL")


@lru_cache(4096)
def only_reads(code: types.CodeType) -> bool:
    """Whether the steps of a function write to nothing but its own variables."""
    program = program_of(code)
    if program.is_generator or program.is_async:
        return False
    writes = _WRITES if not _is_of_class(code) else _WRITES - _NAMES
    return not any(
        s.op in writes or (s.op == "BINARY_OP" and s.arg[-1] == "=") for s in program.steps
    )


def _is_of_class(code: types.CodeType) -> bool:
    """Whether this is the body of a class, which writes the names of the class that it makes."""
    return not code.co_flags & inspect.CO_OPTIMIZED
