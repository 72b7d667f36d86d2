"""The operators of tensors and Variables: each is the op of its name.

What cannot become a tensor, and has the reflected method (``__radd__`` ...), answers itself: a unit
of measure, a polynomial, a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.errors import ConversionError
from twofold.ir.op import OPS, Op
from twofold.ir.ops import bitwise, compare, contract, elementwise

__all__ = ["Operators"]

_OURS = ("builtins", "numpy", "twofold")  # packages whose objects are operands or mistakes

_negative = elementwise.negative
_positive = elementwise.positive
_abs = elementwise.abs
_bitwise_invert = bitwise.bitwise_invert


def _answers(other: Any, name: str) -> bool:
    """Whether an object that is no operand has a method of this name for tensors beside it."""
    kind = type(other)
    if kind.__module__.partition(".")[0] in _OURS or isinstance(other, np.ndarray):
        return False
    return getattr(kind, name, None) is not getattr(object, name, None)


def _left(op: Op, name: str, mirror: str = "") -> Callable[[Any, Any], Any]:
    reflected = f"__{mirror or 'r' + name}__"

    def method(self: Any, other: Any) -> Any:
        try:
            return op.direct(self, other)
        except ConversionError:
            if _answers(other, reflected):
                return NotImplemented
            raise

    return _named(method, name)


def _right(op: Op, name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return op.direct(other, self)

    return _named(method, "r" + name)


def _both(op: Op, name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    return _left(op, name), _right(op, name)


def _named(method: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    method.__name__, method.__qualname__ = f"__{name}__", f"Operators.__{name}__"
    return method


def _equality(op: Op, name: str) -> Callable[[Any, Any], Any]:
    compared = _left(op, name, name)

    def method(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented  # what is no number is unequal, as in Python
        return compared(self, other)

    return _named(method, name)


class Operators:
    """What an operand of arithmetic can do. ``direct``: the op on its tensors alone."""

    __slots__ = ()

    __add__, __radd__ = _both(elementwise.add, "add")
    __sub__, __rsub__ = _both(elementwise.subtract, "sub")
    __mul__, __rmul__ = _both(elementwise.multiply, "mul")
    __truediv__, __rtruediv__ = _both(elementwise.divide, "truediv")
    __floordiv__, __rfloordiv__ = _both(elementwise.floor_divide, "floordiv")
    __mod__, __rmod__ = _both(elementwise.remainder, "mod")
    __pow__, __rpow__ = _both(elementwise.power, "pow")
    __matmul__, __rmatmul__ = _both(contract.matmul, "matmul")
    __and__, __rand__ = _both(bitwise.bitwise_and, "and")
    __or__, __ror__ = _both(bitwise.bitwise_or, "or")
    __xor__, __rxor__ = _both(bitwise.bitwise_xor, "xor")
    __lshift__, __rlshift__ = _both(bitwise.bitwise_left_shift, "lshift")
    __rshift__, __rrshift__ = _both(bitwise.bitwise_right_shift, "rshift")
    __eq__ = _equality(compare.equal, "eq")
    __ne__ = _equality(compare.not_equal, "ne")
    __lt__ = _left(compare.less, "lt", "gt")
    __le__ = _left(compare.less_equal, "le", "ge")
    __gt__ = _left(compare.greater, "gt", "lt")
    __ge__ = _left(compare.greater_equal, "ge", "le")

    def __hash__(self) -> int:
        return id(self)

    def __neg__(self) -> Any:
        return _negative.direct(self)

    def __pos__(self) -> Any:
        return _positive.direct(self)

    def __abs__(self) -> Any:
        return _abs.direct(self)

    def __invert__(self) -> Any:
        return _bitwise_invert.direct(self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        return OPS["round"](self) if not digits else OPS["round"](self * 10**digits) / 10**digits
