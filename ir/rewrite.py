"""Rewriting by rules: rows of pattern, replacement and condition, and one driver.

    # -(-x) = x
    Row(Term("negative", Term("negative", X)), X),

A pattern is a ``Term`` (an op and patterns of its inputs and attributes), a ``Var`` (any value; the
same value wherever it occurs) or a ``Const`` (a value known to have one number in every element). A
replacement is a variable or a term; an attribute of it is a value, or a function of the ``Match``.
Inputs of a commutative op match in both orders.

The driver walks a graph once, builds a new one and tries the rows of a node's op on the node with
its rewritten inputs, and again on what a row makes of it. Whatever the rows say, a replacement
that has another type than the node is not made: so ``x * 1 = x`` needs no word about broadcasting.
What a replacement leaves without a use stays behind, for dead code elimination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import ops  # noqa: F401  (OPS finds its names there)
from .attrs import attr_key
from .dims import DimLike
from .dtypes import info
from .errors import VerifyError
from .graph import Graph, Node, Value
from .op import OPS, Op
from .rebuild import Rebuilt, rebuild
from .record import literal_number
from .structural import structural_types
from .types import TensorType

__all__ = ["Attr", "Const", "Match", "Row", "Term", "Var", "rewrite", "uniform_element"]

MAX_STEPS = 32  # replacements of one node; more means that the rows go round in circles
SCANNED = 1 << 16  # constants of more elements are not searched for one repeated element


class Var:
    """Any value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Attr:
    """Any attribute value; the same wherever it occurs."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Const:
    """A value whose elements are all ``number``, bit for bit in the value's dtype."""

    __slots__ = ("name", "number")

    def __init__(self, number: bool | float, name: str = "") -> None:
        self.number, self.name = number, name

    def fits(self, element: np.generic) -> bool:
        """Whether an element is the number; a bool is a number of bool arrays only."""
        if (info(element.dtype).boolean) != isinstance(self.number, bool):
            return False
        number: complex = self.number
        if info(element.dtype).complex:
            number = complex(number, number if number == 0 else 0.0)  # -0.0 is -0.0-0.0j
        return bool(element == number) and element.dtype.type(number).tobytes() == element.tobytes()


class Term:
    """An op with patterns of its inputs and of some of its attributes."""

    __slots__ = ("attrs", "inputs", "op")

    def __init__(self, op: str, *inputs: Pattern, **attrs: Any) -> None:
        self.op, self.inputs, self.attrs = op, inputs, attrs


Pattern = Var | Const | Term


class Match:
    """What a pattern matched: values and attributes by name, and the type of the result."""

    __slots__ = ("attrs", "type", "values")

    def __init__(self, type: TensorType) -> None:
        self.type = type
        self.values: dict[str, Value] = {}
        self.attrs: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.values[name] if name in self.values else self.attrs[name]

    @property
    def shape(self) -> tuple[DimLike, ...]:
        """The shape of the result."""
        return self.type.shape


class Row:
    """A rule: ``pattern`` may become ``replacement`` where the condition ``when`` holds."""

    __slots__ = ("pattern", "replacement", "when")

    def __init__(
        self, pattern: Term, replacement: Var | Term, when: Callable[[Match], bool] | None = None
    ) -> None:
        self.pattern, self.replacement, self.when = pattern, replacement, when


class Table:
    """Rows by the op of their pattern: what ``of_facts`` says of its record, and ``rows``."""

    def __init__(
        self, rows: Iterable[Row], of_facts: Callable[[Op], Iterable[Row]] | None = None
    ) -> None:
        self.of_facts = of_facts
        self.by_name: dict[str, list[Row]] = {}
        self.by_op: dict[Op, list[Row]] = {}
        for row in rows:
            self.by_name.setdefault(row.pattern.op, []).append(row)

    def __getitem__(self, op: Op) -> list[Row]:
        found = self.by_op.get(op)
        if found is None:
            facts = [] if self.of_facts is None else self.of_facts(op)
            found = self.by_op[op] = [*facts, *self.by_name.get(op.name, ())]
        return found


def rewrite(graph: Graph, rows: Iterable[Row] | Table) -> Graph:
    """A new graph with the rows applied, in one walk; regions stay as they are: see ``lift``."""
    rewriter = _Rewriter(rows if isinstance(rows, Table) else Table(rows))
    return rebuild(graph, rewriter.visit)


