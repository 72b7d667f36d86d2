"""Shape and dtype rules shared by many ops.

A rule takes the op, the input types, the attributes as the user gave them and a ``Sizes``; it
returns the canonical attributes (axes non-negative, sequences as tuples) and the output types,
or raises ShapeError, ArgumentError or DTypeError. Canonical attributes resolve to themselves.
Inputs have already been cast as the op's ``promote`` says.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dtypes import DTYPES, NAMES, info, known
from .errors import ArgumentError, AxisError, DTypeError, VerifyError
from .shapes import Sizes, broadcast_shapes
from .types import TensorType

__all__ = ["RULES", "axes_of", "axis_of", "expect_types", "output_dtype", "rule"]

Attrs = dict[str, Any]
Resolved = tuple[Attrs, tuple[TensorType, ...]]
Types = Sequence[TensorType]
RULES: dict[str, Callable[..., Resolved]] = {}


def rule(name: str) -> Callable[[Callable[..., Resolved]], Callable[..., Resolved]]:
    """Register a rule under a name that ``@op`` can refer to."""

    def register(function: Callable[..., Resolved]) -> Callable[..., Resolved]:
        RULES[name] = function
        return function

    return register


def output_dtype(op: Any, computed: np.dtype) -> np.dtype:
    """The output dtype of an op that computes in ``computed``."""
    if op.result == "same":
        return computed
    if op.result == "real":
        return info(computed).part_dtype
    return DTYPES[op.result]


def axis_of(axis: Any, rank: int, what: str) -> int:
    """One axis as a non-negative int. Raises ArgumentError."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise ArgumentError(f"{what}: axis must be an integer, not {axis!r}") from None
    if not -rank <= number < rank:
        allowed = f"between {-rank} and {rank - 1}" if rank else "absent: the tensor has no axes"
        raise AxisError(f"{what}: axis {number} is out of range; it must be {allowed}")
    return number % rank


def axes_of(axis: Any, rank: int, what: str) -> tuple[int, ...]:
    """None (all), one axis or several, as a sorted tuple. Raises ArgumentError on repeats."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, list | tuple | np.ndarray) else (axis,)
    axes = sorted(axis_of(a, rank, what) for a in given)
    if len(set(axes)) < len(axes):
        raise ArgumentError(f"{what}: axes {tuple(given)} name one axis twice")
    return tuple(axes)


@rule("elementwise")
def elementwise(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    """Broadcast the shapes; the dtype is the promoted one, or as the op's ``result`` says."""
    shape = broadcast_shapes([t.shape for t in types], sizes, f"{op.name}'s operands")
    first = types[op.promoted][0]
    dtype = output_dtype(op, first.dtype)
    if dtype is first.dtype and shape is first.shape and first.__class__ is TensorType:
        return attrs, (first,)  # types never change
    return attrs, (TensorType(dtype, shape),)


@rule("reduce")
def reduce(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    """Remove ``axis`` (None: all axes), or keep it with size 1 under ``keepdims``."""
    (x,) = types
    axes = axes_of(attrs["axis"], x.rank, op.name)
    keepdims = bool(attrs.get("keepdims", False))
    shape = [1 if i in axes else d for i, d in enumerate(x.shape) if keepdims or i not in axes]
    out = dict(attrs, axis=axes)
    if "keepdims" in attrs:
        out["keepdims"] = keepdims
    return out, (TensorType(output_dtype(op, x.dtype), shape),)


@rule("same")
def same(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    """One output of the first input's shape and dtype."""
    return attrs, (TensorType(output_dtype(op, types[0].dtype), types[0].shape),)


@rule("region")
def region(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    """The regions say the types: nothing is inferred from the inputs alone."""
    raise ArgumentError(f"{op.name}: its types are those of its regions' outputs")


def expect_types(want: Types, have: Types, what: str) -> None:
    """Raise VerifyError, with both, unless the types are the same."""
    if list(want) != list(have):
        shown = [f"({', '.join(map(str, types))})" for types in (want, have)]
        raise VerifyError(f"{what} should be {shown[0]}, not {shown[1]}")


def require_fits(value: Any, dtype: np.dtype[Any], what: str, whole: bool = False) -> None:
    """Raises ArgumentError for a Python number, or one in lists, that an integer dtype lacks; for
    fractions, too, if it has to be ``whole``."""
    if isinstance(value, list | tuple):
        for part in value:
            require_fits(part, dtype, what, whole)
    elif isinstance(value, int | float) and info(dtype).integer:
        low, high = info(dtype).ints
        if not low <= value <= high or (whole and value != int(value)):
            raise ArgumentError(f"{what}: {value} does not fit {dtype}: {low}..{high}")


def as_dtype(dtype: Any, what: str) -> np.dtype:
    """A dtype given as NumPy dtype, scalar class, Python type or name. Raises DTypeError."""
    if dtype.__class__ is str and dtype in NAMES:
        return DTYPES[NAMES[dtype]]
    try:
        found: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or not known(found):
        raise DTypeError(f"{what}: {dtype!r} is not a dtype; the dtypes are {', '.join(NAMES)}")
    return found
