"""The traces that a function keeps: by kind of arguments, bounded by count and bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .concrete import ConcreteFunction
    from .key import Key

__all__ = ["Traces"]

COUNT = 64  # traces kept for each function
BYTES = 256 << 20  # of all of them: nodes, and constants that only they hold


class Traces:
    """Traces in groups of one key, the oldest key first.

    The bound in bytes counts what ``ConcreteFunction.nbytes`` estimates. The latest trace is kept
    however large it is.
    """

    def __init__(self) -> None:
        self._groups: OrderedDict[Key, list[ConcreteFunction]] = OrderedDict()

    def of(self, key: Any) -> list[ConcreteFunction]:
        """The traces for arguments of one kind."""
        return self._groups.get(key, [])

    def add(self, key: Key, concrete: ConcreteFunction) -> None:
        """Keep a trace, and let go of the oldest ones beyond the bounds."""
        self._groups.setdefault(key, []).append(concrete)
        self._groups.move_to_end(key)
        count, size = len(self), sum(held.nbytes for held in self.all())
        while count > 1 and (count > COUNT or size > BYTES):
            size -= self._drop_oldest()
            count -= 1

    def _drop_oldest(self) -> int:
        key, group = next(iter(self._groups.items()))
        dropped = group.pop(0)
        if not group:
            del self._groups[key]
        return dropped.nbytes

    def all(self) -> list[ConcreteFunction]:
        """All that are kept."""
        return [concrete for group in list(self._groups.values()) for concrete in group]

    def forget(self, part: Any) -> None:
        """Drop the traces that have this part in their key."""
        for key in [k for k in self._groups if part in k]:
            del self._groups[key]

    def clear(self) -> None:
        """Forget all."""
        self._groups.clear()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))
