"""``a[mask]`` with a mask whose values are not known: its size is not known either.

It is kept as the whole array beside the mask. Elementwise functions work on the whole, reductions
leave out what the mask does, and ``a[mask] = selection`` through an equal mask is a choice for
each element. Anything else is done with an array of its elements (``array``), whose size is found
when the graph runs; from then on that array is all that there is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED, sequence

from . import protocol
from .base import TracedArray, install_operators, is_traced
from .operands import as_tensor, convert, fresh
from .protocol import hook
from .windows import same

__all__ = ["Selection", "arrays_of", "elements", "select", "store"]

HOLE: Any = object()
REDUCED = ("sum", "prod", "max", "min", "all", "any", "mean", "var", "std")


class Selection:
    """The elements of an array that a mask selects; see the module."""

    in_trace = True
    __class__ = np.ndarray  # type: ignore[assignment]

    def __init__(self, trace: Any, whole: TracedArray, mask: Any) -> None:
        self.home, self.whole, self.mask = trace, whole, mask
        self.born: Any = bind.ground()  # the trace of the region that it is made in
        self.made: TracedArray | None = None

    def array(self) -> TracedArray:
        """The elements as an array of a size that is found when the graph runs."""
        if self.made is None:
            token = bind.push(self.born)
            try:
                at = _places(self.mask)
                with self.born.arrays.checked():
                    self.made = fresh(self.home, OPS["gather_nd"](self.whole.tensor(), at))
            finally:
                bind.pop(token)
        return self.made

    def tensor(self) -> Any:
        """The elements as a tensor."""
        return self.array().tensor()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self.whole.dtype

    @property
    def ndim(self) -> int:
        """The number of axes: those of the mask are one."""
        return self.whole.ndim - len(self.mask.shape) + 1

    def copy(self, order: str = "C") -> Any:
        """A selection of its own."""
        if self.made is not None:
            return self.made.copy(order)
        return Selection(self.home, protocol.METHODS["copy"](self.whole), self.mask)

    def astype(self, dtype: Any, **options: Any) -> Any:
        """The elements in another dtype."""
        if self.made is not None or options:
            return self.array().astype(dtype, **options)
        whole = protocol.METHODS["astype"](self.whole, dtype, **options)
        return Selection(self.home, whole, self.mask)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return call(self.home, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__.removeprefix("a")
        if args and args[0] is self and name in REDUCED:
            return getattr(self, name)(*args[1:], **kwargs)
        args, kwargs = arrays_of(args), arrays_of(kwargs)
        return protocol.function(self.home, function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in REDUCED:
            return lambda *args, **kwargs: self._reduced(name, *args, **kwargs)
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.array(), name)

    def _reduced(self, name: str, axis: Any = None, dtype: Any = None, **options: Any) -> Any:
        plain = self.ndim == 1 and axis in (None, 0, -1) and not options
        if self.made is not None or not plain or name in ("max", "min"):
            given = options if dtype is None else {**options, "dtype": dtype}
            return protocol.METHODS[name](self.array(), axis, **given)
        where = _over(self.mask, self.whole)
        given = {} if dtype is None else {"dtype": dtype}
        return protocol.METHODS[name](self.whole, where=fresh(self.home, where), **given)

    def __len__(self) -> int:
        return len(self.array())

    def __iter__(self) -> Any:
        return iter(self.array())

    def __bool__(self) -> bool:
        return bool(self.array())

    def __float__(self) -> float:
        return float(self.array())

    def __getitem__(self, key: Any) -> Any:
        return self.array()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        other = HOLE if self.made is not None else _other(self, value)
        if other is not HOLE and (key is Ellipsis or key == slice(None)):
            self.whole[...] = other
        else:
            self.array()[key] = arrays_of(value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.array(), dtype)

    def __hash__(self) -> int:
        return id(self)


def select(trace: Any, array: TracedArray, mask: Any) -> Selection:
    """``array[mask]``: a copy of what the mask selects."""
    _check(mask, array)
    return Selection(trace, protocol.METHODS["copy"](array), mask)


def store(array: TracedArray, mask: Any, value: Selection) -> None:
    """``array[mask] = value`` with a selection through an equal mask."""
    if value.made is not None or not same(mask, value.mask):
        at = _places(mask)
        new = convert(value.array().tensor(), array.dtype)
        array.store(OPS["tensor_scatter_nd_update"](array.tensor(), at, new))
        return
    new = convert(value.whole.tensor(), array.dtype)
    array.store(OPS["where"](_over(mask, array), new, array.tensor()))


def _places(mask: Any) -> Any:
    """Where a mask holds: computed once in each region, so that what it selects has one size."""
    known = bind.ground().masks  # type: ignore[attr-defined]
    for other, found in known:
        if same(mask, other):
            return found
    known.append((mask, OPS["where_indices"](mask)))
    return known[-1][1]


def _check(mask: Any, array: Any) -> None:
    if len(mask.shape) > array.ndim:
        raise IndexError("too many indices for array")
    if any(m != n for m, n in zip(mask.shape, array.shape, strict=False)):
        raise IndexError("boolean index did not match indexed array")


def _over(mask: Any, array: Any) -> Any:
    """A mask with axes of size 1 for those of the array that it does not cover."""
    rest = array.ndim - len(mask.shape)
    return OPS["reshape"](mask, shape=(*mask.shape, *(1,) * rest)) if rest else mask


def _other(one: Selection, x: Any) -> Any:
    """The other operand on the whole array: a selection by the same mask, or one number; HOLE for
    any other, which meets the elements."""
    if type(x) is Selection:
        return x.whole if x.made is None and same(one.mask, x.mask) else HOLE
    if is_traced(x) or isinstance(x, np.ndarray):
        return HOLE if len(as_tensor(one.home, x).shape) else x
    return HOLE if isinstance(x, list | tuple) else x


def elements(x: Any) -> Any:
    """A selection as an array of its elements; anything else as it is."""
    return x.array() if type(x) is Selection else x


def arrays_of(x: Any) -> Any:
    """An operand with selections, in containers too, as arrays of their elements."""
    if type(x) is Selection:
        return x.array()
    if type(x) is dict:
        return {k: arrays_of(v) for k, v in x.items()}
    return sequence(type(x), [arrays_of(v) for v in x]) if type(x) in LISTED else x


@hook("selection")
def call(trace: Any, ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
    """An elementwise function of selections."""
    one = next(x for x in inputs if type(x) is Selection)
    out = options.get("out") or ()
    out = out if isinstance(out, tuple) else (out,)
    plain = method == "__call__" and ufunc.nout == 1 and ufunc.signature is None
    plain = plain and options.get("where", True) is True and one.made is None
    plain = plain and all(type(o) is Selection and o.made is None for o in out)
    wholes = tuple([_other(one, x) for x in inputs]) if plain else (HOLE,)
    if any(w is HOLE for w in (*wholes, *[_other(one, o) for o in out])):
        made = arrays_of(options)
        return protocol.ufunc(trace, ufunc, method, arrays_of(inputs), made)
    rest = {k: v for k, v in options.items() if k not in ("out", "where")}
    if out:
        protocol.ufunc(trace, ufunc, method, wholes, {**rest, "out": (out[0].whole,)})
        return out[0]
    made = protocol.ufunc(trace, ufunc, method, wholes, rest)
    return Selection(trace, made, one.mask)


install_operators(Selection, Selection)
