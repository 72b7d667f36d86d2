"""What comes out where branches join: equal values stay, others become outputs of the branches.

``Merger`` has a column of values, one of each branch, and gives back what makes the merged value of
the outputs of the node. Inside a branch a number that it is to hand out becomes a tensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dims import symbols_of
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import sequence
from twofold.ir.types import BufferType
from twofold.runtime.carried import own_tensor
from twofold.runtime.tensor import Tensor

from ..control.part import Part
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.operands import fresh
from ..symint import SymInt
from ..symnumber import SymNumber
from ..trace import Traced
from .choice import Choice, Run, alternatives, chosen
from .frame import UNBOUND
from .heap import EMPTY, Heap
from .instances import built, fields_of, is_fresh_instance, is_instance
from .machine import Raised, Where
from .numbers import TracedNumber, as_tensor, is_number, kind_of
from .raising import key_of
from .text import Text
from .walks import Walk

__all__ = ["HOLE", "Build", "LeftView", "Merger", "Shared", "Unmergeable", "as_bool", "form_key",
           "same"]  # fmt: skip


class _Hole:
    def __repr__(self) -> str:
        return "nothing"


MOST_FORMS = 4  # of one variable
HOLE: Any = _Hole()  # a value that is never looked at
_NONE: Any = (False, HOLE)  # no value of a form
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type, slice, range, np.dtype)
Build = Callable[[Sequence[Any]], Any]


def form_key(value: Any) -> Any:
    """What values that may have one form have in common. Raises Unmergeable for a place, of which
    there is only one."""
    if type(value) is Where:
        raise Unmergeable("a generator stands at one place on each way")
    if type(value) is Raised:
        return "raised", key_of(value)
    if is_number(value):
        return "number", kind_of(value)
    if isinstance(value, Tensor):
        return "tensor", value.dtype, len(value.shape)
    if type(value) is TracedScalar:
        return "scalar", value.dtype
    if type(value) is TracedArray:
        made = value.parent is None and value.cell.source is None
        return ("array", value.dtype, value.ndim) if made else id(value)
    if isinstance(value, tuple):
        return type(value), len(value)
    if isinstance(value, dict):
        return (type(value), *value)
    if isinstance(value, _ATOMS):
        return type(value), repr(value)
    return ("instance", type(value)) if is_fresh_instance(value) else id(value)


def as_bool(value: Any) -> Any:
    """A test as a tensor of the present graph."""
    if isinstance(value, bool):
        return OPS["constant"](value=np.bool_(value))
    return bind.ground().tensor(bind.ground().value(value))


class Unmergeable(BaseException):
    """Values of two branches have no common form; the words say which."""


class LeftView(Unmergeable):
    """A trip of a loop leaves a view that it has made, maybe as one of several arrays."""


class Shared(Unmergeable):
    """Arrays of two branches have one only if what comes out may stand for one of several."""


def same(left: Any, right: Any) -> bool:
    """Whether two values that are known are one."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if type(left) is Raised:
        return bool(key_of(left) == key_of(right))
    if isinstance(left, SymInt):
        return bool(left.dim == right.dim)
    if type(left) is Walk:
        return left.same(right)
    if isinstance(left, SymNumber):
        return type(left) is not TracedNumber and left.slot == right.slot
    if getattr(type(left), "in_trace", False):  # whose class says that it is a NumPy scalar
        return False
    if type(left).__name__ == "builtin_function_or_method" or hasattr(left, "__func__"):
        return bool(left == right)
    return isinstance(left, _ATOMS) and repr(left) == repr(right)


def is_plain(value: Any) -> bool:
    """Whether this is an array, row by row in memory, that the function has made."""
    if type(value) is not TracedArray or value.parent is not None or not value.writeable:
        return False
    return value.cell.source is None and (value.cell.contiguous or value.ndim < 2)


def is_made(value: Any, tracer: Any) -> bool:
    """Whether this is such an array of a part."""
    return is_plain(value) and value.cell.born is tracer


