"""Methods of arrays in a trace that compute, write or reorder."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from twofold.ir.dtypes import letter
from twofold.ir.op import OPS
from twofold.ir.ops.joining import repeat as repeated

from ..symnumber import SymNumber
from . import calls, protocol
from .base import TracedArray, TracedScalar
from .indexing import fit
from .operands import (
    as_array,
    as_tensor,
    constant,
    convert,
    fresh,
    into,
    laid_out,
    result,
)
from .protocol import implements, method
from .ufuncs import CLIP
from .views import ravel

__all__ = ["copyto"]

_np: Any = np  # called with what the user gives, of any type
_NONE = np._NoValue


def _option(out: Any) -> dict[str, Any]:
    """The option ``out=`` of a ufunc, if there is one."""
    return {} if out is None else {"out": (out,)}


def _fold(ufunc: Any, *names: str) -> None:
    def folded(
        x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
        initial: Any = _NONE, where: Any = True,
    ) -> Any:  # fmt: skip
        options = {"axis": axis, "dtype": dtype, "keepdims": keepdims, "where": where}
        options |= _option(out)
        if initial is not _NONE:
            options["initial"] = initial
        return protocol.ufunc(x.home, ufunc, "reduce", (x,), options)

    method(*names)(folded)


def _fold_without_dtype(ufunc: Any, name: str) -> None:
    def folded(
        x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = _NONE,
        where: Any = True,
    ) -> Any:  # fmt: skip
        full = protocol.METHODS[f"_{name}"]
        return full(x, axis, None, out, keepdims, initial, where)

    _fold(ufunc, f"_{name}")
    method(name)(folded)


_fold(np.add, "sum")
_fold(np.multiply, "prod")
for _name, _ufunc in (("max", np.maximum), ("min", np.minimum)):
    _fold_without_dtype(_ufunc, _name)


def _truth(ufunc: Any, name: str) -> None:
    def folded(
        x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
    ) -> Any:
        options = {"axis": axis, "keepdims": keepdims, "where": where, **_option(out)}
        return protocol.ufunc(x.home, ufunc, "reduce", (x,), options)

    method(name)(folded)


_truth(np.logical_and, "all")
_truth(np.logical_or, "any")


def _axes(x: Any, axis: Any) -> list[int]:
    if axis is None:
        return list(range(x.ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    return [_axis(x, a) for a in given]


def _count(x: Any, axis: Any, where: Any, keepdims: Any) -> Any:
    """How many elements are folded: a number, possibly symbolic, or an array under ``where``."""
    if where is not True:
        mask = np.broadcast_to(as_array(x.home, where), x.shape)
        return protocol.METHODS["sum"](mask, axis=axis, dtype=np.intp, keepdims=keepdims)
    count: Any = 1
    for a in _axes(x, axis):
        count = x.shape[a] * count
    return count


def _mean_dtype(x: Any, dtype: Any) -> tuple[Any, Any]:
    """The dtype that a mean adds in, and that of its result (None: as computed)."""
    if dtype is not None:
        return np.dtype(dtype), None
    if letter(x.dtype) in "biu":
        return np.dtype("f8"), None
    return (np.dtype("f4"), np.dtype("f2")) if x.dtype == np.float16 else (None, None)


@method("mean")
def mean(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *,
    where: Any = True,
) -> Any:  # fmt: skip
    """``x.mean()``."""
    keepdims = False if keepdims is _NONE else keepdims
    where = True if where is _NONE else where
    adds, final = _mean_dtype(x, dtype)
    total = protocol.METHODS["sum"](x, axis, adds, None, keepdims, where=where)
    value = protocol.ufunc(
        x.home, np.true_divide, "__call__", (total, _count(x, axis, where, keepdims)),
        {"dtype": total.dtype, "casting": "unsafe"} if letter(total.dtype) in "fc" else {},
    )  # fmt: skip
    if final is not None and out is None:
        value = protocol.METHODS["astype"](value, final)
    return into(x.home, value, out)


@method("var")
def var(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = _NONE, correction: Any = _NONE,
) -> Any:  # fmt: skip
    """``x.var()``."""
    keepdims = False if keepdims is _NONE else keepdims
    where = True if where is _NONE else where
    ddof = ddof if correction is _NONE else correction
    adds, final = _mean_dtype(x, dtype)
    total = protocol.METHODS["sum"](x, axis, adds, None, True, where=where)
    count = _count(x, axis, where, True)
    middle = total / count if mean is _NONE else mean
    if adds is not None and middle.dtype != adds and letter(adds) in "fc":
        middle = protocol.METHODS["astype"](middle, adds)
    off = x - middle
    squared = off * off if letter(off.dtype) != "c" else (off * off.conj()).real
    spread = protocol.METHODS["sum"](squared, axis, adds, None, keepdims, where=where)
    left = _count(x, axis, where, keepdims) - ddof
    left = np.maximum(left, 0) if where is not True else left if left > 0 else 0
    value = protocol.ufunc(x.home, np.true_divide, "__call__", (spread, left), {})
    if final is not None and out is None:
        value = protocol.METHODS["astype"](value, final)
    return into(x.home, value, out)


@method("std")
def std(x: Any, *args: Any, out: Any = None, **options: Any) -> Any:
    """``x.std()``."""
    value = var(x, *args, **options)
    return into(x.home, protocol.ufunc(x.home, np.sqrt, "__call__", (value,), {}), out)


@method("conj", "conjugate")
def conj(x: Any) -> Any:
    """``x.conj()``."""
    if letter(x.dtype) != "c":
        return x
    return protocol.ufunc(x.home, np.conjugate, "__call__", (x,), {})


@method("fill")
def fill(x: TracedArray, value: Any) -> None:
    """``x.fill(value)``."""
    x[...] = value


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """``np.copyto``."""
    if dst is src and dst.ndim:
        return
    src = src.plain() if isinstance(src, SymNumber) else src
    trace = getattr(dst, "home", None) or src.home
    target = as_array(trace, dst)
    if not target.writeable:
        raise trace.plain()
    small = np.empty(0, target.dtype)
    given, plain = src, type(src) in (bool, int, float, complex)
    if not plain:
        given = np.empty(0, as_tensor(trace, src).dtype)
    _np.copyto(small, given, casting=casting)
    if plain:  # NumPy says what becomes of a number
        one = np.zeros(1, target.dtype)
        _np.copyto(one, src, casting=casting)
        held = constant(trace, one[0])
    else:
        held = as_tensor(trace, src)
    value = fit(convert(held, target.dtype), target.shape)
    if where is not True:
        value = OPS["where"](as_tensor(trace, where), value, target.tensor())
    target.store(value)


@method("sort")
def sort(
    x: TracedArray, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """``x.sort()``: in place."""
    if not x.writeable:
        raise x.home.plain("call")  # which NumPy refuses
    x.store(OPS["sort"](x.tensor(), axis=_axis(x, axis)))


def _along(x: Any, axis: Any) -> tuple[Any, Any]:
    """An array and an axis of it, for functions that take no axis as all elements, and an array
    without axes as one with one."""
    flat = axis is None or (not x.ndim and axis in (0, -1))
    return (ravel(x), 0) if flat else (x, _axis(x, axis))


def _axis(x: Any, axis: int) -> int:
    found: int = normalize_axis_index(axis, x.ndim)
    return found


@method("argsort")
def argsort(
    x: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """``x.argsort()``; the order of ties is NumPy's unless a stable sort is asked for."""
    if not (stable or kind in ("stable", "mergesort")):
        return calls.call(x.home, "argsort", (x, axis, kind, order), {})
    x, axis = _along(x, axis)
    found = OPS["argsort"](x.tensor(), axis=axis)
    return result(x.home, convert(found, np.dtype(np.intp)))


