"""NumPy functions whose signature or meaning differs from our op's, written in our ops.

``CALLS`` maps a NumPy function to what runs on tensors in its place, with NumPy's parameters as far
as ops cover them; ``interop.py`` looks here first. A call whose arguments do not fit the signature,
or that raises ``NotCovered``, is none of ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.ops.operand import as_inexact, as_tensors
from twofold.ir.registry import REGISTRY

__all__ = ["CALLS", "NotCovered", "along", "flat", "numpy_call", "ours", "tensor"]


class NotCovered(Exception):
    """No op does what this call of a NumPy function asks for."""


class _Ours:
    """Public ops and composites by name."""

    def __getattr__(self, name: str) -> Any:
        return REGISTRY.public(name)


ours: Any = _Ours()
CALLS: dict[Any, Callable[..., Any]] = {}


def numpy_call(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function stand in for NumPy's."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        CALLS.update(dict.fromkeys(functions, function))
        return function

    return enter


def tensor(x: Any) -> Any:
    """An argument as a tensor."""
    return ours.identity(x)


def flat(x: Any) -> Any:
    """The elements in row-major order."""
    return ours.reshape(x, shape=(-1,))


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else ours.cast(x, dtype=dtype)


def along(x: Any, axis: int, part: slice) -> Any:
    """A slice of one axis."""
    axis %= len(x.shape)
    return x[(*[slice(None)] * axis, part)]


# ---- Elementwise and selection


@numpy_call(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return ours.clip(a, a_min if min is None else min, a_max if max is None else max)


@numpy_call(np.round, np.around)
def _round(a: Any, decimals: int = 0) -> Any:
    a = tensor(a)
    if not info(a.dtype).inexact:
        if decimals < 0:
            raise NotCovered
        return a
    if decimals == 0:
        return ours.round(a)
    scale = float(f"1e{abs(decimals)}")
    return ours.round(a * scale) / scale if decimals > 0 else ours.round(a / scale) * scale


@numpy_call(np.where)
def _where(condition: Any, x: Any, y: Any) -> Any:
    return ours.where(condition, x, y)


@numpy_call(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    conditions = [tensor(c) for c in condlist]
    if len(condlist) != len(choicelist) or any(c.dtype != np.bool_ for c in conditions):
        raise NotCovered
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = ours.where(condition, choice, out)
    return out


@numpy_call(np.fix)
def _fix(x: Any) -> Any:
    return ours.trunc(x)


@numpy_call(np.sinc)
def _sinc(x: Any) -> Any:
    x = as_inexact(x)
    near = ours.less(ours.abs(x), 1 / math.pi)  # where the derivatives of the quotient cancel
    square, far = ours.square(math.pi * ours.where(near, x, 0)), ours.where(near, 1, x)
    series: Any = 1
    for k in range(20, 0, -2):
        series = 1 - series * square / (k * (k + 1))
    if info(x.dtype).complex:
        return ours.where(near, series, ours.sin(math.pi * far) / (math.pi * far))
    turns = ours.round(far)  # the sine of what is left of half turns, which is exact
    sign = 1 - 2 * ours.remainder(turns, 2)
    return ours.where(near, series, sign * ours.sin(math.pi * (far - turns)) / (math.pi * far))


@numpy_call(np.allclose)
def _allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    return bool(ours.all(ours.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)))


@numpy_call(np.array_equal)
def _array_equal(a1: Any, a2: Any) -> bool:
    a1, a2 = as_tensors(a1, a2)
    return a1.shape == a2.shape and bool(ours.all(ours.equal(a1, a2)))


@numpy_call(np.copy)
def _copy(a: Any) -> Any:
    return tensor(a)


@numpy_call(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@numpy_call(np.ndim)
def _ndim(a: Any) -> int:
    return len(a.shape)


@numpy_call(np.size)
def _size(a: Any, axis: int | None = None) -> Any:
    return math.prod(a.shape) if axis is None else a.shape[axis]


# ---- Reductions


def _added_in(a: Any, dtype: Any) -> Any:
    """The elements in the dtype in which NumPy adds and multiplies them up: integers in 64 bits."""
    a = tensor(a)
    if dtype is None and a.dtype.kind in "biu":
        dtype = np.uint64 if a.dtype.kind == "u" else np.int64
    return _cast(a, dtype)


def _masked(name: str, a: Any, where: Any, initial: Any) -> Any:
    """The elements to reduce; those that ``where`` leaves out are the identity."""
    if where is True or where is None:
        return a
    where = tensor(where)
    if where.dtype != np.bool_:
        raise NotCovered  # NumPy says what is wrong
    neutral = {"sum": 0, "prod": 1}.get(name, initial)
    if neutral is None:
        raise NotCovered
    return ours.where(where, a, ours.cast(neutral, dtype=tensor(a).dtype))


def _reduction(name: str, combine: str) -> Callable[..., Any]:
    def run(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False,
        initial: Any = None, where: Any = True,
    ) -> Any:  # fmt: skip
        if out is not None or np.ndim(initial):
            raise NotCovered
        a = _added_in(a, dtype) if name in ("sum", "prod") else _cast(a, dtype)
        a = _masked(name, a, where, initial)
        found = getattr(ours, name)(a, axis=axis, keepdims=bool(keepdims))
        found = found if initial is None else getattr(ours, combine)(found, initial)
        return _cast(found, dtype)

    return run


def _extreme(name: str, combine: str) -> Callable[..., Any]:
    fold = _reduction(name, combine)

    def run(
        a: Any, axis: Any = None, out: None = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Any:  # fmt: skip
        return fold(a, axis, None, out, keepdims, initial, where)

    return run


numpy_call(np.sum)(_reduction("sum", "add"))
numpy_call(np.prod)(_reduction("prod", "multiply"))
numpy_call(np.max, np.amax)(_extreme("max", "maximum"))
numpy_call(np.min, np.amin)(_extreme("min", "minimum"))


@numpy_call(np.mean)
def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False
) -> Any:
    if out is not None or (dtype is not None and np.dtype(dtype).kind in "biu"):
        raise NotCovered
    return ours.mean(_cast(a, dtype), axis=axis, keepdims=bool(keepdims))


def _keeps_parts(a: Any, dtype: Any) -> bool:
    """Whether a conversion to ``dtype`` leaves complex numbers complex."""
    return dtype is None or tensor(a).dtype.kind != "c" or np.dtype(dtype).kind == "c"


def _spread(name: str) -> Callable[..., Any]:
    def run(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: Any = False, *, correction: float | None = None,
    ) -> Any:  # fmt: skip
        if out is not None or not _keeps_parts(a, dtype):
            raise NotCovered
        less = ddof if correction is None else correction
        function = getattr(ours, name)
        return function(_cast(a, dtype), axis=axis, correction=less, keepdims=bool(keepdims))

    return run


numpy_call(np.var)(_spread("var"))
numpy_call(np.std)(_spread("std"))


@numpy_call(np.average)
def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return ours.mean(a, axis=axis, keepdims=keepdims)
    a, weights = as_tensors(a, weights)
    if a.shape != weights.shape:
        raise NotCovered
    total = ours.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / ours.sum(weights, axis=axis, keepdims=keepdims)


@numpy_call(np.ptp)
def _ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return ours.max(a, axis=axis, keepdims=keepdims) - ours.min(a, axis=axis, keepdims=keepdims)


def _running(name: str) -> Callable[..., Any]:
    def run(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
        if out is not None:
            raise NotCovered
        a = _added_in(a, dtype)
        found = getattr(ours, name)(flat(a) if axis is None else a, axis=axis or 0)
        return _cast(found, dtype)

    return run


numpy_call(np.cumsum)(_running("cumsum"))
numpy_call(np.cumprod)(_running("cumprod"))


# Those without NaN, which NumPy fills in before it converts to ``dtype``.


def _filled(run: Callable[..., Any], value: float) -> Callable[..., Any]:
    def filled(a: Any, *args: Any, **options: Any) -> Any:
        a = tensor(a)
        if info(a.dtype).inexact:
            a = ours.where(ours.isnan(a), value, a)
        return run(a, *args, **options)

    return filled


@numpy_call(np.nanmean)
def _nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False
) -> Any:
    if out is not None:
        raise NotCovered
    return ours.nanmean(_cast(a, dtype), axis=axis, keepdims=bool(keepdims))


numpy_call(np.nansum)(_filled(_reduction("sum", "add"), 0))
numpy_call(np.nanprod)(_filled(_reduction("prod", "multiply"), 1))
numpy_call(np.nancumsum)(_filled(_running("cumsum"), 0))
numpy_call(np.nancumprod)(_filled(_running("cumprod"), 1))
numpy_call(np.nanvar)(_spread("nanvar"))
numpy_call(np.nanstd)(_spread("nanstd"))


@numpy_call(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = tensor(x)
    rank = len(x.shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if ord is None or (ord == "fro" and len(axes) == 2):
        ord = 2
    elif len(axes) == 2:
        places = [a % rank for a in axes]
        moved = ours.matrix_norm(ours.moveaxis(x, places, (-2, -1)), keepdims=True, ord=ord)
        back = ours.moveaxis(moved, (-2, -1), places)
        return back if keepdims else ours.squeeze(back, axis=tuple(places))
    elif len(axes) != 1:
        raise NotCovered
    return ours.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


# ---- Products


@numpy_call(np.inner)
def _inner(a: Any, b: Any) -> Any:
    a, b = as_tensors(a, b)
    return ours.tensordot(a, b, axes=((-1,), (-1,))) if a.shape and b.shape else a * b


@numpy_call(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    a, b = as_tensors(a, b)
    return ours.matmul(ours.conjugate(flat(a)), flat(b))


@numpy_call(np.einsum)
def _einsum(subscripts: Any, *operands: Any, optimize: Any = True) -> Any:
    if not isinstance(subscripts, str):
        subscripts, operands = _interleaved((subscripts, *operands))
    return ours.einsum(subscripts.replace(" ", ""), *operands)


def _interleaved(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as an equation and its operands."""

    def letters(axes: Any) -> str:
        return "".join("..." if a is Ellipsis else _LETTERS[a] for a in axes)

    out = "->" + letters(given[-1]) if len(given) % 2 else ""
    pairs = len(given) // 2 * 2
    return ",".join(map(letters, given[1:pairs:2])) + out, given[:pairs:2]


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@numpy_call(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    return ours.sum(_added_in(ours.diagonal(a, offset, axis1, axis2), dtype), axis=-1)


@numpy_call(np.linalg.diagonal)
def _matrix_diagonal(x: Any, *, offset: int = 0) -> Any:
    return ours.matrix_diagonal(x, offset=offset)


@numpy_call(np.linalg.matrix_rank)
def _matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    A = tensor(A)
    if tol is not None or hermitian or len(A.shape) < 2:
        raise NotCovered
    return ours.matrix_rank(A, rtol)


@numpy_call(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete"):
        raise NotCovered
    return ours.qr(a, mode)


@numpy_call(np.linalg.svd)
def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise NotCovered
    return ours.svd(a, full_matrices) if compute_uv else ours.svdvals(a)


@numpy_call(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if hermitian:
        raise NotCovered
    if rcond is not None and rtol is not None:
        raise NotCovered  # NumPy says what is wrong
    return ours.pinv(a, rtol=rcond if rtol is None else rtol)


@numpy_call(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    return ours.eigh(_lower(a, UPLO))


@numpy_call(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return ours.eigvalsh(_lower(a, UPLO))


def _lower(a: Any, UPLO: str) -> Any:
    """Hermitian matrices whose lower triangle is the one that is meant."""
    if UPLO not in ("L", "U", "l", "u"):
        raise NotCovered
    return a if UPLO in "Ll" else ours.adjoint_of(a)


@numpy_call(np.isin)
def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False,
    *, kind: Any = None,
) -> Any:  # fmt: skip
    if kind not in (None, "sort", "table"):
        raise NotCovered
    return ours.isin(element, test_elements, invert=invert)


# ---- Order


@numpy_call(np.sort)
def _sort(
    a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
    stable: bool | None = None,
) -> Any:  # fmt: skip
    return ours.sort(flat(a), axis=0) if axis is None else ours.sort(a, axis=axis)


@numpy_call(np.argsort)
def _argsort(
    a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
    stable: bool | None = None,
) -> Any:  # fmt: skip
    return ours.argsort(flat(a), axis=0) if axis is None else ours.argsort(a, axis=axis)
