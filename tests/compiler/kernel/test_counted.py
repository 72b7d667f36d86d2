"""Loops that count check positions once, ahead of the loop, and end as loops that check each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.kernel.counted import counted
from twofold.compiler.kernel.data import replace
from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import kernel_namespace, python_source
from twofold.compiler.kernel.verify import verify

LOOP = """
kernel k(x: f64, n: i64, out0: out f64) for (i0: 1) {
  const c0: i64 = 0
  const c1: i64 = 1
  sweep {
    v0: i64 = n[0]
    var s0: i64 = c0
    do {
      v1: bool = s0 < v0
    } while v1 {
      v2: i64 = at (m)
      TEST
      v6: i64 = s0 + c1
      s0 = v6
    }
  }
}
"""
ELEMENT = """check -v2 <= s0 and s0 < v2
      v3: i64 = s0 if s0 >= 0 else s0 + v2
      v4: f64 = x[v3]
      out0[v3] = v4"""
ON_A_BRANCH = """v5: bool = v2 < s0
      if v5 {
        check -v2 <= s0 and s0 < v2
      }"""
UNKNOWN = """v5: i64 = n[s0]
      check -v2 <= v5 and v5 < v2"""


def with_counts(text: str) -> Kernel:
    """The kernel of a text with its counted loops."""
    kernel, numbers = parse_kernel(text), itertools.count(100)
    (sweep,) = kernel.sweeps
    inner = counted(sweep.inner, kernel.consts, lambda letter: f"{letter}{next(numbers)}")
    made = replace(kernel, sweeps=(replace(sweep, inner=inner),))
    verify(made)
    return made


def test_the_last_position_is_checked_ahead_of_the_loop_if_there_is_a_trip() -> None:
    ahead, _, body = str(with_counts(LOOP.replace("TEST", ELEMENT))).partition("    for i")
    assert body.count("check") == 0 and "x[i" in body
    assert ahead.count("check 0 <=") == 1 and ahead.count("if ") == 1


@pytest.mark.parametrize("test", [ON_A_BRANCH, UNKNOWN])
def test_what_a_trip_may_not_check_or_what_does_not_count_is_checked_in_the_trip(test: str) -> None:
    ahead, _, body = str(with_counts(LOOP.replace("TEST", test))).partition("    for i")
    assert "check" not in ahead and body.count("check") == 1


@pytest.mark.parametrize("line", ["v6: i64 = s0 - c1", "v6: i64 = v0 + c1", "s0 = c1"])
def test_a_loop_that_does_not_count_stays(line: str) -> None:
    name = line.partition(" ")[0]
    before = {"v6:": "v6: i64 = s0 + c1", "s0": "s0 = v6"}[name]
    text = LOOP.replace("TEST", ELEMENT).replace(before, line)
    kernel = parse_kernel(text)
    assert with_counts(text) == kernel


@pytest.mark.parametrize("n", [-3, 0, 1, 4])
def test_the_counted_loop_computes_what_the_loop_computed(n: int) -> None:
    results = []
    text = LOOP.replace("TEST", ELEMENT)
    for kernel in (parse_kernel(text), with_counts(text)):
        space = kernel_namespace().copy()
        exec(python_source(kernel, "run"), space)
        out = np.zeros(4)
        space["run"](np.arange(4.0), np.array([n]), out, 4)
        results.append(out)
    np.testing.assert_array_equal(*results)


# ---- Whole functions against plain Python: results, exceptions, and what arrays hold then


def up(a: Any, b: Any, n: Any, k: Any) -> Any:
    for i in range(n):
        b[i] = a[i - k] + 1.0
    return b


def down(a: Any, b: Any, n: Any, k: Any) -> Any:
    for i in range(n - 1, k, -1):
        b[i] = a[2 * i + 1]
    return b


def left(a: Any, b: Any, n: Any, k: Any) -> Any:
    for i in range(n):
        if a[i] > 3.0:
            break
        b[i + k] = a[i]
    return b


def nested(a: Any, b: Any, n: Any, k: Any) -> Any:
    for i in range(n):
        for j in range(i + k, n):
            b[j] = b[j] + a[i]
            if j > 0:
                b[j - 1] = a[j]
    return b


def until(a: Any, b: Any, n: Any, k: Any) -> Any:
    while k < n:
        b[k] = a[k] + k
        k += 1
    return b, k


def last(a: Any, b: Any, n: Any, k: Any) -> Any:
    t, i = 0.0 * a[0], -7
    for i in range(n):
        t = t + a[i] * b[k]
    return t, i


def outcome(call: Callable[..., Any], n: Any, k: Any) -> list[Any]:
    """What a call returns or raises, and its arrays behind it."""
    a, b = np.arange(7.0), np.ones(5)
    try:
        made = call(a, b, n, k)
    except IndexError as error:
        made = repr(error)
    values = made if isinstance(made, tuple) else (made,)
    return [x if isinstance(x, str) else np.asarray(x).tolist() for x in (*values, a, b)]


@pytest.mark.parametrize("function", [up, down, left, nested, until, last])
def test_results_and_exceptions_are_those_of_plain_python(function: Callable[..., Any]) -> None:
    compiled = tf.function(function, jit_compile=True)
    for n, k in itertools.product((0, 1, 2, 5, 6, 8), (-6, -2, 0, 1, 5)):
        given = tf.constant(n, dtype=tf.int64), tf.constant(k, dtype=tf.int64)
        assert outcome(compiled, *given) == outcome(function, n, k), (n, k)


def test_a_count_beyond_every_array_ends_at_the_first_wrong_position() -> None:
    many = tf.constant(2**62, dtype=tf.int64)
    compiled = tf.function(up, jit_compile=True)
    assert outcome(compiled, many, tf.constant(0, dtype=tf.int64)) == outcome(up, 2**62, 0)
