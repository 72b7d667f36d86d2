"""Programs as textbooks have them: lists of an array's elements, heaps, slices of lists that grow,
generators of random numbers with a seed, tests of closeness."""

from __future__ import annotations

import copy
import heapq
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import twofold as tf


def as_lists(a: Any, k: Any) -> Any:
    rows = a.reshape(2, 2).tolist()
    rows[0].append(rows[1][0] + k)
    return rows, a.sum().item(), [x / 2 for x in a.tolist()]


def mapped(a: Any, k: Any) -> Any:
    pairs = map(max, a, a[::-1])
    return list(map(float, a)), sum(map(abs, a - k)), list(map(int, a * 1.5)), list(pairs)


def slices(a: Any, k: Any) -> Any:
    out = []
    for v in a:
        if v > k:
            out.append(int(v))
    return out[::-1], out[::2], out[-2:], out[4:0:-2], out[-1:-4:-1], out[::-3], out[9::-1]


def slices_at_values(a: Any, k: Any) -> Any:
    known = [10, 20, 30, 40, 50]
    i, j = int(a[0]), int(a[1])
    return known[i:j], known[:j], known[i:], known[j:i:-1], known[-i:]


def largest(a: Any, k: Any) -> Any:
    heap: list[Any] = []
    for v in a:
        if len(heap) < k:
            heapq.heappush(heap, v)
        elif v > heap[0]:
            heapq.heapreplace(heap, v)
    return sorted(heap, reverse=True)


def heap_sort(a: Any, k: Any) -> Any:
    heap: list[Any] = []
    for i, v in enumerate(a):
        heapq.heappush(heap, int(v) % 5 + i)
    least = heapq.heappushpop(heap, 2)
    return least, [heapq.heappop(heap) for _ in range(len(heap))]


def merge_sort(a: Any, k: Any) -> Any:
    if len(a) <= 1:
        return list(a)
    left, right = merge_sort(a[: len(a) // 2], k), merge_sort(a[len(a) // 2 :], k)
    out = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            out.append(left[i])
            i += 1
        else:
            out.append(right[j])
            j += 1
    out.extend(left[i:])
    out += right[j:]
    return out


def drawn(a: Any, k: Any) -> Any:
    rng = np.random.default_rng(7)
    noise = rng.normal(size=a.shape)
    noise[0] = 5
    noise += a
    walk = [0.0]
    for _ in range(30):
        walk.append(walk[-1] + rng.random() - 0.5)
    old = np.random.RandomState(k)
    return noise, walk, rng.integers(0, 9, 2), rng.choice([1, 2, 3]), old.rand(2) * a[0]


def drawn_by_helpers(a: Any, k: Any) -> Any:
    class Walker:
        def __init__(self) -> None:
            self.rng, self.x = np.random.default_rng(seed=3), 0.0

        def step(self) -> None:
            self.x = self.x + self.rng.normal() * a[0]

    walker = Walker()
    for _ in range(4):
        walker.step()
    return walker.x


def close(a: Any, k: Any) -> Any:
    x, count = a * 1.0, 0
    for _ in range(40):
        y = (x + x.mean()) / 2
        count += 1
        if np.allclose(x, y, atol=1e-6):
            break
        x = y
    return x, count, np.array_equal(x, y), np.array_equal(x, a[1:])


STRICT = [as_lists, mapped, slices, slices_at_values, largest, heap_sort, merge_sort, drawn,
          drawn_by_helpers, close]  # fmt: skip
ARRAYS = [np.array([3, 4, 9, 6]), np.array([0, 2, 7, 7])]


def outcome(fn: Callable[..., Any], *args: Any) -> Any:
    given = copy.deepcopy(args)
    return fn(*given), given


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, list | tuple):
        assert len(left) == len(right)
        for x, y in zip(left, right, strict=True):
            assert_same(x, y)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_allclose(left, right, rtol=1e-12)
    else:
        assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("fn", STRICT)
def test_it_is_one_graph_and_gives_what_python_gives(fn: Callable[..., Any]) -> None:
    compiled = tf.function(fn, strict=True, jit_compile=False)
    for a in ARRAYS:
        assert_same(outcome(compiled, a, 3), outcome(fn, a, 3))


KEPT = SimpleNamespace(rng=None)


def kept_outside(a: Any, k: Any) -> Any:
    KEPT.rng = np.random.default_rng(1)
    return a * KEPT.rng.random(), KEPT.rng.random()


def shuffled(a: Any, k: Any) -> Any:
    rng, order = np.random.default_rng(1), [1, 2, 3, 4]
    rng.shuffle(order)
    rng.shuffle(a)
    return order, a


def drawn_on_one_way(a: Any, k: Any) -> Any:
    rng = np.random.default_rng(1)
    x = rng.random() if a.sum() > 20 else 0.0
    return x, rng.random()


def drawn_in_trips(a: Any, k: Any) -> Any:
    rng, total, count = np.random.default_rng(1), a[0] * 1.0, 0
    while total < 6:
        total = total + rng.random()
        count += 1
    return total, count


def seeded_by_a_value(a: Any, k: Any) -> Any:
    return np.random.default_rng(int(a[0])).random(), np.random.RandomState(a[:2]).rand()


@pytest.mark.filterwarnings("ignore:.* runs as plain Python:UserWarning")
@pytest.mark.parametrize(
    "fn", [kept_outside, shuffled, drawn_on_one_way, drawn_in_trips, seeded_by_a_value]
)
def test_what_is_no_graph_gives_what_python_gives(fn: Callable[..., Any]) -> None:
    compiled = tf.function(fn, jit_compile=False)
    for a in (*ARRAYS, *ARRAYS):
        assert_same(outcome(compiled, a, 3), outcome(fn, a, 3))
