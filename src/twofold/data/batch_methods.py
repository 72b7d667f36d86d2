"""Methods of datasets that join elements to batches, and take batches apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .batching import Batch, Unbatch
from .fluent import Fluent, count_of

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["BatchMethods"]


class BatchMethods(Fluent):
    """``batch`` and its like."""

    def batch(
        self, batch_size: Any, drop_remainder: bool = False, num_parallel_calls: Any = None,
        deterministic: bool | None = None, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """``batch_size`` consecutive elements as one, along a new first axis.

        The last batch is smaller where elements are left over, and dropped with
        ``drop_remainder``. The other parameters are accepted: a batch of rows is one copy.
        Raises ShapeError for elements of different shapes, which ``padded_batch`` takes.

        >>> import twofold as tf
        >>> [x.tolist() for x in tf.data.Dataset.range(5).batch(2)]
        [[0, 1], [2, 3], [4]]
        """
        size = count_of(batch_size, "batch: batch_size")
        return self._over(Batch(self._node, size, bool(drop_remainder)))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of every element. Raises ShapeError for elements without axes.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(5).batch(2).unbatch()]
        [0, 1, 2, 3, 4]
        """
        return self._over(Unbatch(self._node))
