"""A Variable: named, mutable state whose dtype and shape are fixed."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError, StagingError
from twofold.ir.op import OPS
from twofold.ir.ops import state as state_ops
from twofold.ir.ops.index import setitem
from twofold.ir.shapes import show_shape
from twofold.ir.tensor_shape import TensorShape, shape_of
from twofold.ir.tree import atom

from . import quick
from .convert import as_array, exact_array, staged, tensor_of
from .declared import require_shape
from .interop import NumpyProtocols
from .operators import Operators
from .scatters import Scatters
from .scopes import scoped
from .tensor import Tensor, shown_array, wrap

__all__ = ["Variable", "read"]

_serial = itertools.count()
_current = bind.current
_READ, _ASSIGN = state_ops.read, state_ops.assign
# What is read off the value: everything public of a tensor but what belongs to the cell.
_METHODS = frozenset(n for n in dir(Tensor) if not n.startswith("_"))
_METHODS -= {"array", "hold", "past", "value"}


@atom
class Variable(Scatters, Operators, NumpyProtocols):
    """State that ops read and ``assign`` replaces.

    >>> import twofold as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __slots__ = ("__dict__", "__weakref__", "array", "name", "serial", "trainable", "turn")
    __array_priority__ = 100.0
    array: np.ndarray[Any, Any]
    constraint: Any = None  # what an optimizer makes of each new value
    turn: Any  # of a generator's state: held by who reads it to assign its successor; else None

    def __init__(
        self, initial_value: Any, trainable: bool | None = True, validate_shape: bool = True,
        caching_device: Any = None, name: str | None = "Variable", variable_def: Any = None,
        dtype: Any = None, import_scope: Any = None, constraint: Any = None,
        synchronization: Any = None, aggregation: Any = None, shape: Any = None,
        experimental_enable_variable_lifting: Any = None,
    ) -> None:  # fmt: skip
        """A Variable with this value; ``shape``, if given, is checked.

        ``constraint``: a function of a tensor, which optimizers of Keras call on each new value.
        The parameters of TensorFlow that say where and how a Variable is kept change nothing.
        Raises ShapeError; ArgumentError for ``variable_def``, which does not exist, and for a
        constraint that cannot be called.
        """
        if bind.ground().tracing:
            raise StagingError(
                "a Variable is made inside a compiled function; make it outside, so that calls "
                "of the function share it"
            )
        value = initial_value() if callable(initial_value) else initial_value
        array = as_array(value) if dtype is None else exact_array(value, dtype)
        self.array = np.array(array, order="C")
        if shape is not None:
            require_shape(self.array, shape, "Variable")
        if variable_def is not None:
            raise ArgumentError("Variable: variable_def does not exist; leave it out")
        if constraint is not None:
            if not callable(constraint):
                raise ArgumentError(f"Variable: constraint is a function, not {constraint!r}")
            self.constraint = constraint
        self.trainable = trainable is None or bool(trainable)
        self.name = scoped("Variable" if name is None else name)
        self.serial = next(_serial)
        self.turn = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        found: np.dtype[Any] = self.array.dtype
        return found

    @property
    def shape(self) -> TensorShape:
        """The sizes of the axes."""
        return shape_of(self.array.shape)

    def read_value(self) -> Any:
        """The present value as a tensor (recorded by tapes, staged by the tracer)."""
        if _current.get() is None:
            return wrap(self.array)
        return bind.ground().tensor(read(self))

    def value(self) -> Any:
        """The present value as a tensor; the same as ``read_value``."""
        return self.read_value()

    def numpy(self) -> Any:
        """A copy of the present value, as a NumPy array or, without axes, a NumPy scalar."""
        return self.read_value().numpy()

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> Any:  # fmt: skip
        """Replace the value; the Variable itself, or None without ``read_value``.

        Raises ShapeError, DTypeError or ConversionError, and changes nothing, if the shape differs
        or the value does not become the dtype without a change of meaning.
        """
        if value.__class__ is Tensor and _current.get() is None:
            own, given = self.array, value.value
            if given.dtype is own.dtype and given.shape == own.shape:
                self.array = given.view()  # as the op does it
                return self if read_value else None
        value = tensor_of(value)
        if isinstance(value, Variable):
            value = value.read_value()
        elif hasattr(value, "symbolic_number") and value.fits(self.dtype):  # while tracing
            value = value.tensor(self.dtype)
        elif getattr(type(value), "in_trace", False):
            value = staged(value, self.dtype)
        elif not isinstance(value, Tensor):
            value = OPS["identity"](exact_array(value, self.dtype))
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
        bind.run(bind.Call(_ASSIGN, (self, bind.ground().value(value)), {}))
        return self if read_value else None

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> Any:  # fmt: skip
        """Add to the value in place."""
        return self.assign(OPS["add"](self, delta), read_value=read_value)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None,
        read_value: bool = True,
    ) -> Any:  # fmt: skip
        """Subtract from the value in place."""
        return self.assign(OPS["subtract"](self, delta), read_value=read_value)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.assign(setitem(self.read_value(), key, value))

    def __getitem__(self, key: Any) -> Any:
        return self.read_value()[key]

    def __len__(self) -> int:
        return len(self.read_value())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.read_value())

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def __int__(self) -> int:
        return int(self.read_value())

    def __float__(self) -> float:
        return float(self.read_value())

    def __complex__(self) -> complex:
        return complex(self.read_value())

    def __index__(self) -> int:
        return operator.index(self.read_value())

    def __trunc__(self) -> int:
        return int(self.read_value())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = self.read_value().__array__(dtype, copy)
        return found

    def __dlpack__(self, **options: Any) -> Any:
        return self.read_value().__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.read_value().__dlpack_device__()

    def __format__(self, spec: str) -> str:
        return format(self.read_value(), spec)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in _METHODS:
            raise AttributeError(f"Variable has no attribute {name!r}")
        return getattr(self.read_value(), name)

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.array, self.trainable, self.name)

    def __repr__(self) -> str:
        shown = shown_array(self.array)
        return (
            f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}, numpy={shown}>"
        )

    __str__ = __repr__


def read(variable: Variable) -> Any:
    """The present value of a Variable under the interpreters that stand above."""
    if _current.get() is None:
        return variable.array
    (value,) = bind.run(bind.Call(_READ, (variable,), {}))
    return value


quick.install(Tensor, Variable)


def _rebuild(kind: type[Variable], array: Any, trainable: bool, name: str) -> Variable:
    """A Variable that was copied or pickled."""
    return kind(array, trainable, name=name)
