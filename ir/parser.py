"""Text -> graph: what ``printer`` writes, and what a person writes more freely.

    graph NAME(%x: f32[n,3], %v: ref f32[3]) {
      %y: f32[n,3] = add(%x, %x) {attribute=value}  @ file.py:12:9      # a comment
      %z = negative(%y)                    # the type is inferred where it is left out
      return %z
    }

Every node is checked while it is read: the op is known, its inputs are defined above, its
attributes and the declared types are those that the op's rule gives. Whatever is wrong raises
IRSyntaxError with line, column and reason, and nothing else is ever raised; nothing in the text is
executed. Attributes that are left out take their defaults; ``axis=-1`` becomes canonical.
"""

from __future__ import annotations

import re
from typing import NoReturn

from . import ops  # noqa: F401  (OPS finds its names there)
from .errors import IRSyntaxError, VerifyError
from .graph import Graph, Node, Value
from .literal import parse_attr, parse_type
from .location import Location
from .op import OPS, Attrs, Op
from .scanner import BARE, QUOTED, Scanner, token, unquote
from .step import NEW, NUMBERED, Kind, Place, Step, misfit
from .structural import structural_types
from .types import TensorType
from .verify import verify_regions
from .words import counted, meant

__all__ = ["parse", "parse_all"]

_VALUE = rf"%((?:({BARE})|\d+|({QUOTED}))(?:\.\d+)?)"
_GRAPH = token(rf"graph\b\s*(?:({BARE})|({QUOTED}))")
_REGION = token(rf"region\b\s*(?:({BARE})|({QUOTED}))")
_INPUT = token(_VALUE + r"\s*:")
_OUTPUT = token(_VALUE + r"\s*(?:(:)|(,)|(=))")
_AFTER_TYPE = token(r"(?:(,)|(=))")
_OPERAND = token(_VALUE + r"\s*([,)])?")
_RESULT = token(_VALUE)
_OP = token(rf"({BARE})\s*\(")
_ATTR = token(rf"({BARE})\s*=")
_PLACE = token(r'@[ \t]*(?:([^\s"#]+)|(' + QUOTED + r")):(-?\d{1,9}):(-?\d{1,9})(?![^\s#])")
_SIMPLE_TYPE = token(r"(\w+\[[^\[\]\n]*\])")
_SIMPLE_ATTRS = token(r"(\{[^{}\"#\n]*\})")
_OPEN, _CLOSE, _COMMA = token(r"\("), token(r"\)"), token(",")
_BEGIN, _END, _RETURN = token(r"\{"), token(r"\}"), token(r"return\b")
_BY = token(r"by\b(?!\s*\()")
_KIND = token(rf"(?:({'|'.join(k.value for k in Kind if k is not Kind.LIBRARY)})\b"
              rf"|library\s+({BARE}))")  # fmt: skip
_IN, _PLACED = token(r"in\b(?!\s*\()"), token(r"(?:(new)|(slot|input|argument)(\d{1,9}))\b")
_KEYWORD = token(r"(region|return)\b")


def parse(text: str | bytes) -> Graph:
    """The graph that a text spells. Raises IRSyntaxError.

    >>> print(parse("graph f(%x: f32[n]) { %y = add(%x, %x) return %y }"), end="")
    graph f(%x: f32[n]) {
      %y: f32[n] = add(%x, %x)
      return %y
    }
    """
    parser = _Parser(_decoded(text))
    graph = parser.graph()
    if parser.s.next():
        parser.s.fail(f"{parser.s.shown()} after the end of the graph")
    return graph


def parse_all(text: str | bytes) -> list[Graph]:
    """The graphs that a text spells one after the other. Raises IRSyntaxError.

    >>> [g.name for g in parse_all("graph f() { return } graph g() { return }")]
    ['f', 'g']
    """
    parser = _Parser(_decoded(text))
    graphs: list[Graph] = []
    while parser.s.next():
        graphs.append(parser.graph())
    return graphs


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise IRSyntaxError(f"the text is not UTF-8: {error}", 1, 1) from None


class _Scope:
    """A graph that is being read, and the values it has so far."""

    __slots__ = ("at", "graph", "node_at", "values")

    def __init__(self, graph: Graph, at: int) -> None:
        self.graph, self.at = graph, at
        self.values: dict[str, Value] = {}
        self.node_at = at  # where the op of the last node stands


