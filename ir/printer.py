"""Graph -> text. ``parser`` reads the same text back to an equal graph.

    graph gelu(%x: f32[n,768], %b: f32[768]) {
      %0: f32[n,768] = add(%x, %b)                                        @ model.py:12:9
      return %0
    }

One line a node: outputs with their types, the op, inputs, ``{attributes}``, once it is scheduled
how it runs and where its outputs lie (``by kernel in slot0, new``: ``step.py``), the user's
location. Regions follow their node, indented, ``region name(...) { ... }`` each. A value has the
user's name, made unique with ``.1``, ``.2``; a value without one has a number. Names of graphs and
values that are not identifiers, and files with blanks, quotes or ``#``, are in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .attr_text import show_attr
from .location import Location
from .scanner import BARE, quote

if TYPE_CHECKING:
    from .graph import Graph, Node, Value

__all__ = ["print_graph", "print_node", "value_names"]

INDENT = "  "
_BARE = re.compile(BARE)
_BARE_FILE = re.compile(r'[^\s"#]+')


def print_graph(graph: Graph, *, locations: bool = True) -> str:
    """The text of a graph; ``locations=False`` leaves the ``@ file:line:column`` out.

    >>> from twofold.ir.graph import Graph
    >>> print(print_graph(Graph("nothing")), end="")
    graph nothing() {
      return
    }
    """
    return "\n".join(_lines(graph, locations)) + "\n"


def print_node(node: Node, names: dict[Value, str], *, locations: bool = True) -> str:
    """The line of one node, without its regions."""
    inputs = ", ".join(["%" + names[v] for v in node.inputs])
    text = f"{node.op.name}({inputs})"
    if node.outputs:
        text = f"{_typed(node.outputs, names)} = {text}"
    if node.attrs:
        attrs = [f"{k}={show_attr(v)}" for k, v in sorted(node.attrs.items())]
        text = f"{text} {{{', '.join(attrs)}}}"
    if node.step is not None:
        text = f"{text} {node.step}"
    if locations and node.loc is not None:
        return f"{text:<70}  @ {_place(node.loc)}"
    return text


def value_names(graph: Graph) -> dict[Value, str]:
    """A unique name, as it is printed, for every value of a graph (not of its regions)."""
    names: dict[Value, str] = {}
    taken: dict[str, int] = {}
    number = 0
    for value in _values(graph):
        name = value.name
        if not name:
            names[value] = str(number)
            number += 1
            continue
        count = taken.get(name, 0)
        taken[name] = count + 1
        shown = _name(name)
        names[value] = f"{shown}.{count}" if count else shown
    return names


def _lines(graph: Graph, locations: bool) -> Iterator[str]:
    """An explicit stack, because regions may be nested deeper than Python calls may be."""
    stack = [_graph_lines(graph, "graph", "", locations)]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
        elif isinstance(item, str):
            yield item
        else:
            stack.append(item)


def _graph_lines(graph: Graph, keyword: str, indent: str, locations: bool) -> Iterator[Any]:
    """Lines, and an iterator of the same kind for each region."""
    names = value_names(graph)
    yield f"{indent}{keyword} {_name(graph.name)}({_typed(graph.inputs, names)}) {{"
    inner = indent + INDENT
    for node in graph.nodes:
        yield inner + print_node(node, names, locations=locations)
        for region in node.regions:
            yield _graph_lines(region, "region", inner + INDENT, locations)
    yield f"{inner}return {', '.join(['%' + names[v] for v in graph.outputs])}".rstrip()
    yield indent + "}"


def _typed(values: tuple[Value, ...] | list[Value], names: dict[Value, str]) -> str:
    return ", ".join([f"%{names[v]}: {v.type}" for v in values])


def _values(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for node in graph.nodes:
        yield from node.outputs


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) and name.isprintable() else quote(name)


def _place(loc: Location) -> str:
    bare = _BARE_FILE.fullmatch(loc.file) and loc.file.isprintable()
    return f"{loc.file if bare else quote(loc.file)}:{loc.line}:{loc.column}"
