"""The observer behind ``compare``: each call of a decorated function, eagerly and compiled.

For each call: trace and compile if the call needs it (timed apart), remember the state, run the
Python function eagerly, keep its result and the state after it, put the state back, run the
compiled function without its effects, compare results and states. The script goes on with the
eager result and state. The first call of each trace is run twice in each mode, once cold and for
memory, once for time; eagerly only where the trace has no effects.
"""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from twofold.compiler import config, observe
from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.compiler.passes.schedule import schedule
from twofold.compiler.plain import FOREIGN, Changed, PlainPython, is_foreign
from twofold.compiler.signature import bind_arguments
from twofold.compiler.targets import target_for
from twofold.ir import bind
from twofold.ir.errors import AgreementError, TwofoldError
from twofold.ir.tree import flatten

from .agreement import Allowed, Flat, check_flat, check_values, scale_of
from .cost import kernel_count, moved_bytes, planned_bytes
from .record import Outcome, RanPlainly, Record, State, snapshot
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
        above = bind.current.get()
        token = bind.current.set(None)  # tapes record the eager run alone
        try:
            with observe.observed(None):
                outcome = self.both(record, args, kwargs, above)
        finally:
            bind.current.reset(token)
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    def both(
        self, record: Record, args: tuple[Any, ...], kwargs: dict[str, Any], above: Any
    ) -> Outcome:
        """The eager outcome. The Python function runs once, with the interpreters that stand
        ``above``; again only where the trace has shown that nothing but its result comes of it."""
        found = _prepare(record, args, kwargs)
        concrete = found.concrete
        if concrete is None:
            return self.refused(record, found, args, kwargs, above)
        state = State(concrete, found.leaves)
        before = state.take()
        if found.new and not concrete.outputs.effects:
            eager, record.eager_memory = _with_memory(lambda: _eagerly(record, args, kwargs, above))
            result, after, kept = snapshot(eager.result), state.take(), state.keep()
            state.put(before)
            with _silent():
                record.eager.append(_eagerly(record, args, kwargs, None).seconds)
        else:
            eager = _eagerly(record, args, kwargs, above)
            result, after, kept = snapshot(eager.result), state.take(), state.keep()
            record.eager.append(eager.seconds)
        for _ in range(2 if found.new else 1):
            state.put(before)
            compiled = _compiled(record, args, kwargs, eager)
        if isinstance(compiled.error, RanPlainly):
            record.plain.note(str(compiled.error))
        else:
            record.compiled.append(compiled.seconds)
            reach = min(1.0, scale_of([*_arrays([*found.leaves, *concrete.captures]), *before]))
            allowed = Allowed(self.rtol, self.atol, reach or 1.0)
            states = zip(state.names, after, state.take(), strict=True)
            _compare(record, (eager, result), compiled, states, allowed)
        _count(record, concrete, found.leaves)
        state.restore(kept)
        return eager

    def refused(
        self, record: Record, found: Prepared, args: tuple[Any, ...], kwargs: dict[str, Any],
        above: Any,
    ) -> Outcome:  # fmt: skip
        """A call that no trace can make, or not without steps that nobody may make twice. It runs
        as plain Python, and decorated functions that it calls are compared; a failure where plain
        Python is not what the script would get."""
        seen = len(self.records), sum(r.calls for r in self.records.values())
        with observe.observed(self):
            eager = _under(above, lambda: record.function.python_function(*args, **kwargs))
        if seen == (len(self.records), sum(r.calls for r in self.records.values())):
            record.eager.append(eager.seconds)
        if eager.error is not None and type(eager.error) is type(found.error):
            return eager
        if found.step:
            record.steps.note(found.step)
        elif found.plain:
            record.plain.note(found.plain)
        else:
            record.fail(f"it is not compiled: {type(found.error).__name__}: {found.error}")
        return eager


