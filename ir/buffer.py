"""Growable sequences of arrays of one type, as values: what a ``buffer f32[n,3]`` is at run time.

A buffer never changes. ``push`` returns a longer one and ``pop`` a shorter one, and both share the
memory of the old: elements lie in chunks, each of which knows the one before it. What is pushed
onto the newest end of a chunk is written in place, so a loop that pushes takes constant time for
each element; who pushes onto an older end gets a copy of the last chunk. Chunks grow with the
buffer up to ``CHUNK`` bytes, so there is little memory beside that of the elements.

    b = new(t).push(x).push(y)      # [x, y]
    c, last = b.pop()               # [x], y
    d = c.push(z)                   # [x, z], and b is still [x, y]

An element in the middle is changed in place if nobody else holds elements of these chunks. The
buffer that was changed remembers what it had there; its elements are copied if it is used again.

A buffer of buffers is flat as well: the elements of all its elements one after the other, and their
numbers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .errors import IndexOutOfBoundsError, ShapeError
from .types import BufferType, TensorType

__all__ = ["Buffer", "new"]

Array: TypeAlias = "np.ndarray[Any, Any]"
CHUNK = 1 << 20  # bytes
FIRST = 1 << 9
COUNTS = BufferType(np.dtype(np.int64))


class Buffer:
    """A buffer of any depth; ``type`` says what it holds, its sizes are numbers."""

    __slots__ = ("type",)
    type: BufferType

    @property
    def dtype(self) -> Any:
        """The dtype of the arrays."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape of the arrays."""
        return self.type.shape

    @property
    def value(self) -> Buffer:
        """The buffer: where an executor holds tensors, a buffer stands for itself."""
        return self

    def __len__(self) -> int:
        raise NotImplementedError

    def view(self) -> Buffer:
        """The same elements as another object."""
        raise NotImplementedError

    def push(self, x: Any) -> Buffer:
        """With one more element at the end."""
        raise NotImplementedError

    def cut(self, n: int) -> tuple[Any, Any]:
        """All but the last ``n`` elements, and those, as buffers."""
        raise NotImplementedError

    def extend(self, other: Any) -> Buffer:
        """With the elements of another buffer of this type at the end."""
        raise NotImplementedError

    def like(self) -> Buffer:
        """As many elements of the same sizes, all zeros."""
        raise NotImplementedError

    def plus(self, other: Any) -> Buffer:
        """The sums of the elements of two buffers that have equally many."""
        raise NotImplementedError

    def last(self) -> Any:
        """The last element."""
        raise NotImplementedError

    def pop(self) -> tuple[Buffer, Any]:
        """Without the last element, and that one. Raises IndexOutOfBoundsError if there is none."""
        if not len(self):
            raise IndexOutOfBoundsError("a buffer without elements has no last one")
        rest: Buffer = self.cut(1)[0]
        return rest, self.last()

    def __repr__(self) -> str:
        return f"<{self.type} with {len(self)} elements>"


def new(element: TensorType) -> Buffer:
    """A buffer without elements, which are going to be of this type.

    >>> b = new(TensorType(np.dtype("float32"), (2,))).push(np.ones(2, np.float32))
    >>> b.push(np.zeros(2, np.float32)).stack()
    array([[1., 1.],
           [0., 0.]], dtype=float32)
    """
    kind = BufferType.of(element)
    if kind.depth == 1:
        return Arrays(kind, None, 0, 0)
    assert isinstance(element, BufferType)
    return Nested(kind, new(element.element), Arrays(COUNTS, None, 0, 0))


class _Chunk:
    """Memory for some elements, and the chunk before it. ``first``: the position of its first."""

    __slots__ = ("array", "before", "first", "free", "own")

    def __init__(
        self, before: _Chunk | None, first: int, array: Array, used: int, own: bool = True
    ) -> None:
        self.before, self.first, self.array, self.own = before, first, array, own
        self.free = [used]  # taken while an element is written, so that only one thread does

    def claim(self, at: int) -> bool:
        """Whether the element ``at`` may be written here; nobody else is told so."""
        try:
            used = self.free.pop()
        except IndexError:
            return False
        self.free.append(max(used, at + 1))
        return used == at


class _Chain:
    """What buffers that share chunks know of each other. ``lent``: arrays elsewhere show elements;
    ``edits``: how many there were in place."""

    __slots__ = ("edits", "holders", "lent")

    def __init__(self) -> None:
        self.holders: set[int] = set()
        self.lent, self.edits = False, 0


