"""The tensor: a small cell that holds a value.

The value is immutable, an array that nobody writes to (a traced tensor's is a place in a graph).
``x[i] = v`` gives the cell another value, so every name of the object sees the write, and whoever
remembers the old value (a slice, a tape) still has it. Tapes and tracers know values, not cells.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import ConversionError, ShapeError, StagingError
from twofold.ir.ops.index import getitem, setitem
from twofold.ir.tensor_shape import TensorShape, shape_of
from twofold.ir.tree import atom

from .convert import as_array
from .interop import NumpyProtocols
from .lost import refuse_lost
from .methods import ArrayMethods
from .operators import Operators
from .writes import Past, is_basic, write_in_place

__all__ = ["Tensor", "shown_array", "wrap"]

_ndarray = np.ndarray
_current = bind.current


@atom
class Tensor(ArrayMethods, Operators, NumpyProtocols):
    """An n-dimensional array of one dtype; make one with ``tf.constant``.

    >>> import twofold as tf
    >>> tf.constant([1.0, 2.0]) * 3
    <tf.Tensor: shape=(2,), dtype=float32, numpy=array([3., 6.], dtype=float32)>
    """

    __slots__ = ("__dict__", "__weakref__", "past", "value")
    __array_priority__ = 100.0
    is_tensor = True  # what composites in ``ir`` ask, which know no class of this floor
    value: Any  # an array; see the module
    past: Past  # of a cell that was written to: the values that it had
    array: np.ndarray[Any, Any]  # another name of ``value``, which only eager tensors have

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.value = as_array(array).copy()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        found: np.dtype[Any] = self.array.dtype
        return found

    @property
    def shape(self) -> TensorShape:
        """The sizes of the axes."""
        return shape_of(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.array.size

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a NumPy array of its own, or a scalar if there are no axes.

        The array is a copy: writing to it does not change the tensor.
        """
        return self.array.copy()[()] if self.array.ndim == 0 else self.array.copy()

    def item(self) -> Any:
        """The only element as a Python number. Raises ConversionError if there are several."""
        return self._only("item()")

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers, or one number if there are no axes."""
        return self._elements("tolist()").tolist()

    def _elements(self, what: str) -> Any:
        """The elements as an array, for a use of them in Python."""
        return self.array

    def _sizes(self) -> Any:
        """The elements as sizes: a number, or lists of them."""
        return self._elements("use as a size").tolist()

    def _only(self, what: str) -> Any:
        array = self._elements(what)
        if array.size != 1:
            raise ConversionError(
                f"{what} needs a tensor of one element, the shape is {array.shape}"
            )
        return array.item()

    def _number(self, what: str, kinds: str) -> Any:
        if info(self.dtype).letter not in kinds:
            raise ConversionError(f"{what} of a tensor of dtype {self.dtype}")
        return self._only(what)

    def __bool__(self) -> bool:
        array = self._elements("the truth value")
        if array.size != 1:
            raise ShapeError(
                f"the truth value of a tensor of shape {array.shape} is ambiguous; use "
                f"tf.reduce_any(x) or tf.reduce_all(x)"
            )
        return bool(array.item())

    def __int__(self) -> int:
        number = self._number("int()", "biufe")
        try:
            return int(number)
        except (ValueError, OverflowError):
            raise ConversionError(f"{number} has no value as an integer") from None

    def __float__(self) -> float:
        return float(self._number("float()", "biufe"))

    def __complex__(self) -> complex:
        return complex(self._only("complex()"))

    def __index__(self) -> int:
        if self.shape:
            raise ConversionError("a tensor with axes is no index of a Python sequence")
        return int(self._number("use as an index", "iu"))

    def __len__(self) -> int:
        if not self.shape:
            raise ConversionError("len() of a tensor without axes")
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise ConversionError("iteration over a tensor without axes")
        return (self[i] for i in range(len(self)))

    def __trunc__(self) -> int:
        return int(self)

    def __getitem__(self, key: Any) -> Any:
        if self.__class__ is Tensor and _current.get() is None and is_basic(key):
            try:
                return wrap(self.array[key])
            except (IndexError, ValueError):
                pass  # ``getitem`` raises the documented error
        return getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if _current.get() is not None or not write_in_place(self, key, value):
            self.hold(setitem(self, key, value).value)

    def hold(self, value: Any) -> None:
        """Hold another value. Raises StagingError for a value that is traced."""
        if value.__class__ is not _ndarray:
            raise StagingError(
                "a tensor made outside a compiled function is written to while the function "
                "is traced; pass it as an argument, or make it a tf.Variable and assign to it"
            )
        self._change(value)

    def _change(self, value: Any) -> None:
        past = getattr(self, "past", None)
        if past is None:
            past = self.past = Past()
        past.add(self.value)
        self.value = value

    def __repr__(self) -> str:
        shown = shown_array(self.array)
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={shown}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """The text in an f-string: that of the number or the array alone, as in TensorFlow."""
        if self.array.ndim == 0:
            return format(self.array[()], spec)
        if spec:
            raise ConversionError(
                f"the format {spec!r} is for one number, the tensor has the shape {self.shape}"
            )
        return str(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is not True and _current.get() is not None:
            refuse_lost(self.value, sys._getframe(1))
        out = self.array if dtype is None else self.array.astype(dtype, copy=False)
        if copy is not False:
            return out.copy()
        if out is not self.array and dtype is not None and out.dtype != self.dtype:
            raise ConversionError(f"{self.dtype} becomes {out.dtype} by a copy, and copy=False")
        out = out.view()
        out.flags.writeable = False  # a tensor is a value: nobody writes to it from outside
        return out


def shown_array(array: np.ndarray[Any, Any]) -> str:
    """An array in the text of a tensor or a Variable; one of several lines has them to itself."""
    text = repr(array) if array.ndim else str(array)
    return f"\n{text}" if "\n" in text else text


def wrap(array: Any) -> Tensor:
    """A Tensor over an array that nobody else will write to."""
    out = _new(Tensor)
    out.value = array if array.__class__ is _ndarray else np.asarray(array)
    return out


_new = object.__new__
Tensor.array = Tensor.value  # one slot, two names
