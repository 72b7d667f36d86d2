"""Values joined from pieces: the boxes that are written each by a kernel of its own.

    %p = pad(%x, one row before and after)    box of the first row: the number
    %q = add(%p, %y)                          box of %x's rows: %x at its own row
                                              box of the last row: the number

A fused group may hold ops with ``pieces`` (``ir/access.py``), one on top and others that it reads
whole, and elementwise ops below and above them. Every box of the top one is a *part*: for each of
these ops it says which piece stands there. No test of positions is left in the loops, and what is
read elsewhere than it was computed is computed where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from twofold.ir.access import Axis, Piece, Span, pieces_of, whole
from twofold.ir.graph import Graph, Node, Value

__all__ = ["NOTHING", "Part", "Stand", "Stands", "parts_of", "reads_whole"]


class Stand(NamedTuple):
    """The piece of a joined value that a part writes, and the part of the piece's box."""

    piece: Piece
    inside: tuple[Span, ...]


Stands = Mapping[Value, Stand]
NOTHING: Stands = MappingProxyType({})


class Part(NamedTuple):
    """A box of a joined value, and what stands there in each joined value of the group."""

    box: tuple[Span, ...]
    stands: Stands


def parts_of(region: Graph) -> list[Part] | None:
    """The parts of a region's outputs, in the order in which they are written; None if nothing is
    joined in it."""
    joined: dict[Value, list[Part]] = {}
    found: list[Part] | None = None
    for node in region.nodes:
        below = [joined[v] for v in node.inputs if v in joined]
        if node.op.pieces is not None:
            found = joined[node.out] = _parts(node, joined)
        elif below:
            joined[node.out] = below[0]
    return found


def _parts(node: Node, joined: Mapping[Value, list[Part]]) -> list[Part]:
    pieces = pieces_of(node)
    assert pieces is not None
    found = []
    for piece in pieces:
        source = None if piece.source is None else node.inputs[piece.source]
        inner = [Part((), NOTHING)] if source is None else joined.get(source, [Part((), NOTHING)])
        for part in inner:
            inside = whole([span.size for span in piece.box])
            if part.box:
                inside = tuple(
                    Span(0, span.size) if axis.source is None else part.box[axis.source]
                    for axis, span in zip(piece.access.axes, piece.box, strict=True)
                )
            box = tuple(
                Span(b.start + s.start * b.step, s.size, b.step * s.step)
                for b, s in zip(piece.box, inside, strict=True)
            )
            found.append(Part(box, {**part.stands, node.out: Stand(piece, inside)}))
    return found


def reads_whole(piece: Piece, source: Value) -> bool:
    """Whether a piece is all of its source, element by element in order."""
    shape = source.type.shape
    axes = [axis for axis in piece.access.axes if axis.source is not None]
    sizes = [
        span.size for axis, span in zip(piece.access.axes, piece.box, strict=True)
        if axis.source is not None
    ]  # fmt: skip
    return axes == [Axis(i) for i in range(len(shape))] and sizes == list(shape)
