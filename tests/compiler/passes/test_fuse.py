"""Fusion: groups are convex, effects keep their order, work is linear in the nodes."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from support.graph_families import N, chain, diamonds, tree, wide, with_opaque, with_sorts
from support.random_programs import random_graph

from twofold.compiler.passes.fuse import fuse
from twofold.ir.dtypes import DTYPES
from twofold.ir.graph import Graph, Node
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.types import TensorType
from twofold.ir.verify import verify


def lines_run(work: Callable[[], Any]) -> int:
    """The number of lines of ``fuse`` and ``space`` that run."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if "passes" not in frame.f_code.co_filename and "kernel" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("make", [chain, diamonds, wide, tree, with_opaque])
def test_ten_thousand_nodes_take_linear_work(make: Callable[[int], Graph]) -> None:
    small, large = make(100), make(400)
    assert lines_run(lambda: fuse(large)) < 5 * lines_run(lambda: fuse(small))
    fused = fuse(make(10_000))
    sizes = [len(n.regions[0].nodes) for n in fused.nodes if n.op.name == "fused"]
    assert sum(sizes) + sum(n.op.name != "fused" for n in fused.nodes) >= 9_990
    assert max(sizes) <= fuse.options["max_ops"].default


def contracted(graph: Graph) -> Any:
    """The graph of nodes, an edge for each use, and one for each pair of neighbouring effects."""
    dag: Any = nx.DiGraph()
    dag.add_nodes_from(range(len(graph.nodes)))
    home = {v: i for i, n in enumerate(graph.nodes) for v in n.outputs}
    for i, node in enumerate(graph.nodes):
        dag.add_edges_from((home[v], i) for v in node.inputs if v in home)
    return dag


@pytest.mark.parametrize("block", range(4))
def test_random_graphs_stay_valid_and_nothing_is_computed_twice(block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        graph = random_graph(random.Random(seed), 30)
        before = str(graph)
        fused = fuse(graph)
        verify(fused)
        assert str(graph) == before
        assert nx.is_directed_acyclic_graph(contracted(fused))
        inside = [n for n in fused.walk() if _computes(n)]
        assert len(inside) == sum(map(_computes, graph.nodes))


def _computes(node: Node) -> bool:
    return node.op.axes is None and node.op.name not in ("fused", "constant")


@pytest.mark.parametrize("block", range(3))
def test_groups_are_convex(block: int) -> None:
    for seed in range(60 * block, 60 * block + 60):
        graph = with_sorts(random.Random(seed), 24)
        verify(fuse(graph))  # the order of the groups exists, so no path leaves one and comes back


def test_a_third_operand_that_uses_a_group_keeps_it_apart() -> None:
    graph = parse("""graph f(%x: f32[n], %y: f32[n]) {
      %o = exp(%x)
      %m = less(%o, %x)
      %s = sort(%m)
      %h = tanh(%y)
      %r = where(%s, %o, %h)
      return %r
    }""")
    fused = fuse(graph)
    verify(fused)
    assert [n.op.name for n in fused.nodes] == ["fused", "sort", "fused"]


FAILING = """graph f(%v: ref i32[n], %x: i32[n], %y: i32[n]) {
  %a = add(%x, %y)
  %q = floor_divide(%a, %y)
  %b = multiply(%q, %x)
  assign(%v, %a)
  %r = remainder(%b, %x)
  %c = add(%r, %a)
  assign(%v, %c)
  %d = negative(%y)
  return %b, %c, %d
}"""


def effects_of(graph: Graph) -> list[Node]:
    """What has an effect or may fail, in the order in which it runs."""
    kernels = ((n.regions[0].nodes if n.op.kernel else [n]) for n in graph.nodes)
    return [n for nodes in kernels for n in nodes if n.pinned]


def test_what_may_raise_and_effects_keep_their_order() -> None:
    fused = fuse(parse(FAILING))
    verify(fused)
    order = [n.op.name for n in effects_of(fused)]
    assert order == ["floor_divide", "assign", "remainder", "assign"]


def test_random_effects_keep_their_order() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        g = Graph("effects")
        kind = TensorType(DTYPES["i32"], (N,))
        ref = parse("graph f(%v: ref i32[n]) { return }").inputs[0]
        g.inputs.append(ref)
        values = [g.input(kind, "x"), g.input(kind, "y")]
        effects: list[Node] = []
        for _ in range(20):
            a, b = rng.choice(values), rng.choice(values)
            pick = rng.random()
            if pick < 0.2:
                effects.append(g.add(OPS["assign"], (ref, a)))
            elif pick < 0.5:
                effects.append(g.add(OPS["floor_divide"], (a, b), names=(f"q{len(g.nodes)}",)))
                values.append(effects[-1].out)
            else:
                values.append(g.add(OPS["add"], (a, b)).out)
        g.outputs = values[-2:]
        fused = fuse(g)
        verify(fused)
        found = effects_of(fused)
        assert [n.op.name for n in found] == [n.op.name for n in effects]
        names = [[v.name for v in n.outputs] for n in found]
        assert names == [[v.name for v in n.outputs] for n in effects]
