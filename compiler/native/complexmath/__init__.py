"""Functions of complex numbers for kernels: C99's branch cuts, infinities and zeros.

``FUNCTIONS`` lists them; each takes and returns complex values (``lanes.py``). Errors are within
``BOUND`` units in the last place of the modulus of the result: a part that cancels against the
other's size may have none of its own digits right, as in NumPy. ``exp2`` and ``pow`` lose what
their exponents amplify, ``abs(x)`` and ``abs(y * log(x))`` units more.

complex64 is computed in double precision, except where ``exp`` alone is.

Sources: Kahan, Branch cuts for complex elementary functions, or Much ado about nothing's sign bit
(1987); ISO C99, Annex G.6, for special values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..lanes import Value
from . import arc, exponential, hyperbolic, logarithm

__all__ = ["BOUND", "FUNCTIONS"]

BOUND = 8.0

FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "exp": exponential.exp, "exp2": exponential.exp2, "expm1": exponential.expm1,
    "pow": exponential.pow_,
    "log": logarithm.log, "log1p": logarithm.log1p, "log2": logarithm.log2,
    "log10": logarithm.log10, "sqrt": logarithm.sqrt, "rsqrt": logarithm.rsqrt,
    "sinh": hyperbolic.sinh, "cosh": hyperbolic.cosh, "tanh": hyperbolic.tanh,
    "sin": hyperbolic.sin, "cos": hyperbolic.cos, "tan": hyperbolic.tan,
    "asin": arc.asin, "acos": arc.acos, "atan": arc.atan,
    "asinh": arc.asinh, "acosh": arc.acosh, "atanh": arc.atanh,
    "sign": logarithm.sign,
}  # fmt: skip
