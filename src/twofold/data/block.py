"""Elements on their way through a pipeline: blocks of columns.

A block holds a number of consecutive elements, leaf by leaf: a column is an array whose rows are
the elements, or a list where elements differ in shape or are no arrays. A leaf of one element is
always an array (without axes for a scalar), unless it is a dataset or None. Arrays in blocks are
values: nobody writes to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .nest import Form

__all__ = ["Block", "Column", "join", "listed", "of_rows"]

Column = Any  # np.ndarray | list[Any]


class Block:
    """``count`` consecutive elements of one form."""

    __slots__ = ("columns", "count", "form")

    def __init__(self, count: int, columns: list[Column], form: Form) -> None:
        self.count, self.columns, self.form = count, columns, form

    def row(self, i: int) -> list[Any]:
        """The leaves of an element."""
        return [c[i, ...] if c.__class__ is np.ndarray else c[i] for c in self.columns]

    def rows(self) -> list[list[Any]]:
        """The leaves of every element."""
        return [self.row(i) for i in range(self.count)]

    def cut(self, start: int, stop: int) -> Block:
        """The elements from ``start`` to below ``stop``."""
        if start == 0 and stop >= self.count:
            return self
        stop = min(stop, self.count)
        return Block(stop - start, [c[start:stop] for c in self.columns], self.form)

    def where(self, chosen: np.ndarray[Any, Any]) -> Block:
        """The elements at these positions."""
        return Block(len(chosen), [_pick(c, chosen) for c in self.columns], self.form)

    def nbytes(self) -> int:
        """About how much memory the columns take."""
        return sum(
            c.nbytes if isinstance(c, np.ndarray) else sum(getattr(x, "nbytes", 64) for x in c)
            for c in self.columns
        )


def _pick(column: Column, chosen: np.ndarray[Any, Any]) -> Column:
    if isinstance(column, np.ndarray):
        return column.take(chosen, 0)
    return [column[i] for i in chosen.tolist()]


def of_rows(rows: Sequence[list[Any]], form: Form) -> Block:
    """A block of elements that were made one by one."""
    return Block(len(rows), [list(c) for c in zip(*rows, strict=True)], form)


def join(blocks: Sequence[Block]) -> Block:
    """Consecutive blocks of one form as one."""
    if len(blocks) == 1:
        return blocks[0]
    columns = [_join(parts) for parts in zip(*[b.columns for b in blocks], strict=True)]
    return Block(sum(b.count for b in blocks), columns, blocks[0].form)


def _join(parts: Sequence[Column]) -> Column:
    first = parts[0]
    if all(
        isinstance(p, np.ndarray) and p.shape[1:] == first.shape[1:] and p.dtype == first.dtype
        for p in parts
    ):
        return np.concatenate(parts)
    return [x for p in parts for x in listed(p)]


def listed(part: Column) -> list[Any]:
    """The leaves of a column, element by element."""
    if isinstance(part, np.ndarray):
        return [part[i, ...] for i in range(len(part))]
    return part  # type: ignore[no-any-return]
