"""Whose code and classes are whose: the user's, those of libraries, those of this package."""

from __future__ import annotations

import sys
import sysconfig
import types
from typing import Any

from twofold.ir.location import is_internal

__all__ = ["file_of", "is_library", "is_library_module", "is_library_object", "is_ours"]

_LIBRARIES = tuple({sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib")})


def file_of(owner: Any) -> str:
    """The file of a class or module; those of the interpreter count as library code."""
    module = owner if isinstance(owner, types.ModuleType) else sys.modules.get(owner.__module__)
    if module is None:
        return ""
    name = module.__name__ if module is owner else owner.__module__  # that of ``_io`` is ``io``
    builtin = name in sys.builtin_module_names
    return getattr(module, "__file__", None) or ("<frozen>" if builtin else "")


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
    return filename.startswith(_LIBRARIES) or is_internal(filename)
