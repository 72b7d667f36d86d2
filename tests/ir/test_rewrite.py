"""The rewriting driver: patterns, replacements, conditions."""

from __future__ import annotations

import pytest

from twofold.ir.graph import Graph
from twofold.ir.parser import parse
from twofold.ir.rebuild import lift
from twofold.ir.rewrite import MAX_STEPS, Attr, Const, Row, Term, Var, rewrite
from twofold.ir.verify import verify

X, Y = Var("x"), Var("y")


def rewritten(text: str, *rows: Row) -> Graph:
    graph = parse(text)
    before = str(graph)
    out = lift(lambda part: rewrite(part, rows), graph)
    verify(out)
    assert str(graph) == before
    return out


def ops(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def test_replacement_is_tried_again() -> None:
    out = rewritten(
        "graph f(%a: f32[n]) { %b = exp(%a) %c = tanh(%b) return %c }",
        Row(Term("tanh", X), Term("sin", X)),
        Row(Term("sin", Term("exp", X)), Term("cos", X)),
    )
    assert ops(out) == ["exp", "cos"]
    assert out.nodes[-1].inputs == (out.inputs[0],)


def test_same_variable_is_the_same_value() -> None:
    row = Row(Term("subtract", X, X), Term("zeros_like", X))
    text = "graph f(%a: f32[n], %b: f32[n]) {{ %c = subtract(%a, {}) return %c }}"
    assert ops(rewritten(text.format("%a"), row)) == ["zeros_like"]
    assert ops(rewritten(text.format("%b"), row)) == ["subtract"]


def test_commutative_op_matches_in_both_orders() -> None:
    row = Row(Term("add", Term("exp", X), Y), Term("subtract", X, Y))
    text = "graph f(%a: f32[n], %b: f32[n]) {{ %c = exp(%a) %d = add({}) return %d }}"
    assert ops(rewritten(text.format("%c, %b"), row)) == ["exp", "subtract"]
    assert ops(rewritten(text.format("%b, %c"), row)) == ["exp", "subtract"]


def test_constant_matches_by_bits_and_through_views() -> None:
    row = Row(Term("add", X, Const(-0.0)), X)
    text = """graph f(%a: f32[n,3]) {{
      %c = constant() {{value=f32[] [{}]}}
      %d = broadcast_to(%c) {{shape=(<n>, 3)}}
      %e = add(%a, %d)
      return %e }}"""
    assert "add" not in ops(rewritten(text.format("-0.0"), row))
    assert "add" in ops(rewritten(text.format("0.0"), row))


def test_attributes_bind_and_compute() -> None:
    p, q = Attr("p"), Attr("q")
    row = Row(
        Term("transpose", Term("transpose", X, perm=p), perm=q),
        Term("transpose", X, perm=lambda m: tuple(m["p"][i] for i in m["q"])),
    )
    out = rewritten(
        """graph f(%a: f32[2,3,4]) {
      %b = transpose(%a) {perm=(2, 0, 1)} %c = transpose(%b) {perm=(2, 0, 1)} return %c }""",
        row,
    )
    assert out.outputs[0].node is not None
    assert out.outputs[0].node.attrs == {"perm": (1, 2, 0)}


def test_condition_decides() -> None:
    row = Row(Term("negative", X), X, lambda m: m.type.dtype.kind == "i")
    assert ops(rewritten("graph f(%a: f32[]) { %b = negative(%a) return %b }", row)) == ["negative"]
    assert ops(rewritten("graph f(%a: i32[]) { %b = negative(%a) return %b }", row)) == []


def test_replacement_of_another_type_is_not_made() -> None:
    row = Row(Term("multiply", X, Const(1)), X)
    text = """graph f(%a: f32[3]) { %c = constant() {value=f32[2,1] [1.0, 1.0]}
      %d = multiply(%a, %c) return %d }"""
    assert ops(rewritten(text, row)) == ["constant", "multiply"]


def test_replacement_that_an_op_refuses_is_not_made() -> None:
    row = Row(Term("exp", X), Term("matmul", X, X))
    assert ops(rewritten("graph f(%a: f32[2,3]) { %b = exp(%a) return %b }", row)) == ["exp"]


def test_replacement_keeps_location_and_name() -> None:
    row = Row(Term("exp", X), Term("tanh", Term("sin", X)))
    out = rewritten("graph f(%a: f32[]) { %b = exp(%a) @ u.py:1:2 return %b }", row)
    assert [(n.out.name, str(n.loc)) for n in out.nodes] == [("", "u.py:1:2"), ("b", "u.py:1:2")]


def test_rows_that_go_round_stop() -> None:
    rows = [Row(Term("exp", X), Term("tanh", X)), Row(Term("tanh", X), Term("exp", X))]
    out = rewritten("graph f(%a: f32[]) { %b = exp(%a) return %b }", *rows)
    assert len(out.nodes) == 1
    assert MAX_STEPS % 2 == 0


def test_input_may_stand_for_the_result_of_a_node_that_follows_an_effect() -> None:
    out = rewritten(
        """graph f(%v: ref f32[], %a: f32[]) {
      assign(%v, %a) %b = negative(%a) return %b }""",
        Row(Term("negative", X), X),
    )
    assert ops(out) == ["assign"]


@pytest.mark.parametrize("number, count", [(1, 1), (2, 0)])
def test_regions_are_rewritten(number: int, count: int) -> None:
    out = rewritten(
        """graph f(%a: f32[3]) {
      %b: f32[3] = fused(%a) {dims=(3,)}
        region body(%x: f32[3]) {
          %one = constant() {value=f32[] [1.0]} %y = multiply(%x, %one) return %y }
      return %b }""",
        Row(Term("multiply", X, Const(number)), X),
    )
    assert len(out.nodes[0].regions[0].nodes) == 2 - count
