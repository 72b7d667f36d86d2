"""Who answers a NumPy function, a method or an operator of an array in a trace.

The tables are filled by the modules that implement them, so that arrays need not import those.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

__all__ = ["FUNCTIONS", "METHODS", "TRACED_TEXT", "checked", "function", "getitem", "implements",
           "method", "setitem", "ufunc"]  # fmt: skip

Handler = Callable[..., Any]
METHODS: dict[str, Handler] = {}  # of arrays and scalars, by name
FUNCTIONS: dict[Any, Handler] = {}  # NumPy's functions
HOOKS: dict[str, Handler] = {}
TRACED_TEXT = "<numpy (traced)"  # how the text of an array in a trace begins


def method(*names: str) -> Callable[[Handler], Handler]:
    """Register a method under these names; it takes the array first."""

    def register(handler: Handler) -> Handler:
        for name in names:
            METHODS[name] = handler
        return handler

    return register


def implements(*functions: Any) -> Callable[[Handler], Handler]:
    """Register a handler of these NumPy functions; it takes their arguments."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            FUNCTIONS[function] = handler
        return handler

    return register


def hook(name: str) -> Callable[[Handler], Handler]:
    """Register one of the handlers below."""

    def register(handler: Handler) -> Handler:
        HOOKS[name] = handler
        return handler

    return register


def checked(trace: Any, called: Any, args: Any, kwargs: Any, run: Callable[[], Any]) -> Any:
    """``run()``, what the trace makes of ``called(*args, **kwargs)``; NumPy is asked as well if
    it is the user who calls."""
    return HOOKS["checked"](trace, called, args, kwargs, run)


def ufunc(trace: Any, function: Any, kind: str, inputs: Any, options: Any) -> Any:
    """A call of a ufunc or of one of its methods."""
    return checked(
        trace, getattr(function, kind), inputs, options,
        lambda: HOOKS["ufunc"](trace, function, kind, inputs, options),
    )  # fmt: skip


def function(trace: Any, called: Any, args: Any, kwargs: Any) -> Any:
    """A call of a NumPy function that is no ufunc."""
    return checked(
        trace, called, args, kwargs, lambda: HOOKS["function"](trace, called, args, kwargs)
    )


def getitem(array: Any, key: Any) -> Any:
    """``array[key]``."""
    return checked(
        array.home, operator.getitem, (array, key), {}, lambda: HOOKS["getitem"](array, key)
    )


def setitem(array: Any, key: Any, value: Any) -> None:
    """``array[key] = value``."""
    checked(
        array.home, operator.setitem, (array, key, value), {},
        lambda: HOOKS["setitem"](array, key, value),
    )  # fmt: skip
