"""Methods that tensors share with arrays: each calls the op of its name."""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.statistics import multiplied, summed

from .declared import require_shape
from .scatters import Ref

__all__ = ["ArrayMethods"]


def _composite(name: str) -> Any:
    return COMPOSITES[name].function


class ArrayMethods:
    """What ``ndarray`` has and is an op: ``x.sum(axis=0)`` is ``tf.sum(x, axis=0)``."""

    __slots__ = ()

    @property
    def T(self) -> Any:
        """The transpose: all axes reversed."""
        return OPS["transpose"](self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return _composite("matrix_transpose")(self)

    @property
    def real(self) -> Any:
        """The real part."""
        return OPS["real"](self)

    @property
    def imag(self) -> Any:
        """The imaginary part; zeros for real dtypes."""
        return OPS["imag"](self)

    @property
    def device(self) -> str:
        """Where the elements are: always ``"cpu"``."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Any:
        """The tensor itself. Raises ArgumentError for another device than ``"cpu"``."""
        if device != "cpu" or stream is not None:
            raise ArgumentError(
                f"there is no device {device!r}, and no stream; the only device is 'cpu'"
            )
        return self

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        """``tf.sum``."""
        return summed(self, axis, keepdims, dtype)

    def prod(self, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        """``tf.prod``."""
        return multiplied(self, axis, keepdims, dtype)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """``tf.max``."""
        return OPS["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """``tf.min``."""
        return OPS["min"](self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """``tf.any``."""
        return OPS["any"](self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """``tf.all``."""
        return OPS["all"](self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """``tf.argmax``."""
        return OPS["argmax"](self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """``tf.argmin``."""
        return OPS["argmin"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """``tf.mean``."""
        return _composite("mean")(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
        """``tf.var``."""
        return _composite("var")(self, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
        """``tf.std``."""
        return _composite("std")(self, axis=axis, correction=correction, keepdims=keepdims)

    def cumsum(self, axis: int = 0) -> Any:
        """``tf.cumsum``."""
        return OPS["cumsum"](self, axis=axis)

    def cumprod(self, axis: int = 0) -> Any:
        """``tf.cumprod``."""
        return OPS["cumprod"](self, axis=axis)

    def reshape(self, *shape: Any) -> Any:
        """``tf.reshape``; the shape as one sequence or as several arguments."""
        return OPS["reshape"](self, shape=shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """All elements in row-major order along one axis."""
        return OPS["reshape"](self, shape=(-1,))

    def flatten(self) -> Any:
        """All elements in row-major order along one axis."""
        return OPS["reshape"](self, shape=(-1,))

    def transpose(self, *perm: Any) -> Any:
        """``tf.transpose``; the axes as one sequence or as several arguments."""
        if len(perm) == 1 and (perm[0] is None or hasattr(perm[0], "__iter__")):
            return OPS["transpose"](self, perm=perm[0])
        return OPS["transpose"](self, perm=perm or None)

    def squeeze(self, axis: Any = None) -> Any:
        """``tf.squeeze``."""
        return OPS["squeeze"](self, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """``tf.swapaxes``."""
        return _composite("swapaxes")(self, axis1, axis2)

    def astype(self, dtype: Any) -> Any:
        """``tf.cast``."""
        return OPS["cast"](self, dtype=dtype)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """``tf.clip``."""
        return _composite("clip")(self, min, max)

    def dot(self, other: Any) -> Any:
        """``tf.dot``."""
        return _composite("dot")(self, other)

    def conj(self) -> Any:
        """``tf.conj``."""
        return OPS["conjugate"](self)

    def get_shape(self: Any) -> Any:
        """The sizes of the axes."""
        return self.shape

    def set_shape(self: Any, shape: Any) -> None:
        """Raise ShapeError unless the tensor has this shape, in which None is any size."""
        require_shape(self, shape, "Tensor.set_shape")

    def ref(self) -> Ref:
        """A key for dicts and sets; ``ref().deref()`` is the tensor."""
        return Ref(self)

    def copy(self) -> Any:
        """A tensor object of its own with the same value."""
        return OPS["identity"](self)
