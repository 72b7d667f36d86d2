"""NumPy's functions on arrays of a trace.

A function that NumPy writes in Python runs as NumPy wrote it, on arrays of the trace, down to the
functions and methods that have an op. Those that NumPy writes in C are here.
"""

from __future__ import annotations

import operator
import types
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from twofold.ir import bind
from twofold.ir.dtypes import letter
from twofold.ir.errors import TwofoldError
from twofold.ir.op import OPS
from twofold.ir.ops.contract import tensordot
from twofold.ir.shapes import broadcast_shapes
from twofold.ir.tensor_shape import LISTED, sequence
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..plain import PlainPython
from ..symint import SymInt, to_dims
from ..symnumber import SymNumber
from . import calls, protocol
from .base import TracedArray, is_traced
from .calls import name_of
from .create import CREATE
from .late import by_value, is_late
from .links import Broadcast, Windows
from .operands import (
    as_array,
    as_tensor,
    convert,
    fresh,
    into,
    laid_out,
    layouts,
    like,
    refuse_dtype,
    result,
    wrapped,
)
from .protocol import FUNCTIONS, hook, implements
from .selection import arrays_of
from .ufuncs import CLIP, SPECIAL, call
from .views import view_of

__all__ = ["dispatch", "trace_of"]

_np: Any = np  # called with what the user gives, of any type
PYTHON = (int, float, complex)


# NumPy's code for these asks for sizes, and the trace would hold for them alone.
_ASKING = frozenset(
    ["convolve", "corrcoef", "correlate", "cov", "median", "nanmedian", "nanpercentile",
     "nanquantile", "percentile", "quantile", "vander"]
)  # fmt: skip


@hook("function")
def dispatch(trace: Any, called: Any, args: Any, kwargs: Any) -> Any:
    """``called(*args, **kwargs)`` with something of the trace among the arguments."""
    args, kwargs = _entered(trace, args), _entered(trace, kwargs)
    handler = FUNCTIONS.get(called)
    if called is np.broadcast_to and args and not is_traced(args[0]):
        args = (as_array(trace, args[0]), *args[1:])
    if handler is not None:
        return handler(*arrays_of(args), **kwargs)
    name = name_of(called)
    written = getattr(called, "_implementation", None)
    if not isinstance(written, types.FunctionType):
        written = None
    whole = written is None or by_value(name, args, kwargs) or is_late(trace, args, kwargs)
    whole = whole or (name in _ASKING and calls.is_open(trace, (args, kwargs)))
    if name is not None and (whole or name.startswith(("linalg.", "fft."))):
        return calls.call(trace, name, arrays_of(args), arrays_of(kwargs))
    refused = trace.tracer.refused
    try:
        if written is None:
            raise trace.missing(f"np.{called.__name__} has no op here")
        return trace.hooked(written)(*args, **kwargs)
    except (TwofoldError, PlainPython):
        trace.tracer.refused, found = refused, trace.tracer.refused
        if name is not None:  # it was NumPy that asked for a value, not the user
            return calls.call(trace, name, args, kwargs)
        known = _known(trace, (args, kwargs))
        if known is not None:
            return wrapped(trace, called(*known[0], **known[1]))
        trace.tracer.refused = found
        raise


def _entered(trace: Any, x: Any) -> Any:
    """Arguments with arrays of the trace for those that plain Python code holds."""
    if isinstance(x, np.ndarray) and not is_traced(x) and trace.takes(x):
        return trace.array_of(x)
    if type(x) in LISTED:
        return sequence(type(x), [_entered(trace, part) for part in x])
    return {k: _entered(trace, v) for k, v in x.items()} if type(x) is dict else x


def _known(trace: Any, x: Any) -> Any:
    """Arguments with the values of what is traced in them, or None if one is not known."""
    if type(x) in LISTED:
        parts = [_known(trace, part) for part in x]
        missing = any(p is None and part is not None for p, part in zip(parts, x, strict=True))
        return None if missing else sequence(type(x), parts)
    if type(x) is dict:
        parts = _known(trace, list(x.values()))
        return None if parts is None else dict(zip(x, parts, strict=True))
    if is_traced(x):
        found = trace.known(x.tensor())
        return found if found is None or type(x) is TracedArray else found[()]
    return None if isinstance(x, Tensor | Variable | SymInt | SymNumber) else x


