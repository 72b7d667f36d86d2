"""A graph as graphviz text: a box for each node, an edge for each use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.printer import value_names

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["LIMIT", "dot_text", "network"]

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


def network(graph: Graph, limit: int = LIMIT) -> nx.DiGraph:
    """The graph for networkx, in program order: boxes as graphviz shows them, and their uses."""
    import networkx as nx  # noqa: PLC0415  (slow: only where a graph is drawn)

    dag: nx.DiGraph = nx.DiGraph(name=graph.name)
    names = value_names(graph)
    homes: dict[Value, str] = {}
    for value in graph.inputs:
        homes[value] = f"v{len(homes)}"
        dag.add_node(homes[value], label=f"{names[value]}: {value.type}", style="rounded")
    for count, node in enumerate(graph.nodes):
        if count == limit:
            left = len(graph.nodes) - limit
            dag.add_node("more", label=f"and {left} more nodes", style="dashed")
            break
        own = f"v{len(graph.inputs) + count}"
        dag.add_node(
            own, label=_label(node, names), **({"style": "filled"} if node.regions else {})
        )
        dag.add_edges_from((homes[value], own) for value in dict.fromkeys(node.inputs))
        homes.update(dict.fromkeys(node.outputs, own))
    for i, value in enumerate(graph.outputs):
        dag.add_node(f"out{i}", label="return", shape="plaintext")
        dag.add_edge(homes.get(value, "more"), f"out{i}")
    return dag


def _label(node: Node, names: dict[Value, str]) -> str:
    outputs = [f"{names[v]}: {v.type}" for v in node.outputs]
    inside = [f"  {inner.op.name}" for region in node.regions for inner in region.nodes[:12]]
    return "\n".join([node.op.name, *inside, *outputs])


def _lines(graph: Graph, limit: int) -> Iterator[str]:
    dag = network(graph, limit)
    yield f"digraph {_quote(graph.name)} {{"
    yield '  node [shape=box, fontname="monospace", fontsize=10]'
    for name, facts in dag.nodes.items():
        shown = [f"{k}={_quote(v) if k == 'label' else v}" for k, v in facts.items()]
        yield f"  {name} [{', '.join(shown)}]"
        yield from (f"  {source} -> {name}" for source in dag.predecessors(name))
    yield "}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
