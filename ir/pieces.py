"""Work on the pieces of an array that operations of NumPy do: here in order, on threads if the
floor above, which has some, says so. What the pieces are depends on sizes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Pieces", "pieces"]

Task = Callable[[], Any]


def _in_order(tasks: Sequence[Task]) -> None:
    for task in tasks:
        task()


class Pieces:
    """``share(tasks)`` runs them and returns when all have run; it raises what one of them does.

    >>> done: list[int] = []
    >>> Pieces().share([lambda: done.append(1), lambda: done.append(2)])
    >>> done
    [1, 2]
    """

    def __init__(self) -> None:
        self.share: Callable[[Sequence[Task]], None] = _in_order


pieces = Pieces()
