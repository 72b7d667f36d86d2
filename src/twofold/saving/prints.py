"""What a saved function prints: the values of ``tf.print`` beside those that it returns.

A trace gives what it does behind its graph after what it returns (``compiler/packing.py``). Of that
``tf.print`` to standard output and error is saved, as the operation that it is in TensorFlow; those
of a loop are templates and rows (``compiler/capture/repeated.py``). Python's ``print`` is no part
of a graph and is left out. All else is refused.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twofold.compiler.capture import repeated
from twofold.compiler.capture.grown import Listed
from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.runtime import printing

from .encode import decode, decode_structure, encode, encode_structure

__all__ = ["Printed", "recorded", "split"]

Leaf = tuple[str, Any]


class _Held:
    """A leaf of what a trace gives."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf


class Rows(NamedTuple):
    """A ``Listed`` that is no list yet."""

    form: Any
    rows: Any
    count: Any


Part = tuple[list[Leaf], Structure]
_ROWS = {("Rows", *Rows._fields): Rows}


def split(outputs: Any, name: str) -> tuple[Part, list[tuple[dict[str, Any], Part]]]:
    """What a function returns, and for each ``tf.print``, or all of a loop, its options and values:
    conditions that all hold where it prints, and what. Raises ArgumentError for what else the
    function does."""
    if not outputs.effects:
        return (outputs.leaves, outputs.structure), []
    options = [_told(function, name) for function in outputs.effects]
    whole = outputs.structure
    held = iter([_Held(leaf) for leaf in outputs.leaves])
    returned = [next(held) for _ in range(_count(whole.children[0]))]
    calls = unflatten(_unmade(whole.children[1]), list(held))
    prints = []
    for how, (when, args, _) in zip(options, calls, strict=True):
        if how is not None:
            loaded = how.pop("loaded", False)  # which has conditions of its own
            values = ((when, *args[0]), *args[1:]) if loaded else ((when,), *args)
            prints.append((how, _part(values)))
    return ([held.leaf for held in returned], whole.children[0]), prints


def _count(structure: Structure) -> int:
    """The leaves of a structure."""
    if structure.kind is None:
        return 1
    return sum(map(_count, structure.children))


def _unmade(structure: Structure) -> Structure:
    """A structure in which rows stay what they are."""
    children = tuple(map(_unmade, structure.children))
    kind = Rows if structure.kind is Listed else structure.kind
    return structure._replace(kind=kind, children=children)


def _part(tree: Any) -> Part:
    leaves, structure = flatten(tree, with_keys=True)
    return [held.leaf for held in leaves], structure


def _told(function: Any, name: str) -> dict[str, Any] | None:
    """The options of a print, or for those of a loop what they are called with; None for one of
    Python's alone."""
    base = function.func if isinstance(function, functools.partial) else None
    if base not in (repeated.repeat, _repeat_if):
        return _options(function, name)
    constant = functools.partial(encode, what=f"what {name} prints")
    calls = [(_options(called, name), template) for called, template in function.args[0]]
    found: dict[str, Any] = {"loop": [
        None if how is None else {**how, "template": repeated.encoded(template, constant)}
        for how, template in calls
    ]}  # fmt: skip
    return {**found, "loaded": True} if base is _repeat_if else found


def _options(function: Any, name: str) -> dict[str, Any] | None:
    """The options of a ``tf.print``; None for Python's."""
    partial = isinstance(function, functools.partial)
    base, given = (function.func, function.keywords) if partial else (function, {})
    if base in (builtins.print, _left_out):
        return None
    if base not in (printing.print, printing.write, printing.print_if):
        raise ArgumentError(
            f"{name} cannot be saved: it logs or changes Python objects on every call, which a "
            f"graph alone does not do; save a function without that"
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
    """A ``tf.print`` of a saved graph, or all of a loop. Raises KeyError and the like for a record
    that is none."""

    def __init__(self, held: dict[str, Any], output: Callable[[Any], Leaf]) -> None:
        self.values = decode_structure(held["values"], dict(_ROWS))
        self.outputs = [output(leaf) for leaf in held["outputs"]]
        loop = held.get("loop")
        if loop is None:
            self.write: Any = functools.partial(printing.print_if, **_restored(held))
        else:
            self.write = functools.partial(_repeat_if, [_call(one) for one in loop])

    def run(self, leaves: Sequence[Any]) -> None:
        """Print these values of the leaves, when the graph above has run."""
        given = unflatten(self.values, list(leaves))
        bind.ground().later("tf.print", self.write, tuple(map(_printable, given)))


def _restored(held: dict[str, Any]) -> dict[str, Any]:
    """The options of a print, of its record."""
    options: dict[str, Any] = {"sep": str(held.get("sep", " "))}
    options["end"] = str(held.get("end", "\n"))
    options["summarize"] = int(held.get("summarize", 3))
    if held.get("output_stream") == "stdout":
        options["output_stream"] = "stdout"
    return options


def _call(held: dict[str, Any] | None) -> tuple[Callable[..., Any], Any]:
    """A call that trips of a loop make, of its record."""
    if held is None:  # of Python's print
        return _left_out, ((), (), ())
    function = functools.partial(printing.print_if, (), **_restored(held))
    return function, repeated.decoded(held["template"], decode)


def _left_out(*args: Any) -> None:
    """Print nothing."""


def _printable(value: Any) -> Any:
    if type(value) is Rows:
        return Listed(*value)
    return tuple(map(_printable, value)) if type(value) is tuple else printing.printable(value)


def _repeat_if(calls: Any, conditions: Any, order: Any, rows: Any, given: Any) -> None:
    """What the trips of a loop print, where all conditions hold."""
    if all(conditions):
        repeated.repeat(calls, _settled(order), [_settled(row) for row in rows], given)


def _settled(rows: Any) -> Any:
    return rows.settled() if isinstance(rows, Listed) else rows
