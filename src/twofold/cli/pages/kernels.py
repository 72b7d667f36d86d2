"""The graph of a call and the kernels that it is compiled to, as ``twofold dump`` shows them."""

from __future__ import annotations

from typing import Any

from twofold.compiler import pipeline
from twofold.compiler.decorator import function as compiled
from twofold.compiler.native.target import NATIVE
from twofold.runtime.tensor import Tensor

from .called import Called

__all__ = ["graph_and_kernels"]


def graph_and_kernels(call: Called) -> tuple[str, list[str]]:
    """The traced graph as a text, and each kernel as Python. Nothing is compiled to machine code.

    Raises what the trace raises, for what is eager only.
    """
    given = call.arguments()
    tensors = [x for x in given if isinstance(x, Tensor)]

    def function(*xs: Any) -> Any:
        held = iter(xs)
        filled = [next(held) if isinstance(x, Tensor) else x for x in given]
        return call.function(*filled, **call.attrs)

    function.__name__ = call.name
    graph = compiled(function, strict=True, autograph=False).graph(*tensors)
    planned = pipeline.run(graph)
    lines = [line.partition("  @ ")[0].rstrip() for line in str(graph).splitlines()]
    return "\n".join(lines), [k.python for k in NATIVE.lower(planned).kernels]
