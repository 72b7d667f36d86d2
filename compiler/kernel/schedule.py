"""What a kernel computes where: which sweep, what is computed again, what is kept.

A value is at *full* level if it has an element for every point of the loops, else at *outer* level:
one for each point of the loops that are not folded. The rules, in the order of the code:

1. **As early as possible.** A value belongs to the first sweep in which all it needs is known
   (``Values.ready``). A full value that needs the result of a fold cannot be in the fold's sweep,
   which must have gone through all points first: it waits for the next. An outer value that needs
   the result is computed once, after the sweep. Outer values that need no fold stand before all
   sweeps.
2. **Computed again, by default.** A sweep computes every full value that its folds and stores need,
   from the loads on (``_needed``). A row that was just read is in the first-level cache, and an
   addition costs less than a trip to memory, so cheap values (``functions.py`` says which
   functions are) are never kept for later sweeps.
3. **Kept, if it is stored anyway.** A full value that an earlier sweep has stored as an output is
   loaded from there instead.
4. **Kept, if it is dear and there is room.** A value that calls a function which is not cheap, and
   that a later sweep needs, is written in its own sweep to an output which that later sweep is
   going to overwrite anyway (``_keep_dear``): softmax keeps its exponentials in the result. It
   takes an output of the same dtype that nobody has claimed and that is stored no earlier than the
   value is needed last, also for what later sweeps compute again. No memory is ever added for it.
5. **Constants** stand before everything.

Which nodes share a kernel at all was decided by ``passes/fuse.py``; which loops become one, by
``axes.py``. How a sweep is cut into vectors, blocks and threads is the target's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .expression import calls, names
from .functions import CHEAP
from .loops import Sweep
from .statements import Access, Apply, Block, Const, Fold, Load, Store

__all__ = ["Scheduled", "Values", "schedule"]

Value = Const | Load | Apply | Fold


class Scheduled:
    """Constants, what runs before the sweeps, the sweeps."""

    def __init__(self, consts: Iterable[Const], before: Block, sweeps: Iterable[Sweep]) -> None:
        self.consts, self.before, self.sweeps = tuple(consts), before, tuple(sweeps)


class Values:
    """The values of a kernel in order, with their level and the first sweep that can have them."""

    def __init__(self, reduced: frozenset[int]) -> None:
        self.reduced = reduced
        self.table: dict[str, Value] = {}
        self.full: dict[str, bool] = {}
        self.sweep: dict[str, int] = {}  # -1: before all sweeps

    def add(self, value: Value, full: bool, sweep: int) -> str:
        """Append a value."""
        self.table[value.name] = value
        self.full[value.name], self.sweep[value.name] = full, sweep
        return value.name

    def new_name(self, kind: str) -> str:
        """A name that no value has."""
        return f"{kind}{len(self.table)}"

    def ready(self, args: Iterable[str], full: bool) -> int:
        """The first sweep in which a value with these arguments can be computed (rule 1)."""
        first = 0 if full else -1
        for arg in args:
            after = self.sweep[arg]
            first = max(first, after + 1 if full and not self.full[arg] else after)
        return first

    def at_every_point(self, store: Store) -> bool:
        """Whether a store writes another element at every point of the folded loops."""
        return all(not is_zero(store.access.index.strides[a]) for a in self.reduced)

    def sweep_of(self, store: Store) -> int:
        """The sweep whose loops (or what follows them) write an output."""
        sweep = self.sweep[store.value]
        if not self.full[store.value] and self.at_every_point(store):
            sweep += 1  # a result of folding, spread over the points again
        return max(sweep, 0)

    def dtype(self, store: Store) -> np.dtype[Any]:
        """The dtype of what is stored."""
        return self.table[store.value].dtype


def is_zero(stride: object) -> bool:
    """Whether a stride is known to be 0."""
    return isinstance(stride, int) and stride == 0


def arguments(value: Value) -> tuple[str, ...]:
    """The values that a value is computed from."""
    if isinstance(value, Apply):
        return names(value.expr)
    return tuple(n for n in names(value.expr) if n != value.name) if isinstance(value, Fold) else ()


def schedule(values: Values, outputs: list[Store]) -> Scheduled:
    """Distribute values and stores over sweeps."""
    folds = [f for f in values.table.values() if isinstance(f, Fold)]
    last = max([values.sweep[f.name] for f in folds] + [values.sweep_of(s) for s in outputs])
    inner: list[list[Store]] = [[] for _ in range(last + 1)]
    after: list[list[Store]] = [[] for _ in range(last + 1)]
    kept: dict[str, tuple[int, Access]] = {}  # rules 3 and 4: since which sweep it lies where
    for store in outputs:
        sweep = values.sweep_of(store)
        at_points = not values.reduced or values.full[store.value] or values.at_every_point(store)
        (inner if at_points else after)[sweep].append(store)
        if at_points and isinstance(values.table[store.value], Apply):
            kept[store.value] = max(values.sweep[store.value], 0), store.access
    _keep_dear(values, outputs, inner, kept)
    sweeps = []
    for number in range(last + 1):
        here = [f for f in folds if values.sweep[f.name] == number]
        roots = [arguments(f)[0] for f in here] + [s.value for s in inner[number]]
        computed = _needed(values, roots, number, kept)
        late = [v for v in _outer(values) if values.sweep[v.name] == number and number >= 0]
        late = [v for v in late if _waits(values, v)]
        sweeps.append(Sweep((*computed, *here, *inner[number]), (*late, *after[number])))
    before = tuple(v for v in _outer(values) if not _waits(values, v))
    consts = [c for c in values.table.values() if isinstance(c, Const)]
    return Scheduled(consts, before, sweeps)


def _outer(values: Values) -> list[Load | Apply]:
    """What is computed once for each point of the loops that are not folded."""
    return [
        v for v in values.table.values()
        if isinstance(v, Load | Apply) and not values.full[v.name]
    ]  # fmt: skip


def _waits(values: Values, value: Load | Apply) -> bool:
    """Whether an outer value depends on a fold."""
    return values.sweep[value.name] >= 0


def _needed(
    values: Values, roots: list[str], sweep: int, kept: dict[str, tuple[int, Access]]
) -> list[Load | Apply]:
    """What computes ``roots`` at full level in a sweep, in order (rule 2)."""
    order: list[Load | Apply] = []
    seen: set[str] = set()
    stack = [(r, False) for r in reversed(roots)]
    while stack:
        name, expanded = stack.pop()
        value = values.table[name]
        if expanded:
            assert isinstance(value, Load | Apply)
            order.append(value)
            continue
        if name in seen or isinstance(value, Fold | Const) or not values.full[name]:
            continue
        seen.add(name)
        if name in kept and kept[name][0] < sweep:
            order.append(Load(name, value.dtype, kept[name][1]))
            continue
        stack.append((name, True))
        stack.extend((a, False) for a in reversed(arguments(value)))
    return order


def _keep_dear(
    values: Values, outputs: list[Store], inner: list[list[Store]],
    kept: dict[str, tuple[int, Access]],
) -> None:  # fmt: skip
    """Rule 4."""
    free = [s for s in outputs if values.full[s.value] and values.sweep[s.value] > 0]
    for name, value in values.table.items():
        if not isinstance(value, Apply) or not values.full[name] or name in kept or not free:
            continue
        if not calls(value.expr) - CHEAP:
            continue
        first, last = values.sweep[name], _last_use(values, name, kept)
        room = (
            s for s in free
            if values.dtype(s) == value.dtype and first < values.sweep[s.value] >= last
        )  # fmt: skip
        home = next(room, None)
        if last > first and home is not None:
            free.remove(home)
            inner[first].append(Store(home.access, name))
            kept[name] = first, home.access


def _last_use(values: Values, name: str, kept: dict[str, tuple[int, Access]]) -> int:
    """The last sweep that needs a full value, be it for one that it computes again (rule 2)."""
    last: dict[str, int] = {}
    for value in reversed(values.table.values()):
        until = values.sweep[value.name]
        if values.full[value.name] and not isinstance(value, Fold) and value.name not in kept:
            until = max(until, last.get(value.name, 0))
        for argument in arguments(value):
            last[argument] = max(until, last.get(argument, 0))
    return last.get(name, 0)
