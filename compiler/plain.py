"""Calls that run as plain Python, and why.

``function.py`` asks this on every call that is not prepared; the compiler is not loaded for it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from twofold.ir.dtypes import known
from twofold.ir.errors import StagingError, TwofoldError
from twofold.ir.location import user_location
from twofold.ir.ops.control import Replay

__all__ = [
    "DEEP",
    "FOREIGN",
    "RECURSION",
    "RECURSIVE",
    "TEXT",
    "Changed",
    "Held",
    "NoOp",
    "PlainCalls",
    "PlainPython",
    "first_line",
    "has_dtype",
    "is_foreign",
    "is_text",
    "reason",
]


Held = Literal["kinds", "sizes", "call"]
FOREIGN = "an argument is a NumPy array of a subclass or of a dtype that no tensor has"
TEXT = "an argument is a text, which is data that Python reads"
# The threads in a step of a call that is in a step, and so on, ``RECURSION`` times. Python has room
# for so many calls in each other, and one with a graph takes more of it than a plain one.
DEEP: set[int] = set()
RECURSION = 12
RECURSIVE = "functions call each other deeply from Python's steps"
REASONS = 64  # different reasons that are counted apart for a function
_OTHER = "other reasons"
_UNNAMED = "what is done here with values of the graph"


class PlainPython(BaseException):
    """A call that no trace can make: the Python function runs instead.

    No ``except Exception`` of the user catches it. ``holds``: for all arguments of these kinds, for
    those of these sizes, or for this call alone. ``refusal``: what cannot be staged, or what
    the function raised. ``words``: what is not staged, where there is no such exception; the line
    that the user's code is at is added. ``known``: what an earlier call was told, whole.
    """

    def __init__(
        self, holds: Held = "kinds", refusal: Exception | None = None, words: str = _UNNAMED,
        known: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.holds: Held = holds
        self.refusal = refusal
        self.why = known or (_here(words) if refusal is None else first_line(refusal))

    @property
    def cause(self) -> Exception | None:
        """What Python code raised, if a trace with other numbers by value might go further."""
        own = isinstance(self.refusal, TwofoldError)
        found = isinstance(self.refusal, TypeError | AttributeError) and not own
        return self.refusal if found else None


class PlainCalls:
    """How many calls of a function ran as plain Python, by reason; a reason ends with its line."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def note(self, why: str) -> None:
        """Count another call. Two threads must not do so at once."""
        if why not in self.counts and len(self.counts) >= REASONS:
            why = _OTHER
        self.counts[why] = self.counts.get(why, 0) + 1

    @property
    def total(self) -> int:
        """How many calls there were."""
        return sum(self.counts.values())


class NoOp(StagingError):
    """A call of NumPy, or a dtype, for which no op is there."""


class Changed(StagingError):
    """The function changes Python state that it was given or that it reads by name.

    ``lasting``: so it is known of earlier calls.
    """

    lasting = False


def reason(name: str, changed: str) -> str:
    """Why a function that changes Python state is not compiled."""
    return (
        f"{name} changes {changed}, so calls of it run as plain Python; return the new value "
        f"instead, or keep it in a tf.Variable"
    )


def first_line(error: Exception) -> str:
    """An error in a line, with its place in the user's code."""
    where = f" ({error.location})" if isinstance(error, TwofoldError) and error.location else ""
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, TwofoldError | Replay):
        words = error.message if isinstance(error, TwofoldError) else str(error)
    return words.partition("\n")[0] + where


def _here(words: str) -> str:
    """What is not staged, with the line that the user's code is at."""
    place = user_location()
    return f"{words} is not staged" + ("" if place is None else f" ({place})")


def is_foreign(x: Any) -> bool:
    """Whether this is a NumPy array or scalar that no trace takes: a subclass, or of another
    dtype. A function with such an argument runs as plain Python."""
    if isinstance(x, np.ndarray):
        return type(x) is not np.ndarray or not has_dtype(x.dtype)
    return isinstance(x, np.generic) and not has_dtype(x.dtype)


def is_text(x: Any) -> bool:
    """Whether this is a tensor of texts: a trace would be for these very ones."""
    return getattr(type(x), "holds_texts", False)


def has_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether tensors have this dtype."""
    own = dtype.kind not in "iu" or dtype.char == np.dtype(dtype.str).char
    return own and known(dtype) and dtype.isnative  # not long long, where long is as long
