"""A size as user code sees it while a function is traced: an int that stays symbolic.

Arithmetic with ints stays symbolic; a comparison is decided by the example call and guarded;
use as a plain int (``range``, ``int()``, indexing a list) pins the size, which costs one trace
for each such size. Meeting a tensor, it is a weak Python int whose value enters the graph.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from twofold.ir.attrs import map_attr, plain_value
from twofold.ir.dims import Dim, DimLike, symbols_of
from twofold.ir.op import OPS
from twofold.ir.ops.operand import as_sizes
from twofold.runtime.tensor import Tensor

from .sizes import TraceSizes
from .symnumber import plain

__all__ = ["SymInt", "size_or_int", "to_dims"]

_SEQUENCES = (list, tuple, str, bytes)
_RELATIONS = {"<": operator.lt, "<=": operator.le}


class SymInt:
    """A symbolic size of the current trace."""

    __slots__ = ("dim", "sizes")
    symbolic_size = True  # what floors below ask, which know no class of this one
    __array_ufunc__ = None  # NumPy's scalars leave arithmetic with a size to the size

    def __init__(self, dim: Dim, sizes: TraceSizes) -> None:
        self.dim, self.sizes = dim, sizes

    def __index__(self) -> int:
        return self.sizes.pin(self.dim)

    __int__ = __index__

    @property
    def is_late(self) -> bool:
        """Whether it is found only when the graph runs."""
        return not symbols_of(self.dim).isdisjoint(self.sizes.late)

    def __float__(self) -> float:
        return float(self.sizes.pin(self.dim))

    def __bool__(self) -> bool:
        return self.sizes.decide(self.dim, "!=", 0)

    def __hash__(self) -> int:
        return hash(self.sizes.pin(self.dim))

    def __eq__(self, other: object) -> Any:
        if _gives_way(other):
            return NotImplemented
        if isinstance(other, float):
            return other.is_integer() and self == int(other)
        got = _dim(other)
        return NotImplemented if got is None else self.sizes.decide(self.dim, "==", got)

    def __ne__(self, other: object) -> Any:
        if _gives_way(other):
            return NotImplemented
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, int | float | complex):
            return int(self) / other
        if isinstance(other, SymInt):
            return int(self) / int(other)
        return OPS["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        if isinstance(other, int | float | complex):
            return other / int(self)
        return OPS["divide"](other, self)

    def __neg__(self) -> Any:
        return size_or_int(-self.dim, self.sizes)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return -self if self.sizes.decide(self.dim, "<", 0) else self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, exponent: Any, modulus: Any = None) -> Any:
        if _gives_way(exponent):
            return NotImplemented
        if modulus is None and isinstance(exponent, int) and 0 <= exponent <= 8:
            out: Any = 1
            for _ in range(exponent):
                out = self * out
            return out
        return pow(int(self), _plain(exponent), modulus)

    def __rpow__(self, base: Any) -> Any:
        return NotImplemented if _gives_way(base) else pow(base, int(self))

    def __invert__(self) -> Any:
        return -self - 1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(int, name):
            raise AttributeError(f"a size has no attribute {name!r}")
        return getattr(int(self), name)  # bit_length and its like need the plain int

    def __round__(self, digits: int | None = None) -> Any:
        return self if digits is None else round(int(self), digits)

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)  # a text says the number, so it is valid for that size only

    def __repr__(self) -> str:
        return str(int(self))

    __str__ = __repr__


def _dim(value: Any) -> DimLike | None:
    if isinstance(value, SymInt):
        return value.sizes.resolve(value.dim)
    return int(value) if isinstance(value, int | np.integer) else None


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, SymInt) else value


def _gives_way(other: Any) -> bool:
    """Whether an operand has operators that know sizes: a number of the graph
    (``capture/numbers.py``), an array or a scalar of NumPy's (``ndarrays/base.py``)."""
    return hasattr(type(other), "of_graph") or hasattr(type(other), "in_trace")


def _giving_way(method: Any) -> Any:
    """An operator that leaves those to theirs."""

    def operate(self: SymInt, other: Any) -> Any:
        return NotImplemented if _gives_way(other) else method(self, other)

    return operate


