"""What a call reads of a container from outside that it has written to: it is what Python reads, and
a later call reads what the container holds by then."""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest

import twofold as tf

CASES = {
    "a key that is looked for": (
        {}, "c['a'] = x; got = 'b' in c, 'd' not in c.keys(), 'a' in c",
        ["c['b'] = 1", "c.pop('b'); c['d'] = 2", "c.clear()"]),
    "a member": (
        {1}, "c.add(x); got = 2 in c, bool(c), 5 not in c", ["c.add(2)", "c.clear()", "c.add(5)"]),
    "a deleted place": ([1, 2, 3, 4], "a = c[1]; del c[0]; got = a, c[1], c[0]", ["c[:] = [7, 8, 9]"]),
    "a deleted slice": ([1, 2, 3, 4], "del c[:1]; got = c[0]", ["c[1] = 5", "c[:] = [7, 8]"]),
    "items in the other order": (
        [1, 2, 3], "a = c[-1]; c.reverse(); got = a, c[-1]", ["c[0] = 9", "c[1] = 2", "c[2] = 0"]),
    "a comparison": ([1, 2, 3], "c.reverse(); got = c < [2]", ["c[0] = 9", "c[2] = 5"]),
    "items put before others": ([1, 2], "c.insert(0, x); got = c[1]", ["c[0] = 8", "c.append(3)"]),
    "a full deque": (
        deque([1, 2], maxlen=3), "a = c[0]; c.append(x); got = a, c[0], c[-2]",
        ["c.append(9)", "c[0] = 4", "c.popleft()"]),
    "a deque from its end": (
        deque([1, 2], maxlen=3), "a = c[-1]; c[0] = x; got = a, c[-1]", ["c.popleft()", "c.append(5)"]),
    "a place from the end": ([1, 2, 3], "c[-1] = x; got = c[1]", ["c.pop()", "c.append('t')"]),
    "behind what was appended": (
        [1.0, "a"], "c.append(x); got = c[-1], c[-2]", ["c.insert(-1, 7.0)", "c[-1] = 'b'"]),
    "keys as a set": (
        {"a": 1, "b": 2}, "got = sorted(c.keys() & {'a', 'b'}); c.clear()",
        ["c['b'] = 1", "c['a'] = 2"]),
    "counts": (
        Counter("aabc"), "c.update('ab'); got = c.total(), c.most_common(1), sorted(c.elements())",
        ["c['b'] = 7", "c.clear()", "del c['a']"]),
    "what a key gets that is missing": (
        defaultdict(int, a=1), "c['q']; got = 'z' in c, str(c['q'])",
        ["c.default_factory = list; c.clear()", "c['z'] = 1"]),
    "whether there are items": ([], "got = 'y' if c else 'n'; c.append(x)", ["c.clear()", "c.pop()"]),
    "the order of keys": (
        OrderedDict(a=1, b=2), "c.move_to_end('a'); got = list(c)", ["c.move_to_end('b')", "c['n'] = 1"]),
}  # fmt: skip


def _run(name: str, compiled: bool) -> list[Any]:
    start, body, changes = CASES[name]
    held: Any = start.copy()  # type: ignore[attr-defined]
    space: dict[str, Any] = {"c": held}
    exec(f"def f(x):\n    {body}\n    return got\n", space)
    f: Any = tf.function(space["f"]) if compiled else space["f"]
    found = []
    for i, change in enumerate(["", "", *changes, "", *reversed(changes), ""]):
        with contextlib.suppress(KeyError, IndexError):  # a change need not fit
            exec(change, space)
        try:
            found.append(f(5 + i % 3))
        except (KeyError, IndexError) as error:
            found.append(repr(error))
        found.append(held.copy())
    return found


@pytest.mark.filterwarnings("ignore:.*which each call of it changes")
@pytest.mark.parametrize("name", CASES)
def test_a_read_behind_a_write(name: str) -> None:
    got, want = _run(name, True), _run(name, False)
    assert got == want
    assert list(map(repr, got)) == list(map(repr, want))


def test_what_is_only_asked_for_is_all_that_counts() -> None:
    """Strict: neither other items nor other values behind the key have it traced again."""

    class Cache:
        def __init__(self) -> None:
            self.held: dict[str, Any] = {}
            self.history: list[Any] = []

    @tf.function(strict=True)
    def step(cache: Cache, key: str, x: Any) -> Any:
        if key not in cache.held:
            cache.held[key] = x * 0
        cache.held[key] = cache.held[key] + x
        if cache.history:
            x = x - cache.history[-1]
        cache.history.append(x)
        return cache.held[key], x

    cache, twin = Cache(), Cache()
    for i in range(12):
        x = tf.constant(float(i))
        got, want = step(cache, "a", x), step.python_function(twin, "a", x)
        assert [float(t) for t in got] == [float(t) for t in want]
    assert step.experimental_get_tracing_count() <= 4
