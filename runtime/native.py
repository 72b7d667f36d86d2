"""Machine code that eager products run in, once this process has some.

This floor has no compiler. When products have taken ``PATIENCE`` seconds, it asks for their machine
code once; what was installed for that (``twofold.api.surface`` does) loads the code in the
background, from the cache on disk or, if that does not have it, newly compiled. Until then, and
where it does not come, NumPy multiplies the same panels, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["PATIENCE", "Native", "native"]

PATIENCE = 0.05  # seconds in products, about as long as loading takes

Array = np.ndarray[Any, Any]


class Native:
    """What is there: ``multiply(a, b, out)`` says whether it has written the product."""

    def __init__(self) -> None:
        self.multiply: Callable[[Array, Array, Array], bool] = lambda a, b, out: False
        self.spent = 0.0
        self.request: Callable[[], None] | None = None

    def spend(self, seconds: float) -> None:
        """Count the time of a product; ask for machine code when it is enough."""
        self.spent += seconds
        if self.spent > PATIENCE and self.request is not None:
            request, self.request = self.request, None
            request()


native = Native()
