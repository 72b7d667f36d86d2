"""What a saved function prints: the values of ``tf.print`` beside those that it returns.

A trace gives what it does behind its graph after what it returns (``compiler/packing.py``). Of that
``tf.print`` to standard output and error is saved, as the operation that it is in TensorFlow.
Python's ``print`` is no part of a graph and is left out. All else is refused.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.runtime import printing

from .encode import decode_structure, encode_structure

__all__ = ["Printed", "recorded", "split"]

Leaf = tuple[str, Any]


class _Held:
    """A leaf of what a trace gives."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf


Part = tuple[list[Leaf], Structure]


def split(outputs: Any, name: str) -> tuple[Part, list[tuple[dict[str, Any], Part]]]:
    """What a function returns, and for each ``tf.print`` its options and values: conditions that
    all hold where it prints, and what. Raises ArgumentError for what else the function does."""
    if not outputs.effects:
        return (outputs.leaves, outputs.structure), []
    options = [_options(function, name) for function in outputs.effects]
    result, calls = unflatten(outputs.structure, [_Held(leaf) for leaf in outputs.leaves])
    prints = []
    for how, (when, args, _) in zip(options, calls, strict=True):
        if how is not None:
            loaded = how.pop("loaded", False)  # which has conditions of its own
            values = ((when, *args[0]), *args[1:]) if loaded else ((when,), *args)
            prints.append((how, _part(values)))
    return _part(result), prints


def _part(tree: Any) -> Part:
    leaves, structure = flatten(tree, with_keys=True)
    return [held.leaf for held in leaves], structure


def _options(function: Any, name: str) -> dict[str, Any] | None:
    """The options of a ``tf.print``; None for Python's."""
    partial = isinstance(function, functools.partial)
    base, given = (function.func, function.keywords) if partial else (function, {})
    if base is builtins.print:
        return None
    if base not in (printing.print, printing.write, printing.print_if):
        raise ArgumentError(
            f"{name} cannot be saved: it logs, changes Python objects or prints in a loop of the "
            f"graph on every call, which a graph alone does not do; save a function without that"
        )
    options = {key: given[key] for key in ("summarize", "sep", "end") if key in given}
    if base is printing.print_if:
        options["loaded"] = True
    stream = given.get("output_stream")
    if stream is not None and stream is not sys.stderr and stream != "stderr":
        if stream is not sys.stdout and stream != "stdout":
            raise ArgumentError(
                f"{name} cannot be saved: it prints to {stream!r}; a saved function prints to "
                f"sys.stdout and sys.stderr"
            )
        options["output_stream"] = "stdout"
    return options


def recorded(prints: Any, output: Callable[[Leaf], Any], name: str) -> list[dict[str, Any]]:
    """The prints as JSON; ``output`` writes a leaf."""
    return [
        {
            **options,
            "values": encode_structure(structure, f"what {name} prints"),
            "outputs": [output(leaf) for leaf in leaves],
        }
        for options, (leaves, structure) in prints
    ]


class Printed:
    """A ``tf.print`` of a saved graph. Raises KeyError and the like for a record that is none."""

    def __init__(self, held: dict[str, Any], output: Callable[[Any], Leaf]) -> None:
        self.values = decode_structure(held["values"])
        self.outputs = [output(leaf) for leaf in held["outputs"]]
        self.options: dict[str, Any] = {"sep": str(held.get("sep", " "))}
        self.options["end"] = str(held.get("end", "\n"))
        self.options["summarize"] = int(held.get("summarize", 3))
        if held.get("output_stream") == "stdout":
            self.options["output_stream"] = "stdout"

    def run(self, leaves: Sequence[Any]) -> None:
        """Print these values of the leaves, when the graph above has run."""
        write = functools.partial(printing.print_if, **self.options)
        given = unflatten(self.values, list(leaves))
        bind.ground().later("tf.print", write, tuple(map(printing.printable, given)))
