"""Functions that were loaded: graphs on Variables of their own, and nobody's code.

A loaded function is a ``tf.function`` whose Python puts the saved graph into whatever asks for it:
a trace of its own, that of a function that calls it, or the eager executor. So it is compiled,
differentiated and called as any other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.compiler.capture.numbers import TracedNumber
from twofold.compiler.decorator import function
from twofold.compiler.gradient import mentioned
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.dim_text import parse_dim
from twofold.ir.dims import DimLike, evaluate, symbols_of
from twofold.ir.errors import ArgumentError, LoadError
from twofold.ir.fit import sizes_for
from twofold.ir.graph import Graph
from twofold.ir.op import OPS
from twofold.ir.rebuild import resized
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.ir.types import RefType
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable, read

from .encode import decode, decode_structure
from .prints import Printed

__all__ = ["RestoredTrace", "restored_function", "signature_text"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


class RestoredTrace:
    """A saved graph with what it was traced for. Raises LoadError or an error of decoding."""

    def __init__(
        self, held: dict[str, Any], graph: Graph, captures: Sequence[Any],
        arrays: dict[str, np.ndarray[Any, Any]],
    ) -> None:  # fmt: skip
        self.held, self.graph, self.captures = held, graph, list(captures)
        self.arguments = decode_structure(held["arguments"])
        self.leaves: list[tuple[str, Any]] = [
            ("input", int(leaf["input"])) if "input" in leaf
            else ("constant", decode(leaf["constant"]))
            for leaf in held["leaves"]
        ]  # fmt: skip
        self.inputs = [x for kind, x in self.leaves if kind == "input"]
        self.sizes = [(str(name), int(leaf), int(axis)) for name, leaf, axis in held["sizes"]]
        self.guards: list[tuple[DimLike, str, DimLike]] = [
            (parse_dim(left), sign, parse_dim(right)) for left, sign, right in held["guards"]
        ]
        self.returned = decode_structure(held["returned"])
        output = functools.partial(_output, arrays=arrays)
        self.outputs = [output(leaf) for leaf in held["outputs"]]
        self.prints = [Printed(one, output) for one in held.get("prints", ())]
        self.count = len(graph.outputs)
        self._check()

    def _check(self) -> None:
        """That all parts fit together, so that a call meets no surprise."""
        graph, count = self.graph, len(self.inputs)
        given = [*self.outputs, *[leaf for one in self.prints for leaf in one.outputs]]
        fits = (
            sorted(self.inputs) == list(range(count))
            and len(graph.inputs) == count + len(self.captures)
            and all(sign in _COMPARE for _, sign, _ in self.guards)
            and all(0 <= leaf < len(self.leaves) for _, leaf, _ in self.sizes)
            and all(kind != "output" or 0 <= x[0] < self.count for kind, x in given)
        )
        if not fits:
            raise LoadError(f"the graph {graph.name} does not fit what its manifest says of it")
        for value, captured in zip(graph.inputs[count:], self.captures, strict=True):
            is_ref = isinstance(value.type, RefType)
            same = value.type.dtype == captured.dtype and value.type.shape == captured.shape
            if is_ref != isinstance(captured, Variable) or not same:
                raise LoadError(
                    f"the graph {graph.name}: %{value.name} is {value.type}, and what was saved "
                    f"for it is {captured.dtype.name}{list(captured.shape)}"
                )

    def type_of(self, leaf: int) -> Any:
        """The type of a leaf that is a tensor."""
        return self.graph.inputs[self.leaves[leaf][1]].type

    @property
    def input_names(self) -> list[str]:
        """The names of the tensors that the graph takes, in the order of the arguments."""
        return [self.graph.inputs[x].name for x in self.inputs]

    def takes(self, leaves: Sequence[Any], structure: Structure) -> bool:
        """Whether these arguments are of the kind that the graph was traced for, sizes apart."""
        if structure != self.arguments:
            return False
        for i, (leaf, (kind, x)) in enumerate(zip(leaves, self.leaves, strict=True)):
            if kind == "constant":
                if type(leaf) is not type(x) or leaf != x:
                    return False
            elif not _is_of(leaf, self.type_of(i)):
                return False
        return True

    def fits(self, leaves: Sequence[Any]) -> bool:
        """Whether the sizes are those that the graph is for."""
        env = self._environment(leaves)
        for i, (kind, _) in enumerate(self.leaves):
            if kind == "input":
                for have, want in zip(leaves[i].shape, self.type_of(i).shape, strict=True):
                    if isinstance(want, int) and have != want:
                        return False
        return all(
            bool(_COMPARE[sign](evaluate(left, env), evaluate(right, env)))
            for left, sign, right in self.guards
        )

    def _environment(self, leaves: Sequence[Any]) -> dict[str, Any]:
        return {name: leaves[leaf].shape[axis] for name, leaf, axis in self.sizes}

    def run(self, leaves: Sequence[Any]) -> Any:
        """What the graph gives for the leaves, under whoever stands above."""
        ground = bind.ground()
        given: list[Any] = [None] * len(self.inputs)
        for leaf, (kind, x) in zip(leaves, self.leaves, strict=True):
            if kind == "input":
                given[x] = ground.value(_tensor(leaf))
        values = [*given, *[c if isinstance(c, Variable) else ground.value(c) for c in
                            self.captures]]  # fmt: skip
        if ground.tracing:
            outputs = _staged(self.graph, values, ground)
        else:
            outputs = bind.run(Call(OPS["call"], tuple(values), {}, (self.graph,)))
        tensors = [ground.tensor(value) for value in outputs]
        env = self._environment(leaves)
        for printed in self.prints:
            printed.run([self._value(*leaf, tensors, leaves, env) for leaf in printed.outputs])
        return unflatten(
            self.returned, [self._value(*leaf, tensors, leaves, env) for leaf in self.outputs]
        )

    def _value(self, kind: str, x: Any, tensors: Any, leaves: Any, env: Any) -> Any:
        if kind == "output":
            place, how = x
            return _as(how, tensors[place])
        if kind == "argument":
            return leaves[x]
        return evaluate(x, env) if kind == "size" else x

    def __str__(self) -> str:
        shown = [
            f"{self.graph.inputs[x].name}: {self.graph.inputs[x].type}" if kind == "input"
            else repr(x)
            for kind, x in self.leaves
        ]  # fmt: skip
        return f"({', '.join(shown)})"


def _output(held: dict[str, Any], arrays: dict[str, Any]) -> tuple[str, Any]:
    if "output" in held:
        return "output", (int(held["output"]), held.get("as", "tensor"))
    if "argument" in held:
        return "argument", int(held["argument"])
    if "size" in held:
        return "size", parse_dim(held["size"])
    if "array" in held:
        return "constant", wrap(arrays[held["array"]])
    return "constant", decode(held["constant"])


def _staged(graph: Graph, values: Sequence[Any], ground: Any) -> Sequence[Any]:
    """The nodes of a graph once more, in the trace that is made now: reads and assignments of
    Variables are those of that trace."""
    sizes = sizes_for(graph, [bind.type_of(v) for v in values], ground.sizes)
    late = mentioned(graph) - sizes.keys()
    sized = resized(graph, {**sizes, **{name: ground.sizes.fresh() for name in sorted(late)}})
    table = dict(zip(sized.inputs, values, strict=True))
    for node in sized.nodes:
        inputs = tuple([table[v] for v in node.inputs])
        if node.op.name in ("read", "held"):
            table[node.out] = read(inputs[0])
            continue
        place = node.loc, node.outputs[0].name if node.outputs else ""
        types = [v.type for v in node.outputs]
        outputs = bind.run(Call(node.op, inputs, node.attrs, node.regions, types, place))
        table.update(zip(node.outputs, outputs, strict=True))
    return [table[v] for v in sized.outputs]


def _is_of(leaf: Any, wanted: Any) -> bool:
    """Whether an argument is a tensor, or an array, of a dtype and rank."""
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    if shape is None:  # a Python number
        plain = isinstance(leaf, int | float | complex) and wanted.rank == 0
        return plain and _fits(leaf, wanted.dtype)
    return bool(dtype == wanted.dtype) and len(shape) == wanted.rank


def _fits(number: Any, dtype: np.dtype[Any]) -> bool:
    return bool(np.can_cast(np.min_scalar_type(number), dtype, "same_kind"))


def _tensor(leaf: Any) -> Any:
    return leaf if isinstance(leaf, Tensor) else OPS["identity"](leaf)


def _as(how: str, tensor: Any) -> Any:
    """An output as the Python number or array that the function returned."""
    if how == "tensor":
        return tensor
    if bind.ground().tracing:
        return tensor if how in ("array", "scalar") else TracedNumber(_KINDS[how], tensor)
    return tensor.array.item() if how in _KINDS else tensor.numpy()


_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool}


def restored_function(held: dict[str, Any], traces: list[RestoredTrace]) -> Any:
    """The function of a record with these traces."""
    name = str(held["name"])
    signature = _signature(held["parameters"])

    def call(*args: Any, **kwargs: Any) -> Any:
        if signature is not None:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        leaves, structure = flatten((args, kwargs))
        near = [t for t in traces if t.takes(leaves, structure)]
        found = next((t for t in near if t.fits(leaves)), None)
        if found is None:
            raise ArgumentError(_misfit(name, traces, near))
        return found.run(leaves)

    call.__name__ = call.__qualname__ = name
    if signature is not None:
        call.__signature__ = signature  # type: ignore[attr-defined]
    made = function(call, name=name, jit_compile=held["jit_compile"])
    made.restored = traces
    return made


def _misfit(name: str, traces: list[RestoredTrace], near: list[RestoredTrace]) -> str:
    if not traces:
        return (
            f"{name} was saved without a trace, so there is no graph to run: call it before "
            f"saving, or give it an input_signature"
        )
    known = "; ".join(f"{t}{_needs(t)}" for t in (near or traces)[:8])
    return f"no graph of {name} is for these arguments; those that were saved: {known}"


def _needs(trace: RestoredTrace) -> str:
    names = set(trace.graph.symbols())  # those that are fixed stand in the types
    guards = ", ".join(
        f"{a} {sign} {b}" for a, sign, b in trace.guards
        if not isinstance(a, int) and symbols_of(a) <= names
    )  # fmt: skip
    return f" with {guards}" if guards else ""


def signature_text(made: Any) -> str:
    """What a loaded function takes, a line for each trace."""
    return "\n".join(f"{made.name}{t}" for t in made.restored)


def _signature(parameters: Any) -> inspect.Signature | None:
    if parameters is None:
        return None
    made = [
        inspect.Parameter(
            p["name"],
            getattr(inspect.Parameter, p["kind"]),
            default=decode(p["default"]) if "default" in p else inspect.Parameter.empty,
        )
        for p in parameters
    ]
    return inspect.Signature(made)
