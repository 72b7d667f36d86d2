"""Elements: sources, structures, functions on elements, batches."""

from __future__ import annotations

import collections
import doctest
import pickle
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold import data

Dataset = tf.data.Dataset
Point = collections.namedtuple("Point", ["x", "y"])


def test_slices_keep_their_structure() -> None:
    ds = Dataset.from_tensor_slices((Point([1, 2], [[0.5], [1.5]]), {"k": np.arange(2)}))
    first, second = ds
    assert isinstance(first[0], Point) and first[0].y.tolist() == [0.5]
    assert second[1]["k"].dtype == np.int64 and int(second[0].x) == 2
    assert ds.element_spec == (
        Point(tf.TensorSpec((), tf.int32), tf.TensorSpec((1,), tf.float32)),
        {"k": tf.TensorSpec((), tf.int64)},
    )


def test_an_array_that_may_change_is_copied() -> None:
    array = np.arange(3)
    ds = Dataset.from_tensor_slices(array)
    array[0] = 9
    assert [int(x) for x in ds] == [0, 1, 2]


def test_a_memory_map_stays_on_the_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(6).reshape(3, 2))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    ds = Dataset.from_tensor_slices(rows).batch(2)
    assert np.shares_memory(next(iter(ds)).array, rows)
    assert [x.tolist() for x in ds] == [[[0, 1], [2, 3]], [[4, 5]]]


def test_writing_to_an_element_changes_it_alone() -> None:
    ds = Dataset.from_tensor_slices(np.zeros((4, 2), np.float32)).batch(2)
    for x in ds:
        x[0, 0] = 5.0
    for x in ds.as_numpy_iterator():
        assert not x.any()
        x[:] = 7.0
    assert all(not x.numpy().any() for x in ds)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dataset.from_tensor_slices(5), "ShapeError", "a scalar has no rows"),
        (
            lambda: Dataset.from_tensor_slices(([1, 2], [1])),
            "ShapeError",
            r"\[0\] has 2, \[1\] has 1",
        ),
        (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), "ConversionError", "not rectangular"),
        (lambda: Dataset.from_tensor_slices([object()]), "ConversionError", "from_tensor_slices"),
        (lambda: Dataset.from_generator([1], output_types=tf.int32), "ArgumentError", "generator"),
        (lambda: Dataset.from_generator(list), "ArgumentError", "output_signature"),
        (lambda: Dataset.zip(3), "ArgumentError", "zip takes a dataset, not int"),
    ],
)
def test_sources_refuse_what_has_no_rows(make: Any, error: str, message: str) -> None:
    with pytest.raises(getattr(tf.errors, error), match=message):
        make()


def test_a_generator_is_called_for_each_iteration_with_its_arguments() -> None:
    def count(limit: Any) -> Any:
        yield from range(int(limit))

    ds = Dataset.from_generator(count, args=(3,), output_signature=tf.TensorSpec((), tf.float32))
    for _ in range(2):
        assert [x.numpy() for x in ds] == [0.0, 1.0, 2.0]
    assert int(ds.cardinality()) == tf.data.UNKNOWN_CARDINALITY


def test_a_generator_is_asked_for_no_more_than_is_used() -> None:
    made: list[int] = []

    def count() -> Any:
        for i in range(9):
            made.append(i)
            yield i

    ds = Dataset.from_generator(count, output_types=tf.int32)
    assert [x.tolist() for x in ds.batch(2).take(2)] == [[0, 1], [2, 3]]
    assert made == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("a", "ConversionError", "is not int32"),
        ([1, 2], "ShapeError", r"an element of shape \(2,\) where \(\) was declared"),
        ((1, 2), "ShapeError", "declared"),
        (1.5, "ConversionError", "without loss"),
    ],
)
def test_a_generator_that_yields_what_was_not_declared(
    value: Any, error: str, message: str
) -> None:
    ds = Dataset.from_generator(
        lambda: iter([1, value]), output_signature=tf.TensorSpec((), tf.int32)
    )
    elements = iter(ds)
    assert int(next(elements)) == 1
    with pytest.raises(getattr(tf.errors, error), match=message) as raised:
        next(elements)
    assert "element 1" in raised.value.__notes__[0]


