"""Graphs: building, walking, copying, replacing sizes, and equality."""

from __future__ import annotations

import numpy as np
import pytest

from twofold.ir.attrs import attr_key
from twofold.ir.dims import symbol
from twofold.ir.equality import difference, equal
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.rebuild import copied
from twofold.ir.types import TensorType

TEXT = """graph f(%x: f32[n,3], %v: ref f32[n,3]) {
  %a: f32[n,3] = exp(%x)                                                  @ a.py:1:2
  %b: f32[n,3] = fused(%a) {dims=(<n>, 3), reduced=()}
    region body(%a: f32[n,3]) {
      %0: f32[n,3] = tanh(%a)
      return %0
    }
  assign(%v, %b)
  return %b
}
"""


def test_copy_is_equal_and_shares_nothing_that_changes() -> None:
    graph = parse(TEXT)
    table: dict = {}
    copy = copied(graph, table)
    assert equal(graph, copy)
    assert table[graph.outputs[0]] is copy.outputs[0]
    copy.nodes[1].regions[0].nodes.clear()
    copy.nodes[0].attrs["new"] = 1
    assert str(graph) == TEXT


def test_walk_gives_nodes_of_regions_after_their_node() -> None:
    assert [n.op.name for n in parse(TEXT).walk()] == ["exp", "fused", "tanh", "assign"]


def test_regions_come_first() -> None:
    assert [g.name for g in parse(TEXT).regions_first()] == ["body", "f"]


def test_substitute_reaches_types_attributes_and_regions() -> None:
    graph = parse(TEXT)
    graph.substitute({"n": symbol("m") + 1})
    assert "n" not in {s for v in graph.inputs for s in v.type.symbols()}
    wanted = TEXT.replace("[n,", "[m+1,").replace("<n>", "<m+1>")
    assert equal(graph, parse(wanted))


def test_uses_lists_each_user_once() -> None:
    graph = parse("graph f(%x: f32[]) { %y = add(%x, %x) return %y }")
    assert graph.uses()[graph.inputs[0]] == graph.nodes


def test_symbols_are_in_order_of_appearance() -> None:
    assert parse("graph f(%x: f32[m,n], %y: f32[k,m]) { return }").symbols() == ("m", "n", "k")


def test_effects_of_a_node_are_those_of_its_op_and_its_regions() -> None:
    graph = parse(TEXT)
    exp, fused, assign = graph.nodes
    assert (exp.effects, assign.effects) == (frozenset(), {"write"})
    assert not fused.pinned
    (body,) = fused.regions
    x = body.input(TensorType(np.dtype("int32"), ()))
    body.add(OPS["floor_divide"], [x, x])
    fused.hold([body])  # effects are found once: who changes the regions says so
    assert fused.effects == {"raise"}


def test_float_division_cannot_raise() -> None:
    graph = parse(
        "graph f(%x: f32[], %i: i32[]) { %0 = floor_divide(%x, %x) "
        "%1 = floor_divide(%i, %i) return }"
    )
    assert [n.pinned for n in graph.nodes] == [False, True]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("exp(%x)", "tanh(%x)", "tanh in the other"),
        ("a.py:1:2", "a.py:1:3", "is at"),
        ("graph f(", "graph g(", "called g"),
        ("%x: f32[n,3]", "%y: f32[n,3]", "%y"),
        ("return %b", "return %a", "returns other values"),
        ("(<n>, 3)", "(<n>, 4)", "attributes"),
        ("tanh(%a)", "sin(%a)", "node 0 (tanh) of graph body"),
        ("  assign(%v, %b)\n", "", "3 nodes"),
        ("fused(%a)", "fused(%x)", "other inputs"),
    ],
)
def test_difference_names_what_differs(old: str, new: str, words: str) -> None:
    text = TEXT.replace(old, new)
    if new == "graph g(":
        other = parse(text)
    else:
        other = parse(text.replace("exp(%x)", "exp(%y)") if new.startswith("%y") else text)
    assert words in difference(parse(TEXT), other)
    assert not equal(parse(TEXT), other)


def test_locations_can_be_ignored() -> None:
    other = parse(TEXT.replace("@ a.py:1:2", ""))
    assert equal(parse(TEXT), other, locations=False)
    assert not equal(parse(TEXT), other)


@pytest.mark.parametrize(
    "a, b",
    [(1, 1.0), (1, True), (0.0, -0.0), ((1,), (True,)), ("1", 1), (np.zeros(1), np.array([-0.0])),
     (np.zeros(2), np.zeros((2, 1))), (np.zeros(1, "f4"), np.zeros(1, "i4")), (slice(1), slice(2)),
     (np.float32(1), np.array(1, "f4")), (complex(0, 0.0), complex(0, -0.0)), (None, False),
     (np.dtype("f4"), np.dtype("f8")), (object(), object())],
)  # fmt: skip
def test_attributes_of_other_type_or_bits_differ(a: object, b: object) -> None:
    assert attr_key(a) != attr_key(b)
    assert attr_key(a) == attr_key(a)


def test_nan_attributes_with_the_same_bits_are_equal() -> None:
    assert attr_key(float("nan")) == attr_key(float("nan"))
    assert attr_key(np.array([np.nan])) == attr_key(np.array([np.nan]))
