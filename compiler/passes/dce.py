"""Dead code elimination: drop what nothing uses: nodes, outputs of branches, state of loops.

    %0: f32[n] = exp(%x)
    %1: f32[n] = negative(%x)        ->     %1: f32[n] = negative(%x)
    return %1                               return %1

Of a branch the outputs that nothing uses go, of a loop also the state that only itself depends on,
and then what the regions received for them.

Invariant kept: outputs, writes and errors. A node that may fail on its values stays, because
eager execution would have raised there; a read of a ref that nothing uses goes. A loop without a
use goes if it is known to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twofold.ir.attrs import dims_of
from twofold.ir.dims import symbols_of
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass
from .ending import may_go_on
from .parts import before, loop_sizes, varying

__all__ = ["dce"]


class Live(NamedTuple):
    """What stays of a node with regions: positions of outputs, and of inputs of its regions."""

    outputs: list[int]
    inputs: list[int]


@graph_pass()
def dce(graph: Graph) -> Graph:
    """Drop what nothing uses."""
    return _swept(graph)


def _swept(graph: Graph) -> Graph:
    """The graph without what nothing uses; the same for what its regions hold for that."""
    kept, live, _ = _used(graph, graph.outputs)

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        part = live.get(node)
        if part is None or part == _all(node):
            return new.keep(node)
        return _shrink(new, node, part)

    return rebuild(Graph(graph.name, graph.inputs, kept, graph.outputs), visit)


def _used(
    graph: Graph, outputs: Sequence[Value]
) -> tuple[list[Node], dict[Node, Live], set[Value]]:
    """The nodes that stay for these outputs, what stays of those with regions, all that is used."""
    used: set[Value] = set(outputs) | _sources_of_sizes(graph)
    kept: list[Node] = []
    live: dict[Node, Live] = {}
    for node in reversed(graph.nodes):
        if used.isdisjoint(node.outputs) and not node.pinned and not may_go_on(node):
            continue
        kept.append(node)
        if node.op.flow in ("branch", "loop"):
            part = live[node] = _live(node, [i for i, v in enumerate(node.outputs) if v in used])
            first = before(node)
            used.update(node.inputs[:first])
            used.update(node.inputs[first + i] for i in part.inputs)
        else:
            used.update(node.inputs)
    return kept[::-1], live, used


def _sources_of_sizes(graph: Graph) -> set[Value]:
    """What nodes make that has sizes of its own which attributes mention."""
    makers = [node for node in graph.nodes if node.makes_sizes]
    if not makers:
        return set()
    attrs = [attr for node in graph.walk() for attr in node.attrs.values()]
    mentioned = frozenset[str]().union(*[symbols_of(d) for attr in attrs for d in dims_of(attr)])
    found = set()
    for node in makers:
        known = frozenset[str]().union(*[v.type.symbols() for v in node.inputs])
        found |= {v for v in node.outputs if (v.type.symbols() - known) & mentioned}
    return found


def _live(node: Node, outputs: list[int]) -> Live:
    """What a branch or a loop needs for these outputs."""
    state = int(node.attrs.get("carried", 0))
    own = loop_sizes(node)
    fixed = {v for region in node.regions for v in region.inputs if v.type.symbols() & own}
    while True:
        needed: set[int] = set()
        for region in node.regions:
            uses = _needs(node, region, outputs) | fixed
            needed.update(i for i, v in enumerate(region.inputs) if v in uses)
        found = sorted({*outputs, *(i for i in needed if i < state)})
        if found == outputs:
            return Live(outputs, sorted(needed | set(outputs).intersection(range(state))))
        outputs = found


def _needs(node: Node, region: Graph, outputs: list[int]) -> set[Value]:
    """All that a region uses for these outputs of its node."""
    return _used(region, _made(node, region, outputs))[2]


def _made(node: Node, region: Graph, outputs: list[int]) -> list[Value]:
    """What a region returns for these outputs of its node: a test returns its own."""
    test = len(region.outputs) != len(node.outputs) or _is_test(node, region)
    return list(region.outputs) if test else [region.outputs[i] for i in outputs]


def _is_test(node: Node, region: Graph) -> bool:
    return node.op.flow == "loop" and len(node.regions) == 2 and region is node.regions[0]


def _all(node: Node) -> Live:
    return Live([*range(len(node.outputs))], [*range(len(node.regions[0].inputs))])


def _shrink(new: Rebuilt, node: Node, part: Live) -> Sequence[Value]:
    """Append the node with what stays of it; an output that goes has nothing in its place."""
    first = before(node)
    regions = []
    for region in node.regions:
        outputs = _made(node, region, part.outputs)
        inputs = [region.inputs[i] for i in part.inputs]
        regions.append(_swept(Graph(region.name, inputs, region.nodes, outputs)))
    attrs = dict(node.attrs)
    state, width = int(attrs.get("carried", 0)), varying(node)
    if "carried" in attrs:
        attrs["carried"] = sum(i < state for i in part.inputs)
    if "sliced" in attrs:
        attrs["sliced"] = sum(state <= i < width for i in part.inputs)
    given = [new[v] for v in (*node.inputs[:first], *(node.inputs[first + i] for i in part.inputs))]
    shown = [node.outputs[i] for i in part.outputs]
    made = Node(node.op, given, attrs, [v.type for v in shown], regions, node.loc,
                [v.name for v in shown])  # fmt: skip
    new.graph.nodes.append(made)
    new.table.update(zip(shown, made.outputs, strict=True))
    return ()
