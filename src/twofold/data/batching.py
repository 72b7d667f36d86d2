"""Nodes that join elements along a new first axis, and take batches apart."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, ConversionError, DTypeError, ShapeError

from . import spec as specs
from .block import Block, Column, of_rows
from .nest import flatten, paths
from .node import INFINITE, UNKNOWN, Node, Opening, Reader, Run

__all__ = ["Batch", "Unbatch", "rows_of", "stacked"]


class Batch(Node):
    """``size`` consecutive elements as one; the last is smaller unless ``whole``."""

    name = "batch"

    def __init__(self, source: Node, size: int, whole: bool) -> None:
        super().__init__(source)
        if size < 1:
            raise ArgumentError(f"{self.name}: batch_size is at least 1, not {size}")
        self.size, self.whole = size, whole

    @functools.cached_property
    def spec(self) -> Any:
        return specs.batched(self.inputs[0].spec, self.size if self.whole else None)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if have < 0:
            return have
        return have // self.size if self.whole else -(-have // self.size)

    def arguments(self) -> str:
        return f"{self.size}, drop_remainder={self.whole}"

    def run(self, opening: Opening) -> Run:
        return _Batching(self, self.inputs[0].open(opening))

    def stack(self, block: Block) -> list[Any]:
        """The leaves of a batch."""
        return [stacked(c, path) for c, path in zip(block.columns, paths(block.form), strict=True)]


class _Batching(Run):
    def __init__(self, node: Batch, source: Run) -> None:
        self.node, self.reader, self.done = node, Reader(source), False

    def take(self, count: int) -> Block | None:
        """As many batches as are one array; else one. An error of an element takes its batch with
        it."""
        size = self.node.size
        block = None if self.done else self.reader.peek(count * size)
        if block is None:
            self.done = True
            return None
        full = block.count // size
        if not full:
            self.reader.drop(block.count)
            self.reader.raise_error()
            self.done = True
            return None if self.node.whole else self._one(block)
        if type(self.node) is Batch and all(isinstance(c, np.ndarray) for c in block.columns):
            self.reader.drop(full * size)
            columns = [c[: full * size].reshape(full, size, *c.shape[1:]) for c in block.columns]
            return Block(full, columns, block.form)
        self.reader.drop(size)
        return self._one(block.cut(0, size))

    def _one(self, block: Block) -> Block:
        return of_rows([self.node.stack(block)], block.form)

    def skip(self, count: int) -> int:
        if self.done:
            return 0
        size = self.node.size
        gone = self.reader.skip(count * size)
        if gone < count * size:
            self.done = True
        return gone // size if self.node.whole else -(-gone // size)

    def close(self) -> None:
        self.reader.close()


def stacked(column: Column, path: str = "") -> Any:
    """The elements of a column along a new axis. Raises ShapeError, DTypeError."""
    if isinstance(column, np.ndarray):
        return column
    first = column[0]
    if first is None and all(x is None for x in column):
        return None
    if not isinstance(first, np.ndarray):
        raise ConversionError(f"batch{path}: {type(first).__name__} is no tensor to batch")
    for i, x in enumerate(column):
        if not isinstance(x, np.ndarray) or x.shape != first.shape:
            raise ShapeError(
                f"batch{path}: element {i} of the batch has the shape {getattr(x, 'shape', None)}, "
                f"element 0 has {first.shape}; padded_batch pads them to one shape"
            )
        if x.dtype != first.dtype:
            raise DTypeError(
                f"batch{path}: element {i} of the batch is {x.dtype}, element 0 is {first.dtype}"
            )
    return np.stack(column)


class Unbatch(Node):
    """The rows of every element."""

    name = "unbatch"

    @functools.cached_property
    def spec(self) -> Any:
        leaves, _ = flatten(self.inputs[0].spec)
        if any(getattr(s, "shape", 0) == () for s in leaves):
            raise ShapeError("unbatch: an element without axes has no rows")
        return specs.rowless(self.inputs[0].spec)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if have in (0, INFINITE):
            return have
        leaves, _ = flatten(self.inputs[0].spec)
        sizes = {s.shape[0] for s in leaves if getattr(s, "shape", None)}
        size = sizes.pop() if len(sizes) == 1 else None
        return have * size if have > 0 and isinstance(size, int) else UNKNOWN

    def run(self, opening: Opening) -> Run:
        return _Unbatching(self.inputs[0].open(opening))


def rows_of(source: Run) -> Run:
    """The rows of every element of a run."""
    return _Unbatching(source)


class _Unbatching(Run):
    def __init__(self, source: Run) -> None:
        self.source = source
        self.held: Block | None = None

    def take(self, count: int) -> Block | None:
        while self.held is None:
            block = self.source.take(1)
            if block is None:
                return None
            self.held = _rows_of(block)
        held = self.held
        self.held = held.cut(count, held.count) if count < held.count else None
        return held.cut(0, count)

    def close(self) -> None:
        self.source.close()


def _rows_of(block: Block) -> Block | None:
    """The rows of one element as a block; None if there are none."""
    columns = block.row(0)
    for column, path in zip(columns, paths(block.form), strict=True):
        if not isinstance(column, np.ndarray) or not column.ndim:
            raise ShapeError(f"unbatch{path}: an element without axes has no rows")
    counts = {len(c) for c in columns}
    if len(counts) > 1:
        raise ShapeError(f"unbatch: the tensors of an element have {sorted(counts)} rows")
    count = counts.pop()
    return Block(count, columns, block.form) if count else None
