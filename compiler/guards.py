"""What a trace read from its surroundings, checked again on every call.

A trace bakes in the Python values that it met: globals, closure cells, defaults, items of lists
and dicts, attributes of objects, classes and modules. ``walk.py`` lists those that the function's
code can reach by name; ``Watch.unchanged`` compares them by identity (numbers and strings by type
and value). Arrays, tensors and Variables are inputs of the graph: it is enough that the name still
means the same object. Numbers that the trace was given as symbols count by type. Values are held,
objects of the user's classes weakly where that can be, so that a trace keeps no instance alive.
"""

from __future__ import annotations

import functools
import operator
import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from .slots import WHOLE, Slot, SlotKey
from .state import MISSING, Reader, Restore

__all__ = ["BY_VALUE", "ELEMENTS", "OPAQUE", "Watch"]

OPAQUE = (Tensor, Variable, np.ndarray, np.dtype, np.generic)
BY_VALUE = (int, float, complex, str, bytes, bool)
ELEMENTS = "the elements of a captured array"


class Watch:
    """A list of readers and the values that they gave."""

    __slots__ = (
        "arrays", "long", "named", "names", "numbers", "open", "reads", "relied", "renewed",
        "restores", "walker",
    )  # fmt: skip

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reads: list[tuple[Reader, Any]] = []  # each with the value that it gave
        self.restores: list[Restore | None] = []
        self.long: list[tuple[str, Reader, Restore | None]] = []  # compared around a trace only
        self.arrays: list[np.ndarray[Any, Any]] = []  # those that plain NumPy may read and write
        self.relied: list[np.ndarray[Any, Any]] = []  # those whose elements are in the trace
        self.named: list[np.ndarray[Any, Any]] = []  # those behind names that give traced arrays
        self.numbers: dict[SlotKey, Slot] = {}  # those behind names and in attributes
        self.open: dict[int, dict[int, type]] = {}  # where in which guards they may change
        self.walker: Any = None  # while a function is traced: who finds what it reads besides
        self.renewed = 0  # how often one of these was another

    def add(self, name: str, read: Reader, restore: Restore | None = None) -> int:
        """Remember what a reader gives now, in which position is returned; ``restore`` puts it
        back."""
        self.names.append(name)
        self.reads.append((read, _held(read())))
        self.restores.append(restore)
        return len(self.reads) - 1

    def open_numbers(self) -> None:
        """What the trace was given as symbols counts by type from now on."""
        for slot in self.numbers.values():
            if slot.symbol is not None:
                self.open.setdefault(slot.guard, {})[slot.part] = type(slot.value)
                slot.read = functools.partial(self._last, slot.guard, slot.part)

    def _last(self, index: int, part: int) -> Any:
        """The number that a reader gave when the guards were looked at."""
        value = self.reads[index][1]
        return value if part == WHOLE else value[part]

    def _renew(self) -> bool:
        """Whether only numbers that count by type are others; those are kept from now on."""
        found = []
        for index, (read, value) in enumerate(self.reads):
            now = read()
            if now is not value and not _equal(now, value):
                renewed = self._renewed(index, now, value)
                if renewed is MISSING:
                    return False
                found.append((index, (read, renewed)))
        for index, pair in found:
            self.reads[index] = pair
        self.renewed += bool(found)
        return True

    def _renewed(self, index: int, now: Any, value: Any) -> Any:
        """What a reader gives now as it is held, or MISSING if not only numbers are others."""
        kinds = self.open.get(index, {})
        if WHOLE in kinds:
            return now if type(now) is kinds[WHOLE] else MISSING
        if not kinds or now.__class__ is not tuple or len(now) != len(value):
            return MISSING
        held = list(value)
        for part, kind in kinds.items():
            if type(now[part]) is kind:
                held[part] = now[part]
        return tuple(held) if _equal(now, tuple(held)) else MISSING

    def readers(self) -> list[Reader]:
        """The readers without their values."""
        return [read for read, _ in self.reads]

    def holds(self, value: Any) -> bool:
        """Whether some reader gives exactly this object, or a container with it."""
        return any(
            v is value or (v.__class__ is tuple and _within(value, v)) for _, v in self.reads
        )

    def unchanged(self) -> bool:
        """Whether every reader still gives the same."""
        for read, value in self.reads:
            now = read()
            if now is not value and not _equal(now, value):
                return bool(self.open) and self._renew()
        return True

    def outdated(self) -> bool:
        """Whether an array that the trace relied on holds something else."""
        watched = zip(self.names, self.reads, strict=True)
        return any(name == ELEMENTS and read() != value for name, (read, value) in watched)

    def changes(self) -> Iterator[str]:
        """What changed, a line each."""
        for i, (name, (read, value)) in enumerate(zip(self.names, self.reads, strict=True)):
            now = read()
            same = now is value or _equal(now, value)
            if not same and self._renewed(i, now, value) is MISSING:
                yield f"{name}: {value!r} -> {now!r}"


def _within(value: Any, items: tuple[Any, ...]) -> bool:
    return any(item is value for item in items)


class _Weak(weakref.ref):  # type: ignore[type-arg]
    """A value that a watch compares with but does not keep alive."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self())


def _held(value: Any) -> Any:
    """A value as a watch keeps it: objects of the user's classes weakly."""
    if value.__class__ is tuple:
        return tuple(map(_held, value))
    if value.__class__ is types.MethodType:
        return _Method(value)
    if isinstance(value, (*OPAQUE, *BY_VALUE, types.FunctionType)) or value is MISSING:
        return value
    if not type(value).__dictoffset__ or isinstance(value, type | types.ModuleType):
        return value
    try:
        return _Weak(value)
    except TypeError:
        return value


class _Method:
    """A bound method by its parts: each look at an attribute makes a new one."""

    __slots__ = ("function", "owner")

    def __init__(self, method: types.MethodType) -> None:
        self.function, self.owner = method.__func__, _held(method.__self__)

    def is_of(self, method: Any) -> bool:
        """Whether this stands for ``method``."""
        if method.__class__ is not types.MethodType or method.__func__ is not self.function:
            return False
        return method.__self__ is self.owner or _equal(method.__self__, self.owner)


def _equal(now: Any, held: Any) -> bool:
    """Equality with a snapshot: tuples of identities, and plain values by type and value."""
    if held.__class__ is _Weak:
        return held() is now
    if held.__class__ is _Method:
        return bool(held.is_of(now))
    if now.__class__ is not held.__class__:
        return False
    if now.__class__ is tuple:
        return len(now) == len(held) and (
            all(map(operator.is_, now, held)) or all(map(_same, now, held))
        )
    return isinstance(now, BY_VALUE) and (now == held and repr(now) == repr(held))


def _same(now: Any, held: Any) -> bool:
    return now is held or _equal(now, held)