def trace_of(*values: Any) -> Any:
    """The trace that one of these belongs to; of numbers of a trace the present one."""
    found = _trace_in(values)
    return getattr(bind.ground(), "arrays", None) if found is None else found


def _trace_in(values: Any) -> Any:
    for x in values:
        if is_traced(x):
            return x.home
        if type(x) in LISTED:
            found = _trace_in(x)
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
    found = np.concatenate(empty, **options).dtype
    want = found if out is None else out.dtype
    values = [convert(x.tensor(), want) for x in parts]
    if axis is None:
        joined = OPS["concat"](*[OPS["reshape"](v, shape=(-1,)) for v in values], axis=0)
        made = fresh(trace, joined)
    else:
        joined = OPS["concat"](*values, axis=int(axis) % parts[0].ndim)
        made = laid_out(trace, joined, lambda *xs: np.concatenate(xs, axis), tuple(parts))
    return into(trace, made, out)


@implements(np.stack)
def stack(
    arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """``np.stack``."""
    parts = [as_array(trace_of(arrays, out), x) for x in arrays]
    spot = normalize_axis_index(axis, parts[0].ndim + 1)
    rows = [x[(slice(None),) * spot + (None,)] for x in parts]
    return concatenate(rows, spot, out, dtype, casting)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """``np.diag``."""
    trace = trace_of(v, k)
    x = as_array(trace, v)
    if x.ndim != 1 or k != 0:
        return trace.hooked(_np.diag._implementation)(v, k)
    at = CREATE[np.arange](trace, x.shape[0])
    return np.where(at[:, None] == at, x, np.zeros((), x.dtype))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """``np.flatnonzero``."""
    return protocol.METHODS["nonzero"](as_array(trace_of(a), a).ravel())[0]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """``np.argwhere``."""
    trace = trace_of(a)
    array = as_array(trace, a)
    if trace.known(array.tensor()) is not None or not array.ndim:
        return fresh(trace, trace.constant(np.argwhere(array.known("np.argwhere"))))
    return fresh(trace, OPS["transpose"](OPS["where_indices"](array.tensor()))).transpose()


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where(condition, x, y)``."""
    trace = trace_of(condition, *choices)
    choices = tuple([c.plain() if isinstance(c, SymNumber) else c for c in choices])
    if not choices:
        return protocol.METHODS["nonzero"](as_array(trace, condition))
    if len(choices) != 2:
        raise trace.plain("call")  # which NumPy refuses
    want = np.result_type(
        *[x if type(x) in (int, float, complex) else as_tensor(trace, x).dtype for x in choices]
    )
    x, y = [_chosen(trace, c, want) for c in choices]
    test = convert(as_tensor(trace, condition), np.dtype(bool))
    return fresh(trace, OPS["where"](test, x, y), layouts(trace, (condition, *choices)))


def _chosen(trace: Any, x: Any, dtype: Any) -> Any:
    if type(x) in (bool, int, float, complex):
        try:
            return as_tensor(trace, np.asarray(x, dtype))
        except OverflowError:  # an error of NumPy too, if there is an element
            raise trace.missing(
                f"np.where with the number {x}, which {dtype} cannot hold,"
            ) from None
    return convert(as_tensor(trace, x), dtype)


def _statistic(function: Any, name: str) -> None:
    def statistic(a: Any, *args: Any, **options: Any) -> Any:
        x = as_array(trace_of(a, options.get("out")), a)
        return protocol.METHODS[name](x, *args, **options)

    implements(function)(statistic)


for _function in (np.mean, np.var, np.std):
    _statistic(_function, _function.__name__)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """``np.dot``."""
    trace = trace_of(a, b, out)
    a, b = as_array(trace, a), as_array(trace, b)
    if _by_axpy(a, b):
        made = laid_out(trace, _axpy(trace, a, b), np.dot, (a, b))
    elif a.ndim == 0 or b.ndim == 0:
        if out is not None and np.result_type(a.dtype, b.dtype).char not in "fdFD":  # no BLAS
            return call(trace, np.multiply, (a, b), (out,))
        made = laid_out(trace, (a * b).tensor(), np.dot, (a, b))
    elif b.ndim <= 2:
        made = call(trace, np.matmul, (a, b))
    else:
        made = _contracted(trace, a, b, b.ndim - 2)
    return into(trace, made, out)


def _by_axpy(a: Any, b: Any) -> bool:
    """Whether NumPy takes this product for a number times a vector or a matrix, by BLAS's axpy."""
    if np.result_type(a.dtype, b.dtype).char not in "fdFD" or max(a.ndim, b.ndim) > 2:
        return False
    if a.ndim == b.ndim == 1 and a.home.windows.is_late(a.size):  # that of both, if they fit
        return False
    return any(x.size == 1 for x in (a, b))


def _axpy(trace: Any, a: Any, b: Any) -> Any:
    """The product as axpy has it: it adds to zeros, and a factor of zero adds nothing, whatever
    it would multiply (``np.dot([np.nan, 1.0], 0.0)`` is zeros). Two numbers are multiplied.

    The definition of axpy: Lawson, Hanson, Kincaid, Krogh, "Basic Linear Algebra Subprograms for
    Fortran Usage", 1979.
    """
    want = np.result_type(a.dtype, b.dtype)
    number, rest = sorted((a, b), key=lambda x: (x.size != 1, x.ndim))
    factor, rest = (convert(x.tensor(), want) for x in (number, rest))
    factor = OPS["reshape"](factor, shape=())
    zero = as_tensor(trace, np.zeros((), want))
    made = rest * factor
    if rest.size != 1:
        made = OPS["where"](factor == zero, zero, made + zero)
    if a.ndim and b.ndim:
        made = OPS["reshape"](made, shape=_product_shape(a, b))
    return made


def _product_shape(a: Any, b: Any) -> tuple[Any, ...]:
    return (*a.shape[:-1], *(b.shape[:-2] + b.shape[-1:] if b.ndim > 1 else ()))


def _contracted(trace: Any, a: Any, b: Any, axis: int) -> Any:
    """The sum over the last axis of ``a`` and one axis of ``b``."""
    want = np.result_type(a.dtype, b.dtype)
    x, y = convert(a.tensor(), want), convert(b.tensor(), want)
    return result(trace, tensordot(x, y, axes=((a.ndim - 1,), (axis,))))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """``np.inner``."""
    trace = trace_of(a, b)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.ndim == 0 or b.ndim == 0:
        made = _axpy(trace, a, b) if _by_axpy(a, b) else as_array(trace, a * b).tensor()
        return laid_out(trace, made, np.inner, (a, b))
    if b.ndim <= 2 and _by_axpy(a, b.T):
        return laid_out(trace, _axpy(trace, a, b.T), np.inner, (a, b))
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


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """``np.outer``: of rows it needs no memory in one piece, which ``ravel`` asks for."""
    trace = trace_of(a, b, out)
    left, right = [
        x if x.ndim == 1 else x.ravel() for x in (as_array(trace, a), as_array(trace, b))
    ]
    return call(trace, np.multiply, (left[:, None], right), () if out is None else (out,))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """``np.kron``: blocks of ``b``, one for each element of ``a``."""
    trace = trace_of(a, b)
    left, right = as_array(trace, a), as_array(trace, b)
    rank = max(left.ndim, right.ndim)
    (m, n), every = [(1,) * (rank - x.ndim) + tuple(x.shape) for x in (left, right)], range(rank)
    left = left.reshape(tuple([k for i in every for k in (m[i], 1)]))
    right = right.reshape(tuple([k for i in every for k in (1, n[i])]))
    return call(trace, np.multiply, (left, right), ()).reshape(tuple([m[i] * n[i] for i in every]))


@implements(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    """``np.empty_like``: zeros, where NumPy leaves what the memory held."""
    trace = trace_of(prototype, shape)
    array = as_array(trace, prototype)
    want = np.dtype(array.dtype if dtype is None else dtype)
    refuse_dtype(trace, want)
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
    """``np.putmask``: at each place the value of its number, from the first again at the end."""
    values, test = as_array(a.home, values).ravel(), as_array(a.home, mask)
    if _example_size(values) == 0:
        return
    if values.size == 1:
        chosen = values.reshape(())
    else:
        numbers = CREATE[np.arange](a.home, a.size)
        chosen = values[numbers % values.size].reshape(a.shape)
    protocol.FUNCTIONS[np.copyto](
        a, chosen.astype(a.dtype), casting="unsafe", where=test.reshape(a.shape)
    )


@implements(np.place)
def place(arr: TracedArray, mask: Any, vals: Any) -> None:
    """``np.place``: the values one after the other, from the first again at the end."""
    values: Any = as_array(arr.home, vals).ravel()
    test: Any = as_array(arr.home, mask)
    if _example_size(values) == 0:
        raise arr.home.missing("np.place of no values, an error where the mask holds,")
    test = test.reshape(arr.shape).astype(bool)
    if values.size == 1:
        chosen = values.reshape(())
    else:
        numbers = np.cumsum(test.ravel()) - 1
        chosen = values[numbers % values.size].reshape(arr.shape)
    protocol.FUNCTIONS[np.copyto](arr, chosen.astype(arr.dtype), casting="unsafe", where=test)


def _example_size(x: TracedArray) -> int:
    found: int = x.home.cells.hints((x.size,))[0]
    return found


@implements(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
    """Whether two arrays share memory; those of different cells do not, if one was made here."""
    trace = trace_of(a, b)
    a, b = as_array(trace, a), as_array(trace, b)
    if a.cell is not b.cell:
        if a.cell.source is not None and b.cell.source is not None:
            raise trace.plain()  # what is given at a later call may overlap
        return False
    a.pin()
    b.pin()
    return np.shares_memory(a.layout, b.layout)


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
    shapes = [to_dims(x.tensor().shape) for x in parts]
    shape = broadcast_shapes(shapes, trace.sizes, "np.broadcast_arrays")
    return tuple([x if to_dims(x.shape) == shape else _repeated(x, shape) for x in parts])


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """``np.lib.stride_tricks.sliding_window_view``."""
    if writeable:
        raise x.home.plain()  # windows that overlap are written to
    widths = window_shape if hasattr(window_shape, "__iter__") else (window_shape,)
    axes = range(x.ndim) if axis is None else axis if hasattr(axis, "__iter__") else (axis,)
    rank = x.ndim
    for width, along in zip(widths, axes, strict=True):
        x = view_of(x, Windows(int(width), along % rank))
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


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, *rest: Any, **options: Any) -> Any:
    """``np.histogram``, where the number of bins does not depend on values."""
    trace = trace_of(a, bins, rest, options)
    if isinstance(bins, str):
        raise trace.plain()
    return calls.call(trace, "histogram", (a, bins, *rest), options)


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """``np.bincount``: its length depends on the values."""
    trace = trace_of(x, weights, minlength)
    given = [convert(as_tensor(trace, x), np.dtype(np.int64))]
    if weights is not None:
        given.append(convert(as_tensor(trace, weights), np.dtype(np.float64)))
    with_length = OPS["numpy_bincount"](*given, minlength=operator.index(minlength))
    return fresh(trace, with_length)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """``np.copy``: an array, also of a scalar."""
    array = as_array(trace_of(a), a)
    return protocol.METHODS["copy"](array, order=order)


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
    kind: Any = None,
) -> Any:  # fmt: skip
    """``np.isin``: each element is compared with each of the others."""
    trace = trace_of(element, test_elements)
    one, others = as_array(trace, element), as_array(trace, test_elements).ravel()
    found = (one[..., None] == others).any(axis=-1)
    found = as_array(trace, np.logical_not(found) if invert else found)
    return like(trace, found.tensor(), found, "C")


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """``np.iscomplexobj``."""
    return bool(letter(x.dtype) == "c")


@implements(np.astype)
def astype(x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Any:
    """``np.astype``."""
    return protocol.METHODS["astype"](x, dtype, copy=copy)


SPECIAL[CLIP] = lambda x, low, high: OPS["minimum"](OPS["maximum"](x, low), high)
