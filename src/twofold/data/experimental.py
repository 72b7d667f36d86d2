"""``tf.data.experimental``: names that TensorFlow has there."""

from __future__ import annotations

from .node import INFINITE as INFINITE_CARDINALITY
from .node import UNKNOWN as UNKNOWN_CARDINALITY
from .prefetch import AUTOTUNE
from .readers import CsvDataset, assert_cardinality, make_csv_dataset

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "CsvDataset",
    "assert_cardinality",
    "cardinality",
    "make_csv_dataset",
]


def cardinality(dataset: object) -> object:
    """The number of elements of a dataset, as ``dataset.cardinality()`` says it."""
    return dataset.cardinality()  # type: ignore[attr-defined]
