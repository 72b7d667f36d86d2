"""Inlined vector mathematics for kernels: stated accuracy, exact special cases.

`VectorMath` emits each function as straight-line LLVM code at the builder's position, for one
lane or an explicit vector. `FUNCTIONS` lists them with their error bounds. Only lgamma calls libm.
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
from .vector import VectorMath

__all__ = ["FUNCTIONS", "MathFunction", "VectorMath"]
