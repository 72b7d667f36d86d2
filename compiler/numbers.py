"""The Python numbers of a trace: arguments, what names and attributes give, and what is computed.

Arithmetic between Python numbers is not staged: it is a list of steps that each call carries out in
Python, so that a result has Python's own bits, types and errors. Where a number meets a tensor it
becomes a graph input of the dtype that the operation gives it. ``symnumber.py`` has the numbers as
user code sees them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.errors import GraphError
from twofold.ir.location import Location, user_location
from twofold.runtime.convert import as_array

__all__ = ["NumberGuard", "NumberInput", "Numbers", "is_argument"]

MAX_STEPS = 1000  # beyond which numbers are taken by value: each call carries out every step
MAX_TEXT = 40
_BOUNDS = {
    "f": (-65504.0, 65504.0),
    "i": (0, 127),
    "u": (0, 127),
}  # of float16, int8: all others hold them, some in fewer digits

Binary = Callable[[Any, Any], Any]


class NumberGuard(NamedTuple):
    """What the trace relies on about a number, and the line that needed it."""

    text: str
    relation: Binary
    left: int
    right: int
    answer: bool
    loc: Location | None

    def __str__(self) -> str:
        where = f"  (needed at {self.loc})" if self.loc else ""
        return f"{self.text}{where}"


class NumberInput(NamedTuple):
    """A hidden input of the graph: the number in a slot, as an array of a dtype. Between the
    bounds a number fits every dtype of its kind, and there is no need to look closer."""

    slot: int
    dtype: np.dtype[Any]
    least: float
    most: float

    @classmethod
    def of(cls, slot: int, dtype: np.dtype[Any]) -> NumberInput:
        """The input for a slot and a dtype."""
        return cls(slot, dtype, *_BOUNDS.get(info(dtype).letter, (1, 0)))

    def array(self, values: Sequence[Any]) -> np.ndarray[Any, Any]:
        """The array for a call. Raises ConversionError where the number does not fit."""
        slot, dtype, least, most = self
        value = values[slot]
        if least <= value <= most:
            return np.array(value, dtype)
        return as_array(value, dtype, weak=True)


def _kept(slot: int, dtype: Any) -> Any:
    raise GraphError(
        "a number was kept after the trace that it belongs to; return it from the function instead"
    )


class Numbers:
    """The numbers of a trace by slot: arguments, constants, those that are read (``slots.py``), and
    what is computed from them.

    ``values`` are those of the example call. A step is a function and the slots it takes.
    """

    def __init__(
        self, stage: Callable[[int, Any], Any], symbol: Callable[[Numbers, int], Any]
    ) -> None:
        self.stage = stage  # a tensor of the graph for a slot and a dtype
        self._make = symbol  # what user code gets for a slot
        self.values: list[Any] = []
        self.texts: list[str] = []
        self.steps: list[tuple[Binary | None, Any, Any]] = []
        self.guards: list[NumberGuard] = []
        self.pinned: set[int] = set()  # slots whose value was needed
        self.late: set[int] = set()  # slots that are known when the prelude has run
        self.unguarded = False  # whether one of those that are read is in no guard
        self.ended = False
        self._known: dict[Any, int] = {}

    def end(self) -> None:
        """The trace is over; nothing of it is kept alive by what each call computes."""
        self.ended, self.stage = True, _kept

    def argument(self, leaf: int, value: Any, name: str) -> Any:
        """A number that is an argument, by its position among the leaves."""
        return self._make(self, self._slot(is_argument, leaf, None, value, name))

    def read(self, source: Any, value: Any, name: str) -> Any:
        """A number that each call reads: ``source.read()`` gives it."""
        return self._make(self, self._slot(is_read, source, None, value, name))

    def constant(self, value: Any) -> int:
        """The slot of a number that is the same in every call."""
        key = (type(value), repr(value))
        if key not in self._known:
            self._known[key] = self._slot(None, value, None, value, repr(value))
        return self._known[key]

    def step(self, function: Binary, left: int, right: int, text: str) -> Any:
        """The number that a function gives. Raises what the function raises; a result that is
        no real number, and those beyond the limit, are plain and pin what they were made of."""
        key = (function, left, right)
        if key in self._known:
            return self._make(self, self._known[key])
        try:
            value = function(self.values[left], self.values[right])
        except ArithmeticError:  # user code may catch it
            self.pin(left)
            self.pin(right)
            raise
        if type(value) not in (int, float) or len(self.steps) >= MAX_STEPS or self.ended:
            self.pin(left)
            self.pin(right)
            return value
        if function is operator.pow:
            function = _POWERS[type(value)]
        self._known[key] = self._slot(function, left, right, value, text)
        return self._make(self, self._known[key])

    def _slot(self, function: Any, left: Any, right: Any, value: Any, text: str) -> int:
        self.steps.append((function, left, right))
        self.values.append(value)
        if getattr(left, "late", False) or (
            function not in (None, is_argument, is_read) and not self.late.isdisjoint((left, right))
        ):
            self.late.add(len(self.values) - 1)
        self.texts.append(text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}...")
        return len(self.values) - 1

    def term(self, slot: int) -> str:
        """The text of a slot as a part of a longer one."""
        text = self.texts[slot]
        return f"({text})" if " " in text else text

    def require(self, relation: Binary, left: int, right: int, sign: str) -> bool:
        """How two numbers compare in the example call; relied on from now on."""
        answer = bool(relation(self.values[left], self.values[right]))
        text = f"{self.texts[left]} {sign} {self.texts[right]}"
        self._guard(text if answer else f"not {text}", relation, left, right, answer)
        return answer

    def pin(self, slot: int) -> Any:
        """The plain number; the trace is for this value only from now on."""
        value = self.values[slot]
        if self.steps[slot][0] is not None:  # not a constant
            text = f"{self.texts[slot]} is {value!r}"
            self._guard(text, _identical, slot, self.constant(value), True)
            self.pinned.add(slot)
        return value

    def computed(self) -> bool:
        """Whether there are steps, which may raise."""
        return any(f not in (None, is_argument, is_read) for f, _, _ in self.steps)

    def pinned_leaves(self) -> set[int]:
        """The positions of the arguments that pinned values depend on."""
        todo, found = list(self.pinned), set()
        while todo:
            function, left, right = self.steps[todo.pop()]
            if function is is_argument:
                found.add(left)
            elif function is not None and function is not is_read:
                todo += {left, right}
        return found

    def count_by_value(self, leaves: set[int]) -> None:
        """Drop the guards that hold because these arguments are part of the key."""
        slots = {i for i, s in enumerate(self.steps) if s[0] is is_argument and s[1] in leaves}
        self.guards = [g for g in self.guards if not (g.relation is _identical and g.left in slots)]

    def _guard(self, text: str, relation: Binary, left: int, right: int, answer: bool) -> None:
        if not self.ended and not any(g[1:4] == (relation, left, right) for g in self.guards):
            self.guards.append(NumberGuard(text, relation, left, right, answer, user_location()))

    def of_call(self, leaves: Any, early: bool = False) -> list[Any]:
        """The numbers of a call, by slot; ``early``: without those that the prelude gives. Raises
        what Python raises (ZeroDivisionError)."""
        values: list[Any] = []
        for slot, (function, left, right) in enumerate(self.steps):
            if early and slot in self.late:
                values.append(None)
            elif function is is_argument:
                values.append(leaves[left])
            elif function is None:
                values.append(left)
            elif function is is_read:
                values.append(left.read())
            else:
                values.append(function(values[left], values[right]))
        return values

    def arguments(self) -> list[int]:
        """The positions of the leaves that are taken."""
        return [left for function, left, _ in self.steps if function is is_argument]

    def hold(self, leaves: Any, early: bool = True) -> bool:
        """Whether a call's numbers are what the trace relies on; ``early``: as far as they are
        known before the prelude."""
        early = early and bool(self.late)
        try:
            values = self.of_call(leaves, early)
        except (ArithmeticError, TypeError, ValueError):
            return False
        return all(
            bool(g.relation(values[g.left], values[g.right])) is g.answer
            for g in self.guards
            if not early or self.late.isdisjoint((g.left, g.right))
        )

    def misfits(self, leaves: Any) -> Iterator[str]:
        """The guards that do not hold for a call."""
        try:
            values = self.of_call(leaves, early=True)
        except (ArithmeticError, TypeError, ValueError) as error:
            yield f"its numbers raise {error!r}"
            return
        for g in self.guards:
            if (
                self.late.isdisjoint((g.left, g.right))
                and g.relation(values[g.left], values[g.right]) != g.answer
            ):
                yield f"needs {g}"


def is_argument(left: Any, right: Any) -> Any:
    """Stands in a step whose first slot is the position of an argument."""
    raise AssertionError("it is taken from the leaves")


def is_read(left: Any, right: Any) -> Any:
    """Stands in a step whose first slot is the source of a number."""
    raise AssertionError("the source is read")


def _identical(a: Any, b: Any) -> bool:
    """One value: as for equality, but NaN is itself, and the sign of zero counts."""
    if a != b:
        return bool(a != a and b != b)
    return bool(a or math.copysign(1.0, a) == math.copysign(1.0, b))


def _power(kind: type) -> Binary:
    def power(a: Any, b: Any) -> Any:
        result = a**b
        if type(result) is not kind:
            raise ArithmeticError(f"{a!r} ** {b!r} is no {kind.__name__}")
        return result

    return power


_POWERS = {kind: _power(kind) for kind in (int, float)}
