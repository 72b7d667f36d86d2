"""Factorisations of arrays: NumPy's functions, or what the floor above puts in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Factoring", "factoring"]


class Factoring:
    """``cholesky`` does what that of ``numpy.linalg`` does.

    >>> Factoring().cholesky([[4.0]]).item()
    2.0
    """

    def __init__(self) -> None:
        self.cholesky: Callable[..., Any] = np.linalg.cholesky


factoring = Factoring()
