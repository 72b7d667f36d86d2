"""A write to a tensor reaches all that is the same object, also where the graph decides which object
that is; what Python's arithmetic and indices raise comes from the user's line."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest

import twofold as tf


def either(x, y, n):
    z = x if n > 0 else y
    z[0] = 9.0
    return x, y, z


def one_way(x, y, n):
    z = x * 1
    if n > 0:
        z[0] = 5.0
        w = z
    else:
        w = x * 2
    return w, z


def made_in_both(x, y, n):
    if n > 0:
        z = w = x * 2
    else:
        z = w = x * 3
    w[0] = 7.0
    return z, w


def one_object_on_one_way(x, y, n):
    if n > 0:
        z = w = x * 2
    else:
        z, w = x * 3, x * 4
    w[0] = 7.0
    return z, w


def identity(x, y, n):
    z = x * 1
    w = z if n > 0 else x * 2
    return w is z


def dicts(x, y, n):
    z, w = {"a": x}, {"a": x * 2}
    (z if n > 0 else w)["a"] = x * 0
    return z, w


def swapped(x, y, n):
    z, w = x, y
    for _ in range(n):
        z[0] = z[1] + w[0]
        z, w = w, z
    return z, w


def swapped_own(x, y, n):
    z, w = x * 1, y * 1
    for _ in range(n):
        z[0] = z[1] + w[0]
        z, w = w, z
    return z, w


def same_after_a_trip(x, y, n):
    z, w = x * 1, x * 2
    for _ in range(n):
        z[0] = z[1] + w[0]
        w = z
    z[1] = 100.0
    return z, w


def in_a_list(x, y, n):
    made = []
    for i in range(n):
        made.append(x * i)
    for v in made:
        v[0] = 7.0
    return made


def put_into_a_list(x, y, n):
    made = []
    for _ in range(n):
        made.append(x)
    x[0] = 5.0
    return made


def picked(x, y, n):
    made = [x * 1, x * 2]
    z = made[n]
    z[0] = 9.0
    return made, z


def not_shared(x, y, n):
    z = x * 1
    if n > 0:
        z = z * 2
    z[0] = 5.0
    for _ in range(n):
        z = z * 2
        z[1] = z[1] + 1
    z[0] = z[0] + 1
    return z


def cell_without_a_value(x, y, n):
    if n > 0:
        items = [x, y]
    total = lambda: sum(items)  # noqa: E731
    return total() if n > 0 else x


STAGED = {one_way, made_in_both, dicts, swapped_own, not_shared, cell_without_a_value}


def found(function: Any, n: int) -> Any:
    x, y = tf.constant([1.0, 2.0]), tf.constant([5.0, 6.0])
    try:
        made: Any = function(x, y, tf.constant(n))
    except IndexError as error:
        made = repr(error), traceback.extract_tb(error.__traceback__)[-1].line
    return repr((made, x, y))


@pytest.mark.parametrize("program", [
    either, one_way, made_in_both, one_object_on_one_way, identity, dicts, swapped, swapped_own,
    same_after_a_trip, in_a_list, put_into_a_list, picked, not_shared, cell_without_a_value,
], ids=lambda p: p.__name__)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.* runs as plain Python")
def test_a_write_reaches_every_name_of_the_object(program):
    compiled = tf.function(program)
    for n in (1, 0, 2):
        assert found(compiled, n) == found(program, n)
    if program in STAGED:
        assert compiled.experimental_get_tracing_count() == 1
        assert compiled.experimental_get_plain_count() == 0


def quotient(x, i):
    return int(x) // int(i)


def rest(x, i):
    return int(x) % int(i) + 1


def of_list(x, i):
    return [1, 2, 3][i] + int(x) % int(i)


def not_reached(x, i):
    total = 0
    for _ in range(i):
        total += int(x) // int(i)
    return total


@pytest.mark.parametrize("program", [quotient, rest, of_list, not_reached])
def test_what_arithmetic_raises_comes_from_the_users_line(program):
    compiled = tf.function(program, jit_compile=True, strict=True)
    for i in (2, 0, 5):
        results = []
        for function in (program, compiled):
            try:
                results.append(repr(function(tf.constant(7), tf.constant(i))))
            except (ZeroDivisionError, IndexError) as error:
                lines = [f.line for f in traceback.extract_tb(error.__traceback__)]
                results.append((type(error), str(error), [x for x in lines if "return" in x]))
        assert results[0] == results[1]


def test_an_index_beyond_a_list_in_a_loop_that_makes_no_trip_is_nothing():
    @tf.function(jit_compile=True, strict=True)
    def f(x, i, n):
        items = [x, x * 2]
        total = x
        for _ in range(n):
            total = total + items[i]
        return total

    for i, n, want in ((1, 2, 5.0), (50_000_000, 0, 1.0), (-3, 0, 1.0)):
        assert f(tf.constant(1.0), tf.constant(i), tf.constant(n)).numpy() == np.float32(want)
