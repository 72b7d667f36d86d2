"""Generators and the global functions: seeds, order of draws, the same numbers while traced."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import twofold.ir.ops
import twofold.runtime.eager  # noqa: F401  installs the executor
from twofold.compiler.arrays.reference import execute
from twofold.compiler.trace import Tracer
from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.runtime import random
from twofold.runtime.random import Generator


def draws(generator: Generator) -> list[Any]:
    """One draw of each kind."""
    return [
        generator.uniform((3,)),
        generator.uniform((3,), -5, 5, np.int64),
        generator.normal((2, 2), 1.0, 2.0),
        generator.truncated_normal((3,), dtype=np.float64),
        generator.bernoulli((4,), 0.5),
        generator.shuffle(np.arange(5)),
        generator.permutation(6),
        generator.categorical(np.zeros((1, 3), np.float32), 4),
        generator.uniform_full_int((2,)),
    ]


def test_a_seed_decides_every_number() -> None:
    first, second = (draws(Generator.from_seed(7)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    other = Generator.from_seed(8).uniform((3,)).numpy()
    assert not np.isin(other, first[0].numpy()).any()


def test_draws_of_one_generator_differ_and_a_reset_repeats_them() -> None:
    g = Generator.from_seed((1, 2))
    a, b = g.normal((4,)).numpy(), g.normal((4,)).numpy()
    assert not np.isin(a, b).any()
    g.reset_from_seed((1, 2))
    np.testing.assert_array_equal(g.normal((4,)).numpy(), a)


def test_a_state_can_be_taken_up_again() -> None:
    g = Generator.from_seed(1)
    g.uniform((3,))
    again = Generator.from_state(g.state)
    np.testing.assert_array_equal(again.uniform((3,)).numpy(), g.uniform((3,)).numpy())


def test_split_generators_are_independent() -> None:
    g = Generator.from_seed(1)
    numbers = np.concatenate([h.uniform((5,)).numpy() for h in [*g.split(3), g]])
    assert np.unique(numbers).size == 20


def test_a_wrong_state_or_seed_is_refused() -> None:
    with pytest.raises(ArgumentError, match="from_seed"):
        Generator([1, 2, 3])
    with pytest.raises(ArgumentError, match="one integer or two"):
        Generator.from_seed((1, 2, 3))


def test_set_seed_restarts_the_global_functions() -> None:
    found = []
    for _ in range(2):
        random.set_seed(5)
        found.append([random.uniform((3,)), random.normal((3,)), random.uniform((3,), seed=9),
                      random.uniform((3,), seed=9), random.shuffle(np.arange(9)),
                      random.permutation(9), random.truncated_normal((2,)),
                      random.bernoulli((5,)), random.categorical(np.zeros((2, 2)), 3)])  # fmt: skip
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not np.array_equal(found[0][2].numpy(), found[0][3].numpy())


def test_threads_never_draw_the_same_numbers() -> None:
    g = Generator.from_seed(3)
    found: list[Any] = []

    def work() -> None:
        for _ in range(50):
            found.append(g.uniform((2,), dtype=np.float64).numpy())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.unique(np.concatenate(found)).size == 400
    assert g.state.numpy()[0] == 200


def test_traced_draws_are_the_eager_ones_and_leave_the_same_state() -> None:
    eager, traced = Generator.from_seed(4), Generator.from_seed(4)
    expected = draws(eager)
    tracer = Tracer("traced")
    token = bind.push(tracer)
    try:
        values = [t.value for t in draws(traced)]
    finally:
        bind.pop(token)
    graph = tracer.finish(values)
    inputs = [c if c is traced.state else np.asarray(c) for c in tracer.captures]
    for f, e in zip(execute(graph, inputs), expected, strict=True):
        np.testing.assert_array_equal(f, e.numpy())
    np.testing.assert_array_equal(traced.state.numpy(), eager.state.numpy())
