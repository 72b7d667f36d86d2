"""How nodes run, and where values lie: two that are alive at the same time share no slot."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.graph_families import chain, diamonds, with_sorts
from support.random_programs import random_graph

from twofold.compiler.passes.fuse import fuse
from twofold.compiler.passes.schedule import schedule
from twofold.compiler.planned import roots, slot_sizes, step_of
from twofold.ir.dims import evaluate
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.parser import parse
from twofold.ir.step import NEW, Input, Kind, Place, Slot
from twofold.ir.verify import verify

SIZES = [{"n": n, "m": m, "k": k} for n, m, k in [(1, 1, 1), (7, 3, 2), (2, 50, 1), (40, 1, 9)]]


def elementwise(node: Node) -> bool:
    """A kernel without reductions, which reads each element where it writes it."""
    return node.op.name == "fused" and not node.attrs["reduced"]


def moved(node: Node, value: Value) -> bool:
    """Whether the region reads this input at other places than those it writes."""
    inner = [r for v, r in zip(node.inputs, node.regions[0].inputs, strict=True) if v is value]
    return any(
        n.op.kind == "movement" and set(inner) & set(n.inputs) for n in node.regions[0].nodes
    )


def seen_by_python(graph: Graph, table: dict[Value, Value]) -> set[Value]:
    """Roots that the caller or array operations see."""
    seen = set(graph.inputs) | {table[v] for v in graph.outputs}
    for node in graph.nodes:
        if step_of(node).kind in (Kind.ARRAYS, Kind.ASSIGN, Kind.CONSTANT, Kind.DIM):
            seen.update(table[v] for v in (*node.inputs, *node.outputs))
    return seen


def check(graph: Graph) -> int:
    """Assert the invariants of a scheduled graph; returns how many values lie in slots."""
    table = roots(graph)
    visible = seen_by_python(graph, table)
    last: dict[Value, int] = {}
    for i, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            last[table[value]] = i
    for value in graph.outputs:
        last[table[value]] = len(graph.nodes)
    owner: dict[Place, Value] = {}
    placed = 0
    for i, node in enumerate(graph.nodes):
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            if isinstance(place, Input):
                assert step_of(node).kind in (Kind.ALIAS, Kind.READ)
                continue
            assert (place == NEW) == (value in visible)
            if place == NEW:
                continue
            assert step_of(node).kind in (Kind.KERNEL, Kind.LIBRARY)
            placed += 1
            before = owner.get(place)
            if before is not None and last[before] >= i:
                assert last[before] == i, "two live values share a slot"
                assert elementwise(node)
                users = [v for v in node.inputs if table[v] is before]
                assert len(users) == 1
                assert not moved(node, users[0])
                assert users[0].type.shape == value.type.shape
                assert users[0].type.dtype.itemsize == value.type.dtype.itemsize
            owner[place] = value
    check_sizes(graph)
    return placed


def check_sizes(graph: Graph) -> None:
    """Each slot is large enough for each of its values, whatever the sizes."""
    found = slot_sizes(graph)
    for node in graph.nodes:
        for value, place in zip(node.outputs, step_of(node).places, strict=True):
            if not isinstance(place, Slot):
                continue
            for env in SIZES:
                nbytes = found[place.index]
                have = nbytes if isinstance(nbytes, int) else evaluate(nbytes, env)
                want: Any = value.type.nbytes
                assert have >= (want if isinstance(want, int) else evaluate(want, env))


@pytest.mark.parametrize("block", range(4))
def test_random_graphs(block: int) -> None:
    placed = 0
    for seed in range(50 * block, 50 * block + 50):
        rng = random.Random(seed)
        graph = fuse(random_graph(rng, 40))
        before = str(graph)
        planned = schedule(graph)
        verify(planned)
        assert str(graph) == before
        placed += check(planned)
        check(schedule(fuse(with_sorts(rng, 30))))
    assert placed > 20


def test_a_long_chain_of_kernels_takes_one_or_two_slots() -> None:
    for make in (chain, diamonds):
        planned = schedule(fuse(make(3000)))
        check(planned)
        assert 1 <= len(slot_sizes(planned)) <= 2


def plan(text: str) -> list[tuple[Place, ...]]:
    """The places of kernels and library calls."""
    planned = schedule(fuse(parse(text)))
    verify(planned)
    check(planned)
    native = (Kind.KERNEL, Kind.LIBRARY)
    return [s.places for s in map(step_of, planned.nodes) if s.kind in native]


HEAD = "graph f(%x: f32[n,n], %y: f32[n,n], %w: f64[n,n]) {\n"
MATMUL = "%a = matmul(%x, %y)\n"
IN_PLACE = {
    "the same element": ("%b = exp(%a)", True),
    "with another operand": ("%b = add(%a, %x)", True),
    "twice the same": ("%b = multiply(%a, %a)", True),
    "transposed": ("%t = transpose(%a) {perm=(1, 0)} %b = add(%t, %x)", False),
    "transposed as well": ("%t = transpose(%a) {perm=(1, 0)} %b = add(%t, %a)", False),
    "wider": ("%c = cast(%a) {dtype=f64} %d = add(%c, %w) %b = cast(%d) {dtype=f32}", True),
    "a reduction": ("%s = sum(%a) {axis=(1,), keepdims=True} %b = subtract(%a, %s)", False),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_kernel_writes_over_an_input_only_where_it_reads_it(name: str) -> None:
    text, in_place = IN_PLACE[name]
    places = plan(f"{HEAD}{MATMUL}{text} %r = matmul(%b, %x) return %r }}")
    assert places[0] == (Slot(0),)
    assert (places[1] == (Slot(0),)) == in_place
    assert places[-1] == (NEW,)


def test_a_value_used_later_is_not_overwritten() -> None:
    places = plan(
        f"{HEAD}{MATMUL}%b = exp(%a) %c = matmul(%b, %y) %r = matmul(%a, %c) return %r }}"
    )
    assert places[0] == (Slot(0),)
    assert places[1] != (Slot(0),)


def test_a_view_of_a_value_keeps_it_alive() -> None:
    text = """graph f(%x: f32[4,4], %y: f32[4,4]) {
      %a = matmul(%x, %y)
      %flat = reshape(%a) {shape=(2, 8)}
      %b = exp(%a)
      %c = matmul(%b, %y)
      %t = matmul(%c, %x)
      %r = sort(%flat)
      return %t, %r
    }"""
    planned = schedule(fuse(parse(text)))
    check(planned)
    assert step_of(planned.nodes[0]).places == (NEW,)  # Python code sees it through the view


def test_results_and_what_python_sees_are_arrays_of_their_own() -> None:
    places = plan(f"{HEAD}%a = exp(%x) %s = sort(%a) %b = tanh(%s) %c = exp(%b) return %a, %c }}")
    assert all(p == NEW for each in places for p in each)


def test_a_kernel_that_turns_what_it_computes_does_not_write_over_what_it_reads() -> None:
    turned = "flip(%h) {axis=(0,)}"
    for last, over in ((turned, False), ("negative(%h)", True)):
        graph = parse(
            "graph f(%x: f32[n,64], %w: f32[64,64]) {\n"
            f"%a = matmul(%x, %w) %h = tanh(%a) %t = {last} %c = matmul(%t, %w)\nreturn %c }}"
        )
        planned = schedule(fuse(graph))
        (kernel,) = [n for n in planned.nodes if n.op.name == "fused"]
        (product, _) = [n for n in planned.nodes if n.op.name == "matmul"]
        assert (step_of(kernel).places == step_of(product).places) is over
