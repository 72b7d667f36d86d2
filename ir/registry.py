"""The one table of names: every op and every composite, each name once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import DeclarationError
from .record import Sample

if TYPE_CHECKING:
    from .op import Op

__all__ = ["COMPOSITES", "OPS", "REGISTRY", "Composite", "Registry", "composite"]

E = TypeVar("E")


class Composite:
    """A documented function written in ops: no node of its own, so it fuses and differentiates."""

    __slots__ = ("function", "name", "public", "samples")

    def __init__(
        self, name: str, function: Callable[..., Any], samples: tuple[Sample, ...] = ()
    ) -> None:
        self.name, self.function, self.samples = name, function, samples
        self.public = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Registry:
    """Ops and composites by name."""

    def __init__(self) -> None:
        self.entries: dict[str, Op | Composite] = {}

    def declare(self, entry: Op | Composite) -> None:
        """Enter a new name. Raises DeclarationError if it is taken, or no name."""
        taken = self.entries.get(entry.name)
        if taken is not None:
            what = "a composite" if isinstance(taken, Composite) else "an op"
            raise DeclarationError(f"{entry.name} is declared twice: it is {what} already")
        if not entry.name.isidentifier():
            raise DeclarationError(f"{entry.name!r} is not a name for an op")
        self.entries[entry.name] = entry

    def forget(self, name: str) -> None:
        """Remove a name, as tests do with ops of their own."""
        del self.entries[name]

    def public(self, name: str) -> Callable[..., Any] | None:
        """What a public name calls, an op or the function of a composite; None if there is none."""
        entry = self.entries.get(name)
        if entry is None or not entry.public:
            return None
        return entry.function if isinstance(entry, Composite) else entry

    def __getitem__(self, name: str) -> Op | Composite:
        return self.entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class _Those(Mapping[str, E], Generic[E]):
    """The entries of one kind: a view of the registry that cannot be written to."""

    def __init__(self, registry: Registry, composites: bool) -> None:
        self._entries, self._composites = registry.entries, composites

    def __getitem__(self, name: str) -> E:
        entry: Any = self._entries[name]
        if (entry.__class__ is Composite) is not self._composites:
            raise KeyError(name)
        found: E = entry
        return found

    def __iter__(self) -> Iterator[str]:
        for name, entry in self._entries.items():
            if (entry.__class__ is Composite) is self._composites:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


REGISTRY = Registry()
OPS: Mapping[str, Op] = _Those(REGISTRY, composites=False)
COMPOSITES: Mapping[str, Composite] = _Those(REGISTRY, composites=True)


def composite(*samples: Sample) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function written in ops, with samples for the tests."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        REGISTRY.declare(Composite(function.__name__.rstrip("_"), function, samples))
        return function

    return declare
