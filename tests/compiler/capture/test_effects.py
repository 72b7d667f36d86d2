"""What a function does to objects around it happens once for each call, whatever becomes of it."""

from __future__ import annotations

import bisect
import collections
import contextlib
import heapq
import operator

import pytest

import twofold as tf

EVENTS: list = []
HEAP = [5, 7, 9]
TABLE: collections.defaultdict = collections.defaultdict(list)


@contextlib.contextmanager
def noted(name):
    EVENTS.append(f"into {name}")
    try:
        yield name
    finally:
        EVENTS.append(f"out of {name}")


class Noting(contextlib.ContextDecorator):
    def __enter__(self):
        EVENTS.append("enter")
        return self

    def __exit__(self, *error):
        EVENTS.append("exit")
        return False


def raises_inside(x):
    with noted("a"):
        if x > 0:
            raise ValueError("bad")
        return x * 2


def raises_behind(x):
    with noted("a"):
        y = x * 2
    if x > 0:
        raise ValueError("bad")
    return y


def raises_in_a_class(x):
    with Noting():
        if x > 0:
            raise ValueError("bad")
        return x * 2


@Noting()
def decorated(x):
    if x > 0:
        raise ValueError("bad")
    return x


def in_a_stack(x):
    with contextlib.ExitStack() as stack:
        stack.callback(EVENTS.append, "callback")
        stack.enter_context(noted("z"))
        if x > 0:
            raise ValueError("bad")
        return x


def caught(x):
    try:
        EVENTS.append("tried")
        if x > 0:
            raise ValueError("bad")
    except ValueError:
        EVENTS.append("caught")
        x = -x
    finally:
        EVENTS.append("finally")
    return x


def by_functions_of_c(x):
    heapq.heappush(HEAP, 1)
    operator.setitem(HEAP, 0, 4)
    bisect.insort(HEAP, 8)
    list(map(EVENTS.append, [1, 2]))
    return x * len(TABLE[3])


class Counting:
    def __get__(self, owner, kind=None):
        EVENTS.append("read")
        return len(EVENTS)


class Counted:
    value = Counting()


COUNTED = Counted()


def by_a_descriptor(x):
    return x * COUNTED.value


@pytest.mark.filterwarnings("ignore:.*plain Python")
@pytest.mark.parametrize(
    "program",
    [raises_inside, raises_behind, raises_in_a_class, decorated, in_a_stack, caught,
     by_functions_of_c, by_a_descriptor],
)  # fmt: skip
def test_effects_around_a_function_happen_once_for_each_call(program):
    def outcome(function, start):
        EVENTS.clear()
        TABLE.clear()
        HEAP[:] = [5, 7, 9]
        try:
            made = function(tf.constant(start)).numpy()
        except ValueError as error:
            made = str(error)
        return made, list(EVENTS), list(HEAP), dict(TABLE)

    compiled = tf.function(program)
    for start in (1.0, -1.0, 2.0, -2.0):
        assert outcome(compiled, start) == outcome(program, start)