class _Parser:
    def __init__(self, text: str) -> None:
        self.s = Scanner(text)
        self.types: dict[str, TensorType] = {}
        self.attr_texts: dict[str, Attrs] = {}
        self.resolved: dict[object, tuple[Attrs, tuple[TensorType, ...]]] = {}

    def graph(self) -> Graph:
        """One graph; the stack holds the graphs around the one that is being read."""
        stack = [self.header(_GRAPH, "'graph NAME(...) {'")]
        while True:
            scope = stack[-1]
            found = self.s.take(_KEYWORD)
            if found is None:
                self.close_node(scope)
                self.node(scope)
            elif found[1] == "region":
                self.s.pos = found.start(1)
                if not scope.graph.nodes:
                    self.s.fail("a region follows the node that it belongs to")
                stack.append(self.header(_REGION, "'region NAME(...) {'"))
            else:
                self.close_node(scope)
                self.results(scope)
                stack.pop()
                if not stack:
                    break
                owner = stack[-1].graph.nodes[-1]
                owner.hold([*owner.regions, scope.graph])
        return scope.graph

    def header(self, keyword: re.Pattern[str], what: str) -> _Scope:
        """``graph NAME(%x: type, ...) {``."""
        s, at = self.s, self.s.here()
        found = s.expect(keyword, what)
        name = found[1] or unquote(s, found[2], found.start(2))
        scope = _Scope(Graph(name), at)
        s.expect(_OPEN, "'('")
        while not s.take(_CLOSE):
            found = s.expect(_INPUT, "an input such as '%x: f32[n]'")
            value = Value(self.type(), self.user_name(found))
            self.define(scope, found, value)
            scope.graph.inputs.append(value)
            if s.next() != ")":
                s.expect(_COMMA, "',' or ')'")
        s.expect(_BEGIN, "'{'")
        return scope

    def results(self, scope: _Scope) -> None:
        """What follows ``return``, and the closing brace."""
        s = self.s
        while not s.take(_END):
            found = s.expect(_RESULT, "a value or '}'")
            scope.graph.outputs.append(self.lookup(scope, found))
            if s.next() != "}":
                s.expect(_COMMA, "',' or '}'")

    def node(self, scope: _Scope) -> None:
        """One line: outputs, op, inputs, attributes, location."""
        s = self.s
        outputs = self.outputs()
        found = s.take(_OP)
        if found is None:
            self.expected_node(scope, bool(outputs))
        at = scope.node_at = found.start(1)
        op = OPS.get(found[1])
        if op is None:
            s.fail(f"unknown op {found[1]}{meant(found[1], OPS)}", at)
        inputs = self.operands(scope)
        char = s.next()
        attrs, text = self.attributes() if char == "{" else ({}, "")
        attrs, types = self.resolve(op, inputs, attrs, text, outputs, at)
        names = [self.user_name(match) for match, _, _ in outputs]
        node = Node(op, inputs, attrs, types, (), None, names)
        self.end_of_node(node, s.next() if text else char)
        for (match, _, _), value in zip(outputs, node.outputs, strict=True):
            self.define(scope, match, value)
        scope.graph.nodes.append(node)

    def expected_node(self, scope: _Scope, after_outputs: bool) -> NoReturn:
        s = self.s
        if after_outputs:
            s.fail(f"expected an op such as 'add(', found {s.shown()}")
        if not s.next():
            s.fail(f"the graph {scope.graph.name} is not closed: 'return' and '}}' are missing")
        if s.next() == "}":
            s.fail("expected 'return' before '}'")
        s.fail(f"expected a node or 'return', found {s.shown()}")

    def outputs(self) -> list[tuple[re.Match[str], TensorType | None, int]]:
        """``%x: type, %y =``: the matches, the declared types and where these stand."""
        s = self.s
        found = s.take(_OUTPUT)
        if found is None:
            if s.next() == "%":
                s.expect(_OUTPUT, "'%name: type =' or '%name ='")
            return []
        outputs: list[tuple[re.Match[str], TensorType | None, int]] = []
        while True:
            at = s.pos
            declared = self.type() if found[4] else None
            outputs.append((found, declared, at))
            end = s.expect(_AFTER_TYPE, "',' or '='") if found[4] else found
            if end.group(len(end.groups())):
                return outputs
            found = s.expect(_OUTPUT, "another output")

    def operands(self, scope: _Scope) -> list[Value]:
        s = self.s
        inputs: list[Value] = []
        if s.take(_CLOSE):
            return inputs
        while True:
            found = s.expect(_OPERAND, "an input such as %x, or ')'")
            inputs.append(self.lookup(scope, found))
            end = found[4] or s.expect(token("([,)])"), "',' or ')'")[1]
            if end == ")":
                return inputs

    def attributes(self) -> tuple[Attrs, str]:
        """``{name=value, ...}`` and its text, if it is short and plain enough to look up."""
        s = self.s
        found = s.take(_SIMPLE_ATTRS)
        if found is None:
            return self.attribute_list(), "?"
        text = found[1]
        if text not in self.attr_texts:
            s.pos = found.start(1)
            self.attr_texts[text] = self.attribute_list()
        return self.attr_texts[text], text

    def attribute_list(self) -> Attrs:
        s = self.s
        attrs: Attrs = {}
        s.expect(_BEGIN, "'{'")
        while not s.take(_END):
            found = s.expect(_ATTR, "an attribute such as 'axis=0', or '}'")
            if found[1] in attrs:
                s.fail(f"attribute {found[1]} is given twice", found.start(1))
            attrs[found[1]] = parse_attr(s)
            if s.next() != "}":
                s.expect(_COMMA, "',' or '}'")
        return attrs

    def end_of_node(self, node: Node, char: str) -> None:
        """``by kernel in slot0, new`` and ``@ file.py:12:9``, if they are there."""
        s = self.s
        if char == "b" and s.take(_BY):
            node.step = self.step(node)
            char = s.next()
        if char == "@":
            at = s.here()
            found = s.expect(_PLACE, "a location such as '@ file.py:12:9'")
            file = found[1] or unquote(s, found[2], at)
            node.loc = Location(file, int(found[3]), int(found[4]))

    def step(self, node: Node) -> Step:
        """How a node runs, and where each output lies."""
        s, at = self.s, self.s.here()
        found = s.expect(_KIND, f"one of {', '.join(kind.value for kind in Kind)}")
        kind = Kind(found[1]) if found[1] else Kind.LIBRARY
        places: list[Place] = []
        if s.take(_IN):
            places.append(self.placed())
            while s.take(_COMMA):
                places.append(self.placed())
        step = Step(kind, tuple(places), found[2] or "")
        reason = misfit(step, len(node.inputs), len(node.outputs))
        if reason:
            s.fail(reason, at)
        return step

    def placed(self) -> Place:
        what = "'new', or a slot, an input or an argument such as slot0, input0 and argument0"
        found = self.s.expect(_PLACED, what)
        return NEW if found[1] else NUMBERED[found[2]](int(found[3]))

    def type(self) -> TensorType:
        """A type; those seen before are looked up by their text."""
        s = self.s
        found = s.take(_SIMPLE_TYPE)
        if found is None:
            return parse_type(s)
        known = self.types.get(found[1])
        if known is None:
            s.pos = found.start(1)
            known = self.types[found[1]] = parse_type(s)
        return known

    def resolve(
        self, op: Op, inputs: list[Value], attrs: Attrs, text: str,
        outputs: list[tuple[re.Match[str], TensorType | None, int]], at: int,
    ) -> tuple[Attrs, tuple[TensorType, ...]]:  # fmt: skip
        """Canonical attributes and output types, compared with the declared types."""
        s = self.s
        if op.kind == "region":
            for match, declared, _ in outputs:
                if declared is None:
                    s.fail(f"the outputs of {op.name} need types", match.start(1))
            return dict(attrs), tuple([t for _, t, _ in outputs if t is not None])
        types = tuple([v.type for v in inputs])
        key = (op.name, types, text)
        found = self.resolved.get(key) if text != "?" else None
        if found is None:
            try:
                found = structural_types(op, types, attrs)
            except VerifyError as error:
                s.fail(error.reason, at)
            if text != "?":
                self.resolved[key] = found
        if len(found[1]) != len(outputs):
            s.fail(f"{op.name} has {counted(len(found[1]), 'output')}, given: {len(outputs)}", at)
        for (_, declared, place), inferred in zip(outputs, found[1], strict=True):
            if declared is not None and declared != inferred:
                s.pos = place
                s.fail(f"declared as {declared}, but {op.name} gives {inferred}")
        return dict(found[0]), found[1]

    def close_node(self, scope: _Scope) -> None:
        """Check the node above, if it has or needs regions: they have been read now."""
        if not scope.graph.nodes or scope.graph.nodes[-1].op.kind != "region":
            if scope.graph.nodes and scope.graph.nodes[-1].regions:
                name = scope.graph.nodes[-1].op.name
                self.s.fail(f"{name} takes no regions", scope.node_at)
            return
        try:
            verify_regions(scope.graph.nodes[-1])
        except VerifyError as error:
            self.s.fail(error.reason, scope.node_at)

    def user_name(self, found: re.Match[str]) -> str:
        """The user's name of a value: without ``.1``; ``%7`` has none."""
        if found[3]:
            return unquote(self.s, found[3], found.start(3))
        return found[2] or ""

    def define(self, scope: _Scope, found: re.Match[str], value: Value) -> None:
        if found[1] in scope.values:
            self.s.fail(f"%{found[1]} is defined twice", found.start(1) - 1)
        scope.values[found[1]] = value

    def lookup(self, scope: _Scope, found: re.Match[str]) -> Value:
        value = scope.values.get(found[1])
        if value is None:
            hint = meant(found[1], scope.values, "%")
            self.s.fail(
                f"%{found[1]} is not defined above in {scope.graph.name}{hint}", found.start(1) - 1
            )
        return value
