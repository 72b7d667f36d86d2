"""``TensorSpec``: stands for any tensor of a dtype and shape."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, StagingError
from twofold.ir.infer import as_dtype
from twofold.ir.tensor_shape import shape_of
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor, wrap

__all__ = ["TensorSpec"]


class TensorSpec:
    """Stands for any tensor of a dtype and shape: ``None`` is a size left open, a text names one.

    The shape None stands for any number of axes; no trace does (``example``).
    Sizes of one name are equal in every argument of a signature. ``name`` is accepted and kept.
    A dtype that is no dtype of numbers may have a class of specs of its own (``spec_class``), as
    texts have. Raises ArgumentError for a shape that is none, DTypeError for an unknown dtype.

    >>> TensorSpec((None, 3), "float32")
    TensorSpec(shape=(None, 3), dtype=float32)
    """

    def __new__(cls, shape: Any = (), dtype: Any = "float32", name: Any = None) -> Any:
        return object.__new__(getattr(dtype, "spec_class", cls))

    def __init__(
        self, shape: Sequence[int | str | None] | None, dtype: Any = "float32",
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.shape = _checked_shape(shape)
        self.dtype = as_dtype(dtype, "TensorSpec")
        if name is not None and not isinstance(name, str):
            raise ArgumentError(f"the name of a TensorSpec is a text, not {name!r}")
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of a tensor.

        >>> TensorSpec.from_tensor(np.zeros((2, 3)))
        TensorSpec(shape=(2, 3), dtype=float64)
        """
        held = tensor if hasattr(tensor, "dtype") else as_array(tensor)
        return cls(tuple(held.shape), held.dtype, name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor, or any tensor of another spec, may be one of this kind.

        >>> TensorSpec((None, 3), "float32").is_compatible_with(np.zeros((2, 3), "float32"))
        True
        """
        if not isinstance(other, TensorSpec):
            other = type(self).from_tensor(other)
        if self.dtype != other.dtype:
            return False
        if self.shape is None or other.shape is None:  # any number of axes
            return True
        if len(self.shape) != len(other.shape):
            return False
        pairs = zip(self.shape, other.shape, strict=True)
        return all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)

    def example(self, named: dict[str, int] | None = None) -> Tensor:
        """A tensor of this kind that takes no memory; ``named`` has the sizes of names met before.

        Raises StagingError where the number of axes is open: there is a trace for each.
        Open sizes are distinct as far as NumPy allows an array to seem that large.
        """
        if self.shape is None:
            raise StagingError(f"no trace stands for every number of axes of {self}")
        known = {} if named is None else named
        shape = [
            known.setdefault(d, 41 + 2 * len(known)) if isinstance(d, str) else d
            for d in self.shape
        ]
        room = _MOST // self.dtype.itemsize // max(math.prod(d for d in shape if d), 1)
        fresh = _example_sizes(shape.count(None), room)
        full = [next(fresh) if d is None else d for d in shape]
        return wrap(np.broadcast_to(np.zeros((), self.dtype), full))

    def _tensor(self, value: Any, what: str) -> Any:
        """``value`` as a tensor, of this dtype where it has none of its own."""
        if isinstance(value, Tensor):
            return value
        typed = isinstance(value, np.ndarray | np.generic)  # has a dtype, which stays
        return wrap(as_array(value, None if typed else self.dtype))

    def check(self, value: Any, what: str, named: dict[str, int] | None = None) -> Any:
        """``value`` as a tensor of this kind; ``named`` has the sizes of names met before.

        Raises ArgumentError.
        """
        tensor = self._tensor(value, what)
        known = {} if named is None else named
        shape = tensor.shape if self.shape is None else self.shape
        fits = len(tensor.shape) == len(shape) and all(
            want is None
            or have == (known.setdefault(want, have) if isinstance(want, str) else want)
            for want, have in zip(shape, tensor.shape, strict=True)
        )
        if tensor.dtype != self.dtype or not fits:
            where = {k: known[k] for k in shape if isinstance(k, str) and k in known}
            names = f" with {', '.join(f'{k} = {v}' for k, v in where.items())}" if where else ""
            raise ArgumentError(
                f"{what} does not fit the input signature: expected {self}{names}, got a tensor of "
                f"shape {tensor.shape} and dtype {tensor.dtype}"
            )
        return tensor

    def __repr__(self) -> str:
        shape = "<unknown>" if self.shape is None else self.shape
        return f"TensorSpec(shape={shape}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (
            other.shape,
            other.dtype,
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


_MOST = 2**60  # bytes that an array may seem to have
_PRIMES = (11, 13, 17, 19, 23, 29, 31, 37)


def _checked_shape(shape: Any) -> tuple[int | str | None, ...] | None:
    """Raises ArgumentError unless this is a sequence of sizes, names and Nones, or None."""
    if shape is None:
        return None
    if isinstance(shape, str | int) or not isinstance(shape, Iterable):
        raise ArgumentError(
            f"the shape of a TensorSpec is a sequence of sizes, one for each axis, with None for "
            f"one that is left open, or None, not {shape!r}"
        )
    sizes = tuple(map(_checked_size, shape))
    return sizes if any(isinstance(d, str) for d in sizes) else shape_of(sizes)


def _checked_size(size: Any) -> int | str | None:
    if size is None or (isinstance(size, str) and size.isidentifier()):
        return size
    if not isinstance(size, bool | str) and hasattr(type(size), "__index__"):
        plain = operator.index(size)
        if plain >= 0:
            return plain
    raise ArgumentError(
        f"{size!r} is no size of a TensorSpec: expected an integer from 0, None, or a name"
    )


def _example_sizes(count: int, room: int) -> Iterator[int]:
    """Sizes for ``count`` open axes whose product is at most ``room``, different where possible."""
    if count <= len(_PRIMES) and math.prod(_PRIMES[:count]) <= room:
        yield from _PRIMES
        return
    used = 1
    for i in range(count):
        size = i + 2
        if used * size * 2 ** (count - i - 1) > room:
            size = 2 if used * 2 ** (count - i) <= room else 1
        used *= size
        yield size
