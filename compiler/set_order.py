"""Sets that are iterated over in the order of another one.

The order of a set depends on its hashes, on the size of its table and on which item came first
where two want one place, so two equal sets may differ in it. A set that a compiled function returns
is made anew at each call; printed, it should be the one that plain Python makes.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["made_alike"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes)  # no code of a user's hashes them
_WORK = 8_000  # items that are put into sets before another order of putting them in is not found


def made_alike(held: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The items of a set, and what makes a set of them with the order of this one, if that is found
    soon; else its class. Hill climbing: an item moves where not fewer are in place then.

    >>> items, make = made_alike({8, 0, 16})
    >>> list(make(items)) == list({8, 0, 16})
    True
    """
    kind, order = type(held), list(held)
    if not all(type(x) in _PLAIN for x in order):
        return order, kind
    makes = kind, _Copied(kind)
    random, items, best, most = Random(0), order, order, -1
    for _ in range(_WORK // (len(order) + 1)):
        for make in makes:
            right = sum(a is b for a, b in zip(make(items), order, strict=True))
            if right == len(order):
                return items, make
            if right >= most:
                best, most = items, right
        items = best.copy()
        items.insert(random.randrange(len(items)), items.pop(random.randrange(len(items))))
    return order, kind


class _Copied:
    """Makes a set by copying one, which has a table of another size."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def __call__(self, items: list[Any]) -> Any:
        made = set(items)
        return made.copy() if self.kind is set else self.kind(made)
