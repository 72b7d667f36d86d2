"""Methods and functions that give a view, or a copy where NumPy has to copy."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from twofold.ir.dtypes import letter
from twofold.ir.op import OPS
from twofold.ir.ops import movement

from . import protocol
from .base import TracedArray, TracedScalar
from .cells import kept_order
from .links import Broadcast, Diagonal, Link, Part, Reshape, Transpose
from .operands import as_array, convert, fresh, like, pin_sizes
from .protocol import implements, method

_np: Any = np  # called with what the user gives, of any type
# From NumPy 2.1 on reshape has ``copy``; from 2.5 on an array's shape should not be set.
_WITH_COPY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"

__all__ = ["astype", "copy", "ravel", "reshape", "transpose", "view_of"]


def view_of(array: TracedArray, link: Link, contiguous: bool = False) -> TracedArray:
    """A view through one more link."""
    return TracedArray(array.home, array.cell, array, link, contiguous and array.contiguous)


def _array(x: Any) -> TracedArray:
    """An array, also of a scalar (which is then an array of its own)."""
    return fresh(x.home, x.tensor()) if type(x) is TracedScalar else x


@method("transpose")
def transpose(x: Any, *axes: Any) -> Any:
    """``x.transpose(axes)``."""
    x = _array(x)
    if len(axes) == 1 and (axes[0] is None or hasattr(axes[0], "__iter__")):
        axes = axes[0] if axes[0] is not None else ()
    rank = x.ndim
    if len(axes) == 0:
        perm = tuple(reversed(range(rank)))
    elif len(axes) != rank:
        raise ValueError("axes don't match array")
    else:
        perm = tuple([normalize_axis_index(a, rank) for a in axes])
    if len(set(perm)) != rank:
        raise ValueError("repeated axis in transpose")
    return view_of(x, Transpose(perm), perm == tuple(range(rank)))


@method("swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """``x.swapaxes(axis1, axis2)``."""
    x = _array(x)
    a = normalize_axis_index(axis1, x.ndim, "axis1")
    b = normalize_axis_index(axis2, x.ndim, "axis2")
    perm = list(range(x.ndim))
    perm[a], perm[b] = perm[b], perm[a]
    return view_of(x, Transpose(tuple(perm)), a == b)


@method("reshape")
def reshape(x: Any, *shape: Any, order: Any = "C", copy: bool | None = None) -> Any:
    """``x.reshape(shape)``: a view where the strides allow it."""
    x = _array(x)
    wanted = shape[0] if len(shape) == 1 else shape
    wanted = tuple(wanted) if hasattr(wanted, "__iter__") else (wanted,)
    if order not in ("C", "A", None):
        return _reshape_f(x, wanted, order, copy)
    if order == "A" and not x.contiguous:
        x.pin()
        if x.layout.flags.f_contiguous and not x.layout.flags.c_contiguous:
            return _reshape_f(x, wanted, "F", copy)
    tensor = movement.reshape(x.tensor(), shape=wanted)
    if copy:
        return fresh(x.home, tensor)
    if x.contiguous:
        return view_of(x, Reshape(tensor.shape), True)
    x.pin()
    if _viewable(x.layout, x.home.cells.hints(tensor.shape)):
        return view_of(x, Reshape(tensor.shape))
    if copy is False:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return fresh(x.home, tensor)


@method("set_shape")
def set_shape(x: TracedArray, shape: Any) -> None:
    """``x.shape = shape``."""
    if x.viewed or (x.parent is None and x.cell.source is not None):
        raise x.home.plain()  # the caller's array is to have that shape; views of it keep theirs
    before = TracedArray(x.home, x.cell)
    if x.parent is not None:
        before = TracedArray(x.home, x.cell, x.parent, x.chain[-1], x.contiguous)
    x.take_shape(reshape(before, shape, copy=False))


def _reshape_f(x: TracedArray, shape: Any, order: str, copy: Any) -> Any:
    if order != "F":
        raise ValueError(f"order must be one of 'C', 'F', 'A' (got {order!r})")
    turned = reshape(transpose(x), tuple(reversed(shape)), copy=copy)
    return transpose(turned)


def _viewable(layout: np.ndarray[Any, Any], shape: tuple[int, ...]) -> bool:
    """Whether NumPy makes a view of an array of this layout; nothing is read."""
    try:
        if _WITH_COPY:
            np.reshape(layout, shape, copy=False)
        else:
            layout.view().shape = shape
    except (AttributeError, ValueError):
        return False
    return True


@method("ravel")
def ravel(x: Any, order: str = "C") -> Any:
    """``x.ravel()``: a view of a row-major array, else a copy."""
    x = _array(x)
    if order == "F":
        return ravel(transpose(x))
    if order in ("A", "K") and not x.contiguous:
        x.pin()
        if x.layout.flags.f_contiguous:
            return ravel(transpose(x))
        if order == "K":
            x = transpose(x, kept_order([x.layout]))
    if x.contiguous:
        return reshape(x, -1)
    x.pin()
    if x.layout.flags.c_contiguous:
        return reshape(x, -1)
    return fresh(x.home, movement.reshape(x.tensor(), shape=(-1,)))


@method("flatten")
def flatten(x: Any, order: str = "C") -> Any:
    """``x.flatten()``: always a copy."""
    return copy(ravel(x, order))


@method("copy")
def copy(x: Any, order: str = "C") -> Any:
    """``x.copy()``."""
    if type(x) is TracedScalar:
        return x
    if order.upper() == "A" and not x.contiguous:
        x.pin()
    return like(x.home, x.tensor(), x, order)


@method("view")
def view(x: Any, dtype: Any = None, type: Any = None) -> Any:
    """``x.view()``: another array over the same memory, of the same dtype."""
    if type is not None or (dtype is not None and np.dtype(dtype) != x.dtype):
        raise x.home.missing("view() as another dtype or type")
    return x[...]


@method("astype")
def astype(
    x: Any, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
    copy: bool = True,
) -> Any:  # fmt: skip
    """``x.astype(dtype)``: a copy."""
    want = np.dtype(dtype)
    _np.empty(0, x.dtype).astype(want, casting=casting)
    if want == x.dtype and not copy:
        return x
    if not x.home.has_dtype(want):
        raise x.home.missing(f"astype({want})")
    tensor = convert(x.tensor(), want)
    if type(x) is TracedScalar:
        return TracedScalar(x.home, tensor)
    return like(x.home, tensor, x, order)


@method("squeeze")
def squeeze(x: Any, axis: Any = None) -> Any:
    """``x.squeeze(axis)``."""
    x = _array(x)
    shape = x.shape
    if axis is None and all(n != 1 for n in shape):
        return x
    if axis is None:
        dropped = {i for i, n in enumerate(shape) if n == 1}
    else:
        dropped = set(normalize_axis_tuple(axis, x.ndim))
        if any(shape[i] != 1 for i in dropped):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    kept = tuple([n for i, n in enumerate(shape) if i not in dropped])
    return view_of(x, Reshape(kept), True)


@method("diagonal")
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """``x.diagonal()``: a view that nobody can write to."""
    if x.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    a, b = normalize_axis_index(axis1, x.ndim), normalize_axis_index(axis2, x.ndim)
    if a == b:
        raise ValueError("axis1 and axis2 cannot be the same")
    return view_of(x, Diagonal(offset, a, b))


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """A view with strides of 0."""
    x = _array(array)
    shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    return view_of(x, Broadcast(movement.broadcast_to(x.tensor(), shape=shape).shape))


@method("real")
def real(x: Any) -> Any:
    """``x.real``."""
    if letter(x.dtype) != "c":
        return x
    if type(x) is TracedScalar:
        return TracedScalar(x.home, OPS["real"](x.tensor()))
    return view_of(x, Part("real"))


def _set_part(x: Any, name: str, value: Any) -> None:
    value = as_array(x.home, value)
    if not x.writeable:
        raise x.home.plain()  # no error where an array is assigned to itself
    if letter(x.dtype) == "c":
        protocol.METHODS[name](x)[...] = value
    elif name == "real":
        x[...] = value
    else:
        raise x.home.plain()  # which NumPy refuses


@method("set_real")
def set_real(x: TracedArray, value: Any) -> None:
    """``x.real = value``."""
    _set_part(x, "real", value)


@method("set_imag")
def set_imag(x: TracedArray, value: Any) -> None:
    """``x.imag = value``."""
    _set_part(x, "imag", value)


@method("imag")
def imag(x: Any) -> Any:
    """``x.imag``."""
    if type(x) is TracedScalar:
        tensor = x.tensor()
        part = OPS["imag"](tensor) if letter(x.dtype) == "c" else OPS["zeros_like"](tensor)
        return TracedScalar(x.home, part)
    if letter(x.dtype) == "c":
        return view_of(x, Part("imag"))
    zeros = OPS["zeros_like"](x.tensor())
    flags = x.layout.flags
    turned = not x.contiguous and flags.f_contiguous and not flags.c_contiguous
    if not x.contiguous:
        x.pin()
    made = like(x.home, zeros, x) if turned else fresh(x.home, zeros)
    made.writeable = False
    return made


@method("flat")
def flat(x: Any) -> Any:
    """``x.flat``: the elements in row-major order, whatever the strides are."""
    return Flat(x)


class Flat:
    """``a.flat`` of an array in a trace."""

    def __init__(self, array: TracedArray) -> None:
        self.base = array

    def _view(self) -> TracedArray:
        tensor = movement.reshape(self.base.tensor(), shape=(-1,))
        return TracedArray(self.base.home, self.base.cell, self.base, _Anyhow(tensor.shape), False)

    def __getitem__(self, key: Any) -> Any:
        return protocol.checked(
            self.base.home, lambda x, key: x.flat[key], (self.base, key), {}, lambda: self._get(key)
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        protocol.checked(
            self.base.home, lambda x, key, value: operator.setitem(x.flat, key, value),
            (self.base, key, value), {}, lambda: self._put(key, value),
        )  # fmt: skip

    def _get(self, key: Any) -> Any:
        found = self._view()[key]
        return copy(found) if type(found) is TracedArray else found

    def _put(self, key: Any, value: Any) -> None:
        if not self.base.writeable:
            raise ValueError("underlying array is read-only")
        size = self.base.home.cells.hints((self.base.size,))[0]
        if not isinstance(key, int | slice | type(...)):
            self._check_places(key, size)
        if type(value) in (bool, int, float, complex):
            one = np.zeros(1, self.base.dtype)
            one.flat[0 if type(key) is int else ...] = value  # NumPy says what becomes of it
            self._view()[key] = fresh(self.base.home, self.base.home.constant(one[0]))
            return
        value = as_array(self.base.home, value)
        if value.cell is self.base.cell:  # NumPy reads what it has written before
            raise self.base.home.plain()
        value = ravel(value)
        hints = self.base.home.cells.hints
        if not hints((value.size,))[0]:
            pin_sizes(self.base.home, value)
            return
        target = self._view()[key]
        if type(target) is TracedArray and not hints((target.size,))[0]:
            pin_sizes(self.base.home, target)
            return
        if type(target) is TracedArray and value.size != 1:
            count, given = target.size, value.size
            if count != given:  # NumPy begins with the first again
                value = value[np.arange(int(count)) % int(given)]
            value = value.reshape(target.shape)
        self._view()[key] = value if value.size != 1 else value.reshape(())

    def _check_places(self, key: Any, size: int) -> None:
        """NumPy writes the elements before the first that is out of bounds: so does Python."""
        known = key if isinstance(key, list) else self.base.home.known(as_array(
            self.base.home, key).tensor())  # fmt: skip
        if known is None or np.any(np.abs(np.asarray(known) * 2 + 1) > 2 * size):
            raise self.base.home.plain()

    def __iter__(self) -> Any:
        return iter(self._view())

    def __len__(self) -> int:
        return int(self.base.size)

    def copy(self) -> Any:
        """All elements in a new array."""
        return flatten(self.base)


class _Anyhow(Reshape):
    """A reshape of any layout: NumPy's iterator needs no strides."""

    def apply(self, array: np.ndarray[Any, Any], env: Any) -> Any:
        return np.empty(array.size, array.dtype)
