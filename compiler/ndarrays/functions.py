"""NumPy's functions on arrays of a trace.

A function that NumPy writes in Python runs as NumPy wrote it, on arrays of the trace, down to the
functions and methods that have an op. Those that NumPy writes in C are here.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from twofold.ir.errors import StagingError
from twofold.ir.op import OPS
from twofold.ir.ops.contract import tensordot
from twofold.ir.shapes import broadcast_shapes
from twofold.runtime.tensor import Tensor

from ..symint import to_dims
from ..symnumber import SymNumber
from . import calls, protocol
from .base import TracedArray, is_traced
from .calls import name_of
from .links import Broadcast, Windows
from .operands import (
    as_array,
    as_tensor,
    convert,
    faithfully,
    fresh,
    laid_out,
    layouts,
    like,
    refuse_dtype,
    result,
)
from .protocol import FUNCTIONS, hook, implements
from .ufuncs import CLIP, SPECIAL, call
from .views import view_of

__all__ = ["dispatch", "into", "trace_of"]

_np: Any = np  # called with what the user gives, of any type
PYTHON = (int, float, complex)


@hook("function")
def dispatch(trace: Any, called: Any, args: Any, kwargs: Any) -> Any:
    """``called(*args, **kwargs)`` with something of the trace among the arguments."""
    handler = FUNCTIONS.get(called)
    if handler is not None:
        return handler(*args, **kwargs)
    name = name_of(called)
    written = getattr(called, "_implementation", None)
    if not isinstance(written, types.FunctionType):
        written = None
    if name is not None and (written is None or name.startswith(("linalg.", "fft."))):
        return calls.call(trace, name, args, kwargs)
    if written is None:
        raise trace.refusal(f"np.{called.__name__} has no op here")
    if name is None:
        return trace.hooked(written)(*args, **kwargs)
    refused = trace.tracer.refused
    try:
        return trace.hooked(written)(*args, **kwargs)
    except StagingError:
        trace.tracer.refused = refused  # it was NumPy that asked for a value, not the user
        return calls.call(trace, name, args, kwargs)


def trace_of(*values: Any) -> Any:
    """The trace that one of these belongs to."""
    for x in values:
        if is_traced(x):
            return x.home
        if type(x) in (list, tuple):
            found = trace_of(*x)
            if found is not None:
                return found
        if isinstance(x, Tensor) and hasattr(x, "trace"):
            return x.trace.arrays
    return None


@implements(np.concatenate)
def concatenate(
    arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """``np.concatenate``."""
    trace = trace_of(arrays, out)
    parts = [as_array(trace, x) for x in arrays]
    empty = [np.empty((0,) * x.ndim, x.dtype) for x in parts]
    options = {"axis": axis, "dtype": dtype, "casting": casting}
    want = np.concatenate(empty, **options).dtype if out is None else out.dtype

    def run() -> Any:
        values = [convert(x.tensor(), want) for x in parts]
        if axis is None:
            values, along = [OPS["reshape"](v, shape=(-1,)) for v in values], 0
        else:
            along = int(axis) % parts[0].ndim
        made = OPS["concat"](*values, axis=along)
        if axis is None:
            return fresh(trace, made)
        return laid_out(trace, made, lambda *xs: np.concatenate(xs, axis), tuple(parts))

    made = faithfully(trace, np.concatenate, (parts,), options, run)
    return into(trace, made, out)


def into(trace: Any, made: Any, out: Any) -> Any:
    """A result, written to ``out`` where one is given."""
    if out is None:
        return made
    target = as_array(trace, out)
    protocol.FUNCTIONS[np.copyto](target, made, casting="unsafe")
    return target


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where(condition, x, y)``."""
    trace = trace_of(condition, *choices)
    choices = tuple([c.plain() if isinstance(c, SymNumber) else c for c in choices])
    if len(choices) != 2:
        raise trace.refusal("np.where(condition), whose size depends on values,")
    want = np.result_type(
        *[x if type(x) in (int, float, complex) else as_tensor(trace, x).dtype for x in choices]
    )
    x, y = [_chosen(trace, c, want) for c in choices]
    test = convert(as_tensor(trace, condition), np.dtype(bool))

    def run() -> Any:
        tensor = OPS["where"](test, x, y)
        return fresh(trace, tensor, layouts(trace, (condition, *choices)))

    return faithfully(trace, np.where, (condition, *choices), {}, run)


def _chosen(trace: Any, x: Any, dtype: Any) -> Any:
    if type(x) in (bool, int, float, complex):
        try:
            return as_tensor(trace, np.asarray(x, dtype))
        except OverflowError:  # an error of NumPy too, if there is an element
            raise trace.refusal(
                f"np.where with the number {x}, which {dtype} cannot hold,"
            ) from None
    return convert(as_tensor(trace, x), dtype)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """``np.dot``."""
    trace = trace_of(a, b, out)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.ndim == 0 or b.ndim == 0:
        return into(trace, laid_out(trace, (a * b).tensor(), np.dot, (a, b)), out)
    if b.ndim <= 2:
        return into(trace, call(trace, np.matmul, (a, b)), out)
    return into(trace, _contracted(trace, a, b, b.ndim - 2), out)


