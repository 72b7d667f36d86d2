"""Arrays and lists of which values decide whether they are one: an argument that is replaced or kept, the best
one so far while its other name lives on. A write reaches every name, a result is the object that
Python returns, and where neither is asked for, the programs are part of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import compare

import twofold as tf


def replaced(x, n):
    if n > 1:
        x = x * 2
    return x


def replaced_and_written(x, n):
    z = x
    if n > 1:
        x = x * 2
    x[0] = 7.0
    return z, x, z is x


def one_of_two(x, n):
    z = x if n > 1 else n
    z += 1
    return z


def shrunk(x, n):
    count = 0
    for _ in range(40):
        if np.abs(x).sum() < 1:
            break
        x, count = x * 0.5, count + 1
    return x, count


def stepped(y, n):
    t, h, count = 0.0, 0.1, 0
    while t < 1.0 and count < 60:
        count += 1
        k = np.array([y[1], -y[0], y[2], 0.0])
        new = y + h * (k + np.array([k[1], -k[0], k[2], 0.0]) * h / 2)
        error = np.max(np.abs(new - y - h * k))
        if error < n[0] * 0.05:
            t += h
            y = new
        h *= min(2.0, max(0.3, 0.5 * n[0] / (error + 1e-9)))
    return y, t, count


def best(x, n):
    found, least = x, np.sum(x**2)
    for i in range(40):
        x = x * np.cos(i) - 0.1 * n
        if np.sum(x**2) < least:
            found, least = x, np.sum(x**2)
    return found, least


def best_of_own(x, n):
    x = x * 1
    found, least = x, np.sum(x**2)
    for i in range(30):
        for k in range(30):
            x = x * 0.9 + 0.01 * (i + k)
            if np.sum(x**2) < least:
                found, least = x, np.sum(x**2)
    return found * 1, least


def in_an_object(x, n):
    class Box:
        pass

    box, x = Box(), x * 1
    box.best = x
    for _ in range(40):
        x = x * 0.9
        if x.sum() < n[0]:
            box.best = x
    return box.best + 1, x


def last_two(x, n):
    before, now = x * 1, x * 2
    for _ in range(30):
        new = now * 0.5 + 0.1 * before
        if new[0] > 0.1:
            before = now
        now = new
    return before * 1, now * 1


def other_name_is_written(x, n):
    x = x.copy()
    z, total = x, 0.0
    for _ in range(30):
        z[0] += 1
        total += x[0]
        x = x + 1
    return x, z, total


def argument_is_written(x, n):
    z, total = x, 0.0
    for _ in range(30):
        z[0] += 1
        total += x[0]
        x = x * 1.01
    return x, z, total


def kept_and_written(x, n):
    x = x.copy()
    found = x
    for _ in range(30):
        x = x * 0.9
        if x[0] < 0.3:
            found = x
        x[1] -= 1
    return found, x


def kept_and_looked_into(x, n):
    x = x * 1
    found, view = x, x[1:]
    for _ in range(30):
        x = x * 0.9
        if x[0] < 0.3:
            found = x
        found[1] = 7
    return found, view


def kept_is_the_same(x, n):
    x, count = x * 1, 0
    found = x
    for _ in range(30):
        x = x * 0.9
        if x[0] < 0.3:
            found = x
        count += found is x
    return count


def kept_twice(x, n):
    x = x * 1
    one = two = x
    for _ in range(30):
        x = x * 0.9 + 0.01
        if x[0] < 0.4:
            one = x
        if x[2] < 1.5:
            two = x
    one[0] = 100.0
    return one, two * 1


def lists_made_anew(x, n):
    before = other = [0.0, 0.0]
    for i in range(40):
        now = [x[0] * i, before[0]]
        other = before = now
    other[0] = 5.0
    return before, other


def list_is_written(x, n):
    before = [0.0, 0.0]
    z, total = before, 0.0
    for i in range(40):
        z[0] += 1.0
        total += before[0]
        before = [x[0] * i, 1.0]
    return total, z, before


def lists_change_places(x, n):
    a, b = [x[0], 0.0], [x[1], 1.0]
    for i in range(41):
        a, b = [b[0] * 0.9, a[1] + i], a
    return a, b


def dict_is_written(x, n):
    state = {"v": x[0], "n": 0}
    first, total = state, 0.0
    for _ in range(40):
        first["v"] += 1.0
        total += state["v"]
        state = {"v": state["v"] * 0.9, "n": state["n"] + 1}
    return total, state, first["v"]


PROGRAMS = [
    replaced, replaced_and_written, one_of_two, shrunk, stepped, best, best_of_own, in_an_object,
    last_two, other_name_is_written, argument_is_written, list_is_written, lists_change_places,
    dict_is_written, lists_made_anew, kept_and_written, kept_and_looked_into,
    kept_is_the_same, kept_twice,
]  # fmt: skip
STAGED = PROGRAMS[:14]


def given(small: bool) -> list[Any]:
    scale = 0.01 if small else 1.0
    return [np.array([0.5, 1.5, 2.0, 0.25]) * scale, np.array([0.0 if small else 2.0])]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_the_result_and_the_arguments_are_those_of_plain_python(
    program: Callable[..., Any],
) -> None:
    for small in (False, True):
        compare(program, *given(small))


@pytest.mark.parametrize("program", STAGED)
def test_nothing_is_left_to_python(program: Callable[..., Any]) -> None:
    compiled = tf.function(program, strict=True, jit_compile=False)
    for small in (False, True, False):
        plain, other = given(small), given(small)
        want, got = program(*plain), compiled(*other)
        want, got = (x if isinstance(x, tuple) else (x,) for x in (want, got))
        for w, g in zip(want, got, strict=True):
            if not isinstance(w, dict):
                np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-12)
            for mine, yours in zip(plain, other, strict=True):
                assert (w is mine) == (g is yours)
        for mine, yours in zip(plain, other, strict=True):
            np.testing.assert_allclose(yours, mine)
