"""Methods of datasets that call a function on elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .fluent import Fluent, ahead_of, count_of
from .functions import UserFunction
from .mapping import Filter, Map, TakeWhile
from .nested import FlatMap, Interleave
from .prefetch import ParallelMap, cores
from .stateful import IgnoreErrors, Scan, Unique

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["MapMethods"]


class MapMethods(Fluent):
    """``map``, ``filter`` and their like."""

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None,
        deterministic: bool | None = None, synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """What ``map_func`` returns for each element; a tuple gives it several arguments.

        The function is compiled as by ``tf.function``; what cannot be compiled runs as plain
        Python, each time anew. It returns tensors, arrays, numbers, texts, datasets, and tuples
        and dicts of them, with None among them; a list becomes a tuple. ``num_parallel_calls``: how
        many calls are made at once, in threads; ``deterministic=False`` gives their results as they
        come.

        An error in it is raised where its element would come, with a note that names the element;
        the next element follows. Raises ReturnTypeError for a result of another kind, also for
        None alone.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(3).map(lambda x: x * x)]
        [0, 1, 4]
        """
        function = UserFunction(map_func, "map")
        if num_parallel_calls is None:
            return self._over(Map(self._node, function))
        calls = ahead_of(num_parallel_calls, 1, "map: num_parallel_calls")
        return self._over(ParallelMap(self._node, function, calls, deterministic))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which ``predicate`` returns True.

        Raises ConversionError for a predicate that does not return one bool: here if it can be
        compiled, else at the element.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).filter(lambda x: x % 2 == 1)]
        [1, 3, 5]
        """
        return self._over(Filter(self._node, UserFunction(predicate, "filter")))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first one for which ``predicate`` returns False.

        Raises ConversionError as ``filter`` does.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).take_while(lambda x: x < 2)]
        [0, 1]
        """
        return self._over(TakeWhile(self._node, UserFunction(predicate, "take_while")))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the datasets that ``map_func`` returns, one dataset after the other.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(1, 3)
        >>> [int(x) for x in ds.flat_map(lambda n: tf.data.Dataset.range(n))]
        [0, 0, 1]
        """
        return self._over(FlatMap(self._node, UserFunction(map_func, "flat_map", plain=True)))

    def interleave(
        self, map_func: Callable[..., Any], cycle_length: Any = None, block_length: Any = None,
        num_parallel_calls: Any = None, deterministic: bool | None = None, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """The elements of the datasets that ``map_func`` returns, of several in turn.

        ``cycle_length`` datasets are open at a time (by default as many as there are cores), and
        ``block_length`` elements of each are taken before it is the next one's turn.
        ``num_parallel_calls`` makes elements of the open datasets ahead, in as many threads; their
        order stays.

        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(2)
        >>> repeated = lambda x: tf.data.Dataset.from_tensors(x).repeat(2)
        >>> [int(x) for x in ds.interleave(repeated, cycle_length=2)]
        [0, 1, 0, 1]
        """
        cycle = -1 if cycle_length is None else count_of(cycle_length, "interleave: cycle_length")
        length = 1 if block_length is None else count_of(block_length, "interleave: block_length")
        function = UserFunction(map_func, "interleave", plain=True)
        ahead = num_parallel_calls is not None
        if ahead:
            ahead_of(num_parallel_calls, 1, "interleave: num_parallel_calls")
        many = cores() if cycle == -1 else cycle
        return self._over(Interleave(self._node, function, many, length, ahead))

    def scan(
        self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None
    ) -> Dataset:
        """A map with a state: ``scan_func(state, element)`` returns the next state and a result.

        Raises ArgumentError or DTypeError for a state of another structure or dtype.

        >>> import numpy as np
        >>> import twofold as tf
        >>> ds = tf.data.Dataset.range(4)
        >>> [int(x) for x in ds.scan(np.int64(0), lambda total, x: (total + x, total + x))]
        [0, 1, 3, 6]
        """
        return self._over(Scan(self._node, initial_state, UserFunction(scan_func, "scan")))

    def unique(self, name: str | None = None) -> Dataset:
        """Each element where it comes first.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.from_tensor_slices([1, 3, 1, 2, 3]).unique()]
        [1, 3, 2]
        """
        return self._over(Unique(self._node))

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """The elements that can be made; those that raise are left out.

        >>> import twofold as tf
        >>> def inverse(x):
        ...     return 1 // int(x)
        >>> [int(x) for x in tf.data.Dataset.range(-1, 2).map(inverse).ignore_errors()]
        [-1, 1]
        """
        return self._over(IgnoreErrors(self._node, bool(log_warning)))

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """What ``transformation_func`` makes of this dataset.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).apply(lambda ds: ds.take(1))]
        [0]
        """
        return transformation_func(self)
