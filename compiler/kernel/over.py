"""Kernels that write over what they read: the memory of an array is that of what updates it."""

from __future__ import annotations

from collections.abc import Iterable

from .loops import Kernel
from .statements import Load, Store

__all__ = ["copied_buffers", "may_write_over"]


def may_write_over(kernels: Iterable[Kernel], target: int, sources: frozenset[int]) -> bool:
    """Whether the buffer ``target`` may be the memory of the buffers ``sources`` too: of these a
    kernel reads at a point what stands where it writes, and nothing else.

    The kernels of a node write different elements.
    """
    return all(_at_its_points(kernel, target, sources) for kernel in kernels)


def _at_its_points(kernel: Kernel, target: int, sources: frozenset[int]) -> bool:
    reads, writes = set(), set()
    for s in kernel.statements():
        if isinstance(s, Load) and s.access.buffer in sources:
            reads.add(s.access.index)
        elif isinstance(s, Store) and s.access.buffer == target:
            writes.add(s.access.index)
    if not reads:
        return True
    return reads == writes and len(writes) == 1 and kernel.straight and kernel.mode == "map"


def copied_buffers(kernel: Kernel) -> tuple[int, int] | None:
    """The buffer that a kernel copies and the one that it copies it to, if it does nothing else,
    each element to its own place."""
    match list(kernel.statements()):
        case [Load(name, _, source), Store(target, value)] if value == name:
            if source.index == target.index and kernel.straight:
                return source.buffer, target.buffer
    return None
