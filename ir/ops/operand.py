"""What composites need to know about their arguments: tensors, sizes and plain numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..dims import Dim, DimLike
from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import require_fits
from ..op import OPS
from ..promote import as_floating, result_dtype
from ..words import counted

__all__ = [
    "as_inexact", "as_sizes", "as_tensor", "as_tensors", "exact_number", "is_python",
    "new_shape_attr", "product", "ranked", "shape_attr", "size_attr", "written",
]  # fmt: skip

_PYTHON = (bool, int, float, complex)
_MOST = 2**58  # elements: with eight bytes each, more than addresses reach


def as_tensor(x: Any) -> Any:
    """``x`` as a value that has ``shape``, ``dtype`` and operators: tensors pass through.

    A list with tensors in it is stacked by ops, so that gradients reach them.
    """
    if getattr(x, "is_tensor", False):
        return x
    if isinstance(x, list | tuple) and _holds_tensor(x):
        return OPS["stack"]([as_tensor(item) for item in x])
    return OPS["identity"](x)


def as_inexact(x: Any) -> Any:
    """``x`` as a tensor of floating or complex numbers; integers and bools are cast."""
    x = as_tensor(x)
    return x if info(x.dtype).inexact else OPS["cast"](x, dtype=as_floating(x.dtype))


def as_tensors(*xs: Any) -> tuple[Any, ...]:
    """Operands of one computation as tensors: Python's numbers, also in lists, reach the dtype in
    which they meet the tensors among them in one step, so that 0.1 beside float64 is not float32's.
    """
    made = [as_tensor(x) for x in xs]
    if all(map(is_python, xs)):
        return tuple(made)
    own = [_kind(x) or m.dtype for x, m in zip(xs, made, strict=True)]
    want = result_dtype(own)
    one = np.ones((), want)  # the other operand of an op, which is what converts in one step
    return tuple([
        OPS["multiply"](x, one) if is_python(x) and m.dtype != want and info(want).inexact else m
        for x, m in zip(xs, made, strict=True)
    ])  # fmt: skip


def _kind(x: Any) -> type | None:
    """What kind of Python number this is, also of a class derived from one; NumPy's are none."""
    if isinstance(x, np.generic):
        return None
    return next((kind for kind in _PYTHON if isinstance(x, kind)), None)


def is_python(x: Any) -> bool:
    """Whether these are Python's numbers alone, however nested."""
    return all(map(is_python, x)) if isinstance(x, list | tuple) else isinstance(x, _PYTHON)


def written(value: Any, dtype: np.dtype[Any], what: str) -> Any:
    """A value that is written into a tensor of this dtype, as one of it: tensors are cast, Python's
    numbers, also in lists, have to be what the dtype holds. Raises ArgumentError.
    """
    if not is_python(value):
        return OPS["cast"](value, dtype=dtype)
    require_fits(value, dtype, what, whole=True)
    made = as_tensor(value)
    if info(made.dtype).inexact and info(dtype).inexact:
        made = OPS["multiply"](value, np.ones((), dtype))
    return made if made.dtype == dtype else OPS["cast"](made, dtype=dtype)


def ranked(x: Any, least: int, what: str, most: int | None = None) -> Any:
    """``x`` as a tensor with at least ``least`` axes, and at most ``most``. Raises ShapeError."""
    x = as_tensor(x)
    rank = len(x.shape)
    if rank < least or (most is not None and rank > most):
        need = f"{counted(least, 'axis')}" if most == least else f"at least {least}"
        if most is not None and most != least:
            need = f"{least} to {most}"
        raise ShapeError(f"{what}: a tensor with {need} is needed, this one has {rank}")
    return x


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_holds_tensor, x))
    return bool(getattr(x, "is_tensor", False) or getattr(x, "in_trace", False))


def product(sizes: Iterable[Any]) -> Any:
    """The product of sizes, symbolic if one of them is."""
    return math.prod(sizes)


def as_sizes(value: Any) -> Any:
    """Sizes as numbers, symbolic ones where they are staged: tensors, also in lists, become
    numbers and lists of them; anything else stays as it is.

    What the graph computes is a size that is found when it runs.
    """
    if getattr(value, "is_tensor", False):
        return OPS["identity"](value)._sizes()
    if getattr(value, "of_graph", False) and isinstance(value, int):
        return value.tensor(np.int64)._sizes()  # type: ignore[attr-defined]
    if getattr(type(value), "in_trace", False) and not value.ndim and value.dtype.kind in "iu":
        return value.tensor()._sizes()
    return [as_sizes(v) for v in value] if isinstance(value, list | tuple) else value


def size_attr(size: Any, what: str) -> DimLike:
    """A size as an int, or unchanged if it is symbolic. Raises ArgumentError."""
    if isinstance(size, Dim):
        return size
    try:
        return operator.index(size)
    except TypeError:
        raise ArgumentError(f"{what}: a size must be an integer, not {size!r}") from None


def shape_attr(shape: Any, what: str) -> tuple[DimLike, ...]:
    """A shape, given as one size or a sequence of sizes, as a tuple. Raises ArgumentError."""
    if isinstance(shape, Dim) or not hasattr(shape, "__iter__"):
        return (size_attr(shape, what),)
    if getattr(shape, "ndim", None) == 0:
        return (size_attr(shape, what),)
    return tuple([size_attr(d, what) for d in shape])


def new_shape_attr(shape: Any, what: str) -> tuple[DimLike, ...]:
    """The shape of an array that is made. Raises ArgumentError for negative sizes, and MemoryError
    for more elements than any memory holds.
    """
    sizes = shape_attr(shape, what)
    known = [d for d in sizes if isinstance(d, int)]
    if any(d < 0 for d in known):
        raise ArgumentError(f"{what}: sizes must not be negative: {sizes}")
    if 0 not in known and math.prod(known) > _MOST:
        raise MemoryError(f"{what}: an array of shape {sizes} has more elements than memory holds")
    return sizes


def sequence_attr(value: Any, length: int, what: str) -> Sequence[Any]:
    """One value for each of ``length`` places: a sequence of that length, or one for all."""
    if getattr(value, "ndim", 1) and hasattr(value, "__iter__") and not isinstance(value, str):
        given = tuple(value)
    else:
        given = (value,) * length
    if len(given) != length:
        raise ArgumentError(
            f"{what} takes {counted(length, 'value')} here, {len(given)} given: {given}"
        )
    return given


def exact_number(value: Any, dtype: np.dtype[Any]) -> Any:
    """A number as a Python number that an array of this dtype holds exactly as it is, else None.

    >>> exact_number(2, np.dtype("uint8")), exact_number(-1, np.dtype("uint8"))
    (2, None)
    """
    if isinstance(value, np.generic):
        value = value.item()
    own = info(dtype)
    if own.complex or not isinstance(value, int | float):
        return None
    if own.integer and not own.ints[0] <= value <= own.ints[1]:
        return None
    with np.errstate(all="ignore"):
        held = np.asarray(value).astype(dtype).item()
    return held if held == value or own.floating else None
