"""Exceptions that the user's code catches: where values of the graph decide whether one is raised,
that is one more way that a function goes on.

A function that is called inside a ``try`` and raises on one way gives a ``Raised`` there, which its
caller raises on that way (``machine.parted``). An operation that raises for some values inside a
``try`` makes the interpreter decide first (``Decide``): on one way the step raises, on the other it
is carried out again, and does not. What is not known so well raises when the graph runs, and plain
Python makes the call again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir import bind
from twofold.ir.errors import IndexOutOfBoundsError, IntegerDivisionError
from twofold.ir.op import OPS

from ..control.part import raised_at
from .machine import Decide, Raised
from .text import Piece, Text

__all__ = ["decision_of", "key_of"]

_PLAIN = (str, int, float, bool, type(None))


def key_of(raised: Raised) -> Any:
    """The same for exceptions that nobody can tell apart."""
    error = raised.error
    if vars(error) or any(type(x) not in _PLAIN for x in error.args):
        return id(error)
    return type(error), repr(error.args), str(raised_at(error)), id(error.__cause__)


def decision_of(op: str, inputs: Any, attrs: Any) -> Decide | None:
    """When an operation on values of the graph raises, and what; None if that is not known."""
    found = _TABLE.get(op)
    return None if found is None else found(op, inputs, attrs)


def _of_division(op: str, inputs: Any, attrs: Any) -> Decide | None:
    if any(v.type.shape for v in inputs):
        return None  # the text has the index of the divisor that is 0
    divisor = bind.ground().tensor(inputs[1])
    error = IntegerDivisionError(
        f"{op}: integer division by zero, at index [] of the divisor. Test the divisor first, or "
        f"divide in floating point with tf.divide"
    )
    return Decide(divisor == 0, error)


def _of_gather(op: str, inputs: Any, attrs: Any) -> Decide | None:
    held, index = inputs
    if index.type.shape or attrs["batch_dims"]:
        return None
    tracer: Any = bind.ground()
    at, axis = tracer.tensor(index), attrs["axis"]
    size = tracer.tensor(held).shape[axis]
    pieces = [
        "index ", Piece(at, 1, None), f" is out of bounds for axis {axis} with size ",
        Piece(OPS["cast"](size, dtype="int64"), 1, None), "; it must be between ...",
    ]  # fmt: skip
    error = IndexOutOfBoundsError(Text(pieces))  # type: ignore[arg-type]
    return Decide((at < -size) | (at >= size), error)


_TABLE: dict[str, Callable[[str, Any, Any], Decide | None]] = {
    "floor_divide": _of_division, "remainder": _of_division, "fmod": _of_division,
    "gather": _of_gather,
}  # fmt: skip
