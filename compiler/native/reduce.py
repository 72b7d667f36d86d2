"""``reduce`` in kernels with control flow, to LLVM: in vectors, though the rest has one lane.

A vector runs along the last index of the box, and the accumulators, and where they spill, are those
of folded loops (``folds.py``): so a sum has the same bound here, and depends on the sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from ..kernel.expression import calls
from ..kernel.functions import CHEAP
from ..kernel.lanes import lanes_of_reduce
from ..kernel.statements import Apply, Reduce, Statement
from .code import I64
from .folds import CHAINS, TERMS, Folds, is_sum
from .lanes import Lanes
from .points import INT64, Point

__all__ = ["Reductions"]

FEW = 12  # statements beside which the latency of additions shows


class Reductions(Folds):
    """Writes the statements of one kernel, ``reduce`` among them."""

    def control(self, s: Statement, point: Point) -> None:
        """A ``reduce``, or what ``points.py`` has."""
        if isinstance(s, Reduce):
            self.reduce(s, point)
        else:
            super().control(s, point)

    def reduce(self, s: Reduce, point: Point) -> None:
        """Fold, and make known what that gives."""
        outside = self.lanes, self.all
        self.lanes = lanes_of_reduce(s)
        self.all = Lanes(self.b, self.lanes)
        stops = [self.address(stop, point) for stop in s.stops]
        spills = any(map(is_sum, s.folds))
        self.reset(s.folds, spills)
        self.start_counting()
        here = point.inner()
        with self._outer(s.names[:-1], stops[:-1], here):
            self._row(s, stops[-1], here, spills)
        point.values.update({fold.name: self.across(fold) for fold in s.folds})
        self.lanes, self.all = outside

    @contextmanager
    def _outer(
        self, names: Sequence[str], stops: Sequence[ir.Value], here: Point
    ) -> Iterator[None]:
        """Loops over all indices but the last."""
        if not names:
            yield
            return
        with self.code.loop(I64(0), stops[0]) as index:
            here.values[names[0]] = self.one.value(index, INT64)
            with self._outer(names[1:], stops[1:], here):
                yield

    def _row(self, s: Reduce, stop: ir.Value, here: Point, spills: bool) -> None:
        """The last index, in parts between which sums may spill."""
        dear = any(calls(x.expr) - CHEAP for x in s.body if isinstance(x, Apply))
        chains = CHAINS if not dear and len(s.body) <= FEW else 1
        if not spills:
            self._part(s, I64(0), stop, here, chains)
            return
        step = chains * self.lanes
        part = (TERMS - chains) * step if chains > 1 else TERMS * step
        with self.code.loop(I64(0), stop, part) as lo:
            hi = self.code.least(self.b.add(lo, I64(part)), stop)
            length = self.b.sub(hi, lo)
            terms = self.b.sdiv(self.b.add(length, I64(self.lanes - 1)), I64(self.lanes))
            if chains > 1:  # what is left behind whole steps goes to the first accumulator
                shared = self.b.add(self.b.sdiv(length, I64(step)), I64(chains))
                terms = self.code.least(terms, shared)
            self.count(terms, s.folds)
            self._part(s, lo, hi, here, chains)

    def _part(self, s: Reduce, lo: ir.Value, hi: ir.Value, here: Point, chains: int) -> None:
        """Several vectors at a time, then one, then one with a mask."""
        length = self.b.sub(hi, lo)
        whole = self.b.sub(hi, self.b.srem(length, I64(self.lanes)))

        def at(index: ir.Value, mask: ir.Value | None) -> None:
            values = {**here.values, s.names[-1]: self.one.value(index, INT64)}
            self.run(s.body, Point(here.indices, values, True, mask, hi, s.names[-1]))

        first = lo
        if chains > 1:
            step = chains * self.lanes
            first = self.b.sub(hi, self.b.srem(length, I64(step)))
            with self.code.loop(lo, first, step) as index:
                for self.chain in range(chains):
                    at(self.b.add(index, I64(self.chain * self.lanes)), None)
            self.chain = 0
        with self.code.loop(first, whole, self.lanes) as index:
            at(index, None)
        if self.lanes > 1:
            with self.b.if_then(self.b.icmp_signed("<", whole, hi)):
                at(whole, self.mask(whole, hi))
