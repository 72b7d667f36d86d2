"""What the steps of a function say before it runs: where branches join, what makes a loop, which
variables are read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from types import CodeType

from .code import KEPT, LAST, Program, program_of

__all__ = ["END", "Flow", "flow_of"]

END = -1  # where a function returns
START = -2  # where several ways begin
_BOTH = frozenset(
    ("POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE",
     "JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP", "FOR_ITER", "SEND")
)  # fmt: skip
_ENDS = frozenset(("STORE_FAST", "STORE_DEREF", "STORE_ATTR", "STORE_SUBSCR", "POP_TOP"))
_READS = frozenset(
    ("LOAD_FAST", "LOAD_SLOT", "LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF", "DELETE_FAST",
     "LOAD_FAST_AND_CLEAR", "MAKE_CELL")
)  # fmt: skip
_WRITES = frozenset(("STORE_FAST", "DELETE_FAST", "LOAD_FAST_AND_CLEAR", "MAKE_CELL"))


class Flow:
    """The control flow of one code object. Exceptions count for what is read, not for joins."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.after: list[tuple[int, ...]] = [self._after(i) for i in range(len(program.steps))]
        self.ways = [self._ways(i) for i in range(len(program.steps))]  # a `raise` to its handler
        self.live = self._liveness()
        self._entries = Counter(k for i in self._reached() for k in self.after[i])
        self._first: dict[int, frozenset[str]] = {}
        self._raising: dict[int, bool] = {}
        self._joins: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        self.loops = self._natural_loops()

    @cached_property
    def regular(self) -> list[frozenset[str]]:
        """What ``live`` is where no ``with`` suppresses exceptions."""
        return self._liveness(suppressed=False)

    def _suppresses(self, i: int) -> bool:
        """Whether a step jumps to behind a ``with`` that has suppressed an exception."""
        steps = self.program.steps
        return (steps[i - 1].op, steps[i].op) == ("WITH_EXCEPT_START", "POP_JUMP_IF_TRUE")

    def _after(self, i: int) -> tuple[int, ...]:
        step = self.program.steps[i]
        if step.op in LAST:
            return (END,)
        if step.op == "JUMP":
            return (step.target,)
        return (i + 1, step.target) if step.op in _BOTH else (i + 1,)

    def _ways(self, i: int) -> tuple[int, ...]:
        handler = self.program.handlers[i]
        raises = self.program.steps[i].op in ("RAISE_VARARGS", "RERAISE")
        return (handler.target,) if raises and handler is not None else self.after[i]

    def only_raises(self, start: int) -> bool:
        """Whether every way on from a step ends in a ``raise`` that nothing here catches."""
        if start not in self._raising:
            self._raising[start] = self._only_raises(start)
        return self._raising[start]

    def _only_raises(self, start: int) -> bool:
        seen, left = {start}, [start]
        for i in left:  # grows while it is read
            if self.program.steps[i].op == "RETURN_VALUE":
                return False
            following = [k for k in self.ways[i] if k != END and k not in seen]
            seen.update(following)
            left += following
        return True

    def read_first(self, head: int) -> frozenset[str]:
        """The variables that a trip of a loop may read before it writes to them. A comprehension
        that is a part of the function keeps what its variable held: there may be nothing."""
        if head not in self._first:
            reads = _READS - {"LOAD_FAST_AND_CLEAR"}
            self._first[head] = self._liveness(self.loops[head], reads)[head]
        return self._first[head]

    def _liveness(
        self,
        inside: frozenset[int] | None = None,
        reads: frozenset[str] = _READS,
        suppressed: bool = True,
    ) -> list[frozenset[str]]:
        """For each step the variables that are read from there on before they are written, by the
        steps ``inside``. ``suppressed``: also behind a ``with`` that suppressed an exception."""
        steps, n = self.program.steps, len(self.program.steps)
        live: list[set[str]] = [set() for _ in range(n)]
        changed = True
        while changed:
            changed = False
            for i in range(n - 1, -1, -1):
                found: set[str] = set()
                if inside is not None and i not in inside:
                    continue
                for k in self.after[i]:
                    jumps = k == steps[i].target and not suppressed and self._suppresses(i)
                    found |= live[k] if k != END and not jumps else set()
                if steps[i].op in _WRITES:
                    found.discard(steps[i].arg)
                if steps[i].op in reads:
                    found.add(steps[i].arg)
                handler = self.program.handlers[i]
                if handler is not None:
                    found |= live[handler.target]
                if found != live[i]:
                    live[i], changed = found, True
        return [frozenset(names) for names in live]

    def join(self, starts: Iterable[int], stops: frozenset[int]) -> int:
        """The first step that every way from all of ``starts`` comes to, before it leaves the
        function or comes to one of ``stops``; END if there is none. Ways that only raise do not
        count, if others are there."""
        key = frozenset(starts) or frozenset((END,)), stops
        if key not in self._joins:
            self._joins[key] = self._join(*key)
        return self._joins[key]

    def joins(self, first: int, stops: frozenset[int]) -> list[int]:
        """A step that ways join at, and the next ones behind it that others come to as well."""
        found, at = [first], first
        while at != END and at not in stops and len(found) < 3:
            at = self.join(self.ways[at], stops)
            if at != END and self._entries[at] > 1:
                found.append(at)
        return found

    def statements(self, at: int, stops: frozenset[int]) -> list[int]:
        """The steps behind the next assignments on the only way from a step."""
        found: list[int] = []
        steps = self.program.steps
        while len(found) < 2 and at != END and at not in stops and len(self.after[at]) == 1:
            ends = steps[at].op in _ENDS
            (at,) = self.after[at]
            found += [at] if ends and at != END else []
        return found

    def _join(self, starts: frozenset[int], stops: frozenset[int]) -> int:
        ways: dict[int, Iterable[int]] = {START: self._going_on(sorted(starts))}
        todo = list(ways[START])
        while todo:
            i = todo.pop()
            if i not in ways and i != END:
                ways[i] = (END,) if i in stops else self._going_on(self.ways[i])
                todo += ways[i]
        return post_dominator(ways, START, END)

    def _going_on(self, ways: Sequence[int]) -> Sequence[int]:
        """Those that do not only raise; all of them if there is no other."""
        if len(ways) < 2:
            return ways
        return [k for k in ways if k == END or not self.only_raises(k)] or ways

    def _avoids(self, head: int, target: int) -> bool:
        """Whether a step can be come to without another: a jump back to that one makes no loop
        then. It is how a handler goes on behind its ``try``."""
        return target != head and target in self._reached(without=head)

    def _reached(self, without: int = END) -> set[int]:
        """The steps that can be come to, also by exceptions."""
        seen, left = {0}, [0] if without else []
        for i in left:  # grows while it is read
            handler = self.program.handlers[i]
            ways = self.after[i] if handler is None else (*self.after[i], handler.target)
            following = set(ways) - seen - {END, without}
            seen |= following
            left += following
        return seen

    def _natural_loops(self) -> dict[int, frozenset[int]]:
        """The steps of each loop by the step that it begins at: the target of backward jumps."""
        before: dict[int, set[int]] = {}
        reached = sorted(self._reached())  # what ``Program`` has made superfluous is not
        for i in reached:
            for k in self.after[i]:
                before.setdefault(k, set()).add(i)
        found: dict[int, set[int]] = {}
        for i in reached:
            for head in self.after[i]:
                if head == END or head > i or self._avoids(head, i):
                    continue
                inside = found.setdefault(head, {head})
                todo = [i]
                while todo:
                    k = todo.pop()
                    if k not in inside:
                        inside.add(k)
                        todo += before.get(k, ())
        return {head: frozenset(inside) for head, inside in found.items()}

    def exits(self, head: int) -> frozenset[int]:
        """Where a loop is left, END for a ``return`` in it."""
        inside = self.loops[head]
        found = {k for i in inside for k in self.after[i] if k not in inside}
        return frozenset(k for k in found if k == END or not self.only_raises(k))

    def assigned(self, head: int) -> frozenset[str]:
        """The variables that a loop gives values, with what handles exceptions of its trips."""
        steps, handlers, behind = self.program.steps, self.program.handlers, self.exits(head)
        seen = set(self.loops[head])
        left = [h.target for i in seen if (h := handlers[i]) is not None]
        for i in left:  # grows while it is read
            if i not in seen and i not in behind and i != END:
                seen.add(i)
                left += self.after[i]
                left += [h.target for h in (handlers[i],) if h is not None]
        return frozenset(steps[i].arg for i in seen if steps[i].op in _WRITES)


