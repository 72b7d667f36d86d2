"""A trace of a compiled function as JSON, graph text and arrays: what ``restored.py`` reads.

What a trace took from around it is there as it is now: Variables by their place in the saved
object, tensors and arrays as constants, Python numbers as the numbers that they are.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.compiler.leftout import constant_of, number_arguments
from twofold.compiler.method import BoundConcrete, BoundMethod
from twofold.compiler.ndarrays.cells import Target
from twofold.compiler.numbers import NumberInput
from twofold.compiler.passes.inline import inline
from twofold.compiler.signature import Token
from twofold.ir.dim_text import parse_dim
from twofold.ir.dims import symbol, symbols_of
from twofold.ir.errors import ArgumentError
from twofold.ir.printer import print_graph
from twofold.ir.rebuild import resized
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from .encode import encode, encode_structure
from .prints import recorded, split

__all__ = ["Callable_", "Recorder", "is_function", "restored_traces", "traces_of"]

Callable_ = Function | BoundMethod | ConcreteFunction | BoundConcrete


def is_function(value: Any) -> bool:
    """Whether this is a compiled function, a method of an object or a trace of one."""
    return isinstance(value, Callable_)


def traces_of(value: Callable_) -> list[ConcreteFunction]:
    """The traces of a function that hold for the present state of Python, made again where it has
    changed. One that has an input signature is traced, if it has not been."""
    if isinstance(value, ConcreteFunction):
        return [value]
    if isinstance(value, BoundConcrete):
        return [value.concrete]
    function = value.__func__ if isinstance(value, BoundMethod) else value
    owner = value.__self__ if isinstance(value, BoundMethod) else None
    found = [t for t in function.traces() if owner is None or _is_of(t, owner)]
    if not found and function.input_signature is not None:
        traced = value.get_concrete_function(*function.input_signature)
        return [traced.concrete if isinstance(traced, BoundConcrete) else traced]
    made = [_renewed(function, t, owner) for t in found]
    return list({id(t): t for t in made}.values())


def restored_traces(value: Any) -> list[Any] | None:
    """The traces that a function was loaded with; None for one that was not loaded."""
    found: list[Any] | None = getattr(value, "restored", None)
    return found


def _is_of(trace: ConcreteFunction, owner: Any) -> bool:
    first = trace.key[1] if len(trace.key) > 1 else None
    return isinstance(first, Token) and first.is_for(owner)


def _renewed(function: Function, trace: ConcreteFunction, owner: Any) -> ConcreteFunction:
    """The trace, or the one that a call like the one that made it would use now."""
    known = trace.outputs.segment is None  # else nothing of it can be saved, which is said below
    if known and trace.watch.unchanged() and trace.trace.numbers.hold(number_arguments(trace)):
        return trace
    leaves: list[Any] = []
    for i, part in enumerate(trace.key[1:]):
        if i in trace.positions:
            value = trace.graph.inputs[trace.positions.index(i)]
            sizes = {(leaf, axis): name for name, leaf, axis in trace.sizes.sources}
            shape = [trace.sizes.hints[sizes[i, axis]] for axis in range(value.type.rank)]
            leaves.append(wrap(np.broadcast_to(np.zeros((), value.type.dtype), shape)))
        else:
            leaves.append(constant_of(trace, i, part))
    return function.whole(leaves, trace.key[0])


class Recorder:
    """Records functions. ``variable`` gives the place of a Variable in the saved object, ``array``
    keeps an array and gives its name; traces name their ``graphs`` by number."""

    def __init__(self, variable: Callable[[Variable], int], array: Callable[[Any], str]) -> None:
        self.variable, self.array = variable, array
        self.graphs: list[str] = []

    def function(self, value: Callable_) -> dict[str, Any]:
        """A function with its traces. Raises ArgumentError for what cannot be saved."""
        owned = isinstance(value, BoundMethod | BoundConcrete)
        function: Any = value
        if isinstance(value, BoundMethod):
            function = value.__func__
        elif not isinstance(value, Function):
            function = traces_of(value)[0]._function
        loaded = restored_traces(value)
        return {
            "name": function.name,
            "jit_compile": function.jit_compile,
            "parameters": _parameters(function, owned),
            "traces": [self.trace(t, owned) for t in traces_of(value)]
            if loaded is None
            else [self.loaded(t) for t in loaded],
        }

    def loaded(self, trace: Any) -> dict[str, Any]:
        """A trace that was loaded, as it was saved."""
        name = trace.graph.name
        self.graphs.append(print_graph(trace.graph))
        held = trace.held
        return {
            **held,
            "graph": len(self.graphs) - 1,
            "captures": [self._capture(c, {}, name) for c in trace.captures],
            "outputs": self._again(held["outputs"], trace.outputs),
            "prints": [
                {**one, "outputs": self._again(one["outputs"], printed.outputs)}
                for one, printed in zip(held.get("prints", ()), trace.prints, strict=True)
            ],
        }

    def _again(self, held: list[Any], leaves: list[Any]) -> list[Any]:
        """The record of leaves that were loaded, with their arrays in what is saved now."""
        return [
            {"array": self.array(x.array)} if "array" in one else one
            for one, (_, x) in zip(held, leaves, strict=True)
        ]

    def trace(self, concrete: ConcreteFunction, owned: bool) -> dict[str, Any]:
        """One trace; ``owned``: its first argument is the object, which is left out."""
        name, trace = concrete.name, concrete.trace
        self._check(concrete)
        known = trace.numbers.of_call(number_arguments(concrete))
        fixed = _sizes_of_signature(concrete)
        graph = resized(inline(concrete.graph), {s: parse_dim(d) for s, d in fixed})
        leaves, structure, place = self._arguments(concrete, owned)
        (returned, shape), prints = split(concrete.outputs, name)
        output = functools.partial(self._output, place=place, numbers=known, name=name)
        self.graphs.append(print_graph(graph))
        return {
            "graph": len(self.graphs) - 1,
            "arguments": encode_structure(structure, f"an argument of {name}"),
            "leaves": leaves,
            "captures": [self._capture(c, known, name) for c in concrete.captures],
            "sizes": [[s, place[leaf], axis] for s, leaf, axis in concrete.sizes.sources],
            "guards": [
                *[[str(g.left), g.relation, str(g.right)] for g in concrete.sizes.guards],
                *[[symbol, "==", size] for symbol, size in fixed],
            ],
            "returned": encode_structure(shape, f"what {name} returns"),
            "outputs": [output(leaf) for leaf in returned],
            "prints": recorded(prints, output, name),
        }

    def _arguments(
        self, concrete: ConcreteFunction, owned: bool
    ) -> tuple[list[Any], Structure, dict[int, int]]:
        """The leaves of the arguments with defaults filled in, their structure, and where each
        leaf of the trace is among them."""
        name, positions = concrete.name, concrete.trace.positions
        marks = [_Leaf(i) for i in range(len(concrete.key) - 1)]
        args, kwargs = unflatten(concrete.key[0], marks)
        signature = _signature(concrete._function, owned)
        if signature is not None:
            bound = signature.bind(*args[1 if owned else 0 :], **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        given, structure = flatten((args, kwargs))
        leaves, place = [], {}
        for at, leaf in enumerate(given):
            what = f"an argument of {name}"
            if leaf.__class__ is not _Leaf:
                leaves.append({"constant": encode(leaf, what)})
                continue
            place[leaf.index] = at
            part = concrete.key[1 + leaf.index]
            if leaf.index in positions:
                leaves.append({"input": positions.index(leaf.index)})
            elif isinstance(part, Token):
                raise ArgumentError(f"{name} cannot be saved: {what} is an object")
            else:
                held = encode(constant_of(concrete, leaf.index, part), what)
                leaves.append({"constant": held})
        return leaves, structure, place

    def _check(self, concrete: ConcreteFunction) -> None:
        trace, outputs = concrete.trace, concrete.outputs
        for holds, why in (
            (trace.changed, "tracing it changes Python objects"),
            (bool(outputs.writes) or bool(trace.targets), "it writes into its arguments"),
            (trace.prelude is not None, "it asks Python for the time or the like on every call"),
        ):  # fmt: skip
            if holds:
                raise ArgumentError(
                    f"{concrete.name} cannot be saved: {why}, which a graph alone does not do; "
                    f"save a function without that"
                )

    def _capture(self, held: Any, numbers: Any, name: str) -> dict[str, Any]:
        if isinstance(held, Variable):
            return {"variable": self.variable(held)}
        if isinstance(held, NumberInput):
            return {"array": self.array(held.array(numbers))}
        if isinstance(held, Target):
            raise ArgumentError(f"{name} cannot be saved: it writes into an array from outside")
        return {"array": self.array(held.array if isinstance(held, Tensor) else as_array(held))}

    def _output(self, leaf: tuple[str, Any], place: dict[int, int], numbers: Any, name: str) -> Any:
        kind, x = leaf
        if kind == "tensor":
            return {"output": x}
        if kind == "leaf":
            return {"argument": place[x]}
        if kind in ("int", "float", "bool", "scalar"):
            return {"output": x, "as": kind}
        if kind == "size":
            return {"size": str(x)}
        if kind == "number":
            return {"constant": encode(numbers[x], f"a number that {name} returns")}
        if kind == "ndarray" and x.is_output:
            return {"output": x.output, "as": "array"}
        if kind == "object" and isinstance(x, Tensor | np.ndarray):
            return {"array": self.array(x.array if isinstance(x, Tensor) else x)}
        if kind == "object":
            return {"constant": encode(x, f"what {name} returns")}
        raise ArgumentError(f"{name} cannot be saved: it returns {kind} that only Python makes")


def _sizes_of_signature(concrete: ConcreteFunction) -> list[tuple[str, str]]:
    """The symbols of a trace that its function's input signature fixes: each with the size, or the
    symbol that it is equal to. (The trace itself is for any.)"""
    wanted = concrete._function.input_signature
    if wanted is None:
        return []
    specs, sizes = flatten(list(wanted))[0], concrete.sizes
    place = {(leaf, axis): sizes.resolve(symbol(name)) for name, leaf, axis in sizes.sources}
    found: dict[str, str] = {}
    named: dict[str, str] = {}
    for leaf, spec in zip(concrete.positions, specs, strict=True):
        for axis, size in enumerate(spec.shape or ()):
            dim = place[leaf, axis]
            if size is None or isinstance(dim, int):
                continue
            (name,) = symbols_of(dim)
            if not isinstance(size, str):
                found.setdefault(name, str(size))
            elif named.setdefault(size, name) != name:
                found.setdefault(name, named[size])
    return [(name, found.get(size, size)) for name, size in found.items()]


class _Leaf:
    """Stands for a leaf of the arguments of a trace."""

    def __init__(self, index: int) -> None:
        self.index = index


def _signature(function: Any, owned: bool) -> inspect.Signature | None:
    """What the Python function takes, without the object that it is a method of; None if it does
    not say, or has defaults that cannot be saved."""
    try:
        found = inspect.signature(function.python_function, follow_wrapped=False)
        parameters = list(found.parameters.values())[1 if owned else 0 :]
        for p in parameters:
            if p.default is not p.empty:
                encode(p.default, "a default")
    except (TypeError, ValueError):
        return None
    return found.replace(parameters=parameters)


def _parameters(function: Any, owned: bool) -> list[dict[str, Any]] | None:
    """The same as JSON."""
    signature = _signature(function, owned)
    if signature is None:
        return None
    return [
        {"name": p.name, "kind": p.kind.name,
         **({} if p.default is p.empty else {"default": encode(p.default, "a default")})}
        for p in signature.parameters.values()
    ]  # fmt: skip
