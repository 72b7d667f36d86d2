"""The one table of names: every op and every composite, each name once.

A file of ``ir/ops`` is imported when a name that stands in it is first asked for (``ops/files.py``
says which); for a name that is in no file that it knows, and for all names, every file is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twofold._loading import Loading

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
        self._new: dict[str, Op | Composite] = {}  # those whose file may still be running
        self._watchers: list[Callable[[Op | Composite], None]] = []
        self._package = ""
        self._files: Mapping[str, str] = {}
        self._complete = True

    def stand_in(self, package: str, files: Mapping[str, str]) -> None:
        """The modules of ``package`` declare what is not there yet; ``files`` says which of them
        declares a name. A name that it does not have is found by importing them all."""
        self._package, self._files, self._complete = package, files, False

    def declare(self, entry: Op | Composite) -> None:
        """Enter a new name. Raises DeclarationError if it is taken, or no name."""
        taken = self.entries.get(entry.name) or self._new.get(entry.name)
        if taken is not None:
            what = "a composite" if isinstance(taken, Composite) else "an op"
            raise DeclarationError(f"{entry.name} is declared twice: it is {what} already")
        if not entry.name.isidentifier():
            raise DeclarationError(f"{entry.name!r} is not a name for an op")
        self._new[entry.name] = entry
        for see in self._watchers:
            see(entry)

    def watch(self, see: Callable[[Op | Composite], None]) -> None:
        """Call ``see`` with every entry: those there are, and later each that is declared."""
        self._watchers.append(see)
        for entry in [*self.entries.values(), *self._new.values()]:
            see(entry)

    def forget(self, name: str) -> None:
        """Remove a name, as tests do with ops of their own."""
        self._new.pop(name, None)
        self.entries.pop(name, None)

    def find(self, name: str) -> Op | Composite | None:
        """The entry of a name, whose file is imported now if it was not; None if there is none."""
        found = self.entries.get(name) or self._settled(name)
        if found is None and not self._complete:
            file = self._files.get(name)
            if file is not None:
                with Loading():
                    import_module(f"{self._package}.{file}")
                found = self._settled(name)
            if found is None:
                self._load_all()
                found = self.entries.get(name) or self._settled(name)
        return found

    def _settled(self, name: str) -> Op | Composite | None:
        """A new entry, whole: another thread that is importing its file has come to the end, so
        that the gradient rule is there as well."""
        entry = self._new.get(name)
        if entry is None:
            return self.entries.get(name)
        file = (entry.function if isinstance(entry, Composite) else entry).__module__
        if _runs(file):
            import_module(file)  # waits for the other thread, if it is another
        if not _runs(file):
            self.entries[name] = entry
            self._new.pop(name, None)
        return entry

    def _load_all(self) -> None:
        if self._complete:
            return
        with Loading():
            for module in iter_modules(import_module(self._package).__path__):
                import_module(f"{self._package}.{module.name}")
        self._complete = True

    def public(self, name: str) -> Callable[..., Any] | None:
        """What a public name calls, an op or the function of a composite; None if there is none."""
        entry = self.find(name)
        if entry is None or not entry.public:
            return None
        return entry.function if isinstance(entry, Composite) else entry

    def __getitem__(self, name: str) -> Op | Composite:
        entry = self.find(name)
        if entry is None:
            raise KeyError(name)
        return entry

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        self._load_all()
        for name in list(self._new):
            self._settled(name)
        return iter(sorted(self.entries | self._new))

    def items(self) -> Iterator[tuple[str, Op | Composite]]:
        """All names in alphabetical order, with their entries."""
        return ((name, self[name]) for name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _runs(module: str) -> bool:
    """Whether a module is being imported now."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return getattr(spec, "_initializing", False)


class _Those(Mapping[str, E], Generic[E]):
    """The entries of one kind: a view of the registry that cannot be written to."""

    def __init__(self, registry: Registry, composites: bool) -> None:
        self._registry, self._entries = registry, registry.entries
        self._composites = composites

    def __getitem__(self, name: str) -> E:
        entry: Any = self._entries.get(name) or self._registry[name]
        if (entry.__class__ is Composite) is not self._composites:
            raise KeyError(name)
        found: E = entry
        return found

    def __iter__(self) -> Iterator[str]:
        for name in self._registry:
            if (self._registry[name].__class__ is Composite) is self._composites:
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
