"""Python numbers that exist only when the graph runs: made of values, or carried by a loop.

An ``int`` is computed in int64, a ``float`` in float64, with Python's meaning: ``/`` gives a float,
``//`` and ``%`` round down, a division by zero raises. An ``int`` that does not fit int64 raises
OverflowError, where Python would have gone on; NumPy would wrap around without a word.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dims import evaluate, symbols_of
from twofold.ir.errors import ConversionError, StagingError
from twofold.ir.handlers import may_be_caught
from twofold.ir.op import OPS
from twofold.ir.ops import elementwise
from twofold.ir.tensor_shape import TUPLES, sequence
from twofold.runtime.carried import truth
from twofold.runtime.tensor import Tensor

from ..control.branch import stage_branches
from ..plain import PlainPython
from ..symint import SymInt
from ..symnumber import SymNumber, unmixed
from .machine import Decide

__all__ = ["DTYPES", "TracedNumber", "is_number", "kind_of", "number_of", "raise_if", "staged",
           "surely", "taken"]  # fmt: skip

DTYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(np.float64),
}  # fmt: skip
_LARGE = 2**62
_FAR = 2**56  # far within int64
_POWER = "a power of Python numbers with this exponent"
_SHIFT = "a shift of Python numbers by this much"


class TracedNumber(SymNumber):
    """A Python number of the graph; see the module."""

    __slots__ = ("bounds", "held", "kind")
    of_graph = True

    def __init__(self, kind: type, held: Any, bounds: Any = None) -> None:
        self.kind, self.held = kind, held
        self.bounds = bounds  # the least and the most it can be, ints or sizes, where it is known

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self.kind

    def plain(self) -> Any:
        """There is no number yet."""
        raise PlainPython(refusal=needed(self))

    def fits(self, dtype: Any) -> bool:
        """Whether the number becomes the dtype without a change of what it means."""
        return super().fits(dtype) or (self.kind is bool and np.dtype(dtype) == bool)

    def tensor(self, dtype: Any) -> Any:
        """The number as a tensor of the graph, which raises where the number does not fit."""
        held, dtype = bind.ground().tensor(bind.ground().value(self.held)), np.dtype(dtype)
        if held.dtype == dtype:
            return held
        if self.kind is int and dtype.kind in "iu" and not _within(self, dtype):
            least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
            outside = (held < np.int64(least)) | (held > np.int64(min(most, 2**63 - 1)))
            words = f"a Python int does not fit {dtype}: {least}..{most}"
            raise_if(outside, ConversionError(words), False)
        return OPS["cast"](held, dtype=dtype)

    def __bool__(self) -> bool:
        raise PlainPython(refusal=needed(self))

    def __index__(self) -> int:
        raise PlainPython(refusal=needed(self))

    def __hash__(self) -> int:
        raise PlainPython(refusal=needed(self))


def needed(number: TracedNumber) -> StagingError:
    """What is said where a number is needed that does not exist yet."""
    return StagingError(
        f"the value of a Python {number.kind.__name__} is needed while the function is traced, but "
        f"it exists only when it runs"
    )


def is_number(value: Any) -> bool:
    """Whether this is a Python number, known or not."""
    return type(value) in DTYPES or isinstance(value, SymNumber) or type(value) is SymInt


def kind_of(value: Any) -> type:
    """``bool``, ``int`` or ``float``."""
    if type(value) is SymInt:
        return int
    kind: type = value.__class__
    return kind


def staged(value: Any) -> bool:
    """Whether a value exists only when the graph runs."""
    return type(value) is TracedNumber


def number_of(tensor: Any, kind: type | None = None) -> TracedNumber:
    """The Python number that a tensor of one element is."""
    if tensor.shape:
        tensor = OPS["reshape"](tensor, shape=())
    letter = tensor.dtype.kind
    if letter == "c" and kind not in (bool, complex):
        raise PlainPython(words="a complex number of Python's that values decide")
    if kind is None:
        kind = bool if letter == "b" else int if letter in "iu" else float
    if tensor.dtype != DTYPES[kind]:
        tensor = OPS["cast"](tensor, dtype=DTYPES[kind])
    return TracedNumber(kind, tensor)


def taken(tensor: Any, kind: type | None = None) -> TracedNumber:
    """``number_of`` a tensor of the user's: no tape follows it into a Python number."""
    return number_of(OPS["stop_gradient"](tensor) if tensor.dtype.kind in "fc" else tensor, kind)


