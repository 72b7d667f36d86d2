"""Attributes that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["once"]

T = TypeVar("T")


class once(Generic[T]):
    """A property that is computed once for each instance.

    ``functools.cached_property`` holds a lock of the class meanwhile, up to Python 3.11: threads
    wait for each other, and a child that was forked then waits for ever. Here two threads may both
    compute it. The class needs a ``__dict__`` for its instances.

    >>> class Circle:
    ...     @once
    ...     def area(self) -> float:
    ...         print("computed")
    ...         return 3.0
    >>> c = Circle()
    >>> c.area, c.area
    computed
    (3.0, 3.0)
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function, self.__doc__ = function, function.__doc__
        self.name = function.__name__

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> once[T]: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> once[T] | T:
        if instance is None:
            return self
        found: T = self.function(instance)
        return instance.__dict__.setdefault(self.name, found)  # type: ignore[no-any-return]
