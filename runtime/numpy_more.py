"""Further functions of NumPy in ops, and those that write: entries of ``numpy_calls.CALLS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import StagingError
from twofold.ir.ops.operand import as_inexact, as_tensors
from twofold.ir.promote import result_dtype

from .numpy_calls import NotCovered, flat, numpy_call, ours, tensor

__all__: list[str] = []


# ---- Elementwise


def _ignoring(name: str) -> Callable[[Any, Any], Any]:
    def run(x: Any, y: Any) -> Any:
        x, y = as_tensors(x, y)
        found = getattr(ours, name)(x, y)
        if not info(found.dtype).inexact:
            return found
        return ours.where(ours.isnan(x), y, ours.where(ours.isnan(y), x, found))

    return run


numpy_call(np.fmax)(_ignoring("maximum"))
numpy_call(np.fmin)(_ignoring("minimum"))


@numpy_call(np.logaddexp2)
def _logaddexp2(x: Any, y: Any) -> Any:
    x, y = (as_inexact(v) for v in as_tensors(x, y))
    dtype = result_dtype([x.dtype, y.dtype])
    if info(dtype).complex:
        raise NotCovered
    x, y = (ours.cast(v, dtype=info(dtype).computes_in) for v in (x, y))
    scale = float(np.log(2.0))
    return ours.cast(ours.logaddexp(x * scale, y * scale) / scale, dtype=dtype)


@numpy_call(np.fabs)
def _fabs(x: Any) -> Any:
    x = as_inexact(x)
    if info(x.dtype).complex:
        raise NotCovered
    return ours.abs(x)


@numpy_call(np.float_power)
def _float_power(x: Any, y: Any) -> Any:
    x, y = as_tensors(x, y)
    wide = np.complex128 if "c" in (x.dtype.kind, y.dtype.kind) else np.float64
    return ours.power(ours.cast(x, dtype=wide), ours.cast(y, dtype=wide))


@numpy_call(np.i0)
def _i0(x: Any) -> Any:
    x = as_inexact(x)
    if info(x.dtype).complex:
        raise NotCovered  # NumPy says what is wrong
    return ours.bessel_i0(x)


def _of_narrow(function: Any) -> None:
    """Order by values numbers of dtypes that are not NumPy's, whose NaNs it does not sort."""

    def run(*args: Any, **options: Any) -> Any:
        given = [tensor(x) if hasattr(x, "dtype") else x for x in args]
        found = {x.dtype for x in given if hasattr(x, "dtype")}
        if len(found) != 1 or np.dtype(*found).char in np.typecodes["All"]:
            raise NotCovered
        (dtype,) = found
        given = [ours.cast(x, dtype=np.float32) if hasattr(x, "dtype") else x for x in given]
        sorted_out = function(*given, **options)
        if not isinstance(sorted_out, tuple):
            return ours.cast(sorted_out, dtype=dtype)
        return ours.cast(sorted_out[0], dtype=dtype), *sorted_out[1:]

    numpy_call(function)(run)


for _ordering in (np.unique, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d):
    _of_narrow(_ordering)


