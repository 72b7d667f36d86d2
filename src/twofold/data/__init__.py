"""``tf.data``: datasets, with TensorFlow's names and meaning."""

from __future__ import annotations

from . import experimental
from .dataset import Dataset
from .iterator import DatasetIterator as Iterator
from .node import INFINITE as INFINITE_CARDINALITY
from .node import UNKNOWN as UNKNOWN_CARDINALITY
from .options import Options
from .prefetch import AUTOTUNE
from .readers import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from .spec import DatasetSpec

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "DatasetSpec",
    "FixedLengthRecordDataset",
    "Iterator",
    "Options",
    "TFRecordDataset",
    "TextLineDataset",
    "experimental",
]
