"""Lists of arrays whose length the graph decides, and arrays of which one is a view: they are read
as Python's are, and nothing that a write, ``is`` or shared memory would show is lost."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import twofold as tf


def trajectory(x, t):
    out = [x]
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(x)
    return np.array(out), len(out)


def before_the_step(x, t):
    out = []
    while x.sum() < t:
        out.append(x)
        x = x * 1.5 + 1
    return np.array(out), len(out)


def copies(x, t):
    out = []
    x = x.copy()
    while x.sum() < t:
        x *= 1.5
        x += 1
        out.append(x.copy())
    return out


def some(x, t):
    out = []
    for _ in range(20):
        x = x * 1.1
        if x.sum() > t:
            out.append(x * 1.0)
    return np.array(out), len(out)


def with_times(x, t):
    out, at = [], 0.0
    while at < t * 0.01:
        x = x - 0.1 * x
        at += 0.1
        out.append((at, x.copy()))
    return [a for a, _ in out], np.array([b for _, b in out])


def centres(x, t):
    c = np.outer(x, x)[:2] + t
    lab = np.arange(x.size) % 2
    for _ in range(4):
        c = np.stack([c[j] * 2 if c[j].sum() < t else c[j] for j in range(2)])
    return c, lab


def until_the_same(x, t):
    c = x[np.arange(2)]
    while True:
        new = np.array([np.sqrt(np.abs(c[j])) + 1 for j in range(2)])
        if (np.abs(new - c) < 1e-3).all():
            return c
        c = new


def chosen(x, t):
    w = np.outer(x, x)
    z = w[0] if x.sum() < t else w[1]
    return z * 2, w


STAGED = [trajectory, before_the_step, copies, some, with_times, centres, until_the_same, chosen]


def the_last(x, t):
    out = [x]
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(x)
    x[0] = 9
    return out, x


def in_place(x, t):
    out = []
    x = x.copy()
    while x.sum() < t:
        x *= 1.5
        x += 1
        out.append(x)
    return out


def twice(x, t):
    out = []
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(x)
        out.append(x)
    return out


def always_one(x, t):
    out, w = [], x * 2
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(w)
    return out, w


def in_two_lists(x, t):
    out, others = [], []
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(x)
        others.append(x)
    return out, others


def views(x, t):
    out, w = [], np.outer(x, x)
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(w[1])
    return out, w


def written_item(x, t):
    out = [x * 1.0]
    while x.sum() < t:
        x = x * 1.5 + 1
        out.append(x)
        out[-1][0] = 7
    return out, x


def kept(x, t):
    out = []
    while x.sum() < t:
        out.append(x)
        x = x * 2 if x[0] > 4 else x + 2
    return out, x


def view_in_a_trip(x, t):
    w, z = np.outer(x, x), x * 0
    for j in range(2):
        z = w[0] if x[j] > 1 else w[1]
    z[0] = 5
    return z, w


def base_written(x, t):
    w, z = np.outer(x, x), x * 0
    for j in range(2):
        z = w[0] if x[j] > 1 else w[1]
    w[:] = 5
    return z


SHARED = [the_last, in_place, twice, always_one, in_two_lists, views, written_item, kept,
          view_in_a_trip, base_written]  # fmt: skip


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [a for v in value for a in _arrays(v)]
    return [value] if isinstance(value, np.ndarray) else []


def _seen(function: Any, x: Any, t: float) -> Any:
    """What a call gives, which arrays share memory, and what is there when each gets one more."""
    x = x.copy()
    found = function(x, t)
    arrays = [*_arrays(found), x]
    shares = [[np.shares_memory(a, b) for b in arrays] for a in arrays]
    same = [[a is b for b in arrays] for a in arrays]
    for a in arrays:
        a += 1
    return found, x, shares, same, [(a.dtype, a.flags.writeable) for a in arrays]


CALLS = [(np.array([1.0, 2.0, 3.0]), 40.0), (np.array([3.0, 2.0, 9.0]), 90.0),
         (np.array([2.0, 1.0]), 700.0), (np.array([5.0, 5.0, 5.0]), -1.0)]  # fmt: skip


@pytest.mark.parametrize("function", STAGED, ids=lambda f: f.__name__)
def test_lists_of_arrays_are_staged(function):
    compiled = tf.function(function, strict=True, jit_compile=False)
    for x, t in CALLS:
        np.testing.assert_equal(_seen(compiled, x, t), _seen(function, x, t))


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("function", SHARED, ids=lambda f: f.__name__)
def test_arrays_that_are_one_stay_one(function):
    compiled = tf.function(function, jit_compile=False)
    for x, t in CALLS:
        np.testing.assert_equal(_seen(compiled, x, t), _seen(function, x, t))


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_a_print_to_a_file_that_the_function_makes_is_read_there():
    def text(x):
        file = io.StringIO()
        print(x * 2, file=file)
        return file.getvalue()

    compiled = tf.function(text)
    for x in (np.arange(2), np.arange(3) + 1):
        assert compiled(x) == text(x)
    with pytest.raises(tf.errors.StagingError, match="a file of the function's own"):
        tf.function(text, strict=True)(np.arange(2))
