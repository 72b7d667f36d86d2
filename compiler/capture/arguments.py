"""How the arguments of a call become the variables of a frame."""

from __future__ import annotations

import types
from types import FunctionType
from typing import Any

from .frame import UNBOUND, Frame

__all__ = ["bind_arguments", "keywords_name"]


def keywords_name(code: types.CodeType) -> str | None:
    """The parameter that takes the other keywords, in a dict that each call makes."""
    if not code.co_flags & 8:
        return None
    at = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)
    return code.co_varnames[at]


def bind_arguments(
    frame: Frame, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Put arguments into the variables of a frame; whether they fit."""
    code, slots = function.__code__, frame.slots
    names, count = code.co_varnames, code.co_argcount
    for name in names[: code.co_nlocals]:
        slots[name] = UNBOUND
    for name in code.co_cellvars:
        slots.setdefault(name, UNBOUND)
    rest = count + code.co_kwonlyargcount
    variadic = bool(code.co_flags & 4)
    slots.update(zip(names, args[:count], strict=False))
    if variadic:
        slots[names[rest]] = args[count:]
    elif len(args) > count:
        return False
    extra: dict[str, Any] = {}
    into = keywords_name(code)
    named = set(names[code.co_posonlyargcount : rest])
    for name, value in kwargs.items():
        if name in named:
            if slots[name] is not UNBOUND:
                return False
            slots[name] = value
        elif into is not None:
            extra[name] = value
        else:
            return False
    if into is not None:
        slots[into] = extra
    defaults = function.__defaults__ or ()
    for name, value in zip(names[count - len(defaults) : count], defaults, strict=True):
        slots[name] = value if slots[name] is UNBOUND else slots[name]
    for name in names[count:rest]:
        if slots[name] is UNBOUND and name in (function.__kwdefaults__ or {}):
            slots[name] = function.__kwdefaults__[name]  # type: ignore[index]
    return all(slots[name] is not UNBOUND for name in names[:rest])
