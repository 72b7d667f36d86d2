"""NumPy functions that move elements, with NumPy's parameters: entries of ``numpy_calls.CALLS``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.errors import ConversionError
from twofold.ir.infer import as_dtype

from .numpy_calls import NotCovered, along, flat, numpy_call, ours, tensor

__all__: list[str] = []


@numpy_call(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0) -> Any:
    array = tensor(array)
    if not isinstance(mode, str) or np.ndim(constant_values) or isinstance(pad_width, dict):
        raise NotCovered
    pairs = np.broadcast_to(np.asarray(pad_width), (len(array.shape), 2)).tolist()
    return ours.pad(array, pairs, mode=mode, constant_values=constant_values)


@numpy_call(np.tile)
def _tile(A: Any, reps: Any) -> Any:
    return ours.tile(A, reps)


@numpy_call(np.repeat)
def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    return ours.repeat(a, repeats, axis=axis)


@numpy_call(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None and np.ndim(shift):
        shift = ours.sum(shift)  # one after the other
    return ours.roll(a, shift, axis)


@numpy_call(np.ravel)
def _ravel(a: Any) -> Any:
    return flat(a)


def _cast_all(arrays: Sequence[Any], dtype: Any, casting: str) -> list[Any]:
    """Tensors of one dtype, as NumPy's functions that join take ``dtype=`` and ``casting=``."""
    parts = [tensor(x) for x in arrays]
    want = as_dtype(dtype, "joining") if dtype is not None else None
    if want is None:
        return parts
    for x in parts:
        if not np.can_cast(x.dtype, want, casting=casting):  # type: ignore[arg-type]
            raise ConversionError(
                f"Cannot cast array data from {x.dtype!r} to {want!r} according to the rule "
                f"{casting!r}; casting='unsafe' does it"
            )
    return [ours.cast(x, dtype=want) for x in parts]


@numpy_call(np.concatenate)
def _concatenate(
    arrays: Sequence[Any], axis: int | None = 0, out: None = None, *, dtype: Any = None,
    casting: str = "same_kind",
) -> Any:  # fmt: skip
    if out is not None:
        raise NotCovered
    parts = _cast_all(arrays, dtype, casting)
    if axis is None:
        return ours.concat([flat(x) for x in parts], axis=0)
    return ours.concat(parts, axis=axis)


@numpy_call(np.stack)
def _stack(
    arrays: Sequence[Any], axis: int = 0, out: None = None, *, dtype: Any = None,
    casting: str = "same_kind",
) -> Any:  # fmt: skip
    if out is not None:
        raise NotCovered
    return ours.stack(_cast_all(arrays, dtype, casting), axis=axis)


@numpy_call(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return _concatenate([arr, values], axis)


def _with_rank(x: Any, rank: int) -> Any:
    """At least ``rank`` axes, as ``np.atleast_2d`` and ``np.atleast_3d`` add them."""
    x = tensor(x)
    shape = list(x.shape)
    while len(shape) < rank:
        at = len(shape) if len(shape) == 2 else 0
        shape.insert(at, 1)
    return x if len(shape) == len(x.shape) else ours.reshape(x, shape=tuple(shape))


@numpy_call(np.atleast_2d)
def _atleast_2d(x: Any) -> Any:
    return _with_rank(x, 2)


@numpy_call(np.atleast_3d)
def _atleast_3d(x: Any) -> Any:
    return _with_rank(x, 3)


@numpy_call(np.vstack)
def _vstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return ours.concat([_with_rank(x, 2) for x in _cast_all(tup, dtype, casting)], axis=0)


@numpy_call(np.hstack)
def _hstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    parts = [_with_rank(x, 1) for x in _cast_all(tup, dtype, casting)]
    return ours.concat(parts, axis=0 if len(parts[0].shape) == 1 else 1)


@numpy_call(np.dstack)
def _dstack(tup: Sequence[Any]) -> Any:
    return ours.concat([_with_rank(x, 3) for x in tup], axis=2)


@numpy_call(np.column_stack)
def _column_stack(tup: Sequence[Any]) -> Any:
    parts = [tensor(x) for x in tup]
    parts = [ours.reshape(x, shape=(-1, 1)) if len(x.shape) < 2 else x for x in parts]
    return ours.concat(parts, axis=1)


@numpy_call(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if isinstance(indices_or_sections, int | np.integer):
        return list(ours.split(ary, int(indices_or_sections), axis=axis))
    return _array_split(ary, indices_or_sections, axis)


@numpy_call(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    ary = tensor(ary)
    if isinstance(indices_or_sections, int | np.integer):
        if indices_or_sections < 1:
            raise NotCovered  # NumPy says what is wrong
        size = ary.shape[axis]
        if not isinstance(size, int):
            raise NotCovered
        each, more = divmod(size, int(indices_or_sections))
        sizes = [each + (i < more) for i in range(int(indices_or_sections))]
        places = np.cumsum(sizes)[:-1].tolist()
    else:
        places = [int(i) for i in indices_or_sections]
    bounds = zip([0, *places], [*places, None], strict=True)
    return [along(ary, axis, slice(lo, hi)) for lo, hi in bounds]


@numpy_call(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> Any:
    if len(ary.shape) < 2:
        raise NotCovered  # NumPy says what is wrong
    return _split(ary, indices_or_sections, 0)


@numpy_call(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return _split(ary, indices_or_sections, 0 if len(ary.shape) == 1 else 1)


@numpy_call(np.fliplr)
def _fliplr(m: Any) -> Any:
    return ours.flip(m, axis=1)


@numpy_call(np.flipud)
def _flipud(m: Any) -> Any:
    return ours.flip(m, axis=0)


@numpy_call(np.rot90)
def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    m, (first, second) = tensor(m), axes
    rank = len(m.shape)
    if not all(-rank <= a < rank for a in axes) or first % rank == second % rank:
        raise NotCovered  # NumPy says what is wrong
    for _ in range(k % 4):
        m = ours.flip(ours.swapaxes(m, first, second), axis=first)
    return tensor(m)


@numpy_call(np.broadcast_arrays)
def _broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    tensors = [tensor(x) for x in args]
    if not all(isinstance(n, int) for t in tensors for n in t.shape):
        raise NotCovered
    shape = np.broadcast_shapes(*[t.shape for t in tensors])
    return tuple(ours.broadcast_to(t, shape=shape) for t in tensors)
