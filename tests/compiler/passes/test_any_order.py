"""Passes alone and in any order: valid graphs, the same values bit for bit, regions included."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.outlined import outlined
from support.random_programs import SIZES, random_graph, random_inputs

from twofold.compiler.arrays.reference import execute
from twofold.compiler.passes.driver import Pass
from twofold.compiler.passes.text import show_passes
from twofold.compiler.pipeline import PASSES, run
from twofold.ir.equality import difference
from twofold.ir.graph import Graph
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.verify import verify

SEEDS = st.integers(0, 10**6)
EXAMPLES = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def program(seed: int) -> tuple[Graph, list[Any], list[Any]]:
    """A random graph with regions in regions, inputs for it, and what it computes."""
    rng = random.Random(seed)
    flat = random_graph(rng, rng.randint(4, 25))
    graph = outlined(flat, OPS["call"], rng)
    verify(graph)
    inputs = random_inputs(flat, seed, SIZES)
    want = execute(flat, inputs, SIZES)
    assert_same(execute(graph, inputs, SIZES), want, "outlining")
    return graph, inputs, want


def assert_same(found: list[Any], want: list[Any], what: str) -> None:
    for a, b in zip(found, want, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        nan = np.isnan(a) if a.dtype.kind == "f" else np.zeros(a.shape, bool)
        np.testing.assert_array_equal(a, b, err_msg=what)
        if a.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(a)[~nan], np.signbit(b)[~nan], err_msg=what)


def checked(graph: Graph, each: Pass, inputs: list[Any], want: list[Any], what: str) -> Graph:
    before = str(graph)
    after = each(graph, verify=True)
    assert str(graph) == before, f"{each} changed its input"
    assert difference(parse(str(after)), after) == ""
    assert each.steps or all(node.step is None for node in after.walk()), f"{each} kept a plan"
    assert_same(execute(after, inputs, SIZES), want, what)
    return after


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@EXAMPLES
@given(SEEDS, st.lists(st.sampled_from(PASSES), min_size=1, max_size=7))
def test_passes_in_any_order_keep_every_bit(seed: int, passes: list[Pass]) -> None:
    graph, inputs, want = program(seed)
    for each in passes:
        graph = checked(graph, each, inputs, want, f"{each} of {show_passes(passes)}")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("each", PASSES, ids=str)
@EXAMPLES
@given(SEEDS)
def test_a_pass_on_its_own_result_changes_nothing(each: Pass, seed: int) -> None:
    graph, inputs, want = program(seed)
    once = checked(graph, each, inputs, want, str(each))
    assert difference(each(once), once) == ""


@pytest.mark.parametrize("max_ops", [0, 1, 2, 5])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_kernel_has_more_ops_than_asked_for(max_ops: int) -> None:
    fuse = next(p for p in PASSES if p.name == "fuse").having(max_ops=max_ops)
    for seed in range(20):
        graph, inputs, want = program(seed)
        out = checked(graph, fuse, inputs, want, str(fuse))
        kernels = [n.regions[0] for n in out.walk() if n.op.name == "fused"]
        free = ("constant", "movement")  # what kernels hold for nothing
        sizes = [sum(not {n.op.name, n.op.kind} & {*free} for n in k.nodes) for k in kernels]
        assert max(sizes, default=0) <= max(max_ops, 1)


def test_a_thousand_calls_in_calls_are_no_recursion() -> None:
    graph = parse("graph g(%x: i32[n]) { %y = floor_divide(%x, %x) return %y }")
    for _ in range(1200):
        around = Graph("g")
        x = around.input(graph.inputs[0].type, "x")
        around.outputs = [around.add(OPS["call"], [x], regions=[graph], types=[x.type]).out]
        graph = around
    assert graph.nodes[0].effects == {"raise"}
    assert graph.nodes[0].pinned
    for each in PASSES:
        if each.name != "inline":
            assert len(each(graph).regions_first()) >= 1200
    out = run(graph, after="inline")
    assert [n.op.name for n in out.nodes] == ["floor_divide"]
