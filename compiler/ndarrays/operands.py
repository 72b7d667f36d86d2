"""Between NumPy's operands and tensors of a trace: conversion, casts, results, NumPy's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import letter
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED, sequence
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..symint import SymInt
from ..symnumber import SymNumber
from .base import TracedArray, TracedScalar, is_traced

__all__ = ["as_array", "as_tensor", "beside_sizes", "convert", "dtype_of", "example", "fresh",
           "holds_traced", "into", "laid_out", "layouts", "like", "number", "result",
           "with_memory", "wrapped"]  # fmt: skip

PYTHON = (bool, int, float, complex)
_np: Any = np  # called with what the user gives, of any type


def holds_traced(x: Any) -> bool:
    """Whether a value of a trace is in this argument, also inside lists."""
    if is_traced(x) or isinstance(x, Tensor | Variable | SymInt | SymNumber):
        return True
    if type(x) in LISTED:
        return any(map(holds_traced, x))
    return False


def as_tensor(trace: Any, x: Any) -> Any:
    """A tensor of the trace for an operand, with NumPy's dtype for Python numbers and lists."""
    if is_traced(x):
        return x.tensor()
    if isinstance(x, Variable):
        return OPS["identity"](x)
    if isinstance(x, Tensor):
        return x
    if isinstance(x, SymInt):
        return OPS["dim"](dim=x)
    if isinstance(x, SymNumber):
        return x.tensor(np.asarray(number(x)).dtype)
    if type(x) in LISTED and holds_traced(x):
        parts = [as_tensor(trace, part) for part in x]
        common = np.result_type(*[p.dtype for p in parts])
        return OPS["stack"](*[convert(p, common) for p in parts])
    if isinstance(x, np.ndarray):
        return trace.array_of(x).tensor()
    return constant(trace, np.asarray(x))


def constant(trace: Any, value: Any) -> Any:
    """A tensor of the trace with a value that never changes."""
    refuse_dtype(trace, value.dtype)
    return OPS["constant"](value=np.array(value))


def beside_sizes(left: Any, right: Any) -> tuple[Any, Any]:
    """The operands of an operator: beside a size, which is no number to NumPy, a scalar of its
    dtypes is one of the trace."""
    if isinstance(left, SymInt):
        return left, _of_trace(right)
    return (_of_trace(left), right) if isinstance(right, SymInt) else (left, right)


def _of_trace(x: Any) -> Any:
    if not isinstance(x, np.number | np.bool_) or is_traced(x):
        return x
    trace: Any = bind.ground().arrays  # type: ignore[attr-defined]
    return result(trace, trace.constant(x))


def refuse_dtype(trace: Any, dtype: Any) -> None:
    """Raise StagingError for a dtype that tensors do not have."""
    if not trace.has_dtype(dtype):
        raise trace.missing(f"a NumPy array of dtype {dtype}")


def dtype_of(x: Any) -> Any:
    """What ``ufunc.resolve_dtypes`` takes for an operand: a dtype, or the type of a number."""
    if is_traced(x) or isinstance(x, Tensor | Variable | np.ndarray | np.generic):
        return x.dtype
    if isinstance(x, SymInt):
        return int
    if isinstance(x, SymNumber):
        return x.kind if x.of_graph else type(number(x))
    if type(x) in (int, float, complex):
        return type(x)
    if type(x) in LISTED and holds_traced(x):
        return np.result_type(*map(dtype_of, x))
    return np.asarray(x).dtype


def number(x: Any) -> Any:
    """The value that a symbolic number has in the example call; 1 of its kind, where it has none
    before the graph runs."""
    return x.kind(1) if x.of_graph else x.numbers.values[x.slot]


def convert(x: Any, dtype: np.dtype[Any]) -> Any:
    """``x.astype(dtype)`` with NumPy's meaning."""
    if x.dtype == dtype:
        return x
    if letter(x.dtype) in "fc" and letter(dtype) in "iu":
        return OPS["numpy_astype"](x, dtype=dtype)
    return OPS["cast"](x, dtype=dtype)


def operand(trace: Any, x: Any, dtype: np.dtype[Any]) -> Any:
    """An operand in the dtype that the loop of a ufunc takes."""
    if type(x) in PYTHON:
        return constant(trace, np.asarray(x, dtype))
    if isinstance(x, SymNumber):
        if x.of_graph and isinstance(x, int) and not _fits(x.bounds, dtype):
            raise trace.plain()  # NumPy raises where the number does not fit
        return x.tensor(dtype)
    return convert(as_tensor(trace, x), dtype)


def _fits(bounds: Any, dtype: np.dtype[Any]) -> bool:
    """Whether all ints between bounds are of a dtype; without bounds, all of int64."""
    if letter(dtype) not in "iu" or dtype == np.int64:
        return True
    if bounds is None or not all(type(b) is int for b in bounds):
        return False
    limits = np.iinfo(dtype)
    return bool(limits.min <= bounds[0] and bounds[1] <= limits.max)


def layouts(trace: Any, inputs: Sequence[Any]) -> list[TracedArray]:
    """The operands whose order in memory the result of a ufunc keeps."""
    found = []
    for x in inputs:
        if type(x) is TracedArray:
            found.append(x)
        elif isinstance(x, np.ndarray):
            found.append(trace.array_of(x))
    return found


