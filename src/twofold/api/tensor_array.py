"""``tf.TensorArray``: tensors of one dtype that are written and read by position, also in loops.

Outside of a trace it is a list (``Items``). In a trace it is a growable buffer, with the methods of
``Items`` (``compiler/control/flows.py``).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS
from twofold.ir.ops.buffers import outside_array
from twofold.runtime.carried import ArrayKind, own, own_tensor
from twofold.runtime.tensor import Tensor

__all__ = ["Items", "TensorArray"]


class Items:
    """The elements of an array outside of a trace; None where nothing is written."""

    def __init__(self, kind: ArrayKind, rows: Sequence[Any]) -> None:
        self.kind, self.rows = kind, list(rows)

    @classmethod
    def of(cls, kind: ArrayKind, found: Any) -> Items:
        """What a compiled function has returned: the rows of a tensor, or a number of elements."""
        if not found.shape:
            return cls(kind, [None] * int(found))
        return cls(kind, [_Row(found, i) for i in range(found.shape[0])])

    @property
    def flow(self) -> Items:
        """What an array keeps: the list itself."""
        return self

    def own(self) -> Items:
        """A list of its own, as the state of a loop is."""
        return Items(self.kind, self.rows)

    def follows(self, other: Any) -> bool:
        """Whether another leaf may take the place of this one in a loop."""
        return isinstance(other, Items)

    def shape(self) -> Any:
        """The shape of each element, or None."""
        if self.kind.shape is not None:
            return self.kind.shape
        written = (tuple(row.shape) for row in self.rows if row is not None)
        return next(written, None) if self.kind.one_shape else None

    def size(self) -> Any:
        return own_tensor(len(self.rows))

    def read(self, index: Any) -> Any:
        return own_tensor(self._row(self.rows[self._place(index)]))

    def write(self, index: Any, x: Any) -> Items:
        shape = self.shape()
        if shape is not None and tuple(x.shape) != shape:
            self.kind.refuse_shape(tuple(x.shape), shape)
        i = self._place(index, "grow" if self.kind.dynamic else "write")
        self.rows += [None] * (i + 1 - len(self.rows))
        self.rows[i] = x
        return self

    def stack(self) -> Any:
        if not self.rows:
            shape = self.shape()
            return OPS["splat"](OPS["cast"](0, dtype=self.kind.dtype), shape=(0, *(shape or ())))
        return OPS["stack"]([*map(self._row, self.rows)], axis=0)

    def gather(self, indices: Any) -> Any:
        found = [self.read(i) for i in np.asarray(indices).ravel()]
        return Items(self.kind, found).stack() if found else self.stack()[:0]

    def concat(self) -> Any:
        rows = [*map(self._row, self.rows)]
        if any(not row.shape for row in rows):
            raise ShapeError("TensorArray.concat: elements without axes are not concatenated")
        return OPS["concat"](*rows, axis=0) if rows else self.stack()

    def unstack(self, value: Any) -> Items:
        if len(value) > len(self.rows) and not self.kind.dynamic:
            self.kind.refuse_rows(len(value), len(self.rows))
        shape = tuple(value.shape[1:])
        if self.kind.shape is not None and shape != self.kind.shape:
            self.kind.refuse_shape(shape, self.kind.shape)
        return Items(self.kind, [value[i] for i in range(len(value))])

    def scatter(self, indices: Any, value: Any) -> Items:
        made = self.own()
        for i, row in zip(np.asarray(indices).ravel(), value, strict=True):
            made.write(i, row)
        return made

    def split(self, value: Any, lengths: Any) -> Items:
        found, at = [], 0
        for n in np.asarray(lengths).ravel():
            found.append(value[at : at + int(n)])
            at += int(n)
        if at != len(value):
            raise ShapeError(f"TensorArray.split: lengths add up to {at}, and there are "
                             f"{len(value)} rows")  # fmt: skip
        if len(found) > len(self.rows) and not self.kind.dynamic:
            self.kind.refuse_rows(len(found), len(self.rows))
        return Items(self.kind, found)

    def _place(self, index: Any, access: str = "read") -> int:
        i, n = int(index), len(self.rows)
        if i < 0 or (access != "grow" and i >= n):
            raise outside_array(i, n, access)
        return i

    def _row(self, row: Any) -> Any:
        """An element as a tensor."""
        if row is None:
            return self._zeros()
        return row.taken() if isinstance(row, _Row) else row

    def _zeros(self) -> Any:
        shape = self.shape()
        if shape is None:
            self.kind.refuse_unknown()
        return OPS["splat"](OPS["cast"](0, dtype=self.kind.dtype), shape=shape)


class _Row:
    """A row of a tensor, which is taken when it is needed: where a tape may see it."""

    def __init__(self, whole: Any, index: int) -> None:
        self.whole, self.index = whole, index
        self.shape = tuple(whole.shape[1:])

    def taken(self) -> Any:
        """The row."""
        return self.whole[self.index]


@dataclass(init=False, repr=False, eq=False)
class TensorArray:
    """Tensors of one dtype, by position: written, read, stacked.

    ``size``: the number of elements at the start (0); with ``dynamic_size`` a write behind the end
    makes more. ``element_shape`` is the shape of each, by default that of the first that is
    written; with ``infer_shape=False`` they may differ (a compiled function runs as plain Python
    then). What was not written is zeros. An element may be read any number of times:
    ``clear_after_read`` and the other parameters are hints and ignored. ``write``, ``unstack``,
    ``scatter`` and ``split`` change the array and return it; a loop that has it as state works on
    an array of its own.

    Raises IndexOutOfBoundsError for an index that is negative or behind the end, DTypeError and
    ShapeError for an element that does not fit.

    >>> import twofold as tf
    >>> squares = tf.TensorArray(tf.float32, size=3)
    >>> for i in range(3):
    ...     squares = squares.write(i, float(i * i))
    >>> squares.stack().numpy()
    array([0., 1., 4.], dtype=float32)
    """

    kind: ArrayKind
    flow: Any  # Items, or what stands for them in a trace

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
        clear_after_read: bool | None = None, tensor_array_name: str | None = None,
        handle: Any = None, flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
        colocate_with_first_write_call: bool = True, name: str | None = None,
    ) -> None:  # fmt: skip
        shape = None if element_shape is None else tuple(element_shape)
        if shape is not None and not all(isinstance(n, int) for n in shape):
            shape = None  # it is that of the first element
        kind = ArrayKind(as_dtype(dtype, "TensorArray"), bool(dynamic_size), infer_shape, shape)
        self.kind, count = kind, 0 if size is None else size
        if bind.ground().tracing:
            self.flow = _flows().begin(kind, count)
            return
        if int(count) < 0:
            raise ArgumentError(f"TensorArray: size is {int(count)}, and not to be negative")
        self.flow = Items(kind, [None] * int(count))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        return self.kind.dtype

    @property
    def dynamic_size(self) -> bool:
        """Whether a write behind the end makes more elements."""
        return self.kind.dynamic

    @property
    def element_shape(self) -> Any:
        """The shape of each element; None as long as it is not known."""
        return self._now().shape()

    def size(self, name: str | None = None) -> Any:
        """The number of elements, int32."""
        return self._now().size()

    def read(self, index: Any, name: str | None = None) -> Any:
        """The element at a position."""
        return self._now().read(index)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put an element at a position."""
        now = self._now()
        self._hold(now.write(index, self._element(value)))
        self.kind = now.kind
        return self

    def stack(self, name: str | None = None) -> Any:
        """All elements along a new first axis."""
        return self._now().stack()

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """The elements at some positions along a new first axis."""
        return self._now().gather(indices)

    def concat(self, name: str | None = None) -> Any:
        """All elements one after the other along their first axis."""
        return self._now().concat()

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Make the rows of a tensor the elements: as many as there are."""
        now = self._now()
        self._hold(now.unstack(self._rows(value)))
        self.kind = now.kind
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put the rows of a tensor at some positions."""
        now = self._now()
        self._hold(now.scatter(indices, self._rows(value)))
        self.kind = now.kind
        return self

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Make parts of a tensor the elements: so many rows each."""
        self._hold(self._now().split(self._rows(value), lengths))
        return self

    def identity(self) -> TensorArray:
        """An array of its own with the same elements."""
        made = object.__new__(TensorArray)
        now = self._now()
        made.kind, made.flow = now.kind, own(now.flow)
        return made

    def close(self, name: str | None = None) -> None:
        """Nothing: memory comes back by itself."""

    def _now(self) -> Any:
        """The elements with their methods, in the present mode."""
        if not bind.ground().tracing:
            if isinstance(self.flow, Tensor):
                self.flow = Items.of(self.kind, self.flow)
            return self.flow
        return _flows().flow_of(self.kind, self.flow)

    def _hold(self, flow: Any) -> None:
        """Have other elements; in a region, those of an array around it are put back later."""
        ground: Any = bind.ground()
        if ground.tracing and flow is not self.flow:
            ground.begins(self, self.flow, flow)
        self.flow = flow

    def _element(self, value: Any) -> Any:
        made = own_tensor(value, self.kind.dtype)
        if made.dtype != self.kind.dtype:
            raise DTypeError(
                f"a {made.dtype} is written to a TensorArray of {self.kind.dtype}; cast it first"
            )
        return made

    def _rows(self, value: Any) -> Any:
        made = self._element(OPS["identity"](value))
        if not made.shape:
            raise ShapeError("a tensor without axes has no rows for a TensorArray")
        return made

    def __repr__(self) -> str:
        return f"<tf.TensorArray: dtype={self.dtype.name}, dynamic_size={self.dynamic_size}>"


def _flows() -> Any:
    return importlib.import_module("twofold.compiler.control.flows")
