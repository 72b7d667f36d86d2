"""What trips of a loop of the graph do besides: lines that they print, items that they append to
lists from outside. It is done when the graph has run, in the order in which the trips came to it.

A call in a loop is a *site*: what differs from trip to trip (numbers, tensors, pieces of texts)
goes into a list of the site, one row each time, and the number of the site into one list for all.
Both are lists of the function that grow (``grown.py``), so loops, branches in them and loops in
loops carry them like any other. Behind the outermost loop an entry of the journal goes through
them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.tensor_shape import TUPLES, sequence
from twofold.runtime.variable import Variable

from ..ndarrays.base import TracedArray, TracedScalar
from ..symint import SymInt
from ..symnumber import SymNumber
from ..trace import Traced
from .choice import Choice, Run
from .grown import listed, runs
from .journal import Effect
from .merge import Unmergeable, same
from .text import Text, written

__all__ = ["Repeated", "decoded", "encoded", "repeat"]

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type)


class _Leaf(NamedTuple):
    """Stands for the value of this number in the row of a trip."""

    at: int


class _Array(NamedTuple):
    """Stands for an ndarray of the elements of this number in the row of a trip."""

    at: int


class _Given(NamedTuple):
    """Stands for an object that is the same in all trips."""

    at: int


class _Made(NamedTuple):
    """Stands for a container that each trip makes."""

    kind: Any
    keys: Any
    items: tuple[Any, ...]


class _Written(NamedTuple):
    """Stands for a text of these pieces."""

    pieces: tuple[Any, ...]


class _Site:
    """A call that trips make."""

    def __init__(self, place: Any, function: Any, template: Any, given: list[Any]) -> None:
        self.place, self.function, self.template, self.given = place, function, template, given
        self.rows: list[Any] = []
        self.writes = False

    def is_same(self, other: _Site) -> bool:
        """Whether this is the same call."""
        return (
            self.place == other.place
            and _equal(self.template, other.template)
            and len(self.given) == len(other.given)
            and all(x is y for x, y in zip(self.given, other.given, strict=True))
            and _same_function(self.function, other.function)
        )


class Repeated:
    """The calls of the loops that are staged now."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self.sites: list[_Site] = []
        self.order: list[Any] = []
        self.shows = False  # whether the present call only shows what it is given

    def note(self, what: str, function: Any, args: Any, kwargs: Any, writes: bool) -> None:
        """Each trip makes a call. Raises Unmergeable where its arguments have no rows."""
        frame = self.machine.running
        self._raises_late()
        if writes:
            self.machine.heap.aliases.copy([args])
        leaves: list[Any] = []
        given: list[Any] = []
        named = (*kwargs,), (*kwargs.values(),)
        self.shows = not writes
        template = self._taken((args, *named), leaves, given)
        site = _Site((frame.code, frame.now), function, template, given)
        for known in self.sites:
            if known.is_same(site):
                site = known
        if site not in self.sites:
            self.sites.append(site)
            site.writes = writes
            self._own(site.rows)
        self._own(self.order)
        self.machine.append(self.order, self.sites.index(site))
        if leaves:
            self.machine.append(site.rows, tuple(leaves))

    def _raises_late(self) -> None:
        """What raises in a loop raises when trips before have done something: such a call is made
        again by plain Python."""
        ground: Any = bind.ground()
        while ground.outer is not None:
            if any("raise" in node.effects for node in ground.graph.nodes):
                ground.arrays.replay()
            ground.effects.append(None)  # asked for by what is staged from here on
            ground = ground.outer

    def _own(self, made: list[Any]) -> None:
        """A list that is older than all loops."""
        self.machine.heap.made.setdefault(id(made), (made, 0))

    def _taken(self, value: Any, leaves: list[Any], given: list[Any]) -> Any:
        """What stands for a value in the template of a site."""
        kind = type(value)
        if isinstance(value, SymNumber | SymInt | Traced) or kind is TracedScalar:
            leaves.append(value)
            return _Leaf(len(leaves) - 1)
        if kind is Text:
            pieces = [
                p if type(p) is str else p._replace(value=self._taken(p.value, leaves, given))
                for p in value.pieces
            ]
            return _Written(tuple(pieces))
        if kind in TUPLES or kind in (list, dict) and self.machine.is_own(value):
            keys = list(value) if kind is dict else None
            items = [value[k] for k in keys] if keys is not None else value
            return _Made(kind, keys, tuple([self._taken(x, leaves, given) for x in items]))
        if kind is TracedArray and self.shows:
            leaves.append(value.tensor())
            return _Array(len(leaves) - 1)
        if kind in (TracedArray, Choice, Run) or isinstance(value, Variable):
            raise Unmergeable(f"a {kind.__name__} in what a trip does besides")
        if isinstance(value, _ATOMS):
            return value
        if self.machine.is_own(value):
            raise Unmergeable(f"a {kind.__name__} that a trip makes and hands out")
        given.append(value)
        return _Given(len(given) - 1)

    def emit(self) -> None:
        """The outermost loop has been staged: what it does besides is done behind the graph."""
        sites, order = self.sites, self.order
        self.sites, self.order = [], []
        if not order:
            return
        for site in sites:
            for owner in [x for x in site.given[:1] if site.writes]:
                self.machine.journal.entries.append(Effect(_written_to, (owner,), {}, writes=True))
        rows = tuple([_as_listed(site.rows) for site in sites])
        calls = [(site.function, site.template) for site in sites]
        given = tuple([tuple(site.given) for site in sites])
        function = functools.partial(repeat, calls)
        entry = Effect(function, (_as_listed(order), rows, given), {})
        self.machine.journal.entries.append(entry)
        for made in (order, *[site.rows for site in sites]):
            self.machine.changes(made)
            made.clear()


