"""complex64 computed in double precision: more digits than it needs, and no overflow on the way."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..lanes import Value

__all__ = ["in_double"]

WIDE = np.dtype("complex128")


def in_double(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function, which is written for complex128, for both dtypes."""

    @functools.wraps(function)
    def run(*args: Value) -> Value:
        return function(*(x.cast(WIDE) for x in args)).cast(args[0].dtype)

    return run
