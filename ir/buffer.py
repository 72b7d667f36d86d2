"""Growable sequences of arrays of one type, as values: what a ``buffer f32[n,3]`` is at run time.

A buffer never changes. ``push`` returns a longer one and ``pop`` a shorter one, and both share the
memory of the old: elements lie in chunks, each of which knows the one before it. What is pushed
onto the newest end of a chunk is written in place, so a loop that pushes takes constant time for
each element; who pushes onto an older end gets a copy of the last chunk. Chunks grow with the
buffer up to ``CHUNK`` bytes, so there is little memory beside that of the elements.

    b = new(t).push(x).push(y)      # [x, y]
    c, last = b.pop()               # [x], y
    d = c.push(z)                   # [x, z], and b is still [x, y]

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

    def get(self, i: int) -> Any:
        """The element at a position. Raises IndexOutOfBoundsError."""
        self._check(i)
        return self.cut(len(self) - i - 1)[0].last()

    def set(self, i: int, x: Any) -> Buffer:
        """With another element at a position; takes the time to copy all that are behind it."""
        self._check(i)
        head, tail = self.cut(len(self) - i - 1)
        made: Buffer = head.cut(1)[0].push(x).extend(tail)
        return made

    def _check(self, i: int) -> None:
        if not 0 <= i < len(self):
            raise IndexOutOfBoundsError(f"index {i} is outside a buffer of {len(self)} elements")

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

    __slots__ = ("array", "before", "first", "free")

    def __init__(self, before: _Chunk | None, first: int, array: Array, used: int) -> None:
        self.before, self.first, self.array = before, first, array
        self.free = [used]  # taken while an element is written, so that only one thread does

    def claim(self, at: int) -> bool:
        """Whether the element ``at`` may be written here; nobody else is told so."""
        try:
            used = self.free.pop()
        except IndexError:
            return False
        self.free.append(max(used, at + 1))
        return used == at


class Arrays(Buffer):
    """A buffer of arrays: the elements ``start`` to ``end`` of what ends in a chunk."""

    __slots__ = ("chunk", "end", "start")

    def __init__(self, type: BufferType, chunk: _Chunk | None, start: int, end: int) -> None:
        self.type, self.chunk, self.start, self.end = type, chunk, start, end

    @classmethod
    def of(cls, array: Array) -> Arrays:
        """The rows of an array that nobody writes to."""
        kind = BufferType(array.dtype, array.shape[1:])
        n = len(array)
        return cls(kind, _Chunk(None, 0, array, n) if n else None, 0, n)

    def __len__(self) -> int:
        return self.end - self.start

    def view(self) -> Arrays:
        """The same elements as another object."""
        return Arrays(self.type, self.chunk, self.start, self.end)

    def last(self) -> Array:
        """The last element."""
        assert self.chunk is not None
        found: Array = self.chunk.array[self.end - 1 - self.chunk.first, ...]
        return found

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
        return Arrays(self.type, chunk, self.start, end + 1)

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
        rest = Arrays(self.type, chunk, self.start, at)
        return rest, Arrays(self.type, self.chunk, at, self.end)

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
                made = Arrays(self.type, chunk, self.start, made.end + room)
                done += room
        return made

    def like(self) -> Arrays:
        """As many elements of the same sizes, all zeros."""
        made = Arrays.of(np.zeros((len(self), *self.type.shape), self.type.dtype))
        return Arrays(self.type, made.chunk, 0, made.end)

    def plus(self, other: Arrays) -> Arrays:
        """The sums of the elements of two buffers that have equally many."""
        if len(self) != len(other):
            raise ShapeError(f"buffers of {len(self)} and {len(other)} elements are not added")
        made = Arrays.of(np.add(self.stack(), other.stack()))
        return Arrays(self.type, made.chunk, 0, made.end)


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
