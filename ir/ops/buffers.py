"""Buffers: growable sequences of tensors of one type, or of such sequences, as values.

    %b: buffer f32[n] = buffer_new() {of=f32[n]}
    %c: buffer f32[n] = buffer_push(%b, %x)
    %d: buffer f32[n], %y: f32[n] = buffer_pop(%c)

The gradient of a push is a pop and that of a pop is a push, so a reverse loop that pops what its
loop has pushed is differentiated by a loop that pushes; in the same way a write at a position,
which may make the buffer longer, is undone. ``ir/buffer.py`` is what they run on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..buffer import Arrays, new
from ..dtypes import info
from ..errors import ArgumentError, DTypeError, IndexOutOfBoundsError, ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, op
from ..shapes import Sizes
from ..types import BufferType, TensorType
from ..vjp import Into, zeros

INDEX = TensorType(np.dtype(np.int64))


def _buffer(op: Any, t: TensorType) -> BufferType:
    if not isinstance(t, BufferType):
        raise DTypeError(f"{op.name} takes a buffer, not {t}")
    return t


def _fits(op: Any, want: TensorType, have: TensorType, sizes: Sizes) -> None:
    plain = want.sized(()) == have.sized(()) and want.rank == have.rank
    if not plain or not all(map(sizes.require_same, want.shape, have.shape)):
        raise ShapeError(f"{op.name}: what the buffer holds is {want}, not {have}")


def _flat(op: Any, t: TensorType) -> BufferType:
    kind = _buffer(op, t)
    if kind.depth > 1:
        raise DTypeError(f"{op.name}: the elements of {kind} are no tensors")
    return kind


def _position(op: Any, t: TensorType) -> None:
    if type(t) is not TensorType or not info(t.dtype).integer or t.rank:
        raise DTypeError(f"{op.name}: a position is an integer without axes, not {t}")


def _new_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    if not isinstance(attrs["of"], TensorType):
        raise ArgumentError(f"buffer_new: of is the type of an element, not {attrs['of']!r}")
    return attrs, (BufferType.of(attrs["of"]),)


@op("buffer", _new_rule, promote="none", public=False)
def buffer_new(*, of: Any) -> Any:
    """A buffer without elements; ``of`` is the type that they are going to have."""
    return new(of)


def _push_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _buffer(op, types[0])
    _fits(op, kind.element, types[1], sizes)
    return attrs, (kind,)


@op("buffer", _push_rule, promote="none", public=False)
def buffer_push(buffer: Any, x: Any) -> Any:
    """With one more element at the end."""
    return buffer.push(x)


@buffer_push.gradient
def buffer_push_vjp(g: Any, out: Any, buffer: Any, x: Any) -> Any:
    return OPS["buffer_pop"](g)


def _pop_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _buffer(op, types[0])
    return attrs, (kind, kind.element)


@op("buffer", _pop_rule, promote="none", public=False)
def buffer_pop(buffer: Any) -> Any:
    """Without the last element, and that one. Whoever makes the node knows that there is one."""
    return buffer.pop()


@buffer_pop.gradient
def buffer_pop_vjp(g: Any, out: Any, buffer: Any) -> Any:
    return (OPS["buffer_push"](*g),)


def _element_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    _position(op, types[1])
    return attrs, (kind.element,)


@op("buffer", _element_rule, promote="none", may_raise=True, public=False)
def buffer_read(buffer: Any, index: Any) -> Any:
    """The element at a position, 0 for the first; zeros behind the end. Raises
    IndexOutOfBoundsError for a negative position."""
    return buffer.read(int(index))


@buffer_read.gradient
def buffer_read_vjp(g: Any, out: Any, buffer: Any, index: Any) -> Any:
    def add(sum: Any | None) -> Any:
        return OPS["buffer_add_at"](zeros(buffer) if sum is None else sum, index, g)

    return Into(add), None


def _with_element_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    _position(op, types[1])
    _fits(op, kind.element, types[2], sizes)
    return attrs, (kind,)


@op("buffer", _with_element_rule, promote="none", public=False)
def buffer_add_at(buffer: Any, index: Any, x: Any) -> Any:
    """With a sum at a position; where there is no element nothing is added. The gradient of a
    read."""
    return buffer.add_at(int(index), x)


@buffer_add_at.gradient
def buffer_add_at_vjp(g: Any, out: Any, buffer: Any, index: Any, x: Any) -> Any:
    return g, None, lambda: OPS["buffer_read"](g, index)


def _write_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    attrs, outs = _with_element_rule(op, types, attrs, sizes)
    return attrs, (*outs, INDEX)


@op("buffer", _write_rule, promote="none", may_raise=True, public=False)
def buffer_write(buffer: Any, index: Any, x: Any) -> Any:
    """With another element at a position, behind the end after zeros; and how many elements were
    added. Raises IndexOutOfBoundsError for a negative position."""
    made, added = buffer.write(int(index), x)
    return made, np.asarray(added, np.int64)


@buffer_write.gradient
def buffer_write_vjp(g: Any, out: Any, buffer: Any, index: Any, x: Any) -> Any:
    rest, part = OPS["buffer_unwrite"](g[0], index, out[1])
    return rest, None, part


def _unwrite_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    _position(op, types[1])
    _position(op, types[2])
    return attrs, (kind, kind.element)


@op("buffer", _unwrite_rule, promote="none", public=False)
def buffer_unwrite(buffer: Any, index: Any, added: Any) -> Any:
    """With zeros where a write was, without the elements that it has ``added``; and what was there.
    The gradient of a write, and its inverse."""
    return buffer.unwrite(int(index), int(added))


@buffer_unwrite.gradient
def buffer_unwrite_vjp(g: Any, out: Any, buffer: Any, index: Any, added: Any) -> Any:
    return OPS["buffer_write"](g[0], index, g[1])[0], None, None


def _fill_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    _position(op, types[1])
    return attrs, (kind, INDEX)


@op("buffer", _fill_rule, promote="none", public=False)
def buffer_fill(buffer: Any, size: Any) -> Any:
    """With zeros at the end, up to so many elements; and how many those are."""
    made, added = buffer.fill(int(size))
    return made, np.asarray(added, np.int64)


@buffer_fill.gradient
def buffer_fill_vjp(g: Any, out: Any, buffer: Any, size: Any) -> Any:
    return OPS["buffer_drop"](g[0], out[1]), None


def _drop_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    _position(op, types[1])
    return attrs, (kind,)


@op("buffer", _drop_rule, promote="none", public=False)
def buffer_drop(buffer: Any, count: Any) -> Any:
    """Without the last elements, so many. Whoever makes the node knows that there are as many."""
    return buffer.cut(int(count))[0]


@buffer_drop.gradient
def buffer_drop_vjp(g: Any, out: Any, buffer: Any, count: Any) -> Any:
    more = OPS["buffer_size"](g) + OPS["cast"](count, dtype=np.dtype(np.int64))
    return OPS["buffer_fill"](g, more)[0], None


def _size_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _buffer(op, types[0])
    return attrs, (INDEX,)


@op("buffer", _size_rule, promote="none", public=False)
def buffer_size(buffer: Any) -> Any:
    """The number of elements."""
    return np.asarray(len(buffer), np.int64)


def _stack_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _flat(op, types[0])
    return attrs, (TensorType(kind.dtype, (attrs["length"], *kind.shape)),)


@op("buffer", _stack_rule, promote="none", may_raise=True, public=False)
def buffer_stack(buffer: Any, *, length: Any) -> Any:
    """The elements as the rows of a tensor; the buffer has ``length``. Raises ShapeError."""
    if len(buffer) != length:
        raise ShapeError(f"{length} elements are expected, and the buffer has {len(buffer)}")
    return buffer.stack()


@buffer_stack.gradient
def buffer_stack_vjp(g: Any, out: Any, buffer: Any, *, length: Any) -> Any:
    return (lambda: OPS["buffer_of"](g),)


@op("buffer", _stack_rule, promote="none", data_dependent=True, public=False)
def buffer_rows(buffer: Any, *, length: Any) -> Any:
    """The elements as the rows of a tensor, however many: ``length`` is a symbol for their number,
    which the node makes."""
    return buffer.stack()


@buffer_rows.gradient
def buffer_rows_vjp(g: Any, out: Any, buffer: Any, *, length: Any) -> Any:
    return (lambda: OPS["buffer_of"](g),)


def _of_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    if isinstance(x, BufferType) or not x.rank:
        raise ShapeError(f"{op.name}: the rows of a tensor become a buffer, {x} has none")
    return attrs, (BufferType(x.dtype, x.shape[1:]),)


@op("buffer", _of_rule, promote="none", public=False)
def buffer_of(x: Any) -> Any:
    """The rows of a tensor as a buffer."""
    return Arrays.of(x)


@buffer_of.gradient
def buffer_of_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: OPS["buffer_stack"](g, length=x.shape[0]),)


def _like_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (_buffer(op, types[0]),)


@op("buffer", _like_rule, promote="none", public=False)
def buffer_like(buffer: Any) -> Any:
    """As many elements of the same sizes, all zeros: where the sum of gradients starts."""
    return buffer.like()


def _add_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind = _buffer(op, types[0])
    _fits(op, kind, types[1], sizes)
    return attrs, (kind,)


@op("buffer", _add_rule, promote="none", public=False)
def buffer_add(a: Any, b: Any) -> Any:
    """The sums of the elements of two buffers that have equally many."""
    return a.plus(b)


@buffer_add.gradient
def buffer_add_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g, g


# ---- Positions


def _position_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    if attrs["access"] not in ACCESS:
        raise ArgumentError(f"{op.name}: access is one of {', '.join(ACCESS)}")
    return attrs, (types[0],)


ACCESS = ("read", "write", "grow")


@op("index", _position_rule, promote="none", accepts="iu", may_raise=True, public=False,
    samples=[Sample(np.array([0, 2]), np.int32(3), access="read")])  # fmt: skip
def array_position(index: Any, size: Any, *, access: str) -> Any:
    """Positions of a TensorArray of a size, as they are. Raises IndexOutOfBoundsError for one that
    is negative or, unless a write may ``grow`` the array, behind the end."""
    most = np.iinfo(np.int64).max if access == "grow" else int(size)
    wrong = (index < 0) | (index >= most)
    if wrong.any():
        raise outside_array(int(index[wrong].flat[0]), int(size), access)
    return index


def outside_array(index: int, size: int, access: str) -> IndexOutOfBoundsError:
    """The error for a position that a TensorArray has not."""
    more = "; dynamic_size=True makes writes behind the end grow it" if access == "write" else ""
    return IndexOutOfBoundsError(
        f"index {index} is out of bounds for a TensorArray of size {size}{more}"
    )
