"""Inlined vector mathematics for kernels: stated accuracy, exact special cases.

`FUNCTIONS` lists them with their error bounds; `FUNCTIONS[name].build(*values)` writes one on
values of float32 or float64 (`lanes.py`), for one lane or an explicit vector. Only lgamma calls
libm. Some open basic blocks (a rare path for huge arguments).
"""

from __future__ import annotations

from . import (  # noqa: F401
    arc,
    basic,
    exponential,
    gamma,
    hyperbolic,
    logarithm,
    power,
    special,
    trigonometric,
)
from .registry import FUNCTIONS, MathFunction

__all__ = ["FUNCTIONS", "MathFunction"]
