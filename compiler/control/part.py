"""A Python function traced into a region, and what it did to the state around it.

The function works on the caller's own objects. What it takes from outside becomes an input of the
region when it is used (``Tracer.imports``). What it writes to outside, Variables, tensors and
NumPy arrays, is put back when its trace ends: the values that it gave them are outputs of the
region, and who stages the node gives them what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import GraphError, ReturnTypeError, StagingError, TwofoldError
from twofold.ir.graph import Graph, Value
from twofold.ir.location import Location, interpreters, is_internal, location, user_location
from twofold.ir.op import OPS
from twofold.ir.ops.control import Replay, exception_named
from twofold.ir.tree import Structure, flatten
from twofold.ir.types import BufferType, RefType, TensorType
from twofold.runtime.carried import is_value, own_tensor
from twofold.runtime.variable import Variable

from ..plain import PlainPython, first_line
from ..trace import Traced, Tracer, place
from .objects import Objects

__all__ = ["Part", "Written", "current_value", "give", "is_fault", "refused", "staging", "unite"]


class Part:
    """A region while it is made: its tracer, and what the function returned."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.leaves: list[Any] = []
        self.structure: Structure | None = None
        self.written: dict[int, Written] = {}
        self.failed = False  # the function raises: so does the region, and has no leaves
        self.error: BaseException | None = None  # what it raises

    @property
    def graph(self) -> Graph:
        """The region."""
        return self.tracer.graph

    def run(self, function: Callable[[], Any], finish: Callable[[Any], Any]) -> None:
        """Trace a function; ``finish`` makes of its result the container of what is returned.

        Where the function raises, the region does. Raises PlainPython if it cannot say what, and
        if the function changes Python objects.
        """
        tracer, outer = self.tracer, self.tracer.outer
        assert outer is not None
        objects = Objects(function)
        token = bind.push(tracer)
        try:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001  (the region raises it)
                objects.check()
                self._fail(error)
                return
            objects.check()
            leaves, self.structure = flatten(finish(result))
            self.leaves = [own_tensor(x) if is_value(x) else x for x in leaves]
        finally:
            bind.pop(token)
            outer.refused = outer.refused or tracer.refused
            self._put_back()
            tracer.ended = True

    def _fail(self, error: Exception) -> None:
        """End the region with an error: it is raised when the region runs."""
        if error is self.tracer.refused or isinstance(error, _REFUSALS):
            raise error
        args = (error.message,) if isinstance(error, TwofoldError) else error.args
        plain = all(x is None or type(x) in (str, int, float, bool) for x in args)
        plain = plain and not is_fault(error)
        if exception_named(type(error).__name__) is not type(error) or not plain:
            where = raised_at(error)
            at = "" if where is None else f" ({where})"
            self._replay(f"raising {type(error).__name__} in a branch or a loop{at}", error)
            return
        self._end(type(error).__name__, args, error)

    def leave(self, reason: PlainPython | StagingError) -> None:
        """Make a region that cannot be traced, and only raises, one with which plain Python makes
        the call again."""
        self.graph.nodes.clear()
        self.tracer.refused = None
        token = bind.push(self.tracer)
        try:
            why = reason.why if isinstance(reason, PlainPython) else first_line(reason)
            self._replay(why, reason)
        finally:
            bind.pop(token)

    def _replay(self, why: str, error: BaseException) -> None:
        self.tracer.arrays.replay()
        self._end(Replay.__name__, (why,), error)

    def _end(self, kind: str, args: tuple[Any, ...], error: BaseException) -> None:
        attrs = {"kind": kind, "args": args}
        where = raised_at(error) or place()[0]  # a test that an operation of Python's makes
        bind.run(Call(OPS["fail"], (), attrs, (), (), (where, "")))
        self.failed, self.error = True, error

    def fill(self, like: Sequence[Any], types: Sequence[TensorType]) -> None:
        """Give a region that raises leaves of these types, which nobody sees."""
        graph, given = self.graph, iter(types)
        for x in like:
            if not isinstance(x, Traced):
                self.leaves.append(x)
                continue
            kind = next(given)
            if isinstance(kind, BufferType):
                made = graph.add(OPS["buffer_new"], (), {"of": kind.element}).out
                self.leaves.append(Traced(made, self.tracer))
                continue
            zero = graph.add(OPS["constant"], (), {"value": np.zeros((), kind.dtype)}).out
            made = graph.add(OPS["splat"], (zero,), {"shape": kind.shape}).out
            self.leaves.append(Traced(made, self.tracer))

    def _put_back(self) -> None:
        """Note what was written to around the region, and put back what it held."""
        for cell, held, _ in self.tracer.written.values():
            self.written[id(cell)] = Written.out_of(cell, held)
        for array, held in self.tracer.begun:  # they have zeros before the region
            inner: Traced = array.flow
            array.flow = held.begun(inner)
            bind.ground().begins(array, held, array.flow)  # type: ignore[attr-defined]
            self.written[id(array.flow)] = Written(array.flow, inner.value)

    def values(self) -> list[Value]:
        """The values of the leaves that are tensors."""
        return [x.value for x in self.leaves if isinstance(x, Traced)]

    def given(self, variable: Variable) -> Value:
        """What a Variable is at the end of the region."""
        found = self.tracer.given.get(id(variable))
        if found is not None:
            return found[1]
        assert self.tracer.outer is not None
        return self.tracer._import(current_value(self.tracer.outer, variable))


