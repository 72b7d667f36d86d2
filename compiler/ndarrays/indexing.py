"""``a[key]`` and ``a[key] = value`` on arrays of a trace.

Positions and slices give views, index arrays copies, as in NumPy. An integer that is a value of
the trace selects a view too, by a link that gathers.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from twofold.ir.dtypes import letter
from twofold.ir.op import OPS
from twofold.ir.ops import movement
from twofold.ir.ops.index import getitem as get
from twofold.ir.ops.index import setitem as put
from twofold.ir.tensor_shape import LISTED, TUPLES
from twofold.runtime.tensor import Tensor

from ..symint import SymInt, to_dims
from ..symnumber import SymNumber
from .base import TracedArray, TracedScalar, is_traced
from .links import Basic
from .operands import PYTHON, as_tensor, constant, convert, fresh, laid_out
from .protocol import hook
from .selection import Selection, select, store
from .windows import Position, is_bound, same_link

__all__ = ["checked_index", "read", "write"]

_FULL = slice(None)
_Key = tuple[Any, ...]


@hook("getitem")
def read(array: Any, key: Any) -> Any:
    """``array[key]``."""
    trace = array.home
    parts = _parts(trace, key)
    if type(array) is TracedScalar:
        array = fresh(trace, array.tensor())
    _check_count(array, parts)
    array, parts = _with_truths(array, parts)
    if not any(map(_is_advanced, parts)):
        return _view(array, parts)
    if any(_is_mask(p) for p in parts):
        return _selection(trace, array, parts)
    checked = _checked(trace, array, parts)
    with trace.checked():
        made = get(array.tensor(), checked)
    return laid_out(trace, made, operator.getitem, (array, checked), reorders=True)


def _with_truths(array: Any, parts: _Key) -> tuple[Any, _Key]:
    """A known truth value in a key is a new axis, along which an index array takes its one
    element, or none: the array with these axes, and the key with those."""
    if not any(_is_truth(p) for p in parts):
        return array, parts
    hidden = array.ndim - sum(map(_axes, parts))
    whole: list[Any] = []  # a key that only adds the axes
    for p in parts:
        whole += [None] if _is_truth(p) else [_FULL] * (hidden if p is Ellipsis else _axes(p))
    taken = [constant(array.home, p.where[0]) if _is_truth(p) else p for p in parts]
    return _view(array, (*whole, Ellipsis)), tuple(taken)


def _is_truth(part: Any) -> bool:
    return isinstance(part, _Positions) and not part.shape


def _check_count(array: Any, parts: _Key) -> None:
    named = sum(map(_axes, parts))
    if named > array.ndim:
        raise IndexError("too many indices for array")


def _parts(trace: Any, key: Any) -> _Key:
    """The parts of a key: plain ones as they are, arrays and lists as tensors of the trace."""
    parts = list(key) if type(key) in TUPLES else [key]
    return tuple([_part(trace, p) for p in parts])


def _part(trace: Any, part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, SymInt) or type(part) is int:
        return part
    if type(part) is Selection:
        part = part.array()
    if isinstance(part, slice):
        step = part.step
        step = step if step is None else operator.index(step)
        if step not in (None, 1) and (is_bound(part.start) or is_bound(part.stop)):
            raise trace.plain()
        return slice(_bound(trace, part.start), _bound(trace, part.stop), step)
    part = _sized(trace, part)
    if isinstance(part, SymInt):
        return part
    if is_traced(part):
        known = trace.known(part.tensor()) if _wants_value(part) else None
        if known is None:
            position = type(part) is TracedScalar and part.dtype != bool
            return Dynamic(part.tensor()) if position else part.tensor()
        if type(part) is TracedScalar or known.dtype == bool:
            return _part(trace, known[()] if type(part) is TracedScalar else known)
        return constant(trace, known)  # it is the trace's own
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, Tensor):
        return part
    if type(part) is list and not part:
        return constant(trace, np.zeros(0, np.int64))
    if type(part) is bool or isinstance(part, np.bool_):
        part = np.asarray(part)
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return _Positions(np.nonzero(np.atleast_1d(part)), part.shape)
    if isinstance(part, np.ndarray | list | tuple):
        if type(part) is list and isinstance(as_tensor(trace, part), Tensor):
            made = np.asarray(part) if not _holds_tensor(part) else None
            if made is not None and made.dtype == bool:
                return _Positions(np.nonzero(made), made.shape)
        return as_tensor(trace, part)
    if hasattr(part, "__index__"):
        return operator.index(part)
    raise IndexError("no index of an array")


def _holds_tensor(items: Any) -> bool:
    if type(items) in LISTED:
        return any(map(_holds_tensor, items))
    return is_traced(items) or isinstance(items, Tensor)


def _wants_value(part: Any) -> bool:
    return letter(part.dtype) in "bi" or letter(part.dtype) == "u"


def _sized(trace: Any, x: Any) -> Any:
    """An integer of NumPy that was computed with a size as that size."""
    found = trace.elements(x.tensor()) if type(x) is TracedScalar else None
    return x if found is None or not isinstance(found[()], SymInt) else found[()]


def _bound(trace: Any, bound: Any) -> Any:
    bound = _sized(trace, bound)
    if bound is None or isinstance(bound, SymInt) or is_bound(bound):
        return bound
    return operator.index(bound)


class Dynamic:
    """A scalar of the trace in a key."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