def as_tensor(value: Any, kind: type) -> Any:
    """A number as a tensor of the dtype that numbers of a kind have. Raises PlainPython."""
    if isinstance(value, SymNumber):
        made = value.tensor(DTYPES[kind])
        return bind.ground().tensor(bind.ground().value(made))  # an input, in a region
    if type(value) is SymInt:
        return OPS["cast"](value, dtype=DTYPES[kind])
    if kind is int and not -(2**63) <= value < 2**63:
        raise PlainPython(words="a Python number beyond 64 bits")
    return OPS["constant"](value=np.array(value, DTYPES[kind]))


def sized(value: Any) -> Any:
    """A size, or a tuple of sizes, as the user's code has it: one that is found when the graph runs
    is a number of the graph."""
    if type(value) in TUPLES:
        return sequence(type(value), [sized(v) for v in value])
    if type(value) is not SymInt or not value.is_late:
        return value
    return TracedNumber(int, OPS["dim"](dim=value), (0, value))


def surely(op: str, *args: Any, **attrs: Any) -> Any:
    """An operation that cannot raise, as is known."""
    with bind.ground().arrays.checked():  # type: ignore[attr-defined]
        return OPS[op](*args, **attrs)


def raise_if(condition: Any, error: Exception, of_python: bool = True) -> None:
    """Stage a test: where the condition holds, the graph raises the error; or the code goes on at
    its handler, if it has one and the error is Python's."""
    machine = bind.ground().arrays.machine  # type: ignore[attr-defined]
    if of_python and may_be_caught() and machine.excludes(Decide(condition, error)):
        return

    def fails() -> Any:
        raise error

    def passes() -> Any:
        return OPS["constant"](value=np.False_)

    selector = bind.ground().value(condition)
    stage_branches("cond", selector, [("raises", fails), ("passes", passes)], "a test")


def _with_floats(left: Any, right: Any) -> bool:
    return float in (kind_of(left), kind_of(right))


