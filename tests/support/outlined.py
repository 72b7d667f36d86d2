"""Parts of a graph put into the regions of a region op, which computes what they computed."""

from __future__ import annotations

import random
from typing import Any

from twofold.ir.graph import Graph, Node
from twofold.ir.op import Op
from twofold.ir.rebuild import Rebuilt, rebuild


def outlined(graph: Graph, op: Op, rng: random.Random, depth: int = 2) -> Graph:
    """A graph in which some of the nodes, one after the other, are in a region of ``op``; and some
    of those again, ``depth`` times. They are not to be the constants that others share."""
    count = len(graph.nodes)
    if depth == 0 or count < 3:
        return graph
    first = rng.randrange(count - 1)
    nodes = graph.nodes[first : rng.randint(first + 1, count)]
    made = {v for node in nodes for v in node.outputs}
    given = dict.fromkeys(v for node in nodes for v in node.inputs if v not in made)
    rest = [n for n in graph.nodes if n not in nodes]
    needed = {v for node in rest for v in node.inputs} | set(graph.outputs)
    results = [v for node in nodes for v in node.outputs if v in needed]
    body = outlined(rebuild(Graph("part", given, nodes, results)), op, rng, depth - 1)

    def visit(new: Rebuilt, node: Node) -> Any:
        if node not in nodes:
            return new.keep(node)
        if node is nodes[0]:
            inputs = [new[v] for v in given]
            types = [v.type for v in results]
            outs = new.graph.add(op, inputs, regions=[body], types=types).outputs
            new.table.update(zip(results, outs, strict=True))
        return ()

    return rebuild(graph, visit)
