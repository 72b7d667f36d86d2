"""Random pipelines: what they give is what lists give, by row numbers, by elements, from a state."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import twofold as tf

Dataset = tf.data.Dataset
Step = tuple[str, Callable[[Any], Any], Callable[[list[Any]], list[Any]]]


def batched(items: list[Any], size: int, whole: bool) -> list[Any]:
    parts = [items[i : i + size] for i in range(0, len(items), size)]
    return [p for p in parts if len(p) == size or not whole]


def steps() -> st.SearchStrategy[Step]:
    """A transformation of datasets of numbers, and the same of lists."""
    n = st.integers(0, 7)
    some = st.integers(1, 4)
    return st.one_of(
        n.map(lambda k: (f"take {k}", lambda d: d.take(k), lambda x: x[:k])),
        n.map(lambda k: (f"skip {k}", lambda d: d.skip(k), lambda x: x[k:])),
        st.integers(0, 3).map(lambda k: (f"repeat {k}", lambda d: d.repeat(k), lambda x: x * k)),
        st.tuples(some, n).map(
            lambda p: (
                f"shard {p}",
                lambda d: d.shard(p[0] + p[1], p[1]),
                lambda x: x[p[1] :: p[0] + p[1]],
            )
        ),
        st.just(("map", lambda d: d.map(lambda v: v * 3 + 1), lambda x: [v * 3 + 1 for v in x])),
        st.just(
            ("odd", lambda d: d.filter(lambda v: v % 2 == 1), lambda x: [v for v in x if v % 2])
        ),
        st.just(
            (
                "plain",
                lambda d: d.map(lambda v: np.int64(int(v) - 2), num_parallel_calls=2),
                lambda x: [v - 2 for v in x],
            )
        ),
        st.tuples(some, st.booleans()).map(
            lambda p: (
                f"batch, unbatch {p}",
                lambda d: d.batch(p[0], drop_remainder=p[1]).unbatch(),
                lambda x: list(itertools.chain(*batched(x, *p))),
            )
        ),
        some.map(
            lambda k: (
                f"window {k}",
                lambda d: d.window(k, shift=1).flat_map(lambda w: w.batch(k)).map(tf.reduce_sum),
                lambda x: [sum(x[i : i + k]) for i in range(len(x))],
            )
        ),
        st.just(("unique", lambda d: d.unique(), lambda x: list(dict.fromkeys(x)))),
        st.just(("twice", lambda d: d.concatenate(d), lambda x: x + x)),
        st.just(("cache", lambda d: d.cache(), lambda x: x)),
        some.map(lambda k: (f"prefetch {k}", lambda d: d.prefetch(k), lambda x: x)),
        st.just(
            (
                "scan",
                lambda d: d.scan(np.int64(0), lambda s, v: (s + v, s + v)),
                lambda x: list(itertools.accumulate(x)),
            )
        ),
        st.just(
            (
                "zip",
                lambda d: Dataset.zip((d, d.skip(1))).map(lambda a, b: a - b),
                lambda x: [a - b for a, b in itertools.pairwise(x)],
            )
        ),
        some.map(
            lambda k: (
                f"shuffle 1 of {k}",
                lambda d: d.shuffle(k, seed=3, reshuffle_each_iteration=False).cache(),
                None,
            )
        ),
    )


def numbers(ds: Any) -> list[int]:
    return [int(x) for x in ds]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), st.lists(steps(), max_size=5), st.integers(0, 12))
def test_a_pipeline_gives_what_lists_give(size: int, chosen: list[Step], stop: int) -> None:
    expected: list[int] | None = list(range(size))
    by_row, by_element = Dataset.range(size), Dataset.range(size).map(lambda x: x)
    for _, on_dataset, on_list in chosen:
        by_row, by_element = on_dataset(by_row), on_dataset(by_element)
        expected = None if expected is None or on_list is None else on_list(expected)
    found = numbers(by_row)
    assert numbers(by_element) == found
    assert expected is None or found == expected
    count = int(by_row.cardinality())
    assert count in (len(found), tf.data.UNKNOWN_CARDINALITY)
    for ds in (by_row, by_element):
        elements = iter(ds)
        before = [int(x) for x in itertools.islice(elements, stop)]
        state = json.loads(json.dumps(elements.get_state()))
        again = iter(ds)
        again.set_state(state)
        assert before + numbers(again) == found == before + numbers(elements)