def _sum(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> TracedNumber:
        if _with_floats(left, right):
            return TracedNumber(float, function(as_tensor(left, float), as_tensor(right, float)))
        a, b = as_tensor(left, int), as_tensor(right, int)
        made = function(a, b)
        bounds = _bounds_of_sum(function, left, right)
        if bounds is not None:
            return TracedNumber(int, made, bounds)
        if not (_is_small(left) or _is_small(right)):
            wrong = ((a ^ b) < 0) if function is operator.sub else ((a ^ b) >= 0)
            raise_if(wrong & ((made ^ a) < 0), _too_large(), False)
        return TracedNumber(int, made)

    return compute


def bounds_of(value: Any) -> Any:
    """The least and the most that an int can be, both far within int64, or None."""
    if type(value) is TracedNumber:
        return value.bounds
    return _near(value, value) if type(value) in (int, SymInt) else None


def _within(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether an int of the graph is known to fit an integer dtype."""
    fits = np.iinfo(dtype)
    return value.bounds is not None and all(
        fits.min <= end <= fits.max for bound in value.bounds for end in _ends(bound)
    )


def _near(least: Any, most: Any) -> Any:
    """These bounds, or None if one may come near the ends of int64."""
    return None if _reach(least) > _FAR or _reach(most) > _FAR else (least, most)


def _reach(bound: Any) -> int:
    """How large a bound can be, whatever sizes the axes of arrays have."""
    return max(map(abs, _ends(bound)))


def _ends(bound: Any) -> tuple[int, int]:
    """The least and the most that a bound can be, whatever sizes the axes of arrays have."""
    if type(bound) is int:
        return bound, bound
    names = sorted(symbols_of(bound.dim))
    if len(names) > 4:
        return -_LARGE, _LARGE
    corners = product((0, 2**31 - 1), repeat=len(names))
    found = [evaluate(bound.dim, dict(zip(names, c, strict=True))) for c in corners]
    return min(found), max(found)


def _bounds_of_sum(function: Any, left: Any, right: Any) -> Any:
    a, b = bounds_of(left), bounds_of(right)
    if a is None or b is None:
        return None
    low, high = (b[0], b[1]) if function is operator.add else (b[1], b[0])
    return _near(function(a[0], low), function(a[1], high))


def _bounds_of_product(left: Any, right: Any) -> Any:
    found = bounds_of(left)
    if found is None or type(right) is not int:
        return None
    least, most = found if right >= 0 else found[::-1]
    return _near(least * right, most * right)


def _is_small(value: Any) -> bool:
    """Whether it takes longer than anyone waits to reach the end of int64 by adding it."""
    return type(value) in (int, bool) and abs(value) < 2**16


def _too_large() -> Exception:
    return OverflowError("a Python int of a compiled function does not fit int64")


def _product(left: Any, right: Any) -> TracedNumber:
    if _with_floats(left, right):
        return TracedNumber(float, as_tensor(left, float) * as_tensor(right, float))
    a, b = as_tensor(left, int), as_tensor(right, int)
    bounds = _bounds_of_product(left, right) or _bounds_of_product(right, left)
    if bounds is not None:
        return TracedNumber(int, a * b, bounds)
    size = OPS["abs"](as_tensor(left, float) * as_tensor(right, float))
    raise_if(size >= float(_LARGE), _too_large(), False)
    return TracedNumber(int, a * b)


def _quotient(left: Any, right: Any) -> TracedNumber:
    a, b = as_tensor(left, float), as_tensor(right, float)
    words = "float division by zero" if _with_floats(left, right) else "division by zero"
    _refuse_zero(b, right, words)
    return TracedNumber(float, a / b)


def _refuse_zero(divisor: Any, given: Any, words: str) -> None:
    if type(given) in DTYPES:
        if given == 0:
            raise ZeroDivisionError(words)
        return
    raise_if(divisor == 0, ZeroDivisionError(words))


def _floored(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> TracedNumber:
        kind = float if _with_floats(left, right) else int
        a, b = as_tensor(left, kind), as_tensor(right, kind)
        modulo = function is operator.mod
        whole = "integer modulo by zero" if modulo else "integer division or modulo by zero"
        real = "float modulo" if modulo else "float floor division by zero"
        _refuse_zero(b, right, real if kind is float else whole)
        if kind is int and type(right) is TracedNumber:  # it may be computed before the test
            b = OPS["where"](b == 0, as_tensor(1, int), b)
        if kind is float and not modulo:  # Python's quotient of infinities
            return TracedNumber(kind, OPS["numpy_floor_divide"](a, b))
        return TracedNumber(kind, surely("remainder" if modulo else "floor_divide", a, b))

    return compute


def _power(left: Any, right: Any) -> TracedNumber:
    if type(right) is int and right >= 0 and kind_of(left) is not float:
        made: Any = 1
        for _ in range(right if right <= 64 else 0):
            made = _product(made, left) if made != 1 else left
        if right > 64:
            raise PlainPython(words=_POWER)
        return made if right else 1  # type: ignore[return-value]
    if type(right) in (int, float) and kind_of(left) is float and float(right).is_integer():
        if right < 0:
            raise PlainPython(words=_POWER)
        base = as_tensor(left, float)
        made = base ** as_tensor(float(right), float)
        raise_if(
            OPS["isinf"](made) & ~OPS["isinf"](base),
            OverflowError(34, "Numerical result out of range"),
        )
        return TracedNumber(float, made)
    raise PlainPython(words=_POWER)


def _bits(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> TracedNumber:
        if _with_floats(left, right):
            function(1.0, 1.0)  # it raises TypeError
        kind = bool if kind_of(left) is kind_of(right) is bool else int
        masks = [x for x in (left, right) if type(x) is int and 0 <= x < _FAR]
        bounds = (0, min(masks)) if function is operator.and_ and masks else None
        return TracedNumber(kind, function(as_tensor(left, kind), as_tensor(right, kind)), bounds)

    return compute


def _shift_right(left: Any, right: Any) -> TracedNumber:
    if type(right) is not int or right < 0 or _with_floats(left, right):
        raise PlainPython(words=_SHIFT)
    return TracedNumber(int, as_tensor(left, int) >> min(right, 63))


def _shift_left(left: Any, right: Any) -> TracedNumber:
    if type(right) is not int or not 0 <= right < 62 or kind_of(left) is float:
        raise PlainPython(words=_SHIFT)
    return _product(left, 1 << right)


_BINARY: dict[Any, Callable[[Any, Any], Any]] = {
    operator.add: _sum(operator.add), operator.sub: _sum(operator.sub), operator.mul: _product,
    operator.truediv: _quotient, operator.floordiv: _floored(operator.floordiv),
    operator.mod: _floored(operator.mod), operator.pow: _power,
    operator.and_: _bits(operator.and_), operator.or_: _bits(operator.or_),
    operator.xor: _bits(operator.xor), operator.rshift: _shift_right,
    operator.lshift: _shift_left,
}  # fmt: skip


def _arithmetic(function: Any) -> tuple[Any, Any]:
    compute = _BINARY[function]

    def method(self: TracedNumber, other: Any) -> Any:
        other = unmixed(function, other)
        return compute(self, other) if is_number(other) else NotImplemented

    def reflected(self: TracedNumber, other: Any) -> Any:
        other = unmixed(function, other)
        return compute(other, self) if is_number(other) else NotImplemented

    return method, reflected


def _comparison(function: Any) -> Any:
    def method(self: TracedNumber, other: Any) -> Any:
        other = unmixed(function, other)
        if not is_number(other):
            return NotImplemented
        kind = float if _with_floats(self, other) else int
        if type(other) is float and kind_of(self) is not float and other.is_integer():
            other, kind = int(other), int
        return TracedNumber(bool, function(as_tensor(self, kind), as_tensor(other, kind)))

    return method


for _name, _function in {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
    "and": operator.and_, "or": operator.or_, "xor": operator.xor, "rshift": operator.rshift,
    "lshift": operator.lshift,
}.items():  # fmt: skip
    _method, _reflected = _arithmetic(_function)
    setattr(TracedNumber, f"__{_name}__", _method)
    setattr(TracedNumber, f"__r{_name}__", _reflected)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(TracedNumber, f"__{_name}__", _comparison(getattr(operator, _name)))


def _signed(self: TracedNumber, function: Any) -> tuple[type, Any]:
    kind = float if self.kind is float else int
    return kind, function(self.tensor(DTYPES[kind]))


def _unary(function: Any) -> Any:
    return lambda self: TracedNumber(*_signed(self, function))


TracedNumber.__neg__ = _unary(operator.neg)
TracedNumber.__pos__ = _unary(operator.pos)
TracedNumber.__abs__ = _unary(elementwise.abs)
TracedNumber.__invert__ = _unary(operator.invert)


def holds(value: Any) -> Any:
    """The truth of a value of the graph, as a bool tensor of one element."""
    if type(value) is TracedNumber:
        held = value.tensor(DTYPES[value.kind])
        return held if value.kind is bool else held != 0
    if isinstance(value, Tensor) or getattr(type(value), "in_trace", False):
        return truth(value)
    return None
