"""Recursion: by Python values it is unrolled, by values of the graph to a depth, and no further."""

from __future__ import annotations

from typing import Any

import pytest

import twofold as tf
from twofold.ir.errors import StagingError


def gcd(a: Any, b: Any) -> Any:
    if b == 0:
        return a
    return gcd(b, a % b)


def fibonacci(n: Any) -> Any:
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


def is_even(n: Any) -> Any:
    return True if n == 0 else is_odd(n - 1)


def is_odd(n: Any) -> Any:
    return False if n == 0 else is_even(n - 1)


def down(x: Any, n: int) -> Any:
    return x if n == 0 else down(x + 1, n - 1)


def caught(x: Any, n: int) -> Any:
    try:
        return down(x, n)
    except RecursionError:
        return -x


@pytest.mark.parametrize(("a", "b"), [(1071, 462), (7, 0), (1836311903, 1134903170)])
def test_one_call_of_itself_is_a_part_of_the_graph_to_a_depth(a: int, b: int) -> None:
    staged = tf.function(gcd, strict=True)
    for first, second in ((a, b), (48, 36), (b, a)):
        x, y = tf.constant(first), tf.constant(second)
        assert staged(x, y).numpy() == gcd(x, y).numpy()
    assert staged.experimental_get_tracing_count() == 1


def test_two_calls_of_itself_are_given_up_at_once() -> None:
    compiled = tf.function(fibonacci)
    assert [int(compiled(tf.constant(n))) for n in (0, 1, 12)] == [0, 1, 144]
    with pytest.raises(StagingError, match="recursion that values decide"):
        tf.function(fibonacci, strict=True)(tf.constant(12))


def test_functions_that_call_each_other() -> None:
    compiled = tf.function(is_even)
    assert [bool(compiled(tf.constant(n))) for n in (0, 1, 6, 7, 99)] == [1, 0, 1, 0, 0]


def test_the_limit_of_recursion_is_that_of_plain_python() -> None:
    compiled = tf.function(caught)
    for n in (3, 200, 20_000):  # interpreted, 200 calls take more frames than Python allows
        assert compiled(tf.constant(1.0), n).numpy() == caught(tf.constant(1.0), n).numpy()
    endless = tf.function(down)
    with pytest.raises(RecursionError):
        endless(tf.constant(1.0), -1)


@tf.function
def summed(x, step):
    if x > 1:
        return x + summed(x - step, step)
    return step


def test_a_decorated_function_calls_itself_to_a_depth_of_150() -> None:
    assert summed(150, 1) == summed.python_function(150, 1) == 11_325
    assert summed(150.0, 1.0) == 11_325.0


def linked(length: int) -> Any:
    chain = None
    for i in range(length):
        chain = [i, chain]
    return chain


def total(chain):
    found = 0
    while chain is not None:
        found += chain[0]
        chain = chain[1]
    return found


@pytest.mark.parametrize("length", [150, 450, 2000])
def test_arguments_that_are_nested_deeply_run_as_plain_python(length: int) -> None:
    compiled = tf.function(total)
    for _ in range(2):
        assert compiled(linked(length)) == length * (length - 1) // 2
    if length > 200:
        with pytest.raises(StagingError, match="nested more than 200 levels"):
            tf.function(total, strict=True)(linked(length))
