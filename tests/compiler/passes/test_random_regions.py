"""Random graphs with nested branches and loops through every pass; see the generator."""

from __future__ import annotations

import numpy as np
import pytest
from support.random_regions import check, random_graph


@pytest.mark.parametrize("start", range(0, 160, 20))
def test_passes_keep_what_branches_and_loops_do(start: int) -> None:
    with np.errstate(all="ignore"):
        found = {seed: text for seed in range(start, start + 20) if (text := check(seed))}
    assert not found


def test_the_graphs_have_branches_and_loops_in_loops() -> None:
    """The generator would show nothing without them."""
    ops = {"cond": 0, "switch": 0, "while": 0, "scan": 0, "nested": 0, "assign": 0}
    for seed in range(60):
        for node in random_graph(seed).walk():
            if node.op.name in ops:
                ops[node.op.name] += 1
            if any(inner.regions for region in node.regions for inner in region.nodes):
                ops["nested"] += 1
    assert min(ops.values()) >= 10, ops
