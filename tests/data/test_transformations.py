"""Transformations that join, group and nest elements. Expected values are TensorFlow 2.21's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

Dataset = tf.data.Dataset


def plain(element: Any) -> Any:
    if isinstance(element, tuple):
        return tuple(plain(part) for part in element)
    return element.tolist()


def elements(ds: Any) -> list[Any]:
    return [plain(x) for x in ds]


def windows(ds: Any) -> list[list[int]]:
    return [[int(x) for x in w] for w in ds]


def growing() -> Any:
    return Dataset.from_generator(
        lambda: (list(range(i)) for i in range(5)),
        output_signature=tf.TensorSpec((None,), tf.int32),
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((3,), [[0, 1, 2], [3, 4, 5], [6]]),
        ((3, 1), [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6], [6]]),
        ((3, 1, 1, True), [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]]),
        ((3, 1, 2, True), [[0, 2, 4], [1, 3, 5], [2, 4, 6]]),
        ((3, 2, 2), [[0, 2, 4], [2, 4, 6], [4, 6], [6]]),
        ((2, 4), [[0, 1], [4, 5]]),
    ],
)
def test_window(arguments: Any, expected: Any) -> None:
    ds = Dataset.range(7).window(*arguments)
    assert windows(ds) == expected
    assert len(ds) == len(expected)
    assert windows(ds.skip(1)) == expected[1:]


def test_a_window_of_a_structure_is_a_structure_of_windows() -> None:
    ds = Dataset.from_tensor_slices({"a": [1, 2, 3], "b": [3, 4, 5]}).window(2)
    first = next(iter(ds))
    assert [int(x) for x in first["a"]] == [1, 2] and [int(x) for x in first["b"]] == [3, 4]
    assert ds.element_spec["a"] == tf.data.DatasetSpec(tf.TensorSpec((), tf.int32))
    joined = Dataset.range(6).window(3, 1, drop_remainder=True).flat_map(lambda w: w.batch(3))
    assert elements(joined) == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]


def test_padded_batch() -> None:
    ds = growing().padded_batch(2)
    assert elements(ds) == [[[0], [0]], [[0, 1, 0], [0, 1, 2]], [[0, 1, 2, 3]]]
    assert ds.element_spec == tf.TensorSpec((None, None), tf.int32)
    fixed = growing().padded_batch(2, padded_shapes=[5], padding_values=-1, drop_remainder=True)
    assert elements(fixed)[1] == [[0, 1, -1, -1, -1], [0, 1, 2, -1, -1]]
    assert fixed.element_spec == tf.TensorSpec((2, 5), tf.int32)
    pairs = Dataset.zip((growing(), Dataset.range(5))).padded_batch(
        3, ([None], []), (7, np.int64(0))
    )
    assert elements(pairs)[0] == ([[7, 7], [0, 7], [0, 1]], [0, 1, 2])
    with pytest.raises(
        tf.errors.ShapeError, match="3 along axis 0, more than the 1 of padded_shapes"
    ):
        list(growing().skip(2).padded_batch(2, padded_shapes=[1]))


def test_rebatch_and_unbatch() -> None:
    ds = Dataset.range(8).batch(4)
    assert elements(ds.rebatch(3)) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert elements(ds.rebatch([3, 1, 2])) == [[0, 1, 2], [3], [4, 5], [6, 7]]
    assert elements(ds.rebatch([3, 1, 2], drop_remainder=True)) == [[0, 1, 2], [3], [4, 5]]
    assert ds.rebatch(3, drop_remainder=True).element_spec == tf.TensorSpec((3,), tf.int64)
    assert int(ds.rebatch(3).cardinality()) == tf.data.UNKNOWN_CARDINALITY
    assert len(Dataset.range(8).batch(4, drop_remainder=True).unbatch()) == 8


def test_group_by_window() -> None:
    ds = Dataset.range(10)
    groups = ds.group_by_window(lambda x: x % 2, lambda key, group: group.batch(3), window_size=3)
    assert elements(groups) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
    sized = ds.group_by_window(
        lambda x: x % 2, lambda key, group: group.batch(10), window_size_func=lambda key: key + 2
    )
    assert elements(sized) == [[0, 2], [1, 3, 5], [4, 6], [8], [7, 9]]


def test_bucket_by_sequence_length() -> None:
    ds = growing().bucket_by_sequence_length(lambda x: x.shape[0], [2, 4], [2, 2, 2])
    assert elements(ds) == [[[0], [0]], [[0, 1, 0], [0, 1, 2]], [[0, 1, 2, 3]]]
    bounded = (
        growing()
        .take(4)
        .bucket_by_sequence_length(
            lambda x: x.shape[0], [2, 4], [2, 2, 2], pad_to_bucket_boundary=True, padding_values=9
        )
    )
    assert elements(bounded) == [[[9], [0]], [[0, 1, 9], [0, 1, 2]]]


def test_the_spec_of_buckets_is_that_of_all() -> None:
    ds = growing().bucket_by_sequence_length(
        lambda x: x.shape[0], [2, 6], [2, 2, 2], pad_to_bucket_boundary=True
    )
    assert ds.element_spec.shape == (None, None)
    assert {x.shape[1] for x in ds} == {1, 5}


def test_flat_map_and_interleave() -> None:
    assert elements(Dataset.range(3).flat_map(lambda x: Dataset.range(x + 1))) == [0, 0, 1, 0, 1, 2]

    def thrice(x: Any) -> Any:
        return Dataset.from_tensors(x).repeat(3)

    ds = Dataset.range(4)
    two = [0, 0, 1, 1, 0, 1, 2, 2, 3, 3, 2, 3]
    assert elements(ds.interleave(thrice, cycle_length=2, block_length=2)) == two
    one = [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3]
    assert elements(ds.interleave(thrice, cycle_length=2)) == one
    assert elements(ds.interleave(thrice, cycle_length=2, num_parallel_calls=2)) == one
    ranges = Dataset.range(5).interleave(lambda x: Dataset.range(x), cycle_length=3)
    assert elements(ranges) == [0, 0, 0, 1, 1, 0, 2, 1, 2, 3]
    with pytest.raises(tf.errors.ReturnTypeError, match="returns a dataset, .* returned Tensor"):
        list(ds.flat_map(lambda x: x))


def test_scan_carries_a_state() -> None:
    ds = Dataset.range(5).scan(np.int64(10), lambda s, x: (s + x, (s, x)))
    assert elements(ds) == [(10, 0), (10, 1), (11, 2), (13, 3), (16, 4)]
    assert ds.element_spec == (tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.int64))
    with pytest.raises(tf.errors.ReturnTypeError, match="a pair"):
        list(Dataset.range(2).scan(np.int64(0), lambda s, x: s))
    with pytest.raises(tf.errors.DTypeError, match="the state is int32, the function made int64"):
        list(Dataset.range(2).scan(0, lambda s, x: (x, x)))


def test_unique_keeps_the_first() -> None:
    assert elements(Dataset.from_tensor_slices([1, 3, 1, 2, 3]).unique()) == [1, 3, 2]
    assert elements(Dataset.from_tensor_slices([[1, 2], [1, 2], [2, 1]]).unique()) == [
        [1, 2],
        [2, 1],
    ]
    texts = Dataset.from_tensor_slices(["a", "b", "a"]).unique()
    assert list(texts.as_numpy_iterator()) == [b"a", b"b"]


def test_choices_and_samples() -> None:
    a, b = Dataset.range(5), Dataset.range(10, 15)

    def chosen(numbers: list[int], **options: Any) -> list[int]:
        which = Dataset.from_tensor_slices(np.array(numbers))
        return elements(Dataset.choose_from_datasets([a, b], which, **options))

    assert chosen([0, 1, 1, 0, 0, 0, 0, 0, 1, 1]) == [0, 10, 11, 1, 2, 3, 4]
    assert chosen([0] * 7 + [1] * 3, stop_on_empty_dataset=False) == [0, 1, 2, 3, 4, 10, 11, 12]
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="2 was chosen of 2 datasets"):
        chosen([0, 2])
    with pytest.raises(tf.errors.DTypeError, match="differ in structure or dtype"):
        Dataset.choose_from_datasets([a, Dataset.from_tensors(1.5)], Dataset.range(2))


def test_samples_are_tensorflows() -> None:
    """The numbers are those that TensorFlow 2.21 gave."""
    a, b, c = Dataset.range(10), Dataset.range(100, 110), Dataset.range(1000, 1010)
    sample = Dataset.sample_from_datasets
    first = [1000, 0, 1, 2, 3, 4, 1001, 1002, 100, 5, 1003, 6, 101, 102, 7, 103, 8, 104, 105, 1004]
    assert elements(sample([a, b, c], seed=1).take(20)) == first
    assert sorted(elements(sample([a, b, c], seed=1))) == elements(a.concatenate(b).concatenate(c))
    shares = sample([a, b, c], [0.5, 0.3, 0.2], seed=5, stop_on_empty_dataset=True)
    stopped = [0, 1, 2, 1000, 1001, 3, 100, 101, 4, 5, 6, 102, 103, 104, 105, 106, 107, 7, 108, 109, 8, 9]  # fmt: skip
    assert elements(shares) == elements(shares) == stopped
    again = sample([a, b, c], [0.5, 0.3, 0.2], seed=5, rerandomize_each_iteration=True).take(8)
    assert elements(again) == [0, 1000, 1001, 1, 2, 3, 100, 101]
    assert elements(again) == [1000, 1001, 0, 1, 1002, 1003, 1004, 2]
    moving = Dataset.from_tensor_slices(np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], "f4"))
    moved = sample([a, b], moving.repeat(), seed=4).take(8)
    assert elements(moved) == [100, 101, 0, 102, 103, 1, 104, 2]
    assert elements(sample([a, b, c], [0.2, 0.0, 0.8], seed=3).skip(8).take(3)) == [1008, 0, 1009]
    for count, weights in ((2, [1.0]), (2, [0.0, 0.0]), (2, [-1.0, 2.0]), (0, None)):
        with pytest.raises(tf.errors.ArgumentError, match="one for each dataset"):
            sample([a, b][:count], weights)


def test_samples_go_on_from_a_state() -> None:
    ds = Dataset.sample_from_datasets([Dataset.range(50), Dataset.range(100, 150)], seed=2)
    it = iter(ds)
    for _ in range(30):
        next(it)
    again = iter(ds)
    again.set_state(it.get_state())
    assert [int(x) for x in it] == [int(x) for x in again]


def test_random_numbers_are_tensorflows() -> None:
    assert elements(Dataset.random(seed=4).take(3)) == [3128586565, 2023892699, 452966358]
    again = Dataset.random(seed=4, rerandomize_each_iteration=True).take(3)
    assert elements(again) == [1905554911, 4215726141, 1283758208]
    assert elements(again) == [1683472663, 2279948892, 2709632186]
    assert elements(Dataset.counter(2, 3).take(3)) == [2, 5, 8]


def test_errors_are_ignored_where_that_is_asked_for() -> None:
    def inverse(x: Any) -> Any:
        return 6 // int(x)

    ds = Dataset.range(-2, 3).map(inverse)
    assert elements(ds.ignore_errors()) == [-3, -6, 6, 3]
    assert elements(ds.batch(2).ignore_errors()) == [[-3, -6], [6, 3]]


def test_a_whole_pass_fills_a_cache() -> None:
    calls: list[int] = []

    def counted(x: Any) -> Any:
        calls.append(int(x.numpy()))
        return np.asarray(x)

    ds = Dataset.range(4).map(counted).cache()
    assert elements(ds.take(2)) == [0, 1]
    assert elements(ds) == elements(ds) == [0, 1, 2, 3]
    assert calls == [0, 1, 0, 1, 2, 3]
    assert sorted(elements(ds.shuffle(4).repeat(2))) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(calls) == 6
    assert elements(Dataset.range(0).cache().repeat()) == []


def test_a_cache_keeps_the_order_of_its_first_pass() -> None:
    ds = Dataset.range(20).shuffle(20, seed=1).cache()
    assert elements(ds) == elements(ds)


def test_concatenated_datasets_have_one_structure() -> None:
    ds = Dataset.from_tensors([1, 2]).concatenate(Dataset.from_tensors([1]))
    assert ds.element_spec == tf.TensorSpec((None,), tf.int32)
    with pytest.raises(tf.errors.DTypeError, match="differ in structure or dtype"):
        Dataset.range(2).concatenate(Dataset.from_tensors([1.0]))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * 2 + 1,
        lambda x, y: (y, {"sum": tf.reduce_sum(x, axis=0), "both": x + y}),
        lambda x, y: tf.transpose(tf.reshape(x, (3, 2))) / tf.reduce_max(x),
        lambda x, y: (tf.cast(y, tf.float32), tf.constant([1, 2]), x[..., None]),
        lambda x, y: tf.where(x > 0, x, tf.cast(y, tf.float32)),
        lambda x, y: tf.sort(x),
        lambda x, y: x if y > 3 else -x,
    ],
)
def test_a_function_on_a_block_is_that_on_each_element(function: Any) -> None:
    x = np.random.default_rng(1).standard_normal((7, 6)).astype("f4")
    ds = Dataset.from_tensor_slices((x, np.arange(7)))
    by_block = ds.map(function).batch(7)
    by_element = [function(a, b) for a, b in ds]
    for at, column in enumerate(_flat(next(iter(by_block)))):
        for i, element in enumerate(by_element):
            np.testing.assert_allclose(column[i], _flat(element)[at], rtol=1e-6)


def _flat(element: Any) -> list[Any]:
    if isinstance(element, tuple):
        return [x for part in element for x in _flat(part)]
    if isinstance(element, dict):
        return [x for part in element.values() for x in _flat(part)]
    return [np.asarray(element)]


def test_an_error_in_a_block_is_that_of_its_element() -> None:
    ds = Dataset.range(-2, 3).map(lambda x: 6 // x)
    batch = iter(ds.batch(5))
    with pytest.raises(tf.errors.IntegerDivisionError) as raised:
        next(batch)
    assert "element 2" in raised.value.__notes__[0]
    assert elements(ds.batch(2).ignore_errors()) == [[-3, -6], [6, 3]]


def test_a_changed_global_changes_a_map_and_a_variable_is_read_for_each_element() -> None:
    scale = tf.Variable(1.0)
    ds = Dataset.from_tensor_slices([1.0, 2.0, 3.0]).map(lambda x: x * scale)
    found = []
    for x in ds:
        found.append(float(x))
        scale.assign(10.0)
    assert found == [1.0, 20.0, 30.0]


def test_groups_have_the_spec_of_the_elements() -> None:
    """A bucket of one length is padded to its boundary, too, as in TensorFlow 2.21."""
    texts = [[0], [1, 2, 3, 4], [5, 6, 7], [21, 22]]
    signature = tf.TensorSpec((None,), tf.int64)
    ds = Dataset.from_generator(lambda: iter(texts), output_signature=signature)
    padded = ds.bucket_by_sequence_length(
        lambda x: tf.shape(x)[0], [4, 7], [2, 2, 2], pad_to_bucket_boundary=True
    )
    wanted = [[[0, 0, 0], [5, 6, 7]], [[21, 22, 0]], [[1, 2, 3, 4, 0, 0]]]
    assert elements(padded) == wanted
    groups = Dataset.range(10).group_by_window(lambda x: x % 2, lambda _, g: g.batch(3), 3)
    assert groups.element_spec.shape == (None,)
