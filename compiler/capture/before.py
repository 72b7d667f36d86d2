"""Which calls are made before the graph, and what stands for their results."""

from __future__ import annotations

import functools
import time
import types
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.types import TensorType

from ..ndarrays.base import TracedScalar
from ..ndarrays.operands import fresh
from ..plain import has_dtype
from ..prelude import Made, Prelude
from ..slots import Source
from ..state import is_generator
from ..symint import SymInt
from ..symnumber import plain
from ..trace import Traced
from .journal import SHADOWED
from .pure import any_of, holds_value, name_of

__all__ = ["before_graph"]

_CLOCKS = frozenset((
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
    "process_time", "process_time_ns", "thread_time", "thread_time_ns",
))  # fmt: skip
_STATES = frozenset(("seed", "setstate", "getstate", "get_state", "set_state", "spawn", "shuffle"))


def before_graph(machine: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """Make a call that each call makes before its graph, and give what stands for its result;
    NotImplemented for any other call."""
    prelude: Prelude | None = machine.tracer.prelude
    if prelude is None or machine.heap.parts or not machine.journal.is_followed():
        return NotImplemented
    args = tuple(map(_known, args))
    kwargs = {k: _known(v) for k, v in kwargs.items()}
    if any_of(holds_value, args, kwargs) or any_of(
        functools.partial(_may_change, machine), args, kwargs
    ):
        return NotImplemented
    bound = isinstance(function, types.MethodType | types.BuiltinMethodType)
    owner = function.__self__ if bound else args[0] if args else None
    if is_generator(owner):
        if machine.is_own(owner) or function.__name__ in _STATES or not prelude.advances(owner):
            return NotImplemented
    elif not _is_clock(function):
        return NotImplemented
    if _may_raise(bind.ground()):
        machine.tracer.arrays.replay()  # where the graph raises, the call is not reached
    made = function(*args, **kwargs)
    if type(made) not in (int, float, np.ndarray) and not isinstance(made, np.generic):
        return machine.refuse_step(name_of(function))
    if isinstance(made, np.ndarray | np.generic) and not _is_plain(made):
        return machine.refuse_step(name_of(function))
    return _stand_in(machine, prelude.add(function, args, kwargs, made), made, function)


def _may_raise(tracer: Any) -> bool:
    """Whether the graph of a trace, or of one around it, may raise so far."""
    if any("raise" in node.effects and not node.sure for node in tracer.graph.nodes):
        return True
    return tracer.outer is not None and _may_raise(tracer.outer)


def _known(value: Any) -> Any:
    """An argument with its sizes and numbers as they are: the trace is for these."""
    if type(value) in TUPLES:
        return tuple(map(_known, value))
    return int(value) if isinstance(value, SymInt) else plain(value)


def _may_change(machine: Any, value: Any) -> bool:
    """Whether an argument may be another one by the time of a call: a container that the function
    has made, or written to."""
    if type(value) in TUPLES:
        return any(_may_change(machine, x) for x in value)
    return type(value) in SHADOWED and machine.is_own(value)


def _is_clock(function: Any) -> bool:
    if getattr(function, "__module__", None) == "time":
        return function.__name__ in _CLOCKS and getattr(time, function.__name__) is function
    return False


def _is_plain(made: Any) -> bool:
    if not has_dtype(made.dtype):
        return False
    return isinstance(made, np.generic) or (made.flags.c_contiguous and made.flags.writeable)


def _stand_in(machine: Any, index: int, made: Any, function: Any) -> Any:
    tracer = machine.tracer
    if type(made) in (int, float):
        tracer.numbers.unguarded = True
        read = functools.partial(Prelude.result, index)
        return tracer.numbers.read(Source(read, late=True), made, name_of(function))
    value = tracer.graph.input(TensorType(made.dtype, made.shape), "made")
    tracer.captures.append(Made(index))
    tensor = Traced(value, tracer)
    if isinstance(made, np.generic):
        return TracedScalar(tracer.arrays, tensor)
    return machine.fresh(fresh(tracer.arrays, tensor))
