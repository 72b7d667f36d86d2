"""Specs of elements, and values as leaves of elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.compiler.spec import TensorSpec
from twofold.ir.errors import ArgumentError, ConversionError, StagingError
from twofold.ir.infer import as_dtype
from twofold.runtime.convert import as_array, tensor_of
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from .nest import LEAF, Form, map_leaves, pack
from .node import Node
from .strings import STRING, StringTensor, is_text, of_text, string

__all__ = [
    "LONE", "PAIR", "DatasetSpec", "NoneSpec", "StringSpec", "batched", "integer",
    "leaf_of", "make", "merged", "of_columns", "public", "rowless", "shared_leaf", "spec_of",
]  # fmt: skip


LONE = LEAF  # the form of elements that are one tensor
PAIR = Form(tuple, (), (LEAF, LEAF))


class StringSpec(TensorSpec):
    """Stands for texts of a shape (None: any)."""

    def __init__(self, shape: Any = (), dtype: Any = string, name: str | None = None) -> None:
        super().__init__(shape, "uint8", name)
        self.dtype = string  # type: ignore[assignment]

    def example(self, named: dict[str, int] | None = None) -> Any:
        """Raises StagingError: a trace is of numbers."""
        raise StagingError(f"no trace stands for every {self}: a text is data that Python reads")

    def _tensor(self, value: Any, what: str) -> StringTensor:
        if not is_text(value):
            raise ArgumentError(
                f"{what} does not fit the input signature: expected {self}, got {value!r}"
            )
        return StringTensor(of_text(value))


class NoneSpec:
    """Stands for None."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoneSpec)

    def __hash__(self) -> int:
        return hash(NoneSpec)

    def __repr__(self) -> str:
        return "NoneTensorSpec()"


class DatasetSpec:
    """Stands for a dataset whose elements have a spec."""

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatasetSpec) and self.element_spec == other.element_spec

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r})"


def make(dtype: Any, shape: Any) -> Any:
    """The spec of tensors of a dtype and shape; None is any shape."""
    if dtype is string or (isinstance(dtype, np.dtype) and dtype == STRING):
        return StringSpec(shape)
    if dtype is None or isinstance(dtype, str) and dtype == "string" or dtype in (str, bytes):
        return StringSpec(shape)
    return TensorSpec(shape, as_dtype(dtype, "a dataset"))


def spec_of(leaf: Any) -> Any:
    """The spec of a leaf of an element."""
    if isinstance(leaf, np.ndarray):
        return (
            StringSpec(leaf.shape) if leaf.dtype == STRING else TensorSpec(leaf.shape, leaf.dtype)
        )
    return NoneSpec() if leaf is None else DatasetSpec(leaf.spec)


def leaf_of(value: Any, dtype: Any = None) -> Any:
    """A value as a leaf: an array, None, or a dataset. Raises ConversionError.

    An array of the user's is copied: who made it may fill it anew for the next element.
    """
    leaf = shared_leaf(value, dtype)
    if leaf.__class__ is not np.ndarray or value.__class__ is Tensor:
        return leaf
    return leaf if leaf is not value and leaf.flags.owndata else leaf.copy()


def shared_leaf(value: Any, dtype: Any = None) -> Any:
    """The same without a copy."""
    if value.__class__ is Tensor:
        return value.array if dtype is None or value.array.dtype == dtype else _cast(value, dtype)
    if value is None or isinstance(value, Node):
        return value
    if hasattr(value, "is_dataset"):
        return value._node
    if isinstance(value, StringTensor):
        return value.array
    if dtype is string or is_text(value):
        if dtype is not None and dtype is not string:
            raise ConversionError("a text is no number")
        return of_text(value)
    held = tensor_of(value)
    if isinstance(held, Variable):
        return held.array.copy()
    return as_array(held) if dtype is None else _cast(held, dtype)


def _cast(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A value in a dtype that was declared for it, if that keeps what it means."""
    array = np.asarray(value.array if isinstance(value, Tensor) else value)
    want = np.dtype(dtype)
    if array.dtype == want:
        return array
    if not np.can_cast(array.dtype, want, "same_kind") and array.size:
        fits = array.dtype.kind in "iub" and want.kind in "iufc"
        if not fits or not np.array_equal(array, array.astype(want)):
            raise ConversionError(f"{array.dtype} does not become {want} without loss")
    return array.astype(want)


def public(leaf: Any) -> Any:
    """What a user gets for a leaf."""
    if leaf.__class__ is np.ndarray:
        return StringTensor(leaf) if leaf.dtype == STRING else wrap(leaf)
    return Node.face(leaf) if isinstance(leaf, Node) else leaf


def integer(value: Any, what: str) -> int:
    """A whole number that a function of the user's gave. Raises ConversionError."""
    array = np.asarray(getattr(value, "array", value))
    if array.ndim or array.dtype.kind not in "iu":
        raise ConversionError(f"{what} is one integer, not {array.dtype} of shape {array.shape}")
    return int(array)


def of_columns(block: Any) -> Any:
    """The spec of the elements of a block."""

    def one(column: Any) -> Any:
        if isinstance(column, np.ndarray):
            return make(column.dtype, column.shape[1:])
        found = spec_of(column[0])
        for x in column[1:]:
            found = merged(found, spec_of(x))
        return found

    return pack(block.form, [one(c) for c in block.columns])


def batched(spec: Any, size: int | None) -> Any:
    """The spec of ``size`` elements stacked; None if that is not known."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, NoneSpec | DatasetSpec) or leaf.shape is None:
            return leaf
        return make(leaf.dtype, (size, *leaf.shape))

    return map_leaves(one, spec)


def rowless(spec: Any) -> Any:
    """The spec of a row of what has this spec."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, NoneSpec | DatasetSpec) or leaf.shape is None:
            return leaf
        return make(leaf.dtype, leaf.shape[1:])

    return map_leaves(one, spec)


def merged(first: Any, second: Any) -> Any:
    """What two leaf specs have in common: sizes that differ are open."""
    if first == second:
        return first
    if isinstance(first, TensorSpec) and isinstance(second, TensorSpec):
        a, b = first.shape, second.shape
        if a is None or b is None or len(a) != len(b):
            return make(first.dtype, None)
        return make(first.dtype, [x if x == y else None for x, y in zip(a, b, strict=True)])
    return first
