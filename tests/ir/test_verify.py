"""The verifier: each invariant has a graph that breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from twofold.ir.errors import VerifyError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.location import Location
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.types import RefType, TensorType
from twofold.ir.verify import verify

F32 = TensorType(np.dtype("float32"), (3,))


def graph_of(*ops: str) -> tuple[Graph, list[Node]]:
    graph = Graph("f")
    value = graph.input(F32, "x")
    nodes = []
    for op in ops:
        nodes.append(graph.add(OPS[op], [value], loc=Location("user.py", 7, 3)))
        value = nodes[-1].out
    graph.outputs = [value]
    verify(graph)
    return graph, nodes


def broken(graph: Graph) -> VerifyError:
    with pytest.raises(VerifyError) as info:
        verify(graph)
    return info.value


def test_error_names_node_line_and_invariant() -> None:
    graph, (node,) = graph_of("exp")
    node.outputs[0].type = F32.with_shape((4,))
    error = broken(graph)
    assert error.invariant == "Types"
    assert error.node == "%0: f32[4] = exp(%x)"
    assert error.location == Location("user.py", 7, 3)
    assert str(error) == (
        "Types: exp gives f32[3], recorded is f32[4]\n  in %0: f32[4] = exp(%x)\n  at user.py:7:3"
    )


def test_value_used_before_it_is_defined() -> None:
    graph, _ = graph_of("exp", "tanh")
    graph.nodes.reverse()
    assert "before it is defined" in broken(graph).reason


def test_value_of_another_graph() -> None:
    graph, (node,) = graph_of("exp")
    node.inputs = (Value(F32, "y"),)
    assert "not defined in this graph" in broken(graph).reason


def test_value_of_the_graph_around_a_region() -> None:
    graph = parse("""graph f(%x: f32[3]) {
      %z = exp(%x)
      %y: f32[3] = fused(%x) {dims=(3,)}
        region body(%a: f32[3]) { %b = exp(%a) return %b }
      return %y }""")
    graph.nodes[1].regions[0].nodes[0].inputs = (graph.nodes[0].out,)
    assert "a region sees only its own inputs" in broken(graph).reason


def test_value_defined_twice() -> None:
    graph, (node,) = graph_of("exp")
    graph.nodes.append(node)
    assert "defined twice" in broken(graph).reason


def test_output_that_is_not_defined() -> None:
    graph, _ = graph_of("exp")
    graph.outputs = [Value(F32)]
    assert broken(graph).invariant == "Values"


def test_input_that_is_the_output_of_a_node() -> None:
    graph, (node,) = graph_of("exp")
    graph.inputs.append(node.out)
    assert broken(graph).invariant == "Values"


def test_output_that_does_not_know_its_node() -> None:
    graph, (first, second) = graph_of("exp", "tanh")
    second.outputs[0].node = first
    assert "does not know its node" in broken(graph).reason


def test_inputs_that_need_a_cast() -> None:
    graph, _ = graph_of("exp")
    y = graph.input(F32.with_dtype(np.dtype("float64")))
    graph.nodes.append(Node(OPS["add"], [graph.inputs[0], y], {}, [F32]))
    assert "cast it first" in broken(graph).reason


def test_attributes_that_are_not_canonical() -> None:
    graph, _ = graph_of("exp")
    node = graph.add(OPS["sum"], [graph.inputs[0]], {"axis": 0})
    node.attrs["axis"] = -1
    assert broken(graph).invariant == "Attributes"
    node.attrs.update(axis=(0,), keepdims=0)
    assert broken(graph).invariant == "Attributes"


def test_attributes_that_are_missing() -> None:
    graph, _ = graph_of("exp")
    del graph.add(OPS["sum"], [graph.inputs[0]]).attrs["keepdims"]
    assert broken(graph).invariant == "Attributes"


def test_shapes_that_do_not_fit() -> None:
    graph, _ = graph_of("exp")
    y = graph.input(F32.with_shape((4,)))
    graph.nodes.append(Node(OPS["add"], [graph.inputs[0], y], {}, [F32]))
    assert "cannot broadcast" in broken(graph).reason


def test_ref_that_an_op_makes_or_takes() -> None:
    graph, (node,) = graph_of("exp")
    node.outputs[0].type = RefType(F32.dtype, F32.shape)
    assert broken(graph).invariant == "Effects"
    graph, (node,) = graph_of("exp")
    graph.inputs[0].type = RefType(F32.dtype, F32.shape)
    assert "not a ref" in broken(graph).reason


def test_read_after_write_also_through_a_region() -> None:
    text = """graph f(%v: ref f32[3], %x: f32[3]) {
      CALL
      %y = read(%v)
      return %y }"""
    call = """%c: f32[3] = fused(%v, %x) {dims=()}
        region body(%r: ref f32[3], %a: f32[3]) { BODY return %a }"""
    verify(parse(text.replace("CALL", call.replace("BODY", "%q = read(%r)"))))
    verify(parse(text.replace("CALL", call.replace("BODY", ""))))
    for write in ("assign(%v, %x)", call.replace("BODY", "assign(%r, %a)")):
        error = broken(parse(text.replace("CALL", write)))
        assert error.invariant == "Effects"
        assert "read after it was written" in error.reason


def test_write_after_read_is_in_order() -> None:
    verify(
        parse("""graph f(%v: ref f32[3], %x: f32[3]) {
      %y = read(%v)
      assign(%v, %x)
      assign(%v, %y)
      return %y }""")
    )


def test_region_with_other_inputs_or_outputs_than_its_node() -> None:
    text = """graph f(%x: f32[3]) {
      %y: f32[3] = fused(%x) {dims=(3,)}
        region body(%a: f32[3]) { return %a }
      return %y }"""
    graph = parse(text)
    graph.nodes[0].regions[0].outputs = []
    assert broken(graph).reason == "the outputs of fused should be (), not (f32[3])"
    graph = parse(text)
    graph.nodes[0].regions = ()
    assert "one region, not 0" in broken(graph).reason


def test_region_that_has_two_owners() -> None:
    graph = parse("""graph f(%x: f32[3]) {
      %y: f32[3] = fused(%x) {dims=(3,)}
        region body(%a: f32[3]) { return %a }
      return %y }""")
    first = graph.nodes[0]
    graph.nodes.append(Node(first.op, first.inputs, first.attrs, [F32], first.regions))
    assert "two owners" in broken(graph).reason


def test_region_of_an_op_without_regions() -> None:
    graph, (node,) = graph_of("exp")
    node.regions = (Graph("body"),)
    assert "takes no regions" in broken(graph).reason


def test_regions_see_the_sizes_around_them() -> None:
    verify(
        parse("""graph f(%x: f32[n]) {
      %y: f32[n] = fused(%x) {dims=(<n>,)}
        region body(%a: f32[n]) { return %a }
      %z: i64[] = fused() {dims=()}
        region other() { %d = dim() {dim=<n>} return %d }
      return %y }""")
    )


def test_size_that_nothing_binds() -> None:
    graph = parse("graph f(%x: f32[n]) { %d = dim() {dim=<n+m>} return %d }")
    assert broken(graph).reason == "the size m is not in the shape of any input"
