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
from twofold.runtime.buffers import empty
from twofold.runtime.loader import outside

__all__ = ["RECORD", "Handover", "Sequence"]

RECORD = 4  # words: address, size, capacity, whether the memory is of the C library


@functools.cache
def _free() -> Callable[[int], None]:
    """``free`` of the library that kernels call for memory."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(outside("free"))


class Sequence:
    """One sequence of a kernel: where its buffer comes from (``given``; else it begins empty) and
    goes to (``out``), and the slot of its record."""

    def __init__(
        self, kind: BufferType, writes: bool, given: Callable[[list[Any]], Any] | None,
        out: int | None, record: int,
    ) -> None:  # fmt: skip
        self.kind, self.writes, self.given, self.out = kind, writes, given, out
        self.record = record
        self.each = prod(map(int, kind.shape))  # elements of an array
        self.none = new(kind.element)
        self.last = 0  # the room that it took at last

    def begin(self, slots: list[Any]) -> Any:
        """Fill the record; returns the memory, which must be kept."""
        size = 0
        held: Any = None
        if self.given is not None:
            buffer = self.given(slots)
            size = len(buffer) * self.each
            held = np.ascontiguousarray(buffer.stack()) if size else None
        room = max(size, self.last)
        if self.writes and room:
            memory = empty((room,), self.kind.dtype)
            if size:
                memory[:size] = held.reshape(-1)
            held = memory
        if held is None:
            slots[self.record] = np.zeros(RECORD, np.int64)
        else:
            address = held.__array_interface__["data"][0]
            slots[self.record] = np.array((address, size, held.size, 0), np.int64)
        return held

    def finish(self, slots: list[Any], held: Any) -> None:
        """Make a buffer of what the kernel has left."""
        address, size, room, owned = slots[self.record].tolist()
        if self.out is None or not size:
            self.last = room if self.out is None else 0
            if owned:
                _free()(address)
            if self.out is not None:
                slots[self.out] = self.none
            return
        self.last = size
        if owned:
            memory: Any = (ctypes.c_char * (size * self.kind.dtype.itemsize)).from_address(address)
            weakref.finalize(memory, _free(), address)
            held = np.ndarray((size,), self.kind.dtype, memory)
        rows = held.reshape(-1)[:size]
        slots[self.out] = Arrays.of(
            rows if not self.kind.shape else rows.reshape(-1, *self.kind.shape)
        )


class Handover:
    """All sequences of a kernel. ``held``: the slot of their memory."""

    def __init__(self, sequences: list[Sequence], held: int) -> None:
        self.sequences, self.held = sequences, held

    def begin(self, slots: list[Any]) -> None:
        """Before the kernel runs."""
        slots[self.held] = [each.begin(slots) for each in self.sequences]

    def finish(self, slots: list[Any]) -> None:
        """When it has run."""
        held, slots[self.held] = slots[self.held], None
        for each, memory in zip(self.sequences, held, strict=True):
            each.finish(slots, memory)

    def give_up(self, slots: list[Any]) -> None:
        """After an exception: free what the kernel has left."""
        held, slots[self.held] = slots[self.held], None
        if held is not None:
            for each in self.sequences:
                address, _, _, owned = slots[each.record].tolist()
                if owned:
                    _free()(address)
