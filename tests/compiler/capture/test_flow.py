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
