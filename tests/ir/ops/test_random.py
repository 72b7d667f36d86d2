"""Random ops: pure functions of a state, with the stated distributions and stable numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, DTypeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.random import unit

STATE = np.array([0, 1, 2], np.uint64)
MANY = 200_000


def made(name: str) -> Any:
    return COMPOSITES[name].function


def test_the_stream_is_philox_and_stays_what_it_is() -> None:
    bits = OPS["random_bits"](STATE, shape=(5,)).array
    again = np.random.Philox(counter=[0, 0, 0, 0], key=[1, 2]).random_raw(5)
    np.testing.assert_array_equal(bits, again)
    assert int(bits[0]) == 0x4F2F4313B5536B09


def test_a_draw_depends_on_the_state_alone() -> None:
    after = OPS["random_next"](STATE)
    np.testing.assert_array_equal(after.array, [1, 1, 2])
    first, second = (OPS["random_normal"](s, shape=(8,)).array for s in (STATE, after))
    np.testing.assert_array_equal(first, OPS["random_normal"](STATE, shape=(8,)).array)
    assert not np.isin(first, second).any()


def test_a_longer_draw_begins_with_a_shorter_one() -> None:
    short = OPS["random_uniform"](STATE, shape=(7,)).array
    np.testing.assert_array_equal(OPS["random_uniform"](STATE, shape=(90,)).array[:7], short)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_largest_word_stays_below_one(dtype: str) -> None:
    kind = np.dtype(dtype)
    bits = np.array([0, -1], f"i{max(kind.itemsize, 4)}").view(f"u{max(kind.itemsize, 4)}")
    low, high = unit(bits, kind)
    assert low == 0 and high == 1 - np.finfo(kind).epsneg


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_fill_the_interval_evenly(dtype: str) -> None:
    x = OPS["random_uniform"](STATE, shape=(MANY,), dtype=dtype).array
    counts, _ = np.histogram(x, 20, (0, 1))
    expected = MANY / 20
    assert ((counts - expected) ** 2 / expected).sum() < 45.3  # chi square, 19 degrees, p = 0.0006


def test_normal_numbers_have_the_moments_of_a_normal() -> None:
    x = OPS["random_normal"](STATE, shape=(MANY,), dtype=np.float64).array
    moments = [np.mean(x**k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.05)
    assert np.abs(x).max() > 4


def test_truncated_normal_numbers_stay_within_two_deviations() -> None:
    x = OPS["random_truncated_normal"](STATE, shape=(MANY,)).array
    assert np.abs(x).max() <= 2 and abs(x.std() - 0.87962566) < 0.005


@pytest.mark.parametrize("span", [2, 3, 10, 1000])
def test_integers_are_in_range_and_equally_likely(span: int) -> None:
    low, high = np.int64(-3), np.int64(span - 3)
    x = OPS["random_integers"](STATE, low, high, shape=(MANY,)).array
    assert x.dtype == np.int32 and x.min() == -3 and x.max() == span - 4
    expected = MANY / span
    excess = ((np.bincount(x + 3) - expected) ** 2 / expected).sum() - (span - 1)
    assert abs(excess) < 4 * np.sqrt(2 * span)


def test_integers_that_would_be_biased_are_drawn_again() -> None:
    high = np.int64(3 * 2**61)  # 2**64 is no multiple: a quarter of the words is rejected
    x = OPS["random_integers"](STATE, np.int64(0), high, shape=(30_000,), dtype=np.int64).array
    thirds = np.bincount(x // 2**61, minlength=3)
    assert (np.abs(thirds - 10_000) < 400).all()
    words = OPS["random_bits"](STATE, shape=(30_000,)).array
    assert (words >= np.uint64(6 * 2**61)).any()


def test_no_integers_in_an_empty_interval() -> None:
    with pytest.raises(ArgumentError, match="from 3 up to 3"):
        OPS["random_integers"](STATE, np.int64(3), np.int64(3), shape=(2,))


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [("random_uniform", (np.zeros(3),), ArgumentError), ("random_state", (1.5,), DTypeError),
     ("random_state", ([1, 2, 3],), ArgumentError)],
)  # fmt: skip
def test_a_state_or_seed_of_another_kind_is_refused(
    name: str, arguments: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        OPS[name](*arguments, **({"shape": (2,)} if name == "random_uniform" else {}))


def test_splits_and_folds_give_other_streams() -> None:
    seeds = made("stateless_split")((1, 2), 3).array
    folded = [made("stateless_fold_in")((1, 2), i).array for i in range(3)]
    streams = [made("stateless_uniform")((4,), s).array for s in [(1, 2), *seeds, *folded]]
    assert np.unique(np.concatenate(streams)).size == 4 * 7


def test_stateless_functions_scale_and_shift() -> None:
    unit_ = made("stateless_uniform")((5,), 3).array
    scaled = made("stateless_uniform")((5,), 3, minval=2.0, maxval=4.0).array
    np.testing.assert_allclose(scaled, unit_ * 2 + 2, rtol=1e-6)
    bounds = made("stateless_uniform")((2, 5), 3, minval=np.zeros((2, 1)), maxval=4.0).array
    assert bounds.shape == (2, 5)
    normal = made("stateless_normal")((5,), 3).array
    np.testing.assert_allclose(
        made("stateless_normal")((5,), 3, mean=1.0, stddev=2.0).array, normal * 2 + 1, rtol=1e-6
    )
    with pytest.raises(ArgumentError, match="maxval"):
        made("stateless_uniform")((5,), 3, dtype=np.int32)


def test_a_shuffle_keeps_the_rows_and_every_order_occurs() -> None:
    x = np.arange(6).reshape(3, 2)
    orders = set()
    for seed in range(100):
        rows = made("stateless_shuffle")(x, seed).array
        np.testing.assert_array_equal(np.sort(rows, 0), x)
        orders.add(tuple(rows[:, 0]))
    assert len(orders) == 6


def test_categorical_and_bernoulli_frequencies() -> None:
    p = np.array([[0.5, 0.3, 0.2]])
    drawn = made("stateless_categorical")(np.log(p), MANY, 1).array
    np.testing.assert_allclose(np.bincount(drawn[0]) / MANY, p[0], atol=0.005)
    coins = made("stateless_bernoulli")((MANY,), 1, 0.3).array
    assert set(np.unique(coins)) == {0, 1} and abs(coins.mean() - 0.3) < 0.005