def _as_listed(made: list[Any]) -> Any:
    run = runs(made)
    return listed(run) if run is not None else tuple(made)


def _same_function(left: Any, right: Any) -> bool:
    if left is right or left == right:
        return True
    if type(left) is functools.partial is type(right):
        pairs = zip(left.args, right.args, strict=False)
        return (
            left.func is right.func and len(left.args) == len(right.args)
            and all(same(x, y) for x, y in pairs) and left.keywords == right.keywords
        )  # fmt: skip
    return False


def _equal(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_equal, left, right))
    return left == right if isinstance(left, list) else left is right or same(left, right)


def _written_to(owner: Any) -> None:
    """Says that a call writes into an object."""


def repeat(
    calls: Sequence[tuple[Callable[..., Any], Any]], order: Any, rows: Any, given: Any
) -> None:
    """Make the calls of all trips."""
    left: list[Iterator[Any]] = [iter(row) for row in rows]
    for at in order:
        function, template = calls[at]
        row = next(left[at], ())
        args, names, values = _built(template, row, given[at])
        function(*args, **dict(zip(names, values, strict=True)))


_PLACES: dict[str, Any] = {"leaf": _Leaf, "array": _Array, "given": _Given}
_CONTAINERS: dict[str, Any] = {"list": list, "tuple": tuple, "dict": dict}


def encoded(template: Any, constant: Callable[[Any], Any]) -> Any:
    """A template as JSON; ``constant`` encodes what is no part of it. Raises what that raises, for
    texts of pieces as well."""
    part = functools.partial(encoded, constant=constant)
    for name, kind in _PLACES.items():
        if type(template) is kind:
            return {name: template.at}
    if type(template) is not _Made:
        return {"constant": constant(template)}
    kind = "tuple" if template.kind in TUPLES else template.kind.__name__
    keys = None if template.keys is None else list(map(constant, template.keys))
    return {"made": kind, "keys": keys, "items": list(map(part, template.items))}


def decoded(held: Any, constant: Callable[[Any], Any]) -> Any:
    """The template that ``encoded`` gave. Raises KeyError and the like for no such."""
    for name, kind in _PLACES.items():
        if name in held:
            return kind(int(held[name]))
    if "made" not in held:
        return constant(held["constant"])
    keys = held["keys"]
    return _Made(
        _CONTAINERS[held["made"]],
        None if keys is None else [constant(key) for key in keys],
        tuple([decoded(item, constant) for item in held["items"]]),
    )


def _built(template: Any, row: Any, given: Any) -> Any:
    kind = type(template)
    if kind is _Leaf:
        return row[template.at]
    if kind is _Array:
        return row[template.at].numpy()
    if kind is _Given:
        return given[template.at]
    if kind is _Written:
        pieces = [
            p if type(p) is str else written(p, _built(p.value, row, given))
            for p in template.pieces
        ]
        return "".join(pieces)
    if kind is _Made:
        items = [_built(x, row, given) for x in template.items]
        if template.keys is not None:
            return dict(zip(template.keys, items, strict=True))
        return sequence(template.kind, items)
    return template
