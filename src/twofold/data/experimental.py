"""``tf.data.experimental``: names that TensorFlow has there.

Those that ``Dataset.apply`` takes are the methods of datasets of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dataset import Dataset
from .node import INFINITE as INFINITE_CARDINALITY
from .node import UNKNOWN as UNKNOWN_CARDINALITY
from .optional import Optional
from .prefetch import AUTOTUNE
from .readers import CsvDataset, assert_cardinality, make_csv_dataset

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Counter",
    "CsvDataset",
    "Optional",
    "RandomDataset",
    "assert_cardinality",
    "bucket_by_sequence_length",
    "cardinality",
    "choose_from_datasets",
    "enumerate_dataset",
    "from_list",
    "get_next_as_optional",
    "get_single_element",
    "group_by_window",
    "ignore_errors",
    "load",
    "make_csv_dataset",
    "map_and_batch",
    "parallel_interleave",
    "sample_from_datasets",
    "save",
    "scan",
    "shuffle_and_repeat",
    "snapshot",
    "take_while",
    "unbatch",
    "unique",
]

Apply = Callable[[Any], Any]  # what ``Dataset.apply`` takes

Counter = Dataset.counter
RandomDataset = Dataset.random
choose_from_datasets = Dataset.choose_from_datasets
sample_from_datasets = Dataset.sample_from_datasets
load = Dataset.load


def cardinality(dataset: Any) -> Any:
    """The number of elements of a dataset, as ``dataset.cardinality()`` says it."""
    return dataset.cardinality()


def get_single_element(dataset: Any) -> Any:
    """The only element of a dataset, as ``dataset.get_single_element()`` gives it."""
    return dataset.get_single_element()


def get_next_as_optional(iterator: Any) -> Optional:
    """The next element of an iterator, or that there is none."""
    found: Optional = iterator.get_next_as_optional()
    return found


def save(dataset: Any, path: Any, compression: Any = None, shard_func: Any = None) -> None:
    """Write the elements of a dataset, as ``dataset.save`` does."""
    dataset.save(path, compression, shard_func)


def from_list(elements: Any, name: str | None = None) -> Dataset:
    """A dataset of the elements of a list, of one structure, dtypes and shapes.

    >>> import twofold as tf
    >>> [(int(n), text.numpy()) for n, text in tf.data.experimental.from_list([(1, "a"), (2, "b")])]
    [(1, b'a'), (2, b'b')]
    """
    return Dataset.from_indexable(list(elements))


def _applied(name: str) -> Callable[..., Apply]:
    def make(*args: Any, **kwargs: Any) -> Apply:
        return lambda dataset: getattr(dataset, name)(*args, **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"For ``Dataset.apply``: ``Dataset.{name}`` with these arguments."
    return make


bucket_by_sequence_length = _applied("bucket_by_sequence_length")
group_by_window = _applied("group_by_window")
ignore_errors = _applied("ignore_errors")
scan = _applied("scan")
snapshot = _applied("snapshot")
take_while = _applied("take_while")
unbatch = _applied("unbatch")
unique = _applied("unique")


def enumerate_dataset(start: Any = 0) -> Apply:
    """For ``Dataset.apply``: ``Dataset.enumerate``.

    >>> import twofold as tf
    >>> pairs = tf.data.Dataset.from_tensors(7).apply(tf.data.experimental.enumerate_dataset(3))
    >>> [(int(i), int(x)) for i, x in pairs]
    [(3, 7)]
    """
    return lambda dataset: dataset.enumerate(start)


def parallel_interleave(
    map_func: Callable[..., Any], cycle_length: Any, block_length: Any = 1, sloppy: bool = False,
    buffer_output_elements: Any = None, prefetch_input_elements: Any = None,
) -> Apply:  # fmt: skip
    """For ``Dataset.apply``: ``Dataset.interleave`` with calls made ahead. The order stays."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length, cycle_length)


def map_and_batch(
    map_func: Callable[..., Any], batch_size: Any, num_parallel_batches: Any = None,
    drop_remainder: bool = False, num_parallel_calls: Any = None,
) -> Apply:  # fmt: skip
    """For ``Dataset.apply``: ``Dataset.map``, then ``Dataset.batch``."""
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(
        batch_size, drop_remainder
    )


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Apply:
    """For ``Dataset.apply``: ``Dataset.shuffle``, then ``Dataset.repeat``."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)
