"""Generators and the global functions: seeds, order of draws, the same numbers while traced."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.ir.ops
import twofold.runtime.eager
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
        Generator(state=[1, 2, 3])
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


def test_threads_never_draw_the_same_numbers_when_some_of_the_calls_are_compiled() -> None:
    g = Generator.from_seed(3)

    def draw(x: Any) -> Any:
        return [g.uniform((2,), dtype=np.float64), x * g.uniform((1,), dtype=np.float64)]

    def taped(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = compiled[0](x)
        tape.gradient(found[1], x)
        return found

    compiled = [tf.function(draw, jit_compile=True), tf.function(draw, jit_compile=False)]
    ways = [draw, taped, *compiled]
    one = tf.constant(1.0, tf.float64)
    for way in ways:
        way(one)

    def work(way: Any) -> list[Any]:
        return [part.numpy() for _ in range(25) for part in way(one)]

    with ThreadPoolExecutor(8) as pool:
        found = [n for part in pool.map(work, ways * 2) for n in part]
    assert np.unique(np.concatenate(found)).size == 8 * 25 * 3
    assert g.state.numpy()[0] == 8 * 25 * 2 + 4 * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_with_the_stream_even_if_another_thread_was_drawing() -> None:
    g = Generator.from_seed(3)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with g.state.turn:
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    mine, child_says = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(child_says, g.uniform((2,)).numpy().tobytes())
        os._exit(0)
    leave.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(mine, 8) == g.uniform((2,)).numpy().tobytes()


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_seed_may_be_used_first_in_a_compiled_function(jit_compile: bool) -> None:
    def body(seed: int) -> Any:
        return [random.normal((2,), seed=seed), random.normal((2,), seed=seed)]

    random.set_seed(3)
    want = [t.numpy() for _ in range(2) for t in body(2_001 + jit_compile)]
    random.set_seed(3)
    random._seeded.pop(2_001 + jit_compile)
    f = tf.function(body, jit_compile=jit_compile)
    found = [t.numpy() for _ in range(2) for t in f(2_001 + jit_compile)]
    np.testing.assert_array_equal(found, want)


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
