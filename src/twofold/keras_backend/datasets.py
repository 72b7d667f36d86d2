"""``fit(dataset)``: a ``tf.data.Dataset`` as a source of batches for Keras.

Keras takes any instance of its ``DataAdapter`` as it is.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import tree
from keras.src.trainers.data_adapters import data_adapter, data_adapter_utils

from twofold.data import Dataset
from twofold.ir.errors import ArgumentError
from twofold.runtime.tensor import Tensor

__all__ = ["DatasetAdapter", "adapted", "size_of_batch"]


class DatasetAdapter(data_adapter.DataAdapter):
    """Batches of a dataset, which is iterated anew in each epoch."""

    def __init__(self, dataset: Dataset, class_weight: Any = None) -> None:
        self.dataset, self.class_weight = dataset, class_weight
        self.seen = False

    def get_numpy_iterator(self) -> Iterator[Any]:
        """The batches, as tensors."""
        batches = self._batches()
        return batches if self.class_weight is None else map(self._weighted, batches)

    def _batches(self) -> Iterator[Any]:
        for batch in self.dataset:
            self.seen = True
            yield batch
        if not self.seen:
            raise ArgumentError(
                f"{self.dataset!r} gives no batch: what it is made of is empty, or a filter, take "
                f"or drop_remainder leaves nothing"
            )

    def _weighted(self, batch: Any) -> Any:
        x, y, weights = data_adapter_utils.unpack_x_y_sample_weight(batch)
        if y is None or weights is not None:
            raise ValueError(
                "class_weight is for datasets of (x, y): without y there are no classes, and "
                "sample weights in the dataset say the weights already"
            )
        of_classes = data_adapter_utils.class_weight_to_sample_weights
        return x, y, of_classes(np.asarray(y), self.class_weight)

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None if it is infinite or not known."""
        count = int(self.dataset.cardinality())
        return None if count < 0 else count

    @property
    def batch_size(self) -> int | None:
        """Not known: the dataset makes the batches."""
        return None

    @property
    def has_partial_batch(self) -> bool | None:
        """Not known."""
        return None

    @property
    def partial_batch_size(self) -> int | None:
        """Not known."""
        return None


def adapted(x: Any, y: Any, sample_weight: Any, class_weight: Any = None) -> Any:
    """What Keras gets for ``x``: an adapter for a dataset, and anything else as it is.

    Raises ValueError for targets or sample weights beside a dataset, as Keras does, and
    ArgumentError for arrays without rows.
    """
    if not isinstance(x, Dataset):
        arrays = [a for a in tree.flatten(x) if isinstance(a, Tensor | np.ndarray)]
        if any(a.shape[:1] == (0,) for a in arrays):
            raise ArgumentError("x has no rows: there is no batch to train on, or to predict for")
        return x
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        if given is not None:
            raise ValueError(
                f"When providing `x` as a tf.data.Dataset, `{name}` should not be passed. Instead, "
                f"it should be included as part of the tf.data.Dataset."
            )
    return DatasetAdapter(x, class_weight)


def size_of_batch(given: Any, name: str = "batch_size") -> int | None:
    """The size of a batch that was asked for, None where it was not. Raises ArgumentError unless it
    is a positive integer: Keras takes 0 for 32, and makes no step at all of a negative one."""
    if given is None:
        return None
    if isinstance(given, bool) or not hasattr(type(given), "__index__") or given < 1:
        raise ArgumentError(f"{name} is an integer from 1, not {given!r}")
    return operator.index(given)
