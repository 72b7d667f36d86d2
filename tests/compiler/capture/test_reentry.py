"""Functions in C that call methods and functions of the user's: each runs once per call."""

from __future__ import annotations

import bisect
import collections
import contextlib
import functools
import heapq
import io
import itertools
import json
import math
import operator
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

LOG: list[Any] = []
SIGN = 1
STATE = {"sign": 1}


def noted(*args: Any) -> int:
    LOG.append(args)
    print("noted", len(args))
    return len(LOG)


class Card:
    """Notes and prints what is asked of it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def _tell(self, what: str) -> None:
        LOG.append(what)
        print(what)

    def __add__(self, other: Any) -> Card:
        self._tell("add")
        return type(self)(self.value + (other.value if isinstance(other, Card) else other))

    __radd__ = __add__

    def __matmul__(self, other: Any) -> Card:
        self._tell("matmul")
        return type(self)(self.value * 2)

    def __lt__(self, other: Card) -> bool:
        self._tell("lt")
        return bool(self.value < other.value)

    def __gt__(self, other: Card) -> bool:
        self._tell("gt")
        return bool(self.value > other.value)

    def __eq__(self, other: object) -> bool:
        self._tell("eq")
        return isinstance(other, Card) and self.value == other.value

    def __hash__(self) -> int:
        self._tell("hash")
        return 7

    def __repr__(self) -> str:
        self._tell("repr")
        return f"Card({self.value})"

    def __iter__(self) -> Any:
        self._tell("iter")
        return iter([type(self)(self.value), type(self)(self.value * 2)])

    def __len__(self) -> int:
        self._tell("len")
        return 2

    def __floor__(self) -> Card:
        self._tell("floor")
        return type(self)(self.value + 1)

    def __call__(self, by: Any) -> Card:
        self._tell("call")
        return type(self)(self.value + by)

    def __getitem__(self, at: Any) -> Card:
        self._tell("getitem")
        return type(self)(self.value + at)


class Spot:
    def __init__(self, at: int) -> None:
        self.at = at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spot) and self.at == other.at

    __hash__ = None  # type: ignore[assignment]


class Sequence:
    """What has nothing but ``__getitem__``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getitem__(self, at: int) -> Any:
        LOG.append(at)
        if at > 2:
            raise IndexError
        return self.value + at


MADE: dict[str, Callable[[Card], Any]] = {  # of one object another
    "sum": lambda c: sum([c, c], 1),
    "sum of an object": lambda c: sum(c, c),
    "add": lambda c: operator.add(c, c),
    "matmul": lambda c: operator.matmul(c, c),
    "getitem": lambda c: operator.getitem(c, 1),
    "itemgetter": lambda c: operator.itemgetter(1)(c),
    "methodcaller": lambda c: operator.methodcaller("__call__", 3)(c),
    "reduce": lambda c: functools.reduce(operator.add, [c, c]),
    "accumulate": lambda c: list(itertools.accumulate([c, c]))[1],
    "floor": lambda c: math.floor(c),  # type: ignore[arg-type]
    "max": lambda c: max([c, Card(c.value + 1)]),
    "min of two": lambda c: min(c, Card(c.value + 1)),
    "list": lambda c: list(c)[1],
    "star": lambda c: [*c][1],
    "zip": lambda c: list(zip(c, c, strict=True))[1][0],
    "product": lambda c: list(itertools.product(c, c))[1][1],
    "cycle": lambda c: next(itertools.cycle(c)),
    "map": lambda c: list(map(c, [1, 2]))[1],
    "starmap": lambda c: next(itertools.starmap(Card, [(c.value,)])),
    "reversed": lambda c: list(reversed(c))[1],
    "default": lambda c: max([], default=c),
    "first": lambda c: functools.reduce(operator.add, [], c),
    "permutations": lambda c: next(itertools.permutations(c))[1],
    "deque": lambda c: collections.deque(c)[1],
}
ASKED: dict[str, Callable[[Any], Any]] = {  # effects of what C calls
    "re.sub": lambda x: re.sub("a", lambda m: str(noted(m.group())), "banana"),
    "defaultdict": lambda x: collections.defaultdict(noted)[1] + x,
    "keys": lambda x: {Card(1): 1, Card(1): 2}[Card(1)] * x,
    "a set": lambda x: len({Card(1), Card(1), Card(2)}) * x,
    "in": lambda x: Card(1) in [Card(2), Card(1)],
    "index": lambda x: [Card(2), Card(1)].index(Card(1)) * x,
    "remove": lambda x: [cards := [Card(2), Card(1)], cards.remove(Card(1)), len(cards)][2],
    "sort": lambda x: [cards := [Card(2), Card(1)], cards.sort(), cards[0].value][2],
    "sorted": lambda x: sorted([Card(2), Card(1)])[0].value * x,
    "heap": lambda x: [h := [], heapq.heappush(h, Card(2)), heapq.heappush(h, Card(1)), len(h)][3],
    "text": lambda x: f"{[Card(1)]} {str([Card(2)])}",
    "lists": lambda x: [Card(1)] == [Card(1)],
    "tuples": lambda x: (1, Card(1)) < (1, Card(2)),
    "bisect": lambda x: bisect.bisect([1, 2, 3], 2, key=lambda v: noted(v) and v) * x,
    "json": lambda x: json.dumps({"a": {1}}, default=noted),
    "iter": lambda x: [next(iter(noted, 9)) for _ in range(2)],
    "vectorize": lambda x: np.vectorize(lambda v: noted() + v)(np.arange(2)).tolist(),
    "a function in C": lambda x: [list(map(print, [1, 2])), list(map(LOG.append, [3]))],
    "a method in C": lambda x: list(map(list.append, [LOG], [(1, 2)])),
    "structure": lambda x: tf.nest.map_structure(lambda v: noted() * v, [x, x]),
    "positions": lambda x: list(Sequence(x)),
}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.numpy().tolist() if isinstance(value, tf.Tensor) else value


