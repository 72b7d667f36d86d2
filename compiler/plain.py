"""Calls that run as plain Python, and why.

``function.py`` asks this on every call that is not prepared; the compiler is not loaded for it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from twofold.ir.dtypes import known
from twofold.ir.errors import StagingError, TwofoldError

__all__ = [
    "Changed",
    "Held",
    "NoOp",
    "PlainPython",
    "first_line",
    "has_dtype",
    "is_foreign",
    "reason",
]


Held = Literal["kinds", "sizes", "call"]


class PlainPython(BaseException):
    """A call that no trace can make: the Python function runs instead.

    No ``except Exception`` of the user catches it. ``holds``: for all arguments of these kinds, for
    those of these sizes, or for this call alone. ``refusal``: what cannot be staged, or what
    the function raised.
    """

    def __init__(self, holds: Held = "kinds", refusal: Exception | None = None) -> None:
        super().__init__()
        self.holds: Held = holds
        self.refusal = refusal


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
    words = error.message if isinstance(error, TwofoldError) else f"{type(error).__name__}: {error}"
    return words.partition("\n")[0] + where


def is_foreign(x: Any) -> bool:
    """Whether this is a NumPy array or scalar that no trace takes: a subclass, or of another
    dtype. A function with such an argument runs as plain Python."""
    if isinstance(x, np.ndarray):
        return type(x) is not np.ndarray or not has_dtype(x.dtype)
    return isinstance(x, np.generic) and not has_dtype(x.dtype)


def has_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether tensors have this dtype."""
    own = dtype.kind not in "iu" or dtype.char == np.dtype(dtype.str).char
    return own and known(dtype) and dtype.isnative  # not long long, where long is as long
