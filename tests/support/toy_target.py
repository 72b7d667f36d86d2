"""A third target: kernels without folds, interpreted statement by statement, point by point.

It shares nothing with the machine code or the readable Python but the loop IR itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.compiler.arrays.reference import run_node
from twofold.compiler.kernel.build import build_kernels
from twofold.compiler.kernel.expression import kernelable
from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.source import kernel_namespace
from twofold.compiler.kernel.statements import Apply, Index, Load, Store
from twofold.compiler.planned import step_of
from twofold.compiler.target import routine_of
from twofold.ir.dims import evaluate
from twofold.ir.graph import Graph, Node
from twofold.ir.step import Kind


class ToyTarget:
    """Fuses elementwise ops; its library has one routine."""

    name = "toy"

    def can_fuse(self, node: Node) -> bool:
        return node.op.kind in ("elementwise", "movement") and kernelable(node)

    def jumps(self, node: Node) -> bool:
        return False

    def library_call(self, node: Node) -> str | None:
        return routine_of(node)

    def lower(self, graph: Graph) -> ToyExecutable:
        return ToyExecutable(graph)


class ToyExecutable:
    """Runs each node by its kind."""

    native = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        kernels = [n for n in graph.nodes if step_of(n).kind is Kind.KERNEL]
        self.code = {node: build_kernels(node) for node in kernels}
        self.kernels: list[Any] = [k for made in self.code.values() for k in made]
        self.products = 0

    def prepare(self, env: dict[str, int]) -> Any:
        def call(arrays: list[Any]) -> list[Any]:
            table = dict(zip(self.graph.inputs, arrays, strict=True))
            for node in self.graph.nodes:
                inputs = [table[v] for v in node.inputs]
                outputs = self.run(node, inputs, env)
                table.update(zip(node.outputs, outputs, strict=True))
            return [table[v] for v in self.graph.outputs]

        return call

    def run(self, node: Node, inputs: list[Any], env: dict[str, int]) -> list[Any]:
        if node not in self.code:
            self.products += step_of(node).routine == "gemm"
            return run_node(node, inputs, env)
        sizes = [[evaluate(d, env) for d in v.type.shape] for v in node.outputs]
        outputs = [np.empty(s, v.type.dtype) for s, v in zip(sizes, node.outputs, strict=True)]
        buffers = [np.ravel(a) for a in inputs] + [np.ravel(a) for a in outputs]
        for kernel in self.code[node]:
            run_points(kernel, buffers, env)
        return outputs


@np.errstate(all="ignore")
def run_points(kernel: Kernel, buffers: list[Any], env: dict[str, int]) -> None:
    """Interpret a kernel point by point."""
    names = {c.name: c.dtype.type(c.value) for c in kernel.consts}
    code = {s: compile(s.expr, "<kernel>", "eval")
            for s in kernel.sweeps[0].inner if isinstance(s, Apply)}  # fmt: skip

    def at(index: Index, point: tuple[int, ...]) -> int:
        strides = [evaluate(d, env) for d in index.strides]
        return evaluate(index.offset, env) + sum(i * s for i, s in zip(point, strides, strict=True))

    for point in np.ndindex(*(evaluate(d, env) for d in kernel.dims)):
        for s in kernel.sweeps[0].inner:
            if isinstance(s, Load):
                names[s.name] = buffers[s.access.buffer][at(s.access.index, point)]
            elif isinstance(s, Apply):
                names["cast"] = s.dtype.type
                names[s.name] = s.dtype.type(eval(code[s], dict(kernel_namespace()), names))
            else:
                assert isinstance(s, Store)
                buffers[s.access.buffer][at(s.access.index, point)] = names[s.value]
