"""Gamma, Poisson, binomial, beta and truncated normal numbers: their distributions, the same numbers
in every release and mode, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import twofold as tf
from twofold.ir.errors import ArgumentError, ShapeError

R, SEED, MANY = tf.random, (5, 2), 20000

CONTINUOUS: dict[str, tuple[Callable[[], Any], Any]] = {
    **{f"gamma {a}": (lambda a=a: R.stateless_gamma((MANY,), SEED, a, dtype="float64"), stats.gamma(a))
       for a in (0.1, 0.7, 1.0, 2.0, 30.0)},
    "gamma of a rate": (lambda: R.stateless_gamma((MANY,), SEED, 3.0, 2.0), stats.gamma(3, scale=0.5)),
    **{f"beta {a} {b}": (lambda a=a, b=b: R.stateless_beta((MANY,), SEED, a, b, "float64"),
                         stats.beta(a, b)) for a, b in ((0.5, 0.5), (2.0, 3.0))},
    **{f"between {a} and {b}": (lambda a=a, b=b: R.stateless_parameterized_truncated_normal(
        (MANY,), SEED, np.float64(1), 2.0, 1 + 2 * a, 1 + 2 * b), stats.truncnorm(a, b, 1, 2))
       for a, b in ((-2, 2), (0, 1), (-0.1, 0.1), (3, 9), (5, math.inf), (-math.inf, -8), (-1, math.inf),
                    (-30, -25), (2, 2.1), (-3, 0.001))},
}  # fmt: skip

COUNTS: dict[str, tuple[Callable[[], Any], Any]] = {
    **{f"poisson {m}": (lambda m=m: R.stateless_poisson((MANY,), SEED, m), stats.poisson(m))
       for m in (0.5, 9.0, 12.0, 60.0, 3000.0)},
    **{f"binomial {n} {p}": (lambda n=n, p=p: R.stateless_binomial((MANY,), SEED, n, p),
                             stats.binom(n, p))
       for n, p in ((5, 0.3), (20, 0.5), (30, 0.5), (500, 0.2), (1000, 0.97))},
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_numbers_have_the_distribution(name: str) -> None:
    draw, law = CONTINUOUS[name]
    assert stats.kstest(draw().numpy(), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", COUNTS)
def test_counts_have_the_distribution(name: str) -> None:
    draw, law = COUNTS[name]
    found = draw().numpy()
    k = np.arange(found.min(), found.max() + 1)
    expected, seen = law.pmf(k) * MANY, np.bincount(found - found.min(), minlength=len(k))
    often = expected > 8
    distance = ((seen - expected) ** 2 / expected)[often].sum()
    assert stats.chi2(often.sum() - 1).sf(distance) > 1e-3


def test_choice_has_the_probabilities() -> None:
    found = R.stateless_choice(3, (MANY,), SEED, True, [0.2, 0.0, 0.8]).numpy()
    assert (found == 1).sum() == 0 and abs((found == 0).mean() - 0.2) < 0.01
    first = [
        R.stateless_choice(3, (3,), (i, 0), False, [0.2, 0.3, 0.5]).numpy() for i in range(500)
    ]
    assert all(sorted(row) == [0, 1, 2] for row in first)
    assert abs(np.mean([row[0] == 2 for row in first]) - 0.5) < 0.08


GOLDEN: dict[str, tuple[Callable[[], Any], Any]] = {
    "gamma": (lambda: R.stateless_gamma((4,), (1, 2), [0.5, 1.0, 2.0, 20.0]), [2.1984584, 1.7244003, 1.935154, 18.6950493]),
    "poisson": (lambda: R.stateless_poisson((4,), (1, 2), [0.5, 5.0, 50.0, 500.0]), [2, 5, 46, 491]),
    "binomial": (lambda: R.stateless_binomial((4,), (1, 2), [5, 50, 500, 5000], 0.3), [4, 13, 146, 1525]),
    "beta": (lambda: R.stateless_beta((3,), (1, 2), [0.5, 1.0, 2.0], 1.5), [0.2595271, 0.4920448, 0.3477574]),
    "between": (lambda: R.stateless_parameterized_truncated_normal(
        (4,), (1, 2), minvals=[-2.0, 0.0, 3.0, -9.0], maxvals=[2.0, 0.1, 9.0, -8.0]), [0.8372904, 0.0011931, 3.0767879, -8.6726952]),
    "choice": (lambda: R.stateless_choice(10, (6,), (1, 2)), [7, 0, 3, 4, 3, 4]),
    "choice without replacement": (lambda: R.stateless_choice(10, (6,), (1, 2), False), [3, 7, 8, 9, 5, 1]),
    "generator": (lambda: R.Generator.from_seed(3).binomial((4,), 9, 0.5), [6, 4, 3, 7]),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_numbers_are_those_of_every_release_and_mode(name: str) -> None:
    draw, expected = GOLDEN[name]
    np.testing.assert_allclose(draw().numpy(), expected, rtol=1e-5, atol=1e-7)
    if name != "generator":  # which is a new one on each call
        for jit in (False, True):
            made = tf.function(draw, jit_compile=jit)
            np.testing.assert_array_equal(made().numpy(), draw().numpy())


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_stateful_draws_are_the_same_in_both_modes() -> None:
    def draw() -> Any:
        return (R.gamma((2,), [1.0, 2.0]), R.poisson((2,), 3.0), R.binomial((2,), 10, 0.5),
                R.beta((2,), 1.0, 2.0), R.choice(5, (3,), False), R.gamma((), 2.0, seed=4))  # fmt: skip

    found = []
    for run in (draw, tf.function(draw)):
        R.set_seed(4)
        found.append([x.numpy() for _ in range(2) for x in run()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_generator_goes_on_from_a_key_and_a_counter() -> None:
    g = R.Generator.from_seed(7)
    g.skip(2)
    expected = R.Generator.from_key_counter(7, 2).normal((3,)).numpy()
    other = R.Generator(g)
    np.testing.assert_array_equal(g.normal((3,)).numpy(), expected)
    np.testing.assert_array_equal(other.normal((3,)).numpy(), expected)
    g.reset_from_key_counter([7, 0], [2, 0])
    np.testing.assert_array_equal(g.normal((3,)).numpy(), expected)
    g.reset(R.create_rng_state(7))
    assert g.key.numpy().tolist() == [7, 0] and g.algorithm == R.Algorithm.PHILOX
    assert g.make_seeds(3).shape == (2, 3)
    before = R.get_global_generator()
    try:
        R.set_global_generator(R.Generator.from_key_counter(7, 2))
        np.testing.assert_array_equal(R.normal((3,)).numpy(), expected)
    finally:
        R.set_global_generator(before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: R.stateless_gamma((2,), 1, [1.0, 0.0]),
        lambda: R.stateless_gamma((2,), 1, [1.0, np.nan]),
        lambda: R.stateless_gamma((2,), 1, [1.0, 1.0, 1.0]),
        lambda: R.stateless_poisson((2,), 1, -1.0),
        lambda: R.stateless_poisson((2,), 1, 1e6, tf.int8),
        lambda: R.stateless_binomial((2,), 1, -1, 0.5),
        lambda: R.stateless_binomial((2,), 1, 5, 1.5),
        lambda: R.stateless_parameterized_truncated_normal((2,), 1, minvals=2.0, maxvals=1.0),
        lambda: R.stateless_choice(3, (4,), 1, False),
        lambda: R.Generator.from_seed(1, "threefry"),
        lambda: R.Generator(state=[1, 2, 3]),
        lambda: R.set_global_generator(3),
    ],
)
def test_what_has_no_distribution_is_an_error(call: Any) -> None:
    with pytest.raises((ArgumentError, ShapeError)):
        call()


def test_nothing_is_drawn_of_nothing() -> None:
    assert R.stateless_gamma((0, 3), 1, [1.0, 2.0, 3.0]).shape == (0, 3)
    assert R.stateless_poisson((3, 0), 1, 20.0).shape == (3, 0)
    assert R.stateless_binomial((2,), 1, 0, 0.5).numpy().tolist() == [0, 0]
