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
from twofold.ir.ops.einsum import einsum as contract
from twofold.ir.shapes import broadcast_shapes
from twofold.runtime.tensor import Tensor

from ..symint import to_dims
from ..symnumber import SymNumber
from . import calls, protocol
from .base import TracedArray, is_traced
from .calls import name_of
from .operands import (
    as_array,
    as_tensor,
    convert,
    copied,
    faithfully,
    fresh,
    laid_out,
    layouts,
    refuse_dtype,
    result,
)
from .protocol import FUNCTIONS, hook, implements
from .ufuncs import CLIP, SPECIAL, call

__all__ = ["dispatch"]

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


def _trace(*values: Any) -> Any:
    """The trace that one of these belongs to."""
    for x in values:
        if is_traced(x):
            return x.home
        if type(x) in (list, tuple):
            found = _trace(*x)
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
    trace = _trace(arrays, out)
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
    return _into(trace, made, out)


def _into(trace: Any, made: Any, out: Any) -> Any:
    if out is None:
        return made
    target = as_array(trace, out)
    protocol.FUNCTIONS[np.copyto](target, made, casting="unsafe")
    return target


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where(condition, x, y)``."""
    trace = _trace(condition, *choices)
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
        like = layouts(trace, (condition, *choices))
        return fresh(trace, tensor, like)

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
    trace = _trace(a, b, out)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.ndim == 0 or b.ndim == 0:
        return _into(trace, laid_out(trace, (a * b).tensor(), np.dot, (a, b)), out)
    if a.ndim == 1 or b.ndim <= 2:
        return _into(trace, call(trace, np.matmul, (a, b)), out)
    if b.ndim > 2:
        raise trace.refusal("np.dot with more than two axes on the right")
    return None


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """``np.inner``."""
    trace = _trace(a, b)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim == 1:
        return call(trace, np.matmul, (a, b))
    if b.ndim == 2:
        return call(trace, np.matmul, (a, b.T))
    raise trace.refusal("np.inner with more than two axes on the right")


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """``np.vdot``."""
    trace = _trace(a, b)
    left, right = as_array(trace, a).ravel(), as_array(trace, b).ravel()
    return call(trace, np.matmul, (left.conj(), right))


@implements(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    """``np.empty_like``: zeros, where NumPy leaves what the memory held."""
    trace = _trace(prototype, shape)
    want = np.dtype(prototype.dtype if dtype is None else dtype)
    refuse_dtype(trace, want)
    if shape is None:
        zero = OPS["zeros_like"](convert(as_tensor(trace, prototype), want))
        if order == "K" and isinstance(prototype, np.ndarray):
            return copied(trace, zero, as_array(trace, prototype))
        return fresh(trace, zero)
    return fresh(trace, filled(trace, shape, np.zeros((), want)))


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
    trace = _trace(a, b)
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
    return a.shape if is_traced(a) else as_array(_trace(a), a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    """``np.ndim``."""
    return len(shape(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """``np.size``."""
    array = as_array(_trace(a), a)
    return array.size if axis is None else array.shape[axis]


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    """``np.broadcast_arrays``."""
    trace = _trace(*arrays)
    parts = [as_array(trace, x) for x in arrays]

    def run() -> Any:
        shapes = [to_dims(x.tensor().shape) for x in parts]
        shape = broadcast_shapes(shapes, trace.sizes, "np.broadcast_arrays")
        return tuple(
            [x if to_dims(x.shape) == shape else _np.broadcast_to(x, shape) for x in parts]
        )

    return faithfully(trace, np.broadcast_arrays, arrays, {}, run)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """``np.count_nonzero``."""
    x: Any = as_array(_trace(a), a)
    held = x if x.dtype == bool else x != 0
    return protocol.METHODS["sum"](held, axis, np.intp, None, keepdims)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """``np.copy``: an array, also of a scalar."""
    array = as_array(_trace(a), a)
    return protocol.METHODS["copy"](array, order=order)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """``np.iscomplexobj``."""
    return bool(x.dtype.kind == "c")


@implements(np.astype)
def astype(x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Any:
    """``np.astype``."""
    return protocol.METHODS["astype"](x, dtype, copy=copy)


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, dtype: Any = None, **options: Any) -> Any:
    """``np.einsum`` with an equation as text."""
    trace = _trace(*operands, out)
    equation, arrays = operands[0], operands[1:]
    if not isinstance(equation, str):
        raise trace.refusal("np.einsum with lists of axes")
    want = (
        np.result_type(*[as_tensor(trace, x).dtype for x in arrays])
        if dtype is None
        else np.dtype(dtype)
    )

    def run() -> Any:
        values = [convert(as_tensor(trace, x), want) for x in arrays]
        return result(trace, convert(contract(equation, *values), want))

    made = faithfully(trace, np.einsum, operands, {}, run)
    return _into(trace, made, out)


SPECIAL[CLIP] = lambda x, low, high: OPS["minimum"](OPS["maximum"](x, low), high)
