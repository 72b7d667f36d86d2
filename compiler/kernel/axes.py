"""Neighbouring loops that every access walks as one become one loop."""

from __future__ import annotations

from twofold.ir.dims import product, provably_eq

from .data import replace
from .loops import Kernel
from .rewrite import reindexed
from .statements import Index

__all__ = ["merge_axes"]


def merge_axes(kernel: Kernel) -> Kernel:
    """Join what can be joined: ``x[i0 * m + i1]`` along n and m is ``x[i0]`` along ``n * m``."""
    axis = 0
    while axis + 1 < len(kernel.loops):
        outer, inner = kernel.loops[axis : axis + 2]
        if outer.fold == inner.fold and all(
            provably_eq(i.strides[axis], i.strides[axis + 1] * inner.size) for i in kernel.indices()
        ):
            kernel = _joined(kernel, axis)
        else:
            axis += 1
    return kernel


def _joined(kernel: Kernel, axis: int) -> Kernel:
    def drop(index: Index) -> Index:
        return replace(index, strides=index.strides[:axis] + index.strides[axis + 1 :])

    loops = list(kernel.loops)
    sizes = [loop.size for loop in loops[axis : axis + 2]]
    loops[axis : axis + 2] = [replace(loops[axis], size=product(sizes))]
    names = [loop.name for loop in kernel.loops]
    loops = [replace(loop, name=name) for loop, name in zip(loops, names, strict=False)]
    return replace(reindexed(kernel, drop), loops=tuple(loops))
