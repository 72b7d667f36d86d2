"""Sizes during a trace: symbols with the values of the example call, and what was relied on.

Each axis of each input starts as a symbol of its own. When shape inference or the user's code
needs to know how two sizes compare, the answer is taken from the example call and recorded as a
guard; an equality also unifies the two, so that the graph says what it relies on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.dims import (
    Dim,
    DimLike,
    evaluate,
    provably_le,
    substitute,
    symbol,
    symbols_of,
    undivided,
)
from twofold.ir.errors import StagingError
from twofold.ir.location import Location, user_location
from twofold.ir.op import OPS
from twofold.ir.shapes import Sizes

from .plain import PlainPython

__all__ = ["COMPARE", "Guard", "Refused", "TraceSizes", "failed", "resolved"]

# Where traces leave their sizes when they end with an error, for who would try other examples.
failed: ContextVar[list[TraceSizes] | None] = ContextVar("failed", default=None)

_NAMES = "nmkpqrstuvwhijabcdefgloxyz"
COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


class Guard(NamedTuple):
    """A relation between two sizes that the trace relies on, and the line that needed it."""

    left: DimLike
    relation: str
    right: DimLike
    loc: Location | None

    def holds(self, env: dict[str, int]) -> bool:
        """Whether the relation holds for these sizes."""
        return bool(COMPARE[self.relation](evaluate(self.left, env), evaluate(self.right, env)))

    def __str__(self) -> str:
        where = f"  (needed at {self.loc})" if self.loc else ""
        return f"{self.left} {self.relation} {self.right}{where}"


class Refused(NamedTuple):
    """A relation that does not hold in the example call, and what was relied on before."""

    left: DimLike
    relation: str
    right: DimLike
    guards: tuple[Guard, ...]
    known: dict[str, DimLike]


def resolved(dim: DimLike, known: Mapping[str, DimLike]) -> DimLike:
    """A size with the symbols replaced that are known to be others."""
    while not isinstance(dim, int) and any(s in known for s in symbols_of(dim)):
        dim = substitute(dim, known)
    return dim


def _same_terms(a: Any, b: Any) -> bool:
    """Whether sums have the same values the same number of times."""
    return len(a) == len(b) and all(x is y and n == m for (x, n), (y, m) in zip(a, b, strict=True))


class TraceSizes(Sizes):
    """Answers from the example call; see the module."""

    def __init__(self) -> None:
        self.hints: dict[str, int] = {}
        self.sources: list[tuple[str, int, int]] = []  # symbol, leaf that it comes from, axis
        self.known: dict[str, DimLike] = {}
        self.guards: list[Guard] = []
        self.denied: dict[tuple[DimLike, DimLike], None] = {}  # sizes that were found to differ
        self.refused: list[Refused] = []  # what does not hold in it, where another may be tried
        self.late: list[str] = []  # symbols of sizes that are found when the graph runs
        self.parts: dict[str, tuple[Any, DimLike]] = {}  # what some are: of values, plus a size
        self.positive: set[str] = set()  # those of them that are at least one
        # sizes that ops make of values: symbols by op and inputs
        self.counted: list[tuple[Any, Sequence[Any], DimLike]] = []
        self.sums: list[tuple[Any, DimLike, Any]] = []  # terms and the rest of integers, as sizes
        self.tracing = False  # whether the trace goes over to plain Python where one is needed

    def at(self, hints: dict[str, int]) -> TraceSizes:
        """The same symbols for another example call, with no guards yet."""
        made = TraceSizes()
        made.hints, made.known, made.late = dict(hints), dict(self.known), self.late
        return made

    def new(self, hint: int, leaf: int = 0, axis: int = 0) -> Dim:
        """A new symbol for a size that is ``hint`` in the example call: that of an axis of a leaf
        of the arguments."""
        i = len(self.hints)
        name = _NAMES[i] if i < len(_NAMES) else f"d{i}"
        self.hints[name] = hint
        self.sources.append((name, leaf, axis))
        made = symbol(name)
        assert isinstance(made, Dim)
        return made

    def fresh(self) -> DimLike:
        """A new symbol for a size that is found when the graph runs."""
        number = len(self.late)
        while f"late{number}" in self.late:
            number += 1
        self.late.append(f"late{number}")
        return symbol(self.late[-1])

    def made_by(self, op: Any, inputs: Sequence[Any]) -> DimLike:
        """The symbol for the size of what an op makes of the values of its inputs: of the same
        inputs the same."""
        from .ndarrays.windows import same_value  # noqa: PLC0415  (few functions have any)

        for known, given, length in self.counted:
            if known == op and all(map(same_value, given, inputs)):
                return length
        self.counted.append((op, inputs, self.fresh()))
        return self.counted[-1][2]

    def sum_of(self, made: Any, size: Callable[[], Any]) -> Any:
        """The size that an integer of the graph is, a ``Linear``: ``x[8 * i : 8 * (i + 1)]`` has 8
        elements, as its bounds differ by a number. ``size`` makes a new one."""
        for terms, before, known in reversed(self.sums):  # the last is the least of its terms
            more = made.size - before
            if isinstance(more, int) and more >= 0 and _same_terms(terms, made.terms):
                return known + more
        self.sums.append((made.terms, made.size, size()))
        return self.sums[-1][2]

    def met(self, names: Iterable[str]) -> None:
        """Symbols of a graph: those of no axis of the example call are of sizes that it makes."""
        self.late += sorted(set(names).difference(self.hints, self.late))

    def agree(self, a: DimLike, b: DimLike) -> bool:
        """Whether two sizes are one, by their expressions or, relied on, in the example call."""
        a, b = self.resolve(a), self.resolve(b)
        late = {s for d in (a, b) if not isinstance(d, int) for s in symbols_of(d)}
        return a == b or (late.isdisjoint(self.late) and self.require_same(a, b))

    def resolve(self, dim: DimLike) -> DimLike:
        """The size with unified symbols replaced."""
        return resolved(dim, self.known) if self.known else dim

    def hint(self, dim: DimLike) -> int:
        """The value of a size in the example call. Where it is found only when the graph runs, a
        trace raises PlainPython, and a derivation StagingError."""
        try:
            return evaluate(dim, self.hints)
        except KeyError:
            if self.tracing:
                raise PlainPython(words="a size that values decide is needed here") from None
            raise StagingError(
                f"the size {dim} depends on the values of a tensor and is not known here"
            ) from None

    def guard(self, left: DimLike, relation: str, right: DimLike) -> None:
        """Record a relation that holds in the example call."""
        if isinstance(left, int) and isinstance(right, int):
            return
        if not any(g[:3] == (left, relation, right) for g in self.guards):
            self.guards.append(Guard(left, relation, right, user_location()))

    def require_same(self, a: DimLike, b: DimLike, *, decide: bool = False) -> bool:
        """That two sizes are equal: answered by the example call, and relied on from now on."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return True
        if isinstance(a, int) and isinstance(b, int):
            return False
        if self._one_late(a, b) or (not decide and self._checked(a, "==", b)):
            return True
        if self.hint(a) != self.hint(b):
            self.denied[a, b] = None
            self._refuse(a, "==", b)
            if decide:
                self.guard(a, "!=", b)
            return False
        self.guard(a, "==", b)
        if undivided(a) != undivided(b):
            self._unify(a, b)
        return True

    def rely_on_errors(self) -> None:
        """An error has been handled that may come from sizes that differ: they have to."""
        for a, b in self.denied:
            self.guard(a, "!=", b)
        self.denied.clear()

    def _one_late(self, a: DimLike, b: DimLike) -> bool:
        """Whether two sizes that are found when the graph runs are one: made of the same values
        and of sizes that are equal."""
        one, other = self.parts.get(str(a)), self.parts.get(str(b))
        if one is None or other is None or one[0] != other[0]:
            return False
        if not self.require_same(one[1], other[1]):
            return False
        self.known[str(b)] = a
        return True

    def _checked(self, a: DimLike, relation: str, b: DimLike) -> bool:
        """Whether it is for the graph to find out that a relation holds: it is about a size that it
        makes, and plain Python makes the call where it does not."""
        if relation == "==" and (isinstance(a, int) or isinstance(b, int)):
            return False  # mostly a question: whether an axis has one element
        late = {s for d in (a, b) if not isinstance(d, int) for s in symbols_of(d)}
        ground: Any = bind.ground()
        if late.isdisjoint(self.late) or not self.tracing or ground.sizes is not self:
            return False
        OPS["sizes_hold"](left=a, relation=relation, right=b)
        return True

    def _unify(self, a: DimLike, b: DimLike) -> None:
        for name, other in self._bindable(a, b):
            self.known[name] = other
            return
        # No symbol stands alone: specialise to the example's sizes until the two are equal, first
        # the symbols of one side only (n*m == 2*n needs only m).
        left, right = (frozenset() if isinstance(d, int) else symbols_of(d) for d in (a, b))
        for name in [*sorted(left ^ right), *sorted(left & right)]:
            if self.resolve(a) == self.resolve(b):
                return
            self.guard(symbol(name), "==", self.hints[name])
            self.known[name] = self.hints[name]

    def _bindable(self, a: DimLike, b: DimLike) -> Iterator[tuple[str, DimLike]]:
        """Symbols that one side is, and that the other does not contain; later ones first."""
        order = list(self.hints)
        found = []
        for this, other in ((a, b), (b, a)):
            if isinstance(this, int):
                continue
            names = symbols_of(this)
            name = next(iter(names)) if len(names) == 1 else ""
            alone = bool(name) and this == symbol(name)
            if alone and (isinstance(other, int) or name not in symbols_of(other)):
                found.append((order.index(name), name, other))
        for _, name, other in sorted(found, reverse=True, key=lambda f: f[0]):
            yield name, other

    def require_positive(self, a: DimLike) -> bool:
        """That a size is at least one: answered by the example call. The answer is relied on from
        now on, a no as well: what has no elements may take another way."""
        a = self.resolve(a)
        if super().require_positive(a) or str(a) in self.positive or self._checked(1, "<=", a):
            return True
        if self.hint(a) <= 0:
            self.guard(a, "<=", 0)
            return False
        self.guard(1, "<=", a)
        return True

    def require_at_most(self, a: DimLike, b: DimLike) -> bool:
        """That a <= b: answered by the example call, relied on unless it always holds."""
        a, b = self.resolve(a), self.resolve(b)
        plain = isinstance(a, int) and isinstance(b, int)
        if not plain and provably_le(a, b):
            return True
        return self._checked(a, "<=", b) or self.decide(a, "<=", b)

    def decide(self, a: DimLike, relation: str, b: DimLike) -> bool:
        """Decide a comparison by the example call and rely on it."""
        a, b = self.resolve(a), self.resolve(b)
        if relation in ("==", "!="):
            return self.require_same(a, b, decide=True) == (relation == "==")
        if COMPARE[relation](self.hint(a), self.hint(b)):
            self.guard(a, relation, b)
            return True
        self._refuse(a, relation, b)
        self.guard(b, "<=" if relation == "<" else "<", a)
        return False

    def _refuse(self, a: DimLike, relation: str, b: DimLike) -> None:
        if failed.get() is not None:
            self.refused.append(Refused(a, relation, b, tuple(self.guards), dict(self.known)))

    def pin(self, a: DimLike) -> int:
        """The plain int of a size; the trace is valid for that size only from now on."""
        value = self.hint(self.resolve(a))
        self.require_same(a, value)
        return value

    def solution(self) -> dict[str, DimLike]:
        """Unified symbols and what they stand for, fully resolved."""
        return {name: self.resolve(symbol(name)) for name in self.known}
