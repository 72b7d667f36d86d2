"""The state of a running function, as plain data: it can be copied, and run on from any point."""

from __future__ import annotations

import builtins
import types
from types import CodeType
from typing import Any

from .code import Program, program_of

__all__ = ["DROPPED", "NULL", "UNBOUND", "Frame"]


class _Mark:
    """What stands on the stack or in a slot where there is no value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NULL = _Mark("NULL")
UNBOUND = _Mark("UNBOUND")
DROPPED = _Mark("DROPPED")  # what a trip of a loop has left, which the next trips do not have


class Frame:
    """A function that runs: where it is, its variables (a cell where a closure shares one), its
    stack.

    It answers to the names that a frame of Python has (``f_code``, ``f_lasti`` ...), for those who
    ask where the user's code is.
    """

    __slots__ = ("around", "at", "back", "began", "carried", "code", "direct", "f_globals",
                 "handled", "home", "is_apart", "keywords", "now", "parts_next", "passed",
                 "program", "raised", "raises", "slots", "stack", "stops", "takes",
                 "tests")  # fmt: skip

    def __init__(self, code: CodeType, space: dict[str, Any], back: Frame | None) -> None:
        self.code, self.f_globals, self.back = code, space, back
        self.around: Frame | None = None  # who called what calls it, where nobody is ``back``
        self.program: Program = program_of(code)
        self.slots: dict[str, Any] = {}
        self.stack: list[Any] = []
        self.at = self.now = 0  # the next step, and the present one
        self.began = 0  # the number of the present step, of all that the trace carries out
        self.is_apart = False  # whether it runs while the frame around it does not
        self.direct = False  # whether the call that it makes gives what is pushed, as it is
        self.handled: BaseException | None = None  # what an ``except`` block is handling
        self.parts_next = False  # whether what comes next may give a Choice
        self.home: Any = None  # the graph that its present steps are part of
        self.raises = False  # whether it may give what it raises to its caller, for a ``try`` there
        self.raised: tuple[Any, int] = None, 0  # the latest exception, and the step that raised it
        # tests of whether the present step raises: those met, those decided (it does not)
        self.tests = self.passed = 0
        # where what a generator yields goes, if it is used up at once (``drained.py``)
        self.takes: list[Any] | bool | None = None
        self.keywords: tuple[str, ...] = ()  # of the call that comes next
        self.stops: frozenset[int] = frozenset()  # steps before which a run ends
        self.carried: frozenset[str] = frozenset()  # what is asked for where it ends, though unread

    def copy(self) -> Frame:
        """A frame that goes on by itself, with the same values."""
        made = Frame.__new__(Frame)
        for name in Frame.__slots__:
            setattr(made, name, getattr(self, name))
        made.slots, made.stack = dict(self.slots), list(self.stack)
        return made

    def become(self, other: Frame) -> None:
        """Go on where another frame of the same function is."""
        for name in Frame.__slots__:
            setattr(self, name, getattr(other, name))

    @property
    def catches(self) -> bool:
        """Whether what the present step raises may be caught, here or by a function around it."""
        return self.raises or self.program.handlers[self.now] is not None

    @property
    def is_protected(self) -> bool:
        """Whether it stands where a ``try`` or a ``with`` catches exceptions."""
        handler = self.program.handlers[self.at - 1]
        return handler is not None and not self.program.ends_generator(handler)

    @property
    def f_code(self) -> CodeType:
        return self.code

    def note(self, error: BaseException) -> None:
        """An exception comes up. What a handler or a ``finally`` raises again keeps its place."""
        step = self.program.steps[self.now]
        if self.raised[0] is not error or (step.op == "RAISE_VARARGS" and step.arg):
            self.raised = error, self.now

    def raising(self, error: BaseException) -> int:
        """Where the instruction stands that raised an exception."""
        found, at = self.raised
        offset: int = self.program.steps[at].offset
        return offset if found is error else self.f_lasti

    @property
    def f_lasti(self) -> int:
        offset: int = self.program.steps[self.now].offset
        return offset

    @property
    def f_lineno(self) -> int:
        found = list(self.code.co_positions())[self.f_lasti // 2][0]
        return found or self.code.co_firstlineno

    @property
    def f_back(self) -> Frame | None:
        return self.around if self.back is None else self.back

    @property
    def f_builtins(self) -> dict[str, Any]:
        found = dict.get(self.f_globals, "__builtins__", builtins)
        return found.__dict__ if isinstance(found, types.ModuleType) else found

    @property
    def f_locals(self) -> dict[str, Any]:
        found = {}
        for name, value in self.slots.items():
            if isinstance(value, types.CellType):
                try:
                    value = value.cell_contents
                except ValueError:
                    continue
            if value is not UNBOUND:
                found[name] = value
        return found
