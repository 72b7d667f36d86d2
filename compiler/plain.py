"""Calls that run as plain Python, and why.

``function.py`` asks this on every call that is not prepared; the compiler is not loaded for it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from twofold.ir.dtypes import known
from twofold.ir.errors import StagingError

__all__ = ["Changed", "Held", "NoOp", "PlainPython", "has_dtype", "is_foreign", "reason"]


Held = Literal["kinds", "sizes", "call"]


class PlainPython(BaseException):
    """A call that no trace can make: the Python function runs instead.

    No ``except Exception`` of the user catches it. ``holds``: for all arguments of these kinds, for
    those of these sizes, or for this call alone.
    """

    def __init__(self, holds: Held = "kinds") -> None:
        super().__init__()
        self.holds: Held = holds


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
