"""Objects of the standard library that a function makes: what it does to them on one way of a
branch, or in a trip of a loop, is done there alone, and each call makes its own."""

from __future__ import annotations

import array
import collections
import decimal
import io
import itertools
import queue
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

MADE: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    # name: what makes it, what changes it, what shows it
    "deque": (collections.deque, lambda q: q.append(1.0), len),
    "left": (lambda: collections.deque([1, 2, 3]), lambda q: q.popleft(), list),
    "rotated": (lambda: collections.deque([1, 2, 3]), lambda q: q.rotate(1), list),
    "unbound": (lambda: collections.deque([1]), lambda q: collections.deque.append(q, 2), list),
    "bytearray": (lambda: bytearray(b"a"), lambda q: q.append(5), bytes),
    "array": (lambda: array.array("d"), lambda q: q.append(5.0), list),
    "counter": (collections.Counter, lambda q: q.update("aab"), lambda q: dict(q)),
    "ordered": (lambda: collections.OrderedDict(a=1, b=2), lambda q: q.move_to_end("a"), list),
    "chain": (lambda: collections.ChainMap({"a": 1}), lambda q: q.__setitem__("b", 1), len),
    "user list": (lambda: collections.UserList([1]), lambda q: q.append(1), len),
    "user dict": (lambda: collections.UserDict(a=1), lambda q: q.update(b=1), len),
    "text": (io.StringIO, lambda q: q.write("ab"), lambda q: q.getvalue()),
    "queue": (queue.Queue, lambda q: q.put(2), lambda q: q.qsize()),
    "random": (lambda: random.Random(3), lambda q: q.random(), lambda q: q.random()),
    "generator": (lambda: np.random.default_rng(3), lambda q: q.random(), lambda q: q.random()),
    "count": (itertools.count, next, next),
    "matches": (lambda: re.finditer("a", "aaaa"), next, lambda q: next(q).start()),
    "context": (
        lambda: decimal.Context(prec=3),
        lambda q: setattr(q, "prec", 5),
        lambda q: str(q.divide(1, 3)),
    ),
}


def ends_alike(function: Callable[[Any], Any], strict: bool) -> None:
    compiled = tf.function(function, jit_compile=False, strict=strict)
    for value in (1.0, -1.0, 2.0, -1.0):
        x = tf.constant(value)
        try:
            assert compiled(x) == function(x)
        except tf.errors.StagingError:
            assert strict
            return


@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", MADE)
def test_an_object_that_a_call_makes_is_changed_on_one_way_only(name: str, strict: bool) -> None:
    make, change, show = MADE[name]

    def branch(x: Any) -> Any:
        made = make()
        if x > 0:
            change(made)
        return show(made)

    ends_alike(branch, strict)


@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
@pytest.mark.parametrize("name", ["deque", "left", "chain", "user list"])
def test_it_is_changed_once_in_each_trip_of_a_loop(name: str) -> None:
    make, change, show = MADE[name]

    def trips(x: Any) -> Any:
        made = make()
        while x > 0:
            change(made)
            x = x - 1
        return show(made)

    ends_alike(trips, False)
