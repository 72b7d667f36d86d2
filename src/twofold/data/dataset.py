"""``tf.data.Dataset``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.runtime.tensor import Tensor, wrap

from . import sources
from . import spec as specs
from .batch_methods import BatchMethods
from .choosing import Choose, Random
from .combining import Zip
from .file_sources import FileSources
from .fluent import count_of, node_of
from .iterator import DatasetIterator, begin
from .map_methods import MapMethods
from .mapping import spec_without_running
from .nest import map_leaves
from .node import INFINITE, UNKNOWN, Node
from .options import Options
from .order_methods import OrderMethods
from .sampling import Draws, checked_weights
from .seeding import seeds_of

__all__ = ["Dataset"]


class Dataset(MapMethods, BatchMethods, OrderMethods, FileSources):
    """Elements that are made when they are asked for, each of tensors in tuples and dicts.

    A dataset is a description: each ``for`` over it starts from the beginning, and any number of
    iterations may run at once. Its methods return datasets. Names, arguments and meaning are
    TensorFlow's, shuffled orders included.

    >>> import twofold as tf
    >>> ds = tf.data.Dataset.from_tensor_slices([1, 2, 3]).map(lambda x: 2 * x).batch(2)
    >>> for x in ds:
    ...     print(x.numpy())
    [2 4]
    [6]
    """

    def __init__(self, variant_tensor: Any = None) -> None:
        raise ArgumentError(
            "make a dataset with tf.data.Dataset.from_tensor_slices, from_tensors, "
            "from_generator or range"
        )

    @classmethod
    def _of(cls, node: Node) -> Dataset:
        made = object.__new__(Dataset)
        made._node, made._options = node, Options()
        return made

    # Sources

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of tensors, in their structure.

        ``tensors``: tuples and dicts of arrays with the same number of rows; lists are arrays,
        and None among them is None in each element.
        An array is copied unless nobody can write to it; a memory-mapped one is read as needed.
        Raises ShapeError for scalars, and for different numbers of rows.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.from_tensor_slices({"x": [[1, 2], [3, 4]], "y": [0, 1]})
        >>> [(e["x"].tolist(), int(e["y"])) for e in ds]
        [([1, 2], 0), ([3, 4], 1)]
        """
        return Dataset._of(sources.slices(tensors))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element: the tensors as they are.

        >>> import twofold as tf
        >>> [x.tolist() for x in tf.data.Dataset.from_tensors([1, 2])]
        [[1, 2]]
        """
        return Dataset._of(sources.whole(tensors))

    @staticmethod
    def range(*args: Any, output_type: Any = np.int64, name: str | None = None) -> Dataset:
        """Numbers as of Python's ``range``, int64 unless ``output_type`` says otherwise.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(1, 10, 4)]
        [1, 5, 9]
        """
        if not 1 <= len(args) <= 3:
            raise ArgumentError(f"Dataset.range takes one to three numbers, {len(args)} given")
        counts = [count_of(a, "Dataset.range: a bound") for a in args]
        start, stop, step = [0, *counts, 1] if len(counts) == 1 else [*counts, 1][:3]
        return Dataset._of(sources.Range(start, stop, step, output_type))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any], output_types: Any = None, output_shapes: Any = None,
        args: Any = None, output_signature: Any = None, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """What a Python generator yields; ``generator`` is called for each iteration.

        ``output_signature``: TensorSpecs in the structure of an element. The older way gives
        ``output_types`` and, if they are known, ``output_shapes``. ``args`` are handed to
        ``generator`` as tensors. What is yielded becomes tensors of the declared dtypes; what does
        not fit raises ConversionError or ShapeError, and an error in the generator is raised where
        its element would come, after which the dataset ends.

        >>> import twofold as tf
        >>> def pairs():
        ...     for i in range(2):
        ...         yield i, [i, i + 1]
        >>> spec = (tf.TensorSpec((), tf.int32), tf.TensorSpec((None,), tf.float32))
        >>> for i, x in tf.data.Dataset.from_generator(pairs, output_signature=spec):
        ...     print(int(i), x.tolist())
        0 [0.0, 1.0]
        1 [1.0, 2.0]
        """
        signature = sources.signature_of(output_types, output_shapes, output_signature)
        given = tuple(specs.public(specs.leaf_of(a)) for a in args or ())
        return Dataset._of(sources.Generated(generator, signature, given))

    @staticmethod
    def from_indexable(data: Any) -> Dataset:
        """The elements ``data[0]`` to ``data[len(data) - 1]``.

        For datasets of other libraries: whatever has ``__len__`` and ``__getitem__``, and
        ``__getitems__(list of indices)`` if it likes. Elements are asked for when they are needed,
        in the order in which they are: a shuffle has no buffer of data. Not in TensorFlow.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.from_indexable([7, 8, 9]).skip(1)]
        [8, 9]
        """
        return Dataset._of(sources.indexed(data))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several datasets side by side, until the shortest ends.

        Takes datasets, or one tuple or dict of them, whose structure the elements have.

        >>> import twofold as tf
        >>> a, b = tf.data.Dataset.range(3), tf.data.Dataset.range(7, 9)
        >>> [(int(x), int(y)) for x, y in tf.data.Dataset.zip(a, b)]
        [(0, 7), (1, 8)]
        """
        given = datasets if datasets is not None else args[0] if len(args) == 1 else args
        return Dataset._of(Zip(map_leaves(lambda d: node_of(d, "zip"), given)))

    @staticmethod
    def random(
        seed: Any = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Random integers (int64) from 0 to below ``2**32``, without end: TensorFlow's for a seed.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.random(seed=4).take(2)]
        [3128586565, 2023892699]
        """
        return Dataset._of(Random(seeds_of(seed), bool(rerandomize_each_iteration)))

    @staticmethod
    def counter(
        start: Any = 0, step: Any = 1, dtype: Any = np.int64, name: str | None = None
    ) -> Dataset:
        """``start``, ``start + step`` and so on, without end.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.counter(start=2, step=3).take(3)]
        [2, 5, 8]
        """
        first, by = count_of(start, "counter: start"), count_of(step, "counter: step")
        return Dataset._of(sources.Counter(first, by, dtype))

    @staticmethod
    def choose_from_datasets(
        datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Elements of the datasets that the numbers (int64) of ``choice_dataset`` name.

        Ends when a dataset has no further element, or skips those with
        ``stop_on_empty_dataset=False``. Raises IndexOutOfBoundsError for a number of no dataset.

        >>> import twofold as tf
        >>> a, b = tf.data.Dataset.range(3), tf.data.Dataset.range(7, 9)
        >>> choices = tf.data.Dataset.from_tensor_slices(np.array([1, 0, 1]))
        >>> [int(x) for x in tf.data.Dataset.choose_from_datasets([a, b], choices)]
        [7, 0, 8]
        """
        nodes = [node_of(d, "choose_from_datasets") for d in datasets]
        numbers = node_of(choice_dataset, "choose_from_datasets")
        return Dataset._of(Choose(nodes, numbers, bool(stop_on_empty_dataset)))

    @staticmethod
    def sample_from_datasets(
        datasets: Any, weights: Any = None, seed: Any = None, stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """Elements of the datasets at random, equally or by ``weights``.

        ``weights``: a number for each dataset, or a dataset of such rows, of which each element
        takes one. A dataset without further elements is left out, unless
        ``stop_on_empty_dataset`` ends there; so is one of weight 0. Draws are TensorFlow's for the
        same seeds, anew in each iteration with ``rerandomize_each_iteration``. Raises
        ArgumentError for no datasets, and for weights that are not one number each.

        >>> import twofold as tf
        >>> a, b = tf.data.Dataset.range(2), tf.data.Dataset.range(7, 9)
        >>> sorted(int(x) for x in tf.data.Dataset.sample_from_datasets([a, b], seed=1))
        [0, 1, 7, 8]
        """
        given = list(datasets)
        nodes = [node_of(d, "sample_from_datasets") for d in given]
        if isinstance(weights, Dataset):
            shares: Any = weights._node
        else:
            shares = checked_weights([1.0] * len(nodes) if weights is None else weights, len(nodes))
            kept = np.flatnonzero(shares)
            given, nodes = [given[i] for i in kept], [nodes[i] for i in kept]
            shares = shares[kept]
            if len(given) == 1:
                return given[0]  # type: ignore[no-any-return]
        numbers = Draws(seeds_of(seed), bool(rerandomize_each_iteration), shares, len(nodes))
        return Dataset._of(Choose(nodes, numbers, bool(stop_on_empty_dataset)))

    # Iterations

    def __iter__(self) -> DatasetIterator:
        return begin(self._node, self._options)

    def as_numpy_iterator(self) -> DatasetIterator:
        """An iterator whose elements are NumPy arrays and scalars.

        >>> import twofold as tf
        >>> list(tf.data.Dataset.range(3).as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(2)]
        """
        return begin(self._node, self._options, as_numpy=True)

    def reduce(self, initial_state: Any, reduce_func: Any, name: str | None = None) -> Any:
        """The last state of a fold: ``reduce_func(state, element)`` returns the next state.

        >>> import twofold as tf
        >>> int(tf.data.Dataset.range(5).reduce(np.int64(0), lambda total, x: total + x))
        10
        """
        from .folding import fold  # noqa: PLC0415

        return fold(self._node, self._options, initial_state, reduce_func)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element. Raises ArgumentError if there are several, or none.

        >>> import twofold as tf
        >>> int(tf.data.Dataset.from_tensors(5).get_single_element())
        5
        """
        found = list(self.take(2))
        if len(found) != 1:
            told = "none" if not found else "several"
            raise ArgumentError(f"get_single_element: the dataset has {told}")
        return found[0]

    # What is known of the elements

    @property
    def element_spec(self) -> Any:
        """The spec of an element, in its structure; sizes that may differ are None.

        >>> import twofold as tf
        >>> tf.data.Dataset.range(5).batch(2).element_spec
        TensorSpec(shape=(None,), dtype=int64)
        """
        return self._node.spec

    def cardinality(self) -> Tensor:
        """The number of elements as a tensor (int64), or INFINITE_CARDINALITY (-1), or
        UNKNOWN_CARDINALITY (-2).

        >>> import twofold as tf
        >>> int(tf.data.Dataset.range(5).batch(2).cardinality())
        3
        """
        return wrap(np.asarray(self._node.cardinality, np.int64))

    def __len__(self) -> int:
        """The number of elements. Raises TypeError if it is infinite or not known."""
        count = self._node.cardinality
        if count == INFINITE:
            raise TypeError("The dataset is infinite.")
        if count == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return count

    def __bool__(self) -> bool:
        return True  # as in TensorFlow: a dataset, not its number of elements

    def options(self) -> Options:
        """The options of this dataset."""
        return Options().merge(self._options)

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The same dataset with options.

        >>> import twofold as tf
        >>> options = tf.data.Options()
        >>> options.deterministic = False
        >>> tf.data.Dataset.range(5).with_options(options).options().deterministic
        False
        """
        made = self._over(self._node)
        made._options = self._options.merge(options)
        return made

    def __repr__(self) -> str:
        name = "".join(word.title() for word in self._node.name.split("_"))
        told = spec_without_running(self._node)
        return f"<_{name}Dataset{'' if told is None else f' element_spec={told}'}>"


Node.face = Dataset._of
