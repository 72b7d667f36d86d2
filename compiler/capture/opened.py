"""Which functions are code of the user's, and are interpreted."""

from __future__ import annotations

import sys
import types
from types import FunctionType
from typing import Any, TypeGuard

from twofold.runtime import own_scope

from ..library import is_library

__all__ = [
    "class_function", "has_code", "is_interpreted", "is_open", "is_open_file", "module_fallback",
    "own_method",
]  # fmt: skip

_ANY: Any = object()
_INTERPRETED = tuple(
    sys.modules[name].__file__ or "" for name in ("contextlib", "functools", "dataclasses",
                                                  own_scope.__name__) if name in sys.modules
)  # fmt: skip


def is_open(code: types.CodeType) -> bool:
    """Whether a function is interpreted: the user's, and what wraps functions of the user's."""
    return is_open_file(code.co_filename)


def is_open_file(name: str) -> bool:
    """Whether the functions of a file are interpreted."""
    return name in _INTERPRETED or not is_library(name)


def has_code(kind: Any) -> bool:
    """Whether a class or one of its bases has Python code of the user's."""
    return any(
        is_interpreted(_function_in(member)) or own_method(member, "__get__") is not None
        for base in kind.__mro__
        for member in vars(base).values()
    )


def _function_in(member: Any) -> Any:
    if isinstance(member, property):
        return member.fget
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member


def own_method(value: Any, name: str) -> FunctionType | None:
    """The Python function behind a special method of an object of the user's class, or None."""
    kind = type(value)
    for base in kind.__mro__:
        found = base.__dict__.get(name, _ANY)
        if found is not _ANY:
            if isinstance(found, FunctionType) and is_open(found.__code__):
                return found
            return None
    return None


def is_interpreted(function: Any) -> TypeGuard[FunctionType]:
    """Whether a function is one whose code is interpreted."""
    return isinstance(function, FunctionType) and is_open(function.__code__)


def module_fallback(space: dict[str, Any], name: str) -> FunctionType | None:
    """The user's function that gives a name which a module does not have."""
    found = None if name in space else space.get("__getattr__")
    return found if is_interpreted(found) else None


def class_function(kind: type, name: str) -> FunctionType | None:
    """The Python function that a class has for ``__new__``, ``__init__`` and their like."""
    for base in kind.__mro__:
        found = base.__dict__.get(name)
        if found is not None:
            found = found.__func__ if isinstance(found, staticmethod | classmethod) else found
            return found if is_interpreted(found) else None
    return None
