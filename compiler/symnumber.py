"""A Python number that changes from call to call, as user code sees it while a function is traced.

Arithmetic with other Python numbers gives another one (``numbers.py``). A comparison is decided by
the example call and guarded; use as a plain number (``int()``, ``math.sin``, a text, a dict key)
pins the value, which costs one trace for each such value. ``isinstance(x, float)`` holds;
``type(x)`` would tell, so functions that call ``type`` get plain numbers.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from twofold.ir.dtypes import info

from .numbers import Binary, Numbers

__all__ = ["SymNumber", "plain", "symbol", "unmixed"]

_METHODS = {
    function: (f"__{name}__", f"__r{name}__")
    for name, function in {
        "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
        "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
        "and": operator.and_, "or": operator.or_, "xor": operator.xor,
        "lshift": operator.lshift, "rshift": operator.rshift,
    }.items()
}  # fmt: skip
_METHODS |= {
    getattr(operator, name): (f"__{name}__", f"__{back}__")
    for name, back in {
        "lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne",
    }.items()
}  # fmt: skip


def unmixed(function: Any, other: Any) -> Any:
    """What an operand is to an operator: a member of an ``IntEnum``, or any other object of a class
    that has the operator of ``int`` or ``float``, is the number that it is."""
    kind = type(other)
    if kind is bool or function not in _METHODS or not issubclass(kind, int | float):
        return other
    base: Any = int if issubclass(kind, int) else float
    if any(getattr(kind, n, None) is not getattr(base, n, None) for n in _METHODS[function]):
        return other
    return base.__pos__(other)


def _slot_of(numbers: Numbers, other: Any) -> int | None:
    """The slot of an operand, or None if it is no real Python number that is known."""
    if isinstance(other, SymNumber):
        if type(other).of_graph:  # it computes with this one
            return None
        same = other.numbers is numbers
        return other.slot if same else numbers.constant(other.plain())
    if getattr(type(other), "symbolic_size", False):
        return numbers.constant(int(other))
    return numbers.constant(other) if type(other) in (int, float, bool) else None


def _arithmetic(function: Binary, sign: str) -> tuple[Any, Any]:
    def method(self: SymNumber, other: Any) -> Any:
        slot = _slot_of(self.numbers, unmixed(function, other))
        if slot is None:
            return function(self.plain(), other) if type(other) is complex else NotImplemented
        text = f"{self.numbers.term(self.slot)} {sign} {self.numbers.term(slot)}"
        return self.numbers.step(function, self.slot, slot, text)

    def reflected(self: SymNumber, other: Any) -> Any:
        slot = _slot_of(self.numbers, unmixed(function, other))
        if slot is None:
            return function(other, self.plain()) if type(other) is complex else NotImplemented
        text = f"{self.numbers.term(slot)} {sign} {self.numbers.term(self.slot)}"
        return self.numbers.step(function, slot, self.slot, text)

    return method, reflected


def _unary(function: Any, sign: str) -> Any:
    def on_two(a: Any, _: Any) -> Any:
        return function(a)

    def method(self: SymNumber) -> Any:
        text = f"{sign}{self.numbers.term(self.slot)}"
        return self.numbers.step(on_two, self.slot, self.slot, text)

    return method


def _comparison(relation: Binary, sign: str) -> Any:
    def method(self: SymNumber, other: Any) -> Any:
        slot = _slot_of(self.numbers, unmixed(relation, other))
        if slot is None:
            return NotImplemented
        answer: bool = self.numbers.require(relation, self.slot, slot, sign)
        return answer

    return method


class SymNumber:
    """A number of the current trace; see the module."""

    __slots__ = ("numbers", "slot")
    of_graph = False  # whether it exists only when the graph runs
    symbolic_number = True  # what floors below ask, which know no class of this one

    def __init__(self, numbers: Numbers, slot: int) -> None:
        self.numbers, self.slot = numbers, slot

    def plain(self) -> Any:
        """The Python number; pins it."""
        return self.numbers.pin(self.slot)

    def fits(self, dtype: Any) -> bool:
        """Whether the number becomes the dtype without a change of what it means."""
        return info(dtype).floating or (isinstance(self, int) and info(dtype).integer)

    def tensor(self, dtype: Any) -> Any:
        """The number as a tensor of the graph."""
        return self.numbers.stage(self.slot, dtype)

    def __float__(self) -> float:
        return float(self.plain())

    def __int__(self) -> int:
        return int(self.plain())

    def __complex__(self) -> complex:
        return complex(self.plain())

    def __bool__(self) -> bool:
        numbers = self.numbers
        return bool(numbers.require(operator.ne, self.slot, numbers.constant(0), "!="))

    def __hash__(self) -> int:
        return hash(self.plain())

    __add__, __radd__ = _arithmetic(operator.add, "+")
    __sub__, __rsub__ = _arithmetic(operator.sub, "-")
    __mul__, __rmul__ = _arithmetic(operator.mul, "*")
    __truediv__, __rtruediv__ = _arithmetic(operator.truediv, "/")
    __floordiv__, __rfloordiv__ = _arithmetic(operator.floordiv, "//")
    __mod__, __rmod__ = _arithmetic(operator.mod, "%")
    __and__, __rand__ = _arithmetic(operator.and_, "&")
    __or__, __ror__ = _arithmetic(operator.or_, "|")
    __xor__, __rxor__ = _arithmetic(operator.xor, "^")
    __lshift__, __rlshift__ = _arithmetic(operator.lshift, "<<")
    __rshift__, __rrshift__ = _arithmetic(operator.rshift, ">>")
    _power, __rpow__ = _arithmetic(operator.pow, "**")
    __neg__ = _unary(operator.neg, "-")
    __pos__ = _unary(operator.pos, "+")
    __abs__ = _unary(operator.abs, "abs ")
    __invert__ = _unary(operator.invert, "~")
    __lt__ = _comparison(operator.lt, "<")
    __le__ = _comparison(operator.le, "<=")
    __gt__ = _comparison(operator.gt, ">")
    __ge__ = _comparison(operator.ge, ">=")
    __eq__ = _comparison(operator.eq, "==")
    __ne__ = _comparison(operator.ne, "!=")

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is None:
            return self._power(other)
        return pow(self.plain(), plain(other), plain(modulus))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.plain(), digits)

    def __trunc__(self) -> int:
        return int(math.trunc(self.plain()))

    def __floor__(self) -> int:
        return int(math.floor(self.plain()))

    def __ceil__(self) -> int:
        return int(math.ceil(self.plain()))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce__(self) -> Any:
        return type(self.plain()), (self.plain(),)

    def __format__(self, spec: str) -> str:
        return format(self.plain(), spec)

    def __str__(self) -> str:
        return str(self.plain())

    def __repr__(self) -> str:
        return repr(self.plain())

    def __getattr__(self, name: str) -> Any:
        if not hasattr(self.__class__, name):
            raise AttributeError(f"{self.__class__.__name__!r} object has no attribute {name!r}")
        return getattr(self.plain(), name)  # ``real``, ``is_integer`` and their like

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.plain(), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(getattr(x, "is_tensor", False) for x in inputs):
            return NotImplemented  # the tensor knows what to do
        options = {k: plain(v) for k, v in options.items()}
        return getattr(ufunc, method)(*map(plain, inputs), **options)


class SymFloat(SymNumber):
    """A Python float of the current trace."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return float


class SymWhole(SymNumber):
    """A Python int of the current trace."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return int

    def __index__(self) -> int:
        return int(self.plain())


def plain(value: Any) -> Any:
    """A symbolic number as a plain one, which pins it; anything else as it is."""
    return value.plain() if isinstance(value, SymNumber) else value


def symbol(numbers: Numbers, slot: int) -> SymNumber:
    """The number in a slot for user code."""
    kind = SymFloat if type(numbers.values[slot]) is float else SymWhole
    return kind(numbers, slot)