def post_dominator(ways: dict[int, Iterable[int]], start: int, end: int) -> int:
    """The first node behind ``start`` that every way from it to ``end`` passes; ``end`` if there is
    no other.

    ``ways``: the successors of each node. Every such node lies on any one way. What can be come to
    from the part of that way in front of a node, not through nodes of the way, says how far it can
    be avoided: the first that cannot is the one. Each node is looked at once.
    """
    way = _one_way(ways, start, end)
    places = {node: i for i, node in enumerate(way)}
    seen: set[int] = set()
    i = far = 0
    while i == 0 or i < far:
        todo = [way[i]]
        while todo:
            for k in ways.get(todo.pop(), ()):
                place = places.get(k)
                if place is not None:
                    far = max(far, place)
                elif k not in seen:
                    seen.add(k)
                    todo.append(k)
        i += 1
    return way[far] if far else end


def _one_way(ways: dict[int, Iterable[int]], start: int, end: int) -> list[int]:
    """The nodes of a way from ``start`` to ``end``; ``start`` alone if there is none."""
    came: dict[int, int] = {start: start}
    todo = [start]
    while todo and end not in came:
        node = todo.pop()
        for k in ways.get(node, ()):
            if k not in came:
                came[k] = node
                todo.append(k)
    if end not in came:
        return [start]
    way = [end]
    while way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]


@lru_cache(KEPT)
def flow_of(code: CodeType) -> Flow:
    """The control flow of a code object."""
    return Flow(program_of(code))