def _contracted(trace: Any, a: Any, b: Any, axis: int) -> Any:
    """The sum over the last axis of ``a`` and one axis of ``b``."""
    want = np.result_type(a.dtype, b.dtype)

    def run() -> Any:
        x, y = convert(a.tensor(), want), convert(b.tensor(), want)
        return result(trace, tensordot(x, y, axes=((a.ndim - 1,), (axis,))))

    return faithfully(trace, lambda x, y: np.tensordot(x, y, (-1, axis)), (a, b), {}, run)


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """``np.inner``."""
    trace = trace_of(a, b)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim == 1:
        return call(trace, np.matmul, (a, b))
    if b.ndim == 2:
        return call(trace, np.matmul, (a, b.T))
    return _contracted(trace, a, b, b.ndim - 1)


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """``np.vdot``."""
    trace = trace_of(a, b)
    left, right = as_array(trace, a).ravel(), as_array(trace, b).ravel()
    return call(trace, np.matmul, (left.conj(), right))


@implements(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    """``np.empty_like``: zeros, where NumPy leaves what the memory held."""
    trace = trace_of(prototype, shape)
    want = np.dtype(prototype.dtype if dtype is None else dtype)
    refuse_dtype(trace, want)
    array = as_array(trace, prototype)
    if shape is None:
        return like(trace, OPS["zeros_like"](convert(array.tensor(), want)), array, order)
    zero = filled(trace, shape, np.zeros((), want))
    return like(trace, zero, array, order, len(zero.shape) == array.ndim)


def filled(trace: Any, shape: Any, value: Any) -> Any:
    """A tensor of one value; ``shape`` may have sizes of the trace."""
    shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    return OPS["splat"](OPS["constant"](value=np.asarray(value)), shape=shape)


def _like(name: str, number: int) -> None:
    def made(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
        device: Any = None,
    ) -> Any:  # fmt: skip
        out = empty_like(a, dtype, order, subok, shape)
        if number:
            out[...] = number
        return out

    implements(getattr(np, name))(made)


_like("zeros_like", 0)
_like("ones_like", 1)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
    shape: Any = None, *, device: Any = None,
) -> Any:  # fmt: skip
    """``np.full_like``."""
    out = empty_like(a if is_traced(a) else np.asarray(a), dtype, order, subok, shape)
    out[...] = fill_value
    return out


@implements(np.putmask)
def putmask(a: TracedArray, mask: Any, values: Any) -> None:
    """``np.putmask`` with a value for all places, or one for each element."""
    values = as_array(a.home, values)
    if values.ndim and values.shape != a.shape:
        raise a.home.refusal("np.putmask with values that are repeated")
    protocol.FUNCTIONS[np.copyto](a, values, casting="unsafe", where=mask)


@implements(np.place)
def place(arr: TracedArray, mask: Any, vals: Any) -> None:
    """``np.place`` with one value."""
    values: Any = as_array(arr.home, vals)
    if values.size != 1:
        raise arr.home.refusal("np.place with several values")
    protocol.FUNCTIONS[np.copyto](arr, values.reshape(()), casting="unsafe", where=mask)


@implements(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
    """Whether two arrays share memory: not, if they are of different cells."""
    trace = trace_of(a, b)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.cell is not b.cell:
        return False
    raise trace.refusal("np.shares_memory of two views of one array")


@implements(np.result_type)
def result_type(*operands: Any) -> Any:
    """``np.result_type``."""
    return np.result_type(*[x.dtype if is_traced(x) else x for x in operands])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> Any:
    """``np.can_cast``."""
    return _np.can_cast(from_.dtype if is_traced(from_) else from_, to, casting)


@implements(np.shape)
def shape(a: Any) -> Any:
    """``np.shape``."""
    return a.shape if is_traced(a) else as_array(trace_of(a), a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    """``np.ndim``."""
    return len(shape(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """``np.size``."""
    array = as_array(trace_of(a), a)
    return array.size if axis is None else array.shape[axis]


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    """``np.broadcast_arrays``."""
    trace = trace_of(*arrays)
    parts = [as_array(trace, x) for x in arrays]

    def run() -> Any:
        shapes = [to_dims(x.tensor().shape) for x in parts]
        shape = broadcast_shapes(shapes, trace.sizes, "np.broadcast_arrays")
        return tuple([x if to_dims(x.shape) == shape else _repeated(x, shape) for x in parts])

    return faithfully(trace, np.broadcast_arrays, arrays, {}, run)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """``np.lib.stride_tricks.sliding_window_view``."""
    if writeable:
        raise x.home.plain()  # windows that overlap are written to
    widths = window_shape if hasattr(window_shape, "__iter__") else (window_shape,)
    axes = range(x.ndim) if axis is None else axis if hasattr(axis, "__iter__") else (axis,)
    hints = np.zeros(x.home.cells.hints(x.shape), bool)
    np.lib.stride_tricks.sliding_window_view(hints, window_shape, axis)  # it raises
    for width, along in zip(widths, axes, strict=True):
        x = view_of(x, Windows(int(width), along % len(hints.shape)))
        x.tensor()
    return x


def _repeated(x: TracedArray, shape: Any) -> TracedArray:
    """An array repeated to a shape. NumPy lets it be written to, where it is written to."""
    return view_of(x, Broadcast(shape, x.writeable))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """``np.count_nonzero``."""
    x: Any = as_array(trace_of(a), a)
    held = protocol.METHODS["astype"](x, bool, copy=False)
    return protocol.METHODS["sum"](held, axis, np.intp, None, keepdims)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """``np.copy``: an array, also of a scalar."""
    array = as_array(trace_of(a), a)
    return protocol.METHODS["copy"](array, order=order)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """``np.iscomplexobj``."""
    return bool(x.dtype.kind == "c")


@implements(np.astype)
def astype(x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Any:
    """``np.astype``."""
    return protocol.METHODS["astype"](x, dtype, copy=copy)


SPECIAL[CLIP] = lambda x, low, high: OPS["minimum"](OPS["maximum"](x, low), high)