def _compare(
    record: Record, eager: tuple[Outcome, Flat], compiled: Outcome,
    states: Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]], allowed: Allowed,
) -> None:  # fmt: skip
    """Both outcomes and the states after them; the first difference is remembered."""
    outcome, result = eager
    if type(outcome.error) is not type(compiled.error):
        record.fail(f"{_end(outcome)} eagerly, {_end(compiled)} compiled")
        return
    try:
        worst = [record.worst]
        if outcome.error is None:
            made = flatten(compiled.result)
            worst.append(check_flat(result, made, record.name, record.place, allowed))
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


class Prepared(NamedTuple):
    """What there is for a call: its trace, compiled, or why there is none."""

    leaves: list[Any]
    concrete: ConcreteFunction | None = None
    new: bool = False
    plain: str = ""  # why it runs as plain Python
    step: str = ""  # what Python does between its segments
    error: Exception | None = None  # what stands behind that, or what goes wrong


def _prepare(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Prepared:
    """The trace for a call, made and compiled if there is none."""
    twin = record.twin
    bound = Outcome(lambda: bind_arguments(twin, args, kwargs))
    if bound.error is not None:
        return Prepared([], error=bound.error)
    leaves, structure = bound.result
    if any(map(is_foreign, leaves)):
        return Prepared(leaves, plain=FOREIGN)
    strict = record.function.strict or twin.input_signature is not None
    try:
        with _silent():
            traced = Outcome(lambda: twin.concrete(leaves, structure))
    except PlainPython as plain:
        refused = strict and isinstance(plain.refusal, TwofoldError)
        return Prepared(leaves, plain="" if refused else plain.why, error=plain.refusal)
    if traced.error is not None:
        why = traced.error.message.partition("\n")[0] if isinstance(traced.error, Changed) else ""
        return Prepared(leaves, plain="" if strict else why, error=traced.error)
    concrete: ConcreteFunction = traced.result
    if concrete.outputs.segment is not None:
        return Prepared(leaves, step=concrete.outputs.segment.why)
    if id(concrete) in record.traces:
        return Prepared(leaves, concrete)
    made = Outcome(concrete.compile)
    record.trace_seconds += traced.seconds
    record.compile_seconds += made.seconds
    if made.error is not None:
        return Prepared(leaves, error=made.error)
    record.traces[id(concrete)] = concrete
    return Prepared(leaves, concrete, new=True)


def _count(record: Record, concrete: ConcreteFunction, leaves: list[Any]) -> None:
    """Bytes and kernels of the latest call."""
    planned, env = concrete.compile().graph, concrete.environment(leaves)
    record.kernels, record.array_steps = kernel_count(planned)
    record.eager_moved = moved_bytes(schedule(concrete.graph, target=target_for(False)), env)
    record.compiled_moved = moved_bytes(planned, env)
    record.compiled_memory = planned_bytes(planned, env)


def _compiled(
    record: Record, args: tuple[Any, ...], kwargs: dict[str, Any], eager: Outcome
) -> Outcome:
    """The compiled function, without its effects. Where it raises it may leave the error to plain
    Python, which has made it already."""
    with _silent(), observe.without_effects():
        found = Outcome(lambda: record.twin(*args, **kwargs))
    if isinstance(found.error, RanPlainly) and eager.error is not None:
        found.error = found.error.raised or found.error
    return found


def _eagerly(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any], above: Any) -> Outcome:
    """The Python function, and what it calls, without any compiling."""
    before = config.functions_run_eagerly()
    config.run_functions_eagerly(True)
    try:
        return _under(above, lambda: record.function.python_function(*args, **kwargs))
    finally:
        config.run_functions_eagerly(before)


def _under(above: Any, run: Callable[[], Any]) -> Outcome:
    """An outcome with these interpreters above: the tapes of the script, or None."""
    token = bind.current.set(above)
    try:
        return Outcome(run)
    finally:
        bind.current.reset(token)


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
