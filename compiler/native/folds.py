"""Folds in vector lanes, and sums whose error does not grow with their length.

A sum in vector lanes adds one term after the other in each lane, so a long one would lose digits.
Here an accumulator adds at most ``TERMS`` terms; then what it holds is *spilled*: added to a total
in double precision, for float64 with what each of these additions loses (``Total``). So every sum
is within the bound that ``ir/summation.py`` derives. Where it spills depends on the sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from twofold.ir.dtypes import DTYPES, info

from ..kernel.expression import names
from ..kernel.loops import Kernel
from ..kernel.statements import Fold
from .code import I32, I64, Code
from .lanes import BOOL, Lanes, Value
from .points import Point, Points
from .scalars import evaluate

__all__ = ["CHAINS", "TERMS", "Folds", "Total", "is_sum", "rounded"]

CHAINS = 4  # accumulators of a fold in a light loop
TERMS = 48  # terms that an accumulator of a sum adds before it spills


class Total:
    """A fold of many partial results in memory: sums in double precision, as exact as float64 is.

    The sum of two numbers and its rounding error are those of Knuth's TwoSum (The Art of Computer
    Programming 2, 4.2.2); the errors are added up beside the sum (Neumaier 1974).
    """

    def __init__(self, code: Code, fold: Fold, lanes: Lanes) -> None:
        self.b, self.fold, self.lanes = code.b, fold, lanes
        own = info(fold.dtype)
        wide = DTYPES["c128" if own.complex else "f64"]
        self.dtype = wide if is_sum(fold) else fold.dtype
        self.held = code.slot(lanes.type(self.dtype))
        self.lost = code.slot(lanes.type(wide)) if is_sum(fold) and own.double else None
        self.b.store(lanes.constant(fold.identity, self.dtype).ir, self.held)
        if self.lost is not None:
            self.b.store(lanes.constant(0.0, wide).ir, self.lost)

    def now(self, slot: ir.Value) -> Value:
        """What a slot holds."""
        return self.lanes.value(self.b.load(slot, typ=self.lanes.type(self.dtype)), self.dtype)

    def add(self, value: Value) -> None:
        """Fold a partial result in."""
        before, part = self.now(self.held), value.cast(self.dtype)
        after = combine(self.fold, before, part)
        self.b.store(after.ir, self.held)
        if self.lost is not None:
            added = after - before
            error = (before - (after - added)) + (part - added)
            self.b.store((self.now(self.lost) + error).ir, self.lost)

    def parts(self) -> list[Value]:
        """What is held, and what was lost."""
        return [self.now(slot) for slot in (self.held, self.lost) if slot is not None]


def rounded(fold: Fold, parts: Sequence[Value]) -> Value:
    """A total in the fold's dtype. What was lost is NaN where the sum is infinite or NaN."""
    total, *lost = parts
    for error in lost:
        total = error.is_nan().select(total, total + error)
    return total.cast(fold.dtype)


