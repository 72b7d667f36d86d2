"""What is executed once, while a function is interpreted, and what each call must execute.

A call is made while tracing, and its result kept, if it is an operation of the graph, or if its
result follows from its arguments alone, all of which are known: Python's own functions, and those
of the standard library in the table here. Everything else (clocks, random numbers, files, the
environment, iterators of somebody else's, code of libraries) is a step: it can give something else
on the next call.
"""

from __future__ import annotations

import collections.abc
import contextvars
import datetime
import enum
import functools
import gc
import re
import sys
import threading
import types
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..library import file_of, is_executed, is_library, is_ours, runs_natively
from ..ndarrays.base import TracedScalar
from ..ndarrays.names import is_seeded
from ..symint import SymInt
from ..symnumber import SymNumber
from .numbers import TracedNumber

__all__ = [
    "FIXED", "READS", "any_of", "decimal_context", "holds_value", "is_computed", "is_generator_of",
    "is_immutable", "is_number", "is_of_lock", "is_path", "is_pure_class", "is_pure_function",
    "is_symbolic", "is_text", "keeps_state", "leads_to", "lends_memory", "name_of",
]  # fmt: skip

_LOCKS = (type(threading.RLock()), type(threading.Lock()))
_MODULES = frozenset((
    "math", "cmath", "operator", "_operator", "functools", "_functools", "itertools", "collections",
    "_collections", "collections.abc", "_collections_abc", "copy", "dataclasses", "typing", "re",
    "_sre", "string", "_string", "numbers", "fractions", "decimal", "_decimal", "statistics",
    "_statistics", "enum", "abc", "_abc", "types", "textwrap", "bisect", "_bisect", "heapq",
    "_heapq", "struct", "_struct", "json", "json.encoder", "json.decoder", "_json", "inspect",
    "contextlib", "unicodedata", "html", "base64", "binascii", "hashlib", "_hashlib", "colorsys",
    "datetime", "_datetime", "array", "graphlib", "keyword", "builtins", "weakref", "_weakref",
    "typing_extensions", "attr", "attrs", "_typing", "posixpath", "ntpath", "fnmatch", "shlex",
    "difflib", "reprlib", "calendar", "_locale", "uuid",
))  # fmt: skip
_NOT = {
    "builtins": {
        "open", "input", "exec", "eval", "compile", "globals", "locals", "vars", "id", "breakpoint",
        "print", "__import__", "next", "dir", "setattr", "delattr", "memoryview",
    },
    "datetime": {"now", "today", "utcnow"}, "_datetime": {"now", "today", "utcnow"},
    "posixpath": {"exists", "isfile", "isdir", "getsize", "getmtime", "abspath", "realpath",
                  "expanduser", "expandvars", "lexists", "islink", "ismount", "samefile",
                  "getatime", "getctime", "isjunction", "isdevdrive"},
    "uuid": {"uuid1", "uuid4", "getnode"},
    "json": {"load", "dump"}, "shlex": {"shlex"},
    "inspect": {"stack", "currentframe", "trace", "getsource", "getsourcelines", "getsourcefile"},
    "calendar": {"setfirstweekday", "prmonth", "prcal"},
    "contextlib": {"redirect_stdout", "redirect_stderr", "chdir"},
    "statistics": {"samples"}, "weakref": {"finalize"}, "typing": {"get_type_hints"},
    "decimal": {"getcontext", "setcontext", "localcontext"},
}  # fmt: skip
_NOT["ntpath"] = _NOT["posixpath"]
_NOT["_decimal"] = _NOT["decimal"]
_OF_NUMPY = frozenset((
    "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savetxt", "savez", "fromregex",
    "savez_compressed", "seterr", "geterr", "seterrcall", "geterrcall", "set_printoptions",
    "get_printoptions", "show_config", "setbufsize", "getbufsize", "open_memmap", "show_runtime",
))  # fmt: skip
_OF_FILES = ("twofold.api.filesystem", "twofold.data.records")  # of ours: what asks the file system
_IMMUTABLE = (
    int, float, complex, str, bytes, range, slice, frozenset, tuple, type(None), type(Ellipsis),
    type(NotImplemented), np.dtype, np.generic, np.ufunc, np.finfo, np.iinfo, re.Pattern, re.Match,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo,
    enum.Enum, BaseException, types.CodeType, types.GenericAlias,
)  # fmt: skip
_COMPARED = (
    *_IMMUTABLE, list, dict, set, collections.deque, collections.UserDict, collections.UserList,
    collections.abc.Mapping, collections.abc.MappingView, bytearray, array, Tensor, Variable,
    np.ndarray, bool, type, types.ModuleType, types.FunctionType, types.MethodType,
    types.BuiltinFunctionType, types.MethodWrapperType, types.SimpleNamespace, functools.partial,
    contextvars.ContextVar, property, staticmethod, classmethod, super,
)  # fmt: skip
_EXACT = {("decimal", "Decimal"), ("fractions", "Fraction")}  # who has one has imported it
READS = frozenset((
    "count", "index", "copy", "get", "items", "keys", "values", "union", "intersection", "hex",
    "difference", "issubset", "issuperset", "isdisjoint", "symmetric_difference", "most_common",
    "elements", "total", "tolist", "tobytes", "decode", "startswith", "endswith", "find", "split",
    "new_child", "strip", "__getitem__", "__len__", "__contains__", "__iter__", "__reversed__",
    "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__", "__str__", "__hash__",
    "__add__", "__mul__", "__rmul__", "__or__", "__and__", "__sub__", "__xor__", "__ror__",
    "__getattribute__", "__class_getitem__", "__format__", "__sizeof__", "__dir__", "__bool__",
    "__init_subclass__", "__subclasshook__", "buffer_info", "__length_hint__", "__reduce__",
    "__reduce_ex__", "__getstate__", "__array__",
))  # fmt: skip
FIXED = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: nobody assigns to its attributes
_EMPTY = object.__basicsize__
_STANDARD = sys.stdlib_module_names


