"""NumPy's functions that make arrays, in a trace: each gives an array of the trace."""

from __future__ import annotations

from array import array as array_of_python
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.op import OPS
from twofold.ir.ops.operand import as_sizes
from twofold.ir.tensor_shape import LISTED
from twofold.runtime.tensor import Tensor

from ..symint import SymInt
from ..symnumber import SymNumber, plain
from . import protocol
from .base import TracedArray, TracedScalar, is_traced
from .operands import (
    as_array,
    as_tensor,
    convert,
    fresh,
    holds_traced,
    number,
    refuse_dtype,
    wrapped,
)
from .selection import arrays_of
from .views import astype, copy

__all__ = ["CREATE"]

CREATE: dict[Any, Any] = {}
_np: Any = np  # called with what the user gives, of any type


Handler = Callable[..., Any]


def _creates(*functions: Any) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for function in functions:
            CREATE[function] = handler
        return handler

    return register


def _full(trace: Any, shape: Any, value: Any, order: str = "C") -> TracedArray:
    refuse_dtype(trace, value.dtype)
    shape = as_sizes(shape)
    shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    made = OPS["splat"](OPS["constant"](value=value), shape=shape[::-1] if order == "F" else shape)
    array = fresh(trace, made)
    return array.transpose() if order == "F" else array


def _has_size(*values: Any) -> bool:
    return any(isinstance(v, SymInt) or (type(v) in LISTED and _has_size(*v)) for v in values)


def _filling(function: Any, number: Any) -> None:
    @_creates(function)
    def made(
        trace: Any, shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None,
        like: Any = None,
    ) -> Any:  # fmt: skip
        shape = as_sizes(shape)
        if not _has_size(shape):
            _np.empty(0, dtype, order)
            shape = function(shape, bool).shape  # what is no shape is an error of NumPy's
        want = np.dtype(float if dtype is None else dtype)
        return _full(trace, shape, np.array(number, want), order)


_filling(np.zeros, 0)
_filling(np.ones, 1)
_filling(np.empty, 0)


@_creates(np.full)
def full(
    trace: Any, shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *,
    device: Any = None, like: Any = None,
) -> Any:  # fmt: skip
    """``np.full``."""
    if is_traced(fill_value):
        made = _full(trace, shape, np.zeros((), dtype or fill_value.dtype), order)
        made[...] = fill_value
        return made
    if fill_value.__class__ is float and isinstance(fill_value, SymNumber):
        kept = np.dtype(float if dtype is None else dtype)
        if kept.kind in "fc":
            made = _full(trace, shape, np.zeros((), kept), order)
            made[...] = fill_value
            return made
    value = np.array(plain(fill_value), dtype)
    if value.ndim:
        return _constant(trace, _np.full(shape, fill_value, dtype, order))
    return _full(trace, shape, value, order)


@_creates(np.eye)
def eye(
    trace: Any, N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: str = "C", *,
    device: Any = None, like: Any = None,
) -> Any:  # fmt: skip
    """``np.eye``."""
    rows, columns = (as_sizes(n) for n in (N, N if M is None else M))
    if not _has_size(rows, columns):
        return wrapped(trace, _np.eye(N, M, plain(k), dtype, order))
    first, second = (fresh(trace, OPS["arange"](start=0, stop=n, step=1, dtype=np.dtype(np.int64)))
                     for n in (rows, columns))  # fmt: skip
    if order == "F":
        return (second[:, None] == first + k).astype(dtype).transpose()
    return (first[:, None] + k == second).astype(dtype)


@_creates(np.linspace)
def linspace(trace: Any, start: Any, stop: Any, num: Any = 50, *args: Any, **options: Any) -> Any:
    """``np.linspace``; between two numbers, of a size of an argument, for any size of it."""
    plainly = {type(start), type(stop)} <= {int, float} and start != stop
    if not plainly or args or options or type(num) is not SymInt or num.is_late:
        given = (start, stop, num, *args)
        for end in (start, stop):
            if isinstance(end, Tensor):  # a function of tensors, whose gradient is known
                return end.__array_function__(np.linspace, (), given, options)
        if any(isinstance(x, np.ndarray) or holds_traced(x) for x in (*given, *options.values())):
            return protocol.HOOKS["function"](trace, np.linspace, given, options)
        return wrapped(trace, _np.linspace(*given, **options))
    low, high, at = start * 1.0, stop * 1.0, arange(trace, num)
    step: Any = as_array(trace, high - low) / as_array(trace, num - 1)  # type: ignore[operator]
    made = _np.where(at == num - 1, high, at.astype(float) * step + low)  # type: ignore[operator]
    return _np.where(at == 0, low, made)  # also of one number, where the step is infinite


