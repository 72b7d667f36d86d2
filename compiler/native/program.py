"""The native executable: a planned graph whose kernels are compiled.

``prepare`` evaluates sizes for one exact shape and writes the call (``writer.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir.dims import DimLike
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import Kind, New
from twofold.runtime.blas import find_blas

from .. import config
from ..kernel.build import build_kernels
from ..kernel.loops import Kernel
from ..kernel.short import is_short, most_columns
from ..kernel.verify import verify
from ..planned import native_graphs, roots, step_of
from .machine import (
    MachineKernel,
    Source,
    compile_kernels,
    driver,
    driver_source,
    inspect,
    kernel_source,
    pool_source,
    products_source,
)
from .routines import routine_source
from .writer import Writer

__all__ = ["KernelInfo", "NativeExecutable", "sources"]


class KernelInfo:
    """One kernel, its machine code, and what ``dump`` shows of it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.by_sizes = most_columns(kernel) > 0  # whether the code depends on the sizes
        self.made: dict[bool, MachineKernel] = {}  # for a short last loop, and else

    def machine(self, size: Callable[[DimLike], int]) -> MachineKernel:
        """The machine code for these sizes."""
        narrow = self.by_sizes and is_short(self.kernel, size)
        found = self.made.get(narrow)
        if found is None:
            (found,) = compile_kernels([self.kernel], narrow)
            self.made[narrow] = found
        return found

    @property
    def name(self) -> str:
        """The name of the kernel as a Python function."""
        from ..kernel.source import function_name  # noqa: PLC0415  (a call needs no readable form)

        return function_name(self.kernel)

    @property
    def python(self) -> str:
        """The loop nest as readable Python."""
        from ..kernel.source import python_source  # noqa: PLC0415

        return python_source(self.kernel, self.name)

    def llvm(self) -> str:
        """Optimised LLVM IR."""
        return inspect(kernel_source(self.kernel))[0]

    def asm(self) -> str:
        """Assembly."""
        return inspect(kernel_source(self.kernel))[1]


class NativeExecutable:
    """Machine code for a planned graph."""

    native = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.graphs = native_graphs(graph)
        self.roots = {v: root for part in self.graphs for v, root in roots(part).items()}
        fused = [n for part in self.graphs for n in part.nodes if step_of(n).kind is Kind.KERNEL]
        built = [(node, kernel) for node in fused for kernel in build_kernels(node)]
        if config.passes_are_verified():
            for _, kernel in built:
                verify(kernel)
        self.kernels = [KernelInfo(kernel) for _, kernel in built]
        self.code: dict[Node, list[KernelInfo]] = {node: [] for node in fused}
        for (node, _), info in zip(built, self.kernels, strict=True):
            self.code[node].append(info)
        fixed = [info for info in self.kernels if not info.by_sizes]
        for info, made in zip(fixed, compile_kernels([i.kernel for i in fixed]), strict=True):
            info.made[False] = made
        self.drive = driver()
        self.blas = find_blas()
        self.where = self._assign_slots()

    def _assign_slots(self) -> dict[Value, int]:
        """Positions in the slot list: 0 is the arena, then inputs, then arrays of their own."""
        where = {value: i for i, value in enumerate(self.graph.inputs, 1)}
        for node in (node for part in self.graphs for node in part.nodes):
            for value, place in zip(node.outputs, step_of(node).places, strict=True):
                if isinstance(place, New):
                    where[value] = len(where) + 1
        return where

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """The call for exact sizes."""
        return Writer(self, env).finish()


def sources(graph: Graph) -> list[Source]:
    """All that an executable of a planned graph is compiled from: kernels, then what they share."""
    nodes = [node for part in native_graphs(graph) for node in part.nodes]
    steps = [(node, step_of(node)) for node in nodes]
    kernels = [node for node, step in steps if step.kind is Kind.KERNEL]
    products = [products_source()] if any(step.routine == "gemm" for _, step in steps) else []
    written = [
        kernel_source(kernel, narrow)
        for node in kernels for kernel in build_kernels(node)
        for narrow in (False, True)[: 1 + bool(most_columns(kernel))]
    ]  # fmt: skip
    routines = {
        (step.routine, node.outputs[0].type.dtype): None
        for node, step in steps if step.kind is Kind.LIBRARY and step.routine != "gemm"
    }  # fmt: skip
    called = [routine_source(*routine) for routine in routines]
    return [*written, *products, *called, driver_source(), pool_source()]
