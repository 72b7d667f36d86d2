"""Methods of datasets that call a function on elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .fluent import Fluent, count_of
from .functions import UserFunction
from .mapping import Filter, Map, TakeWhile
from .prefetch import ParallelMap

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
        Python, each time anew. It returns tensors, arrays, numbers, texts, None, datasets, and
        tuples and dicts of them; a list becomes a tuple. ``num_parallel_calls``: how many calls are
        made at once, in threads; ``deterministic=False`` gives their results as they come.

        An error in it is raised where its element would come, with a note that names the element;
        the next element follows. Raises ReturnTypeError for a result of another kind.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(3).map(lambda x: x * x)]
        [0, 1, 4]
        """
        function = UserFunction(map_func, "map")
        if num_parallel_calls is None:
            return self._over(Map(self._node, function))
        calls = count_of(num_parallel_calls, "map: num_parallel_calls")
        return self._over(ParallelMap(self._node, function, calls, deterministic))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which ``predicate`` returns True.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).filter(lambda x: x % 2 == 1)]
        [1, 3, 5]
        """
        return self._over(Filter(self._node, UserFunction(predicate, "filter")))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first one for which ``predicate`` returns False.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).take_while(lambda x: x < 2)]
        [0, 1]
        """
        return self._over(TakeWhile(self._node, UserFunction(predicate, "take_while")))

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """What ``transformation_func`` makes of this dataset.

        >>> import twofold as tf
        >>> [int(x) for x in tf.data.Dataset.range(6).apply(lambda ds: ds.take(1))]
        [0]
        """
        return transformation_func(self)
