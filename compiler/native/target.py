"""Machine code as a target: kernels through LLVM, products through the BLAS of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twofold.ir.graph import Graph, Node
from twofold.runtime.blas import find_blas

from ..kernel.expression import computable
from ..target import routine_of

if TYPE_CHECKING:
    from .program import NativeExecutable

__all__ = ["NATIVE", "NativeTarget"]


class NativeTarget:
    """See the module."""

    name = "native"

    def can_fuse(self, node: Node) -> bool:
        """Whatever the loop IR can spell."""
        return computable(node)

    def jumps(self, node: Node) -> bool:
        """Always."""
        return True

    def library_call(self, node: Node) -> str | None:
        """Products of matrices, if a BLAS was found."""
        routine = routine_of(node)
        return routine if routine is not None and find_blas() is not None else None

    def lower(self, graph: Graph) -> NativeExecutable:
        """The program of a planned graph, its kernels compiled."""
        from .program import NativeExecutable  # noqa: PLC0415  (with the loop IR: when it is used)

        return NativeExecutable(graph)


NATIVE = NativeTarget()