def _of_any_size(real: Any, formula: Handler) -> None:
    """What NumPy makes of a number, by a formula where that is the size of an argument."""

    def make(trace: Any, *args: Any, **options: Any) -> Any:
        size = next(iter((*args, *options.values())), None)
        if type(size) is SymInt and not size.is_late:
            return formula(trace, *args, **options)
        named = {name: _whole(x) for name, x in options.items()}
        return wrapped(trace, real(*map(_whole, args), **named))

    CREATE[real] = make


def _whole(x: Any) -> Any:
    return int(x) if isinstance(x, SymInt) else plain(x)


def _frequencies(trace: Any, n: Any, d: Any = 1.0, device: Any = None) -> Any:
    at, count = arange(trace, n), as_array(trace, n)
    return _np.where(at * 2 < count, at, at - count) * (1.0 / (count * d))


def _half_frequencies(trace: Any, n: Any, d: Any = 1.0, device: Any = None) -> Any:
    return arange(trace, n // 2 + 1) * (1.0 / (as_array(trace, n) * d))


_of_any_size(np.fft.fftfreq, _frequencies)
_of_any_size(np.fft.rfftfreq, _half_frequencies)

# Windows, by their formulas of the numbers 1-M, 3-M, ... and of M-1.
_WINDOWS: dict[Any, Callable[[Any, Any], Any]] = {
    np.bartlett: lambda n, m: _np.where(n <= 0, 1 + n / m, 1 - n / m),
    np.blackman: lambda n, m: (
        0.42 + 0.5 * _np.cos(np.pi * n / m) + 0.08 * _np.cos(2.0 * np.pi * n / m)
    ),
    np.hamming: lambda n, m: 0.54 + 0.46 * _np.cos(np.pi * n / m),
    np.hanning: lambda n, m: 0.5 + 0.5 * _np.cos(np.pi * n / m),
}


def _window(formula: Callable[[Any, Any], Any]) -> Handler:
    def make(trace: Any, M: Any) -> Any:
        numbers = arange(trace, M) * 2 + (1 - M)
        return formula(numbers, _np.maximum(as_array(trace, M - 1), 1))  # 1 where M is 1

    return make


for _real, _formula in _WINDOWS.items():
    _of_any_size(_real, _window(_formula))


@_creates(np.identity)
def identity(trace: Any, n: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """``np.identity``."""
    return eye(trace, n, dtype=dtype)


def _constant(trace: Any, value: Any) -> TracedArray:
    refuse_dtype(trace, value.dtype)
    return fresh(trace, trace.constant(value))


@_creates(np.arange)
def arange(trace: Any, *bounds: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.arange``; sizes of the trace stay open if the step is 1."""
    named = {**options}
    start, stop, step = named.pop("start", None), named.pop("stop", None), named.pop("step", None)
    given = [_as_size(b) for b in bounds]
    if len(given) == 4:
        dtype = given.pop()
    sizes = [b for b in (*given, start, stop, step) if b is not None]
    whole = all(type(b) is int or isinstance(b, SymInt) for b in sizes)
    if (
        _has_size(*sizes)
        and whole
        and not named
        and not step
        and len(given) in (1, 2)
        and stop is None
    ):
        low, high = (0, given[0]) if len(given) == 1 else given
        if start is None:
            tensor = OPS["arange"](start=low, stop=high, step=1, dtype=np.dtype(np.int64))
            return fresh(trace, convert(tensor, np.dtype(dtype or np.int64)))
    plain = [_plain(b) for b in given]
    names = {"start": start, "stop": stop, "step": step}
    rest = {k: _plain(v) for k, v in names.items() if v is not None}
    return _constant(trace, np.arange(*plain, dtype=dtype, **rest))


def _as_size(x: Any) -> Any:
    """A bound that is an integer of the graph as a size."""
    if isinstance(x, SymNumber | TracedScalar) and isinstance(x, int | np.integer):
        found = as_sizes(x)
        return found if isinstance(found, SymInt) else x
    return x


def _plain(x: Any) -> Any:
    """A bound as a number that NumPy takes."""
    x = plain(x)
    if isinstance(x, SymInt):
        return int(x)
    return x.known("a bound of np.arange")[()] if is_traced(x) else x


@_creates(np.array)
def array(
    trace: Any, object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K",
    subok: bool = False, ndmin: int = 0, ndmax: int = 0, like: Any = None,
) -> Any:  # fmt: skip
    """``np.array``."""
    if copy is not True:
        _refuse_lent(trace, object)
    made = _asarray(trace, object, dtype, order)
    _refuse_copy(copy, made, object)
    if copy and made is object:
        made = _copied(made, order)
    while made.ndim < ndmin:
        made = made[None]
    return made


def _refuse_lent(trace: Any, x: Any) -> None:
    """What ``np.asarray`` makes of an ``array.array`` and its like has its memory."""
    if isinstance(x, bytearray | array_of_python):
        raise trace.plain()


def _refuse_copy(copy: Any, made: Any, given: Any) -> None:
    if copy is False and made is not given:
        np.array([0.0], int, copy=False)  # it raises


def _copied(x: TracedArray, order: str) -> TracedArray:
    made: TracedArray = copy(x, order=order)
    return made


def _asarray(trace: Any, x: Any, dtype: Any = None, order: Any = None) -> Any:
    x = arrays_of(x)
    if isinstance(x, np.ndarray) and not is_traced(x) and not trace.takes(x):
        raise trace.missing(f"an array of dtype {x.dtype} or class {type(x).__name__}")
    if not isinstance(x, np.ndarray) and not holds_traced(x):
        return _constant(trace, np.array(x, dtype, order=order or "K"))
    if type(x) in LISTED:
        return _listed(trace, x, dtype)
    made = as_array(trace, x)
    if dtype is not None and np.dtype(dtype) != made.dtype:
        made = astype(made, dtype)
    if order == "C" and not made.contiguous:
        made.pin()
        return made if made.layout.flags.c_contiguous else copy(made, order="C")
    if order == "F":
        made.pin()
        return made if made.layout.flags.f_contiguous else copy(made, order="F")
    return made


def _listed(trace: Any, items: Any, dtype: Any) -> TracedArray:
    """An array of nested lists with values of the trace among them."""
    parts = [_asarray(trace, x) if type(x) in LISTED else x for x in items]
    kinds = [_weak(x) for x in parts]
    want = np.dtype(dtype) if dtype is not None else np.result_type(*kinds)
    tensors = [convert(as_tensor(trace, x), want) for x in parts]
    return fresh(trace, OPS["stack"](*tensors))


def _weak(x: Any) -> Any:
    """The dtype of a number in a list: NumPy's default for Python's."""
    if isinstance(x, SymNumber):
        return np.asarray(number(x)).dtype
    return x.dtype if is_traced(x) else np.asarray(int(x) if isinstance(x, SymInt) else x).dtype


@_creates(np.asarray, np.asanyarray)
def asarray(
    trace: Any, a: Any, dtype: Any = None, order: Any = None, *, device: Any = None,
    copy: Any = None, like: Any = None,
) -> Any:  # fmt: skip
    """``np.asarray``."""
    _refuse_lent(trace, a)
    made = _asarray(trace, a, dtype, order)
    _refuse_copy(copy, made, a)
    return _copied(made, order or "K") if copy and made is a else made


@_creates(np.ascontiguousarray)
def ascontiguousarray(trace: Any, a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """``np.ascontiguousarray``."""
    _refuse_lent(trace, a)
    made = _asarray(trace, a, dtype, "C")
    return made if made.ndim else made[None]


@_creates(np.asfortranarray)
def asfortranarray(trace: Any, a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """``np.asfortranarray``."""
    _refuse_lent(trace, a)
    made = _asarray(trace, a, dtype, "F")
    return made if made.ndim else made[None]
