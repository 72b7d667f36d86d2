"""Attribute values: one closed set, and every walker sees all of it."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest
from support.attr_values import F32, VALUES, N

import twofold as tf
from twofold.ir.attr_text import show_attr
from twofold.ir.attrs import (
    attr_key,
    attrs_at,
    check_attrs,
    dims_of,
    leaves,
    map_attr,
    plain_value,
    refused,
    same_attrs,
    substituted,
)
from twofold.ir.dims import Dim, symbol
from twofold.ir.errors import ArgumentError, VerifyError
from twofold.ir.graph import Graph, Node
from twofold.ir.op import OPS
from twofold.ir.types import RefType, TensorType
from twofold.ir.verify import verify

NESTED = (slice(N, None, 2), (F32, (RefType(np.dtype("int8"), (N, 4)), 2 * N)), "text")


@pytest.mark.parametrize("value", VALUES, ids=lambda v: ascii(show_attr(v))[:40])
def test_mapping_the_identity_gives_the_same_value(value: Any) -> None:
    assert attr_key(map_attr(value, lambda leaf: leaf)) == attr_key(value)
    assert not refused({"value": value})


@pytest.mark.parametrize("value", VALUES, ids=lambda v: ascii(show_attr(v))[:40])
def test_mapping_visits_the_leaves_in_order(value: Any) -> None:
    seen: list[Any] = []
    map_attr(value, seen.append)
    assert list(map(attr_key, seen)) == list(map(attr_key, leaves(value)))


def test_leaves_of_slices_types_and_tuples() -> None:
    assert list(leaves(NESTED)) == [N, None, 2, N, 3, N, 4, 2 * N, "text"]
    assert list(dims_of(NESTED)) == [N, N, N, 2 * N]


def test_sizes_are_replaced_wherever_they_stand() -> None:
    m = symbol("m")
    (value,) = substituted({"a": NESTED}, {"n": m}).values()
    assert list(dims_of(value)) == [m, m, m, 2 * m]
    (value,) = attrs_at({"a": NESTED}, {"n": 3}).values()
    ref = RefType(np.dtype("int8"), (3, 4))
    assert value == (slice(3, None, 2), (TensorType(np.dtype("float32"), (3, 3)), (ref, 6)), "text")


def test_attributes_without_sizes_are_passed_on_as_they_are() -> None:
    array = np.zeros(3)
    value = (1, array, slice(None))
    assert substituted({"a": value}, {"n": 3})["a"] is value
    assert attrs_at({"a": value}, {})["a"] is value


def test_lists_become_tuples() -> None:
    assert map_attr([1, [2, (3,)]], lambda leaf: leaf) == (1, (2, (3,)))


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    """A derived string."""

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("derived", "value"),
    [(Colour.RED, 1), (Text("ij->ji"), "ij->ji"), (np.str_("f32"), "f32"), (True, True),
     (type("Half", (float,), {})(0.5), 0.5), (np.float64(0.5), np.float64(0.5)),
     (np.int64(3), np.int64(3)), (N, N), (None, None)],
)  # fmt: skip
def test_numbers_and_strings_of_derived_classes_have_plain_values(derived: Any, value: Any) -> None:
    assert attr_key(plain_value(derived)) == attr_key(value)


def test_a_compiled_function_takes_an_enumeration_as_an_attribute() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return tf.sum(x, axis=Colour.RED) + tf.arange(Colour.RED, 3, dtype=tf.float32)

    x = tf.ones((2, 3))
    assert f(x).numpy().tolist() == f.python_function(x).numpy().tolist() == [4.0, 5.0]


REFUSED = [[1], {"a": 1}, {1}, object(), len, np.dtype("O"), np.dtype("M8[s]"), np.array(["a"]),
           np.array([object()]), Colour.RED, b"x", range(3), (1, (2, [3])), slice([1])]  # fmt: skip


@pytest.mark.parametrize("value", REFUSED, ids=lambda v: type(v).__name__)
def test_what_is_outside_of_the_set_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ArgumentError, match="concat: the attribute axis holds .* of type "):
        check_attrs("concat", {"other": 1, "axis": value})


def test_a_graph_neither_takes_nor_passes_it() -> None:
    graph = Graph("f")
    x = graph.input(F32, "x")
    with pytest.raises(ArgumentError, match="cast: the attribute dtype holds dtype"):
        graph.add(OPS["cast"], [x], {"dtype": np.dtype("O")}, types=[F32])
    assert not graph.nodes
    graph.nodes.append(Node(OPS["cast"], [x], {"dtype": object()}, [F32]))
    with pytest.raises(VerifyError, match="Attributes: the attribute dtype holds <object"):
        verify(graph)


@pytest.mark.parametrize("i", range(len(VALUES)))
def test_keys_tell_all_values_apart(i: int) -> None:
    same = [j for j, v in enumerate(VALUES) if attr_key(v) == attr_key(VALUES[i])]
    assert same == [i]
    hash(attr_key(VALUES[i]))


def test_attributes_are_the_same_by_name_type_and_bits() -> None:
    assert same_attrs({"a": (1, np.zeros(2)), "b": None}, {"b": None, "a": (1, np.zeros(2))})
    for other in ({"a": True}, {"a": 1.0}, {"b": 1}, {}, {"a": 1, "b": 1}):
        assert not same_attrs({"a": 1}, other)


def test_dim_is_a_leaf_only_as_a_dim() -> None:
    assert all(leaf.__class__ is Dim for leaf in dims_of((N, N + 1, 3, "n")))
