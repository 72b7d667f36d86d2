"""What a trace read from its surroundings, checked again on every call.

A trace bakes in the Python values that it met: globals, closure cells, defaults, items of lists
and dicts, attributes of objects, classes and modules. ``walk.py`` lists those that the function's
code can reach by name; ``Watch.unchanged`` compares them by identity (numbers and strings by type
and value). Arrays, tensors and Variables are inputs of the graph: it is enough that the name still
means the same object. Numbers that the trace was given as symbols count by type. Values are held,
objects of the user's classes weakly where that can be, so that a trace keeps no instance alive.
Once a trace is used again, a function written for its guards (``check.py``) is asked first.
"""

from __future__ import annotations

import functools
import operator
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import TUPLES, sequence
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from .check import Check
from .readers import MISSING, WHOLE, Attributes, Elements
from .slots import Slot, SlotKey
from .state import Reader, Restore

__all__ = ["BY_VALUE", "ELEMENTS", "OPAQUE", "Watch"]

OPAQUE = (Tensor, Variable, np.ndarray, np.dtype, np.generic)
BY_VALUE = (int, float, complex, str, bytes, bool)
ELEMENTS = "the elements of a captured array"
USES = 2  # looks at the guards of a trace after which they are written as a function


class Watch:
    """A list of readers and the values that they gave."""

    __slots__ = (
        "arrays", "check", "fast", "long", "named", "names", "numbers", "open", "read", "reads",
        "relied", "renewed", "restores", "uses", "walker",
    )  # fmt: skip

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reads: list[tuple[Reader, Any]] = []  # each with the value that it gave
        self.restores: list[Restore | None] = []
        self.long: list[tuple[str, Reader, Restore | None]] = []  # compared around a trace only
        self.arrays: list[np.ndarray[Any, Any]] = []  # those that objects and containers hold
        self.read: list[np.ndarray[Any, Any]] = []  # those that code in C was given
        self.relied: list[np.ndarray[Any, Any]] = []  # those whose elements are in the trace
        self.named: list[np.ndarray[Any, Any]] = []  # those behind names that give traced arrays
        self.numbers: dict[SlotKey, Slot] = {}  # those behind names and in attributes
        self.open: dict[int, dict[int, type]] = {}  # where in which guards they may change
        self.walker: Any = None  # while a function is traced: who finds what it reads besides
        self.renewed = 0  # how often one of these was another
        self.fast: Callable[[], bool] = bool  # asked first; what it says no to may still be equal
        self.check: Check | None = None  # what made it
        self.uses = 0

    def add(self, name: str, read: Reader, restore: Restore | None = None) -> int:
        """Remember what a reader gives now, in which position is returned; ``restore`` puts it
        back."""
        self.names.append(name)
        self.reads.append((read, _held(read())))
        self.restores.append(restore)
        return len(self.reads) - 1

    def compare_less(self, index: int, read: Reader, names: Iterable[str] = ()) -> None:
        """Have a guard compare less: ``read`` gives the class of an object and what it has under
        ``names``, or anything else without numbers that count by type."""
        part = {name: at for at, name in enumerate(names, 1)}
        for (_, key), slot in self.numbers.items():
            if slot.guard == index and slot.part != WHOLE:
                slot.part = part.get(key, 0)
                slot.symbol = slot.symbol if key in part else None
        self.reads[index] = read, _held(read())

    def is_open(self, index: int, part: int = WHOLE) -> bool:
        """Whether a number that a guard reads is an input of the trace."""
        slots = self.numbers.values()
        return any(s.guard == index and s.part == part and s.symbol is not None for s in slots)

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

    def _renew(self, nows: list[Any]) -> bool:
        """Whether only numbers that count by type are others; those are kept from now on."""
        found = []
        for index, ((read, value), now) in enumerate(zip(self.reads, nows, strict=True)):
            if now is not value and not _equal(now, value):
                renewed = self._renewed(index, now, value)
                if renewed is MISSING:
                    return False
                found.append((index, (read, renewed)))
        for index, pair in found:
            self.reads[index] = pair
        self.renewed += bool(found)
        return True

    def _renew_one(self, index: int, part: int, now: Any) -> bool:
        """Keep the number that stands in a place, if it is of the type that counts."""
        if type(now) is not self.open[index][part]:
            return False
        read, held = self.reads[index]
        renewed = now if part == WHOLE else (*held[:part], now, *held[part + 1 :])
        self.reads[index] = read, renewed
        self.renewed += 1
        return True

    def narrow(self, keys: dict[int, set[str]]) -> None:
        """Of the attributes of objects only those count whose names are here, by the identity of
        the object; objects that are not here count as a whole."""
        for index, (read, _) in enumerate(self.reads):
            if read.__class__ is not Attributes or id(read.ref()) not in keys:
                continue
            narrowed, moved = read.narrowed(keys[id(read.ref())])
            self.reads[index] = narrowed, _held(narrowed())
            for slot in self.numbers.values():
                if slot.guard == index:
                    slot.part = moved.get(slot.part, slot.part)

    def _renewed(self, index: int, now: Any, value: Any) -> Any:
        """What a reader gives now as it is held, or MISSING if not only numbers are others."""
        kinds = self.open.get(index, {})
        if WHOLE in kinds:
            return now if type(now) is kinds[WHOLE] else MISSING
        if not kinds or now.__class__ not in TUPLES or len(now) != len(value):
            return MISSING
        held = list(value)
        for part, kind in kinds.items():
            if type(now[part]) is kind:
                held[part] = now[part]
        renewed = sequence(type(value), held)
        return renewed if _equal(now, renewed) else MISSING

    def readers(self) -> list[Reader]:
        """The readers without their values."""
        return [read for read, _ in self.reads]

    def holds(self, value: Any) -> bool:
        """Whether some reader gives exactly this object, or a container with it."""
        return any(
            v is value or (v.__class__ in TUPLES and _within(value, v)) for _, v in self.reads
        )

    def unchanged(self) -> bool:
        """Whether every reader still gives the same."""
        if self.fast():
            return True
        nows = []
        for read, value in self.reads:
            now = read()
            nows.append(now)
            if now is not value and not _equal(now, value):
                if not self.open:
                    return False
                nows += [read() for read, _ in self.reads[len(nows) :]]
                if not self._renew(nows):
                    return False
                break
        if self.check is not None:
            self.check.give(nows, self.reads)
        elif self.reads:
            self._write(nows)
        return True

    def _write(self, nows: list[Any]) -> None:
        """Have the guards written as a function, once it pays."""
        self.uses += 1
        if self.uses > USES:
            renew = {
                (index, part): functools.partial(self._renew_one, index, part)
                for index, parts in self.open.items()
                for part in parts
            }
            self.check = Check(self.reads, _same, (_Weak, _Method), renew)
            self.check.give(nows, self.reads)
            self.fast = self.check.holds

    def outdated(self) -> list[Any]:
        """The arrays and tensors that the trace relied on and that hold something else."""
        return [
            read.array for read, value in self.reads
            if isinstance(read, Elements) and read() != value
        ]  # fmt: skip

    def changes(self) -> Iterator[str]:
        """What changed, a line each."""
        for i, (name, (read, value)) in enumerate(zip(self.names, self.reads, strict=True)):
            now = read()
            same = now is value or _equal(now, value)
            if not same and self._renewed(i, now, value) is MISSING:
                yield from _differences(name, read, value, now)


