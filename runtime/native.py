"""Machine code that eager operations run in, once this process has some.

This floor has no compiler. When products, and large arrays in operations that have a routine, have
taken ``PATIENCE`` seconds, it asks for machine code once; what was installed for that
(``twofold.api.surface`` does) loads the code in the background, from the cache on disk or, if that
does not have it, newly compiled. Until then, and where it does not come, NumPy computes the same
bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.op import Op

__all__ = ["LARGE", "PATIENCE", "Native", "native"]

PATIENCE = 0.05  # seconds in NumPy, about as long as loading takes
LARGE = 16384  # elements from which a routine is worth its call
EACH = 4e-9  # seconds that NumPy takes for an element of what has a routine, about

Array = np.ndarray[Any, Any]
Outputs = tuple[Array, ...]


class Native:
    """What is there: ``multiply(a, b, out)`` says whether it has written the product; ``compute``
    gives the outputs of an operation, or None."""

    def __init__(self) -> None:
        self.multiply: Callable[[Array, Array, Array], bool] = lambda a, b, out: False
        self.compute: Callable[[Op, Any, dict[str, Any]], Outputs | None] = lambda *call: None
        self.spent = 0.0
        self.request: Callable[[], None] | None = None

    def spend(self, seconds: float) -> None:
        """Count time in NumPy; ask for machine code when it is enough."""
        self.spent += seconds
        if self.spent > PATIENCE and self.request is not None:
            request, self.request = self.request, None
            request()

    def outputs(self, op: Op, inputs: Any, attrs: dict[str, Any]) -> Outputs | None:
        """The outputs of an operation that has a routine, if that is worth it and there."""
        size = max([x.size for x in inputs])
        if size < LARGE:
            return None
        found = self.compute(op, inputs, attrs)
        if found is None:
            self.spend(size * EACH)
        return found


native = Native()
