"""Tensor types: a dtype and a shape whose sizes may be symbolic, spelled ``f32[n,3]``.

Invariants: a ``TensorType`` is immutable and hashable; its dtype has a record (``dtypes.py``); each
size is a non-negative int or a ``Dim``. A ``RefType`` is the type of a Variable, or of an ndarray
that is written to, a ``BufferType`` that of a growable sequence: ``buffer f32[n,3]``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .dims import DimLike, product, substitute, symbols_of
from .dtypes import dtype_name

__all__ = ["BufferType", "RefType", "TensorType", "Type", "type_from"]


class TensorType:
    """An array type: ``dtype`` and ``shape`` (ints and symbolic ``Dim``)."""

    __slots__ = ("_hash", "dtype", "shape")
    prefix = ""

    def __init__(self, dtype: np.dtype, shape: Iterable[DimLike] = ()) -> None:
        self.dtype = dtype
        self.shape: tuple[DimLike, ...] = tuple(shape)
        self._hash = hash((self.prefix, self.dtype.num, self.shape))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> DimLike:
        """Number of elements, possibly symbolic."""
        return product(self.shape)

    @property
    def nbytes(self) -> DimLike:
        """Bytes of a contiguous array of this type, possibly symbolic."""
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Iterable[DimLike]) -> TensorType:
        """The same dtype with another shape."""
        return TensorType(self.dtype, shape)

    def with_dtype(self, dtype: np.dtype) -> TensorType:
        """The same shape with another dtype."""
        return TensorType(dtype, self.shape)

    def sized(self, shape: Iterable[DimLike]) -> TensorType:
        """The same type in everything but the sizes."""
        return type(self)(self.dtype, shape)

    def substitute(self, mapping: dict[str, DimLike]) -> TensorType:
        """The type with symbols replaced."""
        if self.symbols().isdisjoint(mapping):
            return self
        return self.sized(substitute(d, mapping) for d in self.shape)

    def symbols(self) -> frozenset[str]:
        """Names of the symbols in the shape."""
        out: frozenset[str] = frozenset()
        for dim in self.shape:
            if not isinstance(dim, int):
                out |= symbols_of(dim)
        return out

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and isinstance(other, TensorType)
            and self.dtype == other.dtype
            and self.shape == other.shape
        )

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{self.prefix}{dtype_name(self.dtype)}[{','.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class RefType(TensorType):
    """The type of a Variable: a resource that holds a tensor of this dtype and shape.

    ``source``: where the resource is an ndarray, the number of the argument of the graph that is
    its elements, ``ref f32[n] of argument0``. Types are equal whatever their source is.
    """

    __slots__ = ("source",)
    prefix = "ref "

    def __init__(
        self, dtype: np.dtype, shape: Iterable[DimLike] = (), source: int | None = None
    ) -> None:
        super().__init__(dtype, shape)
        self.source = source

    def sized(self, shape: Iterable[DimLike]) -> TensorType:
        """The same type in everything but the sizes."""
        return RefType(self.dtype, shape, self.source)

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.source is None else f"{text} of argument{self.source}"

    @property
    def value(self) -> TensorType:
        """The type of the tensor that the Variable holds."""
        return TensorType(self.dtype, self.shape)


class BufferType(TensorType):
    """The type of a growable sequence of tensors of one type, or of such sequences.

    ``dtype`` and ``shape`` are those of the tensors; ``depth`` says how many levels lie above them.
    """

    __slots__ = ("depth",)
    prefix = "buffer "

    def __init__(self, dtype: np.dtype, shape: Iterable[DimLike] = (), depth: int = 1) -> None:
        super().__init__(dtype, shape)
        self.depth = depth

    @classmethod
    def of(cls, element: TensorType) -> BufferType:
        """The type of a buffer with such elements."""
        return cls(element.dtype, element.shape, 1 + getattr(element, "depth", 0))

    @property
    def element(self) -> TensorType:
        """The type of one element."""
        if self.depth == 1:
            return TensorType(self.dtype, self.shape)
        return BufferType(self.dtype, self.shape, self.depth - 1)

    def sized(self, shape: Iterable[DimLike]) -> TensorType:
        """The same type in everything but the sizes."""
        return BufferType(self.dtype, shape, self.depth)

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.depth == getattr(other, "depth", 0)

    __hash__ = TensorType.__hash__

    def __str__(self) -> str:
        return self.prefix * (self.depth - 1) + super().__str__()


def type_from(prefix: str, dtype: np.dtype, shape: Iterable[DimLike]) -> TensorType:
    """The type that a text spells: ``prefix`` is what stands before the dtype."""
    words = prefix.split()
    if words:
        return RefType(dtype, shape) if words == ["ref"] else BufferType(dtype, shape, len(words))
    return TensorType(dtype, shape)


Type = TensorType
