"""Reading and writing Variables. Their graph inputs have a ``ref`` type."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import op
from ..shapes import Sizes
from ..types import TensorType


def _read_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (TensorType(types[0].dtype, types[0].shape),)


@op("state", _read_rule, promote="none", effects=("read",), public=False)
def read(ref: Any) -> Any:
    """The value of a Variable when the graph starts."""
    return ref.array


def _assign_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    ref, value = types
    same = len(ref.shape) == len(value.shape) and all(
        map(sizes.require_same, ref.shape, value.shape)
    )
    if ref.dtype != value.dtype or not same:
        raise ShapeError(f"cannot assign {value} to a variable of type {ref}")
    return attrs, ()


@op("state", _assign_rule, promote="none", effects=("write",), public=False)
def assign(ref: Any, value: Any) -> Any:
    """Give a Variable a new value."""
    ref.array = value.view()  # for a tape what is read from now on is a new value
    return ()


@op("state", _assign_rule, promote="none", effects=("write",), public=False)
def draft(ref: Any, value: Any) -> Any:
    """Give a Variable a new value in a loop behind which an ``assign`` gives it the last one.

    It counts only where an exception ends the loop.
    """
    ref.array = value.view()
    return ()


def _held_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (types[1],)


@op("state", _held_rule, promote="none", effects=("hold",), public=False)
def held(ref: Any, value: Any) -> Any:
    """The value of a Variable that was given ``value``: the same, but no gradient flows through.

    For a tape it is one of the values of the Variable, a source.
    """
    return value
