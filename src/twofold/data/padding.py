"""``padded_batch`` and ``rebatch``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, ShapeError

from . import spec as specs
from .batching import Batch
from .block import Block, join, listed
from .nest import flatten, pack, paths
from .node import UNKNOWN, Node, Opening, Reader, Run
from .strings import STRING

__all__ = ["PaddedBatch", "Rebatch", "padded_to"]


class PaddedBatch(Batch):
    """A batch whose elements are padded at their ends to one shape."""

    name = "padded_batch"

    def __init__(self, source: Node, size: int, shapes: Any, values: Any, whole: bool) -> None:
        super().__init__(source, size, whole)
        self.shapes, self.values = shapes, values

    @functools.cached_property
    def wanted(self) -> list[Any]:
        """The padded shape of each leaf; None is the largest of a batch."""
        leaves, _ = flatten(self.inputs[0].spec)
        if self.shapes is None:
            for leaf in leaves:
                if getattr(leaf, "shape", ()) is None:
                    raise ArgumentError(
                        "padded_batch: the number of axes is not known; pass padded_shapes"
                    )
            return [getattr(leaf, "shape", ()) for leaf in leaves]
        return shapes_of(self.shapes, flatten(self.inputs[0].spec)[1], len(leaves))

    @functools.cached_property
    def fillers(self) -> list[Any]:
        """What each leaf is padded with; None is zero, or no text."""
        leaves, _ = flatten(self.inputs[0].spec)
        if self.values is None or not isinstance(self.values, tuple | dict):
            return [self.values] * len(leaves)
        return flatten(self.values)[0]

    @functools.cached_property
    def spec(self) -> Any:
        leaves, form = flatten(self.inputs[0].spec)
        size = self.size if self.whole else None
        made = [
            specs.make(leaf.dtype, [size, *[None if n is None or n == -1 else n for n in shape]])
            for leaf, shape in zip(leaves, self.wanted, strict=True)
        ]
        return pack(form, made)

    def arguments(self) -> str:
        return f"{self.size}, {self.shapes}, drop_remainder={self.whole}"

    def stack(self, block: Block) -> list[Any]:
        where = paths(block.form)
        parts = zip(block.columns, self.wanted, self.fillers, where, strict=True)
        return [_padded(column, shape, value, path) for column, shape, value, path in parts]


def shapes_of(shapes: Any, form: Any, count: int) -> list[Any]:
    """The shapes of leaves, in the structure of an element or as one for a lone tensor."""
    if form.kind is None:
        return [_shape(shapes)]
    parts = list(shapes.values()) if hasattr(shapes, "values") else list(shapes)
    if hasattr(shapes, "values"):
        parts = [shapes[k] for k in form.keys]
    found = [
        s
        for part, child in zip(parts, form.children, strict=True)
        for s in shapes_of(part, child, len(paths(child)))
    ]
    if len(found) != count:
        raise ArgumentError("padded_batch: padded_shapes do not have the structure of an element")
    return found


def padded_to(shapes: Any, length: int) -> Any:
    """Shapes, or the specs of elements, with each size that is open set to ``length``."""

    def one(leaf: Any) -> Any:
        sizes = getattr(leaf, "shape", leaf)
        return [length if n is None or n == -1 else n for n in sizes]

    if isinstance(shapes, dict):
        return {key: padded_to(part, length) for key, part in shapes.items()}
    if isinstance(shapes, tuple) and not all(n is None or isinstance(n, int) for n in shapes):
        return tuple(padded_to(part, length) for part in shapes)
    return one(shapes)


def _shape(shape: Any) -> Any:
    if isinstance(shape, Sequence) or hasattr(shape, "__iter__"):
        return tuple(None if n is None or int(n) == -1 else int(n) for n in shape)
    raise ArgumentError(f"padded_batch: {shape!r} is no shape")


def _padded(column: Any, shape: Any, value: Any, path: str) -> Any:
    rows = listed(column)
    if any(r.ndim != len(shape) for r in rows):
        raise ShapeError(f"padded_batch{path}: {rows[0].ndim} axes, padded_shapes has {len(shape)}")
    sizes = [max(r.shape[a] for r in rows) for a in range(len(shape))]
    for axis, want in enumerate(shape):
        if want is not None and sizes[axis] > want:
            raise ShapeError(
                f"padded_batch{path}: an element has {sizes[axis]} along axis {axis}, more than "
                f"the {want} of padded_shapes"
            )
    full = [len(rows), *[s if w is None else w for s, w in zip(sizes, shape, strict=True)]]
    dtype = rows[0].dtype
    if value is None:
        value = b"" if dtype == STRING else 0
    out = np.full(full, specs.leaf_of(value, None if dtype == STRING else dtype).item(), dtype)
    for i, r in enumerate(rows):
        place: Any = (i, *[slice(n) for n in r.shape])
        out[place] = r
    return out


class Rebatch(Node):
    """Batches of other sizes, which are used in turn."""

    name = "rebatch"

    def __init__(self, source: Node, sizes: list[int], whole: bool) -> None:
        super().__init__(source)
        if not sizes or min(sizes) < 1:
            raise ArgumentError(f"rebatch: a batch size is at least 1, not {sizes}")
        self.sizes, self.whole = sizes, whole

    @functools.cached_property
    def spec(self) -> Any:
        one = self.whole and len(set(self.sizes)) == 1
        return specs.batched(specs.rowless(self.inputs[0].spec), self.sizes[0] if one else None)

    @property
    def cardinality(self) -> int:
        return UNKNOWN

    def arguments(self) -> str:
        return f"{self.sizes}, drop_remainder={self.whole}"

    def run(self, opening: Opening) -> Run:
        return _Rebatching(self, self.inputs[0].open(opening))


class _Rebatching(Run):
    def __init__(self, node: Rebatch, source: Run) -> None:
        from .batching import rows_of  # noqa: PLC0415

        self.node, self.rows = node, Reader(rows_of(source))
        self.turn = 0

    def take(self, count: int) -> Block | None:
        size = self.node.sizes[self.turn % len(self.node.sizes)]
        block = self.rows.read(size)
        if block is None or (self.node.whole and block.count < size):
            return None
        self.turn += 1
        columns = [np.stack(c) if isinstance(c, list) else c for c in join([block]).columns]
        return Block(1, [c[None] for c in columns], block.form)

    def close(self) -> None:
        self.rows.close()
