"""NumPy's classes in a trace, where they are called and where a method of theirs is taken:
``np.float32(x)``, ``np.ndarray.fill(x, 2)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED
from twofold.runtime.tensor import Tensor

from ..plain import PlainPython
from ..symint import SymInt
from ..symnumber import SymNumber
from .base import TracedArray, TracedScalar, is_traced
from .create import CREATE, array, asarray
from .operands import as_tensor, convert, holds_traced
from .protocol import checked

__all__ = ["Maker", "Unbound", "class_of", "refuse_missing", "type_of"]


class Maker:
    """A class of NumPy that is called."""

    def __init__(self, kind: Any, trace: Any) -> None:
        self.kind, self.home = kind, trace

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind, trace = self.kind, self.home
        if (
            trace.ended
            or kind is np.ndarray
            and (len(args) > 2 or set(kwargs) - {"dtype", "order"})
        ):
            return kind(*args, **kwargs)
        if kind is np.ndarray:  # its elements are whatever the memory held
            return CREATE[np.empty](trace, *args, **kwargs)
        if not any(map(_holds_value, (*args, *kwargs.values()))):
            return kind(*args, **kwargs)
        if len(args) != 1 or kwargs or not trace.has_dtype(np.dtype(kind)):
            raise trace.plain()
        return checked(trace, kind, args, kwargs, lambda: self._converted(args[0]))

    def _converted(self, x: Any) -> Any:
        dtype = np.dtype(self.kind)
        if type(x) is TracedScalar:
            return TracedScalar(self.home, convert(as_tensor(self.home, x), dtype))
        made = asarray(self.home, x, dtype) if is_traced(x) else array(self.home, x, dtype)
        return TracedScalar(self.home, made.tensor()) if not made.ndim else made


def _holds_value(x: Any) -> bool:
    """Whether a value of the trace is in an argument; numbers that are inputs count as numbers."""
    if type(x) in LISTED:
        return any(map(_holds_value, x))
    if isinstance(x, SymNumber):
        return type(x).of_graph
    return holds_traced(x) and not isinstance(x, SymInt)


def class_of(x: Any) -> Any:
    """The class of an object, for a value of the trace that of what it stands for."""
    if isinstance(x, SymInt):
        return int
    if isinstance(x, Tensor):
        return Tensor if hasattr(x, "trace") else type(x)
    return x.__class__ if is_traced(x) or isinstance(x, SymNumber) else type(x)


def refuse_missing(x: Any, name: str) -> None:
    """Raise AttributeError where what a value of the trace stands for has no such attribute, and
    PlainPython where that alone has it."""
    kind = class_of(x)
    if kind is type(x):
        return
    shown = f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__
    if not hasattr(kind, name):
        raise AttributeError(f"'{shown}' object has no attribute '{name}'")
    if name.startswith("__") and not hasattr(type(x), name):
        raise PlainPython(words=f"the attribute {name!r} of a {shown}")


def type_of(*args: Any) -> Any:
    """``type(x)``, where Python itself calls a function of the trace."""
    return class_of(args[0]) if len(args) == 1 else type(*args)


class Unbound:
    """A class of NumPy of which an attribute is read."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.kind, name)
        if not callable(found) or isinstance(found, type):
            return found

        def method(*args: Any, **kwargs: Any) -> Any:
            if args and type(args[0]) is TracedArray and self.kind is np.ndarray:
                return getattr(args[0], name)(*args[1:], **kwargs)
            owner = getattr(found, "__objclass__", self.kind)
            if args and type(args[0]) is TracedScalar and isinstance(args[0], owner):
                return getattr(args[0], name)(*args[1:], **kwargs)
            return found(*args, **kwargs)

        return method