def test_a_generator_that_raises_ends_the_dataset() -> None:
    def fails() -> Any:
        yield 1
        raise OSError("gone")

    elements = iter(Dataset.from_generator(fails, output_types=tf.int32))
    assert int(next(elements)) == 1
    with pytest.raises(OSError, match="gone"):
        next(elements)
    assert list(elements) == []


def test_an_array_that_is_filled_anew_for_each_element_is_copied() -> None:
    buffer = np.zeros(2, np.int32)

    def fill() -> Any:
        for i in range(4):
            buffer[:] = i
            yield buffer

    ds = Dataset.from_generator(fill, output_signature=tf.TensorSpec((2,), tf.int32))
    assert next(iter(ds.batch(4))).tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]

    def filled(x: Any) -> Any:
        buffer[:] = int(x.numpy())
        return buffer

    assert [x.tolist() for x in Dataset.range(2).map(filled).batch(2)] == [[[0, 0], [1, 1]]]


def test_map_gives_several_arguments_for_a_tuple_and_one_for_the_rest() -> None:
    pairs = Dataset.from_tensor_slices(([1, 2], [3, 4]))
    assert [int(x) for x in pairs.map(lambda a, b: a * b)] == [3, 8]
    named = Dataset.from_tensor_slices({"a": [1, 2]})
    assert [int(x) for x in named.map(lambda e: e["a"] + 1)] == [2, 3]
    listed = Dataset.range(1).map(lambda x: [x, 2.5])
    assert isinstance(next(iter(listed)), tuple)
    assert listed.element_spec == (tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.float32))


def test_map_decides_by_values_and_knows_its_spec() -> None:
    def bend(x: Any) -> Any:
        if x > 1:
            return x * 10
        return x

    ds = Dataset.range(4).map(bend)
    assert [int(x) for x in ds] == [0, 1, 20, 30]
    assert Dataset.range(6).batch(2).map(lambda x: tf.cast(x[1:], tf.float32)).element_spec == (
        tf.TensorSpec((None,), tf.float32)
    )


def test_what_cannot_be_compiled_runs_as_plain_python_each_time() -> None:
    seen: list[int] = []

    def plainly(x: Any) -> Any:
        seen.append(x.numpy().item())
        return np.float64(np.random.default_rng(0).random()) + float(x)

    ds = Dataset.range(3).map(plainly)
    assert [round(float(x), 2) for x in ds] == [0.64, 1.64, 2.64]
    assert seen == [0, 1, 2]
    assert ds.element_spec == tf.TensorSpec((), tf.float64)


def test_the_text_of_a_dataset_calls_no_function() -> None:
    calls: list[Any] = []
    ds = Dataset.range(3).map(lambda x: calls.append(x.numpy())).batch(2)
    assert repr(ds) == "<_BatchDataset>" and not calls
    assert repr(Dataset.range(3).map(lambda x: x + 1)) == (
        "<_MapDataset element_spec=TensorSpec(shape=(), dtype=int64)>"
    )


def test_filter_takes_one_truth_value() -> None:
    assert [int(x) for x in Dataset.range(6).filter(lambda x: x % 2 == 1)] == [1, 3, 5]
    pairs = Dataset.from_tensor_slices(([1, 2], [True, False])).filter(lambda a, b: b)
    assert [int(a) for a, _ in pairs] == [1]
    with pytest.raises(tf.errors.ConversionError, match="the predicate of filter returns one bool"):
        list(Dataset.range(3).filter(lambda x: x.numpy()))  # plain Python: an element tells
    assert [int(x) for x in Dataset.range(9).take_while(lambda x: x < 2)] == [0, 1]


