"""The operators of tensors and Variables: each is the op of its name."""

from __future__ import annotations

from typing import Any

from twofold.ir.op import OPS
from twofold.ir.ops import bitwise, compare, contract, elementwise

__all__ = ["Operators"]

_add = elementwise.add
_subtract = elementwise.subtract
_multiply = elementwise.multiply
_divide = elementwise.divide
_floor_divide = elementwise.floor_divide
_remainder = elementwise.remainder
_power = elementwise.power
_matmul = contract.matmul
_bitwise_and = bitwise.bitwise_and
_bitwise_or = bitwise.bitwise_or
_bitwise_xor = bitwise.bitwise_xor
_bitwise_left_shift = bitwise.bitwise_left_shift
_bitwise_right_shift = bitwise.bitwise_right_shift
_equal = compare.equal
_not_equal = compare.not_equal
_less = compare.less
_less_equal = compare.less_equal
_greater = compare.greater
_greater_equal = compare.greater_equal
_negative = elementwise.negative
_positive = elementwise.positive
_abs = elementwise.abs
_bitwise_invert = bitwise.bitwise_invert


class Operators:
    """What an operand of arithmetic can do. ``direct``: the op on its tensors alone."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return _add.direct(self, other)

    def __radd__(self, other: Any) -> Any:
        return _add.direct(other, self)

    def __sub__(self, other: Any) -> Any:
        return _subtract.direct(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _subtract.direct(other, self)

    def __mul__(self, other: Any) -> Any:
        return _multiply.direct(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _multiply.direct(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _divide.direct(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _divide.direct(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _floor_divide.direct(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _floor_divide.direct(other, self)

    def __mod__(self, other: Any) -> Any:
        return _remainder.direct(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _remainder.direct(other, self)

    def __pow__(self, other: Any) -> Any:
        return _power.direct(self, other)

    def __rpow__(self, other: Any) -> Any:
        return _power.direct(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _matmul.direct(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _matmul.direct(other, self)

    def __and__(self, other: Any) -> Any:
        return _bitwise_and.direct(self, other)

    def __rand__(self, other: Any) -> Any:
        return _bitwise_and.direct(other, self)

    def __or__(self, other: Any) -> Any:
        return _bitwise_or.direct(self, other)

    def __ror__(self, other: Any) -> Any:
        return _bitwise_or.direct(other, self)

    def __xor__(self, other: Any) -> Any:
        return _bitwise_xor.direct(self, other)

    def __rxor__(self, other: Any) -> Any:
        return _bitwise_xor.direct(other, self)

    def __lshift__(self, other: Any) -> Any:
        return _bitwise_left_shift.direct(self, other)

    def __rlshift__(self, other: Any) -> Any:
        return _bitwise_left_shift.direct(other, self)

    def __rshift__(self, other: Any) -> Any:
        return _bitwise_right_shift.direct(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return _bitwise_right_shift.direct(other, self)

    def __eq__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented  # what is no number is unequal, as in Python
        return _equal.direct(self, other)

    def __ne__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented  # what is no number is unequal, as in Python
        return _not_equal.direct(self, other)

    def __lt__(self, other: Any) -> Any:
        return _less.direct(self, other)

    def __le__(self, other: Any) -> Any:
        return _less_equal.direct(self, other)

    def __gt__(self, other: Any) -> Any:
        return _greater.direct(self, other)

    def __ge__(self, other: Any) -> Any:
        return _greater_equal.direct(self, other)

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
        return _floor_divide.direct(self, other), _remainder.direct(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return _floor_divide.direct(other, self), _remainder.direct(other, self)

    def __round__(self, digits: int | None = None) -> Any:
        return OPS["round"](self) if not digits else OPS["round"](self * 10**digits) / 10**digits
