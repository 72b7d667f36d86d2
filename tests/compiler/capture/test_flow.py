"""Where branches join, against networkx on random graphs; loops and live variables."""

from __future__ import annotations

import random
from typing import Any

import networkx as nx

from twofold.compiler.capture.flow import END, flow_of, post_dominator


def test_the_post_dominator_is_that_of_networkx() -> None:
    for seed in range(400):
        rng = random.Random(seed)
        n = rng.randint(2, 14)
        ways = {i: tuple(rng.sample(range(-1, n), rng.choice([1, 1, 2]))) for i in range(n)}
        reverse: Any = nx.DiGraph()
        reverse.add_node(END)
        reverse.add_edges_from((k, i) for i, successors in ways.items() for k in successors)
        over = nx.immediate_dominators(reverse, END)
        for start in range(n):
            assert post_dominator(ways, start, END) == over.get(start, END), (seed, start)


def test_a_loop_has_its_steps_and_its_exits() -> None:
    def f(n: int) -> int:
        total = 0
        for i in range(n):
            if i == 7:
                return i
            if i == 5:
                break
            total += i
        return total

    flow = flow_of(f.__code__)
    (head,) = flow.loops
    assert flow.program.steps[head].op == "FOR_ITER"
    assert flow.assigned(head) == {"i", "total"}
    assert len(flow.exits(head)) == 3  # the end of the range, ``break``, ``return``
    assert "total" in flow.live[head]
    assert "i" not in flow.live[head]


def test_a_while_with_a_continue_is_one_loop() -> None:
    def plain(x: int) -> int:
        while x > 0:
            if x == 3:
                continue
            x -= 1
        return x

    def several(x: Any, y: Any) -> Any:
        while x > 0 and (y := y - 1) or x < -3:
            if x == 3:
                continue
            x -= 1
        else:
            x = 3
        return x, y

    def chained(x: Any, y: Any) -> None:
        while 0 < x < y and not y:
            if x == 3:
                continue
            x -= 1

    def chosen(x: Any, y: Any) -> Any:
        while x if y else y is not None:
            if x == 3:
                continue
            x -= 1
        return x

    for f in (plain, several, chained, chosen):
        flow = flow_of(f.__code__)  # type: ignore[attr-defined]
        (head,) = flow.loops
        assert sum(head in ways for ways in flow.after) > 1


def test_loops_that_look_alike_stay_two() -> None:
    def f(x: int, y: int) -> int:
        while x > 0:
            if x == 3:
                continue
            x -= 1
        while x > 0:
            if x == 3:
                continue
            x -= 2
        return x

    assert len(flow_of(f.__code__).loops) == 2
