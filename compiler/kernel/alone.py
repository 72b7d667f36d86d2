"""Kernels of one node whose loops are written by hand, since no fused group could hold it.

patches(x)    the windows of a convolution beside each other. Two loops step along each axis
              of x: one from window to window, one within a window. The last two loops are the
              windows of one line, and what lies together in memory for each of them.
"""

from __future__ import annotations

from collections.abc import Callable

from twofold.ir.dims import DimLike
from twofold.ir.graph import Node

from .axes import merge_axes
from .buffers import contiguous
from .expression import in_kernels
from .loops import Buffer, Kernel, Loop, Sweep
from .statements import Access, Index, Load, Store

__all__ = ["build_alone", "is_alone"]


def is_alone(node: Node) -> bool:
    """Whether a node has a kernel of its own here."""
    return node.op.name in _BUILD and in_kernels(node.out.type.dtype)


def build_alone(node: Node, name: str) -> Kernel:
    """The kernel of a node that ``is_alone``."""
    return _BUILD[node.op.name](node, name)


def _patches(node: Node, name: str) -> Kernel:
    source, out = node.inputs[0].type, node.out.type
    rank, attrs = len(node.attrs["window"]), node.attrs
    batch, *inner, channel = contiguous(source.shape)
    reads: list[DimLike] = [
        batch,
        *(stride * step for stride, step in zip(inner, attrs["strides"], strict=True)),
        *(stride * hole for stride, hole in zip(inner, attrs["dilations"], strict=True)),
        channel,
    ]
    writes = contiguous(out.shape)
    # the last axis of the counts goes behind all of the window but its last axis
    order = [*range(rank), *range(rank + 1, 2 * rank), rank, 2 * rank, 2 * rank + 1]
    loops = tuple(Loop(f"i{i}", out.shape[axis]) for i, axis in enumerate(order))

    def at(buffer: int, strides: list[DimLike]) -> Access:
        return Access(buffer, Index(0, tuple(strides[axis] for axis in order)))

    buffers = Buffer("x", source.dtype, False), Buffer("out0", out.dtype, True)
    inside = Load("v0", source.dtype, at(0, reads)), Store(at(1, list(writes)), "v0")
    return merge_axes(Kernel(name, buffers, loops, (), (), (Sweep(inside),)))


_BUILD: dict[str, Callable[[Node, str], Kernel]] = {"patches": _patches}
