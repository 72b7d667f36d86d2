"""Containers that a loop goes over and writes to: it sees what Python's iterators see, of those from
outside and of the function's own, also in strict functions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

STATE: Any = None


def numbered(t):
    for i, w in enumerate(STATE):
        STATE[(i + 1) % 3] = w + t


def zipped(t):
    for i, w in zip(range(3), STATE, strict=False):
        STATE[(i + 1) % 3] = w + t


def backwards(t):
    at = 0
    for w in reversed(STATE):
        STATE[(at + 2) % 3] = w + t
        at = at + 1


def growing(t):
    seen = []
    for w in STATE:
        if len(seen) < 2:
            STATE.append(w + t)
        seen.append(w)
    return len(seen)


def shrinking(t):
    seen = []
    for w in STATE:
        seen.append(w)
        STATE.pop()
    return len(seen)


def of_its_own(t):
    held = [1.0 * t, 2.0, 3.0]
    for i, w in enumerate(held):
        held[(i + 1) % 3] = w + t
    return held


LISTS = [numbered, zipped, backwards, growing, shrinking, of_its_own]


def keys(t):
    for k in STATE:
        STATE[k] = STATE[k] + t


def pairs(t):
    for k, v in STATE.items():
        STATE[k] = v * 2 + t


def pairs_to_come(t):
    seen = []
    for _, v in STATE.items():
        STATE["b"] = v + t
        seen.append(v)
    return seen


def values(t):
    seen = []
    for v in STATE.values():
        STATE["b"] = v + t
        seen.append(v)
    return seen


def numbered_pairs(t):
    for i, (k, v) in enumerate(STATE.items()):
        STATE[k] = v + t * i


def two_dicts(t):
    made = {"a": t, "b": t}
    for k in made:
        made[k] = STATE[k] + made[k]
        STATE[k] = made[k]
    return made


def a_view(t):
    view = STATE.values()
    STATE["b"] = STATE["a"] + t
    return list(view), len(view)


def a_view_of_keys(t):
    view = STATE.keys()
    STATE["c"] = t
    known = "c" in view, list(view)
    del STATE["c"]
    return known


def new_keys(t):
    for k in STATE:
        STATE[k + "x"] = t


DICTS = [keys, pairs, pairs_to_come, values, numbered_pairs, two_dicts, a_view, a_view_of_keys,
         new_keys]  # fmt: skip


def outcome(function: Callable[..., Any], state: Any, ts: Any) -> Any:
    global STATE
    STATE = copy.deepcopy(state)
    made = []
    for t in ts:
        try:
            made.append(repr(function(t)))
        except (RuntimeError, IndexError) as error:
            made.append(repr(error))
    return made, repr(STATE)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("program", [*LISTS, *DICTS])
def test_a_loop_sees_what_it_has_written(program, arrays: bool, strict: bool) -> None:
    items: Any = [np.arange(2.0) + i for i in range(3)] if arrays else [1.0, 2.0, 3.0]
    state = items if program in LISTS else {"a": items[0], "b": items[1]}
    compiled = tf.function(program, strict=strict)
    assert outcome(compiled, state, (1.0, 2.5)) == outcome(program, state, (1.0, 2.5))


def an_iterator(t):
    walker = iter(STATE)
    first = next(walker)
    STATE[1] = first * t
    return first + next(walker)


def more(x):
    return x + 1


def mapped(t):
    walker = map(more, STATE)
    first = next(walker)
    STATE[1] = first * t
    return first + next(walker)


def over_a_view(t):
    walker = zip(STATE, [1, 2, 3], strict=False)
    first, _ = next(walker)
    STATE[1] = first * t
    return first + next(walker)[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", [an_iterator, mapped, over_a_view])
def test_an_iterator_of_pythons_is_never_behind(program) -> None:
    state = [1.0, 2.0, 3.0]
    assert outcome(tf.function(program), state, (1.0, 2.5)) == outcome(program, state, (1.0, 2.5))
