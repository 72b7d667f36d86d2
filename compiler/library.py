"""Whose code and classes are whose: the user's, those of libraries, those of this package."""

from __future__ import annotations

import builtins
import os
import site
import sys
import types
from typing import Any

from twofold.ir.location import add_framework, is_internal

__all__ = [
    "file_of",
    "is_executed",
    "is_library",
    "is_library_module",
    "is_library_object",
    "is_ours",
    "open_package",
    "run_natively",
    "runs_natively",
]

_FIXED_TYPE = 1 << 8  # the flag of a class whose attributes cannot be set
_opened: tuple[str, ...] = ()  # installed packages with decorated functions
_INSTALLED = ("site-packages", "dist-packages")  # also of the interpreter below an environment
_LIBRARIES = (
    os.path.dirname(os.__file__),
    *dict.fromkeys(
        [*site.getsitepackages(), site.getusersitepackages()]
        + [folder for folder in sys.path if os.path.basename(folder) in _INSTALLED]
    ),
)


# Packages whose functions run as they are while a function is traced, on values of the trace, as
# ops do: frameworks that stage computations themselves, and keep their Python state in order.
_NATIVE: set[str] = set()


def run_natively(package: types.ModuleType) -> None:
    """Take a package for a framework: ``_NATIVE`` says what that means."""
    _NATIVE.add(package.__name__)
    add_framework(os.path.dirname(package.__file__ or ""))


def runs_natively(owner: Any) -> bool:
    """Whether a function, class or module is of a framework."""
    given = isinstance(owner, types.ModuleType)
    name = owner.__name__ if given else getattr(owner, "__module__", None)
    if not isinstance(name, str):
        return False
    while name and name not in _NATIVE:
        name = name.rpartition(".")[0]
    return bool(name)


def file_of(owner: Any) -> str:
    """The file of a class or module; those of the interpreter count as library code."""
    module = owner if isinstance(owner, types.ModuleType) else sys.modules.get(owner.__module__)
    if module is None:
        return ""
    name = module.__name__ if module is owner else owner.__module__  # that of ``_io`` is ``io``
    if name == "builtins" and module is not owner and is_executed(owner):
        return ""
    builtin = name in sys.builtin_module_names
    return getattr(module, "__file__", None) or ("<frozen>" if builtin else "")


def is_executed(kind: Any) -> bool:
    """Whether a class that says it is of Python is one that ``exec`` made among names without a
    ``__name__``, for which Python takes its own."""
    flags = getattr(kind, "__flags__", _FIXED_TYPE)
    return not flags & _FIXED_TYPE and vars(builtins).get(kind.__name__) is not kind


def is_ours(owner: Any) -> bool:
    """Whether a class or module is of this package, whose attributes nobody assigns to."""
    name = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    return bool(name.partition(".")[0] == __name__.partition(".")[0])


def is_library_object(value: Any) -> bool:
    """Whether the class of an object is of a library or the interpreter."""
    return is_library(file_of(type(value)))


def is_library_module(module: Any) -> bool:
    """Whether a module is a library's or the interpreter's, not the user's."""
    return is_library(file_of(module))


def is_library(filename: str) -> bool:
    """Whether code belongs to a library, the standard library or this package."""
    if filename == "<string>":  # executed text is the user's
        return False
    if filename.startswith(_opened):
        return False
    return filename.startswith(_LIBRARIES) or is_internal(filename)


def open_package(function: Any) -> None:
    """Take the installed package that a decorated function is in for code of the user's, unless
    it is a framework."""
    global _opened
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    filename = getattr(module, "__file__", None) or ""
    if not is_library(filename) or is_internal(filename) or runs_natively(function):
        return
    for folder in _LIBRARIES[1:]:
        if filename.startswith(folder + os.sep):
            top, inside, _ = filename[len(folder) + 1 :].partition(os.sep)
            _opened += (folder + os.sep + top + inside,)
