"""Signatures of a saved model: functions of named tensors that return a dict of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.ir.op import OPS
from twofold.ir.tree import flatten, unflatten
from twofold.runtime.tensor import Tensor

from .record import is_function, restored_traces, traces_of

__all__ = ["DEFAULT", "Signature", "make_signatures", "restored_signatures"]

DEFAULT = "serving_default"


def make_signatures(obj: Any, signatures: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Name -> the function that serves it, and the names of its inputs. Raises ArgumentError."""
    if signatures is None:
        signatures = _default(obj)
    elif not isinstance(signatures, Mapping):
        signatures = {DEFAULT: signatures}
    found = {}
    for name, made in signatures.items():
        if isinstance(name, str) and isinstance(made, Signature):
            found[name] = made.function, {"inputs": made.inputs}
            continue
        if not isinstance(name, str) or not is_function(made):
            raise ArgumentError(
                f"signatures are compiled functions by name; {name!r} is {made!r}: decorate it "
                f"with tf.function"
            )
        inputs = _inputs(made)
        if len(inputs) != 1:
            raise ArgumentError(
                f"the signature {name!r} has {len(inputs)} traces, and needs one: give "
                f"{made.name} an input_signature, or pass get_concrete_function(...)"
            )
        found[name] = made, {"inputs": inputs[0]}
    return found


def _default(obj: Any) -> dict[str, Any]:
    """What the object says it serves; else ``__call__``, if it is a compiled method with one
    trace."""
    serves = getattr(type(obj), "__tf_signatures__", None)
    if serves is not None:
        named: dict[str, Any] = serves(obj)
        return named
    call = getattr(type(obj), "__call__", None)  # noqa: B004
    if not is_function(call):
        return {}
    bound = obj.__call__
    try:
        return {DEFAULT: bound} if len(traces_of(bound)) == 1 else {}
    except ArgumentError:
        return {}


def _inputs(made: Any) -> list[list[str]]:
    """For each trace the names of the tensors that it takes, in order."""
    loaded = restored_traces(made)
    if loaded is not None:
        return [trace.input_names for trace in loaded]
    return [_names(trace) for trace in traces_of(made)]


def _names(trace: Any) -> list[str]:
    """The names of the specs of an input signature, else those of the parameters."""
    names = [trace.trace.leaf_names[i] for i in trace.positions]
    specs = trace._function.input_signature
    if specs is not None:
        given = [spec.name for spec in flatten(list(specs))[0]]
        names = [spec or name for spec, name in zip(given, names, strict=True)]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


class Signature:
    """A function of keyword tensors that returns a dict: what servers call.

    A result that is no dict is ``output_0``, ``output_1`` ... ``inputs`` names the keywords.
    """

    def __init__(self, name: str, function: Any, inputs: list[str]) -> None:
        self.name, self.function, self.inputs = name, function, inputs
        (self.trace,) = function.restored

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if len(args) > len(self.inputs) or set(self.inputs[len(args) :]) != set(kwargs):
            raise ArgumentError(
                f"the signature {self.name!r} takes {', '.join(self.inputs) or 'nothing'}; given: "
                f"{', '.join([*map(str, range(len(args))), *kwargs]) or 'nothing'}"
            )
        given = [*args, *[kwargs[name] for name in self.inputs[len(args) :]]]
        found = iter(given)
        leaves = [next(found) if kind == "input" else x for kind, x in self.trace.leaves]
        positional, named = unflatten(self.trace.arguments, leaves)
        return _named(self.function(*positional, **named))

    @property
    def structured_input_signature(self) -> dict[str, str]:
        """The type of each keyword, as the graph has it."""
        kinds = [x for kind, x in self.trace.leaves if kind == "input"]
        return {
            n: str(self.trace.graph.inputs[x].type)
            for n, x in zip(self.inputs, kinds, strict=True)
        }  # fmt: skip

    def __repr__(self) -> str:
        types = ", ".join(f"{n}: {t}" for n, t in self.structured_input_signature.items())
        return f"<signature {self.name}({types})>"


def _named(result: Any) -> dict[str, Any]:
    if isinstance(result, dict) and all(isinstance(k, str) for k in result):
        return {k: _tensor(v) for k, v in result.items()}
    leaves, _ = flatten(result)
    return {f"output_{i}": _tensor(leaf) for i, leaf in enumerate(leaves)}


def _tensor(value: Any) -> Any:
    return value if isinstance(value, Tensor) else OPS["identity"](value)


def restored_signatures(held: dict[str, Any], functions: list[Any]) -> dict[str, Signature]:
    """The signatures of a saved model by name."""
    return {
        name: Signature(name, functions[s["function"]], [str(n) for n in s["inputs"]])
        for name, s in held.items()
    }
