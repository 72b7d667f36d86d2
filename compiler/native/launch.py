"""Launches: a function, its units of work, how they are cut into chunks, the words it is given.

``instructions.py`` writes launches as the program that the driver runs. How work is cut depends on
sizes alone, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import WIDEST
from twofold.runtime import threads

from ..kernel.expression import calls
from ..kernel.lanes import lanes_of
from ..kernel.loops import Kernel
from ..kernel.statements import Apply, walk
from .machine import MachineKernel

__all__ = ["ARENA", "CELL", "HELD", "LITERAL", "SLOT", "STATUS", "Launch", "Word", "as_word",
           "grain_of", "kernel_launches", "weight_of"]  # fmt: skip

BLOCK = 16384  # points of a `total` kernel that make one partial result
PARALLEL_WORK = 400_000  # weighted points below which one thread is faster
CHUNK_WORK = 100_000
LITERAL, SLOT, ARENA, STATUS, CELL = range(5)  # see ``driver.py``
HELD = 5  # a sequence, by the offset of its record: no word of a program

Word = tuple[int, int]  # tag and value


def as_word(value: Any) -> Word:
    """A context word: a place, or a number."""
    return value if value.__class__ is tuple else (LITERAL, value)


class Launch(NamedTuple):
    """One function over its units; see the module."""

    function: int
    units: int
    grain: int
    words: list[Word]


def kernel_launches(
    kernel: Kernel, machine: MachineKernel, buffers: Sequence[Word],
    size: Callable[[DimLike], int], reserve: Callable[[int], int], failure: int = -2,
) -> list[Launch]:  # fmt: skip
    """The launches of a kernel on these buffers; ``reserve`` gives bytes of the arena. ``failure``:
    the status if a check fails."""
    words = [*(buffers[i] for i in kernel.used), *((LITERAL, size(d)) for d in kernel.params())]
    dims = [size(d) for d in kernel.dims]
    points = int(np.prod(dims, dtype=np.int64))
    if kernel.leaves:  # what asks Python may do so in the thread of the caller, where a point runs
        tells = points == 1 or not kernel.polls
        words += [(STATUS if tells else LITERAL, 0), (LITERAL, failure)]
    if kernel.mode != "total":
        units = _units(kernel, dims)
        return [Launch(machine.body, units, grain_of(kernel, units, points), words)]
    inner = max(points // max(dims[0], 1), 1)
    block = max(BLOCK // inner, 1)
    units = -(-dims[0] // block)
    partials = reserve(WIDEST * len(kernel.sweeps[0].folds) * max(units, 1))
    words += [(LITERAL, block), (ARENA, partials), (LITERAL, units)]
    grain = grain_of(kernel, units, points)
    return [Launch(machine.body, units, grain, words), Launch(machine.combine, 1, 1, words)]


def _units(kernel: Kernel, dims: list[int]) -> int:
    """The units of work of a kernel; see ``nest.py``."""
    last = len(dims) - 1
    if kernel.mode == "map":
        return dims[0] if last == 0 else int(np.prod(dims[:-1], dtype=np.int64))
    kept = [d for a, d in enumerate(dims) if a not in kernel.reduced]
    if kernel.mode == "column":
        kept[-1] = -(-kept[-1] // lanes_of(kernel))
    return int(np.prod(kept, dtype=np.int64))


def grain_of(kernel: Kernel, units: int, points: int) -> int:
    """Units in a chunk; all of them if the work is too small to share."""
    work = points * weight_of(kernel)
    if work < PARALLEL_WORK or units < 2 or threads.get_num_threads() == 1:
        return max(units, 1)
    chunk = max(units * CHUNK_WORK // max(work, 1), 1)
    if kernel.mode == "map" and len(kernel.dims) == 1:
        chunk = -(-chunk // 256) * 256
    return chunk


def weight_of(kernel: Kernel) -> int:
    """Rough cost of one point: functions count eight, everything else one."""
    total = 0
    for sweep in kernel.sweeps:
        for s in walk(sweep.inner):
            total += 8 if isinstance(s, Apply) and calls(s.expr) else 1
    return max(total, 1)