def _played(function: Callable[[Any], Any], x: float) -> Any:
    LOG.clear()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        found = _plain(function(tf.constant(x)))
        log = [e if isinstance(e, str | int) else len(e) for e in LOG]
    return found, log, printed.getvalue()


@pytest.mark.filterwarnings("ignore:.*plain Python")
@pytest.mark.parametrize("name", ASKED)
def test_what_native_code_calls_has_its_effects_on_every_call(name: str) -> None:
    compiled = tf.function(ASKED[name], jit_compile=False)
    for x in (2.0, -3.0, 2.0):
        assert _played(compiled, x) == _played(ASKED[name], x)


@pytest.mark.filterwarnings("ignore:.*plain Python")
@pytest.mark.parametrize("name", MADE)
def test_objects_that_native_code_asks_for_outlive_a_step(name: str) -> None:
    def program(x: Any) -> Any:
        card = Card(x)
        made = MADE[name](card)
        with open("/dev/null"):
            pass
        return made.value, max([card, made]).value, 1 if x > 0 else 2

    compiled = tf.function(program, jit_compile=False)
    for x in (2.0, -3.0, 2.0):
        assert _played(compiled, x) == _played(program, x)


@pytest.mark.parametrize("name", sorted(set(MADE) - {
    "itemgetter", "methodcaller", "accumulate", "starmap", "reversed",
}))  # fmt: skip
def test_special_methods_are_part_of_the_graph(name: str) -> None:
    class Quiet(Card):
        def _tell(self, what: str) -> None:
            pass

        __hash__ = Card.__hash__

    def program(x: Any) -> Any:
        return MADE[name](Quiet(x)).value

    compiled = tf.function(program, jit_compile=False, strict=True)
    for x in (2.0, -3.0):
        assert float(compiled(tf.constant(x))) == float(program(tf.constant(x)))
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("strict", [True, False])
def test_methods_that_only_read_may_run_while_tracing_and_are_guarded(strict: bool) -> None:
    global SIGN

    class Point:
        def __init__(self, at: int) -> None:
            self.at = at

        def __hash__(self) -> int:
            return hash(self.at)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Point) and self.at == other.at * SIGN

    def program(x: Any) -> Any:
        return x * [Point(1), Point(2)].count(Point(2))

    compiled = tf.function(program, jit_compile=False, strict=strict)
    x = tf.constant(3.0)
    for SIGN in (1, -1, 1):
        assert float(compiled(x)) == float(program(x)) == 3.0 * (SIGN == 1)


@pytest.mark.parametrize("strict", [True, False])
def test_objects_from_outside_may_change_between_calls(strict: bool) -> None:
    points = [Spot(1), Spot(2)]
    wanted = Spot(2)

    def program(x: Any) -> Any:
        return x * points.count(wanted), wanted in points, points == [Spot(1), wanted]

    compiled = tf.function(program, jit_compile=False, strict=strict)
    x = tf.constant(3.0)
    for at in (2, 5, 1, 2):
        wanted.at = at
        assert _plain(compiled(x)) == _plain(program(x))
    points[0].at = 2
    assert _plain(compiled(x)) == _plain(program(x))


@pytest.mark.filterwarnings("ignore:.*plain Python")
def test_what_methods_read_of_other_objects_is_read_on_every_call() -> None:
    class Point:
        def __init__(self, at: int) -> None:
            self.at = at

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Point) and self.at == other.at * STATE["sign"]

        __hash__ = None  # type: ignore[assignment]

    def program(x: Any) -> Any:
        return x * [Point(1), Point(2)].count(Point(2))

    compiled = tf.function(program, jit_compile=False)
    x = tf.constant(3.0)
    for sign in (1, -1, 1):
        STATE["sign"] = sign
        assert float(compiled(x)) == float(program(x)) == 3.0 * (sign == 1)


@pytest.mark.filterwarnings("ignore:.*plain Python")
def test_a_profiler_stays_and_changes_nothing() -> None:
    seen = []

    def profile(frame: Any, event: str, what: Any) -> None:
        seen.append(event)

    program = ASKED["in"]
    compiled = tf.function(program, jit_compile=False)
    sys.setprofile(profile)
    try:
        got = _played(compiled, 2.0)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert seen
    assert got == _played(program, 2.0)
