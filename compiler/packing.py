"""How graph outputs and Python values make up what a compiled function returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.dims import evaluate
from twofold.ir.errors import ReturnTypeError, StagingError
from twofold.ir.tree import LEAF, flatten, unflatten
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from .guards import Watch
from .symint import SymInt
from .symnumber import SymNumber
from .trace import TRACED_TEXT, Traced, Tracer

__all__ = ["Outputs"]

_CONSTANT = (type(None), bool, int, float, complex, str, bytes, np.dtype, np.generic)


class Outputs:
    """How graph outputs and Python values make up what the function returns."""

    def __init__(
        self, result: Any, tracer: Tracer, written: dict[int, Traced], seen: Watch,
        containers: list[Any],
    ) -> None:  # fmt: skip
        given = {id(c): i for i, c in enumerate(containers)}  # the argument's containers
        leaves, self.structure = flatten(result, given)
        values: list[Any] = []
        self.leaves: list[tuple[str, Any]] = []
        places: dict[int, int] = {}  # a tensor returned twice is one object, as without tracing
        for leaf in leaves:
            self.leaves.append(
                ("argument", given[id(leaf)]) if id(leaf) in given
                else self._leaf(leaf, values, tracer, places, seen)
            )  # fmt: skip
        self.arguments = any(kind == "argument" for kind, _ in self.leaves)  # some are returned
        self.count = len(values)
        self.numbers = any(kind == "number" for kind, _ in self.leaves)  # some are returned
        self.writes: list[tuple[int, int]] = []  # argument written to, output with its new value
        for position, traced in written.items():
            self.writes.append((position, len(values)))
            values.append(traced.value)
        self.graph = tracer.finish(values)
        solution = tracer.sizes
        self.leaves = [
            (kind, solution.resolve(x) if kind == "size" else x) for kind, x in self.leaves
        ]

    def _leaf(
        self, leaf: Any, values: list[Any], tracer: Tracer, places: dict[int, int], seen: Watch
    ) -> tuple[str, Any]:
        if isinstance(leaf, Traced):
            if id(leaf) not in places:
                places[id(leaf)] = len(values)
                values.append(tracer.value(leaf))
            return "tensor", places[id(leaf)]
        if isinstance(leaf, SymInt):
            return "size", leaf.dim
        if isinstance(leaf, SymNumber):
            return "number", leaf.slot
        if isinstance(leaf, np.ndarray) and not seen.holds(leaf):
            return "array", leaf.copy()  # made by the function, so each call returns its own
        if isinstance(leaf, str) and TRACED_TEXT in leaf:
            raise StagingError(
                f"{tracer.graph.name} returns a text made of the value of a tensor, which exists "
                f"only when the function runs; return the tensor and make the text outside",
                tracer.returns,
            )
        if isinstance(leaf, (Tensor, Variable, np.ndarray, *_CONSTANT)):
            return "object", leaf
        raise ReturnTypeError(
            f"{tracer.graph.name} returned {type(leaf).__name__}, which a compiled function cannot "
            f"return; return tensors, numbers, strings, None and containers of them",
            tracer.returns,
        )

    def builder(self, env: dict[str, int]) -> Any:
        """A function from output arrays to the returned value, for a trace without numbers."""
        if self.structure is LEAF and self.leaves[0][0] == "tensor":
            return lambda arrays: wrap(arrays[0])
        if (
            not self.writes
            and self.structure.kind is tuple
            and all(
                k == "tensor" and not c.kind
                for (k, _), c in zip(self.leaves, self.structure.children, strict=False)
            )
            and len(self.leaves) == len(self.structure.children) == self.count
        ):
            return lambda arrays: tuple([wrap(a) for a in arrays])
        return lambda arrays: self.build([wrap(a) for a in arrays], env)

    def build(
        self, tensors: list[Any], env: dict[str, int], numbers: Sequence[Any] = (),
        containers: Sequence[Any] = (),
    ) -> Any:  # fmt: skip
        """The returned value for these output tensors, sizes, numbers by slot, and containers of
        the arguments."""
        out = []
        for kind, x in self.leaves:
            if kind == "tensor":
                out.append(tensors[x])
            elif kind == "array":
                out.append(x.copy())
            elif kind == "number":
                out.append(numbers[x])
            elif kind == "argument":
                out.append(containers[x])
            else:
                out.append(evaluate(x, env) if kind == "size" else x)
        return unflatten(self.structure, out)
