"""Lists whose length the graph decides: appended to in a loop, or on one way of a branch.

The list stays the object that it is, so that every name of it and everybody who writes to it finds
it; what it holds is one ``Run``: the items as growable buffers, one for each tensor of an item, and
their number. All items have one form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED, TUPLES, sequence
from twofold.ir.tree import settled

from ..ndarrays.cells import Cell
from .aliases import is_around, tensors_in
from .choice import Choice, Run, holds_choice, values_of
from .forms import Form, Item, Items, Number, Scalar, Whole, item_form, widened
from .merge import HOLE, Build, Merger, Unmergeable
from .numbers import TracedNumber, as_tensor, raise_if, surely

__all__ = ["Grows", "Listed", "appended", "arrays_in", "element_form", "fewest", "in_one",
           "item_at", "item_of", "listed", "merged", "popped", "read", "replaced", "rows_of",
           "run_of", "runs", "template"]  # fmt: skip


def runs(value: Any) -> Run | None:
    """What a list holds whose length the graph decides; None for other values."""
    if type(value) is list and len(value) == 1 and type(value[0]) is Run:
        return value[0]
    return None


def element_form(values: list[Any]) -> Form | None:
    """The form of the items of lists; None if there are none. Raises Unmergeable."""
    found: Form | None = None
    for value in values:
        run = runs(value)
        if run is not None:
            found = run.form if found is None else both(found, run.form)
        else:
            for item in value:
                found = item_form(item) if found is None else widened(found, item)[0]
    if found is not None:
        template(found)
    return found


def both(left: Form, right: Form) -> Form:
    """One form for items of two. Raises Unmergeable."""
    if template(left) != template(right):
        raise Unmergeable("items of a list have several types")
    return left


def template(form: Form) -> Any:
    """What items of a form are, as texts. Raises Unmergeable."""
    if isinstance(form, Number):
        return form.kind.__name__
    if isinstance(form, Whole | Scalar):
        return f"{'tensor' if type(form) is Whole else 'scalar'} of {form.dtype}"
    if type(form) is Item:
        return f"array of {form.elements.dtype}"
    if isinstance(form, Items) and form.kind in TUPLES:
        return ("tuple", *map(template, form.forms))
    raise Unmergeable("items of a list that grows are no values of the graph")


def run_of(value: list[Any], form: Form) -> Run:
    """The items of a list in the present graph. Raises Unmergeable."""
    found = runs(value)
    if found is not None:
        both(found.form, form)
        return found
    cells = _put(*value)
    leaves = [form.take(item) for item in value]
    kinds = leaves[0] if leaves else form.zeros()
    buffers = [OPS["buffer_new"](of=t.value.type) for t in kinds]
    for at, row in enumerate(leaves):
        buffers = _written(buffers, as_tensor(at, int), row)
    return Run(form, buffers, TracedNumber(int, as_tensor(len(value), int)), len(value),
               cells, _any_drawn(cells))  # fmt: skip


def _written(buffers: list[Any], at: Any, row: list[Any]) -> list[Any]:
    """Buffers with the tensors of an item at a position. (A write and its gradient take buffers of
    zeros without elements, as gradients have them; ``buffer_push`` does not.)"""
    _check_types(row, buffers)
    return [surely("buffer_write", b, at, x)[0] for b, x in zip(buffers, row, strict=True)]


def _check_types(row: list[Any], buffers: list[Any]) -> None:
    for tensor, buffer in zip(row, buffers, strict=True):
        if tensor.value.type != buffer.value.type.element:
            raise Unmergeable("items of a list that grows have several shapes")


def appended(run: Run, item: Any) -> Run:
    """With one more item. Raises Unmergeable."""
    both(run.form, item_form(item))
    cells = _put(item)
    made = _written(run.buffers, run.count.tensor(np.int64), run.form.take(item))
    return Run(run.form, made, _moved(run.count, 1), run.least + 1, run.cells + cells,
               run.shared or _any_drawn(cells))  # fmt: skip


def _moved(count: Any, by: int) -> TracedNumber:
    return TracedNumber(int, count.tensor(np.int64) + OPS["constant"](value=np.int64(by)))


def popped(run: Run) -> tuple[Any, Run]:
    """The last item, and what is left. The graph raises where there is none."""
    raise_if(run.count.tensor(np.int64) == 0, IndexError("pop from empty list"))
    count = _moved(run.count, -1)
    made, one = read(run, count.tensor(np.int64)), as_tensor(1, int)
    buffers = [OPS["buffer_drop"](b, one) for b in run.buffers]
    return made, Run(run.form, buffers, count, max(run.least - 1, 0), run.cells, run.shared)


def _position(run: Run, index: Any, words: str) -> Any:
    count, at = run.count.tensor(np.int64), as_tensor(index, int)
    if type(index) is int:
        at = count + at if index < 0 else at
    else:
        at = OPS["where"](at < 0, at + count, at)
    raise_if((at < 0) | (at >= count), IndexError(words))
    return at


def item_of(run: Run, index: Any) -> Any:
    """The item at an index. The graph raises where there is none."""
    at = _position(run, index, "list index out of range")
    return read(run, at)


def item_at(values: Any, index: Any) -> Any:
    """The item of a list or tuple of a known length at an index of the graph, which raises where
    there is none. Raises Unmergeable where the items have no common form."""
    form = element_form([list(values)])
    if form is None:
        raise Unmergeable("it is empty")
    rows, count = [form.take(item) for item in values], len(values)
    if any([t.value.type for t in row] != [t.value.type for t in rows[0]] for row in rows):
        raise Unmergeable("items have several shapes")
    at = as_tensor(index, int)
    at = OPS["where"](at < 0, at + count, at)
    words = f"{type(values).__name__} index out of range"
    wrong = (at < 0) | (at >= count)
    raise_if(wrong, IndexError(words))
    at = OPS["where"](wrong, as_tensor(0, int), at)  # it may be computed before the test
    columns = [OPS["stack"](list(column)) for column in zip(*rows, strict=True)]
    made = form.make(iter([surely("gather", c, at, axis=0) for c in columns]))
    known = _aliases()
    for i, tensor in enumerate(tensors_in(made)):
        known.stand(tensor, [tensors_in(item)[i] for item in values])
    return made


def in_one(value: Any) -> Any:
    """A list or tuple for who reads its items only: where one of them is one of several arrays, an
    array with its elements. Raises Unmergeable where they have no common form."""
    if type(value) not in LISTED or not holds_choice(value):
        return value
    made = []
    for v in value:
        if type(v) is Choice:
            form = item_form(v)
            if type(form) is not Item:
                raise Unmergeable("a value of several types")
            v = form.make(iter(form.take(v)))
        made.append(v)
    return sequence(type(value), made)


def read(run: Run, at: Any) -> Any:
    """The item at a position, of which it is known that there is one."""
    made = run.form.make(iter([surely("buffer_read", b, at) for b in run.buffers]))
    _aliases().drawn.update({id(cell): cell for cell in _put(made)})
    return made


def _put(*values: Any) -> tuple[Any, ...]:
    """Objects go into a list by their elements, or come out of it. The memory of the arrays."""
    several = [v for value in values for v in values_of(value)]
    _aliases().copy(several)
    return tuple([t for v in several for t in tensors_in(v) if type(t) is Cell])


def _any_drawn(cells: tuple[Any, ...]) -> bool:
    """Whether one of these arrays has come out of a list."""
    return any(id(cell) in _aliases().drawn for cell in cells)


def _aliases() -> Any:
    return bind.ground().arrays.machine.heap.aliases  # type: ignore[attr-defined]


def replaced(run: Run, index: Any, item: Any) -> Run:
    """With another item at an index."""
    at = _position(run, index, "list assignment index out of range")
    both(run.form, item_form(item))
    cells = _put(item)
    return Run(run.form, _written(run.buffers, at, run.form.take(item)), run.count, run.least,
               run.cells + cells, run.shared or _any_drawn(cells))  # fmt: skip


def rows_of(run: Run) -> list[Any]:
    """For each tensor of an item, a tensor with those of all items as rows."""
    sizes: Any = bind.ground().sizes
    return [OPS["buffer_rows"](b, length=sizes.fresh()) for b in run.buffers]


class Grows(Form):
    """What a list holds that gets more or fewer items in a loop."""

    def __init__(
        self, form: Form, least: int = 0, cells: tuple[Any, ...] = (), shared: bool = False
    ) -> None:  # fmt: skip
        self.form, self.least, self.cells, self.shared = form, least, cells, shared

    @property
    def key(self) -> Any:
        return "list"

    def take(self, value: Any) -> list[Any]:
        run = run_of(value, self.form)
        return [*map(own_buffer, run.buffers), run.count.tensor(np.int64)]

    def zeros(self) -> list[Any]:
        return self.take([])

    def make(self, tensors: Iterator[Any]) -> Any:
        buffers = [next(tensors) for _ in self.form.zeros()]
        count = TracedNumber(int, next(tensors))
        return [Run(self.form, buffers, count, self.least, self.cells, self.shared)]

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if type(value) is not list:
            raise Unmergeable("a list becomes something else in a loop")
        found = element_form([value])
        if found is not None:
            both(self.form, found)
        least = min(fewest(value), self.least)
        run, cells = runs(value), arrays_in(value)
        twice = len({id(c) for c in cells}) < len(cells)
        shared = self.shared or twice or (run is not None and run.shared)
        shared = shared or not all(map(is_made_inside, self.put(value)))
        if (least, shared) == (self.least, self.shared):
            return self
        return Grows(self.form, least, self.cells, shared)

    def put(self, value: list[Any]) -> list[Any]:
        """The memory of the arrays that a trip has put into the list."""
        before = {id(cell) for cell in self.cells}
        return [cell for cell in arrays_in(value) if id(cell) not in before]


def is_made_inside(cell: Any) -> bool:
    """Whether the present trace, or one in it, has made an array, or the trip before it."""
    born = _aliases().given.get(id(cell), (cell, cell.born))[1]
    return born is not None and is_around(bind.ground(), born)


def fewest(value: list[Any]) -> int:
    """How many items a list has at least."""
    run = runs(value)
    return len(value) if run is None else run.least


def arrays_in(value: list[Any]) -> tuple[Any, ...]:
    """The memory of the arrays that are known to be in a list."""
    run = runs(value)
    if run is not None:
        return run.cells
    several = [v for item in value for v in values_of(item)]
    return tuple([t for v in several for t in tensors_in(v) if type(t) is Cell])


def own_buffer(buffer: Any) -> Any:
    """A buffer as a leaf of the present graph."""
    return bind.ground().tensor(bind.ground().value(buffer))


def merged(merger: Merger, column: Sequence[Any], what: str) -> Build:
    """What makes the items of a list that has another length on each way. Raises Unmergeable."""
    form = element_form([c for c in column if c is not HOLE])
    if form is None:
        raise Unmergeable(f"{what} has another length on each way")
    made = merger.within(lambda c: run_of(c, form), column)
    count = merger.column(merger.within(lambda r: r.count.tensor(np.int64), made))
    places = []
    for k in range(len(form.zeros())):
        buffers = [HOLE if r is HOLE else r.buffers[k] for r in made]
        places.append(merger.column(merger.within(own_buffer, buffers)))
    several = [r for r in made if r is not HOLE]
    known = {id(cell): cell for r in several for cell in r.cells}
    facts = min([r.least for r in several]), (*known.values(),), any(r.shared for r in several)
    return lambda outs: [
        Run(form, [outs[k] for k in places], TracedNumber(int, outs[count]), *facts)
    ]


# what a caller gets


@settled(mutable=True)
class Listed(NamedTuple):
    """A list that a compiled function returns: what its items are, and their tensors as rows."""

    form: Any
    rows: Any
    count: Any

    def settled(self) -> list[Any]:
        """The list."""
        return [_built(self.form, iter(self.rows), i) for i in range(int(self.count))]


def listed(run: Run) -> Listed:
    """A list for the caller."""
    return Listed(template(run.form), tuple(rows_of(run)), run.count)


def _built(form: Any, rows: Iterator[Any], at: int) -> Any:
    if isinstance(form, tuple):
        return tuple([_built(f, rows, at) for f in form[1:]])
    row = next(rows)[at]
    kind = form.partition(" ")[0]
    if kind == "tensor":
        return row
    if kind == "array":
        return np.array(row.numpy())
    return row.numpy()[()] if kind == "scalar" else row.item()
