"""The guards of a trace as one Python function, written and compiled for it.

It compares by identity and reads each dict, cell and object once, without a loop. What it says no
to may still be equal (a number that was computed anew): then ``Watch.unchanged`` looks closer, and
the function is given the new objects to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any

from twofold.ir.tensor_shape import TUPLES

from .readers import WHOLE

__all__ = ["Check"]


class Check:
    """A function that says whether guards hold, and the objects that it compares with.

    ``reads``: readers, each with what it gave. ``loose``: the types of what holds an object weakly
    and of what stands for a bound method. ``renew``: what is called with the number that stands now
    where any number of a type will do.
    """

    def __init__(
        self, reads: Sequence[tuple[Any, Any]], equal: Callable[[Any, Any], bool],
        loose: tuple[type, type], renew: Mapping[tuple[int, int], Callable[[Any], bool]],
    ) -> None:  # fmt: skip
        self.space: dict[str, Any] = {"is_": is_, "equal": equal}
        self.places: list[tuple[int, int, str]] = []  # guard, part, its name
        self.whole: list[tuple[int, str]] = []  # guard, the name of all that it has given
        self._names: dict[int, str] = {}
        self._open: list[str] = []  # names of numbers that may change
        self._loose, self._renew = loose, renew
        tests = [t for i, (read, held) in enumerate(reads) if (t := self._test(i, read, held))]
        body = "\n            and ".join(tests) or "True"
        header = f"global {', '.join(self._open)}" if self._open else "pass"
        source = _SOURCE.format(header=header, body=body)
        exec(compile(source, "<guards>", "exec"), self.space)
        self.holds: Callable[[], bool] = self.space["holds"]

    def _test(self, index: int, read: Any, held: Any) -> str:
        def same(text: str, part: int) -> str:
            return self._same(index, part, text, held if part == WHOLE else held[part])

        test = getattr(read, "test", None)
        found: str | None = None if test is None else test(held, same, self._named)
        if found is not None:
            return found
        if all(index != i for i, _ in self._renew):
            return f"equal({self._named(read)}(), {self._named(held)})"
        known = f"w{index}"  # with numbers in it that may change: as it was seen last
        self.whole.append((index, known))
        self.space[known] = held
        return f"equal({self._named(read)}(), {known})"

    def _same(self, index: int, part: int, text: str, held: Any) -> str:
        """The test whether an expression gives what a guard holds."""
        renew = self._renew.get((index, part))
        if renew is not None:
            known, other = self._place(index, part, held), self._named(renew)
            self._open.append(known)
            return f"((y := {text}) is {known} or ({other}(y) and ({known} := y) is y))"
        weak, method = self._loose
        if held.__class__ is weak:  # and None is no object that is gone
            return f"{text} is {self._named(held)}() is not None"
        if held.__class__ is method:
            return f"equal({text}, {self._named(held)})"
        known = self._place(index, part, held)
        if held.__class__ in TUPLES:
            return f"((y := {text}) is {known} or equal(y, {known}))"
        return f"{text} is {known}"

    def _named(self, value: Any) -> str:
        """The name of an object, one for each."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self._names)}"
            self.space[name] = value
        return name

    def _place(self, index: int, part: int, held: Any) -> str:
        name = f"v{len(self.places)}"
        self.places.append((index, part, name))
        self.space[name] = held
        return name

    def give(self, nows: Sequence[Any], reads: Sequence[tuple[Any, Any]]) -> None:
        """Compare with what readers have given now, which is equal to what they gave or, in
        numbers that may change, what is held for them now."""
        for index, name in self.whole:
            self.space[name] = reads[index][1]
        for index, part, name in self.places:
            now = nows[index]
            self.space[name] = now if part == WHOLE else now[part]


_SOURCE = """\
def holds():
    {header}
    try:
        return (
            {body}
        )
    except Exception:
        return False
"""
