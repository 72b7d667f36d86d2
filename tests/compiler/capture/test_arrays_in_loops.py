"""Loops of Python that read and write elements: native, in place, and as plain Python has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run


def heat(u: Any, n: Any) -> Any:
    for _ in range(n):
        for i in range(1, n - 1):
            u[i] = u[i] + 0.25 * (u[i - 1] - 2 * u[i] + u[i + 1])
    return u


def swaps(u: Any, n: Any) -> Any:
    for i in range(n - 1):
        old = u[i]
        u[i] = u[i + 1]
        u[i + 1] = old * 2
    return u


def sorted_by_bubbles(u: Any, n: Any) -> Any:
    for i in range(n):
        for j in range(n - 1 - i):
            if u[j] < u[j + 1]:
                u[j], u[j + 1] = u[j + 1], u[j]
    return u


def from_the_end(u: Any, n: Any) -> Any:
    for i in range(n):
        u[-i - 1] = u[i] + u[-i - 1]
    return u


def beyond(u: Any, n: Any) -> Any:
    for i in range(n + 1):
        u[i] = u[i] + 1
    return u


def shortest(d: Any, n: Any) -> Any:
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


def factors(a: Any, n: Any) -> Any:
    for k in range(n):
        a[k, k] = a[k, k] + n
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, n):
                a[i, j] = a[i, j] - a[i, k] * a[k, j]
    return a


def first_column(a: Any, n: Any) -> Any:
    for i in range(1, n):
        a[i, 0] = a[i - 1, -1] + a[i, 0]
    return a


def copied(u: Any, n: Any) -> Any:
    v = u * 1
    for i in range(n):
        u[i] = v[n - 1 - i]
    return u + v


def two(u: Any, n: Any) -> Any:
    v = u * 0
    for i in range(1, n):
        v[i] = u[i - 1] + v[i - 1]
        u[i] = v[i] * 0.5
    return u - v


def largest(u: Any, n: Any) -> Any:
    best = u[0]
    for i in range(1, n):
        x = u[i]
        if x > best:
            best = x
    return best


def best_paths(a: Any, n: Any) -> Any:
    v = a[0] * 1
    w = a[1] * 1
    for _ in range(n):
        for j in range(n):
            best = v[0] + a[0, j]
            for i in range(1, n):
                s = v[i] + a[i, j]
                if s > best:
                    best = s
            w[j] = best
        for j in range(n):
            v[j] = w[j]
    return v


VECTORS = [largest, heat, swaps, sorted_by_bubbles, from_the_end, beyond, copied, two]
MATRICES = [best_paths, shortest, factors, first_column]
N = 9


def given(function: Callable[..., Any]) -> Any:
    random = np.random.default_rng(3)
    return random.random((N, N) if function in MATRICES else N)


def number(n: int) -> Any:
    return tf.constant(n, dtype=tf.int64)


def outcome(function: Callable[..., Any], array: Any, n: Any) -> tuple[Any, Any]:
    """What a call gives, its value or the kind of its exception; what the argument holds then."""
    try:
        result = np.asarray(function(array, n)).tolist()
    except IndexError as error:
        result = str(error)
    return result, np.asarray(array).tolist()


@pytest.mark.parametrize("function", VECTORS + MATRICES)
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("count", [N, 1])
def test_ndarrays_are_written_as_in_python(
    function: Callable[..., Any], jit: bool, count: int
) -> None:
    compiled = tf.function(function, jit_compile=jit)
    compiled(given(function), number(3))
    expected = outcome(function, given(function), count)
    assert outcome(compiled, given(function), number(count)) == expected


@pytest.mark.parametrize("function", [f for f in VECTORS + MATRICES if f is not beyond])
@pytest.mark.parametrize("jit", [False, True])
def test_so_are_tensors(function: Callable[..., Any], jit: bool) -> None:
    compiled = tf.function(function, jit_compile=jit)
    expected = outcome(function, tf.constant(given(function)), N)
    assert outcome(compiled, tf.constant(given(function)), number(N)) == expected


@pytest.mark.parametrize(
    "function", [heat, swaps, sorted_by_bubbles, from_the_end, shortest, factors, first_column]
)
@pytest.mark.parametrize("convert", [np.array, tf.constant])
def test_they_are_one_kernel(function: Callable[..., Any], convert: Callable[..., Any]) -> None:
    graph = tf.function(function).get_concrete_function(convert(given(function)), number(N)).graph
    graph = run(graph, target=NATIVE, after="scalarise")
    assert [n.op.name for n in graph.nodes if n.regions] == ["fused"]


def test_a_tensor_beyond_its_end_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="9"):
        tf.function(beyond)(tf.constant(given(beyond)), number(N))


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
@pytest.mark.parametrize("fold", [np.sum, np.max])
def test_folds_that_keep_their_axes_are_folded_in_the_loop(fold: Any, axis: Any) -> None:
    def f(x: Any, n: Any) -> Any:
        total = 0.0
        for _ in range(n):
            y = fold(x, axis=axis, keepdims=True)
            x = x - 0.1 * y
            total = total + x.sum()
            if total > 1e9:
                break
        return x, total

    compiled = tf.function(f, strict=True, jit_compile=True)
    for rows in (40, 70):
        x = np.linspace(0.5, 1.5, 3 * rows).reshape(rows, 3)
        for made, wanted in zip(compiled(x, 30), f(x, 30), strict=True):
            np.testing.assert_allclose(made, wanted, rtol=1e-12)
