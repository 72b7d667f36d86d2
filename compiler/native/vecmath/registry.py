"""The table of functions: what each promises, and the decorator that fills it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from ..lanes import Value


@dataclass(frozen=True)
class MathFunction:
    """One function.

    `ulp_f32` and `ulp_f64` bound the error over all finite results, in units in the last place of
    the exactly rounded result; 0.5 is correct rounding, 0.0 means the operation is exact.
    """

    name: str
    arity: int
    ulp_f32: float
    ulp_f64: float
    doc: str
    build: Callable[..., Value]

    def ulp(self, bits: int) -> float:
        """The bound for a 32- or 64-bit element."""
        return self.ulp_f64 if bits == 64 else self.ulp_f32


FUNCTIONS: dict[str, MathFunction] = {}


def math_function(
    name: str, *, ulp_f32: float, ulp_f64: float
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register a builder of values under `name` with its error bounds."""

    def register(build: Callable[..., Value]) -> Callable[..., Value]:
        arity = len(inspect.signature(build).parameters)
        doc = inspect.cleandoc(build.__doc__ or "")
        FUNCTIONS[name] = MathFunction(name, arity, ulp_f32, ulp_f64, doc, build)
        return build

    return register
