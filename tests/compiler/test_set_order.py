"""Sets that are returned are iterated over, and printed, in the order of plain Python's."""

from __future__ import annotations

import random
from typing import Any

import pytest

import twofold as tf

SETS: list[Any] = [
    [8, 0, 16], [9765, 2, 400, 57, 1, 33], list(range(0, 640, 32)),
    random.Random(3).sample(range(10_000), 12),
]  # fmt: skip


@pytest.mark.parametrize("items", SETS, ids=str)
def test_literals_and_sets_of_lists_have_pythons_order(items: list[int]) -> None:
    space: dict[str, Any] = {}
    exec(f"def literal():\n return {{{', '.join(map(str, items))}}}", space)

    def of_items(held: list[int], x: Any) -> Any:
        found = set(held)
        return found, frozenset(held), list(found), x + 1

    def walked(held: list[int]) -> list[int]:
        return [x + 0 for x in {9765, 2, 400, 57, 1, 33, *held}]

    assert str(tf.function(space["literal"])()) == str(space["literal"]())
    assert str(tf.function(of_items)(items, 1)) == str(of_items(items, 1))
    assert tf.function(walked)(items) == walked(items)
