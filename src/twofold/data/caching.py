"""``cache``: the elements of the first whole pass, for those that follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from .block import Block, join
from .node import Node, Opening, Run, Seeds, Source
from .sources import Arrays, Range

__all__ = ["Cache"]


class Kept:
    """What a pass has left in memory, once one was whole."""

    def __init__(self) -> None:
        self.block: Block | None = None
        self.draws: dict[Seeds, int] | None = None
        self.whole = False

    def __reduce__(self) -> Any:
        return Kept, ()  # a copy in another process fills its own


class Cache(Node):
    """The same elements; those of a whole pass are kept in memory, and are then known by number."""

    name = "cache"

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        self.kept = Kept()

    @property
    def cardinality(self) -> int:
        if self.kept.whole:
            return 0 if self.kept.block is None else self.kept.block.count
        return self.inputs[0].cardinality

    def lifted(self) -> tuple[Node, Source] | None:
        block = self.kept.block
        if block is None:
            return None
        return Range(0, block.count), Arrays(block.columns, block.form)

    def run(self, opening: Opening) -> Run:
        if self.kept.whole:
            return _Nothing()
        draws = self.inputs[0].draws(opening)
        return _Keeping(self.kept, self.inputs[0].open(opening), draws)

    def draws(self, opening: Opening) -> dict[Seeds, int]:
        """Of what is kept: those of the pass that was kept."""
        return super().draws(opening) if self.kept.draws is None else self.kept.draws

    def reopened(self, opening: Opening, count: int) -> None:
        """Passes over what is kept are none over the input."""


class _Nothing(Run):
    def take(self, count: int) -> Block | None:
        return None


class _Keeping(Run):
    """Passes elements on and keeps them; a pass that is left early leaves nothing."""

    def __init__(self, kept: Kept, source: Run, draws: dict[Seeds, int]) -> None:
        self.kept, self.source, self.draws = kept, source, draws
        self.blocks: list[Block] = []
        self.failed = False

    def take(self, count: int) -> Block | None:
        try:
            block = self.source.take(count)
        except Exception:
            self.failed = True
            raise
        if block is None:
            if not self.kept.whole and not self.failed:
                self.kept.block = _settled(self.blocks)
                self.kept.draws = self.draws
                self.kept.whole = True
            return None
        self.blocks.append(block)
        return block

    def close(self) -> None:
        self.source.close()


def _settled(blocks: list[Block]) -> Block | None:
    """Blocks as one, with arrays where all elements have one shape."""
    if not blocks:
        return None
    whole = join(blocks)
    return Block(whole.count, [_array(c) for c in whole.columns], whole.form)


def _array(column: Any) -> Any:
    if isinstance(column, list) and all(isinstance(x, np.ndarray) for x in column):
        first = column[0]
        if all(x.shape == first.shape and x.dtype == first.dtype for x in column):
            return np.stack(column)
    return column
