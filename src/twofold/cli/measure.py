"""The observer behind ``compare``: each call of a decorated function, eagerly and compiled.

For each call: trace and compile if the call needs it (timed apart), remember the state, run the
Python function eagerly, keep its result and the state after it, put the state back, run the
compiled function, compare results and states. The script goes on with the eager result and state.
The first call of each trace is run twice in each mode: once cold and for memory, once for time.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tracemalloc
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from twofold.compiler import config, observe
from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.compiler.signature import bind_arguments
from twofold.ir import bind
from twofold.ir.errors import AgreementError, TwofoldError
from twofold.ir.location import Location
from twofold.runtime.variable import Variable

from .agreement import check_same, check_values
from .cost import kernel_count, moved_bytes, planned_bytes
from .target import known_as

__all__ = ["Comparison", "Record"]


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
        self.written = [leaves[position] for position, _ in concrete.outputs.writes]

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


class Comparison:
    """Receives the calls; see ``observe.observed``."""

    def __init__(
        self, only: str = "", limit: int | None = None, rtol: float | None = None,
        atol: float | None = None, progress: Callable[[Record], None] = lambda record: None,
    ) -> None:  # fmt: skip
        self.only, self.limit, self.rtol, self.atol = only, limit, rtol, atol
        self.progress = progress
        self.records: dict[int, Record] = {}

    def __call__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call: both ways, and the eager result."""
        if self.only and self.only not in known_as(function):
            return function.python_function(*args, **kwargs)  # so that calls inside are seen
        record = self.records.get(id(function))
        if record is None:
            record = self.records[id(function)] = Record(function)
        if self.limit is not None and record.calls >= self.limit:
            return _plainly(function, args, kwargs)
        record.calls += 1
        self.progress(record)
        above = bind.current.set(None)  # not on a tape: its record is of the script's own run
        try:
            with observe.observed(None):
                outcome, undo = self.both(record, args, kwargs)
        finally:
            bind.current.reset(above)
        if bind.top() is not bind.bottom():
            undo()
            return _plainly(function, args, kwargs)
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    def both(
        self, record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Outcome, Callable[[], None]]:
        """The eager outcome, and what undoes the change of state."""
        concrete, refused, new = _prepare(record, args, kwargs)
        if concrete is None:
            return self.refused(record, refused, args, kwargs), lambda: None
        leaves = bind_arguments(record.twin, args, kwargs)[0]
        state = State(concrete, leaves)
        before = state.take()
        if new:
            eager, record.eager_memory = _with_memory(lambda: _eagerly(record, args, kwargs))
            after = state.take()
            state.put(before)
            with _silent():
                record.eager.append(_eagerly(record, args, kwargs).seconds)
        else:
            eager = _eagerly(record, args, kwargs)
            after = state.take()
            record.eager.append(eager.seconds)
        for _ in range(2 if new else 1):
            state.put(before)
            with _silent():
                compiled = Outcome(lambda: record.twin(*args, **kwargs))
        record.compiled.append(compiled.seconds)
        self.compare(record, eager, compiled, zip(state.names(), after, state.take(), strict=True))
        _count(record, concrete, leaves)
        state.put(after)
        return eager, lambda: state.put(before)

    def compare(
        self, record: Record, eager: Outcome, compiled: Outcome,
        states: Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]],
    ) -> None:  # fmt: skip
        """Both outcomes and the states after them; the first difference is remembered."""
        if type(eager.error) is not type(compiled.error):
            record.fail(f"{_end(eager)} eagerly, {_end(compiled)} compiled")
            return
        try:
            if eager.error is None:
                worst = check_same(eager.result, compiled.result, record.name, record.place,
                                   self.rtol, self.atol)  # fmt: skip
                record.worst = max(record.worst, worst)
            for name, a, b in states:
                worst = check_values(a, b, f"{record.name}: {name}", record.place,
                                     self.rtol, self.atol)  # fmt: skip
                record.worst = max(record.worst, worst)
        except AgreementError as error:
            record.failure = record.failure or error

    def refused(
        self, record: Record, refused: Exception | None, args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Outcome:  # fmt: skip
        """A call that cannot be traced: a failure, unless eager raises the same."""
        eager = _eagerly(record, args, kwargs)
        if eager.error is None or type(eager.error) is not type(refused):
            record.eager.append(eager.seconds)
            record.fail(f"it is not compiled: {type(refused).__name__}: {refused}")
        return eager


def _prepare(
    record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[ConcreteFunction | None, Exception | None, bool]:
    """The compiled trace for a call, or why there is none; whether it is new."""
    with _silent():
        traced = Outcome(lambda: record.twin.get_concrete_function(*args, **kwargs))
    concrete: ConcreteFunction | None = traced.result
    if concrete is None or id(concrete) in record.traces:
        return concrete, traced.error, False
    made = Outcome(concrete.compile)
    record.trace_seconds += traced.seconds
    record.compile_seconds += made.seconds
    if made.error is not None:
        return None, made.error, False
    record.traces[id(concrete)] = concrete
    return concrete, None, True


def _count(record: Record, concrete: ConcreteFunction, leaves: list[Any]) -> None:
    """Bytes and kernels of the latest call."""
    planned, env = concrete.compile().graph, concrete.environment(leaves)
    record.kernels, record.array_steps = kernel_count(planned)
    record.eager_moved = moved_bytes(concrete.graph, env)
    record.compiled_moved = moved_bytes(planned, env)
    record.compiled_memory = planned_bytes(planned, env)


def _eagerly(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
    before = config.functions_run_eagerly()
    config.run_functions_eagerly(True)
    try:
        return Outcome(lambda: record.function.python_function(*args, **kwargs))
    finally:
        config.run_functions_eagerly(before)


def _with_memory(run: Callable[[], Outcome]) -> tuple[Outcome, int]:
    """An outcome and the most memory that its run held at a time beyond what there was."""
    if tracemalloc.is_tracing():  # the script's own measurement is left alone
        return run(), 0
    tracemalloc.start()
    try:
        outcome = run()
        return outcome, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _plainly(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with observe.observed(None):
        return function(*args, **kwargs)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The script sees what its functions print once a call, as without the comparison."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _end(outcome: Outcome) -> str:
    if outcome.error is None:
        return "it returns"
    reason = str(outcome.error).partition("\n")[0]
    return f"it raises {type(outcome.error).__name__} ({reason})"


def _place(function: Function) -> Location | None:
    code = getattr(function.python_function, "__code__", None)
    return None if code is None else Location(code.co_filename, code.co_firstlineno, 1)
