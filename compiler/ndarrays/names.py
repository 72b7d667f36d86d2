"""Names that a traced function reads: NumPy, its functions and global arrays stand for the trace.

The function runs with a namespace of its own, whose look-ups give for ``numpy`` a module that
makes arrays of the trace, for a global or captured ndarray an array of the trace, and for another
function of the user the same treatment. What the function assigns to global names is carried over.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core import fromnumeric

from twofold.ir.errors import StagingError
from twofold.ir.location import CALLS, is_internal, next_use
from twofold.ir.tensor_shape import LISTED, sequence
from twofold.runtime.tensor import Tensor

from ..library import is_library, is_library_module
from ..places import may_move_within
from ..state import is_generator
from . import kinds, protocol
from .base import is_traced
from .converter import INDEXED, Indexed
from .create import CREATE
from .operands import as_array, holds_traced, wrapped

__all__ = ["Names"]

_MISSING = object()


class Names:
    """What the names of traced functions mean in one trace."""

    def __init__(self, trace: Any) -> None:
        self.home = trace
        self._spaces: dict[int, _Space] = {}
        self._made: dict[int, tuple[Any, Any]] = {}  # by what they stand for, which stays alive
        self.originals: dict[int, Any] = {}  # cells by those that stand for them
        self._first: dict[int, Any] = {}  # what cells that stand for others began with

    def function(self, called: Any) -> Any:
        """The function with hooked names; anything else as it is."""
        if isinstance(called, types.MethodType):
            inner = self.function(called.__func__)
            return (
                types.MethodType(inner, called.__self__) if inner is not called.__func__ else called
            )
        if isinstance(called, functools.partial):
            return functools.partial(self.function(called.func), *called.args, **called.keywords)
        if not isinstance(called, types.FunctionType) or type(called.__globals__) is _Space:
            return called  # what a hooked function made has hooked names
        return self._once(called, self._copied)

    def space(self, real: dict[str, Any]) -> dict[str, Any]:
        """What stands for the global names of a module."""
        found = self._spaces.get(id(real))
        if found is None:
            found = self._spaces[id(real)] = _Space(real, self)
        return found

    def made(self) -> list[tuple[Any, Any]]:
        """What stands for something else: pairs of that and what stands for it."""
        return list(self._made.values())

    def original(self, made: Any) -> Any:
        """What a value stands for, or the value itself."""
        return next((original for original, twin in self._made.values() if twin is made), made)

    def _once(self, value: Any, make: Callable[[Any], Any]) -> Any:
        found = self._made.get(id(value))
        if found is None:  # a function that its own closure holds is made meanwhile
            found = self._made.setdefault(id(value), (value, make(value)))
        return found[1]

    def _copied(self, function: types.FunctionType) -> Any:
        space = self.space(function.__globals__)
        cells = tuple([self.cell(c) for c in function.__closure__ or ()])
        made = types.FunctionType(
            function.__code__.replace(), space, function.__name__, function.__defaults__, cells
        )
        made.__kwdefaults__ = function.__kwdefaults__
        made.__qualname__, made.__dict__ = function.__qualname__, function.__dict__
        made.__doc__, made.__module__ = function.__doc__, function.__module__
        if function.__defaults__:
            made.__defaults__ = tuple([self.value(v) for v in function.__defaults__])
        return made

    def cell(self, cell: Any) -> Any:
        """The cell itself, or one with what its value stands for."""
        made = self._cell(cell)
        if made is not cell:
            self.originals[id(made)] = cell
        return made

    def _cell(self, cell: Any) -> Any:
        try:
            held = cell.cell_contents
        except ValueError:
            return cell
        if isinstance(held, types.FunctionType) and _is_open(held):
            if id(cell) not in self._made:  # known before its value, which can need it
                made = types.CellType()
                self._made[id(cell)] = (cell, made)
                made.cell_contents = self._first[id(made)] = self.value(held)
            return self._made[id(cell)][1]
        if type(held) in (float, int):
            shown = self.home.number(cell, "", held)
        elif (
            may_move_within(held)
            and (shown := self.home.found_in(cell, "", held, "name")) is not held
        ):
            pass
        else:
            shown = self.value(held)
        return cell if shown is held else self._once(cell, lambda _: self._showing(shown))

    def _showing(self, shown: Any) -> Any:
        made = types.CellType(shown)
        self._first[id(made)] = shown
        return made

    def finish(self) -> None:
        """Carry over what was assigned to global names and to names of outer functions."""
        for space in self._spaces.values():
            space.finish()
        for original, made in list(self._made.values()):
            if isinstance(original, types.CellType):
                self._carry(original, made)

    def _carry(self, original: Any, made: Any) -> None:
        now = made.cell_contents
        if now is not self._first[id(made)]:
            original.cell_contents = now

    def value(self, value: Any) -> Any:
        """What a name that means ``value`` gives in the trace."""
        if type(value) is Module or type(value) is Called:
            return value
        if isinstance(value, types.ModuleType):
            is_open = _is_numpy(value.__name__) or not is_library_module(value)
            return self._once(value, lambda m: Module(m, self)) if is_open else value
        if isinstance(value, np.ndarray) and not is_traced(value):
            return self.home.array_of(value) if self.home.takes(value) else value
        if value is _WRAPFUNC:
            return functools.partial(_method_of, self.home)
        if isinstance(value, types.FunctionType) and value not in CREATE:
            return self.function(value) if _is_open(value) else value
        if isinstance(value, INDEXED):
            return self._once(value, lambda v: Indexed(v, self.home))
        bound = isinstance(value, types.MethodType | types.BuiltinMethodType)
        owner = value.__self__ if bound else None
        if is_generator(owner) and isinstance(owner, np.random.RandomState):
            return value
        if isinstance(value, np.ufunc) or _is_numpy_function(value):
            return self._once(value, lambda f: Called(f, self.home))
        return value

    def kind(self, kind: type, frame: Any) -> Any:
        """What a name that means a class gives: where the class is called, or a method of it is
        read, what does that for values of the trace; anywhere else the class."""
        if kind in CREATE:
            return self._once(kind, lambda k: Called(k, self.home))
        if issubclass(kind, np.generic | np.ndarray) and kind.__module__ == "numpy":
            use, _ = next_use(frame)
            if use in CALLS:
                return kinds.Maker(kind, self.home)
            if use in ("LOAD_ATTR", "LOAD_METHOD"):
                return kinds.Unbound(kind)
        return kind


_WRAPFUNC: Any = fromnumeric._wrapfunc  # type: ignore[attr-defined]


def _method_of(trace: Any, array: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """What NumPy's ``_wrapfunc`` does, without a second try where the first raises TypeError."""
    owner = array if hasattr(array, name) else as_array(trace, array)
    return getattr(owner, name)(*args, **kwargs)


