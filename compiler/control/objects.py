"""The Python objects that a region's function can reach, before and after its trace.

A branch is traced although it may not be taken, and a body once for all its trips: what they change
in lists, attributes or names of outer functions would happen once, and at the wrong time. Such a
call runs as plain Python.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir.location import is_internal
from twofold.ir.tree import dict_of, slot_value, slots_of
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..library import is_library, is_library_object
from ..plain import PlainPython

__all__ = ["Objects"]

MOST = 500  # objects that are looked into
LONG = 4096  # of longer containers only the length is compared
_OPAQUE = (Tensor, Variable, np.ndarray, np.generic, np.dtype, type, types.ModuleType)
_ATOMS = (type(None), bool, int, float, complex, str, bytes, range)
Read = Callable[[], tuple[Any, ...]]


class Objects:
    """What is reachable from a function, and what it held."""

    def __init__(self, function: Any) -> None:
        self.seen: dict[int, Any] = {}
        self.held: list[tuple[Read, tuple[Any, ...]]] = []
        todo = [function]
        while todo and len(self.seen) < MOST:
            value = todo.pop()
            if isinstance(value, _ATOMS + _OPAQUE) or id(value) in self.seen:
                continue
            self.seen[id(value)] = value
            read = _reader(value)
            if read is not None:
                self.held.append((read, read()))
                todo += self.held[-1][1]

    def check(self) -> None:
        """Raise PlainPython if something holds other objects than before."""
        for read, before in self.held:
            now = read()
            if len(now) != len(before) or not all(map(_same, now, before)):
                raise PlainPython(words="a Python object that a branch or a body changes")


def _same(now: Any, before: Any) -> bool:
    if now is before:
        return True
    plain = isinstance(now, _ATOMS) and type(now) is type(before)
    return plain and repr(now) == repr(before)


def _reader(value: Any) -> Read | None:
    """What reads the objects that another one holds; None for what is not looked into."""
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.MethodType):
        return lambda: (value.__self__, value.__func__)
    if isinstance(value, functools.partial):
        return lambda: (value.func, *value.args, *value.keywords.values())
    if isinstance(value, dict | list | tuple | deque | set | frozenset) and len(value) > LONG:
        return lambda: (len(value),)
    if isinstance(value, dict):
        return lambda: (*value.keys(), *value.values())
    if isinstance(value, list | tuple | deque):
        return lambda: tuple(value)
    if isinstance(value, set | frozenset):
        return lambda: tuple(sorted(value, key=id))
    if isinstance(value, bytearray):
        return lambda: (bytes(value),)
    if isinstance(value, Iterator):
        raise PlainPython(words="an iterator in a branch or a body")  # reading it changes it
    if type(value).__module__.partition(".")[0] == "twofold":
        return None
    if is_library_object(value):
        return lambda: tuple(dict_of(value).values())
    slots = [member for _, member in slots_of(type(value))]
    return lambda: (*dict_of(value).values(), *[slot_value(value, m) for m in slots])


def _of_function(function: types.FunctionType) -> Read | None:
    code = function.__code__
    if is_internal(code.co_filename) and code.co_filename != "<string>":
        return lambda: tuple(_cells(function))  # of this package: it holds the user's
    if is_library(code.co_filename):
        return None
    names = set(_names(code))

    def read() -> tuple[Any, ...]:
        space = function.__globals__
        found = [dict.get(space, name) for name in names]
        return (*_cells(function), *found, *(function.__defaults__ or ()))

    return read


def _cells(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield None


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)
