"""Arrays whose sizes values decide, in loops and branches; shapes that are assigned; counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import outcome, same_result

import twofold as tf


def shrinking(x: Any, n: int) -> Any:
    for _ in range(n):
        x = x * 1.5
        x = x[x < 50]
    return x


def until_empty(x: Any, n: int) -> Any:
    for _ in range(n):
        if not len(x):
            break
        x = x * 1.5
        x = x[x < 50]
    return x


def beside(x: Any, n: int) -> Any:
    """What one mask selects has one size."""
    k, out = np.arange(30), np.zeros(30, np.int64)
    y = np.linspace(1, 20, 30)
    for i in range(n):
        y = y * 1.5
        kept = y < x[-1]
        out[k[kept]] += i + 1
        y = y[kept]
        k = k[kept]
    return out


def while_many(x: Any, n: int) -> Any:
    while len(x) > 3:
        x = x * 1.5
        x = x[x < 50]
    return x


def reshaped(x: Any, n: int) -> Any:
    i, j = np.mgrid[0:n, 0:5]
    i.shape = j.shape = 5 * n
    y = x.copy()
    z = y
    y.shape = (-1, 2)
    z[0] = 7.0
    y = y + 0j
    y.real = 3
    return i, j, y, z


def pooled(x: Any, n: int) -> Any:
    made = np.empty(len(x) // 2)
    for i in range(len(x) // 2):
        made[i] = np.max(x[2 * i : 2 * i + 2])
    return made


def counts(x: Any, n: int) -> Any:
    k = x.astype(int)
    return np.bincount(k), np.bincount(k, minlength=n), np.bincount(k, x), np.histogram(x, n)


def weighted(x: Any, n: int) -> Any:
    return np.histogram(x, bins=4, range=(0, 9), weights=x * 2), np.histogram(x, 3, density=True)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # since NumPy 2.5
@pytest.mark.parametrize(
    "function",
    [shrinking, until_empty, beside, while_many, reshaped, pooled, counts, weighted],
)
@pytest.mark.parametrize("jit", [False, True])
def test_the_graph_has_them_without_a_step(function: Callable[..., Any], jit: bool) -> None:
    compiled = tf.function(function, strict=True, jit_compile=jit)
    for last in (20.0, 45.0):
        x = np.linspace(1, last, 30)
        same_result(compiled(x.copy(), 40), function(x.copy(), 40))


def negative(x: Any) -> Any:
    return np.bincount(x.astype(int) - 5)


def caught(x: Any) -> Any:
    try:
        return np.histogram(x * np.nan, 3)
    except ValueError:
        return x * 5


def widths(x: Any) -> Any:
    return np.histogram(x, "auto")


def given_shape(x: Any) -> Any:
    x.shape = (5, 6)
    return x.sum()


def wrong_shape(x: Any) -> Any:
    y = x.copy()
    y.shape = (7,)
    return y


@pytest.mark.parametrize("function", [negative, caught, widths, given_shape, wrong_shape])
def test_what_numpy_refuses_or_decides_by_values_is_numpys(function: Callable[..., Any]) -> None:
    compiled = tf.function(function)
    for _ in range(2):
        x, given = np.linspace(1, 9, 30), np.linspace(1, 9, 30)
        same_result(outcome(lambda: compiled(given)), outcome(lambda: function(x)))  # noqa: B023
        same_result(given, x)
