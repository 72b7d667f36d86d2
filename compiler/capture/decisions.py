"""What values of the graph decide: both ways are gone, and the trips of a loop become one of the
graph's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.runtime.variable import Variable

from ..loading import late
from .branches import Again, Given, Redo, fork
from .flow import END, flow_of
from .frame import Frame
from .lists import Lists
from .machine import Decide, Generator, Raised
from .numbers import TracedNumber
from .raising import decision_of
from .staged import known_truth

__all__ = ["Decisions"]


class Decisions(Lists):
    """A machine that goes on on both ways where it does not know which one is taken."""

    def truth(self, frame: Frame, value: Any) -> Any:
        if isinstance(value, Variable):
            value = value.read_value()
        found = known_truth(value)
        if found is None:
            return super().truth(frame, value)
        return found if isinstance(found, bool) else TracedNumber(bool, found)

    def decision(self, frame: Frame, value: Any) -> Any:
        """The truth of a value: a bool, or a bool tensor."""
        found = self.truth(frame, value)
        return found.held if type(found) is TracedNumber else found

    def choose(self, frame: Frame, value: Any, yes: int, no: int, drops: int = 0) -> Any:
        holds_ = self.decision(frame, value)
        if not isinstance(holds_, bool):
            return self._decide(frame, holds_, yes, no, drops)
        frame.at = yes if holds_ else no
        if drops == (1 if holds_ else 2):
            frame.stack.pop()
        return None

    def _decide(self, frame: Frame, predicate: Any, yes: int, no: int, drops: int) -> Any:
        flow = flow_of(frame.code)
        here = frame.now
        for at, other in ((yes, no), (no, yes)):
            inside = flow.loops.get(at)
            if inside is not None and here not in inside and other not in inside and not drops:
                ways = (Again(at), other) if at == yes else (other, Again(at))
                return fork(self, frame, predicate, *ways)
        return self._part(frame, predicate, yes, no, drops)

    def _part(self, frame: Frame, predicate: Any, yes: Any, no: Any, drops: int = 0) -> Any:
        """Go two ways, of a trip if this is in a loop that has been one of Python's so far."""
        flow, here = flow_of(frame.code), frame.now
        heads = [h for h, inside in flow.loops.items() if here in inside and h not in frame.stops]
        if not heads or any(type(x) is Generator for x in frame.stack):
            return fork(self, frame, predicate, yes, no, drops)  # each item is asked for by itself
        head = min(heads, key=lambda h: len(flow.loops[h]))
        return self._finish_trip(frame, head, lambda: fork(self, frame, predicate, yes, no, drops))

    def decide_trip(self, frame: Frame, predicate: Any, yes: Any, no: Any) -> Any:
        """Go two ways that begin in any way; see ``fork``."""
        return self._part(frame, predicate, yes, no)

    def decided(self, frame: Frame, decide: Decide) -> Any:
        ways = Given(frame.now + 1, Raised(decide.error)), Redo(frame.now, frame.tests)
        return self._part(frame, decide.condition, *ways)

    def excludes_node(self, tracer: Any, node: Any) -> bool:
        """The same for a node that is about to be staged; see ``raising.py``."""
        frame = self.running
        if frame is None or not frame.catches or tracer is not frame.home:
            return False
        token = bind.push(tracer)
        try:
            return self.excludes(decision_of(node.op.name, node.inputs, node.attrs))
        finally:
            bind.pop(token)

    def excludes(self, decide: Decide | None) -> bool:
        """Whether the present step does not raise here, since that has been decided. Raises the
        decision if it is still to be made; it cannot, where nobody around the frame catches
        anything, or where its caller takes no exception as a value."""
        frame = self.running
        if decide is None or frame is None or not frame.catches:
            return False
        if bind.ground() is not frame.home:
            return False
        if frame.tests >= frame.passed:
            frame.tests += 1
            raise decide
        frame.tests += 1
        return True

    def _finish_trip(self, frame: Frame, head: int, decide: Callable[[], Any]) -> Any:
        """A decision in a loop that has been a loop of Python's so far: this trip is made, and the
        others become a loop of the graph."""
        loops = late("capture.loops")
        loop, before = loops.Loop(self, frame, head), frame.stops
        frame.stops = before | {head} | {t for t in loop.exits if t != END}
        try:
            ended = decide()
            if ended is None:
                ended = self.run(frame)
        finally:
            frame.stops = before
        return loops.settle(self, frame, loop.after_trip(frame, ended), peeled=head)

    def negation(self, frame: Frame, value: Any) -> Any:
        found = self.decision(frame, value)
        return (
            not found if isinstance(found, bool) else TracedNumber(bool, OPS["logical_not"](found))
        )
