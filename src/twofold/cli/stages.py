"""A function after each step of the compiler, as text that is the same on every run."""

from __future__ import annotations

from typing import Any, NamedTuple

from twofold.compiler.pipeline import PASSES, compile_graph, run
from twofold.compiler.targets import target_for
from twofold.ir.errors import ArgumentError
from twofold.ir.graph import Graph
from twofold.ir.printer import print_graph

__all__ = [
    "Stage", "graph_at", "graph_stages", "kernel_stages", "loop_stages", "machine_text",
    "stage_names",
]  # fmt: skip


class Stage(NamedTuple):
    """A step and what it leaves, as text."""

    name: str
    text: str


def stage_names() -> list[str]:
    """What ``--after`` accepts."""
    return ["trace", *(p.name for p in PASSES), "kernels"]


def graph_stages(graph: Graph, *, locations: bool = True) -> list[Stage]:
    """The traced graph and the graph after each pass."""
    stages = [Stage("trace", print_graph(graph, locations=locations))]
    run(graph, time=lambda step: stages.append(
        Stage(step.name, print_graph(step.graph, locations=locations))
    ))  # fmt: skip
    return stages


def graph_at(graph: Graph, step: str) -> Graph:
    """The graph after one step; ``kernels`` is the last. Raises ArgumentError for another name."""
    if step not in stage_names():
        raise ArgumentError(f"there is no step {step!r}; the steps are {', '.join(stage_names())}")
    if step == "trace":
        return graph
    return run(graph, after=None if step == "kernels" else step)


def kernel_stages(graph: Graph) -> list[Stage]:
    """The kernels of a function as readable Python, in the order in which they run."""
    return [Stage(k.name, k.python) for k in _kernels(graph)]


def loop_stages(graph: Graph) -> list[Stage]:
    """The kernels of a function as loop nests, a text that ``parse_kernels`` reads back."""
    return [Stage(k.name, str(k.kernel)) for k in _kernels(graph)]


def machine_text(graph: Graph, form: str) -> str:
    """All kernels as ``llvm`` or ``asm``, each once."""
    texts = [getattr(kernel, form)() for kernel in _kernels(graph)]
    return "\n".join(dict.fromkeys(texts))


def _kernels(graph: Graph) -> list[Any]:
    return list(compile_graph(graph, target_for(True)).kernels)