class Folds(Points):
    """Writes the folds of one kernel."""

    def __init__(self, kernel: Kernel, fn: ir.Function) -> None:
        super().__init__(kernel, fn)
        self.accs: dict[str, list[ir.Value]] = {}
        self.totals: dict[str, Total] = {}  # of the sums that spill
        self.since = None  # a slot: terms since the last spill
        self.side_by_side = 1  # vectors that the code being written computes at once
        self.chain = 0  # which of a fold's accumulators the code being written adds to

    @contextmanager
    def pairwise(self) -> Iterator[None]:
        """Code for two vectors side by side."""
        outside = self.lanes, self.all, self.side_by_side
        self.lanes, self.side_by_side = 2 * self.lanes, 2
        self.all = Lanes(self.b, self.lanes)
        yield
        self.lanes, self.all, self.side_by_side = outside

    def reset(self, folds: Iterable[Fold], spills: bool = True) -> None:
        """Set accumulators to their identities, and totals if sums may spill."""
        self.totals = {}
        for fold in folds:
            if fold.name not in self.accs:
                kind = self.all.type(fold.dtype)
                self.accs[fold.name] = [self.code.slot(kind) for _ in range(CHAINS)]
            self.clear(fold)
            if spills and is_sum(fold):
                self.totals[fold.name] = Total(self.code, fold, self.all)

    def clear(self, fold: Fold) -> None:
        """Set the accumulators of a fold to its identity."""
        for slot in self.accs[fold.name]:
            self.b.store(self.all.constant(fold.identity, fold.dtype).ir, slot)

    def start_counting(self) -> None:
        """For sums over several loops: ``count`` says how many terms are coming."""
        self.since = self.code.slot(I64)
        self.b.store(I64(0), self.since)

    def count(self, terms: ir.Value, folds: Sequence[Fold]) -> None:
        """Before so many terms are added to an accumulator: spill if that would be too many."""
        total = self.b.add(self.b.load(self.since, typ=I64), terms)
        over = self.b.icmp_signed(">", total, I64(TERMS))
        with self.b.if_then(over, likely=False):
            for fold in folds:
                self.spill(fold)
        self.b.store(self.b.select(over, terms, total), self.since)

    def spill(self, fold: Fold) -> None:
        """Move what a sum's accumulators hold to its total."""
        if fold.name in self.totals:
            self.totals[fold.name].add(self.vector(fold))
            self.clear(fold)

    def accumulator(self, fold: Fold, chain: int) -> Value:
        """What one of a fold's accumulators holds now."""
        slot, lanes = self.accs[fold.name][chain], Lanes(self.b, self.lanes // self.side_by_side)
        return lanes.value(self.b.load(slot, typ=lanes.type(fold.dtype)), fold.dtype)

    def accumulate(self, fold: Fold, point: Point) -> None:
        """Fold a vector into the vector accumulator, or two in order; masked lanes of folded points
        keep what they have."""
        x = self.value(folded(fold), point).cast(fold.dtype)
        if point.mask is not None and (
            isinstance(point.along, str) or point.along in self.kernel.reduced
        ):
            neutral = self.all.constant(fold.identity, fold.dtype)
            x = self.all.value(point.mask, BOOL).select(x, neutral)
        width = self.lanes // self.side_by_side
        for start in range(0, self.lanes, width):
            acc, part = self.accumulator(fold, self.chain), x
            if width < self.lanes:
                part = self._half(x, start, width)
            self.b.store(combine(fold, acc, part).ir, self.accs[fold.name][self.chain])

    def vector(self, fold: Fold) -> Value:
        """The accumulators of a fold, pairwise folded into one vector."""
        parts = [self.accumulator(fold, chain) for chain in range(CHAINS)]
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [combine(fold, x, y) for x, y in pairs]
        return parts[0]

    def in_lanes(self, fold: Fold) -> Value:
        """The result of a fold in each lane: of a kernel whose lanes are not folded."""
        if fold.name not in self.totals:
            return self.vector(fold)
        self.spill(fold)
        return rounded(fold, self.totals[fold.name].parts())

    def across(self, fold: Fold) -> Value:
        """The result of a fold over all lanes, which are folded pairwise."""
        if fold.name not in self.totals:
            return self.lanes_together(fold, self.vector(fold))
        self.spill(fold)
        parts = self.totals[fold.name].parts()
        return rounded(fold, [self.lanes_together(fold, part) for part in parts])

    def lanes_together(self, fold: Fold, vector: Value) -> Value:
        """Fold the lanes of a vector pairwise into one scalar."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            low, high = self._half(vector, 0, lanes), self._half(vector, lanes, lanes)
            vector = combine(fold, low, high)
        return vector

    def _half(self, vector: Value, start: int, count: int) -> Value:
        lanes = Lanes(self.b, count)
        if info(vector.dtype).complex:
            return lanes.pair(*(self._half(vector.part(i), start, count) for i in range(2)))
        if count == 1:
            return lanes.value(self.b.extract_element(vector.ir, I32(start)), vector.dtype)
        picked = ir.Constant(ir.VectorType(I32, count), list(range(start, start + count)))
        return lanes.value(self.b.shuffle_vector(vector.ir, vector.ir, picked), vector.dtype)


def folded(fold: Fold) -> str:
    """The value that a fold combines with its accumulator."""
    (name,) = (n for n in names(fold.expr) if n != fold.name)
    return name


def is_sum(fold: Fold) -> bool:
    """Whether a fold adds floating-point numbers."""
    value = folded(fold)
    sums = (f"{fold.name} + {value}", f"{value} + {fold.name}")
    return info(fold.dtype).inexact and fold.expr in sums


def combine(fold: Fold, acc: Value, x: Value) -> Value:
    """The accumulator with one more value; both may be wider than the fold's dtype."""
    return evaluate(acc.lanes, fold.expr, {fold.name: acc, folded(fold): x}, acc.dtype)