def uniform_element(node: Node, known: Mapping[Value, np.generic]) -> np.generic | None:
    """The element that the output of a node consists of, if there is one and it is known."""
    name = node.op.name
    if name == "constant":
        array = node.attrs["value"]
        if not 0 < array.size <= SCANNED:
            return None
        raw = np.ascontiguousarray(array).reshape(-1)
        first: np.generic = raw[0]
        one = raw.size == 1 or raw.tobytes() == first.tobytes() * raw.size
        return first if one else None
    if node.op.kind == "movement":  # its elements are those of its inputs
        return _common([known.get(v) for v in node.inputs])
    number = literal_number(node.op.expr)
    return None if number is None else node.out.type.dtype.type(number)


def _common(elements: list[np.generic | None]) -> np.generic | None:
    """The one element of values that consist of one each, if it is the same for all."""
    first = elements[0] if elements else None
    if first is None or any(e is None or e.tobytes() != first.tobytes() for e in elements):
        return None
    return first


class _Rewriter:
    def __init__(self, rows: Table) -> None:
        self.rows = rows
        self.known: dict[Value, np.generic] = {}  # values of the new graph
        self.nodes: list[Node] = []  # of the new graph

    def visit(self, new: Rebuilt, node: Node) -> Sequence[Value]:
        self.nodes = new.graph.nodes
        values = new.keep(node)
        if self.rows[node.op]:
            return [self.simplified(self.nodes[-1])]
        if len(values) == 1:
            self.note(self.nodes[-1])
        return values

    def note(self, node: Node) -> None:
        element = uniform_element(node, self.known)
        if element is not None:
            self.known[node.outputs[0]] = element

    def simplified(self, node: Node) -> Value:
        """The value that stands for the output of ``node``, the last of the new graph."""
        for _ in range(MAX_STEPS):
            found = self.step(node)
            if found is None:
                break
            last = self.nodes[-1] if self.nodes else None
            if last is None or found.node is not last or len(last.outputs) > 1:
                return found
            node = last
        self.note(node)
        return node.out

    def step(self, node: Node) -> Value | None:
        """Apply the first row that fits the last node, or None."""
        nodes = self.nodes
        for row in self.rows[node.op]:
            match = Match(node.out.type)
            if not self.matches(row.pattern, node, match) or (row.when and not row.when(match)):
                continue
            nodes.pop()
            mark = len(nodes)
            value = self.build(row.replacement, match, node)
            if value is not None and value.type == node.out.type:
                if value.node is not None and mark < len(nodes):
                    value.name = node.out.name
                return value
            del nodes[mark:]
            nodes.append(node)
        return None

    def matches(self, pattern: Term, node: Node, match: Match) -> bool:
        """Whether a node is an instance of a pattern; fills ``match`` as far as it goes."""
        if node.op.name != pattern.op or len(node.inputs) != len(pattern.inputs):
            return False
        for name, want in pattern.attrs.items():
            have = node.attrs[name]
            if isinstance(want, Attr):
                want = match.attrs.setdefault(want.name, have)
            if attr_key(want) != attr_key(have):
                return False
        orders = [node.inputs]
        if node.op.commutative and len(node.inputs) == 2:
            orders.append(node.inputs[::-1])
        before = dict(match.values), dict(match.attrs)
        for inputs in orders:
            if all(self.binds(p, v, match) for p, v in zip(pattern.inputs, inputs, strict=True)):
                return True
            match.values, match.attrs = dict(before[0]), dict(before[1])
        return False

    def binds(self, pattern: Pattern, value: Value, match: Match) -> bool:
        if isinstance(pattern, Term):
            node = value.node
            return node is not None and value.index == 0 and self.matches(pattern, node, match)
        if isinstance(pattern, Const):
            element = self.known.get(value)
            if element is None or not pattern.fits(element):
                return False
        return match.values.setdefault(pattern.name or f"const{id(pattern)}", value) is value

    def build(self, what: Pattern, match: Match, origin: Node) -> Value | None:
        """The value of a replacement; its nodes are appended. None if an op refuses."""
        if not isinstance(what, Term):
            return match.values[what.name]
        inputs: list[Value] = []
        for part in what.inputs:
            value = self.build(part, match, origin)
            if value is None:
                return None
            inputs.append(value)
        attrs = {name: _attribute(value, match) for name, value in what.attrs.items()}
        try:
            attrs, types = structural_types(OPS[what.op], [v.type for v in inputs], attrs)
        except VerifyError:  # the equation does not hold for these types
            return None
        node = Node(OPS[what.op], inputs, attrs, types, (), origin.loc)
        self.nodes.append(node)
        self.note(node)
        return node.out


def _attribute(value: Any, match: Match) -> Any:
    if isinstance(value, Attr):
        return match.attrs[value.name]
    return value(match) if callable(value) else value
