"""What ``compare`` keeps: a record for each function, the outcome of a run, the state around it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.ir.errors import AgreementError, TwofoldError
from twofold.ir.location import Location
from twofold.runtime.variable import Variable

from .target import known_as

__all__ = ["Outcome", "Record", "State"]


class Record:
    """What is known about one function: times in seconds, memory in bytes."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.name = known_as(function)[0]
        self.place = _place(function)
        self.twin = Function(
            function.python_function, input_signature=function.input_signature,
            jit_compile=True, name=function.name,
        )  # fmt: skip
        self.calls = 0
        self.eager: list[float] = []
        self.compiled: list[float] = []
        self.trace_seconds = self.compile_seconds = 0.0
        self.worst = 0.0
        self.failure: TwofoldError | None = None
        self.traces: dict[int, ConcreteFunction] = {}
        self.kernels = self.array_steps = 0
        self.eager_moved = self.compiled_moved = 0
        self.eager_memory = self.compiled_memory = 0

    def fail(self, message: str) -> None:
        """Remember the first failure."""
        if self.failure is None:
            self.failure = AgreementError(f"{self.name}: {message}", self.place)

    @property
    def eager_seconds(self) -> float | None:
        """Median of an eager call."""
        return statistics.median(self.eager) if self.eager else None

    @property
    def compiled_seconds(self) -> float | None:
        """Median of a compiled call, first calls left out."""
        return statistics.median(self.compiled) if self.compiled else None


class Outcome:
    """How one run ended."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        start = perf_counter()
        try:
            self.result = run()
        except Exception as error:  # noqa: BLE001  (compared with the other mode's, then raised)
            self.error = error
        self.seconds = perf_counter() - start


class State:
    """Variables that a trace touches, and arguments that it writes to."""

    def __init__(self, concrete: ConcreteFunction, leaves: list[Any]) -> None:
        self.variables = [c for c in concrete.captures if isinstance(c, Variable)]
        self.written = concrete.written(leaves)

    def names(self) -> Iterator[str]:
        """A name for each part."""
        yield from (f"variable {v.name!r}" for v in self.variables)
        yield from (f"argument {i} that is written to" for i in range(len(self.written)))

    def take(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all parts."""
        return [
            (x if isinstance(x, np.ndarray) else x.array).copy()
            for x in (*self.variables, *self.written)
        ]

    def put(self, copies: list[np.ndarray[Any, Any]]) -> None:
        """Set all parts to (copies of) these."""
        for x, array in zip((*self.variables, *self.written), copies, strict=True):
            if isinstance(x, np.ndarray):
                np.copyto(x, array)
            else:
                x.array = array.copy()


def _place(function: Function) -> Location | None:
    code = getattr(function.python_function, "__code__", None)
    return None if code is None else Location(code.co_filename, code.co_firstlineno, 1)
