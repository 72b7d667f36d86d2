"""Iteration spaces: which loop each axis runs along, and what does not fit."""

from __future__ import annotations

import pytest

from twofold.compiler.kernel.space import Space, is_one, nontrivial
from twofold.ir.dims import symbol
from twofold.ir.graph import Graph
from twofold.ir.parser import parse

N, M, K = symbol("n"), symbol("m"), symbol("k")


def graph_of(text: str) -> Graph:
    return parse(f"graph f(%x: f32[n,m], %y: f32[m], %c: f32[n,1], %q: f32[n,n], %z: f32[k,n,m]) {{"
                 f"\n{text}\nreturn }}")  # fmt: skip


def placed(text: str) -> tuple[Space, list[bool]]:
    """The space that the first node starts, and whether each node fits it."""
    nodes = graph_of(text).nodes
    space = Space.starting_at(nodes[0])
    return space, [space.add(n) for n in nodes]


def test_sizes_of_one_are_no_loops() -> None:
    assert nontrivial((1, N, 1, 3)) == (N, 3)
    assert [is_one(d) for d in (1, 2, N)] == [True, False, False]


def test_elementwise_values_run_along_all_loops() -> None:
    space, fits = placed("%a = add(%x, %y) %b = tanh(%a) %d = multiply(%b, %c)")
    assert fits == [True] * 3
    assert space.dims == (N, M)
    assert set(space.axes.values()) == {(0, 1)}
    assert space.kept == {0, 1}


def test_a_reduction_keeps_an_outer_level() -> None:
    space, fits = placed(
        "%s = sum(%x) {axis=(1,), keepdims=True} %t = tanh(%s) %d = subtract(%x, %t)"
    )
    assert fits == [True] * 3
    assert (space.reduced, space.kept) == ({1}, {0})
    levels = [space.level(a) for a in space.axes.values()]
    assert levels == ["outer", "outer", "full"]
    assert list(space.axes.values()) == [(0, None), (0, None), (0, 1)]


@pytest.mark.parametrize(("text", "fits"), [
    ("%s = sum(%x) {axis=(1,)} %t = sum(%x) {axis=(0,)}", [True, False]),
    ("%s = sum(%x) {axis=(1,)} %t = max(%x) {axis=(1,)}", [True, True]),
    ("%s = sum(%x) {axis=(1,)} %t = sum(%s) {axis=(0,)}", [True, False]),
    ("%a = exp(%x) %b = expand_dims(%a) {axis=(1,)} %d = squeeze(%b) {axis=(1,)}", [True] * 3),
    ("%a = exp(%x) %b = reshape(%a) {shape=(1, <n>, 1, <m>)}", [True, True]),
    ("%a = exp(%q) %t = transpose(%q) {perm=(1, 0)} %d = add(%a, %t)", [True, True, True]),
    ("%a = exp(%q) %t = transpose(%a) {perm=(1, 0)}", [True, False]),
    ("%a = exp(%x) %b = add(%a, %z)", [True, False]),
    ("%a = exp(%z) %b = add(%x, %a)", [True, True]),
])  # fmt: skip
def test_what_fits(text: str, fits: list[bool]) -> None:
    assert placed(text)[1] == fits


def test_equal_sizes_are_not_mixed_up() -> None:
    """``q`` is square: sums of its rows lie along axis 0 but broadcast along axis 1."""
    assert placed("%s = sum(%q) {axis=(1,)} %a = add(%q, %s)")[1] == [True, False]
    _, fits = placed("%s = sum(%q) {axis=(1,), keepdims=True} %a = add(%q, %s)")
    assert fits == [True, True]


def test_a_copy_is_independent() -> None:
    space, _ = placed("%a = exp(%x)")
    copy = space.copy()
    copy.axes.clear()
    copy.reduced = frozenset({1})
    assert space.axes
    assert space.reduced is None
