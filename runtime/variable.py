"""A Variable: named, mutable state whose dtype and shape are fixed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import DTypeError, ShapeError, StagingError
from twofold.ir.op import OPS
from twofold.ir.ops.index import setitem
from twofold.ir.shapes import show_shape

from .convert import as_array, exact_array
from .tensor import Tensor, wrap

__all__ = ["Variable"]

_serial = itertools.count()


class Variable:
    """State that ops read and ``assign`` replaces.

    >>> import twofold as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_tensor", "array", "name", "serial", "trainable")
    __array_priority__ = 100.0
    array: np.ndarray[Any, Any]

    def __init__(
        self, initial_value: Any, trainable: bool = True, *, name: str = "Variable",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if bind.top().tracing:
            raise StagingError(
                "a Variable is made inside of a compiled function; make it outside, so that calls "
                "of the function share it"
            )
        value = initial_value() if callable(initial_value) else initial_value
        array = as_array(value) if dtype is None else exact_array(value, dtype)
        self.array = np.array(array, order="C")
        self.trainable, self.name = trainable, name
        self.serial = next(_serial)
        self._tensor: Tensor | None = None

    def __reduce__(self) -> Any:
        return _restored, (self.array.copy(), self.trainable, self.name)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        found: np.dtype[Any] = self.array.dtype
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        found: tuple[int, ...] = self.array.shape
        return found

    def tensor(self) -> Tensor:
        """The present value; the same object until the next assignment."""
        held = self._tensor
        if held is None or held.array is not self.array:
            held = self._tensor = wrap(self.array)
        return held

    def read_value(self) -> Any:
        """The present value as a tensor (recorded by tapes, staged by the tracer)."""
        return bind.top().read(self)

    def value(self) -> Any:
        """The present value as a tensor; the same as ``read_value``."""
        return self.read_value()

    def numpy(self) -> Any:
        """A copy of the present value, as a NumPy array or, without axes, a NumPy scalar."""
        return self.read_value().numpy()

    def assign(self, value: Any) -> Any:
        """Replace the value.

        Raises ShapeError, DTypeError or ConversionError, and changes nothing, if the shape differs
        or the value does not become the dtype without a change of meaning.
        """
        top = bind.top()
        if not isinstance(value, Tensor):
            value = (
                top.read(value)
                if isinstance(value, Variable)
                else OPS["identity"](exact_array(value, self.dtype))
            )
        if value.dtype != self.dtype:
            raise DTypeError(
                f"cannot assign {value.dtype} to variable {self.name!r} of dtype {self.dtype}; "
                f"cast with tf.cast"
            )
        if len(value.shape) != len(self.shape) or any(
            a != b for a, b in zip(value.shape, self.shape, strict=True)
        ):
            raise ShapeError(
                f"cannot assign shape {show_shape(value.shape)} to variable {self.name!r} of "
                f"shape {show_shape(self.shape)}"
            )
        top.assign(self, value)
        return self

    def assign_add(self, delta: Any) -> Any:
        """Add to the value in place."""
        return self.assign(OPS["add"](self, delta))

    def assign_sub(self, delta: Any) -> Any:
        """Subtract from the value in place."""
        return self.assign(OPS["subtract"](self, delta))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.assign(setitem(self.read_value(), key, value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in _METHODS:
            raise AttributeError(f"Variable has no attribute {name!r}")
        return getattr(self.read_value(), name)

    def __repr__(self) -> str:
        value = repr(self.array) if self.array.ndim else str(self.array)
        return (
            f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}, numpy={value}>"
        )


def _restored(array: np.ndarray[Any, Any], trainable: bool, name: str) -> Variable:
    """A Variable that was pickled or copied."""
    return Variable(array, trainable, name=name)


_METHODS = frozenset(n for n in dir(Tensor) if not n.startswith("_")) - {"array", "become"}
_OWN = ("__init__", "__new__", "__slots__", "__hash__", "__repr__", "__reduce__")


def install_operators() -> None:
    """Give Variable the operators and protocols of Tensor: each reads the value first."""
    for kind in Tensor.__mro__[:-1]:
        for name, method in vars(kind).items():
            operator = name.startswith("__") and callable(method)
            if operator and name not in _OWN and name not in vars(Variable):
                setattr(Variable, name, _reading(name))


def _reading(name: str) -> Any:
    def method(self: Variable, *args: Any) -> Any:
        return getattr(self.read_value(), name)(*args)

    method.__name__ = name
    return method
