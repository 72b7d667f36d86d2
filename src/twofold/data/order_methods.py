"""Methods of datasets that choose, order and combine elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twofold.ir.errors import ArgumentError

from .caching import Cache
from .combining import Concatenate, Zip
from .fluent import Fluent, ahead_of, count_of, name_of, node_of
from .grouping import of_dataset
from .keeping import FileCache, no_compression, save, snapshot_place
from .node import UNKNOWN, Node, Opening
from .ordering import Repeat, Shard, Shuffle, Skip, Take
from .prefetch import Prefetch
from .seeding import seeds_of
from .sources import Range

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["OrderMethods"]

_ENDLESS = 2**62


class OrderMethods(Fluent):
    """``shuffle``, ``take``, ``repeat`` and their like."""

    def shuffle(
        self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """The elements in random order, in TensorFlow's for the same seed.

        Each is drawn from a buffer of ``buffer_size`` elements, which the next one fills; a buffer
        of the dataset's size shuffles it perfectly, and costs nothing where rows are known by
        number. Each iteration has another order unless ``reshuffle_each_iteration`` is False.
        Raises ArgumentError for a buffer below 1 (``UNKNOWN_CARDINALITY`` stands for all elements).

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(10).shuffle(4, seed=3)
        >>> [int(x) for x in ds], [int(x) for x in ds]
        ([0, 3, 2, 1, 4, 7, 6, 5, 8, 9], [0, 4, 1, 2, 5, 3, 6, 8, 9, 7])
        """
        size = count_of(buffer_size, "shuffle: buffer_size")
        if size == UNKNOWN:
            size = _ENDLESS
        at_least(size, 1, "shuffle: buffer_size")
        each = reshuffle_each_iteration is not False
        return self._over(Shuffle(self._node, size, seeds_of(seed), each))

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The dataset ``count`` times; for ever if that is None or -1.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
        """
        times = -1 if count is None else count_of(count, "repeat: count")
        return self._over(Repeat(self._node, times))

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first ``count`` elements; all of them if that is -1.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(9).take(2)]
        [0, 1]
        """
        return self._over(Take(self._node, count_of(count, "take: count")))

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first ``count`` elements; none are left if that is -1.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(4).skip(2)]
        [2, 3]
        """
        return self._over(Skip(self._node, count_of(count, "skip: count")))

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every ``num_shards``-th element, from number ``index`` on. Raises ArgumentError unless
        ``0 <= index < num_shards``.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(7).shard(3, 1)]
        [1, 4]
        """
        of, own = count_of(num_shards, "shard: num_shards"), count_of(index, "shard: index")
        return self._over(Shard(self._node, of, own))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this dataset and then those of another.

        Raises DTypeError where they differ in structure or dtype.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(2).concatenate(tf.data.Dataset.range(2))]
        [0, 1, 0, 1]
        """
        return self._over(Concatenate(self._node, node_of(dataset, "concatenate")))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """Pairs of a number (int64) and an element.

        >>> import twofold as tf
        >>> [int(i) for i, x in tf.data.Dataset.from_tensor_slices([7, 8]).enumerate(start=5)]
        [5, 6]
        """
        first = count_of(start, "enumerate: start")
        numbers: Node = Range(first, first + _ENDLESS)
        return self._over(Zip((numbers, self._node)))

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The same elements; those of the first whole pass are kept, in memory or in a directory.

        A pass that is left before its end keeps nothing. What is kept is known by number: a shuffle
        behind a cache needs no buffer of data from the second pass on. A directory outlives the
        process, and is not asked whether the pipeline is still the one that filled it. Raises
        SaveError where it cannot be written, LoadError where it is damaged.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(3).map(lambda x: x * x).cache()
        >>> [int(x) for x in ds], [int(x) for x in ds]
        ([0, 1, 4], [0, 1, 4])
        """
        place = name_of(filename)
        return self._over(FileCache(self._node, place, "cache") if place else Cache(self._node))

    def snapshot(
        self, path: Any, compression: Any = "AUTO", reader_func: Any = None,
        shard_func: Any = None, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """A cache in a directory of this pipeline's own below ``path``.

        Another pipeline, whose transformations or arguments differ, has another. ``reader_func``
        takes a dataset of datasets and gives the elements; ``shard_func`` is not called.
        """
        no_compression(compression, "snapshot")
        place = snapshot_place(self._node, name_of(path))
        made = self._over(FileCache(self._node, place, "snapshot"))
        return made if reader_func is None else reader_func(self._over(of_dataset(made._node)))

    def save(
        self, path: Any, compression: Any = None, shard_func: Any = None,
        checkpoint_args: Any = None,
    ) -> None:  # fmt: skip
        """Write all elements to a directory, which ``tf.data.Dataset.load`` reads.

        The directory is there whole or not at all; an older one is replaced at the end. Raises
        SaveError where the disk is full or the place not writable.

        >>> import tempfile, os
        >>> import twofold as tf
        >>> place = os.path.join(tempfile.mkdtemp(), "squares")
        >>> tf.data.Dataset.range(3).map(lambda x: x * x).save(place)
        >>> [int(x) for x in tf.data.Dataset.load(place)]
        [0, 1, 4]
        """
        no_compression(compression, "save")
        save(self._node, Opening(self._options), name_of(path))

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """The same elements, up to ``buffer_size`` of which a thread makes ahead of their use.

        ``AUTOTUNE``: the number grows where the reader has to wait. Raises ArgumentError for a
        number below 0.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(3).prefetch(tf.data.AUTOTUNE)]
        [0, 1, 2]
        """
        return self._over(Prefetch(self._node, ahead_of(buffer_size, 0, "prefetch: buffer_size")))


def at_least(value: int, least: int, what: str) -> None:
    """Raise ArgumentError for a smaller value."""
    if value < least:
        raise ArgumentError(f"{what} is at least {least}, not {value}")