class Merger:
    """Merges values of several parts; see the module."""

    def __init__(self, parts: Sequence[Part], heap: Heap, stands: bool = True) -> None:
        self.parts, self.heap = parts, heap
        self.stands = stands  # whether an array may stand for one of several
        # whether the code behind a part reaches an array around it by the present variable alone
        self.is_alone: Callable[[int, Any], bool] = lambda at, array: False
        self.arrays: list[Any] = []  # the cells of those that have been merged
        self.rows: list[list[Any]] = [[] for _ in parts]
        self.containers: dict[Any, Build] = {}  # by what each part has for them
        self.places: dict[Any, Any] = {}  # the same for each of these of one part
        self.met: list[Any] = []  # all values, so that no two have one id
        self.uses: Counter[tuple[int, int]] = Counter()  # how often each part leaves a tensor
        self.kept = False  # whether containers that were there before the parts stay themselves

    def merge(self, values: Sequence[Any], what: str) -> Build:
        """What makes the merged value: a ``Choice`` where there is no common form. Raises
        Unmergeable."""
        mark = self.mark()
        try:
            return self.one(values, what)
        except Unmergeable as unmergeable:
            self.forget(mark)
            return self._choice(self._by_form(values, unmergeable), what)

    def result(self, values: Sequence[Any], what: str) -> Build:
        """The same for what a function returns: of two ways each may have its own."""
        mark = self.mark()
        try:
            return self.merge(values, what)
        except Unmergeable:
            if len(values) != 2 or any(v is HOLE for v in values):
                raise
            self.forget(mark)
            yes, no = values
            return self._choice([[(True, yes), _NONE], [_NONE, (True, no)]], what)

    def _by_form(self, values: Sequence[Any], reason: Unmergeable) -> list[list[Any]]:
        """For each form a column of values, with tests. Raises Unmergeable."""
        groups: dict[Any, list[Any]] = {}
        listed = self.within(alternatives, values)
        for i, found in enumerate(listed):
            for test, value in found if found is not HOLE else ():
                column = groups.setdefault(form_key(value), [_NONE] * len(values))
                if column[i][1] is not HOLE:
                    raise reason
                column[i] = test, value
        if not 1 < len(groups) <= MOST_FORMS:
            raise reason
        return list(groups.values())

    def _choice(self, columns: list[list[Any]], what: str) -> Build:
        """What makes a Choice of a value of each column."""
        tests = [self.column(self.within(as_bool, [t for t, _ in c])) for c in columns[:-1]]
        builds = [self.one([v for _, v in c], what) for c in columns]

        def build(outs: Sequence[Any]) -> Any:
            made = [TracedNumber(bool, outs[at]) for at in tests]
            return chosen(made, [b(outs) for b in builds])

        return build

    def one(self, values: Sequence[Any], what: str) -> Build:
        """What makes the merged value of one form. Raises Unmergeable."""
        real = [v for v in values if v is not HOLE]
        self.met += real
        if not real:
            return lambda outs: UNBOUND
        first = real[0]
        if self.kept and len(real) == 1 and self.heap.is_older(first):
            return lambda outs: first
        everywhere = len(real) == len(values) > 1  # so no part has made it
        known = everywhere or not self._is_inner(first)
        if known and all(same(first, v) for v in real[1:]):
            return lambda outs: first
        if any(v is UNBOUND or v is EMPTY for v in real):
            raise Unmergeable(f"{what} has a value on one way only")
        if any(type(v) is Choice for v in real):
            raise Unmergeable(f"{what} is of several types")
        if all(map(is_number, real)):
            return self._numbers(values, real, what)
        if all(type(v) is TracedScalar for v in real):
            return self._scalars(values, real, what)
        if all(type(v) is TracedArray for v in real):
            return self._arrays(values, real, what)
        if all(isinstance(v, Tensor) for v in real):
            return self._tensors(values, what)
        kinds = {type(v) for v in real}
        if len(kinds) == 1 and isinstance(first, tuple | list | dict):
            return self._container(values, real, what)
        if len(kinds) == 1 and all(map(is_fresh_instance, real)):
            return self._container(values, real, what)
        if kinds == {Text} and len(real) == 1:
            return self._text(values, first, what)
        if kinds == {Walk}:
            return self._walks(values, real, what)
        raise Unmergeable(f"{what} is {_named(first)} on one way, {_named(real[-1])} on another")

    def _is_inner(self, value: Any) -> bool:
        """Whether a value belongs to one of the parts."""
        trackers = [part.tracer for part in self.parts]
        if isinstance(value, Traced):
            return value.trace in trackers
        if type(value) is TracedNumber:
            return self._is_inner(value.held)
        if type(value) is Text:
            return any(type(p) is not str and self._is_inner(p.value) for p in value.pieces)
        if type(value) is TracedScalar:
            return self._is_inner(value.tensor())
        if type(value) is TracedArray:
            return value.cell.born in trackers or self._is_inner(value.tensor())
        if self.heap.is_inner(value):
            return True
        if type(value) is Run:
            return any(map(self._is_inner, (value.count, *value.buffers)))
        if isinstance(value, tuple | list):
            return any(map(self._is_inner, value))
        return isinstance(value, dict) and any(map(self._is_inner, value.values()))

    def column(self, made: Sequence[Any]) -> int:
        """Give each part an output; its position."""
        tensors = [m for m in made if m is not HOLE]
        first = tensors[0].value.type
        for t in tensors[1:]:
            if t.dtype != first.dtype or len(t.value.type.shape) != first.rank:
                raise Unmergeable(f"a tensor is {first} on one way, {t.value.type} on another")
        for part, row, tensor in zip(self.parts, self.rows, made, strict=True):
            row.append(_filler(part, first) if tensor is HOLE else tensor)
        return len(self.rows[0]) - 1

    def mark(self) -> Any:
        """What has been merged so far, for ``forget``."""
        return len(self.rows[0]), list(self.arrays), dict(self.containers), dict(self.places)

    def forget(self, mark: Any) -> None:
        """Drop what has been merged since."""
        count, self.arrays, self.containers, self.places = mark
        for row in self.rows:
            del row[count:]

    def within(self, make: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
        """Carry out something inside each part."""
        made = []
        for part, value in zip(self.parts, values, strict=True):
            token = bind.push(part.tracer)
            try:
                made.append(HOLE if value is HOLE else make(value))
            finally:
                bind.pop(token)
        return made

    def _numbers(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        kinds = {kind_of(v) for v in real}
        if len(kinds) > 1:
            names = " and ".join(sorted(k.__name__ for k in kinds))
            raise Unmergeable(f"{what} is of the types {names}")
        (kind,) = kinds
        at = self.column(self.within(lambda v: as_tensor(v, kind), values))
        near = all(type(v) is int and abs(v) < 2**31 for v in real)
        bounds = (min(real), max(real)) if near else None
        return lambda outs: TracedNumber(kind, outs[at], bounds)

    def _scalars(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        home = real[0].home
        at = self.column(self.within(lambda v: own_tensor(v.tensor()), values))
        return lambda outs: TracedScalar(home, outs[at])

    def _arrays(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        """Arrays that the function has made. What comes out stands for one of them."""
        if not all(map(is_plain, real)):
            if not self._are_views_to_read(values):
                raise Unmergeable(f"{what} is one of several arrays")
            if not self.stands:
                raise Shared(f"{what} is one of several arrays")
        for i, v in enumerate(values):
            if v is not HOLE and not self.stands:
                alone = is_made(v, self.parts[i].tracer) or self.is_alone(i, v)
                if not alone or any(v.cell is cell for cell in self.arrays):
                    raise Shared(f"{what} is one of several arrays")
                self.arrays.append(v.cell)
        home = real[0].home
        at = self.column(self.within(own_tensor, self._elements(values)))

        def build(outs: Sequence[Any]) -> Any:
            made = fresh(home, outs[at])
            self.heap.aliases.stand(made.cell, [v.cell for v in real])
            return made

        return build

    def _are_views_to_read(self, values: Sequence[Any]) -> bool:
        """Whether what is made of arrays, some of them views, may stand for one of them: a part
        that has written to the memory of a view has its elements no more."""
        pairs = [(p, v) for p, v in zip(self.parts, values, strict=True) if v is not HOLE]
        return all(is_plain(v) or id(v.cell) not in p.written for p, v in pairs)

    def _elements(self, values: Sequence[Any]) -> list[Any]:
        """Tensors with the elements that arrays have at the end of each part."""
        found = []
        for part, v in zip(self.parts, values, strict=True):
            written = HOLE if v is HOLE else part.written.get(id(v.cell))
            if written is None:
                token = bind.push(part.tracer)
                try:
                    written = v.tensor()
                finally:
                    bind.pop(token)
            elif written is not HOLE:
                written = Traced(written.value, part.tracer)
            found.append(written)
        return found

    def _present(self, values: Sequence[Any]) -> list[Any]:
        """Tensors with what those around the parts hold at the end of each part."""
        found = []
        for part, v in zip(self.parts, values, strict=True):
            written = part.written.get(id(v))
            found.append(v if written is None else Traced(written.value, part.tracer))
        return found

    def _tensors(self, values: Sequence[Any], what: str) -> Build:
        """Tensors: of one object of each part, one object comes out."""
        place = tuple([None if v is HOLE else id(v) for v in values])
        if place in self.containers:
            return self.containers[place]
        at = self.column(self.within(own_tensor, self._present(values)))
        uses = [(key, v) for key, v in enumerate(values) if v is not HOLE]
        self.uses.update((i, id(v)) for i, v in uses)
        older = [v for _, v in uses if not self._is_inner(v)]
        made: list[Any] = []

        def build(outs: Sequence[Any]) -> Any:
            if not made:
                made.append(outs[at])
                several = [v for i, v in uses if self.uses[i, id(v)] > 1]
                self.heap.aliases.stand(made[0], [*older, *several])
                self.heap.aliases.inherit(made[0], [v for _, v in uses])
            return made[0]

        self.containers[place] = build
        return build

    def _container(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        """Containers and objects that each way has made; one of a way stays one."""
        place = tuple([None if v is HOLE else id(v) for v in values])
        if place in self.containers:
            return self.containers[place]
        if not isinstance(real[0], tuple):
            for i, v in enumerate(values):
                if v is not HOLE and self.places.setdefault((i, id(v)), place) != place:
                    raise Unmergeable(f"{what} is one of several objects")
        for v in real:
            if not isinstance(v, tuple) and not self.heap.is_made_inside(v):
                raise Unmergeable(f"{what} is one of several objects")
        filled = self._filled(values, real, what)
        made: list[Any] = []

        def build(outs: Sequence[Any]) -> Any:
            if not made:
                made.append(filled(outs))
                self.heap.fresh(made[0])
            return made[0]

        self.containers[place] = build
        return build

    def _filled(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        """What makes a container with merged items."""
        kind = type(real[0])
        if is_instance(real[0]):
            return self._instance(values, kind, what)
        if kind is list and any(type(x) is Run for v in real for x in v):
            from .grown import merged  # noqa: PLC0415  (its lists are made of forms, which merge)

            return merged(self, values, what)
        keys = list(real[0]) if isinstance(real[0], dict) else range(len(real[0]))
        for v in real:
            if (list(v) if isinstance(v, dict) else range(len(v))) != keys:
                raise Unmergeable(f"{what} has other items on each way")
        builds = []
        for key in keys:
            column = [HOLE if v is HOLE else v[key] for v in values]
            builds.append(self.merge(column, f"an item of {what}"))
        return lambda outs: _filled(kind, keys, [b(outs) for b in builds])

    def _instance(self, values: Sequence[Any], kind: Any, what: str) -> Build:
        """What makes an object of the user's class with merged attributes."""
        fields = [HOLE if v is HOLE else fields_of(v) for v in values]
        names = next(f for f in fields if f is not HOLE)
        if any(f is not HOLE and f.keys() != names.keys() for f in fields):
            raise Unmergeable(f"{what} has other attributes on each way")
        builds = {
            name: self.merge([f if f is HOLE else f[name] for f in fields], f"{name} of {what}")
            for name in names
        }
        return lambda outs: built(kind, {name: b(outs) for name, b in builds.items()})

    def _text(self, values: Sequence[Any], text: Text, what: str) -> Build:
        pieces = [p if type(p) is str else p.value for p in text.pieces]
        build = self.merge([HOLE if v is HOLE else tuple(pieces) for v in values], what)

        def written(outs: Sequence[Any]) -> Any:
            found = zip(text.pieces, build(outs), strict=True)
            return Text([p if type(p) is str else p._replace(value=v) for p, v in found])

        return written

    def _walks(self, values: Sequence[Any], real: Sequence[Any], what: str) -> Build:
        if not all(v.same_source(real[0]) for v in real):
            raise Unmergeable(f"{what} is one of several iterators")
        source = real[0]
        position = self.merge([HOLE if v is HOLE else v.at for v in values], what)
        return lambda outs: source.moved(position(outs))


def _filled(kind: Any, keys: Any, items: list[Any]) -> Any:
    """A container of a kind with these items."""
    if issubclass(kind, dict):
        return kind(zip(keys, items, strict=True))
    return sequence(kind, items)


def known_shape(shape: Sequence[Any], tracer: Any) -> tuple[Any, ...]:
    """A shape with zeros in the place of sizes that a graph finds while it runs: it may find them
    elsewhere only."""
    late = set(tracer.sizes.late)
    return tuple([d if isinstance(d, int) or late.isdisjoint(symbols_of(d)) else 0 for d in shape])


def _filler(part: Part, kind: Any) -> Any:
    """A tensor of a type that nobody looks at."""
    graph = part.graph
    if isinstance(kind, BufferType):
        return Traced(graph.add(OPS["buffer_new"], (), {"of": kind.element}).out, part.tracer)
    zero = graph.add(OPS["constant"], (), {"value": np.zeros((), kind.dtype)}).out
    if kind.shape:
        shape = known_shape(kind.shape, part.tracer)
        zero = graph.add(OPS["splat"], (zero,), {"shape": shape}).out
    return Traced(zero, part.tracer)


def _named(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a tensor"
    return "None" if value is None else f"a {type(value).__name__}"
