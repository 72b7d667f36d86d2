"""Calls that a compiled function makes before its graph runs, on every call: clocks, random numbers
of Python and NumPy, caches. What they give are inputs of the graph.

Such a call is hoisted above the graph because what it gives follows from nothing that the graph
computes, and because it can be taken back: a clock is read once more, a generator of random numbers
gets its state back. So a trace takes back what it called, and a call whose results are of another
kind than the trace was made for takes them back and runs as plain Python.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .state import Restore, state_of

__all__ = ["Made", "Prelude"]

_present = threading.local()  # the results of the call that this thread is making


class Made(NamedTuple):
    """A hidden input of the graph: the array or NumPy scalar that a call of the prelude gave."""

    place: int  # of the call

    def array(self) -> Any:
        """The array of the present call."""
        return np.asarray(_present.results[self.place])


class _Call(NamedTuple):
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fits: Callable[[Any], bool]  # whether a result is of the kind that the trace was made for


class Prelude:
    """The calls of one trace, in order, and the generators of random numbers that they advance."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self.states: dict[int, tuple[Any, Callable[[], Any], Restore]] = {}
        self.first: list[tuple[Restore, Any]] = []  # what the trace advances, as it was

    def __bool__(self) -> bool:
        return bool(self.calls)

    def advances(self, owner: Any) -> bool:
        """A call changes the state of an object; whether that can be put back."""
        if owner is None or id(owner) in self.states:
            return True
        found = state_of(owner)
        if found is None or found[1] is None:
            return False
        self.states[id(owner)] = owner, found[0], found[1]
        self.first.append((found[1], found[0]()))
        return True

    def add(self, function: Any, args: Any, kwargs: Any, result: Any) -> int:
        """Note a call that gave a result; its number."""
        self.calls.append(_Call(function, args, kwargs, _kind_of(result)))
        return len(self.calls) - 1

    def rewind(self) -> None:
        """The trace has ended: its calls have not been made."""
        for restore, state in self.first:
            restore(state)
        self.first = []

    def begin(self) -> None:
        """Make the calls. Raises what they raise, and Unfit where a result is of another kind."""
        _present.undo = [(restore, read()) for _, read, restore in self.states.values()]
        _present.results = results = []
        for call in self.calls:
            results.append(call.function(*call.args, **call.kwargs))
            if not call.fits(results[-1]):
                raise Unfit

    @staticmethod
    def undo() -> None:
        """Take the calls back, which plain Python is going to make."""
        for restore, state in getattr(_present, "undo", ()):
            restore(state)
        _present.undo = []

    @staticmethod
    def end() -> None:
        """The graph has run."""
        _present.results, _present.undo = [], []

    @staticmethod
    def result(index: int) -> Any:
        """What a call gave."""
        return _present.results[index]


class Unfit(Exception):
    """A call of a prelude gave something of another kind."""


def _kind_of(result: Any) -> Callable[[Any], bool]:
    if isinstance(result, np.ndarray):
        shape, dtype = result.shape, result.dtype
        return lambda x: (
            type(x) is np.ndarray and x.shape == shape and x.dtype == dtype
            and bool(x.flags.c_contiguous) and bool(x.flags.writeable)
        )  # fmt: skip
    if isinstance(result, np.generic):
        return functools.partial(_is_of, type(result))
    if type(result) in (int, float):
        return functools.partial(_is_of, type(result))
    return functools.partial(operator.is_, result)


def _is_of(kind: type, value: Any) -> bool:
    return type(value) is kind
