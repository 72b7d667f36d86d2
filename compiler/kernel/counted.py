"""Loops that count: a ``while`` over a counter becomes a ``for``; checks go ahead of it.

    var s0: i64 = c0                          v2: i64 = maximum(c0, v1)
    do { v3 = s0 < v1 } while v3 {            check 0 <= v4 and v4 < v5       (v4: at v2 - 1)
      check -v5 <= s0 and s0 < v5       ->    for i1: 0 to v2 {
      v6 = s0 if s0 >= 0 else s0 + v5           ... x[i1]
      ... x[v6]                               }
      s0 = s0 + 1                             s0 = v2
    }

In a trip of a counted loop a position is often a counter so many times, plus what no trip changes.
It goes from one end to the other, so if both ends are inside of the array all of it is. Where a
trip checks it in any case, it is checked at its ends ahead of the loop, and a loop around that one
may do so in its turn. A check ends the kernel wherever it fails, so that it may fail earlier.

Numbers are those of the machine, modulo 2**64. What a counter reaches in a run is taken to be less
than 2**50, and sizes of arrays as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dims import provably_le

from .data import replace
from .each import Place
from .expression import names, rename
from .rewrite import renamed
from .statements import (
    Apply,
    Block,
    Check,
    Const,
    For,
    If,
    Index,
    Position,
    Set,
    Statement,
    Var,
    While,
    names_of,
    walk,
)

__all__ = ["counted"]

INT64 = np.dtype(np.int64)
EMPTY: Mapping[str, str] = MappingProxyType({})
STEPS = 1 << 20  # most times that a counter counts in a position
_INSIDE = re.compile(r"(-\w+|0) <= (\w+) and (\w+) < (\w+)")
_WRAPPED = re.compile(r"(\w+) if \1 >= 0 else \1 \+ \w+")
_SUM = re.compile(r"(\w+) ([-+]) (\w+)")
_PRODUCT = re.compile(r"(\w+) \* (\w+)")
_LESS = re.compile(r"(\w+) < (\w+)")


def counted(block: Block, consts: Iterable[Const], fresh: Callable[[str], str]) -> Block:
    """The statements of a point with its counted loops; ``fresh``: a new name with a letter."""
    return tuple(_Counting(consts, fresh).block(block, set()))


class _Inside(NamedTuple):
    """That a position is one of an axis; ``wraps``: or counts from its end."""

    at: Place
    wraps: bool
    length: Place


class _Loop(NamedTuple):
    """A loop over a counter: the names of where it starts and stops, and of its test; ``sure``:
    whether there is a trip in any case."""

    counter: str
    start: str
    stop: str | Position
    flag: str | None
    sure: bool


class _Counting:
    """The statements so far, as far as integers are concerned."""

    def __init__(self, consts: Iterable[Const], fresh: Callable[[str], str]) -> None:
        self.fresh = fresh
        self.true = {c.name for c in consts if c.value is True}
        self.forms = {c.name: Place(c.value) for c in consts if c.dtype == INT64}
        self.version: dict[str, int] = {}  # of variables
        self.dtypes: dict[str, np.dtype[Any]] = {}  # of variables
        self.held: dict[str, str] = {}  # what variables were set to, as far as that is known
        self.order: dict[str, int] = {}  # names, and versions of variables, as they were given
        self.counters: dict[str, tuple[Place, Place]] = {}  # the first and the last number
        self.names: dict[str, str] = {}  # what other names stand for
        self.tests: dict[int, tuple[Check, _Inside]] = {}  # what checks say, by their identity

    # ---- Integers

    def form(self, name: str) -> Place:
        """A number as a sum."""
        if name.lstrip("-").isdigit():
            return Place(int(name))
        if name in self.forms:
            return self.forms[name]
        return Place(0, ((f"{name}@{self.version[name]}" if name in self.version else name, 1),))

    def computed(self, expr: str) -> Place | None:
        """An expression as a sum."""
        if found := _SUM.fullmatch(expr):
            return _plus(self.form(found[1]), self.form(found[3]), 1 if found[2] == "+" else -1)
        if found := _PRODUCT.fullmatch(expr):
            x, y = self.form(found[1]), self.form(found[2])
            for one, other in ((x, y), (y, x)):
                if not other.terms and isinstance(other.offset, int):
                    return _plus(Place(), one, other.offset)
        return None

    def define(self, name: str, form: Place | None = None) -> None:
        if form is not None:
            self.forms[name] = form
        self.order[name] = len(self.order)

    def change(self, names: Iterable[str]) -> None:
        """Variables get other values."""
        for name in names:
            self.held.pop(name, None)
            self.version[name] = len(self.order)
            self.define(f"{name}@{self.version[name]}")

    def is_positive(self, place: Place) -> bool:
        """Whether a sum is 0 or more for certain."""
        terms = dict(place.terms)
        inner = max(terms, key=lambda name: self.order.get(name, -1), default=None)
        if inner is None:
            return provably_le(0, place.offset)
        times = terms.pop(inner)
        if inner not in self.counters or not isinstance(times, int) or abs(times) > STEPS:
            return False
        first, last = self.counters[inner]
        rest = Place(place.offset, tuple(terms.items()))
        return self.is_positive(_plus(rest, first if times > 0 else last, times))

    def known(self, test: _Inside, facts: set[_Inside]) -> bool:
        """Whether a position is inside for certain."""
        if test in facts or test._replace(wraps=False) in facts:
            return True
        low = test.at + test.length if test.wraps else test.at
        high = _plus(_plus(test.length, test.at, -1), Place(1), -1)
        return self.is_positive(low) and self.is_positive(high)

    # ---- Statements

    def block(self, block: Iterable[Statement], facts: set[_Inside]) -> list[Statement]:
        """Statements below what is known to be inside, which becomes more."""
        out: list[Statement] = []
        for s in block:
            match s:
                case If(test, then, orelse):
                    ways = [self.block(way, set(facts)) for way in (then, orelse)]
                    self.change(_assigned(s))
                    out.append(If(rename(test, self.names), *map(tuple, ways)))
                case While():
                    self.loop(s, facts, out)
                case For(name, start, stop, body):
                    loop = For(name, self.renamed(start), self.renamed(stop), body)
                    self.trips(loop, False, facts, out)
                case _:
                    self.plain(s, facts, out)
        return out

    def plain(self, s: Statement, facts: set[_Inside], out: list[Statement]) -> None:
        """A statement without blocks of its own that count."""
        (s,) = renamed((s,), self.names)
        match s:
            case Check(test):
                found = self.inside(test)
                if found is not None:
                    if self.known(found, facts):
                        return
                    facts.add(found)
                    self.tests[id(s)] = s, found
            case Apply(name, dtype, expr) if dtype == INT64:
                wrapped = _WRAPPED.fullmatch(expr)
                given = "" if wrapped is None else wrapped[1]
                if given and given not in self.version and self.is_positive(self.form(given)):
                    self.names[name] = given
                    return
                self.define(name, self.computed(expr))
            case Position(name, index):
                self.define(name, self.place(index))
            case Var(name, dtype, expr):
                self.dtypes[name] = dtype
                self.change([name])
                self.held[name] = expr
            case Set(name, expr):
                self.change([name])
                self.held[name] = expr
            case _:
                for name in (*names_of(s), *(f.name for f in getattr(s, "folds", ()))):
                    self.define(name)
        out.append(s)

    def inside(self, test: str) -> _Inside | None:
        """What a check says of a position, if it is one of those that ``places.py`` writes."""
        found = _INSIDE.fullmatch(test)
        if found is None or found[2] != found[3] or found[1] not in ("0", f"-{found[4]}"):
            return None
        return _Inside(self.form(found[2]), found[1] != "0", self.form(found[4]))

    def place(self, index: Index) -> Place | None:
        """An index as a sum, in a kernel whose own loop has one point."""
        total = Place(index.offset)
        for name, stride in index.scalars:
            if not isinstance(stride, int):
                return None
            total = _plus(total, self.form(name), stride)
        return total

    def renamed(self, index: Index) -> Index:
        """An index with the names that others stand for."""
        scalars = tuple((self.names.get(name, name), stride) for name, stride in index.scalars)
        return replace(index, scalars=scalars)

    # ---- Loops

    def loop(self, s: While, facts: set[_Inside], out: list[Statement]) -> None:
        """A loop until a test fails; one over a counter is counted."""
        found = self.counts(s)
        if found is None:
            self.change(_assigned(s))
            before = self.block(s.before, facts)
            trip = self.block(s.body, set(facts))
            self.change(_assigned(s))
            out.append(While(tuple(before), rename(s.test, self.names), tuple(trip)))
            return
        start, stop = self.fixed(found.start, facts, out), self.fixed(found.stop, facts, out)
        stop = self.end(found, start, stop, facts, out)
        index = self.fresh("i")
        own = {found.counter, found.flag}
        body = (*s.before, *(x for x in s.body if not (isinstance(x, Set) and x.name in own)))
        loop = For(index, _at(start), _at(stop), tuple(body))
        self.trips(loop, found.sure, facts, out, {found.counter: index})
        self.plain(Set(found.counter, stop), facts, out)
        if found.flag is not None:
            self.plain(Set(found.flag, "False"), facts, out)

    def counts(self, s: While) -> _Loop | None:
        """What a loop counts, if it does: the counter is one more in each trip, and the loop goes
        on while it is less than a number that no trip changes."""
        made = {x.name: x.expr for x in (*s.before, *s.body) if isinstance(x, Apply)}
        flag = s.test if s.test in self.version else None
        again = _set_to(s.body, flag) if flag else s.test
        less = _LESS.fullmatch(made.get(again or "", ""))
        if less is None or not all(isinstance(x, Apply | Position) for x in s.before):
            return None
        stop = self.outside(less[2], s)
        for counter in _assigned(s):
            after = _set_to(s.body, counter) or ""
            step = _SUM.fullmatch(made.get(after, ""))
            if (
                stop is None or step is None or (after if flag else counter) != less[1]
                or step[1] != counter or step[2] != "+" or self.form(step[3]) != Place(1)
                or self.dtypes[counter] != INT64
            ):  # fmt: skip
                continue
            sure = self.held.get(flag or "") in self.true
            start = self.held.get(counter, counter)
            return _Loop(counter, start if start in self.forms else counter, stop, flag, sure)
        return None

    def outside(self, name: str, s: While) -> str | Position | None:
        """A number that no trip of a loop changes: its name, or what gives it."""
        if name.isdigit() or (name in self.forms or name in self.order) and name not in _given(s):
            return name
        if name in self.version and name not in _assigned(s):
            return name
        for x in (*s.before, *s.body):
            if isinstance(x, Position) and x.name == name and not x.index.scalars:
                return x
        return None

    def fixed(self, given: str | Position, facts: set[_Inside], out: list[Statement]) -> str:
        """A number under a name that stands for it from now on."""
        if isinstance(given, str) and given not in self.version and not given.isdigit():
            return self.names.get(given, given)
        name = self.fresh("v")
        if isinstance(given, str):
            self.plain(Apply(name, INT64, given), facts, out)
        else:
            self.plain(Position(name, given.index), facts, out)
        return name

    def end(
        self, found: _Loop, start: str, stop: str, facts: set[_Inside], out: list[Statement]
    ) -> str:
        """What the counter is behind the loop."""
        least = 0 if found.flag is None else 1
        gap = _plus(_plus(self.form(stop), self.form(start), -1), Place(least), -1)
        sure = found.flag is None or found.sure
        if sure and self.is_positive(gap):
            return stop
        name = self.fresh("v")
        expr = f"maximum({start} + {least}, {stop})" if least else f"maximum({start}, {stop})"
        expr = expr if sure else f"{expr} if {found.flag} else {start}"
        self.plain(Apply(name, INT64, expr), facts, out)
        return name

    def trips(
        self, s: For, sure: bool, facts: set[_Inside], out: list[Statement],
        names: Mapping[str, str] = EMPTY,
    ) -> None:  # fmt: skip
        """A counted loop; what its trips check is checked ahead of it, where that can be told.
        ``names``: other names in the body."""
        mark, entry = len(self.order), dict(self.version)
        first, end = self.place(s.start), self.place(s.stop)
        self.define(s.name)
        bounds = None
        if first is not None and end is not None:
            bounds = self.counters[s.name] = first, _plus(end, Place(1), -1)
            sure = sure or self.is_positive(_plus(bounds[1], first, -1))
        self.change(_assigned(s))
        self.names.update(names)
        body = self.block(s.body, set(facts))
        for name in names:
            del self.names[name]
        found = [test for test in map(self.test, body) if test is not None]
        lifted = {
            test: ends for test in found if self.stays(test, s.name, mark, entry)
            and (sure or bounds) and (ends := self.ends(test, s.name, bounds)) is not None
        }  # fmt: skip
        self.version = entry
        ends = [end for ends in lifted.values() for end in ends]
        out += self.ahead(ends, None if sure else bounds, facts)
        self.change(_assigned(s))
        out.append(replace(s, body=self.without(body, set(lifted))))

    def ahead(
        self, tests: list[_Inside], bounds: tuple[Place, Place] | None, facts: set[_Inside]
    ) -> list[Statement]:
        """Checks of positions, if there is a trip of a loop between bounds."""
        made: list[Statement] = []
        known = facts if bounds is None else set(facts)
        for test in tests:
            self.check(test, known, made)
        if not made or bounds is None:
            return made
        compared: list[Statement] = []
        first, last = (self.named(place, facts, compared) for place in bounds)
        return [*compared, If(f"{first} <= {last}", tuple(made))]

    def test(self, s: Statement) -> _Inside | None:
        """What a statement checks."""
        return self.tests[id(s)][1] if id(s) in self.tests else None

    def stays(self, test: _Inside, index: str, mark: int, entry: dict[str, int]) -> bool:
        """Whether all that a check is about but the index is known ahead of a loop."""
        names = [name for name, _ in (*test.at.terms, *test.length.terms) if name != index]
        return not any(name == index for name, _ in test.length.terms) and all(
            self.order.get(name, mark) < mark
            and ("@" not in name or name == f"{_plain(name)}@{entry[_plain(name)]}")
            for name in names
        )

    def ends(
        self, test: _Inside, index: str, bounds: tuple[Place, Place] | None
    ) -> list[_Inside] | None:
        """What a check says of both ends of a loop. With one more in each trip, and no negative
        number at first, what is inside of the array is the last: beyond 2**63 it is negative."""
        times = dict(test.at.terms).get(index, 0)
        if times == 0:
            return [test]
        if bounds is None or times not in (1, -1):
            return None
        ends = [test._replace(at=_put(test.at, index, end)) for end in bounds]
        low, high = ends if times == 1 else reversed(ends)
        return [high._replace(wraps=False)] if self.is_positive(low.at) else ends

    def check(self, test: _Inside, facts: set[_Inside], out: list[Statement]) -> None:
        """Check a position now."""
        if not self.known(test, facts):
            at, length = (self.named(x, facts, out) for x in (test.at, test.length))
            low = f"-{length}" if test.wraps else "0"
            self.plain(Check(f"{low} <= {at} and {at} < {length}"), facts, out)

    def named(self, place: Place, facts: set[_Inside], out: list[Statement]) -> str:
        """The name of a sum, as a number."""
        if place.offset == 0 and len(place.terms) == 1 and place.terms[0][1] == 1:
            return _plain(place.terms[0][0])
        name = self.fresh("v")
        scalars = tuple((_plain(x), times) for x, times in place.terms)
        self.plain(Position(name, Index(place.offset, (0,), scalars)), facts, out)
        return name

    def without(self, block: Iterable[Statement], done: set[_Inside]) -> Block:
        """Statements without checks that have been made."""
        kept: list[Statement] = []
        for s in block:
            if self.test(s) in done:
                continue
            match s:
                case If(test, then, orelse):
                    s = If(test, self.without(then, done), self.without(orelse, done))
                case While(before, test, body):
                    s = While(self.without(before, done), test, self.without(body, done))
                case For():
                    s = replace(s, body=self.without(s.body, done))
            kept.append(s)
        return tuple(kept)


def _plain(name: str) -> str:
    """The name of a variable without its version."""
    return name.partition("@")[0]


def _at(name: str) -> Index:
    return Index(0, (0,), ((name, 1),))


def _plus(x: Place, y: Place, times: int = 1) -> Place:
    """x + times * y, in one form for equal sums."""
    made = x + y * times
    return Place(made.offset, tuple(sorted(made.terms)))


def _put(place: Place, name: str, value: Place) -> Place:
    """A sum with something else in the place of a name."""
    terms = dict(place.terms)
    times = terms.pop(name)
    assert isinstance(times, int)
    return _plus(Place(place.offset, tuple(terms.items())), value, times)


def _assigned(s: Statement) -> list[str]:
    """The variables that a statement sets, those of its own blocks among them."""
    return sorted({x.name for x in walk((s,)) if isinstance(x, Set)})


def _given(s: Statement) -> set[str]:
    """The names that are given in the blocks of a statement."""
    return {name for x in walk((s,)) for name in names_of(x)}


def _set_to(body: Block, name: str) -> str | None:
    """What a variable is set to at the end of a trip, and nowhere else; nothing reads it then."""
    if sum(x.name == name for x in walk(body) if isinstance(x, Set)) != 1:
        return None
    expr = None
    for s in body:
        if isinstance(s, Set) and s.name == name:
            expr = s.expr
        elif expr is not None and not (isinstance(s, Set) and name not in names(s.expr)):
            return None
    return expr