def fresh(trace: Any, tensor: Any, like: Sequence[TracedArray] = ()) -> TracedArray:
    """A new array of the trace."""
    refuse_dtype(trace, tensor.dtype)
    return TracedArray(trace, trace.cells.fresh(tensor, like))


def like(
    trace: Any, tensor: Any, array: TracedArray, order: str = "K", same_rank: bool = True
) -> TracedArray:
    """A new array laid out as ``np.empty_like(array, order=order)``."""
    refuse_dtype(trace, tensor.dtype)
    order = order.upper() if isinstance(order, str) else order or "K"
    np.empty_like(np.empty(0), order=order)  # type: ignore[call-overload]  # it raises
    if order == "C" or (order != "F" and (array.contiguous or not same_rank)):
        return fresh(trace, tensor)
    hints = trace.cells.hints(tensor.shape)
    shown: Any = _np.empty_like(array.layout, tensor.dtype, order, shape=hints)
    return TracedArray(trace, trace.cells.ordered(tensor, shown))


def result(trace: Any, tensor: Any, like: Sequence[TracedArray] = ()) -> Any:
    """What a NumPy function returns: an array, or a scalar if there are no axes."""
    if not tensor.shape:
        return TracedScalar(trace, tensor)
    return fresh(trace, tensor, like)


def laid_out(trace: Any, tensor: Any, called: Any, args: Any, reorders: bool = False) -> Any:
    """A result whose axes lie in memory as those of what NumPy makes of arrays of these layouts.

    ``reorders``: they may lie in another order also where all operands are row-major.
    """
    arrays = [x for x in args if type(x) is TracedArray]
    if len(tensor.shape) < 2 or (not reorders and all(a.contiguous for a in arrays)):
        return result(trace, tensor)
    for x in (tensor, *arrays):  # an axis of one element may lie anywhere
        for n, hint in zip(x.shape, trace.cells.hints(x.shape), strict=True):
            if hint <= 1 and isinstance(n, SymInt):
                n.__index__()
    shown = called(*[example(trace, x) for x in args])
    return TracedArray(trace, trace.cells.ordered(tensor, shown))


def example(trace: Any, x: Any) -> Any:
    """An argument with real zeros, in the layout of the example call, for what is traced."""
    if type(x) is TracedArray:
        return with_memory(x.layout)
    if type(x) is TracedScalar:
        return np.zeros((), x.dtype)[()]
    if isinstance(x, Tensor | Variable):
        return np.zeros(trace.cells.hints(x.shape), x.dtype)
    if isinstance(x, SymInt):
        return trace.cells.hints((x,))[0]
    if isinstance(x, SymNumber):
        return number(x)
    if isinstance(x, slice):
        return slice(*[example(trace, p) for p in (x.start, x.stop, x.step)])
    if type(x) in LISTED:
        return sequence(type(x), [example(trace, part) for part in x])
    return x


def with_memory(layout: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array of zeros with these strides."""
    reach = [s * (n - 1) for s, n in zip(layout.strides, layout.shape, strict=True) if n]
    start = -sum(r for r in reach if r < 0)
    memory = np.zeros(sum(map(abs, reach)) + layout.itemsize, np.uint8)
    return np.ndarray(layout.shape, layout.dtype, memory, start, layout.strides)


def as_array(trace: Any, x: Any) -> TracedArray:
    """``np.asarray(x)``: an array itself, anything else as a new one."""
    if type(x) is TracedArray:
        return x
    if isinstance(x, np.ndarray) and not is_traced(x):
        found: TracedArray = trace.array_of(x)
        return found
    return fresh(trace, as_tensor(trace, x))


def wrapped(trace: Any, made: Any) -> Any:
    """A result of NumPy with its arrays as arrays of the trace."""
    if isinstance(made, np.ndarray) and not is_traced(made) and trace.takes(made):
        cells, tensor = trace.cells, trace.constant(made)
        plain = made.flags.c_contiguous
        array = TracedArray(trace, cells.fresh(tensor) if plain else cells.ordered(tensor, made))
        array.writeable = made.flags.writeable
        return array
    if type(made) in LISTED:
        return sequence(type(made), [wrapped(trace, part) for part in made])
    return made


def into(trace: Any, made: Any, out: Any) -> Any:
    """A result, written to ``out`` where one is given."""
    if out is None:
        return made
    if not isinstance(out, np.ndarray):
        raise trace.plain("call")  # which NumPy refuses
    target = as_array(trace, out)
    fits = target.ndim == made.ndim and target.dtype == made.dtype and target.writeable
    if not (fits and all(n == m for n, m in zip(target.shape, made.shape, strict=True))):
        raise trace.plain("sizes")  # an error in some functions; others compute in that dtype
    target.store(made.tensor())
    return target


def pin_sizes(trace: Any, x: Any) -> None:
    """Rely on the sizes of everything traced in an argument."""
    if is_traced(x) or isinstance(x, Tensor):
        for n in x.shape:
            if isinstance(n, SymInt):
                n.__index__()
    elif isinstance(x, SymInt):
        x.__index__()
    elif isinstance(x, SymNumber):
        x.plain()
    elif type(x) in LISTED:
        for part in x:
            pin_sizes(trace, part)
    elif type(x) is dict:
        pin_sizes(trace, list(x.values()))