class Written:
    """A tensor or an array of NumPy around a region that it writes to, and the value it gives."""

    def __init__(self, cell: Any, value: Value | None = None) -> None:
        self.cell, self.is_tensor = cell, isinstance(cell, Traced)
        self.value = self.present.value if value is None else value

    @classmethod
    def out_of(cls, cell: Any, held: Any) -> Written:
        """Take the value of the region out of a cell, which gets back what it held."""
        if isinstance(cell, Traced):
            made = cls(cell, cell.value)
            cell.value, cell.trace = held
        else:
            made = cls(cell, cell.tensor.value)
            cell.tensor = held
        return made

    def set_out(self, value: Value, tracer: Tracer) -> None:
        """Have the cell hold an input of a region, from the start of its trace on."""
        held = self.present
        if self.is_tensor:
            tracer.writes_to(self.cell, (held.value, held.trace), held.trace)
            self.cell.value = value
            self.cell.enter(tracer)
        else:
            tracer.writes_to(self.cell, held, held.trace)
            self.cell.tensor = Traced(value, tracer)

    @property
    def present(self) -> Traced:
        """A tensor with what the cell holds around the region."""
        held = self.cell if self.is_tensor else self.cell.tensor
        assert isinstance(held, Traced)
        return held

    def give(self, value: Value) -> None:
        """Write what comes out of the region."""
        if self.is_tensor:
            self.cell.hold(value)
        else:
            self.cell.put(bind.ground().tensor(value))


_STACK = ("/capture/instructions.py", "/capture/machine.py")
_MAY_RAISE = tuple(
    f"/capture/{name}.py"
    for name in (
        "exceptions",
        "instructions",
        "machine",
        "numbers",
        "objects",
        "operators",
        "walks",
    )
)


def is_fault(error: Exception) -> bool:
    """Whether an error comes out of the middle of this package, where what the user's code raises
    does not begin: plain Python tells what the code means."""
    if isinstance(error, TwofoldError):
        return False
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    name = "" if at is None else at.tb_frame.f_code.co_filename
    if at is not None and at.tb_frame.f_code.co_name == "execute" and "/capture/" in name:
        return False  # a function of Python's or of a library, called for the user
    looked_up = isinstance(error, LookupError) and name.endswith(_STACK)
    return is_internal(name) and (looked_up or not name.endswith(_MAY_RAISE))


_REFUSALS = (StagingError, ReturnTypeError, GraphError)


def raised_at(error: BaseException) -> Location | None:
    """Where the user's code raised an error."""
    if isinstance(error, TwofoldError):
        return error.location
    found, at = None, error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if code in interpreters:
            frame = at.tb_frame.f_locals[interpreters[code]]
            if not is_internal(frame.f_code.co_filename):
                found = user_location(frame, error)
        elif not is_internal(code.co_filename):
            found = location(code, at.tb_lasti, found)
        at = at.tb_next
    return found


def refused(tracer: Tracer, error: TwofoldError) -> TwofoldError:
    """An error about the form itself: it is raised for the trace, whatever the branches do."""
    tracer.refused = error
    error.of_form = True
    return error


def current_value(tracer: Tracer, variable: Variable) -> Value:
    """The present value of a Variable in a graph; no tape above sees a read."""
    with staging(tracer):
        value: Value = bind.run(Call(OPS["read"], (variable,), {}))[0]
    return value


@contextmanager
def staging(tracer: Tracer) -> Any:
    """Have a tracer on top of the stack, without the interpreters above it."""
    frame = bind.current.get()
    while frame is not None and frame.interpreter is not tracer:
        frame = frame.below
    token = bind.below(frame)
    try:
        yield
    finally:
        bind.pop(token)


def give(variables: Sequence[Variable], values: Sequence[Value], where: Any) -> None:
    """Variables have these values of the present graph from now on: a region has assigned them.

    In a loop a draft says so, so that a kernel of the region need not know what is drafted in it.
    """
    outer = bind.ground()
    assert isinstance(outer, Tracer)
    for variable, value in zip(variables, values, strict=True):
        if outer.in_loop:
            outer.run(Call(OPS["draft"], (variable, value), {}, place=where))
        else:
            outer.was_given(variable, value)


def unite(parts: Sequence[Part], own: Sequence[Sequence[Value]]) -> list[Any]:
    """Give regions the same inputs: those of their ``own`` each, then what any takes from outside.

    Returns what they take: values of the graph around them, and Variables.
    """
    imports: dict[int, Any] = {}
    tables = []
    for part, first in zip(parts, own, strict=True):
        taken = set(first)
        inner = [v for v in part.graph.inputs if v not in taken]
        table: dict[int, Value] = {}
        for outside, value in zip(part.tracer.imports, inner, strict=True):
            imports.setdefault(id(outside), outside)
            table[id(outside)] = value
        tables.append(table)
    for part, first, table in zip(parts, own, tables, strict=True):
        rest = [table.get(key) or _like(x) for key, x in imports.items()]
        part.graph.inputs = [*first, *rest]
    return list(imports.values())


def _like(outside: Any) -> Value:
    """An input of a region that it does not use."""
    if isinstance(outside, Variable):
        return Value(RefType(outside.dtype, outside.shape), outside.name)
    kind: TensorType = outside.type
    return Value(kind, outside.name)
