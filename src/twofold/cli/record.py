"""What ``compare`` keeps: a record for each function, the outcome of a run, the state around it."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.effects import Noted
from twofold.compiler.function import Function
from twofold.compiler.plain import PlainCalls
from twofold.ir.errors import AgreementError, TwofoldError
from twofold.ir.location import Location
from twofold.ir.tree import flatten
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from .agreement import Flat
from .target import known_as

__all__ = ["Outcome", "RanPlainly", "Record", "State", "snapshot"]

_HOLDS_ARRAY = (Tensor, Variable, np.ndarray)


class RanPlainly(Exception):
    """A call of a twin that would have run the Python function; the text says why. ``raised``:
    what the graph raised before."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        error = sys.exception()
        self.raised = error if isinstance(error, Exception) else None


class Twin(Function):
    """A decorated function a second time, which only computes: it changes nothing while it is
    traced, and never runs the Python function."""

    keeps_changes = False

    def plainly(self, args: tuple[Any, ...], kwargs: dict[str, Any], why: str) -> Any:
        raise RanPlainly(why)


class Record:
    """What is known about one function: times in seconds, memory in bytes."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.name = known_as(function)[0]
        self.place = _place(function)
        self.twin = Twin(
            function.python_function, input_signature=function.input_signature,
            jit_compile=True, name=function.name,
        )  # fmt: skip
        self.twin.cuts = function.cuts
        self.calls = 0
        self.eager: list[float] = []
        self.compiled: list[float] = []
        self.trace_seconds = self.compile_seconds = 0.0
        self.worst = 0.0
        self.failure: TwofoldError | None = None
        self.plain = PlainCalls()
        self.steps = PlainCalls()  # calls with steps in Python, which are not compared, by reason
        self.traces: dict[int, ConcreteFunction] = {}
        self.kernels = self.array_steps = 0
        self.eager_moved = self.compiled_moved = 0
        self.eager_memory: int | None = None
        self.compiled_memory = 0

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
    """Variables that a trace touches, and all arrays that it is given or captures."""

    def __init__(self, concrete: ConcreteFunction, leaves: list[Any]) -> None:
        named = [
            *zip(concrete.trace.leaf_names, leaves, strict=True),
            *(("from outside", c) for c in [*concrete.captures, *concrete.written(leaves)]),
        ]
        self.outside = [Noted(x) for x in concrete.outputs.owners(leaves)]
        self.after: list[Any] = []  # what these hold after the eager call
        found = {id(x): (name, x) for name, x in reversed(named) if isinstance(x, _HOLDS_ARRAY)}
        self.held = [x for _, x in found.values()]
        self.names = [
            f"variable {x.name!r}" if isinstance(x, Variable) else _argument(name)
            for name, x in found.values()
        ]

    def take(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all parts."""
        return [(x if isinstance(x, np.ndarray) else x.array).copy() for x in self.held]

    def keep(self) -> list[np.ndarray[Any, Any]]:
        """The values themselves, as tapes know them; copies of arrays."""
        self.after = [noted.read() for noted in self.outside]
        return [x.copy() if isinstance(x, np.ndarray) else x.array for x in self.held]

    def put(self, copies: list[np.ndarray[Any, Any]]) -> None:
        """Set all parts to copies of these, and objects to what they held at first."""
        for noted in self.outside:
            if noted.restore is not None:
                noted.restore(noted.before)
        self._set([array.copy() for array in copies])

    def restore(self, kept: list[np.ndarray[Any, Any]]) -> None:
        """Set all parts to these, and objects to what they held after the eager call."""
        for noted, held in zip(self.outside, self.after, strict=False):
            if noted.restore is not None:
                noted.restore(held)
        self._set(kept)

    def _set(self, kept: list[np.ndarray[Any, Any]]) -> None:
        for x, array in zip(self.held, kept, strict=True):
            if not isinstance(x, np.ndarray):
                x.array = array
            elif x.flags.writeable:
                np.copyto(x, array)


def snapshot(result: Any) -> Flat:
    """What a function returned as it is now; later calls may write into its arrays."""
    leaves, structure = flatten(result)
    return [
        x.copy() if isinstance(x, np.ndarray)
        else wrap(x.array.copy()) if type(x) is Tensor
        else x
        for x in leaves
    ], structure  # fmt: skip


def _argument(name: str) -> str:
    return "an array from outside" if name == "from outside" else f"argument {name!r}"


def _place(function: Function) -> Location | None:
    code = getattr(function.python_function, "__code__", None)
    return None if code is None else Location(code.co_filename, code.co_firstlineno, 1)
