"""The record of a pass, and the one driver that takes it through a graph and its regions.

    @graph_pass(kernels=False)
    def fuse(graph: Graph, target: Target, *, max_ops: int = 96) -> Graph:
        '''Group elementwise chains and reductions into kernels. ...'''

A pass is written for one graph; called, it is lifted over the regions: ``fuse(graph)`` fuses in the
bodies of calls as well. A second parameter, ``target``, is what the graph is compiled for: such a
pass plans. Keyword-only parameters are its options. ``fuse.having(max_ops=8)`` is the
pass with another value, and its text is ``fuse{max_ops=8}``.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from twofold.ir.attrs import attrs_key
from twofold.ir.errors import ArgumentError, VerifyError
from twofold.ir.graph import Graph, Node
from twofold.ir.rebuild import lift
from twofold.ir.words import meant

from .. import config
from ..target import PLAN, Target

__all__ = ["Option", "Pass", "graph_pass"]

TYPES = {"bool": bool, "int": int, "float": float, "str": str}


class Option:
    """A parameter of a pass: its type, what it is if nobody says otherwise, what it does."""

    __slots__ = ("_doc", "default", "name", "type")

    def __init__(self, name: str, type: type, default: Any, doc: str) -> None:
        self.name, self.type, self.default, self._doc = name, type, default, doc

    @property
    def about(self) -> str:
        """What the documentation says after ``name:`` at the start of a line, up to the next
        option."""
        pattern = rf"^{self.name}: (.*?)(?=\n\w+: |\n\n|\Z)"
        found = re.search(pattern, self._doc, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    def __str__(self) -> str:
        return f"{self.name}={_text(self.default)}"


class Pass:
    """A function from graphs to new graphs, with a name, a documentation and options."""

    def __init__(
        self, function: Callable[..., Graph], kernels: bool, steps: bool = False,
        values: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.__doc__ = function.__name__, function.__doc__
        self.__module__ = function.__module__
        self._function, self.kernels, self.steps = function, kernels, steps
        code = function.__code__
        self.plans = "target" in code.co_varnames[: code.co_argcount]
        self.values = (function.__kwdefaults__ or {}) | (values or {})

    @functools.cached_property
    def options(self) -> dict[str, Option]:
        """The keyword-only parameters; each has a default and one of the types in ``TYPES``."""
        found = inspect.signature(self._function).parameters.values()
        doc = inspect.getdoc(self._function) or ""
        return {p.name: Option(p.name, TYPES[p.annotation], p.default, doc)
                for p in found if p.kind is p.KEYWORD_ONLY}  # fmt: skip

    def __call__(self, graph: Graph, *, target: Target = PLAN, verify: bool | None = None) -> Graph:
        """A new graph; the one that is given stays as it is.

        ``target``: what a pass that plans asks (default: a plan for any target).
        ``verify``: check the result (default: what ``config.verify_passes`` says). Raises
        VerifyError if it breaks an invariant.
        """
        result = lift(lambda part: self._apply(part, target), graph, self._enters)
        if not self.steps:  # a plan holds for exactly the nodes that it was made for
            for node in result.walk():
                node.step = None
        if config.passes_are_verified() if verify is None else verify:
            self._check(result)
        return result

    def _apply(self, graph: Graph, target: Target) -> Graph:
        return self._function(graph, *([target] if self.plans else []), **self.values)

    def _enters(self, node: Node) -> bool:
        return self.kernels or not node.op.kernel

    def _check(self, result: Graph) -> None:
        from twofold.ir.verify import verify  # noqa: PLC0415  (off by default)

        try:
            verify(result)
        except VerifyError as error:
            raise VerifyError(
                f"{error.reason} (after the pass {self})", error.invariant, error.node,
                error.location,
            ) from None  # fmt: skip

    def having(self, **values: Any) -> Pass:
        """The pass with other options. Raises ArgumentError for an unknown one or a wrong type."""
        for name, value in values.items():
            reason = self.refused(name, value)
            if reason:
                raise ArgumentError(reason)
        return Pass(self._function, self.kernels, self.steps, self.values | values)

    def refused(self, name: str, value: Any) -> str:
        """Why an option cannot have a value, in words; ``""`` if it can."""
        option = self.options.get(name)
        if option is None:
            has = ", ".join(map(str, self.options.values())) or "none"
            hint = meant(name, self.options) or f"; its options: {has}"
            return f"the pass {self.name} has no option {name}{hint}"
        if type(value) is not option.type:
            kind = option.type.__name__
            return f"the option {name} of the pass {self.name} is of type {kind}, not {value!r}"
        return ""

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return (self.__doc__ or "").partition("\n")[0]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Pass)
            and self._function is other._function
            and attrs_key(self.values) == attrs_key(other.values)
        )

    def __hash__(self) -> int:
        return hash((self._function, attrs_key(self.values)))

    def __str__(self) -> str:
        changed = [
            f"{name}={_text(value)}"
            for name, value in self.values.items()
            if value != self.options[name].default
        ]
        return f"{self.name}{{{', '.join(changed)}}}" if changed else self.name

    def __repr__(self) -> str:
        return str(self)


def graph_pass(
    *, kernels: bool = True, steps: bool = False
) -> Callable[[Callable[..., Graph]], Pass]:
    """Declare a pass.

    kernels: whether it enters the regions of fused nodes as well.
    steps: whether it writes the steps of nodes. After any other pass no node has one: what runs a
    node and where its outputs lie is no longer true of a graph that has been changed.
    """
    return lambda function: Pass(function, kernels, steps)


def _text(value: Any) -> str:
    from twofold.ir.attr_text import show_attr  # noqa: PLC0415  (when somebody looks)

    return show_attr(value)
