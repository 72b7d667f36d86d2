"""Run NumPy without its floating-point warnings: values follow IEEE 754 in both modes.

``np.errstate`` costs a microsecond a use. NumPy keeps the error state in a context variable, so a
``contextvars.Context`` prepared once for each thread does the same at a tenth of that.
"""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import numpy as np

__all__ = ["quiet"]


class _Quiet(threading.local):
    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run

    def busy(self) -> bool:
        """Whether ``run`` is under way in this thread."""
        try:
            self.run(int)
        except RuntimeError:  # a context is entered once at a time
            return True
        return False

    def nested(self, function: Any, *args: Any, **options: Any) -> Any:
        """``run`` while ``run`` is under way in this thread: a finalizer that computes."""
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        return context.run(function, *args, **options)


quiet = _Quiet()
