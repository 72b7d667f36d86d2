"""What the ways of a branch write into objects from outside, where they join."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS

from ..state import MISSING
from .heap import Contents
from .journal import GONE, TORN, Journal, Put
from .merge import HOLE, Merger, Unmergeable
from .numbers import TracedNumber

__all__ = ["Torn", "merge_attributes", "merge_entries"]


class Torn:
    """What the ways of a branch left different things in."""

    def __init__(self) -> None:
        self.containers: list[Any] = []  # what stands for them
        self.names: dict[tuple[int, str], Contents] = {}  # attributes
        self.inherited: dict[tuple[int, str], Contents] = {}  # those that only a class has

    def is_apart(self, entry: Put) -> bool:
        """Whether an assignment is made on its own way only."""
        key = id(entry.held), entry.name
        return key in self.names or key in self.inherited


def merge_attributes(
    merger: Merger, contents: Contents, column: list[dict[str, Any]], torn: Torn
) -> Any:
    """Merge what attributes have been given: TORN where there is no common form."""
    builds: dict[str, Any] = {}
    for name in dict.fromkeys(n for held in column for n in held):
        values = [held.get(name, MISSING) for held in column]
        mark = merger.mark()
        try:
            gone = [v is GONE for v in values]
            if any(v is MISSING or v is TORN for v in values) or any(gone) and not all(gone):
                raise Unmergeable
            builds[name] = merger.merge(values, repr(name))
            if not _has_own(contents.owner.owner, name):
                torn.inherited[id(contents.owner), name] = contents
        except Unmergeable:
            merger.forget(mark)
            builds[name] = None
            torn.names[id(contents.owner), name] = contents
    return lambda outs: {n: TORN if b is None else b(outs) for n, b in builds.items()}


def _has_own(owner: Any, name: str) -> bool:
    """Whether an object has an attribute itself, or has it in a slot: giving it the value that it
    has changes nothing then. Names of a module are looked up among Python's otherwise."""
    if isinstance(owner, types.CellType):
        return True
    if isinstance(owner, dict):
        return name in owner
    return name in vars(owner) if hasattr(owner, "__dict__") else True


def merge_entries(journal: Journal, sides: list[Any], merger: Merger, torn: Torn) -> Any:
    """Merge what the ways do when the graph has run: a call is made if its way was taken."""
    builds: list[Any] = []
    merger.kept = True
    try:
        for i, side in enumerate(sides):
            for entry in side.entries:
                if type(entry) is Put and not torn.is_apart(entry):
                    builds.append(entry)
                else:
                    builds.append(_merged(journal, sides, merger, i, entry))
    finally:
        merger.kept = False

    def build(outs: list[Any]) -> None:
        for (_, name), contents in (*torn.names.items(), *torn.inherited.items()):
            journal.keep(contents.owner, name, contents.before.get(name, MISSING))
        for made in builds:
            if type(made) is Put:
                journal.put(*made)
            else:
                journal.entries.append(made(outs))

    return build


def _merged(journal: Journal, sides: list[Any], merger: Merger, i: int, entry: Any) -> Any:
    """What makes the entry of one way."""
    if type(entry) is Put:
        entry = journal.effect_of(entry, sides[i].written[id(entry.held)].after[entry.name])
    where = range(len(sides))
    arguments = merger.merge(
        [(entry.args, entry.kwargs) if k == i else HOLE for k in where], "what is done afterwards"
    )
    if len(sides) == 1 and entry.when is True:
        return lambda outs: _with(entry, arguments(outs), True)
    at = merger.column(merger.within(_as_bool, [entry.when if k == i else HOLE for k in where]))

    def made(outs: list[Any]) -> Any:
        return _with(entry, arguments(outs), TracedNumber(bool, outs[at]))

    return made


def _with(entry: Any, arguments: Any, when: Any) -> Any:
    args, kwargs = arguments
    return entry._replace(args=args, kwargs=kwargs, when=when)


def _as_bool(value: Any) -> Any:
    if value is True:
        return OPS["constant"](value=np.bool_(value))
    return bind.ground().tensor(bind.ground().value(value.held))
