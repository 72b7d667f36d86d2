"""Methods of Variables that change some of their rows or elements, with TensorFlow's names.

A sparse delta is anything with ``values`` and ``indices``, ``tf.IndexedSlices`` for instance: row
``indices[i]`` along the first axis gets ``values[i]``.
"""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.tensor_shape import TensorShape

from .convert import exact_array
from .declared import require_shape

__all__ = ["Ref", "Scatters"]


class Ref:
    """A key for a tensor or a Variable in dicts and sets: equal if it is of the same object."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def deref(self) -> Any:
        """The object."""
        return self.held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.held is self.held

    def __hash__(self) -> int:
        return id(self.held)


def _parts(sparse_delta: Any, what: str) -> tuple[Any, Any]:
    values, indices = (getattr(sparse_delta, name, None) for name in ("values", "indices"))
    if values is None or indices is None:
        raise ArgumentError(f"{what} takes tf.IndexedSlices(values, indices), not {sparse_delta!r}")
    return OPS["identity"](values), OPS["identity"](indices)


def _of_numbers(value: Any) -> bool:
    """Whether these are Python's numbers alone, however nested."""
    if isinstance(value, list | tuple):
        return all(map(_of_numbers, value))
    return type(value) in (bool, int, float, complex)


class Scatters:
    """What a Variable has beside ``assign``. Each method returns the Variable itself."""

    __slots__ = ()

    def _rows(self, name: str, sparse_delta: Any) -> Any:
        values, indices = _parts(sparse_delta, f"Variable.scatter_{name}")
        points = OPS["expand_dims"](indices, axis=(-1,))
        return self._points(name, points, values)

    def _points(self: Any, name: str, indices: Any, updates: Any) -> Any:
        if _of_numbers(updates):
            updates = exact_array(updates, self.dtype)  # refuses what the dtype does not hold
        updates = OPS["cast"](updates, dtype=self.dtype)
        made = f"tensor_scatter_nd_{name}"
        call = OPS[made] if made in OPS else COMPOSITES[made].function
        return self.assign(call(self, indices, updates))

    def _factors(self: Any, sparse_delta: Any, what: str) -> Any:
        """For each row the product of what belongs to it."""
        values, indices = _parts(sparse_delta, what)
        rest = self.shape[1:]
        values = OPS["broadcast_to"](values, shape=(*indices.shape, *rest))
        values = OPS["reshape"](OPS["cast"](values, dtype=self.dtype), shape=(-1, *rest))
        flat = OPS["reshape"](indices, shape=(-1,))
        OPS["gather"](self, flat)  # refuses what is out of bounds
        size = self.shape[0]
        flat = OPS["where"](OPS["less"](flat, 0), flat + size, flat)
        return COMPOSITES["unsorted_segment_prod"].function(values, flat, size)

    def scatter_add(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Add to rows; what several say about one is summed."""
        return self._rows("add", sparse_delta)

    def scatter_sub(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Subtract from rows."""
        return self._rows("sub", sparse_delta)

    def scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Replace rows."""
        return self._rows("update", sparse_delta)

    def scatter_max(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Replace elements of rows by larger ones."""
        return self._rows("max", sparse_delta)

    def scatter_min(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Replace elements of rows by smaller ones."""
        return self._rows("min", sparse_delta)

    def scatter_mul(
        self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Multiply rows."""
        return self.assign(OPS["multiply"](self, self._factors(sparse_delta, "scatter_mul")))

    def scatter_div(
        self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Divide rows; quotients of integers are truncated."""
        factors = self._factors(sparse_delta, "scatter_div")
        if self.dtype.kind in "iu":
            return self.assign(COMPOSITES["truncatediv"].function(self.read_value(), factors))
        return self.assign(OPS["divide"](self, factors))

    def batch_scatter_update(
        self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Replace rows of each part of a batch: the axes of ``indices`` but the last are its."""
        values, indices = _parts(sparse_delta, "Variable.batch_scatter_update")
        lead = tuple(indices.shape[:-1])
        columns = []
        for axis, size in enumerate(lead):
            line = OPS["arange"](start=size, dtype=indices.dtype)
            line = OPS["reshape"](line, shape=(size, *[1] * (len(lead) - axis)))
            columns.append(OPS["broadcast_to"](line, shape=tuple(indices.shape)))
        return self._points("update", OPS["stack"]([*columns, indices], axis=-1), values)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Add at the points ``indices[..., :]``."""
        return self._points("add", indices, updates)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtract at points."""
        return self._points("sub", indices, updates)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace at points."""
        return self._points("update", indices, updates)

    def scatter_nd_max(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace at points by what is larger."""
        return self._points("max", indices, updates)

    def scatter_nd_min(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Replace at points by what is smaller."""
        return self._points("min", indices, updates)

    def gather_nd(self: Any, indices: Any, name: str | None = None) -> Any:
        """The elements or slices at points."""
        return OPS["gather_nd"](self.read_value(), indices)

    def get_shape(self: Any) -> TensorShape:
        """The sizes of the axes."""
        found: TensorShape = self.shape
        return found

    def set_shape(self: Any, shape: Any) -> None:
        """Raise ShapeError unless the Variable has this shape, in which None is any size."""
        require_shape(self, shape, "Variable.set_shape")

    def ref(self) -> Ref:
        """A key for dicts and sets; ``ref().deref()`` is the Variable."""
        return Ref(self)
