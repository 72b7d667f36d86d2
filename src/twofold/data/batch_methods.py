"""Methods of datasets that join elements to batches, and take batches apart."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.errors import ArgumentError

from . import spec as specs
from .batching import Batch, Unbatch
from .fluent import Fluent, count_of
from .functions import UserFunction
from .grouping import GroupByWindow, Window
from .padding import PaddedBatch, Rebatch, padded_to

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

    def padded_batch(
        self, batch_size: Any, padded_shapes: Any = None, padding_values: Any = None,
        drop_remainder: bool = False, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """Batches of elements that are padded at their ends to one shape.

        ``padded_shapes``: the shape for each tensor, where None or -1 is the largest of the batch;
        by default each size that is not known is. ``padding_values``: 0 by default, and no text.
        Raises ShapeError for an element that is larger.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(1, 4).map(lambda n: tf.ones(n))
        >>> [x.tolist() for x in ds.padded_batch(2, [None])]
        [[[1.0, 0.0], [1.0, 1.0]], [[1.0, 1.0, 1.0]]]
        """
        size = count_of(batch_size, "padded_batch: batch_size")
        whole = bool(drop_remainder)
        return self._over(PaddedBatch(self._node, size, padded_shapes, padding_values, whole))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: Any = None) -> Dataset:
        """Batches of another size, or of several in turn, of the rows of these.

        >>> import twofold as tf
        >>> [x.tolist() for x in tf.data.Dataset.range(6).batch(4).rebatch([1, 2])]
        [[0], [1, 2], [3], [4, 5]]
        """
        given = np.atleast_1d(np.asarray(batch_size)).tolist()
        sizes = [count_of(size, "rebatch: batch_size") for size in given]
        return self._over(Rebatch(self._node, sizes, bool(drop_remainder)))

    def window(
        self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """Datasets of ``size`` elements, ``stride`` apart; one begins every ``shift`` elements.

        ``shift`` is ``size`` by default. An element is a dataset for each tensor of the input's.

        >>> import twofold as tf
        >>> windows = tf.data.Dataset.range(4).window(2, shift=1, drop_remainder=True)
        >>> [[int(x) for x in w] for w in windows]
        [[0, 1], [1, 2], [2, 3]]
        """
        length = count_of(size, "window: size")
        by = length if shift is None else count_of(shift, "window: shift")
        apart = count_of(stride, "window: stride")
        return self._over(Window(self._node, length, by, apart, bool(drop_remainder)))

    def group_by_window(
        self, key_func: Callable[..., Any], reduce_func: Callable[..., Any],
        window_size: Any = None, window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """The elements of ``reduce_func(key, dataset)`` for ``window_size`` elements of one key.

        ``key_func`` gives an integer for an element; ``window_size_func`` a size for a key. What is
        left at the end makes smaller groups, by key. Raises ArgumentError unless one size is given.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(6)
        >>> groups = ds.group_by_window(lambda x: x % 2, lambda key, g: g.batch(2), window_size=2)
        >>> [x.tolist() for x in groups]
        [[0, 2], [1, 3], [4], [5]]
        """
        if (window_size is None) == (window_size_func is None):
            raise ArgumentError("group_by_window takes window_size or window_size_func")
        size = (
            UserFunction(window_size_func, "group_by_window")
            if window_size_func is not None
            else count_of(window_size, "group_by_window: window_size")
        )
        key = UserFunction(key_func, "group_by_window")
        made = UserFunction(reduce_func, "group_by_window", plain=True)
        return self._over(GroupByWindow(self._node, key, made, size))

    def bucket_by_sequence_length(
        self, element_length_func: Callable[..., Any], bucket_boundaries: Any,
        bucket_batch_sizes: Any, padded_shapes: Any = None, padding_values: Any = None,
        pad_to_bucket_boundary: bool = False, no_padding: bool = False,
        drop_remainder: bool = False, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """Padded batches of elements of similar length.

        ``bucket_boundaries``: lengths at which a bucket begins; there is one bucket more than
        boundaries, and a batch size for each. ``pad_to_bucket_boundary`` pads to one less than the
        bucket's upper boundary, above which an element is refused. Raises ArgumentError.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(1, 5).map(lambda n: tf.ones(n))
        >>> batches = ds.bucket_by_sequence_length(lambda x: x.shape[0], [3], [2, 2], [None])
        >>> [x.shape for x in batches]
        [(2, 2), (2, 4)]
        """
        bounds, sizes = list(bucket_boundaries), list(bucket_batch_sizes)
        if len(sizes) != len(bounds) + 1:
            raise ArgumentError(
                f"bucket_by_sequence_length: {len(bounds)} boundaries make {len(bounds) + 1} "
                f"buckets, {len(sizes)} batch sizes are given"
            )

        def key_of(*element: Any) -> Any:
            length = specs.integer(element_length_func(*element), "element_length_func")
            return np.int64(bisect.bisect_right(bounds, length))

        def batch_of(key: Any, group: Any) -> Any:
            bucket = int(key)
            if no_padding:
                return group.batch(sizes[bucket], drop_remainder=drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if bucket == len(bounds):
                    raise ArgumentError(
                        f"bucket_by_sequence_length: an element is as long as the last boundary, "
                        f"{bounds[-1]}, or longer"
                    )
                given = group.element_spec if shapes is None else shapes
                shapes = padded_to(given, bounds[bucket] - 1)
            return group.padded_batch(sizes[bucket], shapes, padding_values, drop_remainder)

        like = (
            Batch(self._node, 1, whole=False) if no_padding
            else PaddedBatch(self._node, 1, padded_shapes, padding_values, whole=False)
        )  # fmt: skip
        what = "bucket_by_sequence_length"
        key = UserFunction(key_of, what)
        made = UserFunction(batch_of, what, plain=True)
        size = UserFunction(lambda key: sizes[int(key)], what)
        return self._over(GroupByWindow(self._node, key, made, size, like))