class Arrays(Buffer):
    """A buffer of arrays: the elements ``start`` to ``end`` of what ends in a chunk.

    ``moved``: a buffer that has another element at a position, and what this one has there; its
    own chunk is gone then.
    """

    __slots__ = ("_chunk", "chain", "end", "moved", "start")

    def __init__(
        self, type: BufferType, chunk: _Chunk | None, start: int, end: int,
        chain: _Chain | None = None,
    ) -> None:  # fmt: skip
        self.type, self._chunk, self.start, self.end = type, chunk, start, end
        self.moved: tuple[Arrays, int, Array] | None = None
        self.chain = _Chain() if chain is None else chain
        self.chain.holders.add(id(self))

    def __del__(self) -> None:
        self.chain.holders.discard(id(self))

    @property
    def chunk(self) -> _Chunk | None:
        """The last chunk."""
        if self.moved is not None:
            self._restore()
        return self._chunk

    def _restore(self) -> None:
        """Have the elements again that were changed in place."""
        edits, buffer = [], self
        while buffer.moved is not None:
            edits.append(buffer.moved)
            buffer = buffer.moved[0]
        made = buffer._copied()
        assert made._chunk is not None
        for _, i, x in reversed(edits):
            made._chunk.array[i] = x  # the chunk begins with the first element
        made.chain.holders.add(id(self))
        self._chunk, self.chain, self.moved = made._chunk, made.chain, None

    def _copied(self) -> Arrays:
        """The same elements in memory that nobody else holds."""
        array = np.concatenate(self.parts())
        return Arrays(self.type, _Chunk(None, self.start, array, len(array)), self.start, self.end)

    @classmethod
    def of(cls, array: Array) -> Arrays:
        """The rows of an array that nobody writes to."""
        kind = BufferType(array.dtype, array.shape[1:])
        n = len(array)
        return cls(kind, _Chunk(None, 0, array, n, own=False) if n else None, 0, n)

    def __len__(self) -> int:
        return self.end - self.start

    def view(self) -> Arrays:
        """The same elements as another object."""
        return Arrays(self.type, self.chunk, self.start, self.end, self.chain)

    def last(self) -> Array:
        """The last element."""
        assert self.chunk is not None
        self.chain.lent = True
        found: Array = self.chunk.array[self.end - 1 - self.chunk.first, ...]
        return found

    def _holding(self, i: int) -> tuple[_Chunk, int]:
        """The chunk with the element at a position, and where in it that is."""
        at, chunk = self.start + i, self.chunk
        assert chunk is not None
        while chunk.first > at:
            assert chunk.before is not None
            chunk = chunk.before
        return chunk, at - chunk.first

    def read(self, i: int) -> Array:
        """The element at a position; zeros behind the end. Raises IndexOutOfBoundsError for a
        negative position."""
        _check(i)
        if i >= len(self):
            return np.zeros(self.type.shape, self.type.dtype)
        chunk, at = self._holding(i)
        return chunk.array[at, ...].copy()

    def write(self, i: int, x: Any) -> tuple[Arrays, int]:
        """With another element at a position, and zeros before it where there were none; and how
        many elements were added. Raises IndexOutOfBoundsError for a negative position."""
        _check(i)
        if i < len(self):
            return self._edit(i, x), 0
        filled, added = self.fill(i)
        return filled.push(x), added + 1

    def unwrite(self, i: int, added: int) -> tuple[Arrays, Array]:
        """Without what a write has done, and the element that was at its position: zeros are there,
        and the elements that it added are gone."""
        if not 0 <= i < len(self):
            left = self.cut(min(added, len(self)))[0]  # a gradient of zeros has no elements
            return left, np.zeros(self.type.shape, self.type.dtype)
        x = self.read(i)
        made = self if i >= len(self) - added else self._edit(i, np.zeros_like(x))
        return made.cut(added)[0], x

    def add_at(self, i: int, x: Any) -> Arrays:
        """With a sum at a position; where there is no element nothing is added."""
        return self._edit(i, self.read(i) + x) if 0 <= i < len(self) else self

    def fill(self, n: int) -> tuple[Arrays, int]:
        """With zeros at the end, up to so many elements; and how many those are."""
        added = max(n - len(self), 0)
        if not added:
            return self, 0
        return self._append(np.zeros((added, *self.type.shape), self.type.dtype)), added

    def _edit(self, i: int, x: Any) -> Arrays:
        """With another element at a position: in place where nobody else holds elements."""
        if x.shape != self.type.shape:
            raise ShapeError(f"an element of {self.type} has not the shape {list(x.shape)}")
        chunk, at = self._holding(i)
        chain = self.chain
        free = chunk.own and not chain.lent and len(chain.holders) == 1
        if not free or chain.edits > len(self):  # no more of what was is kept than what is there
            made = self._copied()
            chunk, at = made._holding(i)
            chunk.array[at] = x
            return made
        old = chunk.array[at, ...].copy()
        chunk.array[at] = x
        chain.edits += 1
        made = Arrays(self.type, self._chunk, self.start, self.end, chain)
        chain.holders.discard(id(self))
        self.moved, self._chunk, self.chain = (made, i, old), None, _Chain()
        return made

    def push(self, x: Any) -> Arrays:
        """With one more element at the end."""
        if x.shape != self.type.shape:
            raise ShapeError(f"an element of {self.type} has not the shape {list(x.shape)}")
        end, chunk = self.end, self.chunk
        at = 0 if chunk is None else end - chunk.first
        if chunk is None or at == len(chunk.array):
            chunk = self._grown(end - self.start + 1)
            at = 0
        elif not chunk.claim(at):  # another one went on from here
            array = np.empty_like(chunk.array)
            array[:at] = chunk.array[:at]
            chunk = _Chunk(chunk.before, chunk.first, array, at + 1)
        chunk.array[at] = x
        return Arrays(self.type, chunk, self.start, end + 1, self.chain)

    def _grown(self, want: int) -> _Chunk:
        """A new chunk at the end with room for one element, and as many as there are by now."""
        size = max(int(self.type.nbytes), 1)
        count = max(1, min(max(want, FIRST // size), CHUNK // size))
        array = np.empty((count, *self.type.shape), self.type.dtype)
        return _Chunk(self.chunk, self.end, array, 1)

    def cut(self, n: int) -> tuple[Arrays, Arrays]:
        """All but the last ``n`` elements, and those, as buffers."""
        at, chunk = self.end - n, self.chunk
        while chunk is not None and chunk.first >= at:
            chunk = chunk.before
        rest = Arrays(self.type, chunk, self.start, at, self.chain)
        return rest, Arrays(self.type, self.chunk, at, self.end, self.chain)

    def parts(self) -> list[Array]:
        """The elements as arrays, first to last."""
        found, end, chunk = [], self.end, self.chunk
        while end > self.start:
            assert chunk is not None
            begin = max(chunk.first, self.start)
            found.append(chunk.array[begin - chunk.first : end - chunk.first])
            end, chunk = begin, chunk.before
        return found[::-1]

    def stack(self) -> Array:
        """The elements as the rows of one array."""
        parts = self.parts() or [np.empty((0, *self.type.shape), self.type.dtype)]
        self.chain.lent = self.chain.lent or len(parts) == 1
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def extend(self, other: Arrays) -> Arrays:
        """With the elements of another buffer of this type at the end."""
        made = self
        for part in other.parts():
            made = made._append(part)
        return made

    def _append(self, rows: Array) -> Arrays:
        """With the rows of an array at the end."""
        made, done = self, 0
        while done < len(rows):
            made = made.push(rows[done])  # makes room, and claims it
            done += 1
            chunk = made.chunk
            assert chunk is not None
            at = made.end - chunk.first
            room = min(len(chunk.array) - at, len(rows) - done)
            if room and chunk.free == [at]:
                chunk.free[0] = at + room
                chunk.array[at : at + room] = rows[done : done + room]
                made = Arrays(self.type, chunk, self.start, made.end + room, made.chain)
                done += room
        return made

    def like(self) -> Arrays:
        """As many elements of the same sizes, all zeros."""
        return Arrays(self.type, None, 0, 0).fill(len(self))[0]

    def plus(self, other: Arrays) -> Arrays:
        """The sums of the elements of two buffers that have equally many, or none: those are
        zeros."""
        if not len(self) or not len(other):  # zeros
            return self if len(self) else other
        if len(self) != len(other):
            raise ShapeError(f"buffers of {len(self)} and {len(other)} elements are not added")
        made = Arrays.of(np.add(self.stack(), other.stack()))
        return Arrays(self.type, made.chunk, 0, made.end)


def _check(i: int) -> None:
    if i < 0:
        raise IndexOutOfBoundsError(f"index {i} is outside a buffer: its elements count from 0")


class Nested(Buffer):
    """A buffer of buffers: the elements of all, and how many each has."""

    __slots__ = ("counts", "items")

    def __init__(self, type: BufferType, items: Buffer, counts: Arrays) -> None:
        self.type, self.items, self.counts = type, items, counts

    def __len__(self) -> int:
        return len(self.counts)

    def view(self) -> Nested:
        """The same elements as another object."""
        return Nested(self.type, self.items, self.counts)

    def last(self) -> Any:
        """The last element."""
        return self.items.cut(int(self.counts.last()))[1]

    def push(self, x: Any) -> Nested:
        """With one more element at the end."""
        if x.type != self.type.element:
            raise ShapeError(f"an element of {self.type} is not {x.type}")
        count = np.asarray(len(x), np.int64)
        return Nested(self.type, self.items.extend(x), self.counts.push(count))

    def cut(self, n: int) -> tuple[Nested, Nested]:
        """All but the last ``n`` elements, and those, as buffers."""
        rest, last = self.counts.cut(n)
        before, items = self.items.cut(sum(int(part.sum()) for part in last.parts()))
        return Nested(self.type, before, rest), Nested(self.type, items, last)

    def extend(self, other: Nested) -> Nested:
        """With the elements of another buffer of this type at the end."""
        items, counts = self.items.extend(other.items), self.counts.extend(other.counts)
        return Nested(self.type, items, counts)

    def like(self) -> Nested:
        """As many elements of the same sizes, all zeros."""
        return Nested(self.type, self.items.like(), self.counts)

    def plus(self, other: Nested) -> Nested:
        """The sums of the elements of two buffers that have equally many."""
        return Nested(self.type, self.items.plus(other.items), self.counts)
