"""LAPACK's routines on arrays: NumPy's functions, or what the floor above puts in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Factoring", "factoring"]


class Factoring:
    """``find(name)`` is the function that does what that of ``numpy.linalg`` does.

    >>> Factoring().find("solve") is np.linalg.solve
    True
    """

    def __init__(self) -> None:
        self.find: Callable[[str], Callable[..., Any]] = lambda name: getattr(np.linalg, name)


factoring = Factoring()
