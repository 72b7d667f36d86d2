"""The observer behind ``compare``: each call of a decorated function, eagerly and compiled.

For each call: trace and compile if the call needs it (timed apart), remember the state, run the
Python function eagerly, keep its result and the state after it, put the state back, run the
compiled function, compare results and states. The script goes on with the eager result and state.
The first call of each trace is run twice in each mode: once cold and for memory, once for time.
"""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.compiler import config, observe
from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.compiler.passes.schedule import schedule
from twofold.compiler.signature import bind_arguments
from twofold.compiler.targets import target_for
from twofold.ir import bind
from twofold.ir.errors import AgreementError

from .agreement import Allowed, check_same, check_values, scale_of
from .cost import kernel_count, moved_bytes, planned_bytes
from .record import Outcome, Record, State
from .target import known_as

__all__ = ["Comparison"]


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
        reach = min(1.0, scale_of([*_arrays([*leaves, *concrete.captures]), *before]) or 1.0)
        allowed = Allowed(self.rtol, self.atol, reach)
        states = zip(state.names(), after, state.take(), strict=True)
        _compare(record, eager, compiled, states, allowed)
        _count(record, concrete, leaves)
        state.put(after)
        return eager, lambda: state.put(before)

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


def _compare(
    record: Record, eager: Outcome, compiled: Outcome,
    states: Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]], allowed: Allowed,
) -> None:  # fmt: skip
    """Both outcomes and the states after them; the first difference is remembered."""
    if type(eager.error) is not type(compiled.error):
        record.fail(f"{_end(eager)} eagerly, {_end(compiled)} compiled")
        return
    try:
        worst = [record.worst]
        if eager.error is None:
            worst.append(
                check_same(eager.result, compiled.result, record.name, record.place, allowed)
            )
        for name, a, b in states:
            worst.append(check_values(a, b, f"{record.name}: {name}", record.place, allowed))
        record.worst = max(worst)
    except AgreementError as error:
        record.failure = record.failure or error


def _arrays(values: list[Any]) -> Iterator[np.ndarray[Any, Any]]:
    for x in values:
        array = x if isinstance(x, np.ndarray) else getattr(x, "array", None)
        if isinstance(array, np.ndarray):
            yield array


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
    record.eager_moved = moved_bytes(schedule(concrete.graph, target=target_for(False)), env)
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
