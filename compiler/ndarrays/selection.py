"""``a[mask]`` with a mask whose values are not known: its size is not known either.

It is kept as the whole array beside the mask. Elementwise functions work on the whole, reductions
leave out what the mask does, and ``a[mask] = selection`` through an equal mask is a choice for
each element. Anything that needs its size is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.op import OPS

from . import protocol
from .base import TracedArray, install_operators, is_traced
from .operands import as_tensor, convert, fresh
from .protocol import hook
from .windows import same

__all__ = ["Selection", "select", "store"]

REDUCED = ("sum", "prod", "max", "min", "all", "any", "mean", "var", "std")


class Selection:
    """The elements of an array that a mask selects; see the module."""

    in_trace = True
    __class__ = np.ndarray  # type: ignore[assignment]

    def __init__(self, trace: Any, whole: TracedArray, mask: Any) -> None:
        self.home, self.whole, self.mask = trace, whole, mask

    def tensor(self) -> Any:
        """It has no value of a known size: raises StagingError."""
        self.refuse("its value")

    def refuse(self, what: str) -> Any:
        """Raise StagingError."""
        raise self.home.refusal(
            f"{what} of an array selected by a mask is needed while the function is traced, but "
            f"its size depends on values; use np.where(mask, a, b), or write a[mask] = value"
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self.whole.dtype

    @property
    def ndim(self) -> int:
        """The number of axes: those of the mask are one."""
        return self.whole.ndim - len(self.mask.shape) + 1

    @property
    def size(self) -> Any:
        """The number of elements, a scalar of the trace."""
        if self.ndim > 1:
            self.refuse("the size")
        counted = fresh(self.home, self.mask)
        return protocol.METHODS["sum"](counted)

    def copy(self, order: str = "C") -> Any:
        """A selection of its own."""
        return Selection(self.home, protocol.METHODS["copy"](self.whole), self.mask)

    def astype(self, dtype: Any, **options: Any) -> Any:
        """The elements in another dtype."""
        whole = protocol.METHODS["astype"](self.whole, dtype, **options)
        return Selection(self.home, whole, self.mask)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return call(self.home, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__.removeprefix("a")
        if args and args[0] is self and name in REDUCED:
            return getattr(self, name)(*args[1:], **kwargs)
        return self.refuse(f"np.{function.__name__}")

    def __getattr__(self, name: str) -> Any:
        if name in REDUCED:
            return lambda *args, **kwargs: self._reduced(name, *args, **kwargs)
        if name.startswith("__"):
            raise AttributeError(name)
        return self.refuse(name)

    def _reduced(self, name: str, axis: Any = None, dtype: Any = None, **options: Any) -> Any:
        if self.ndim > 1 or axis not in (None, 0, -1) or options:
            self.refuse(name)
        if name in ("max", "min"):
            if dtype is not None:
                self.refuse(name)
            return self._extreme(name)
        where = _over(self.mask, self.whole)
        given = {} if dtype is None else {"dtype": dtype}
        return protocol.METHODS[name](self.whole, where=fresh(self.home, where), **given)

    def _extreme(self, name: str) -> Any:
        self.refuse(f"{name}(), which fails for no elements,")

    def __len__(self) -> int:
        self.refuse("len()")
        return 0

    def __iter__(self) -> Any:
        return self.refuse("iteration")

    def __bool__(self) -> bool:
        return bool(self.refuse("the truth value"))

    def __float__(self) -> float:
        return float(self.refuse("float()"))

    def __getitem__(self, key: Any) -> Any:
        return self.refuse("indexing")

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is Ellipsis or key == slice(None):
            self.whole[...] = _other(self, value)
            return
        self.refuse("an assignment to items")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.refuse("conversion to a NumPy array")

    def __hash__(self) -> int:
        return id(self)


def select(trace: Any, array: TracedArray, mask: Any) -> Selection:
    """``array[mask]``: a copy of what the mask selects."""
    _check(mask, array)
    return Selection(trace, protocol.METHODS["copy"](array), mask)


def store(array: TracedArray, mask: Any, value: Selection) -> None:
    """``array[mask] = value`` with a selection through an equal mask."""
    if not same(mask, value.mask):
        value.refuse("its size, beside that of another mask,")
    _check(mask, array)
    new = convert(value.whole.tensor(), array.dtype)
    array.store(OPS["where"](_over(mask, array), new, array.tensor()))


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
    """The other operand on the whole array: a selection by the same mask, or one number."""
    if type(x) is Selection:
        if not same(one.mask, x.mask):
            one.refuse("its size, beside that of another mask,")
        return x.whole
    if is_traced(x) or isinstance(x, np.ndarray):
        if len(as_tensor(one.home, x).shape):
            one.refuse("its size, beside that of an array,")
    elif isinstance(x, list | tuple):
        one.refuse("its size, beside that of a list,")
    return x


@hook("selection")
def call(trace: Any, ufunc: Any, method: str, inputs: Any, options: Any) -> Any:
    """An elementwise function of selections."""
    one = next(x for x in inputs if type(x) is Selection)
    out = options.get("out") or ()
    out = out if isinstance(out, tuple) else (out,)
    if method != "__call__" or ufunc.nout != 1 or ufunc.signature is not None:
        one.refuse(f"np.{ufunc.__name__}.{method}")
    if options.get("where", True) is not True or any(type(o) is not Selection for o in out):
        one.refuse("out= or where=")
    wholes = tuple([_other(one, x) for x in inputs])
    rest = {k: v for k, v in options.items() if k not in ("out", "where")}
    if out:
        protocol.ufunc(trace, ufunc, method, wholes, {**rest, "out": (out[0].whole,)})
        return out[0]
    made = protocol.ufunc(trace, ufunc, method, wholes, rest)
    return Selection(trace, made, one.mask)


install_operators(Selection, Selection)