class _Positions:
    """A mask whose elements are known: the positions where it holds."""

    def __init__(self, where: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        self.where, self.shape = where, shape


def _is_advanced(part: Any) -> bool:
    return isinstance(part, Tensor | _Positions)


def _is_mask(part: Any) -> bool:
    return isinstance(part, Tensor) and part.dtype == bool


def _view(array: TracedArray, parts: _Key) -> Any:
    """A view, or a scalar if every axis has a position and nothing else is in the key."""
    rank = array.ndim
    plain = [_FULL if _moves(p) else p for p in parts]
    cuts = [(axis, p) for axis, p in _moving_axes(parts, rank) if isinstance(p, slice)]
    moving = [(axis, p) for axis, p in _moving_axes(parts, rank) if isinstance(p, Dynamic)]
    positions = sum(isinstance(p, int | SymInt) and p is not None for p in plain)
    scalar = positions + len(moving) == rank == len(parts)
    link = Basic(tuple(plain), rank)
    view = TracedArray(array.home, array.cell, array, link, _stays(array, plain))
    if not (cuts or moving):
        if scalar:
            return TracedScalar(array.home, view.tensor())
        view.tensor()  # out of bounds is an error here, not at the first use
        return view
    view = _moved(view, parts, cuts, moving)
    return TracedScalar(array.home, view.tensor()) if scalar else view


def _moves(part: Any) -> bool:
    """Whether the place of a part of a key is a value of the trace."""
    return isinstance(part, Dynamic) or (
        isinstance(part, slice) and (is_bound(part.start) or is_bound(part.stop))
    )


def _moving_axes(parts: _Key, rank: int) -> list[tuple[int, Any]]:
    """The axes, after the basic link, of the parts of a key whose places are values."""
    used = sum(p is not None and p is not Ellipsis for p in parts)
    axis, found = 0, []
    for p in parts:
        if _moves(p):
            found.append((axis, p))
            axis += 1
        elif p is Ellipsis:
            axis += rank - used
        elif p is None or isinstance(p, slice):
            axis += 1
    return found


def _source_axis(parts: _Key, part: Any) -> int:
    return sum(p is not None for p in parts[: [id(p) for p in parts].index(id(part))])


def _stays(array: TracedArray, parts: list[Any]) -> bool:
    """Whether a part of a row-major array is row-major for all sizes."""
    if not array.contiguous:
        return False
    hidden = array.ndim - sum(_axes(p) for p in parts)  # axes that an ellipsis stands for
    rest: list[Any] = []
    for p in parts:
        if p is not None:
            rest += [_FULL] * hidden if p is Ellipsis else [p]
    while rest and isinstance(rest[0], int | SymInt):
        rest.pop(0)
    if rest and isinstance(rest[0], slice) and rest[0].step in (None, 1):
        rest.pop(0)
    return all(isinstance(p, slice) and p == _FULL for p in rest)


def _checked(trace: Any, array: TracedArray, parts: _Key) -> _Key:
    """The parts with index arrays whose values are checked as NumPy checks them."""
    out: list[Any] = []
    axis = 0
    named = sum(_axes(p) for p in parts)
    for part in parts:
        if part is Ellipsis:
            axis += array.ndim - named
        elif isinstance(part, Dynamic):
            part = checked_index(trace, part.tensor, array.shape[axis], axis)
            axis += 1
        elif isinstance(part, _Positions):
            for i, (where, n) in enumerate(zip(part.where, part.shape, strict=True)):
                _same_size(array, axis + i, n)
                out.append(constant(trace, where))
            axis += len(part.shape)
            continue
        elif isinstance(part, Tensor) and part.dtype != bool:
            if axis >= array.ndim:
                raise IndexError("too many indices for array")
            part = checked_index(trace, part, array.shape[axis], axis)
            axis += 1
        else:
            if isinstance(part, int) and not -array.shape[axis] <= part < array.shape[axis]:
                raise IndexError(f"index {part} is out of bounds")
            axis += _axes(part)
        out.append(part)
    return tuple(out)


def _axes(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, _Positions) or _is_mask(part):
        return len(part.shape)
    return 1


def _same_size(array: TracedArray, axis: int, size: int) -> None:
    if axis >= array.ndim:
        raise IndexError("too many indices for array")
    if array.shape[axis] != size:
        raise IndexError("boolean index did not match indexed array")


def checked_index(trace: Any, tensor: Any, size: Any, axis: int) -> Any:
    """Positions along an axis of this size, none of them negative. Raises IndexError."""
    if letter(tensor.dtype) not in "iu":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    known = trace.known(tensor)
    if known is None and tensor.value in trace.bounds:
        return _bounded(trace, tensor, size, axis)
    if known is None or not known.size:
        return OPS["numpy_index"](tensor, size=size, axis=axis)
    known = known.astype(np.int64)
    low, high = int(known.min()), int(known.max())
    if not (high < size and -low <= size):
        raise IndexError("index out of bounds")
    if low < 0:
        return OPS["numpy_index"](tensor, size=size, axis=axis)
    return constant(trace, known)


def _bounded(trace: Any, tensor: Any, size: Any, axis: int) -> Any:
    """An index between known bounds: where these are within the axis, no test is needed."""
    sizes = trace.sizes
    least, most, size = to_dims((*trace.bounds[tensor.value], size))
    if sizes.require_at_most(0, least) and sizes.require_at_most(most + 1, size):
        return tensor
    if sizes.require_at_most(most + 1, 0) and sizes.require_at_most(-size, least):
        return tensor + OPS["dim"](dim=size)
    return OPS["numpy_index"](tensor, size=size, axis=axis)


def _selection(trace: Any, array: TracedArray, parts: _Key) -> Any:
    """``a[mask]`` with a mask whose values are not known: the size depends on them."""
    first, rest = parts[0], parts[1:]
    if not _is_mask(first) or not all(_is_whole(p) for p in rest):
        raise trace.refusal("a mask beside other indices")
    if type(array) is not TracedArray or not first.shape:
        raise trace.refusal("a mask without axes")
    return select(trace, array, first)


def _is_whole(part: Any) -> bool:
    return part is Ellipsis or (isinstance(part, slice) and part == _FULL)


@hook("setitem")
def write(array: Any, key: Any, value: Any) -> None:
    """``array[key] = value``."""
    trace = array.home
    if type(array) is TracedScalar or not array.writeable:
        raise trace.plain("call")  # which NumPy refuses
    if _is_written(array, key, value):
        return
    _write(trace, array, key, value)


def _is_written(array: TracedArray, key: Any, value: Any) -> bool:
    """Whether the value is that very part of the array: ``a[1:] += x`` ends with it."""
    if type(value) is not TracedArray or value.cell is not array.cell:
        return False
    parts = _parts(array.home, key)
    if any(map(_is_advanced, parts)) or len(value.chain) <= len(array.chain):
        return False
    chain = _part_of(array, parts).chain
    return len(chain) == len(value.chain) and all(map(same_link, chain, value.chain))


def _write(trace: Any, array: TracedArray, key: Any, value: Any) -> None:
    parts = _parts(trace, key)
    if type(value) is Selection:
        if len(parts) == 1 and _is_mask(parts[0]):
            store(array, parts[0], value)
            return
        value = value.array()
    _check_count(array, parts)
    array, parts = _with_truths(array, parts)
    if _is_point(parts):
        checked = _checked(trace, array, parts)
        given = fit(value_of(trace, value, array.dtype, one=True), array.shape[len(parts) :])
        array.store(put(array.tensor(), checked, given))
        return
    if not any(map(_is_advanced, parts)):
        part = _part_of(array, parts)
        part.store(fit(value_of(trace, value, array.dtype, one=True), part.shape))
        return
    masks = [p for p in parts if _is_mask(p)]
    if masks and getattr(value, "cell", None) is array.cell and value.ndim:
        raise trace.plain()  # NumPy reads elements that it has written before
    checked = _checked(trace, array, parts)
    tensor = value_of(trace, value, array.dtype)
    old = array.tensor()
    if masks:
        array.store(_masked(trace, old, checked, tensor))
    else:
        with trace.checked():
            made = put(old, checked, tensor)
        array.store(made)


def _is_point(parts: _Key) -> bool:
    """Whether a key has a number for each of the first axes, some of which exist only later."""
    kinds = set(map(type, parts))
    return Dynamic in kinds and kinds <= {Dynamic, int}


def _part_of(array: TracedArray, parts: _Key) -> TracedArray:
    """The view that a key without index arrays names, also where it is one element."""
    plain = tuple([_FULL if _moves(p) else p for p in parts])
    view = TracedArray(array.home, array.cell, array, Basic(plain, array.ndim), False)
    axes = _moving_axes(parts, array.ndim)
    cuts = [(axis, p) for axis, p in axes if isinstance(p, slice)]
    return _moved(view, parts, cuts, [(axis, p) for axis, p in axes if isinstance(p, Dynamic)])


def _moved(
    view: TracedArray, parts: _Key, cuts: list[tuple[int, Any]], moving: list[tuple[int, Any]]
) -> TracedArray:
    """A view at the places of a key that are values: its slices, then its positions."""
    for axis, bounds in cuts:
        cut = view.home.windows.window(view, axis, bounds.start, bounds.stop)
        view = TracedArray(view.home, view.cell, view, cut, False)
    for axis, part in reversed(moving):
        index = checked_index(view.home, part.tensor, view.shape[axis], _source_axis(parts, part))
        link = Position(view.home, axis, index)
        view = TracedArray(view.home, view.cell, view, link, False)
    return view


def value_of(trace: Any, value: Any, dtype: np.dtype[Any], *, one: bool = False) -> Any:
    """A value as an array of ``dtype`` receives it: cast without a check, as NumPy does.

    ``one``: a scalar is stored as Python stores a number, so an integer dtype must hold it.
    """
    if type(value) in PYTHON or (one and isinstance(value, np.generic) and not is_traced(value)):
        held = np.zeros((), dtype)
        held[...] = value
        return constant(trace, held)
    if isinstance(value, SymNumber):
        if letter(dtype) in "fc" or (value.of_graph and dtype in (np.int64, value.kind)):
            return value.tensor(dtype)
        return value_of(trace, value.plain(), dtype)
    narrow = type(value) is TracedScalar and letter(dtype) in "iu" and letter(value.dtype) in "iuf"
    if one and narrow and not np.can_cast(value.dtype, dtype, "safe"):
        return OPS["numpy_stored"](value.tensor(), dtype=dtype)
    if is_traced(value) or isinstance(value, Tensor | np.ndarray | np.generic | SymInt):
        return convert(as_tensor(trace, value), dtype)
    if type(value) in LISTED and _holds_tensor(value):
        return convert(as_tensor(trace, value), dtype)
    return constant(trace, np.asarray(value, dtype))


def fit(value: Any, shape: Any) -> Any:
    """A value broadcast to a shape; leading axes of size 1 beyond its rank are dropped."""
    while len(value.shape) > len(shape) and value.shape[0] == 1:
        value = movement.squeeze(value, axis=(0,))
    return movement.broadcast_to(value, shape=shape)


def _masked(trace: Any, old: Any, parts: _Key, value: Any) -> Any:
    """A write through a mask whose values are not known."""
    first, rest = parts[0], parts[1:]
    alone = _is_mask(first) and all(map(_is_whole, rest))
    if not alone:
        raise trace.missing("an assignment through a mask beside other indices")
    covered = len(first.shape)
    for m, n in zip(first.shape, old.shape, strict=False):
        if m != n:
            raise IndexError("boolean index did not match indexed array")
    while len(value.shape) > len(old.shape) - covered and value.shape[0] == 1:
        value = movement.squeeze(value, axis=(0,))
    if not covered:
        value = movement.broadcast_to(value, shape=old.shape)
        return OPS["where"](first, value, old)
    if len(value.shape) <= len(old.shape) - covered:
        return put(old, first, value)
    return OPS["numpy_place"](old, first, value)
