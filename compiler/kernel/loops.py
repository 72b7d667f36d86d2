"""The second, smaller IR: one kernel is a loop nest over scalars.

    kernel softmax_like(x: f32, out0: out f32) for (i0: n, fold i1: m) {
      sweep {
        v0: f32 = x[i0 * (m) + i1]
        v1: f32 = exp(v0)
        fold acc2: f32 = acc2 + v1 from 0.0
      } after {
        out0[i0] = acc2
      }
    }

A kernel runs along ``loops``; those marked ``fold`` are folded away. The points of the other loops
are independent: a target may run them in any order, in vectors and in threads. For each of them
the kernel runs ``before`` once, then its sweeps in order. A sweep goes through the folded loops
once (without folded loops: it is one point), folds accumulators and stores; then it runs its
``after`` once. ``schedule.py`` decides what is in which sweep. In a sweep there may be scalar
control flow: typed variables, ``if``, ``while``, further loops, elements at computed positions, and
``check``, which ends the kernel where its test fails. ``reduce`` folds over a box of positions; a
target may do so in vectors, in an order that depends on the sizes alone. A buffer marked ``grow``
is resized at its end.

Invariants (``verify.py`` checks them under the same headings)

Names
    Buffers, loops, constants and values have different names, none of them reserved. A name is
    given once in a block and used below it, there or in a deeper block. What a sweep's points
    compute is known in that sweep alone; what constants, ``before``, folds and ``after`` give is
    known from there on.

Places
    An access has a stride for every loop; what stands outside the folded loops has stride 0 along
    them. Stores go to buffers marked ``out``. Computed positions are of dtype int64.

Types
    An expression has the dtype that is declared for it; a store has that of its buffer; tests are
    bools.

Folds
    ``fold`` stands directly in a sweep of a kernel that has folded loops; its expression combines
    the accumulator with one other value. Sweeps are one, unless the last loop is folded and another
    is not. A ``reduce`` holds folds too, one at least, and besides loads, positions, values and
    checks alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.dims import DimLike, symbol, symbols_of
from twofold.ir.once import once

from .data import Data
from .rewrite import rewritten, with_buffers
from .statements import (
    Block,
    Check,
    Const,
    Fold,
    For,
    If,
    Index,
    Load,
    Reduce,
    Resize,
    Set,
    Size,
    Statement,
    Store,
    Var,
    While,
    in_code,
    index_of,
    indices_of,
    names_of,
    walk,
)  # fmt: skip
from .text import print_kernel

__all__ = ["Buffer", "Kernel", "Loop", "Sweep"]

DType = np.dtype[Any]


class Sweep(Data):
    """One run through the folded loops, and what follows it."""

    inner: Block
    after: Block = ()

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The accumulators, in order."""
        return tuple(s for s in self.inner if isinstance(s, Fold))


class Buffer(Data):
    """A flat array that the kernel is given; ``out``: it may be written to; ``grows``: it is given
    as a record of an address, a size and a capacity, and may become longer; ``room``: it is memory
    for so many elements that only the kernel uses."""

    name: str
    dtype: DType
    out: bool
    grows: bool = False
    room: DimLike | None = None


class Loop(Data):
    """A loop from 0 to ``size``; ``fold``: it is folded away."""

    name: str
    size: DimLike
    fold: bool = False


_NOWHERE = Index(0, ())
_CONTROL = Var | Set | Size | Resize | If | While | For | Reduce


class Kernel(Data, slots=False):
    """A loop nest; see the module. Kernels are equal if their texts are."""

    name: str
    buffers: tuple[Buffer, ...]
    loops: tuple[Loop, ...]
    consts: tuple[Const, ...]
    before: Block
    sweeps: tuple[Sweep, ...]

    @property
    def dims(self) -> tuple[DimLike, ...]:
        """The loops' sizes."""
        return tuple(loop.size for loop in self.loops)

    @property
    def reduced(self) -> frozenset[int]:
        """The positions of the folded loops."""
        return frozenset(i for i, loop in enumerate(self.loops) if loop.fold)

    @property
    def mode(self) -> str:
        """``map`` (nothing is folded), ``row``, ``column`` or ``total`` (everything is)."""
        folded = [loop.fold for loop in self.loops]
        if not any(folded):
            return "map"
        if all(folded):
            return "total"
        return "row" if folded[-1] else "column"

    @once
    def straight(self) -> bool:
        """Whether its points run without control flow and computed positions, so in vectors too.

        A check is none: it fails if it fails in a lane.
        """
        return not any(
            isinstance(s, _CONTROL) or (index_of(s) or _NOWHERE).scalars for s in self.statements()
        )

    @once
    def leaves(self) -> bool:
        """Whether it may end early: a check fails, memory runs out, a loop is ended."""
        return any(isinstance(s, While | For | Check | Resize) for s in self.statements())

    @property
    def polls(self) -> bool:
        """Whether it asks Python for signals or for memory: in the thread of the caller alone."""
        return any(isinstance(s, While | For | Resize) for s in self.statements())

    def statements(self) -> Iterator[Statement]:
        """Every statement, those of blocks after the one that holds them."""
        yield from walk(self.before)
        for sweep in self.sweeps:
            yield from walk(sweep.inner)
            yield from walk(sweep.after)

    def indices(self) -> Iterator[Index]:
        """The index of every access, position and loop bound."""
        for s in self.statements():
            yield from indices_of(s)

    @once
    def used(self) -> tuple[int, ...]:
        """The numbers of the buffers that it reads or writes: its code is given no others."""
        if any(isinstance(s, Size | Resize) for s in self.statements()):
            return tuple(range(len(self.buffers)))  # buffers that grow have words of their own
        found = {s.access.buffer for s in self.statements() if isinstance(s, Load | Store)}
        return tuple(sorted(found))

    def params(self) -> list[DimLike]:
        """Sizes, strides and offsets except -1, 0 and 1: the integers that the code is given."""
        found: dict[DimLike, None] = dict.fromkeys(self.dims)
        for index in self.indices():
            for item in index.sizes():
                if not in_code(item):
                    found[item] = None
        return list(found)

    def symbols(self) -> list[str]:
        """The symbols of the sizes, sorted."""
        return sorted({s for item in self.params() for s in symbols_of(item)})

    def content(self) -> Kernel:
        """The kernel without buffers that it does not use, with every name replaced by a number and
        every size that is given at run time by a symbol: kernels with equal contents have the same
        machine code."""
        sizes = {d: symbol(f"p{i}") for i, d in enumerate(self.params())}
        named = [*(self.buffers[i].name for i in self.used), *(x.name for x in self.loops),
                 *(c.name for c in self.consts)]  # fmt: skip
        named += [name for s in self.statements() for name in names_of(s)]
        names = {name: f"v{i}" for i, name in enumerate(dict.fromkeys(named))}
        return with_buffers(rewritten(self, "kernel", names, sizes), self.used)

    def key(self) -> str:
        """The text of the content: equal keys mean equal machine code."""
        return self._key

    @once
    def _key(self) -> str:
        return str(self.content())

    def __str__(self) -> str:
        return print_kernel(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