def size_or_int(dim: DimLike, sizes: TraceSizes) -> Any:
    """A size for user code: an int where it is known, else a SymInt."""
    resolved = sizes.resolve(dim)
    return resolved if isinstance(resolved, int) else SymInt(resolved, sizes)


def to_dims(value: Any) -> Any:
    """An attribute as graphs hold it: SymInt -> Dim, lists -> tuples, IntEnum -> int, nested."""
    return map_attr(value, _to_dim)


def _to_dim(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):  # sizes that the graph computes
        return to_dims(as_sizes(leaf))
    if getattr(leaf, "of_graph", False) and isinstance(leaf, int):
        return to_dims(as_sizes(leaf))
    return leaf.sizes.resolve(leaf.dim) if isinstance(leaf, SymInt) else plain_value(plain(leaf))


def _arithmetic(symbol: str, op_name: str, compute: Any) -> tuple[Any, Any]:
    def method(self: SymInt, other: Any) -> Any:
        right = _dim(other)
        if right is not None:
            return size_or_int(compute(self.sizes.resolve(self.dim), right), self.sizes)
        if isinstance(other, float | complex):
            return compute(int(self), other)
        if isinstance(other, _SEQUENCES):  # [x] * n: Python repeats it with __index__
            return NotImplemented
        return OPS[op_name](self, other)

    def reflected(self: SymInt, other: Any) -> Any:
        left = _dim(other)
        if left is not None:
            return size_or_int(compute(left, self.sizes.resolve(self.dim)), self.sizes)
        if isinstance(other, float | complex):
            return compute(other, int(self))
        if isinstance(other, _SEQUENCES):
            return NotImplemented
        return OPS[op_name](other, self)

    return method, reflected


for _name, _op, _compute in (
    ("add", "add", lambda a, b: a + b),
    ("sub", "subtract", lambda a, b: a - b),
    ("mul", "multiply", lambda a, b: a * b),
    ("floordiv", "floor_divide", lambda a, b: a // b),
    ("mod", "remainder", lambda a, b: a % b),
):
    _method, _reflected = _arithmetic(_name, _op, _compute)
    setattr(SymInt, f"__{_name}__", _giving_way(_method))
    setattr(SymInt, f"__r{_name}__", _giving_way(_reflected))


for _name in ("__truediv__", "__rtruediv__"):
    setattr(SymInt, _name, _giving_way(getattr(SymInt, _name)))


def _pinned(compute: Any) -> tuple[Any, Any]:
    """Bit operations need the plain int."""

    def method(self: SymInt, other: Any) -> Any:
        return compute(int(self), _plain(other))

    def reflected(self: SymInt, other: Any) -> Any:
        return compute(other, int(self))

    return method, reflected


for _name in ("and", "or", "xor", "lshift", "rshift"):
    _method, _reflected = _pinned(getattr(operator, f"__{_name}__"))
    setattr(SymInt, f"__{_name}__", _giving_way(_method))
    setattr(SymInt, f"__r{_name}__", _giving_way(_reflected))

for _name in ("trunc", "floor", "ceil"):
    setattr(SymInt, f"__{_name}__", lambda self: self)


def _ordering(relation: str, flip: bool) -> Any:
    # n < 2.5 is n < 3, n <= 2.5 is n <= 2, 2.5 < n is 2 < n and 2.5 <= n is 3 <= n
    whole = math.ceil if (relation == "<") != flip else math.floor

    def method(self: SymInt, other: Any) -> Any:
        if isinstance(other, float) and math.isfinite(other):
            other = whole(other)
        elif isinstance(other, float):
            return _RELATIONS[relation](other, 0) if flip else _RELATIONS[relation](0, other)
        right = _dim(other)
        if right is None:
            return NotImplemented
        a, b = (right, self.dim) if flip else (self.dim, right)
        return self.sizes.decide(a, relation, b)

    return method


for _name, _relation, _flip in (
    ("lt", "<", False),
    ("le", "<=", False),
    ("gt", "<", True),
    ("ge", "<=", True),
):
    setattr(SymInt, f"__{_name}__", _giving_way(_ordering(_relation, _flip)))
