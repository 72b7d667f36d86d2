"""Sequences that a kernel grows: from buffers of the IR to memory that it may extend, and back.

A kernel that writes to a sequence is given a copy of its elements, in recycled memory with room for
as many as there were in the last call. If that is not enough the kernel takes memory of the C
library. What it leaves becomes a buffer again without being copied. A kernel that only reads and
pops finds the elements where they are.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from twofold.ir.buffer import Arrays, new
from twofold.ir.types import BufferType
from twofold.runtime.buffers import ALIGNMENT, empty
from twofold.runtime.loader import outside

__all__ = ["RECORD", "Handover", "Sequence"]

RECORD = 4  # words: address, size, capacity, whether the memory is of the C library


@functools.cache
def _free() -> Callable[[int], None]:
    """``free`` of the library that kernels call for memory."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(outside("free"))


class Sequence:
    """One sequence of a kernel: where its buffer comes from and goes to."""

    def __init__(
        self, kind: BufferType, writes: bool, given: Callable[[list[Any]], Any], out: int | None
    ) -> None:
        self.kind, self.writes, self.given, self.out = kind, writes, given, out
        self.each = prod(map(int, kind.shape))  # elements of an array
        self.none = new(kind.element)
        self.last = 0  # the size that it had at last

    def begin(self, slots: list[Any], words: Any) -> Any:
        """Fill the record; returns the memory, which must be kept."""
        buffer = self.given(slots)
        size = len(buffer) * self.each
        words[:] = 0
        held = buffer.stack().reshape(-1) if size else None
        room = max(size, self.last)
        if self.writes and room:
            memory = empty((room,), self.kind.dtype)
            if size:
                memory[:size] = held
            held = memory
        if held is not None:
            held = np.ascontiguousarray(held)
            words[:3] = held.__array_interface__["data"][0], size, len(held)
        return held

    def finish(self, slots: list[Any], words: Any, held: Any) -> None:
        """Make a buffer of what the kernel has left."""
        address, size, _, owned = words.tolist()
        self.last = size
        if self.out is None:  # it is only read
            return
        if not size:
            if owned:
                _free()(address)
            slots[self.out] = self.none
            return
        if owned:
            memory: Any = (ctypes.c_char * (size * self.kind.dtype.itemsize)).from_address(address)
            weakref.finalize(memory, _free(), address)
            held = np.ndarray((size,), self.kind.dtype, memory)
        slots[self.out] = Arrays.of(held[:size].reshape(-1, *self.kind.shape))


class Handover:
    """All sequences of a kernel, whose records lie in the arena one after the other."""

    def __init__(self, sequences: list[Sequence], records: int, held: int) -> None:
        self.sequences, self.records, self.held = sequences, records, held

    def words(self, slots: list[Any]) -> Any:
        """The records."""
        arena = slots[0]
        start = self.records + -arena.__array_interface__["data"][0] % ALIGNMENT
        count = len(self.sequences)
        return arena[start : start + 8 * RECORD * count].view(np.int64).reshape(count, RECORD)

    def begin(self, slots: list[Any]) -> None:
        """Before the kernel runs."""
        words = self.words(slots)
        pairs = zip(self.sequences, words, strict=True)
        slots[self.held] = [each.begin(slots, record) for each, record in pairs]

    def finish(self, slots: list[Any]) -> None:
        """When it has run."""
        held, slots[self.held] = slots[self.held], None
        for each, record, memory in zip(self.sequences, self.words(slots), held, strict=True):
            each.finish(slots, record, memory)

    def give_up(self, slots: list[Any]) -> None:
        """After an exception: free what the kernel has left."""
        held, slots[self.held] = slots[self.held], None
        if held is not None:
            for address, _, _, owned in self.words(slots).tolist():
                if owned:
                    _free()(address)
