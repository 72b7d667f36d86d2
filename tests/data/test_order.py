"""Order and choice of elements. Expected values are TensorFlow 2.21's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

Dataset = tf.data.Dataset


def numbers(ds: Any) -> list[int]:
    return [int(x) for x in ds.as_numpy_iterator()]


def test_shuffle_has_tensorflows_order_and_another_one_in_each_iteration() -> None:
    ds = Dataset.range(10).shuffle(4, seed=3)
    assert numbers(ds) == [0, 3, 2, 1, 4, 7, 6, 5, 8, 9]
    assert numbers(ds) == [0, 4, 1, 2, 5, 3, 6, 8, 9, 7]
    assert numbers(ds.repeat(2)) == [0, 1, 5, 4, 7, 2, 3, 9, 6, 8, 0, 1, 4, 6, 3, 7, 5, 8, 9, 2]
    assert numbers(ds.take(3)) == [1, 0, 2]
    assert int(next(iter(ds))) == 2  # an iteration counts when it begins
    assert numbers(ds) == [0, 2, 1, 5, 7, 8, 3, 4, 9, 6]


def test_shuffle_without_reshuffling_has_one_order() -> None:
    ds = Dataset.range(10).shuffle(4, seed=3, reshuffle_each_iteration=False)
    first = [3, 4, 2, 0, 7, 5, 6, 8, 9, 1]
    assert numbers(ds) == numbers(ds) == first
    assert numbers(ds.repeat(2)) == first + first


def test_shuffle_under_global_seeds() -> None:
    tf.random.set_seed(7)
    one, two = Dataset.range(10).shuffle(10), Dataset.range(10).shuffle(10)
    assert numbers(one) == [8, 9, 2, 3, 1, 5, 4, 6, 7, 0]
    assert numbers(one) == [6, 1, 7, 9, 2, 8, 3, 0, 4, 5]
    assert numbers(two) == [4, 7, 1, 5, 3, 0, 6, 2, 8, 9]
    assert numbers(Dataset.range(10).shuffle(10, seed=0)) == [7, 3, 9, 0, 6, 1, 8, 2, 5, 4]
    tf.random.set_seed(0)
    assert numbers(Dataset.range(10).shuffle(10, seed=0)) == [4, 9, 1, 0, 7, 3, 5, 2, 8, 6]


def test_shuffle_without_seeds_draws_anew() -> None:
    orders = {tuple(numbers(Dataset.range(30).shuffle(30))) for _ in range(3)}
    assert len(orders) == 3


def test_repeat_then_shuffle_mixes_the_epochs() -> None:
    tf.random.set_seed(7)
    ds = Dataset.range(10).repeat(2).shuffle(5, seed=1)
    assert numbers(ds) == [0, 3, 2, 4, 6, 9, 0, 8, 7, 1, 3, 4, 1, 7, 5, 6, 9, 2, 8, 5]


@pytest.mark.parametrize("buffer", [1, 3, 7, 40])
@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_the_order_of_elements_is_that_of_their_row_numbers(buffer: int, size: int) -> None:
    rows = np.arange(3 * size).reshape(size, 3)
    by_number = Dataset.from_tensor_slices(rows).shuffle(buffer, seed=5)
    by_element = Dataset.from_tensor_slices(rows).map(lambda x: x).shuffle(buffer, seed=5)
    for _ in range(2):
        one = [x.tolist() for x in by_number]
        assert one == [x.tolist() for x in by_element]
        assert sorted(one) == rows.tolist()


@pytest.mark.parametrize(
    ("made", "expected", "count"),
    [
        (lambda r: r(5).take(3), [0, 1, 2], 3),
        (lambda r: r(5).take(-1), [0, 1, 2, 3, 4], 5),
        (lambda r: r(5).take(0), [], 0),
        (lambda r: r(5).take(9), [0, 1, 2, 3, 4], 5),
        (lambda r: r(5).skip(3), [3, 4], 2),
        (lambda r: r(5).skip(9), [], 0),
        (lambda r: r(5).skip(-1), [], 0),
        (lambda r: r(3).repeat(2), [0, 1, 2, 0, 1, 2], 6),
        (lambda r: r(3).repeat(0), [], 0),
        (lambda r: r(3).repeat().take(4), [0, 1, 2, 0], 4),
        (lambda r: r(0).repeat(), [], 0),
        (lambda r: r(7).shard(3, 1), [1, 4], 2),
        (lambda r: r(7).shard(3, 0).skip(1), [3, 6], 2),
        (lambda r: r(2).concatenate(r(3)), [0, 1, 0, 1, 2], 5),
        (lambda r: r(2).concatenate(r(3)).skip(3), [1, 2], 2),
        (lambda r: r(3).repeat(3).skip(7), [1, 2], 2),
        (lambda r: r(3).repeat().skip(100).take(2), [1, 2], 2),
        (lambda r: r(10).shard(2, 1).repeat(2).skip(6).shard(2, 0), [3, 7], 2),
    ],
)
def test_chosen_elements(made: Any, expected: list[int], count: int) -> None:
    for source in (Dataset.range, lambda n: Dataset.range(n).map(lambda x: x)):
        ds = made(source)
        assert numbers(ds) == expected
        assert int(ds.cardinality()) == len(ds) == count


def test_zip_ends_with_the_shortest_and_keeps_the_structure() -> None:
    ds = Dataset.zip({"a": Dataset.range(3), "b": (Dataset.range(5, 9), Dataset.range(4))})
    assert list(ds.as_numpy_iterator()) == [{"a": i, "b": (5 + i, i)} for i in range(3)]
    assert len(ds) == 3
    pairs = Dataset.zip(Dataset.range(3).map(lambda x: x + 1), Dataset.range(9)).batch(2)
    assert [[x.tolist() for x in pair] for pair in pairs] == [[[1, 2], [0, 1]], [[3], [2]]]


def test_arrays_that_are_zipped_shuffle_by_their_row_numbers() -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    rows = Dataset.from_tensor_slices
    zipped = Dataset.zip((rows(x), rows({"y": y}))).shuffle(10, seed=2)
    together = rows((x, {"y": y})).shuffle(10, seed=2)
    assert [(a.tolist(), int(b["y"])) for a, b in zipped] == [
        (a.tolist(), int(b["y"])) for a, b in together
    ]


def test_enumerate_counts_from_a_start() -> None:
    ds = Dataset.from_tensor_slices([7, 8]).enumerate(start=3)
    assert list(ds.as_numpy_iterator()) == [(3, 7), (4, 8)]
    assert len(ds) == 2


def test_lengths_that_are_not_known_are_type_errors() -> None:
    with pytest.raises(TypeError, match=r"The dataset is infinite\."):
        len(Dataset.range(3).repeat())
    with pytest.raises(TypeError, match=r"The dataset length is unknown\."):
        len(Dataset.range(3).filter(lambda x: x > 0))
    assert bool(Dataset.range(0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda r: r.shuffle(0), "buffer_size is at least 1, not 0"),
        (lambda r: r.batch(0), "batch_size is at least 1, not 0"),
        (lambda r: r.shard(2, 2), "index is from 0 to below num_shards"),
        (lambda r: r.take(1.5), "take: count is an integer"),
        (lambda r: r.map(3), "map takes a function, not int"),
        (lambda r: r.shuffle(2, seed="a"), "a seed is an integer or None"),
        (lambda r: tf.data.Dataset(), "make a dataset with"),
    ],
)
def test_wrong_arguments_are_refused_when_they_are_given(wrong: Any, message: str) -> None:
    with pytest.raises(tf.errors.ArgumentError, match=message):
        wrong(Dataset.range(3))
