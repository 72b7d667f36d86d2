"""The one loop that copies graphs: keeping, replacing, leaving out, inlining, lifting."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from twofold.ir.dims import symbol
from twofold.ir.equality import difference
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.rebuild import Rebuilt, copied, lift, rebuild, resized
from twofold.ir.verify import verify

TEXT = """graph f(%x: f32[n,3], %v: ref f32[n,3]) {
  %a: f32[n,3] = exp(%x) by library exp in slot0                          @ a.py:1:2
  %b: f32[n,3] = fused(%a) {dims=(<n>, 3), reduced=()} by kernel in new   @ a.py:2:2
    region body(%p: f32[n,3]) {
      %q: f32[n,3] = tanh(%p)                                                 @ a.py:3:2
      %r: f32[n,3] = fused(%q) {dims=(<n>, 3)}
        region deep(%s: f32[n,3]) {
          %t: f32[n,3] = exp(%s)
          return %t
        }
      return %r
    }
  assign(%v, %b)
  return %b
}
"""


def sines(new: Rebuilt, node: Node) -> Sequence[Value]:
    """Replaces exp by sin."""
    if node.op.name != "exp":
        return new.keep(node)
    return new.add(OPS["sin"], [new[v] for v in node.inputs], like=node)


def test_kept_nodes_have_names_memory_and_lines() -> None:
    graph = parse(TEXT)
    assert difference(rebuild(graph), graph) == ""
    assert str(rebuild(graph, name="g")) == TEXT.replace("graph f(", "graph g(")


def test_what_takes_the_place_of_a_node_has_its_names_and_line() -> None:
    graph = parse(TEXT)
    out = rebuild(graph, sines)
    verify(out)
    assert str(out.nodes[0]) == "%a: f32[n,3] = sin(%x: f32[n,3])"
    assert out.nodes[0].loc == graph.nodes[0].loc
    assert out.nodes[1].regions == graph.nodes[1].regions
    assert str(graph) == TEXT


def test_lifted_a_function_reaches_every_region_once() -> None:
    seen: list[str] = []

    def apply(graph: Graph) -> Graph:
        seen.append(graph.name)
        return rebuild(graph, sines)

    graph = parse(TEXT)
    out = lift(apply, graph)
    verify(out)
    assert seen == ["f", "body", "deep"]
    want = TEXT.replace(" by library exp in slot0", "").replace("exp", "sin")
    assert difference(out, parse(want)) == ""
    assert str(graph) == TEXT


def test_regions_that_are_not_entered_are_copied() -> None:
    graph = parse(TEXT)
    out = lift(lambda g: rebuild(g, sines), graph, enter=lambda node: False)
    (body,) = out.nodes[1].regions
    assert difference(body, graph.nodes[1].regions[0]) == ""
    body.nodes.clear()
    assert str(graph) == TEXT


def test_a_thousand_nested_regions_are_no_recursion() -> None:
    graph = parse("graph g0(%x: f32[n]) { %y = exp(%x) return %y }")
    for i in range(1, 1500):
        around = Graph(f"g{i}")
        x = around.input(graph.inputs[0].type, "x")
        node = around.add(
            OPS["fused"], [x], {"dims": (symbol("n"),)}, regions=[graph], types=[x.type]
        )
        around.outputs = [node.out]
        graph = around
    assert difference(copied(graph), graph) == ""
    innermost = lift(lambda g: rebuild(g, sines), graph).regions_first()[0]
    assert innermost.nodes[0].op.name == "sin"
    assert graph.nodes[0].effects == frozenset()


def test_a_node_that_is_left_out_makes_no_value() -> None:
    graph = parse("graph f(%x: f32[]) { %a = exp(%x) %b = tanh(%a) return %b }")
    with pytest.raises(KeyError):
        rebuild(graph, lambda new, node: new.keep(node) if node.op.name == "tanh" else ())


def test_a_visitor_must_give_a_value_for_each_output() -> None:
    graph = parse("graph f(%x: f32[]) { %a = exp(%x) return %a }")
    with pytest.raises(ValueError, match="zip"):
        rebuild(graph, lambda new, node: [*new.keep(node), new[node.inputs[0]]])


def test_a_view_of_a_graph_becomes_a_graph_of_its_own() -> None:
    graph = parse("graph f(%x: f32[]) { %a = exp(%x) %b = tanh(%a) %c = add(%a, %b) return %c }")
    a, b = graph.nodes[0].out, graph.nodes[1].out
    part = rebuild(Graph("part", [a, b], graph.nodes[2:], graph.outputs))
    verify(part)
    want = "graph part(%a: f32[], %b: f32[]) { %c = add(%a, %b) return %c }"
    assert difference(part, parse(want)) == ""


def test_inlined_nodes_keep_their_lines_and_else_have_that_of_the_call() -> None:
    graph = parse(TEXT)
    new = Rebuilt("flat")
    inputs = [new.input(v) for v in graph.inputs]
    new.graph.outputs = new.inline(graph, inputs, enter=lambda node: node.op.name == "fused")
    out = new.graph
    verify(out)
    lines = [(n.op.name, n.loc.line if n.loc else None) for n in out.nodes]
    assert lines == [("exp", 1), ("tanh", 3), ("exp", 2), ("assign", None)]


def test_a_region_can_be_inlined_many_times() -> None:
    graph = parse(TEXT)
    body = graph.nodes[1].regions[0]

    def twice(new: Rebuilt, node: Node) -> Sequence[Value]:
        if node.op.name != "fused":
            return new.keep(node)
        once = new.inline(body, [new[v] for v in node.inputs])
        return new.inline(body, once)

    out = rebuild(graph, twice)
    verify(out)  # which refuses a region with two owners
    assert [n.op.name for n in out.nodes] == ["exp", "tanh", "fused", "tanh", "fused", "assign"]
    assert str(graph) == TEXT


def test_sizes_are_replaced_in_a_copy() -> None:
    graph = parse(TEXT)
    out = resized(graph, {"n": symbol("m") + 1})
    assert str(graph) == TEXT
    want = parse(TEXT.replace("[n,", "[m+1,").replace("<n>", "<m+1>"))
    assert difference(out, want) == ""
