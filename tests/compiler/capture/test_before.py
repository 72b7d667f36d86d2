"""Clocks and random numbers are read on each call, before the graph, exactly as often as without."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
OWN = random.Random(1)
LEGACY = np.random.RandomState(0)
SIGMA = 1.5


def several(x: Any) -> Any:
    noise = np.random.randn(2)
    scale = random.uniform(0.5, 2.0)
    print("drawn", x)
    return x * scale + noise, scale, noise


def of_size(x: Any) -> Any:
    return x + RNG.normal(0.0, SIGMA, size=(x.shape[0],)), RNG.integers(0, 9), RNG.random()


def decides(x: Any) -> Any:
    if random.random() < 0.5:
        return x * 2, OWN.random()
    return x * 3


def in_branch(x: Any) -> Any:
    k = random.random()
    if x[0] > 1:
        return x * random.random(), k
    return x * k


def raises(x: Any) -> Any:
    k = random.random()
    if x[0] > 2:
        raise ValueError("too much")
    return x * k


def raises_in_python(x: Any) -> Any:
    k = OWN.random()
    if x.shape[0] == 2 and k > 0.5:
        raise KeyError(k > 0.5)
    return x * k


def raises_before(x: Any) -> Any:
    if x[0] > 2:
        raise ValueError("too much")
    return x * random.random()


def helper(x: Any) -> Any:
    return x + LEGACY.rand(2) * OWN.gauss(0, 1)


def through_helpers(x: Any) -> Any:
    total = x
    for _ in range(3):
        total = helper(total)
    return total


def nested(x: Any) -> Any:
    return tf.function(helper, jit_compile=False)(x) * random.random()


def writes(x: Any) -> Any:
    a = np.random.rand(2)
    b = a
    a[0] = 5.0
    a += 1
    return a, b, x * a


def other_kinds(x: Any) -> Any:
    return (
        x * 2,
        random.sample(range(9), 2),
        RNG.bytes(2),
        random.choice("abc"),
        np.random.permutation(4),
    )


def integers(x: Any) -> Any:
    k = random.randint(1, 3)
    return [x * i for i in range(k)], k, k / 2


CASES: list[Callable[[Any], Any]] = [
    several, of_size, decides, in_branch, raises, raises_in_python, raises_before, through_helpers,
    nested, writes, other_kinds, integers,
]  # fmt: skip


def seeded() -> None:
    random.seed(5), np.random.seed(5), OWN.seed(5), LEGACY.seed(5)
    RNG.bit_generator.state = np.random.default_rng(5).bit_generator.state


def drawn_after() -> list[Any]:
    return [random.random(), np.random.rand(), OWN.random(), LEGACY.rand(), RNG.random()]


def shown(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value).__name__, [shown(v) for v in value]
    if isinstance(value, tf.Tensor | np.ndarray | np.generic):
        held = np.asarray(value)
        return type(value).__name__, held.dtype.name, held.tolist()
    return type(value).__name__, repr(value)


def played(f: Callable[[Any], Any], capsys: Any, tape: bool = False) -> Any:
    found = []
    for k in (0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 2.5, 0.0):
        try:
            with tf.GradientTape() as record:
                x = tf.constant([k, k + 1])
                record.watch(x) if tape else None
                found.append(shown(f(x)))
        except (ValueError, KeyError) as error:
            found.append(repr(error))
    return found, drawn_after(), capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
@pytest.mark.parametrize("f", CASES)
@pytest.mark.parametrize("how", ["alone", "inside", "tape"])
def test_generators_are_drawn_from_as_without_the_decorator(f: Any, how: str, capsys: Any) -> None:
    seeded()
    expected = played(f, capsys)
    compiled = tf.function(f, jit_compile=False)
    if how == "inside":
        inner = compiled
        compiled = tf.function(lambda x: inner(x), jit_compile=False)
    seeded()
    assert played(compiled, capsys, how == "tape") == expected


@pytest.mark.parametrize("f", [several, of_size, raises, through_helpers, nested, writes])
def test_what_is_drawn_is_an_input_of_one_trace(f: Any) -> None:
    compiled = tf.function(f, jit_compile=False, strict=True)
    for _ in range(5):
        compiled(tf.constant([0.0, 1.0]))
    assert compiled.experimental_get_tracing_count() == 1


def test_the_clock_is_read_on_each_call_and_a_trace_draws_nothing() -> None:
    def f(x: Any) -> Any:
        start = time.perf_counter()
        return x + OWN.random(), start, time.time_ns()

    compiled = tf.function(f, strict=True)
    OWN.seed(3)
    first = OWN.random()
    OWN.seed(3)
    compiled.get_concrete_function(tf.TensorSpec((2,), "float32"))
    assert OWN.random() == first
    times = [compiled(tf.constant([0.0, 1.0]))[1:] for _ in range(4)]
    assert times == sorted(set(times)) and type(times[0][0]) is float and type(times[0][1]) is int
