"""An array of which a branch or a trip leaves one of several: merged where nobody else has it, and
never where a write, ``is`` or another name would show that it is another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import compare, twins

import twofold as tf


def accepted(x, n):
    x = x.copy()
    for i in range(6):
        new = x + np.sin(i + x) * n
        if (new**2).sum() < (x**2).sum():
            x = new
    return x


def copied(x, n):
    best = x.copy()
    for i in range(6):
        x = np.cos(x * 3 + i) * n
        if (x**2).sum() < (best**2).sum():
            best = x.copy()
    best[0] = 7
    return best


def until(x, n):
    r = np.full(x.size, 1.0 / x.size)
    count = 0
    while True:
        new = 0.5 * r + 0.1 * x
        count += 1
        if np.abs(new - r).sum() < 1e-3 * n:
            break
        r = new
    return new, count


def residual(x, n):
    a = np.diag(np.abs(x) + 1)
    z, r = np.zeros_like(x), x.copy()
    p, rs = r.copy(), r @ r
    for _ in range(12):
        ap = a @ p
        alpha = rs / (p @ ap)
        z = z + alpha * p
        r = r - alpha * ap
        new = r @ r
        if np.sqrt(new) < 1e-8 * n:
            break
        p = r + new / rs * p
        rs = new
    return z


def written_after(x, n):
    x = x * 2
    if n > 1:
        x = x + 1
    x[0] = 9
    return x


def two_names(x, n):
    x = x * 2
    y = x
    if n > 1:
        x = x + 1
    x[0] = 9
    return x, y


def view(x, n):
    x = x * 2
    y = x[1:]
    if n > 1:
        x = x + 1
    x[1] = 9
    return x, y


def in_a_list(x, n):
    x = x * 2
    held = [x]
    if n > 1:
        x = x + 1
    held[0][0] = 9
    return x, held


def in_a_closure(x, n):
    x = x * 2
    y = x

    def read():
        return y.sum()

    if n > 1:
        x = x + 1
    x[0] = 9
    return x, read()


def _helper(x, test):
    if test:
        x = x + 1
    x[0] = 9
    return x


def of_the_caller(x, n):
    x = x * 2
    y = _helper(x, n > 1)
    return x, y


def same_object(x, n):
    x = x * 2
    y = x
    if n > 1:
        x = x + 1
    return x is y


def swapped(x, n):
    x, y = x * 2, x * 3
    if n > 1:
        x, y = y, x
    x[0] = 9
    return x, y


def either(x, n):
    x, y = x * 2, x * 3
    z = x if n > 1 else y
    z[0] = 9
    return x, y


def written_inside(x, n):
    x, y = x * 2, x * 3
    if n > 1:
        y[0] = 5
        x = y
    else:
        x[1] = 6
    return x + 1


def kept_over_trips(x, n):
    first = last = x * 1
    for i in range(4):
        last = last * 0.5 + i
        if last.sum() > n:
            first = last
        last[0] = 9
    return first, last


def extremes(x, n):
    low, out = np.inf, np.zeros_like(x)
    for i, v in enumerate(x):
        low = min(low, v)
        out[i] = max(0, min(n, v), low)
    return out, low, max(0.0, x[0]), type(min(x[0], 0)).__name__


PROGRAMS = [accepted, copied, until, residual, written_after, two_names, view, in_a_list,
            in_a_closure, of_the_caller, same_object, swapped, either, written_inside,
            kept_over_trips, extremes]  # fmt: skip
STAGED = [accepted, copied, until, residual, written_after, written_inside]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("n", [0.1, 2.0])
@pytest.mark.filterwarnings("ignore")
def test_the_result_is_that_of_plain_python(program: Callable[..., Any], n: float) -> None:
    compare(lambda x: program(x, n), np.array([0.5, -1.5, 2.0, -0.25]))
    compare(lambda x, k: program(x, k[0]), np.array([0.5, -1.5, 2.0, -0.25]), np.array([n]))


@pytest.mark.parametrize("program", STAGED)
def test_where_nobody_else_has_the_array_nothing_is_left_to_python(
    program: Callable[..., Any],
) -> None:
    arrays = [np.array([0.5, -1.5, 2.0, -0.25]), np.array([2.0])]
    given = twins(arrays)
    want = program(arrays[0], arrays[1][0])
    made = tf.function(lambda x, k: program(x, k[0]), strict=True)(*given)
    np.testing.assert_allclose(made[0], want[0], rtol=1e-12)