def _as_function(name: str) -> None:
    def called(x: Any, *args: Any, out: Any = None, **options: Any) -> Any:
        return into(x.home, calls.call(x.home, name, (x, *args), options), out)

    method(name)(called)


for _name in ("argpartition", "choose", "searchsorted"):
    _as_function(_name)


@method("partition")
def partition(
    x: TracedArray, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    """``x.partition(kth)``: in place."""
    if not x.writeable:
        raise x.home.plain("call")  # which NumPy refuses
    x.store(calls.call(x.home, "partition", (x, kth, axis, kind), {}).tensor())


@method("nonzero")
def nonzero(x: Any) -> Any:
    """``x.nonzero()``: where the value is not known, nor is the size of what it gives."""
    known = x.home.known(x.tensor())
    if known is not None or not x.ndim:
        found = np.nonzero(x.known("nonzero()"))
        return tuple([fresh(x.home, constant(x.home, places)) for places in found])
    at = OPS["where_indices"](x.tensor())
    if x.ndim == 1:
        return (fresh(x.home, OPS["reshape"](at, shape=(at.shape[0],))),)
    points = fresh(x.home, at)  # NumPy's are its columns, too
    return tuple([points[:, axis] for axis in range(x.ndim)])


@method("compress")
def compress(x: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """``x.compress(condition, axis)``."""
    test = as_array(x.home, condition)
    x, along = (ravel(x), 0) if axis is None or not x.ndim else (x, axis)
    known = x.home.known(test.tensor())
    if known is None and axis is None and out is None and test.shape == x.shape:
        return x[protocol.METHODS["astype"](test, bool)]
    if known is None:
        test._refuse("compress()")
    return take(x, np.nonzero(known)[0], along, out)


def _arg(name: str) -> None:
    def found(x: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        keepdims = False if keepdims is _NONE else bool(keepdims)
        if x.ndim == 0 and axis in (0, -1):
            axis = None
        if axis is not None:
            axis = _axis(x, axis)
        tensor = OPS[name](x.tensor(), axis=axis, keepdims=keepdims)
        return into(x.home, result(x.home, convert(tensor, np.dtype(np.intp))), out)

    method(name)(found)


_arg("argmax")
_arg("argmin")


def _running(name: str, ufunc: Any) -> None:
    def found(x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        if axis is None or (x.ndim == 0 and axis in (0, -1)):
            x, axis = x if x.ndim == 1 else ravel(x), 0
        want = ufunc.accumulate(np.ones((1,) * x.ndim, x.dtype), axis=axis, dtype=dtype).dtype
        tensor = OPS[name](convert(x.tensor(), want), axis=_axis(x, axis))
        made = laid_out(x.home, tensor, ufunc.accumulate, (x, axis))
        return into(x.home, made, out)

    method(name)(found)


_running("cumsum", np.add)
_running("cumprod", np.multiply)


@method("clip")
def clip(x: Any, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
    """``x.clip(low, high)``."""
    options |= _option(out)
    if min is None and max is None:
        return protocol.ufunc(x.home, np.positive, "__call__", (x,), options)
    if min is None:
        return protocol.ufunc(x.home, np.minimum, "__call__", (x, max), options)
    if max is None:
        return protocol.ufunc(x.home, np.maximum, "__call__", (x, min), options)
    return protocol.ufunc(x.home, CLIP, "__call__", (x, min, max), options)


@method("round")
def round_(x: Any, decimals: Any = 0, out: Any = None) -> Any:
    """``x.round(decimals)``, step by step as NumPy computes it."""
    array = fresh(x.home, x.tensor()) if type(x) is TracedScalar else x
    if x.dtype.kind in "iu" and operator.index(decimals) >= 0 and out is not None:
        copyto(out, array)
        return out
    made = _rounded(array, operator.index(decimals), out)
    return made[()] if out is None else made


def _rounded(x: TracedArray, decimals: int, out: Any) -> Any:
    kind, trace = letter(x.dtype), x.home
    if kind == "c":
        made = protocol.METHODS["copy"](x, "K") if out is None else as_array(trace, out)
        made.real = _rounded(x.real, decimals, None)
        made.imag = _rounded(x.imag, decimals, None)
        return made
    if kind in "iu" and decimals >= 0:
        return protocol.METHODS["copy"](x, "K")
    given = _option(out)
    if decimals == 0:
        return protocol.ufunc(trace, np.rint, "__call__", (x,), given)
    steps = [np.multiply, np.true_divide]
    first, last = steps if decimals > 0 else steps[::-1]
    if out is None:
        order = "F" if _is_column_major(x) else "C"
        out = _np.empty_like(x, np.float64 if kind in "iu" else None, order=order)
    scale = float(f"1e{abs(decimals)}")
    made = protocol.ufunc(trace, first, "__call__", (x, scale), {"out": (out,)})
    protocol.ufunc(trace, np.rint, "__call__", (made,), {"out": (made,)})
    protocol.ufunc(trace, last, "__call__", (made, scale), {"out": (made,)})
    if kind in "iu" and not given:
        return protocol.METHODS["astype"](made, x.dtype)
    return made


def _is_column_major(x: TracedArray) -> bool:
    return not x.contiguous and x.flags.f_contiguous and not x.flags.c_contiguous


@method("take")
def take(x: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """``x.take(indices, axis)``."""
    x, axis = _along(x, axis)
    index = _places(as_array(x.home, indices), x.shape[axis], mode)
    if not index.size and letter(index.dtype) == "f":
        index = protocol.METHODS["astype"](index, np.intp)
    value = x[(*(slice(None),) * axis, index)]
    value = fresh(x.home, value.tensor()) if type(value) is TracedArray else value
    return into(x.home, value, out)


@method("repeat")
def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """``x.repeat(repeats, axis)``."""
    x, axis = _along(x, axis)
    if not isinstance(repeats, int):
        counts = as_array(x.home, repeats).known("the counts of repeat()")
        places = np.repeat(np.arange(int(x.shape[axis])), counts)
        return take(x, places, axis)
    return fresh(x.home, repeated(x.tensor(), repeats, axis=axis))


@method("dot")
def dot(x: Any, other: Any, out: Any = None) -> Any:
    """``x.dot(other)``."""
    given = {} if out is None else {"out": out}
    return protocol.function(x.home, np.dot, (x, other), given)


def _places(index: Any, size: Any, mode: str) -> Any:
    """Positions along an axis, under ``mode=`` of ``take`` and ``put``."""
    if mode == "raise":
        return index
    if mode == "wrap":
        return index % size
    below = protocol.ufunc(index.home, np.minimum, "__call__", (index, size - 1), {})
    return protocol.ufunc(index.home, np.maximum, "__call__", (below, 0), {})


@method("put")
def put(x: TracedArray, indices: Any, values: Any, mode: str = "raise") -> None:
    """``x.put(indices, values)``: through the row-major order of the elements."""
    places = as_array(x.home, indices)
    if mode != "raise":
        places = _places(places, x.size, mode)
    known = x.home.known(places.tensor())
    size = x.home.cells.hints((x.size,))[0]
    if mode == "raise" and (known is None or np.any(known < -size) or np.any(known >= size)):
        raise x.home.plain()  # NumPy writes those before the first that is out of bounds
    protocol.METHODS["flat"](x)[ravel(places)] = values


@method("trace")
def trace_(
    x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    """``x.trace()``: the sum of a diagonal."""
    found = protocol.METHODS["diagonal"](x, offset, axis1, axis2)
    return protocol.METHODS["sum"](found, -1, dtype, out)
