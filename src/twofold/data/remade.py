"""Functions that another function makes anew for each element.

In ``ds.flat_map(lambda d: Dataset.from_tensor_slices(d).map(lambda v: v + d[0]))`` the inner lambda
is another object for each element, and the same code. It is taken apart: what it is made of is
compared, and the tensors that it holds (in closures, defaults, ``functools.partial``) are left out
of the comparison. They become arguments of one function that puts it together again, so that one
trace serves all of them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple

from twofold.runtime.carried import hooked
from twofold.runtime.tensor import Tensor

from .naming import assigned, is_filled

__all__ = ["Memo", "Parts", "making", "taken_apart"]

_VALUES = (bool, int, float, complex, str, bytes, type(None))
_MOST = 16  # a memo keeps what functions hold alive

making: ContextVar[Memo | None] = ContextVar("making", default=None)


class Memo:
    """What functions made by one function have in common, by what they are made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Any, Any] = {}

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made for this key, or is now; the latest few are kept."""
        with self._lock:
            found = self._found.pop(key, None)
            if found is None:
                found = make()
                if len(self._found) >= _MOST:
                    del self._found[next(iter(self._found))]
            self._found[key] = found
            return found


class Parts(NamedTuple):
    """A function taken apart: what is compared, and the tensors in it."""

    key: Any
    tensors: tuple[Tensor, ...]
    join: Callable[[Iterator[Any]], Any]

    def function(self) -> Callable[..., Any]:
        """What calls it with other tensors in their places: ``f(tensors, *args)``."""
        join = self.join

        def remade(tensors: Any, *args: Any) -> Any:
            return hooked(join(iter(tensors)))(*args)

        return remade


def taken_apart(value: Any, inside: frozenset[int] = frozenset()) -> Parts:
    """The parts of a function, or of what it holds.

    >>> scaled = lambda by: lambda v: v * by
    >>> taken_apart(scaled(2)).key == taken_apart(scaled(2)).key
    True
    >>> taken_apart(scaled(2)).key == taken_apart(scaled(3)).key
    False
    """
    kind = type(value)
    if kind is Tensor:
        return Parts(Tensor, (value,), next)
    if kind in _VALUES:
        return Parts((kind, repr(value)), (), lambda _: value)
    split = _SPLIT.get(kind)
    if split is None or id(value) in inside:
        return Parts((kind, id(value)), (), lambda _: value)
    key, held, made = split(value)
    parts = [taken_apart(part, inside | {id(value)}) for part in held]
    tensors = tuple([t for part in parts for t in part.tensors])
    if not tensors:
        return Parts((kind, key, *[p.key for p in parts]), (), lambda _: value)
    joins = [part.join for part in parts]
    return Parts(
        (kind, key, *[p.key for p in parts]), tensors, lambda t: made([join(t) for join in joins])
    )


Split = tuple[Any, list[Any], Callable[[list[Any]], Any]]


def _function(f: FunctionType) -> Split:
    """By its code, and what its cells and defaults hold. A cell that it assigns to, or that is
    empty, is what the function shares with others, and is compared itself."""
    cells, names = f.__closure__ or (), f.__kwdefaults__ or {}
    opened = [
        i for i, name in enumerate(f.__code__.co_freevars)
        if is_filled(cells[i]) and name not in assigned(f.__code__)
    ]  # fmt: skip
    shared = tuple([id(cell) for i, cell in enumerate(cells) if i not in opened])
    first, second = len(opened), len(opened) + len(f.__defaults__ or ())

    def made(held: list[Any]) -> Any:
        new = list(cells)
        for i, value in zip(opened, held, strict=False):
            new[i] = CellType(value)
        defaults = tuple(held[first:second])
        g = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, tuple(new))
        g.__kwdefaults__ = dict(zip(names, held[second:], strict=True))
        return g

    held = [cells[i].cell_contents for i in opened]
    key = (f.__code__, id(f.__globals__), shared, first, tuple(names))
    return key, [*held, *(f.__defaults__ or ()), *names.values()], made


def _method(f: MethodType) -> Split:
    return None, [f.__func__, f.__self__], lambda held: MethodType(*held)


def _partial(f: Any) -> Split:
    def made(held: list[Any]) -> Any:
        args = held[1 : len(held) - len(f.keywords)]
        names = zip(f.keywords, held[len(held) - len(f.keywords) :], strict=True)
        return functools.partial(held[0], *args, **dict(names))

    return tuple(f.keywords), [f.func, *f.args, *f.keywords.values()], made


_SPLIT: dict[type, Callable[[Any], Split]] = {
    FunctionType: _function,
    MethodType: _method,
    functools.partial: _partial,
    tuple: lambda t: (len(t), list(t), tuple),
}