def _differences(name: str, read: Any, value: Any, now: Any) -> Iterator[str]:
    """What a reader gave and what it gives now: each part that is another, if it names parts."""
    parts = getattr(read, "part", None)
    if not (type(now) is type(value) in TUPLES and len(now) == len(value)):
        yield f"{name}: {_shown(value)} -> {_shown(now)}"
        return
    for i, (old, new) in enumerate(zip(value, now, strict=True)):
        if not _same(new, old):
            part = parts(value, i) if parts else ""
            yield f"{name}{part}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    """A value in a line of an explanation."""
    value = value() if value.__class__ is _Weak else value
    if value is MISSING:
        return "nothing"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _within(value: Any, items: tuple[Any, ...]) -> bool:
    return any(item is value for item in items)


class _Weak(weakref.ref):  # type: ignore[type-arg]
    """A value that a watch compares with but does not keep alive."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self())


def _held(value: Any) -> Any:
    """A value as a watch keeps it: objects of the user's classes weakly."""
    if value.__class__ in TUPLES:
        return sequence(type(value), map(_held, value))
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
        return now is not None and held() is now
    if held.__class__ is _Method:
        return bool(held.is_of(now))
    if now.__class__ is not held.__class__:
        return False
    if now.__class__ in TUPLES:
        return len(now) == len(held) and (
            all(map(operator.is_, now, held)) or all(map(_same, now, held))
        )
    return type(now) in BY_VALUE and now == held and repr(now) == repr(held)


def _same(now: Any, held: Any) -> bool:
    return now is held or _equal(now, held)
