"""The text of graphs: exact for every attribute, name and location."""

from __future__ import annotations

import numpy as np
import pytest
from support.attr_values import F32, VALUES

from twofold.ir.attr_text import show_attr
from twofold.ir.dtypes import DTYPES
from twofold.ir.equality import difference
from twofold.ir.graph import Graph, Node
from twofold.ir.location import Location
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.printer import print_graph
from twofold.ir.rebuild import copied


def graph_with(value: object) -> Graph:
    """A graph with an attribute that no rule looks at."""
    graph = Graph("f")
    x = graph.input(F32, "x")
    region = Graph("body")
    region.outputs = [region.input(F32, "x")]
    node = Node(OPS["fused"], [x], {"dims": value}, [F32], [region])
    graph.nodes.append(node)
    graph.outputs = [node.out]
    return graph


@pytest.mark.parametrize("value", VALUES, ids=lambda v: ascii(show_attr(v))[:40])
def test_attribute_survives_the_text_bit_for_bit(value: object) -> None:
    graph = graph_with(value)
    back = parse(str(graph))
    assert difference(graph, back) == ""
    assert str(back) == str(graph)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("count", [0, 1, 16, 17, 300])
def test_array_of_every_dtype_survives_the_text(dtype: np.dtype, count: int) -> None:
    raw = np.random.default_rng(0).integers(0, 256, count * dtype.itemsize).astype(np.uint8)
    array = (raw % 2).astype(bool) if dtype.kind == "b" else raw.view(dtype)
    graph = graph_with(array)
    assert difference(graph, parse(str(graph))) == ""


def test_long_arrays_are_compact() -> None:
    assert len(show_attr(np.zeros(10**6))) < 40
    assert len(show_attr(np.random.default_rng(0).random(1000))) < 8 * 1000 * 1.4


def test_short_floats_are_short_in_their_own_dtype() -> None:
    assert show_attr(np.array([0.1, 1e10], "float32")) == "f32[2] [0.1, 10000000000.0]"


def test_python_object_shows_but_does_not_parse() -> None:
    assert show_attr([1]) == 'object("list [1]")'


@pytest.mark.parametrize("name", ["x", "naïve", "変数", "a b", 'q"', "7", "x.1", "<lambda>", "é\n"])
def test_names_survive(name: str) -> None:
    graph = Graph(name)
    x = graph.input(F32, name)
    node = graph.add(OPS["negative"], [x], names=[name])
    graph.outputs = [node.out]
    back = parse(str(graph))
    assert difference(graph, back) == ""
    assert [v.name for v in (back.inputs[0], back.nodes[0].out)] == [name, name]


@pytest.mark.parametrize(
    "file",
    ["model.py", "/a b/c.py", "C:\\x:1:2\\y.py", "<stdin>", "#1.py", 'a"b', "ü.py", "a:3", ""],
)
def test_locations_survive(file: str) -> None:
    graph = Graph("f")
    x = graph.input(F32, "x")
    graph.outputs = [graph.add(OPS["negative"], [x], loc=Location(file, 12, 9)).out]
    back = parse(str(graph))
    assert back.nodes[0].loc == Location(file, 12, 9)
    assert str(back) == str(graph)


def test_locations_can_be_left_out() -> None:
    graph = Graph("f")
    graph.add(OPS["negative"], [graph.input(F32, "x")], loc=Location("m.py", 1, 2))
    assert print_graph(graph, locations=False).splitlines()[1] == "  %0: f32[n,3] = negative(%x)"


def nested(depth: int) -> Graph:
    inner: Graph | None = None
    for i in range(depth):
        graph = Graph(f"level{i}")
        x = graph.input(F32, "x")
        graph.outputs = [x]
        if inner is not None:
            node = Node(OPS["fused"], [x], {"dims": ()}, [F32], [inner])
            graph.nodes.append(node)
            graph.outputs = [node.out]
        inner = graph
    assert inner is not None
    return inner


def test_thousand_nested_regions_print_parse_and_copy() -> None:
    graph = nested(1000)
    text = str(graph)
    assert text.count("region") == 999
    assert difference(parse(text), graph) == ""
    assert difference(copied(graph), graph) == ""