@pytest.mark.parametrize(
    "predicate",
    [lambda x: x, lambda x: tf.stack([x > 1, x > 2]), lambda x: None, lambda x: (x > 1,)],
)
@pytest.mark.parametrize("name", ["filter", "take_while"])
def test_a_predicate_that_gives_no_bool_is_refused_when_the_pipeline_is_made(
    name: str, predicate: Any
) -> None:
    ds = Dataset.range(3).map(lambda x: x + 1)
    with pytest.raises(
        tf.errors.ConversionError, match=f"the predicate of {name} returns one bool"
    ):
        getattr(ds, name)(predicate)


def test_a_map_that_returns_nothing_is_refused() -> None:
    for function in (lambda x: None, lambda x: (None, None), lambda x: print(end="")):
        ds = Dataset.range(3).map(function)
        for use in (list, lambda ds: ds.element_spec):
            with pytest.raises(tf.errors.ReturnTypeError, match="which has no tensor"):
                use(ds)
    assert [b for _, b in Dataset.range(2).map(lambda x: (x, None))] == [None, None]


def test_none_among_slices_is_none_in_each_element() -> None:
    ds = Dataset.from_tensor_slices((np.arange(4), None)).shuffle(4, seed=1).batch(3)
    assert [(x.shape, none) for x, none in ds] == [((3,), None), ((1,), None)]
    with pytest.raises(tf.errors.ArgumentError, match="at least one tensor"):
        Dataset.from_tensor_slices((None, None))


def test_sizes_that_only_an_element_tells_are_open() -> None:
    ds = Dataset.range(1, 5).map(lambda n: (np.ones(int(n)), np.ones((2, 3)), str(int(n))))
    assert ds.element_spec == (
        tf.TensorSpec((None,), "float64"), tf.TensorSpec((None, None), "float64"),
        tf.TensorSpec((), tf.string),
    )  # fmt: skip
    ones = ds.map(lambda one, *_: one)
    assert [b.shape for b in ones.padded_batch(2)] == [(2, 2), (2, 4)]
    assert ones.padded_batch(2).element_spec == tf.TensorSpec((None, None), "float64")


@pytest.mark.parametrize("calls", [None, 2])
def test_sizes_that_a_python_function_says_are_known(calls: int | None) -> None:
    def made(n: Any) -> Any:
        found = tf.numpy_function(lambda n: np.ones((n, 3), np.float32), [n], tf.float32)
        found.set_shape([None, 3])
        label = tf.py_function(lambda n: n * 2, [n], tf.int64)
        return found, tf.ensure_shape(label, []), tf.ensure_shape(np.zeros(4), [4])

    ds = Dataset.range(3).map(made, num_parallel_calls=calls)
    assert ds.element_spec == (
        tf.TensorSpec((None, 3)), tf.TensorSpec((), tf.int64), tf.TensorSpec((4,), "float64"),
    )  # fmt: skip
    assert [x.shape for x, _, _ in ds] == [(0, 3), (1, 3), (2, 3)]
    batch = next(iter(ds.padded_batch(3)))
    assert [x.shape for x in batch] == [(3, 2, 3), (3,), (3, 4)]


def fails_at_two(x: Any) -> Any:
    if x.numpy() == 2:
        raise KeyError("two")
    return x


@pytest.mark.parametrize("calls", [None, 2])
def test_an_error_in_a_map_comes_at_its_place_and_shows_the_line(calls: int | None) -> None:
    elements = iter(Dataset.range(4).map(fails_at_two, num_parallel_calls=calls))
    assert [int(next(elements)), int(next(elements))] == [0, 1]
    with pytest.raises(KeyError, match="two") as raised:
        next(elements)
    text = "".join(traceback.format_exception(raised.value))
    assert 'raise KeyError("two")' in text and "in fails_at_two" in text
    assert "element 2" in text and "Dataset.map at" in text
    assert int(next(elements)) == 3
    assert list(elements) == []


def test_a_failing_element_takes_its_batch_with_it() -> None:
    elements = iter(Dataset.range(6).map(fails_at_two).batch(2))
    assert next(elements).tolist() == [0, 1]
    with pytest.raises(KeyError):
        next(elements)
    assert [x.tolist() for x in elements] == [[3, 4], [5]]


