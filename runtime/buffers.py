"""The pool that recycles the memory of arrays between calls.

Memory that the operating system hands out is mapped page by page on first touch, and that costs
more than the arithmetic on it. Measured on two x86-64 cores, ``np.add`` into twenty float32
outputs that live until the end of a step, microseconds an output, fresh ``np.empty`` against
recycled memory: 32 KiB 2.1 / 1.4, 64 KiB 15 / 2.4, 256 KiB 97 / 7.3, 1 MiB 551 / 40. Hence the
pool starts at ``THRESHOLD`` = 32 KiB; below it NumPy's and malloc's own caches are as good.

How a buffer comes back: every array handed out, and every view, memoryview, DLPack capsule or
foreign tensor made from it, keeps one small ``_Owner`` object alive through ``.base``. When the
last of them goes, the interpreter calls ``_Owner.__del__``, which files the memory under its size
class. Nothing is scanned, and idle bytes are known exactly at the moment they become idle.

Invariants:
- A block is either in exactly one ``_Shelf.blocks`` or referenced by exactly one live ``_Owner``.
- Idle bytes stay within the limit (threads that return at the same instant may exceed it by one
  block each); to make room the shelf that was asked longest ago gives first.
- A block is at most one eighth (12.5%) larger than what was asked for and starts at a multiple of
  ``ALIGNMENT`` bytes.
- No lock: ``deque.append`` and ``deque.pop`` are atomic, and a finalizer may run anywhere, also
  inside a section that a lock would guard. The byte counters decide nothing but statistics
  and are recounted from the shelves before anything is thrown away.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "ALIGNMENT",
    "THRESHOLD",
    "BufferPool",
    "BufferStats",
    "clear",
    "empty",
    "get_limit",
    "maker",
    "set_limit",
    "stats",
    "workspace",
]

ALIGNMENT = 64
"""Bytes; a cache line, and the widest vector register of today's CPUs."""

THRESHOLD = 32 * 1024
"""Bytes; smaller arrays are plain ``np.empty``."""

_MEBIBYTE = 1 << 20
_UINT8 = np.dtype(np.uint8)
_ndarray = np.ndarray


class BufferStats(NamedTuple):
    """What a pool holds and has done; bytes count whole blocks, so rounding is included."""

    bytes_idle: int
    bytes_in_use: int
    bytes_peak: int  # the most that was ever held, idle and in use together
    blocks_idle: int
    hits: int
    misses: int
    limit: int  # bytes that may lie idle

    def __str__(self) -> str:
        asked = self.hits + self.misses
        return (
            f"{self.bytes_in_use / _MEBIBYTE:.1f} MiB in use,"
            f" {self.bytes_idle / _MEBIBYTE:.1f} MiB idle in {self.blocks_idle} blocks"
            f" (limit {self.limit / _MEBIBYTE:.0f} MiB,"
            f" peak {self.bytes_peak / _MEBIBYTE:.1f} MiB),"
            f" {self.hits} of {asked} requests recycled"
        )


class _Block(np.ndarray[Any, np.dtype[np.uint8]]):
    """The memory under an owner.

    A class of its own because NumPy shortens chains of bases of one class: on a plain array
    below, ``.base`` of what is handed out would skip the owner.
    """

    __slots__ = ()


class _Shelf:
    """The idle blocks of one size class."""

    __slots__ = ("asked", "blocks", "pool", "shape", "size")

    def __init__(self, pool: BufferPool, size: int) -> None:
        self.pool = pool
        self.size, self.shape = size, (size,)
        self.blocks: deque[_Block] = deque()
        self.asked = 0  # the pool's clock, its number of misses, at the last request


class _Owner(np.ndarray[Any, np.dtype[np.uint8]]):
    """Stands between a block (its ``base``) and the arrays on it; its end is the block's return.

    Views and copies that someone makes of an owner are ``_Owner`` objects without a shelf, so
    their end returns nothing.
    """

    __slots__ = ("shelf",)
    shelf: _Shelf

    def __del__(self) -> None:
        try:
            shelf = self.shelf
        except AttributeError:
            return
        shelf.pool._take_back(shelf, self.base)


