"""Calls of operations, and who runs them: a stack of interpreters for each thread of control.

A ``Call`` is one operation with everything decided: inputs as values, converted and promoted,
attributes in canonical form. It goes down the stack once; each interpreter has one method,
``run(call) -> outputs``, does its own work there and hands a call (the same or another) to the ones
below with ``bind.run``. While it does, only those below are on the stack, so an interpreter may use
ops for its own work.

Values are immutable: arrays that nobody writes to, or values of a graph. What they are is said by
the ground, the eager executor or the tracer that is nearest to the top; it also prepares calls.
The stack is a context variable, so threads and asyncio tasks each see their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, Protocol

import numpy as np

from .shapes import Sizes
from .tracebacks import shorten
from .types import RefType, TensorType

__all__ = [
    "Call", "Frame", "Ground", "Interpreter", "below", "bottom", "current", "ground", "install",
    "leave", "perform", "pop", "push", "run", "top", "type_of",
]  # fmt: skip

Values = tuple[Any, ...]


class Call:
    """One operation on values. Nothing of it changes after it is made.

    ``inputs``: values, and Variables (or values of a ref type) where the op takes them.
    ``attrs``: canonical. ``regions``: what a region op holds. ``place``: where the user's program
    says it (location, name of the result), if that is known.
    """

    __slots__ = ("_types", "attrs", "inputs", "op", "place", "regions")

    def __init__(
        self, op: Any, inputs: Values, attrs: dict[str, Any], regions: Sequence[Any] = (),
        types: Sequence[TensorType] | None = None, place: Any = None,
    ) -> None:  # fmt: skip
        self.op, self.inputs, self.attrs, self.regions = op, inputs, attrs, regions
        self._types, self.place = types, place

    @property
    def known_types(self) -> Sequence[TensorType] | None:
        """The types of the outputs, if whoever made the call has said them."""
        return self._types

    @property
    def types(self) -> Sequence[TensorType]:
        """The types of the outputs."""
        return self.typed(ground().sizes) if self._types is None else self._types

    def typed(self, sizes: Sizes) -> Sequence[TensorType]:
        """The types of the outputs; if they are not known yet, ``sizes`` says how sizes compare."""
        if self._types is None and self.regions:
            self._types = self.fitted(sizes)[1]
        elif self._types is None:  # arrays say their types when they are there
            given = [type_of(x) for x in self.inputs]
            self._types = self.op.resolve(given, self.attrs, sizes)[1]
        return self._types

    def fitted(self, sizes: Sizes) -> tuple[list[Any], Sequence[TensorType]]:
        """The regions for these inputs, and the types of the outputs; see ``fit.py``."""
        from .fit import fit  # noqa: PLC0415  (graphs are made of ops, which are bound)

        if self._types is not None and self.op.region_types is not None:
            return list(self.regions), self._types  # whoever knows the types has made them fit
        given = [type_of(x) for x in self.inputs]
        made, types = fit(self.op, self.regions, given, self.attrs, sizes)
        return made, types if self._types is None else self._types

    def __repr__(self) -> str:
        return f"<call of {self.op.name} on {len(self.inputs)} inputs, {self.attrs}>"


def type_of(value: Any) -> TensorType:
    """The type of an array, of a Variable, of a buffer or of a value of a graph."""
    if isinstance(value, np.ndarray):
        return TensorType(value.dtype, value.shape)
    return value.type if hasattr(value, "type") else RefType(value.dtype, value.shape)


class Interpreter(Protocol):
    """What stands on the stack."""

    def run(self, call: Call) -> Values:
        """Run one call and return its outputs."""


class Ground(ABC):
    """The interpreter that no call gets past, which says what values are."""

    tracing: bool  # whether calls are staged instead of executed
    sizes: Sizes  # how sizes compare

    @abstractmethod
    def prepare(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Call:
        """The call of an op on arguments as the user gave them: converted, promoted, checked.

        Casts are calls of their own. Raises what the op's rules raise.
        """

    @abstractmethod
    def run(self, call: Call) -> Values:
        """Run one call and return its outputs."""

    @abstractmethod
    def tensor(self, value: Any) -> Any:
        """A tensor object with this value."""

    @abstractmethod
    def value(self, tensor: Any) -> Any:
        """The value of a tensor object."""

    @abstractmethod
    def later(self, what: str, function: Callable[..., Any], args: Values) -> None:
        """Call a function for its effect when the operations before it have run."""

    @abstractmethod
    def holds(self, test: Any, what: str) -> bool:
        """Whether all elements of a bool tensor hold. A trace takes them to, and tests them when
        its graph runs: where one does not, plain Python makes the call. ``what`` does not then."""

    @abstractmethod
    def attributes(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Attributes as code written in ops receives them: sizes are ints, or behave like them."""


class Frame:
    """An interpreter on the stack.

    ``recorders``: this interpreter and those below it, top first, if each of them does nothing but
    record (it has ``note`` and ``note_read``) and they stand on the eager executor; else None.
    """

    __slots__ = ("below", "ground", "interpreter", "recorders")

    def __init__(self, interpreter: Interpreter, below: Frame | None) -> None:
        self.interpreter, self.below = interpreter, below
        others: tuple[Any, ...] | None = () if below is None else below.recorders
        records = others is not None and hasattr(interpreter, "note")
        self.recorders: tuple[Any, ...] | None = (interpreter, *(others or ())) if records else None
        if isinstance(interpreter, Ground):
            self.ground: Ground = interpreter
        else:
            self.ground = _bottom[0] if below is None else below.ground


current: ContextVar[Frame | None] = ContextVar("twofold_interpreter", default=None)
_bottom: list[Ground] = []


def install(executor: Ground) -> None:
    """Make the eager executor the bottom of every stack (once, at import)."""
    _bottom[:] = [executor]


def bottom() -> Ground:
    """The eager executor."""
    return _bottom[0]


def top() -> Interpreter:
    """The interpreter that receives calls now."""
    frame = current.get()
    return _bottom[0] if frame is None else frame.interpreter


def ground() -> Ground:
    """What says now what values are: the nearest tracer, or the eager executor."""
    frame = current.get()
    return _bottom[0] if frame is None else frame.ground


def push(interpreter: Interpreter) -> Token[Frame | None]:
    """Put an interpreter on top; pass the result to ``pop``."""
    return current.set(Frame(interpreter, current.get()))


def pop(token: Token[Frame | None]) -> None:
    """Undo a ``push``, or the change of stack made by ``below``."""
    current.reset(token)


def below(frame: Frame | None) -> Token[Frame | None]:
    """Make ``frame`` the top for a while, as it was before others were pushed; see ``pop``."""
    return current.set(frame)


def run(call: Call) -> Values:
    """Run a call under the present stack; inside an interpreter's ``run`` that is what stands
    below it."""
    frame = current.get()
    if frame is None:
        return _bottom[0].run(call)
    token = current.set(frame.below)
    try:
        return frame.interpreter.run(call)
    finally:
        current.reset(token)


def leave(error: Exception) -> None:
    """Prepare an exception to leave the package: for the user's code, not that of a trace."""
    if not ground().tracing:
        shorten(error)


def perform(op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Call an op on arguments as the user gave them; its output, or a tuple of several."""
    frame = current.get()
    here = _bottom[0] if frame is None else frame.ground
    try:
        if frame is None:
            outs = here.run(here.prepare(op, args, attrs))
        else:
            outs = run(here.prepare(op, args, attrs))
    except Exception as error:
        leave(error)
        raise
    if len(outs) == 1:
        return here.tensor(outs[0])
    return tuple([here.tensor(value) for value in outs])