def name_of(function: Any) -> str:
    """A function for a message."""
    module = _module(function) or ""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return f"{module}.{name}" if module not in ("", "builtins") else str(name)


def is_immutable(value: Any) -> bool:
    """Whether what an object says of itself is always the same."""
    if isinstance(value, _IMMUTABLE):
        return True
    return any((base.__module__, base.__name__) in _EXACT for base in type(value).__mro__)


def keeps_state(kind: Any) -> bool:
    """Whether objects of a class may hold something else on the next call, and no guard says what
    they hold: those of a library, such as XML trees and tables, and those of classes of the user's
    with memory of an extension's, such as C arrays."""
    if is_ours(kind) or issubclass(kind, _COMPARED) or hasattr(kind, "__tf_tensor__"):
        return False
    if not is_library(file_of(kind)):
        return any(b.__flags__ & FIXED and b.__basicsize__ > _EMPTY for b in kind.__mro__)
    if runs_natively(kind):
        return False
    return not any((base.__module__, base.__name__) in _EXACT for base in kind.__mro__)


def decimal_context() -> tuple[Any, ...]:
    """How this thread rounds decimal numbers; who has one has imported their module."""
    now = sys.modules["decimal"].getcontext()
    how = now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp
    return *how, *now.traps.values()


def is_computed(found: Any) -> bool:
    """Whether code of the interpreter or of an extension gives this attribute of a class, and takes
    it: a getter, a field of a C structure, the value of a member of an enumeration."""
    kind = type(found)
    return isinstance(found, types.DynamicClassAttribute) or (
        hasattr(kind, "__set__")
        and kind.__module__ in ("builtins", "_ctypes")
        and not is_executed(kind)
        and not (isinstance(found, types.MemberDescriptorType | property))
    )


def is_text(owner: Any, name: str) -> bool:
    """Whether this attribute says what a function or a class of the user's is called."""
    if name not in ("__doc__", "__name__", "__qualname__", "__module__"):
        return False
    if isinstance(owner, type):
        return not owner.__flags__ & FIXED and not is_ours(owner)
    return isinstance(owner, types.FunctionType | types.MethodType)


def is_pure_class(kind: Any) -> bool:
    """Whether an object of a class that is not interpreted is made of the arguments alone."""
    module = kind.__module__
    if is_ours(kind):
        return module not in _OF_FILES
    if issubclass(kind, BaseException) or not is_library(file_of(kind)):
        return True
    if module == "_io":
        return kind.__name__ in ("StringIO", "BytesIO")
    if module.partition(".")[0] == "numpy":
        return kind.__name__ not in _OF_NUMPY and not module.startswith("numpy.random")
    if kind.__name__ in ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "SimpleNamespace"):
        return True
    return _listed(module, kind.__name__)