class BufferPool:
    """Hands out uninitialised arrays and takes their memory back when the last reference goes.

    ``limit`` bounds the idle bytes; ``0`` turns recycling off. All methods may be called from
    any thread.

    >>> pool = BufferPool(limit=1 << 24)
    >>> address = pool.empty((256, 256), "float32").ctypes.data  # dies at once
    >>> pool.empty((65536,), "float32").ctypes.data == address
    True
    """

    def __init__(self, limit: int) -> None:
        self._shelves: dict[int, _Shelf] = {}
        self._idle = self._held = self._peak = self._hits = self._misses = 0
        self.limit = limit

    def empty(self, shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An uninitialised C-ordered array like ``np.empty(shape, dtype)``.

        From ``THRESHOLD`` bytes up it starts at a multiple of ``ALIGNMENT`` and its memory may be
        recycled; object dtypes and arrays larger than the limit are always plain NumPy arrays.
        Raises what ``np.empty`` raises: ``ValueError`` for a negative size, ``TypeError`` for a
        shape or dtype that is none, ``MemoryError``.
        """
        if type(shape) is not tuple:
            shape = _as_shape(shape)
        dtype = np.dtype(dtype)
        nbytes = dtype.itemsize
        for size in shape:
            nbytes *= size
        if nbytes < THRESHOLD or nbytes > self.limit or dtype.hasobject:
            return np.empty(shape, dtype)
        return _ndarray(shape, dtype, self._lend(self._shelf(nbytes)))

    def maker(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Callable[[], npt.NDArray[Any]]:
        """``empty`` for one shape and dtype, as a function that is called many times."""
        nbytes = math.prod(shape) * dtype.itemsize
        plain = partial(np.empty, shape, dtype)
        if nbytes < THRESHOLD or dtype.hasobject:
            return plain
        shelf = self._shelf(nbytes)

        def make() -> npt.NDArray[Any]:
            return plain() if nbytes > self.limit else _ndarray(shape, dtype, self._lend(shelf))

        return make

    def workspace(self, nbytes: int) -> npt.NDArray[np.uint8]:
        """Scratch memory: ``nbytes`` uninitialised bytes, always aligned to ``ALIGNMENT``.

        >>> BufferPool(limit=0).workspace(100).ctypes.data % ALIGNMENT
        0
        """
        if THRESHOLD <= nbytes <= self.limit:
            return self.empty((nbytes,), _UINT8)
        return _aligned(nbytes)

    def clear(self) -> None:
        """Give all idle memory back to the operating system; arrays in use are not touched."""
        for shelf in list(self._shelves.values()):
            while self._drop_one(shelf):
                pass
        self._idle = self._count_idle()

    def set_limit(self, nbytes: int) -> None:
        """Bound the idle bytes from now on; what exceeds the new limit is released at once.

        Raises ``TypeError`` when ``nbytes`` is not an integer, ``ValueError`` when negative.
        """
        nbytes = index(nbytes)
        if nbytes < 0:
            raise ValueError(f"the buffer limit is a number of bytes >= 0, not {nbytes}")
        self.limit = nbytes
        self._make_room(0)

    def stats(self) -> BufferStats:
        """Counters of this pool; idle bytes and blocks are counted now, on the shelves."""
        blocks = sum(len(shelf.blocks) for shelf in list(self._shelves.values()))
        idle = self._count_idle()
        return BufferStats(
            bytes_idle=idle,
            bytes_in_use=self._held - idle,
            bytes_peak=self._peak,
            blocks_idle=blocks,
            hits=self._hits,
            misses=self._misses,
            limit=self.limit,
        )

    def _shelf(self, nbytes: int) -> _Shelf:
        step = 1 << (int(nbytes).bit_length() - 4)  # eight classes between two powers of two
        size = (nbytes + step - 1) & -step
        found = self._shelves.get(size)
        return found or self._shelves.setdefault(size, _Shelf(self, size))

    def _lend(self, shelf: _Shelf) -> _Owner:
        """A block of a shelf, or a new one, below an owner that will return it."""
        try:
            block = shelf.blocks.pop()  # the one returned last is likeliest still in the cache
            self._idle -= shelf.size
            self._hits += 1
        except IndexError:
            block = self._allocate(shelf.size)
        shelf.asked = self._misses
        owner = _Owner(shelf.shape, _UINT8, block)
        owner.shelf = shelf
        return owner

    def _allocate(self, size: int) -> _Block:
        try:
            memory = _aligned(size)
        except MemoryError:  # our own idle memory may be what is missing
            self.clear()
            memory = _aligned(size)
        self._misses += 1
        self._held += size
        self._peak = max(self._peak, self._held)
        return memory.view(_Block)

    def _take_back(self, shelf: _Shelf, block: Any) -> None:
        size = shelf.size
        if self._idle + size > self.limit and not self._make_room(size):
            self._held -= size
            return
        self._idle += size
        shelf.blocks.append(block)

    def _make_room(self, size: int) -> bool:
        """Release idle blocks until ``size`` more bytes fit under the limit, if they can."""
        room = self.limit - size
        idle = self._count_idle()
        shelves = list(self._shelves.values())  # a copy: other threads may add a shelf
        for shelf in sorted(shelves, key=lambda shelf: shelf.asked):
            while idle > room and self._drop_one(shelf):
                idle -= shelf.size
        self._idle = self._count_idle()
        return idle <= room

    def _drop_one(self, shelf: _Shelf) -> bool:
        try:
            shelf.blocks.popleft()
        except IndexError:
            return False
        self._held -= shelf.size
        return True

    def _count_idle(self) -> int:
        return sum(len(shelf.blocks) * shelf.size for shelf in list(self._shelves.values()))


def _as_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, Sequence) else (index(shape),)


def _aligned(nbytes: int) -> npt.NDArray[np.uint8]:
    storage = np.empty(nbytes + ALIGNMENT, _UINT8)
    start = -storage.ctypes.data % ALIGNMENT
    return storage[start : start + nbytes]


def _default_limit() -> int:
    """A quarter of the memory this process may use, at most 1 GiB."""
    available = 4 << 30
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no control group, or "max"
        available = min(available, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return min(1 << 30, available // 4)


_POOL = BufferPool(_default_limit())

empty = _POOL.empty
maker = _POOL.maker
workspace = _POOL.workspace
clear = _POOL.clear
stats = _POOL.stats
set_limit = _POOL.set_limit


def get_limit() -> int:
    """Bytes that may lie idle in the pool of the process (default: 25% of memory, <= 1 GiB).

    >>> get_limit() <= 1 << 30
    True
    """
    return _POOL.limit