class _Space(dict[str, Any]):
    """A function's globals, seen through ``Names``."""

    def __init__(self, real: dict[str, Any], names: Names) -> None:
        super().__init__(real)
        self.real, self.names = real, names
        plain = real.get("__builtins__", builtins.__dict__)
        plain = plain.__dict__ if isinstance(plain, types.ModuleType) else plain
        super().__setitem__("__builtins__", {**plain, "__import__": self._import})

    def _import(self, *args: Any, **kwargs: Any) -> Any:
        """What ``import`` gives inside a function."""
        return self.names.value(builtins.__import__(*args, **kwargs))

    def __missing__(self, key: str) -> Any:
        if key == "type" and next_use(sys._getframe(2))[0] in CALLS:
            return kinds.type_of
        raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, type):
            return self.names.kind(found, sys._getframe(1))
        if type(found) in (float, int):
            return self.names.home.number(self.real, key, found)
        return self.names.value(found)

    def finish(self) -> None:
        """Carry assignments over."""
        for key in list(self):
            if key == "__builtins__":
                continue
            now = super().__getitem__(key)
            if now is not self.real.get(key, _MISSING):
                self.real[key] = now


class Module(types.ModuleType):
    """A module of NumPy's or of the user's in a trace."""

    def __init__(self, real: Any, names: Names) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__["_parts"] = real, names

    def __getattr__(self, name: str) -> Any:
        return self.named(name, sys._getframe(1))

    @property
    def space(self) -> dict[str, Any]:
        """The names of the module itself."""
        space: dict[str, Any] = vars(self.__dict__["_parts"][0])
        return space

    def named(self, name: str, frame: Any) -> Any:
        """What a name of the module means to the code that runs in a frame."""
        real, names = self.__dict__["_parts"]
        found = getattr(real, name)
        if isinstance(found, type):
            return names.kind(found, frame)
        if type(found) in (float, int):
            return names.home.number(vars(real), name, found)
        return names.value(found)

    def __setattr__(self, name: str, value: Any) -> None:
        real = self.__dict__["_parts"][0]
        if not _is_numpy(real.__name__):
            if value is not getattr(self, name, _MISSING):  # ``M.a += 1`` wrote in place
                setattr(real, name, value)
            return
        raise StagingError("an attribute of NumPy is assigned to in a compiled function")


