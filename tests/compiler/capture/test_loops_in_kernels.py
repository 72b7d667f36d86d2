"""Loops of Python become one kernel each, checks of Python's numbers and exceptions included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run


def primes(n: Any) -> Any:
    found = 0
    for i in range(2, n):
        is_prime = True
        j = 2
        while j * j <= i:
            if i % j == 0:
                is_prime = False
                break
            j += 1
        if is_prime:
            found += 1
    return found


def collatz(n: Any) -> Any:
    best = 0
    for m in range(1, n):
        steps = 0
        v = m
        while v != 1:
            v = v // 2 if v % 2 == 0 else 3 * v + 1
            steps += 1
        if steps > best:
            best = steps
    return best


def mandelbrot(n: Any) -> Any:
    total = 0
    for j in range(n):
        c = -1.5 + 0.1 * j
        x = y = 0.0
        k = 0
        while k < 50 and x * x + y * y < 4.0:
            x, y = x * x - y * y + c, 2.0 * x * y + 0.2
            k += 1
        total += k
    return total


def divides(n: Any) -> Any:
    s = 0
    for i in range(n):
        s += 100 // (i - 7)
    return s


def inverses(n: Any) -> Any:
    s = 0.0
    for i in range(n):
        s += 1.0 / (i - 7)
    return s


def squares(n: Any) -> Any:
    s = 3
    for _ in range(n):
        s = s * s
    return s


def refuses(n: Any) -> Any:
    s = 0
    for i in range(n):
        if i > 6:
            raise ValueError("more than six")
        s += i
    return s


def number(n: int) -> Any:
    return tf.constant(n, dtype=tf.int64)


@pytest.mark.parametrize("function", [primes, collatz, mandelbrot, divides, inverses, refuses])
def test_a_loop_is_one_kernel(function: Callable[..., Any]) -> None:
    graph = tf.function(function).get_concrete_function(number(5)).graph
    graph = run(graph, target=NATIVE, after="scalarise")
    assert [n.op.name for n in graph.nodes if n.regions] == ["fused"]


def outcome(function: Callable[..., Any], count: Any) -> Any:
    """What a call gives: its value, or the exception."""
    try:
        return np.asarray(function(count)).item()
    except (ZeroDivisionError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("function", [primes, collatz, mandelbrot, divides, inverses, refuses])
@pytest.mark.parametrize("count", [3, 6, 40])
@pytest.mark.parametrize("jit", [False, True])
def test_it_does_what_python_does(function: Callable[..., Any], count: int, jit: bool) -> None:
    compiled = tf.function(function, jit_compile=jit)
    assert outcome(compiled, number(count)) == outcome(function, count)


def test_an_int_beyond_int64_is_an_error() -> None:
    compiled = tf.function(squares, jit_compile=True)
    assert np.asarray(compiled(number(5))) == squares(5)
    with pytest.raises(OverflowError, match="does not fit int64"):
        compiled(number(6))


@pytest.mark.parametrize("jit", [False, True])
def test_an_int_beyond_int32_is_no_int32(jit: bool) -> None:
    def counted(n: Any) -> Any:
        c = 0
        for _ in range(n):
            c += 10**9
        return tf.constant([1, 2]) + c

    compiled = tf.function(counted, jit_compile=jit, strict=True)
    assert np.array_equal(compiled(number(2)), counted(2))
    for function in (counted, compiled):
        with pytest.raises(tf.errors.ConversionError, match="does not fit int32"):
            function(number(3))
