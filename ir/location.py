"""Where in the user's source an operation was called, and the name it was given there.

The innermost frame outside this package is the user's. Its code object says line and column
(PEP 657) and, if the next instruction stores the result, the name of the variable.
"""

from __future__ import annotations

import contextlib
import dis
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Location",
    "add_framework",
    "frames",
    "instructions_of",
    "interpreters",
    "is_internal",
    "is_own",
    "location",
    "next_use",
    "stores_item",
    "user_frame",
    "user_level",
    "user_location",
    "user_name",
]

KEPT = 4096  # code objects, and files, that something is remembered of
TAKEN_APART = 32  # code objects of which all instructions are: several ask, one after the other
# instructions that do nothing with a value; LOAD_CONST gives a call its keywords
NO_USE = ("CACHE", "PRECALL", "PUSH_NULL", "KW_NAMES", "EXTENDED_ARG", "LOAD_CONST")
CALLS = ("CALL", "CALL_KW", "CALL_FUNCTION_EX")
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")


class Location(NamedTuple):
    """A place in the user's source: file, line and column (from 1); where the expression ends, the
    function, and the place of the call that led there, as far as they are known."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0
    function: str = ""
    outer: Location | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def _roots() -> tuple[str, ...]:
    """The folders of this package: the floor ``ir`` and, beside it, the others and the face."""
    here = os.path.dirname(os.path.abspath(__file__))
    real = os.path.realpath(here)
    above = os.path.dirname(real)
    names = {here, real}
    names |= {os.path.join(above, floor) for floor in ("runtime", "compiler", "src")}
    for package in (above, os.path.dirname(here)):
        if os.path.isfile(os.path.join(package, "__init__.py")):  # not a checkout of that name
            names.add(package)
    return tuple(name + os.sep for name in names)


_OWN = _roots()
# Calls from NumPy are the user's, and so are errors in a block of ours.
_ROOTS = (*_OWN, os.path.dirname(np.__file__) + os.sep, contextlib.__file__)
_frameworks: set[str] = set()


@lru_cache(KEPT)
def is_internal(filename: str) -> bool:
    """Whether a file is part of this package, of NumPy or of a framework, or no file at all."""
    roots = (*_ROOTS, *_frameworks)
    return filename.startswith(roots) or filename == "<string>" or "<frozen" in filename


def is_own(filename: str) -> bool:
    """Whether a file is part of this package."""
    return filename.startswith(_OWN)


def add_framework(folder: str) -> None:
    """What calls from the files of this folder was called by the user: Keras is such a folder."""
    _frameworks.add(folder + os.sep)
    is_internal.cache_clear()


# Functions that interpret user code: the code of each -> the variable with the frame that it runs,
# an object with the attributes of Python's frames.
interpreters: dict[CodeType, str] = {}


def frames(depth: int = 2) -> Iterator[FrameType]:
    """The frames from the innermost to the outermost, ``depth`` above this one; in place of one
    that interprets user code, the one that it interprets."""
    frame: FrameType | None = sys._getframe(depth - 1)
    while frame is not None:
        name = interpreters.get(frame.f_code)
        found: Any = frame if name is None else frame.f_locals[name]
        yield found
        while name is not None and found.is_apart:  # the frames around it do not run meanwhile
            found = found.f_back
            yield found
        frame = frame.f_back


def user_frame() -> FrameType | None:
    """The innermost frame that is neither of this package nor of NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:  # without ``frames``: every node of a graph asks
        code = frame.f_code
        name = interpreters.get(code)
        if name is not None:
            found: FrameType = frame.f_locals[name]
            if not is_internal(found.f_code.co_filename):
                return found
        elif not is_internal(code.co_filename):
            return frame
        frame = frame.f_back
    return None


def user_level() -> int:
    """The ``stacklevel`` of a warning that is given to the user's innermost line."""
    level = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_internal(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level + 1


def user_location(
    frame: Any = None, error: BaseException | None = None
) -> Location | None:  # fmt: skip
    """The place that the user's innermost frame is at; of an interpreted one, and of those around
    it, the place where each has raised an ``error``."""
    frame = frame or user_frame()
    if frame is None:
        return None
    if isinstance(frame, FrameType):
        return location(frame.f_code, frame.f_lasti, None)
    return _interpreted(frame, error)


def _interpreted(frame: Any, error: BaseException | None) -> Location | None:
    """Where the frames that are interpreted stand, from this one outwards."""
    if frame is None:
        return None
    at = frame.f_lasti if error is None else frame.raising(error)
    return location(frame.f_code, at, _interpreted(frame.f_back, error))


@lru_cache(KEPT)
def location(code: CodeType, offset: int, outer: Location | None) -> Location:
    """What the instruction at an offset is in the source."""
    place = next(islice(code.co_positions(), offset // 2, None), None)
    line, last, column, end = place or (None, None, None, None)
    return Location(
        code.co_filename, line or code.co_firstlineno, (column or 0) + 1, last or 0,
        0 if end is None else end + 1, code.co_name, outer,
    )  # fmt: skip


@lru_cache(TAKEN_APART)
def instructions_of(code: CodeType) -> tuple[dis.Instruction, ...]:
    """The instructions of a code object, without the inline caches behind them."""
    return tuple([i for i in dis.get_instructions(code) if i.opname != "CACHE"])


def user_name(frame: FrameType) -> str:
    """The variable that receives the value being computed in this frame, or ``""``."""
    return _stores(frame.f_code).get(frame.f_lasti, "")


@lru_cache(KEPT)
def _stores(code: CodeType) -> dict[int, str]:
    """Offset of an instruction whose result the next instruction stores -> the name stored to."""
    table: dict[int, str] = {}
    instructions = [i for i in instructions_of(code) if i.opname != "PRECALL"]
    for before, after in pairwise(instructions):
        if after.opname in _STORES:
            # while a call runs, f_lasti is the call or the last of its inline caches
            for offset in range(before.offset, after.offset, 2):
                table[offset] = str(after.argval)
    return table


def stores_item() -> bool:
    """Whether the user's code is at an assignment to an item, ``x[i] = v``."""
    for frame in frames():
        code = frame.f_code
        if code.co_filename == "<string>" or not is_internal(code.co_filename):
            return dis.opname[code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE")
    return False


def next_use(frame: FrameType) -> tuple[str, str]:
    """What is done first with the value that an expression in this frame loads now: the name of
    an instruction (``CALL``, ``LOAD_ATTR`` ...) and its argument, or ``""`` twice.

    What is called, or has an attribute read, begins the expression that does it.
    """
    return _uses(frame.f_code).get(frame.f_lasti, ("", ""))


@lru_cache(KEPT)
def _uses(code: CodeType) -> dict[int, tuple[str, str]]:
    table: dict[int, tuple[str, str]] = {}
    last: dict[Any, int] = {}  # where an expression begins -> its latest instruction
    for step in instructions_of(code):
        place = step.positions
        if step.opname in NO_USE or place is None or None in (place.lineno, place.col_offset):
            continue
        begin = place.lineno, place.col_offset
        if begin in last:
            table[last[begin]] = step.opname, str(step.argval)
        last[begin] = step.offset
    return table
