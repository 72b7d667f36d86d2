"""The eager tensor: an immutable-by-default value over a NumPy array.

``Tensor`` holds one ndarray. Its operators call ops; when nobody stands above the eager executor
and both operands are tensors of one dtype, they call the op's NumPy body at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ConversionError, ShapeError, StagingError
from twofold.ir.op import OPS, Op
from twofold.ir.ops.index import getitem

from .interop import NumpyProtocols
from .methods import ArrayMethods
from .quiet import quiet
from .writes import TAPES, is_basic, write, write_in_place

__all__ = ["Tensor", "wrap"]

_ndarray = np.ndarray
_current = bind.current


class Tensor(ArrayMethods, NumpyProtocols):
    """An n-dimensional array of one dtype; make one with ``tf.constant``.

    >>> import twofold as tf
    >>> tf.constant([1.0, 2.0]) * 3
    <tf.Tensor: shape=(2,), dtype=float32, numpy=array([3., 6.], dtype=float32)>
    """

    __slots__ = ("__weakref__", "array")
    __array_priority__ = 100.0
    is_tensor = True  # what composites in ``ir`` ask, which know no class of this floor
    array: np.ndarray[Any, Any]

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        found: np.dtype[Any] = self.array.dtype
        return found

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes."""
        found: tuple[Any, ...] = self.array.shape
        return found

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
        return self.array.tolist()

    def _only(self, what: str) -> Any:
        if self.array.size != 1:
            raise ConversionError(
                f"{what} needs a tensor of one element, the shape is {self.array.shape}"
            )
        return self.array.item()

    def _number(self, what: str, kinds: str) -> Any:
        if self.array.dtype.kind not in kinds:
            raise ConversionError(f"{what} of a tensor of dtype {self.array.dtype}")
        return self._only(what)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"the truth value of a tensor of shape {self.array.shape} is ambiguous; use "
                f"tf.reduce_any(x) or tf.reduce_all(x)"
            )
        return bool(self.array.item())

    def __int__(self) -> int:
        number = self._number("int()", "biuf")
        try:
            return int(number)
        except (ValueError, OverflowError):
            raise ConversionError(f"{number} has no value as an integer") from None

    def __float__(self) -> float:
        return float(self._number("float()", "biuf"))

    def __complex__(self) -> complex:
        return complex(self._only("complex()"))

    def __index__(self) -> int:
        if self.array.ndim:
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

    def __round__(self, digits: int | None = None) -> Any:
        return OPS["round"](self) if not digits else OPS["round"](self * 10**digits) / 10**digits

    def __trunc__(self) -> int:
        return int(self)

    def __divmod__(self, other: Any) -> Any:
        return OPS["floor_divide"](self, other), OPS["remainder"](self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return OPS["floor_divide"](other, self), OPS["remainder"](other, self)

    def __getitem__(self, key: Any) -> Any:
        if self.__class__ is Tensor and _current.get() is None and is_basic(key):
            try:
                return wrap(self.array[key])
            except (IndexError, ValueError):
                pass  # ``getitem`` raises the documented error
        return getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        alone = _current.get() is None and not TAPES
        if not (alone and write_in_place(self, key, value)):
            write(self, key, value)

    def stand_in(self) -> Any:
        """Another tensor object with the present value."""
        return wrap(self.array)

    def become(self, other: Any) -> None:
        """Take the value of another tensor. Raises StagingError for a value that is traced."""
        if other.__class__ is not Tensor:
            raise StagingError(
                "a tensor made outside of a compiled function is written to while the function "
                "is traced; pass it as an argument, or make it a tf.Variable and assign to it"
            )
        self.array = other.array

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        value = repr(self.array) if self.array.ndim else str(self.array)
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={value}>"

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0:
            return format(self.array[()], spec)
        if spec:
            raise ConversionError(
                f"the format {spec!r} is for one number, the tensor has the shape {self.shape}"
            )
        return str(self)

    def __str__(self) -> str:
        return str(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        out = self.array if dtype is None else self.array.astype(dtype, copy=False)
        if copy is not False:
            return out.copy()
        if out is not self.array and dtype is not None and out.dtype != self.dtype:
            raise ConversionError(f"{self.dtype} becomes {out.dtype} by a copy, and copy=False")
        out = out.view()
        out.flags.writeable = False  # a tensor is a value: nobody writes to it from outside
        return out


def wrap(array: Any) -> Tensor:
    """A Tensor over an array that nobody else will write to."""
    out = _new(Tensor)
    out.array = array if array.__class__ is _ndarray else np.asarray(array)
    return out


_new = object.__new__
_SMALL = 65504  # the largest float16


def _direct_unary(op: Op) -> Any:
    """Run the op's body at once, if nobody stands above the eager executor; else None."""
    body = op.body

    def direct(x: Any) -> Any:
        if x.__class__ is not Tensor or _current.get() is not None or x.array.dtype.kind != "f":
            return None
        try:
            r = quiet.run(body, x.array)
        except (TypeError, ValueError, RuntimeError):
            return None  # the long way says what is wrong, or gets around it
        out = _new(Tensor)
        out.array = r if r.__class__ is _ndarray else np.asarray(r)
        return out

    return direct


def _direct_binary(op: Op) -> Any:
    """The same for two operands: tensors of one floating dtype, or one and a Python number."""
    body = op.body

    def direct(x: Any, y: Any) -> Any:
        if _current.get() is not None:
            return None
        kind, other = x.__class__, y.__class__
        if kind is Tensor and other is Tensor:
            a, b = x.array, y.array
            if a.dtype is not b.dtype or a.dtype.kind != "f":
                return None
        elif kind is Tensor and (other is float or other is int):
            a = x.array
            if a.dtype.kind != "f":
                return None
            if not -_SMALL <= y <= _SMALL:
                return None  # it might not fit the dtype
            b = np.array(y, a.dtype)
        elif other is Tensor and (kind is float or kind is int):
            b = y.array
            if b.dtype.kind != "f":
                return None
            if not -_SMALL <= x <= _SMALL:
                return None
            a = np.array(x, b.dtype)
        else:
            return None
        try:
            r = quiet.run(body, a, b)
        except (TypeError, ValueError, RuntimeError):
            return None  # the long way says what is wrong, or gets around it
        out = _new(Tensor)
        out.array = r if r.__class__ is _ndarray else np.asarray(r)
        return out

    return direct


def _binary(op: Op) -> tuple[Any, Any]:
    """The operator method and its reflected form for one op."""
    direct = op.direct
    if direct is None:
        return (lambda self, other: op(self, other)), (lambda self, other: op(other, self))

    def method(self: Any, other: Any) -> Any:
        out = direct(self, other)
        return op(self, other) if out is None else out

    def reflected(self: Any, other: Any) -> Any:
        out = direct(other, self)
        return op(other, self) if out is None else out

    return method, reflected


def _comparison(op: Op, dunder: str) -> Any:
    """The method for ``==``, ``<`` and so on. What is no number is unequal, as in Python."""
    method = _binary(op)[0]
    if dunder not in ("eq", "ne"):
        return method

    def compare(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        return method(self, other)

    return compare


_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
_COMPARE = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
_UNARY = {"neg": "negative", "abs": "abs", "invert": "bitwise_invert", "pos": "positive"}


def install_operators() -> None:
    """Give Tensor its operators, from the registry of ops, and ops their shortcuts."""
    for op in OPS.values():
        plain = op.rule.__name__ == "elementwise" and op.promote in ("common", "floating")
        if plain and not op.has_attrs and "f" in op.accepts and op.promoted == slice(None):
            if len(op.tensors) == 1:
                op.shortcut(_direct_unary(op))
            elif len(op.tensors) == 2:
                op.shortcut(_direct_binary(op))
    for dunder, name in _BINARY.items():
        if name in OPS:
            method, reflected = _binary(OPS[name])
            setattr(Tensor, f"__{dunder}__", method)
            setattr(Tensor, f"__r{dunder}__", reflected)
    for dunder, name in _COMPARE.items():
        if name in OPS:
            setattr(Tensor, f"__{dunder}__", _comparison(OPS[name], dunder))
    for dunder, name in _UNARY.items():
        if name in OPS:
            setattr(Tensor, f"__{dunder}__", lambda self, _op=OPS[name]: _op(self))
    Tensor.__hash__ = lambda self: id(self)  # type: ignore[method-assign]
