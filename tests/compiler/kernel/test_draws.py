"""Random numbers in kernels are those of eager code, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import pipeline
from twofold.ir.normal import normal_pairs
from twofold.ir.op import OPS

SHAPES = [(), (5,), (2, 3), (65,), (33, 7), (0,)]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = [f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)]
SEED = tf.constant((3, -4), dtype=tf.int64)
STATE = tf.constant(np.array([5, 42, 7], np.uint64))


def same_in_both_modes(draw: Any, given: Any) -> None:
    eager, compiled = draw(given), tf.function(draw, jit_compile=True)(given)
    assert eager.dtype == compiled.dtype
    assert eager.numpy().tobytes() == compiled.numpy().tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["uniform", "normal", "truncated_normal"])
def test_floating_draws(kind: str, shape: tuple[int, ...]) -> None:
    draw = getattr(tf.random, f"stateless_{kind}")

    def every(seed: Any) -> Any:
        drawn = [draw(shape, seed, dtype=getattr(tf, name)) for name in FLOATS]
        return tf.stack([tf.cast(x, tf.float64) for x in drawn])

    same_in_both_modes(every, SEED)


@pytest.mark.parametrize("shape", [(), (5,), (70,)], ids=str)
def test_bits_and_integers_of_every_width(shape: tuple[int, ...]) -> None:
    def every(state: Any) -> Any:
        bits = [OPS["random_bits"](state, shape=shape, dtype=np.dtype(t)) for t in INTEGERS]
        whole = [OPS["random_integers"](state, np.int64(0), np.int64(100), shape=shape,
                                        dtype=np.dtype(t)) for t in INTEGERS]  # fmt: skip
        return tf.stack([tf.cast(x, tf.int64) for x in (*bits, *whole)])

    same_in_both_modes(every, STATE)


@pytest.mark.parametrize("shape", [(), (40,), (300,)], ids=str)
def test_integers_of_which_many_are_drawn_again(shape: tuple[int, ...]) -> None:
    most = np.int64(3 * 2**61)  # a quarter of all words are refused

    def draw(seed: Any) -> Any:
        return tf.random.stateless_uniform(shape, seed, np.int64(0), most, dtype=tf.int64)

    same_in_both_modes(draw, SEED)


def test_seeds_made_of_seeds() -> None:
    same_in_both_modes(lambda seed: tf.random.stateless_split(seed, 3), SEED)
    same_in_both_modes(lambda seed: tf.random.stateless_fold_in(seed, 7), SEED)


def test_an_empty_interval_raises_in_a_loop() -> None:
    @tf.function(jit_compile=True)
    def last(n: Any, high: Any) -> Any:
        def body(i: Any, x: Any) -> Any:
            return i + 1, tf.random.stateless_uniform((), i, np.int64(0), high - i, dtype=tf.int64)

        return tf.while_loop(lambda i, x: i < n, body, (np.int64(0), np.int64(0)))[1]

    assert last(np.int64(3), np.int64(5)).numpy() < 3
    with pytest.raises(tf.errors.ArgumentError, match="from 0 up to 0"):
        last(np.int64(7), np.int64(5))


def test_a_loop_that_draws_is_one_kernel() -> None:
    generator = tf.random.Generator.from_seed(1)

    @tf.function(jit_compile=True)
    def inside(n: Any) -> Any:
        def body(i: Any, hits: Any) -> Any:
            x, y = generator.uniform(()), generator.uniform(())
            more = generator.uniform((), 0, 10, dtype=tf.int32)  # cannot fail
            return i + 1, hits + tf.cast(x * x + y * y < 1, tf.int32) + more

        return tf.while_loop(lambda i, hits: i < n, body, (0, 0))[1]

    expected = 0
    for _ in range(100):
        x, y = generator.uniform(()), generator.uniform(())
        expected += int((x * x + y * y < 1).numpy())
        expected += int(generator.uniform((), 0, 10, dtype=tf.int32).numpy())
    after = generator.state.numpy()
    generator.reset_from_seed(1)
    assert inside(tf.constant(100)).numpy() == expected
    assert (generator.state.numpy() == after).all()
    planned = pipeline.run(inside.get_concrete_function(tf.constant(100)).graph)
    assert [n.op.name for n in planned.nodes] == ["read", "fused", "assign"]


def test_few_normal_numbers_are_those_of_many() -> None:
    """Few are computed as Python's numbers, many as arrays."""
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 2**53, (2, 64)) * 2.0**-53
    first[:3], second[:3] = (0.0, 0.5, 1 - 2.0**-53), (0.0, 0.25, 0.75)
    many = normal_pairs(first, second)
    few = [normal_pairs(first[i : i + 1], second[i : i + 1])[:, 0] for i in range(64)]
    assert many.T.tobytes() == np.array(few).tobytes()