class Called:
    """A function of NumPy in a trace: what it returns is of the trace."""

    def __init__(self, real: Any, trace: Any) -> None:
        self.real, self.home = real, trace
        self.__name__ = getattr(real, "__name__", "function")
        self.__doc__ = real.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        real, trace = self.real, self.home
        args, kwargs = _real(args), _real(kwargs)
        if trace.ended:
            return real(*args, **kwargs)
        make = CREATE.get(real)
        if make is not None:
            return protocol.checked(trace, real, args, kwargs, lambda: make(trace, *args, **kwargs))
        if is_seeded(real, args, kwargs):
            return real(*args, **kwargs)
        if (getattr(real, "__module__", "") or "").startswith("numpy.random"):
            raise trace.refusal(
                f"np.random.{self.__name__} would give the same numbers at every call of a "
                f"compiled function; use tf.random, or pass the numbers as an argument: it"
            )
        if real is np.broadcast_to and not _has_tensor(args):
            return self._traced(args, kwargs)  # a view, also of what is constant
        if _meets_trace(args) or _meets_trace(list(kwargs.values())):
            return self._traced(args, kwargs)
        return wrapped(trace, real(*args, **kwargs))

    def _traced(self, args: Any, kwargs: Any) -> Any:
        real, trace = self.real, self.home
        if isinstance(real, np.ufunc):
            found = protocol.ufunc(trace, real, "__call__", args, kwargs)
            return real(*args, **kwargs) if found is NotImplemented else found
        kind = getattr(real, "__self__", None)
        if isinstance(kind, np.ufunc):
            found = protocol.ufunc(trace, kind, real.__name__, args, kwargs)
            return real(*args, **kwargs) if found is NotImplemented else found
        if _has_tensor(args):
            return real(*args, **kwargs)
        return protocol.function(trace, real, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        return (
            Called(found, self.home)
            if callable(found) and isinstance(self.real, np.ufunc)
            else found
        )

    def __eq__(self, other: object) -> bool:
        return self.real is (other.real if isinstance(other, Called) else other)

    def __hash__(self) -> int:
        return hash(self.real)

    def __repr__(self) -> str:
        return repr(self.real)


def is_seeded(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether this makes a generator of NumPy's whose numbers follow from a seed that is known."""
    if getattr(function, "__name__", "") not in ("default_rng", "RandomState"):
        return False
    given = (*args, *kwargs.values())
    is_numpy = (getattr(function, "__module__", "") or "").startswith("numpy.random")
    return is_numpy and len(given) == 1 and type(given[0]) is int


def _real(x: Any) -> Any:
    """Arguments with NumPy's functions as they are."""
    if isinstance(x, Called):
        return x.real
    if type(x) in LISTED:
        return sequence(type(x), map(_real, x))
    return {k: _real(v) for k, v in x.items()} if type(x) is dict else x


def _meets_trace(x: Any) -> bool:
    if isinstance(x, np.ndarray) and not is_traced(x):
        return True  # a real array that no name gave: it is an input of the graph
    if type(x) in LISTED:
        return any(map(_meets_trace, x))
    return holds_traced(x) and not (isinstance(x, Tensor) and not hasattr(x, "trace"))


def _has_tensor(x: Any) -> bool:
    if type(x) in LISTED:
        return any(map(_has_tensor, x))
    return isinstance(x, Tensor)


def _is_numpy(name: str) -> bool:
    return name == "numpy" or name.startswith("numpy.")


def _is_numpy_function(value: Any) -> bool:
    if isinstance(value, type) or not callable(value):
        return False
    module = getattr(value, "__module__", None)
    owner = getattr(value, "__self__", None)
    if isinstance(owner, np.ufunc):
        return True
    return isinstance(module, str) and _is_numpy(module) and not hasattr(value, "__array__")


def _is_open(function: types.FunctionType) -> bool:
    """Whether a function is looked into: the user's, and those that NumPy writes in Python."""
    file = function.__code__.co_filename
    module = function.__module__ or ""
    return _is_numpy(module) or not (is_library(file) or is_internal(file))