def test_a_result_that_is_no_element_is_refused() -> None:
    with pytest.raises(tf.errors.ReturnTypeError, match="returned object"):
        list(Dataset.range(1).map(lambda x: object()))


def test_batches() -> None:
    ds = Dataset.range(5)
    assert [x.tolist() for x in ds.batch(2)] == [[0, 1], [2, 3], [4]]
    assert [x.tolist() for x in ds.batch(2, drop_remainder=True)] == [[0, 1], [2, 3]]
    assert [len(ds.batch(2)), len(ds.batch(2, drop_remainder=True))] == [3, 2]
    assert ds.batch(2).element_spec == tf.TensorSpec((None,), tf.int64)
    assert ds.batch(2, drop_remainder=True).element_spec == tf.TensorSpec((2,), tf.int64)
    assert [x.tolist() for x in ds.batch(2).batch(2)][0] == [[0, 1], [2, 3]]
    assert [int(x) for x in ds.batch(3).unbatch().batch(2).unbatch()] == [0, 1, 2, 3, 4]


def test_unequal_shapes_do_not_make_a_batch() -> None:
    ds = Dataset.range(1, 4).map(lambda n: np.zeros(int(n.numpy()))).batch(2)
    with pytest.raises(
        tf.errors.ShapeError, match=r"element 1 .* \(2,\), element 0 has \(1,\); padded"
    ):
        next(iter(ds))


def test_reduce_folds_from_the_first_element_on() -> None:
    total, count = Dataset.range(5).reduce(
        (np.int64(0), 0), lambda state, x: (state[0] + x, state[1] + 1)
    )
    assert (int(total), int(count)) == (10, 5)
    with pytest.raises(
        tf.errors.DTypeError, match="the state is int32 and the function returned int64"
    ):
        Dataset.range(5).reduce(0, lambda state, x: x)
    with pytest.raises(tf.errors.ArgumentError, match="structure"):
        Dataset.range(5).reduce(0, lambda state, x: (state, x))


def test_texts_are_bytes_as_in_tensorflow() -> None:
    ds = Dataset.from_tensor_slices((["one", "zwei"], [1, 2]))
    assert [(a.numpy(), int(b)) for a, b in ds] == [(b"one", 1), (b"zwei", 2)]
    lengths = ds.map(lambda text, _: len(text.numpy()))
    assert [int(x) for x in lengths] == [3, 4]
    (batch, _), *rest = ds.batch(2).as_numpy_iterator()
    assert batch.tolist() == [b"one", b"zwei"] and not rest


def test_data_of_other_libraries_is_indexed() -> None:
    class Squares:
        asked: list[Any] = []

        def __len__(self) -> int:
            return 10

        def __getitem__(self, i: int) -> Any:
            if not 0 <= i < 10:
                raise IndexError(i)
            return {"n": i, "square": np.float32(i * i)}

        def __getitems__(self, rows: list[int]) -> Any:
            self.asked.append(rows)
            return [self[i] for i in rows]

    ds = Dataset.from_indexable(Squares()).shuffle(10, seed=1).batch(4)
    found = [e["n"].tolist() for e in ds]
    assert sorted(n for part in found for n in part) == list(range(10))
    assert [len(rows) for rows in Squares.asked] == [4, 4, 2]
    assert len(ds) == 3


def test_a_dataset_is_pickled_as_its_description() -> None:
    ds = Dataset.range(10).shuffle(5, seed=2).map(fails_at_two).take(1)
    assert [int(x) for x in pickle.loads(pickle.dumps(ds))] == [int(x) for x in ds]


def test_the_end_has_a_name() -> None:
    elements = iter(Dataset.range(1))
    assert int(elements.get_next()) == 0
    with pytest.raises(tf.errors.OutOfRangeError, match="no further element"):
        elements.get_next()


MODULES = [
    "batch_methods", "dataset", "file_sources", "map_methods", "nest", "options", "order_methods",
    "readers", "strings",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_module(name: str) -> None:
    module = __import__(f"{data.__name__}.{name}", fromlist=["x"])
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
