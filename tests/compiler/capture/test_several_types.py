"""Variables that stand for things of several types, or for nothing, on several ways of a graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import twofold as tf


def number_or_tensor(x, n):
    total = 0
    for i in range(n):
        if x > i:
            total = total + x
        else:
            total += 1
    return total


def best_so_far(x, n):
    best = None
    for i in range(n):
        y = x * i - i * i
        if y > 1 and (best is None or y > best):
            best = y
    return best


def none_is_replaced(x, n):
    best = None
    for i in range(n):
        y = x * i
        if y > 1:
            best = y
    if best is None:
        return x * 0 - 1
    return best * 2


def first_that_fits(x, n):
    for i in range(n):
        if x * i > 3:
            found = x * i
            break
    else:
        found = None
    return x if found is None else found + 1


def text_or_tensor(x, n):
    made = None
    for i in range(n):
        if i == 2:
            made = "two"
        elif i == 4:
            made = x
    return made


def before_the_first(x, n):
    previous = None
    total = x
    for i in range(n):
        y = x * i
        if previous is not None:
            total = total + y * previous
        previous = y
    return total


def in_an_attribute(x, n):
    held = SimpleNamespace(total=0, best=None)
    for i in range(n):
        held.total = held.total + x * i
        if x * i > 1:
            held.best = x * i
    return held.total, held.best


def in_a_dict(x, n):
    held = {"total": 0, "last": None}
    for i in range(n):
        held["total"] = held["total"] + x
        if x > i:
            held["last"] = i
    return held


def in_a_closure(x, n):
    best = None

    def offer(y):
        nonlocal best
        if best is None or y > best:
            best = y

    for i in range(n):
        offer(x * i - i * i)
    return best


def in_a_tuple(x, n):
    pair = (0, None)
    for i in range(n):
        total, best = pair
        pair = (total + x, i if x > i else best)
    return pair


def int_or_float(x, n):
    step = 1
    if x > 1:
        step = 0.5
    for _ in range(n):
        x = x + step
    return x, step


def set_on_one_way(x, n):
    for i in range(n):
        if x > i:
            y = x * i
    return y


def read_before_it_is_set(x, n):
    for i in range(n):
        if i > 2:
            x = x + last  # noqa: F821  (a trip before may have set it)
        if x > 1:
            last = x  # noqa: F841
    return x


PROGRAMS = [
    number_or_tensor, best_so_far, none_is_replaced, first_that_fits, text_or_tensor,
    before_the_first, in_an_attribute, in_a_dict, in_a_closure, in_a_tuple, int_or_float,
    set_on_one_way, read_before_it_is_set,
]  # fmt: skip
CALLS = [(0.5, 0), (0.5, 1), (2.0, 3), (-1.0, 5), (1.5, 40)]


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return (value.dtype, value.numpy().tolist()) if isinstance(value, tf.Tensor) else value


def _outcome(call: Any) -> Any:
    try:
        return _plain(call())
    except NameError as error:
        return type(error), str(error).partition("\n")[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_variable_of_several_types_is_part_of_the_graph(program):
    compiled = tf.function(program, strict=True)
    for x, n in CALLS:
        given = tf.constant(x), tf.constant(n)
        assert _outcome(lambda g=given: compiled(*g)) == _outcome(lambda g=given: program(*g))
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("program", [number_or_tensor, none_is_replaced, before_the_first])
def test_derivatives_go_through_variables_of_several_types(program):
    def derivatives(function, x, n):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x, n)
            first = inner.gradient(y, x) if isinstance(y, tf.Tensor) else None
        second = None if first is None else outer.gradient(first, x)
        return [None if d is None else float(d) for d in (first, second)]

    compiled = tf.function(program, strict=True)
    for x, n in CALLS[1:4]:
        given = tf.constant(x), tf.constant(n)
        want = [d or 0 for d in derivatives(program, *given)]
        assert [d or 0 for d in derivatives(compiled, *given)] == pytest.approx(want)


def one_list_of_two_names(x):
    if x > 0:
        a = [x]
        b = a
    else:
        a = [x * 2]
        b = a
    a.append(1)
    return b


def one_list_in_another(x):
    if x > 0:
        a = [x]
        held = {"list": a, "tuple": (a, a)}
    else:
        a = [-x]
        held = {"list": a, "tuple": (a, a)}
    held["list"][0] = 7
    held["tuple"][1].append(x)
    return a


def one_list_on_one_way(x):
    if x > 0:
        a = [x]
        b = a
    else:
        a = [-x]
        b = [x]
    b[0] = 7
    return a


def one_dict_or_none(x):
    a = b = None
    if x > 0:
        a = {"x": x}
        b = a
    if a is not None:
        b["x"] = a["x"] + 1
    return a


def one_list_that_one_way_made(x):
    a = None
    if x > 0:
        a = [1]
    if x > 1 and a is not None:
        a.append(2)
    return a


def keywords_of_one_way(x):
    def names(**given):
        return sorted(given)

    return names(**({"a": 1} if x > 0 else {})), names(b=x, **({"a": 1} if x > 1 else {"c": 2}))


@pytest.mark.parametrize("program", [
    one_list_of_two_names, one_list_in_another, one_list_on_one_way, one_dict_or_none,
    one_list_that_one_way_made, keywords_of_one_way,
])  # fmt: skip
def test_what_is_one_object_on_a_way_is_one_where_the_ways_join(program):
    compiled = tf.function(program, strict=True)
    for x in (-1.0, 0.5, 2.0):
        given = tf.constant(x)
        assert _outcome(lambda g=given: compiled(g)) == _outcome(lambda g=given: program(g))
