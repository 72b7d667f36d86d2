"""What a trace read from its surroundings, checked again on every call.

A trace bakes in the Python values that it met: globals, closure cells, defaults, items of lists
and dicts, attributes of objects. ``watch`` lists those that the function's code can reach by name,
its own code and that of the user's functions which it calls; ``Watch.unchanged`` compares them by
identity (numbers and strings by type and value). Arrays, tensors and Variables are inputs of the
graph: it is enough that the name still means the same object.
"""

from __future__ import annotations

import sys
import sysconfig
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir.location import is_internal
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

__all__ = ["Watch", "watch"]

_MISSING = object()
_OPAQUE = (types.ModuleType, type, Tensor, Variable, np.ndarray, np.dtype, np.generic)
_BY_VALUE = (int, float, complex, str, bytes, bool)
_LIBRARIES = tuple({sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib")})
MAX_ITEMS = 256  # containers with more items are compared by identity and length only


class Watch:
    """A list of readers and the values that they gave."""

    __slots__ = ("names", "reads", "values")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reads: list[Callable[[], Any]] = []
        self.values: list[Any] = []

    def add(self, name: str, read: Callable[[], Any]) -> None:
        """Remember what a reader gives now."""
        self.names.append(name)
        self.reads.append(read)
        self.values.append(read())

    def unchanged(self) -> bool:
        """Whether every reader still gives the same."""
        for read, value in zip(self.reads, self.values, strict=True):
            now = read()
            if now is not value and not _equal(now, value):
                return False
        return True

    def changes(self) -> Iterator[str]:
        """What changed, a line each."""
        for name, read, value in zip(self.names, self.reads, self.values, strict=True):
            now = read()
            if now is not value and not _equal(now, value):
                yield f"{name}: {value!r} -> {now!r}"


def _equal(a: Any, b: Any) -> bool:
    """Equality of snapshots: tuples of identities, and plain values by type and value."""
    if a.__class__ is not b.__class__:
        return False
    if a.__class__ is tuple:
        return len(a) == len(b) and all(x is y or _equal(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, _BY_VALUE) and (a == b and repr(a) == repr(b))


def watch(function: Callable[..., Any], arguments: list[Any]) -> Watch:
    """What the code of ``function`` can read by name, and the state of its object arguments."""
    found = Watch()
    walker = _Walker(found)
    walker.function(function, getattr(function, "__name__", "function"))
    for argument in arguments:
        walker.value("argument", argument)
    return found


class _Walker:
    def __init__(self, found: Watch) -> None:
        self.found = found
        self.seen: dict[int, Any] = {}

    def function(self, function: Any, name: str) -> None:
        """Globals, cells and defaults of a user function."""
        function = getattr(function, "python_function", function)
        if isinstance(function, types.MethodType):
            self.value(f"{name}.__self__", function.__self__)
            function = function.__func__
        code = getattr(function, "__code__", None)
        if code is None or id(function) in self.seen or _is_library(code.co_filename):
            return
        self.seen[id(function)] = function
        space = function.__globals__
        for key in _names(code):
            if key in space:
                self.found.add(key, _reader(space, key))
                self.value(key, space[key])
        for key, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            self.found.add(key, lambda c=cell: _cell(c))  # type: ignore[misc]
            self.value(key, _cell(cell))
        if function.__defaults__:
            self.found.add(f"{name}.__defaults__", lambda f=function: f.__defaults__)  # type: ignore[misc]

    def value(self, name: str, value: Any) -> None:
        """The items or attributes of a container or object, and the code of a function."""
        if value is None or isinstance(value, (*_OPAQUE, *_BY_VALUE)):
            return
        if id(value) in self.seen or len(self.seen) > 500:
            return
        if isinstance(value, types.FunctionType | types.MethodType) or hasattr(
            value, "python_function"
        ):
            self.function(value, name)
            return
        self.seen[id(value)] = value
        if isinstance(value, list | tuple):
            self.items(name, value, lambda: tuple(value[:MAX_ITEMS]))
        elif isinstance(value, dict):
            self.items(name, value, lambda: (*value.keys(), *value.values()))
        elif hasattr(value, "__dict__") and not _is_library(_file_of(type(value))):
            self.items(name, value, _attributes(value))

    def items(self, name: str, value: Any, snapshot: Callable[[], tuple[Any, ...]]) -> None:
        if isinstance(value, list | tuple | dict) and len(value) > MAX_ITEMS:
            self.found.add(f"len({name})", lambda: len(value))
            return
        self.found.add(name, snapshot)
        for item in snapshot():
            self.value(f"{name}[...]", item)


def _attributes(value: Any) -> Callable[[], tuple[Any, ...]]:
    """A reader of an object's attributes that does not keep the object alive, if it can."""
    try:
        ref: Callable[[], Any] = weakref.ref(value)
    except TypeError:
        ref = lambda: value  # noqa: E731

    def read() -> tuple[Any, ...]:
        held = getattr(ref(), "__dict__", {})
        return (*held.keys(), *held.values())

    return read


def _names(code: types.CodeType) -> dict[str, None]:
    """The global names of a code object and of the code nested in it."""
    found = dict.fromkeys(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            found.update(_names(const))
    return found


def _reader(space: dict[str, Any], key: str) -> Callable[[], Any]:
    return lambda: space.get(key, _MISSING)


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _MISSING


def _file_of(kind: type) -> str:
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None) or (
        "" if kind.__module__ != "builtins" else "<frozen>"
    )


def _is_library(filename: str) -> bool:
    """Whether code belongs to a library, the standard library or this package."""
    return filename.startswith(_LIBRARIES) or is_internal(filename)
