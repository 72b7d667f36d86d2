"""Python objects that branches and bodies change: the call runs as plain Python, once and in order."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from support.modes import MODES, same_in_every_mode

import twofold as tf
from twofold.compiler.control.objects import Objects

X = tf.constant([1.0, -2.0])
YES, NO = tf.constant(True), tf.constant(False)


def test_a_list_that_a_branch_appends_to() -> None:
    def f(p: Any, x: Any) -> Any:
        kept = [x]
        tf.cond(p, lambda: kept.append(x * 2.0), lambda: None)
        return kept[-1] + 1.0, len(kept)

    same_in_every_mode(f, (YES, X), (NO, X))


def test_names_of_outer_functions_and_attributes() -> None:
    def f(n: Any, x: Any) -> Any:
        total, held = 0, SimpleNamespace(x=x, seen={"trips": 0})

        def body(i: Any, s: Any) -> Any:
            nonlocal total
            total += 1
            held.x = held.x + s
            held.seen["trips"] += 2
            return i + 1, s * 2.0

        last = tf.while_loop(lambda i, s: i < n, body, (0, x))[1]
        return last, total, held.x, held.seen["trips"]

    same_in_every_mode(f, (tf.constant(0), X), (tf.constant(3), X))


def test_what_an_iterator_yields() -> None:
    def f(n: Any, x: Any) -> Any:
        numbers = itertools.count(5)
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + next(numbers)), (0, x))[1]

    same_in_every_mode(f, (tf.constant(0), X), (tf.constant(3), X))


class Counter:
    """A method that changes its object, and one that does not."""

    def __init__(self) -> None:
        self.calls, self.weights = 0, [2.0, 3.0]

    def counted(self, x: Any) -> Any:
        self.calls += 1
        return x * self.weights[0]

    def plain(self, x: Any) -> Any:
        return x * self.weights[1]


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("mode", MODES)
def test_a_method_that_counts_its_calls(mode: str) -> None:
    counter = Counter()

    def f(p: Any, x: Any) -> Any:
        return tf.cond(p, lambda: counter.counted(x), lambda: counter.plain(x))

    compiled = MODES[mode](f)
    for p in (YES, NO, YES):
        compiled(p, X)
    assert counter.calls == 2


def test_objects_that_are_only_read_stay_in_the_graph() -> None:
    counter, table = Counter(), {"a": [1.0, {2.0: "b"}], "c": (X, {3, 4})}

    def f(p: Any, x: Any) -> Any:
        scale = next(iter(table["a"][1]))
        return tf.cond(p, lambda: counter.plain(x) * scale, lambda: x + table["c"][0])

    same_in_every_mode(f, (YES, X), (NO, X))
    compiled = tf.function(f, strict=True)
    compiled(YES, X), compiled(NO, X)
    assert "cond" in str(compiled.graph(YES, X))


def test_long_containers_are_compared_by_their_length() -> None:
    numbers = list(range(10_000))
    watched = Objects(lambda: numbers)
    watched.check()
    numbers.append(1)
    with pytest.raises(BaseException) as found:
        watched.check()
    assert type(found.value).__name__ == "PlainPython"
