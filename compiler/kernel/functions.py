"""The scalar functions that kernels may call: the contract between the loop IR and a target.

A name means the same everywhere: the readable Python calls the NumPy body of the op of that name,
a target brings code of its own. ``cheap`` functions cost about an addition: where a value is needed
again they are computed again instead of being kept (``schedule.py``).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CHEAP", "COMPLEX", "FLOAT_ONLY", "FUNCTIONS", "PARTS", "Function"]


class Function(NamedTuple):
    """One function: parameters, whether integers and bools are taken, what it costs, its result."""

    arity: int
    any_dtype: bool = False
    cheap: bool = False
    test: bool = False  # the result is a bool
    complex: bool = False  # complex arguments are taken, too
    keeps: bool = False  # the result is an argument, but for its sign, or an integer next to it

    @property
    def float_only(self) -> bool:
        """Whether the arguments must be floating."""
        return not self.any_dtype


FUNCTIONS: dict[str, Function] = {
    "abs": Function(1, complex=True, any_dtype=True, cheap=True, keeps=True),
    "cast": Function(1, complex=True, any_dtype=True, cheap=True),
    "ceil": Function(1, cheap=True, keeps=True),
    "class_number": Function(2, any_dtype=True, cheap=True, keeps=True),  # the first, checked
    "copysign": Function(2, cheap=True, keeps=True),
    "floor": Function(1, cheap=True, keeps=True),
    "floordiv": Function(2, any_dtype=True),
    "fma": Function(3, cheap=True),
    "integer": Function(1, cheap=True),  # a cast of a finite number
    "isfinite": Function(1, complex=True, any_dtype=True, cheap=True, test=True),
    "isinf": Function(1, complex=True, any_dtype=True, cheap=True, test=True),
    "isnan": Function(1, complex=True, any_dtype=True, cheap=True, test=True),
    "maximum": Function(2, any_dtype=True, cheap=True, keeps=True),
    "minimum": Function(2, any_dtype=True, cheap=True, keeps=True),
    "mod": Function(2, any_dtype=True),
    "mulhi": Function(2, any_dtype=True, cheap=True),  # the upper half of a product of uint64
    "pow": Function(2, any_dtype=True, complex=True),
    "round": Function(1, complex=True, cheap=True, keeps=True),
    "sign": Function(1, complex=True, any_dtype=True, cheap=True, keeps=True),
    "sqrt": Function(1, complex=True, cheap=True),
    "trunc": Function(1, cheap=True, keeps=True),
    "atan2": Function(2),
    "angle": Function(1, complex=True),
    "conj": Function(1, any_dtype=True, cheap=True, complex=True),
    "imag": Function(1, any_dtype=True, cheap=True, complex=True, keeps=True),
    "pair": Function(2, cheap=True),
    "real": Function(1, any_dtype=True, cheap=True, complex=True, keeps=True),
} | dict.fromkeys(
    ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "exp2", "expm1",
     "log", "log10", "log1p", "log2", "rsqrt", "sin", "sinh", "tan", "tanh"),
    Function(1, complex=True),
) | dict.fromkeys(
    ("cbrt", "erf", "erfc", "lgamma", "sigmoid", "softplus"), Function(1)
)  # fmt: skip

CHEAP = frozenset(name for name, f in FUNCTIONS.items() if f.cheap)
COMPLEX = frozenset(name for name, f in FUNCTIONS.items() if f.complex)
PARTS = frozenset({"abs", "angle", "imag", "real"})  # real numbers of complex ones
FLOAT_ONLY = frozenset(name for name, f in FUNCTIONS.items() if f.float_only)
