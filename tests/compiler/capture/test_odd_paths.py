"""Programs whose ways end unusually: loops that are always left, variables that are deleted, errors
that pass through a `with`, sizes beside numbers of the call. All as plain Python has them, strictly."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


class Manager:
    def __enter__(self) -> int:
        return 2

    def __exit__(self, *error: object) -> bool:
        return False


def total(*items: Any) -> Any:
    start: Any = 0
    for item in items:
        start = start + item
    return start


def first_row(x, q):
    for row in x:  # noqa: B007
        break
    return row * q


def first_of_values(x, q):
    last = None
    for last in range(tf.cast(x[0], tf.int32)):  # noqa: B007
        break
    return last, x


def first_is_returned(x, q):
    for i in range(tf.cast(x[0], tf.int32)):
        return x * i + q
    return None


def deleted_in_a_loop(x, q):
    k = q
    for _ in range(2):
        if x[0] > 1:
            del k
    return x


def deleted_from_a_closure(x, q):
    k = q

    def inner():
        return k

    if x[0] > 1:
        del k
    if x[1] > 1:
        del k
    return x


def through_a_with(x, q):
    held = None
    if x[0] < 1:
        held = x
    if x[1] > 0:
        with Manager():
            x = x * 2
            x = total(held, x) + 1
    return x


def size_beside_a_number(x, q):
    if tf.sum(x) > 1:  # noqa: SIM108
        g = q * 0.5 + x.shape[0] * 1
    else:
        g = x.shape[0] - q
    return g


def list_in_a_branch_of_a_branch(x, q):
    if x[0] > 2:
        y = x
    elif x[0] > 1:
        y = x * 2
    else:
        grown = []
        for r in range(tf.cast(x[1], tf.int32)):
            grown.append(x * r)
        y = sum(grown)
    return y


PROGRAMS = [first_row, first_of_values, first_is_returned, deleted_in_a_loop,
            deleted_from_a_closure, through_a_with, size_beside_a_number,
            list_in_a_branch_of_a_branch]  # fmt: skip


def ended(function: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or what it raises and where."""
    try:
        return repr(function(*args))
    except (TypeError, NameError) as error:
        places = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.name != "ended"]
        return repr(error), places


@pytest.mark.parametrize(
    ("program", "jit"), [*[(p, False) for p in PROGRAMS], (list_in_a_branch_of_a_branch, True)]
)
def test_ways_that_end_unusually(program, jit):
    compiled = tf.function(program, jit_compile=jit, strict=True)
    for k, numbers in enumerate(([2.0, -1.0], [0.0, 3.0], [1.5, 2.0], [3.0, 3.0, 1.0])):
        x = tf.constant(np.array(numbers, "float32"))
        assert ended(compiled, x, 0.5 + k) == ended(program, x, 0.5 + k)


def test_a_dict_that_gets_a_key_on_the_way_out_of_a_loop():
    def f(x):
        table = {"x": x}
        for _, _ in table.items():
            table["y"] = x * 2
            if x > 0:
                return len(table)
        return 0

    compiled = tf.function(f, jit_compile=False)
    with pytest.warns(UserWarning, match="a container that gets another size"):
        assert compiled(tf.constant(1.0)) == 2
    with pytest.raises(RuntimeError, match="dictionary changed size"):
        compiled(tf.constant(-1.0))
