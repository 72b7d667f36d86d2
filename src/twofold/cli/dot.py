"""A graph as graphviz text: a box for each node, an edge for each use."""

from __future__ import annotations

import json
from collections.abc import Iterator

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.printer import value_names

__all__ = ["LIMIT", "dot_text"]

LIMIT = 2000  # nodes; graphviz takes minutes for more


def dot_text(graph: Graph, limit: int = LIMIT) -> str:
    """The text of a ``digraph``. Only the first ``limit`` nodes; one more says what is left out.

    >>> from twofold.ir.parser import parse
    >>> print(dot_text(parse("graph f(%x: f32[n]) { %y = exp(%x) return %y }")), end="")
    digraph "f" {
      node [shape=box, fontname="monospace", fontsize=10]
      v0 [label="x: f32[n]", style=rounded]
      v1 [label="exp\\ny: f32[n]"]
      v0 -> v1
      out0 [label="return", shape=plaintext]
      v1 -> out0
    }
    """
    return "\n".join(_lines(graph, limit)) + "\n"


def _lines(graph: Graph, limit: int) -> Iterator[str]:
    names = value_names(graph)
    ids: dict[Value, str] = {}
    yield f"digraph {_quote(graph.name)} {{"
    yield '  node [shape=box, fontname="monospace", fontsize=10]'
    for value in graph.inputs:
        ids[value] = f"v{len(ids)}"
        yield f"  {ids[value]} [label={_quote(f'{names[value]}: {value.type}')}, style=rounded]"
    for count, node in enumerate(graph.nodes):
        if count == limit:
            yield f'  more [label="and {len(graph.nodes) - limit} more nodes", style=dashed]'
            break
        yield from _node(node, f"v{len(graph.inputs) + count}", names, ids)
    for i, value in enumerate(graph.outputs):
        yield f'  out{i} [label="return", shape=plaintext]'
        yield f"  {ids.get(value, 'more')} -> out{i}"
    yield "}"


def _node(node: Node, own: str, names: dict[Value, str], ids: dict[Value, str]) -> Iterator[str]:
    outputs = [f"{names[v]}: {v.type}" for v in node.outputs]
    inside = [f"  {inner.op.name}" for region in node.regions for inner in region.nodes[:12]]
    label = _quote("\n".join([node.op.name, *inside, *outputs]))
    yield f"  {own} [label={label}{', style=filled' if node.regions else ''}]"
    for value in dict.fromkeys(node.inputs):
        yield f"  {ids[value]} -> {own}"
    ids.update(dict.fromkeys(node.outputs, own))


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
