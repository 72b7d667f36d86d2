"""What it has taken to stage the control flow of one trace, and where attempts end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from ..plain import PlainPython

__all__ = ["PEELED", "Effort", "TooDeep"]

BUDGET = 12_000  # steps in branches and loops of one trace; ways that do not join multiply them
VAIN = 2_000  # those of them that may have been for ways that do not join and loops without a form
WAYS = 400  # that may have been interpreted in vain
NESTED = 20  # calls of a function in calls of itself, each on another way that values may decide
LEFT = 8  # ways into deeper ones that may be left to plain Python
PEELED = 3  # trips that are made one by one before a loop whose state takes no form is given up
Loop = tuple[CodeType, int]


class TooDeep(PlainPython):
    """Calls of a function in calls of itself that values of the graph may end, or not."""


class Effort:
    """Steps that were carried out in branches and loops, and attempts that have failed."""

    def __init__(self) -> None:
        self.spent = self.vain = self.ways = self.left = 0
        self.peeled: Counter[Loop] = Counter()  # loops of which a trip is made by itself now
        self.unrolled: Counter[Loop] = Counter()  # that are made trip by trip
        self.shapeless: set[Any] = set()  # loops that have no form with the state they begin with
        self.nested: dict[CodeType, list[int]] = {}  # functions -> the ways they were called on
        # what trips of a loop have changed when it was staged last: objects with their forms, and
        # variables that they alone give values
        self.changed: dict[Any, tuple[list[tuple[Any, Any]], dict[str, Any]]] = {}

    @property
    def is_over(self) -> bool:
        """Whether it takes too long."""
        return self.spent > BUDGET or self.vain > VAIN

    @property
    def mark(self) -> tuple[int, int]:
        """Where an attempt begins, for ``fails``."""
        return self.spent, self.vain

    def fails(self, mark: tuple[int, int]) -> None:
        """An attempt has failed: what it took since its beginning leads to nothing."""
        spent, vain = mark
        self.vain = vain + self.spent - spent

    def leaves_another(self) -> bool:
        """Note a way that is left to plain Python; whether there may be more."""
        self.left += 1
        return self.left <= LEFT

    def another_way(self) -> bool:
        """Note a way that was interpreted in vain; whether there may be more."""
        self.ways += 1
        return self.ways <= WAYS

    @contextmanager
    def calling(self, code: CodeType, ways: int) -> Iterator[bool]:
        """A call of a function, inside of so many ways that values may decide: whether it is too
        deep inside of calls of itself, each on another way. What is not known never ends them."""
        levels = self.nested.setdefault(code, [])
        deeper = not levels or ways > levels[-1]
        if deeper:
            levels.append(ways)
        try:
            yield len(levels) > NESTED
        finally:
            if deeper:
                levels.pop()