def is_generator_of(kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether this makes a generator of random numbers that the arguments alone decide."""
    if getattr(kind, "__module__", "") == "random" and kind.__name__ == "Random":
        return args[:1] not in ((), (None,))
    return is_seeded(getattr(kind, "real", kind), args, kwargs)


def is_pure_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a function without an owner (a builtin, one of a library) gives what follows from
    its arguments, or is an operation of the graph."""
    kind = type(function)
    if kind is functools._lru_cache_wrapper:
        return is_library(getattr(function, "__code__", _NOWHERE).co_filename)
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        real = getattr(function, "real", None)
        return real is None or _pure_numpy(real)
    module = _module(function)
    if module is None:
        return kind.__module__ in _MODULES  # operator.itemgetter(0), a wrapper of a slot
    if module.partition(".")[0] == __name__.partition(".")[0]:
        return module not in _OF_FILES
    if module.partition(".")[0] == "numpy":
        return _pure_numpy(function)
    if _listed(module, getattr(function, "__name__", "")):
        return True
    if module.partition(".")[0] in _STANDARD:
        return module == "pathlib" and function.__qualname__.startswith("PurePath.")
    return any(map(holds_value, (*args, *kwargs.values())))


class _Nowhere:
    co_filename = "<string>"


_NOWHERE: Any = _Nowhere()


def _pure_numpy(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__name__", "")
    return not module.startswith("numpy.random") and name not in _OF_NUMPY


def _listed(module: str, name: str) -> bool:
    return module in _MODULES and name not in _NOT.get(module, ())


def _module(function: Any) -> str | None:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, types.ModuleType):
        return owner.__name__
    if isinstance(owner, type):
        return owner.__module__
    held = getattr(function, "__objclass__", None)
    if held is not None:
        return str(held.__module__)
    module = getattr(function, "__module__", None)
    return module if isinstance(module, str) else None


def holds_value(x: Any, depth: int = 4) -> bool:
    """Whether a value of the graph is in an argument."""
    if isinstance(x, Tensor | Variable | SymInt | SymNumber) or getattr(type(x), "in_trace", False):
        return True
    if depth and (type(x) in LISTED or type(x) is set):
        return any(holds_value(v, depth - 1) for v in x)
    return bool(depth) and type(x) is dict and any(holds_value(v, depth - 1) for v in x.values())


def is_symbolic(x: Any, depth: int = 4) -> bool:
    """Whether a Python number that the trace does not know is in an argument."""
    if depth and (type(x) in LISTED or type(x) is set):
        return any(is_symbolic(v, depth - 1) for v in x)
    if depth and type(x) is dict:
        return any(is_symbolic(v, depth - 1) for v in x.values())
    return isinstance(x, SymInt | SymNumber | TracedNumber)


def is_number(x: Any) -> bool:
    """Whether this stands for a number, which code in C does not know for one."""
    return is_symbolic(x) or isinstance(x, TracedScalar)


def is_of_lock(function: Any) -> bool:
    """Whether a ``with`` takes a lock or gives it back."""
    owner = getattr(function, "__self__", None)
    return type(owner) in _LOCKS and function.__name__ in ("__enter__", "__exit__")


def lends_memory(x: Any, depth: int = 2) -> bool:
    """Whether NumPy makes an array of an object by a protocol: its elements are not guarded, and
    the array may have the memory of something else."""
    kind = type(x)
    if kind in LISTED:
        return depth > 0 and any(lends_memory(v, depth - 1) for v in x)
    if isinstance(x, _NO_LENDERS) or is_ours(kind) or hasattr(kind, "__tf_tensor__"):
        return False
    if any(hasattr(kind, name) or name in _held(x) for name in _PROTOCOLS):
        return True
    try:
        memoryview(x).release()
    except (TypeError, BufferError):
        return False
    return True


_NO_LENDERS = (int, float, str, bytes, type, np.ndarray, np.generic)
_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__")


def _held(x: Any) -> Any:
    return getattr(x, "__dict__", ())


def any_of(test: Callable[[Any], bool], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a test holds for one of the arguments of a call."""
    return any(map(test, args)) or any(map(test, kwargs.values()))


def leads_to(made: Any, held: Any) -> bool:
    """Whether an object may be reached from others; yes, where that takes long to find out."""
    todo, met = [held], {id(held)}
    while todo and len(met) < 4096:
        for x in gc.get_referents(todo.pop()):
            if x is made:
                return True
            if id(x) not in met and not isinstance(x, type | types.ModuleType | types.CodeType):
                met.add(id(x))
                todo.append(x)
    return bool(todo)


def is_path(kind: type, name: str) -> bool:
    """Whether a method is one of a path that does not ask the file system."""
    if kind.__module__.partition(".")[0] != "pathlib":
        return False
    return any(name in b.__dict__ for b in kind.__mro__ if b.__name__.startswith("PurePath"))