@numpy_call(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    a = tensor(a)
    if not info(a.dtype).complex:
        return a
    part = info(a.dtype).part_dtype
    bound = float(np.finfo(part).eps) * tol if tol > 1 else tol
    return ours.real(a) if bool(ours.all(ours.abs(ours.imag(a)) < bound)) else a


@numpy_call(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    ary = flat(tensor(ary))
    ends = [tensor(p) for p in (to_begin, to_end) if p is not None]
    if not all(np.can_cast(p.dtype, ary.dtype, casting="same_kind") for p in ends):
        raise NotCovered  # NumPy says what is wrong
    parts = [to_begin, ours.diff(ary), to_end]
    given = [flat(ours.cast(p, dtype=ary.dtype)) for p in parts if p is not None]
    return ours.concat(given, axis=0)


# ---- Products and factors


@numpy_call(np.cross)
def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = ours.moveaxis(tensor(a), axisa, -1), ours.moveaxis(tensor(b), axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise NotCovered
    return ours.moveaxis(ours.cross(a, b), -1, axisc)


@numpy_call(np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    return ours.vecdot(ours.moveaxis(tensor(x1), axis, -1), ours.moveaxis(tensor(x2), axis, -1))


@numpy_call(np.linalg.cross)
def _matrix_cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    return np.cross(x1, x2, axis=axis)


@cache
def _eigenvalues_may_be_real() -> bool:
    """Whether this NumPy gives real eigenvalues as real numbers, as it does before 2.5."""
    return np.linalg.eigvals(np.ones((1, 1))).dtype.kind == "f"


def _maybe_real(a: Any, found: Sequence[Any]) -> tuple[Any, ...]:
    """Eigenvalues and vectors as NumPy gives them: before 2.5 real ones where all eigenvalues of
    real matrices are real."""
    values = found[0]
    if not _eigenvalues_may_be_real() or info(a.dtype).complex:
        return tuple(found)
    if not bool(ours.all(ours.equal(ours.imag(values), 0))):
        return tuple(found)
    return tuple([ours.real(x) for x in found])


@numpy_call(np.linalg.eig)
def _eig(a: Any) -> Any:
    a = tensor(a)
    found = ours.eig(a)
    return type(found)(*_maybe_real(a, found))


@numpy_call(np.linalg.eigvals)
def _eigvals(a: Any) -> Any:
    a = tensor(a)
    return _maybe_real(a, (ours.eigvals(a),))[0]


@numpy_call(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any]) -> Any:
    if len(arrays) < 2:
        raise NotCovered  # NumPy says what is wrong
    found = arrays[0]
    for x in arrays[1:]:
        found = ours.matmul(found, x)
    return found


@numpy_call(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x = tensor(x)
    count = int(x.shape[0]) if N is None else N
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return ours.power(ours.expand_dims(x, axis=1), powers.astype(np.int32))


# ---- Counts


@numpy_call(np.histogram)
def _histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if isinstance(bins, str):  # as many as the values suggest
        raise NotCovered
    return ours.histogram(a, bins, range, density, weights)


@numpy_call(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    if isinstance(bins, str):
        raise NotCovered
    return ours.histogram_bin_edges(a, bins, range, weights)


# ---- Movement


@numpy_call(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    a = tensor(a)
    rank = len(a.shape)
    axis, start = axis % rank, start + rank if start < 0 else start
    return ours.moveaxis(a, axis, start - (axis < start))


@numpy_call(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> Any:
    if len(ary.shape) < 3:
        raise NotCovered  # NumPy says what is wrong
    return np.split(ary, indices_or_sections, 2)


@numpy_call(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return ours.diag(flat(tensor(v)), k)


@numpy_call(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr = tensor(arr)
    arr, axis = (flat(arr), 0) if axis is None else (arr, axis)
    if not arr.shape:
        raise NotCovered  # NumPy says what is wrong
    what = obj.numpy() if hasattr(obj, "numpy") else obj
    kept = np.delete(np.arange(int(arr.shape[axis])), what)
    return ours.take(arr, kept, axis=axis)


# ---- Functions that write into their first argument


def _writes(function: Any) -> None:
    def run(target: Any, *args: Any, **kwargs: Any) -> None:
        if not getattr(target, "is_tensor", False):
            raise NotCovered
        if bind.current.get() is not None:
            raise StagingError(
                f"np.{function.__name__} writes into an array, which a tape or a compiled function "
                f"cannot see; assign to elements of the tensor, or use tf.where"
            )
        made = target.numpy().copy()
        made = np.asarray(made)
        plain = [x.numpy() if hasattr(x, "numpy") else x for x in args]
        named = {k: v.numpy() if hasattr(v, "numpy") else v for k, v in kwargs.items()}
        function(made, *plain, **named)
        target[...] = made

    numpy_call(function)(run)


for _function in (
    np.fill_diagonal, np.put, np.place, np.putmask, np.copyto, np.put_along_axis,
):  # fmt: skip
    _writes(_function)
