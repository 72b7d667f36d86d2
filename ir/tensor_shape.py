"""``tf.TensorShape``: the shape of a tensor, or one some of whose sizes, or all, are not known.

It is a tuple in all that Python and NumPy do with tuples, its truth and its text included, and adds
TensorFlow's questions about shapes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ArgumentError, ShapeError

__all__ = ["LISTED", "TUPLES", "TensorShape", "sequence", "shape_of"]

_tuple, _item = tuple.__new__, tuple.__getitem__


def _size(value: Any) -> int | None:
    if value is None:
        return None
    try:
        size = operator.index(value)
    except TypeError:
        raise ArgumentError(f"TensorShape: {value!r} is no size; sizes are ints or None") from None
    if size < 0:
        raise ShapeError(f"TensorShape: {value!r} is no size; sizes are at least 0, or None")
    return size


class TensorShape(tuple[Any, ...]):
    """The sizes of axes; None for one that is not known. ``TensorShape(None)`` has no known rank.

    ``==`` compares the known parts as they are written. Raises ShapeError for a negative size,
    ArgumentError for what is no size.

    >>> import twofold as tf
    >>> shape = tf.TensorShape([None, 3])
    >>> shape.as_list(), shape.rank, shape.is_compatible_with((8, 3))
    ([None, 3], 2, True)
    >>> shape.merge_with([8, None])
    (8, 3)
    """

    _known = True

    def __new__(cls, dims: Any = None) -> TensorShape:
        if dims is None or (isinstance(dims, TensorShape) and not dims._known):
            return super().__new__(_UnknownRank)
        if not isinstance(dims, Iterable):
            dims = (dims,)
        return super().__new__(TensorShape, map(_size, dims))

    @property
    def rank(self) -> int | None:
        """The number of axes, or None."""
        return len(self)

    @property
    def ndims(self) -> int | None:
        """The number of axes, or None."""
        return self.rank

    @property
    def dims(self) -> list[int | None] | None:
        """The sizes, or None where the rank is not known."""
        return list(self) if self._known else None

    def as_list(self) -> list[int | None]:
        """The sizes. Raises ShapeError where the rank is not known."""
        if not self._known:
            raise ShapeError("TensorShape: as_list() of a shape of unknown rank")
        return list(self)

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return self._known and None not in self

    def num_elements(self) -> int | None:
        """The number of elements, or None where a size is not known."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one shape may be both: the same rank, and no axis of two different sizes."""
        other = TensorShape(other)
        if not (self._known and other._known):
            return True
        return len(self) == len(other) and all(
            a is None or b is None or a == b for a, b in zip(self, other, strict=True)
        )

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every shape that this may be is one that the other may be."""
        other = TensorShape(other)
        if not other._known:
            return True
        return (
            self._known
            and len(self) == len(other)
            and all(b is None or a == b for a, b in zip(self, other, strict=True))
        )

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """What both have in common: sizes that differ are not known."""
        other = TensorShape(other)
        if not (self._known and other._known) or len(self) != len(other):
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self, other, strict=True)])

    def merge_with(self, other: Any) -> TensorShape:
        """What is known of one shape from both. Raises ShapeError where they do not agree."""
        other = TensorShape(other)
        self.assert_is_compatible_with(other)
        if not (self._known and other._known):
            return self if self._known else other
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def concatenate(self, other: Any) -> TensorShape:
        """The axes of this shape, then those of the other."""
        other = TensorShape(other)
        if not (self._known and other._known):
            return TensorShape(None)
        return TensorShape([*self, *other])

    def with_rank(self, rank: int) -> TensorShape:
        """The shape, with this rank. Raises ShapeError where it has another."""
        if not self._known:
            return TensorShape([None] * rank)
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """The shape. Raises ShapeError where it has fewer axes."""
        return self._checked(not self._known or len(self) >= rank, f"at least {rank}")

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """The shape. Raises ShapeError where it has more axes."""
        return self._checked(not self._known or len(self) <= rank, f"at most {rank}")

    def _checked(self, holds: bool, wanted: str) -> TensorShape:
        if not holds:
            raise ShapeError(f"TensorShape: {self} has {len(self)} axes, {wanted} are expected")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """Raises ShapeError where the rank is another."""
        self._checked(not self._known or len(self) == rank, f"{rank}")

    def assert_same_rank(self, other: Any) -> None:
        """Raises ShapeError where the ranks differ."""
        other = TensorShape(other)
        if other._known:
            self.assert_has_rank(len(other))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ShapeError where no shape may be both."""
        if not self.is_compatible_with(other):
            raise ShapeError(f"TensorShape: {self} and {TensorShape(other)} do not fit")

    def assert_is_fully_defined(self) -> None:
        """Raises ShapeError where a size is not known."""
        if not self.is_fully_defined():
            raise ShapeError(f"TensorShape: not every size of {self} is known")

    def __add__(self, other: Any) -> Any:
        return _joined(_sizes(self), _sizes(other)) if _is_listed(other) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        # Not for lists: ``items += shape`` asks here first, and must write into the list.
        return _joined(tuple(other), _sizes(self)) if isinstance(other, tuple) else NotImplemented

    def __getitem__(self, key: Any) -> Any:
        found = _item(self, key)
        return _tuple(TensorShape, found) if key.__class__ is slice else found

    def __eq__(self, other: object) -> bool:
        if _is_listed(other):
            return _sizes(self) == _sizes(other)
        return NotImplemented if other is not None else not self._known

    def __ne__(self, other: object) -> bool:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found

    __hash__ = tuple.__hash__

    def __reduce__(self) -> Any:
        return TensorShape, (self.dims,)


class _UnknownRank(TensorShape):
    """A shape of which nothing is known."""

    _known = False

    @property
    def rank(self) -> None:
        return None

    def _no_axes(self, *args: Any) -> Any:
        raise ShapeError("TensorShape: a shape of unknown rank has no axes to count or to go over")

    __len__ = _no_axes
    __iter__ = _no_axes

    def __getitem__(self, key: Any) -> Any:
        return TensorShape(None) if isinstance(key, slice) else None

    def __bool__(self) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(_UnknownRank)

    def __repr__(self) -> str:
        return "TensorShape(None)"


def shape_of(sizes: Iterable[Any]) -> TensorShape:
    """The shape with these sizes, which are known to be sizes."""
    return _tuple(TensorShape, sizes)


def _is_listed(x: object) -> bool:
    return isinstance(x, list | tuple)


def _sizes(x: Any) -> tuple[Any, ...] | None:
    """The sizes as a plain tuple, or None where the rank is not known."""
    return None if isinstance(x, _UnknownRank) else tuple(x)


def _joined(first: tuple[Any, ...] | None, second: tuple[Any, ...] | None) -> Any:
    """The axes of both: a shape, or a plain tuple where an item, such as -1, is no size."""
    if first is None or second is None:
        return TensorShape(None)
    whole = first + second
    return _tuple(TensorShape, whole) if all(map(_may_be_size, whole)) else whole


def _may_be_size(x: Any) -> bool:
    if type(x) is int or isinstance(x, np.integer):
        return bool(x >= 0)
    return x is None or hasattr(x, "__index__")


def sequence(kind: type[Any], items: Iterable[Any]) -> Any:
    """A list, or a tuple of any class that adds nothing to its items, with these."""
    return kind(items) if issubclass(kind, list) else _tuple(kind, items)


TUPLES = frozenset((tuple, TensorShape))  # the classes of plain tuples
LISTED = TUPLES | {list}
