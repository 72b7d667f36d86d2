"""What a call writes into objects from outside: it happens when the graph has run, on each call.

While a function is interpreted no object from outside is touched, so that nobody else sees values
of a trace. The first write to a container makes a copy of it, which stands for it from then on
(``shadow``); attributes, global names and cells that are written to are in a table by name. Each
write is an entry among the effects of the trace, beside ``print``: they are made in order after the
graph, on every call. Entries of a branch get a condition when the ways join.

What a call has read of such an object before it wrote there is guarded, and nothing else of it:
an object that is only written to may hold anything.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.errors import StagingError
from twofold.ir.tensor_shape import TUPLES

from ..library import is_ours
from ..plain import PlainPython
from ..readers import MISSING
from ..state import attributes_named
from .aliases import is_full
from .choice import Run
from .pure import holds_value

__all__ = ["FILLED", "GONE", "KEYS", "LENGTH", "SHADOWED", "TORN", "WHOLE", "Attributes", "Effect",
           "Has", "Index", "Journal", "Put", "is_key", "read_item"]  # fmt: skip


class _Mark:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


GONE: Any = _Mark("GONE")  # an attribute that has been deleted
TORN: Any = _Mark("TORN")  # one of which the ways of a branch left different things
WHOLE: Any = _Mark("WHOLE")  # everything that an object holds
LENGTH: Any = _Mark("LENGTH")  # how many items it has
FILLED: Any = _Mark("FILLED")  # whether it has items
KEYS: Any = _Mark("KEYS")  # which keys it has, in their order
_KEYS = frozenset((int, float, bool, complex, str, bytes))
_MOST_PARTS = 1000  # of an object that are looked at
_HEAP_TYPE = 1 << 9  # a class that a class statement made
SHADOWED = (list, dict, set, deque, OrderedDict, defaultdict, Counter, bytearray)


class Effect(NamedTuple):
    """A call that is made when the graph has run, where ``when`` holds."""

    function: Any
    args: Any
    kwargs: Any
    when: Any = True
    writes: bool = False  # whether it writes into its first argument


class Attributes(dict[str, Any]):
    """The attributes of an object, or the global names of a module, or a cell's only one (""),
    that the call has given values."""

    __slots__ = ("owner", "__weakref__")

    def __init__(self, owner: Any) -> None:
        super().__init__()
        self.owner = owner


class Index(NamedTuple):
    """A position in a sequence, of which it was asked whether it is there, when the call has put
    so many ``more`` items into it."""

    at: int
    more: int


class Has(NamedTuple):
    """A key or a member, of which it was asked whether it is there."""

    key: Any


class Put(NamedTuple):
    """An attribute gets the value that it has at the end."""

    held: Attributes
    name: str


class Journal:
    """The writes of one trace; see the module."""

    def __init__(self, tracer: Any, heap: Any) -> None:
        self.tracer, self.heap = tracer, heap
        self.entries: list[Any] = tracer.effects
        self.shadows: dict[int, tuple[Any, Any]] = {}  # owner -> what stands for it
        self.owners: dict[int, Any] = {}  # what stands for an owner -> that owner
        self.torn: set[int] = set()  # shadows of which ways of a branch left different things
        heap.made[id(self.torn)] = self.torn, 0
        self.reads: dict[int, tuple[Any, set[Any]]] = {}  # owner -> what was read before writes
        self.drawn: dict[int, Any] = {}  # containers that an iterator of Python's goes over
        self.kinds = False  # whether an attribute of a class has been written to
        self.numbers: dict[tuple[int, Any], Any] = {}  # owner and key -> the number of each call
        self.grown: dict[int, int] = {}  # lists made longer only -> by the last items
        self.by_end: set[int] = set()  # sequences that are written to at places from their end
        self.shifted: set[int] = set()  # sequences whose items have other places than before
        self.known: dict[int, set[Any]] = {}  # owner -> keys of a container that got values
        self.touched: dict[int, set[Any]] = {}  # owner -> keys that may have got values
        self.sides: list[tuple[Any, bool]] = [(tracer, True)]  # whether a part keeps entries
        self.repeated: Any = None  # what trips of loops do (``repeated.py``)
        self.marks: list[int] = []  # how many entries there were when a part began

    # shadows

    def shadow(self, owner: Any) -> Any:
        """What stands for an object, or None."""
        found = self.shadows.get(id(owner))
        return None if found is None else found[1]

    def attributes(self, owner: Any) -> Attributes:
        """The table of what is written into an object, begun now if there is none."""
        found: Attributes | None = self.shadow(owner)
        if found is None:
            found = Attributes(owner)
            self._stand_for(owner, found)
            self.kinds = self.kinds or isinstance(owner, type)
        return found

    def container(self, owner: Any) -> Any:
        """The copy that stands for a container, made now if there is none."""
        self._refuse_lent(owner)
        found = self.shadow(owner)
        if found is None:
            if id(owner) in self.drawn:
                self.refuse("a container that is written to while something goes over it")
            found = owner.copy()
            for (place, key), number in self.numbers.items():  # inputs stay what they are
                if place == id(owner) and key is not LENGTH:
                    found[key] = number
            self._stand_for(owner, found)
        return found

    def touch(self, owner: Any, key: Any) -> None:
        """An item of a container may get a value, ``WHOLE`` for any of them."""
        if _is_from_end(owner, key):
            self.by_end.add(id(owner))
            key = WHOLE
        key = key if is_key(key) else WHOLE
        self.touched.setdefault(id(owner), set()).add(key)
        if key is WHOLE and type(owner) is list:  # items have other places, perhaps
            self.known.pop(id(owner), None)

    def shift(self, owner: Any) -> None:
        """Items of a sequence get other places: who reads one has read all of them."""
        self.shifted.add(id(owner))
        self.touch(owner, WHOLE)

    def is_untouched(self, owner: Any, key: Any) -> bool:
        """Whether the call has not written to an item of a container."""
        held = self.touched.get(id(owner), ())
        if not held or not isinstance(key, int) or not self._is_longer(owner):
            return not held or not (_is_from_end(owner, key) or key in held or WHOLE in held)
        if key < 0:
            return held == {WHOLE} and key < -self.grown[id(owner)]
        return key not in held and key < len(owner)

    def _is_longer(self, owner: Any) -> bool:
        """Whether a sequence has got items at its end, and no item has another place."""
        place = id(owner)
        return place in self.grown and place not in self.shifted and place not in self.by_end

    def place_of(self, owner: Any, key: Any) -> Any:
        """Where an item of a sequence was before the call put others behind it."""
        if not _is_from_end(owner, key) or not self.touched.get(id(owner)):
            return key
        if self._is_longer(owner) and self.touched[id(owner)] == {WHOLE}:
            return key + self.grown[id(owner)]
        return key + len(self.shadows[id(owner)][1])

    def _stand_for(self, owner: Any, made: Any) -> None:
        self.shadows[id(owner)] = owner, made
        self.owners[id(made)] = owner
        self.heap.made[id(made)] = made, 0  # whichever part of the function needed it first

    def original(self, value: Any) -> Any:
        """The object that something stands for, or the value itself."""
        return self.owners.get(id(value), value)

    def seed(self, held: Attributes, name: str, value: Any) -> None:
        """What an attribute is before the parts that are interpreted now."""
        for part in self.heap.parts:
            if id(held) in part:
                part[id(held)].before[name] = value
        held[name] = value

    # what is read

    def read(self, owner: Any, key: Any = WHOLE) -> None:
        """Something of an object is read."""
        self._refuse_lent(owner)
        found = self.shadows.get(id(owner))
        if found is not None:
            written = found[1] if type(found[1]) is Attributes else self.known.get(id(owner), ())
            if key in written:
                return
            if id(owner) in self.shifted and is_key(key):
                key = WHOLE
            elif type(key) is int and not isinstance(owner, dict):
                known = self.place_of(owner, key)
                if id(owner) in self.by_end or known >= 0 > key:
                    self.reads.setdefault(id(owner), (owner, set()))[1].add(LENGTH)
                key = known
        self.reads.setdefault(id(owner), (owner, set()))[1].add(key)

    def has_read(self, owner: Any, name: str) -> bool:
        """Whether an attribute has been read before it was written to."""
        keys = self.reads.get(id(owner), (None, ()))[1]
        return name in keys or WHOLE in keys

    # entries

    def log(
        self, what: str, function: Any, args: Any, kwargs: Any, writes: bool = True
    ) -> None:  # fmt: skip
        """Note a call for after the graph; whether it ``writes`` into its first argument."""
        if not self.is_followed():
            self.refuse(f"{what} in a function of tf.cond and its like")
        if self.is_in_loop:
            self.repeated().note(what, function, args, kwargs, writes)
            return
        self.entries.append(Effect(function, args, kwargs, writes=writes))

    @property
    def is_in_loop(self) -> bool:
        """Whether what is interpreted now belongs to a loop of the graph."""
        return not all(keeps for _, keeps in self.sides)

    def put(self, held: Attributes, name: str) -> None:
        """Note that an attribute has been given a value."""
        if not self.is_followed():
            self.refuse(f"an assignment to {name!r} in a loop or branch made by a function")
        made = Put(held, name)
        first = self.marks[-1] if self.marks else 0
        for i in range(len(self.entries) - 1, first - 1, -1):
            found = self.entries[i]
            if type(found) is Put and found.held is held and found.name == name:
                del self.entries[i]
        self.entries.append(made)

    def keep(self, held: Attributes, name: str, value: Any) -> None:
        """An assignment before a branch is made for itself, since its ways go on differently."""
        for i, found in enumerate(self.entries):
            if type(found) is Put and found.held is held and found.name == name:
                self.entries[i] = self.effect_of(found, value)

    def stands_for(self, value: Any) -> bool:
        """Whether this stands for an object."""
        return id(value) in self.owners

    def effect_of(self, put: Put, value: Any) -> Effect:
        """What gives an attribute a value."""
        owner = put.held.owner
        if type(owner) is types.CellType:
            return Effect(_put_cell, (owner, value), {}, writes=True)
        function: Any
        if type(owner) is dict:
            function = _put_item if value is not GONE else _delete_item
        else:
            function = _put_attribute if value is not GONE else _delete_attribute
        given = () if value is GONE else (value,)
        return Effect(function, (owner, put.name, *given), {}, writes=True)

    def is_followed(self) -> bool:
        """Whether what is interpreted now is a part of the function itself, or of one that it
        calls, not a region that an operation makes of a function."""
        ground: Any = bind.ground()
        while ground is not self.sides[-1][0] and getattr(ground, "inlined", False):
            ground = ground.outer
        return ground is self.sides[-1][0]

    def begin(self, tracer: Any, keeps: bool) -> None:
        """A part begins, of a branch or (without entries but ``Put``) of a loop."""
        self.sides.append((tracer, keeps))
        self.marks.append(len(self.entries))

    def fails(self, error: BaseException) -> None:
        """A part ends with an error. What it has done before is done when the graph has raised, by
        plain Python. Raises PlainPython where that cannot be."""
        if isinstance(error, Exception) and len(self.entries) > self.marks[-1]:
            self.tracer.arrays.replay()

    def end(self) -> list[Any]:
        """A part ends; its entries."""
        self.sides.pop()
        mark = self.marks.pop()
        found = self.entries[mark:]
        del self.entries[mark:]
        return found

    def _refuse_lent(self, owner: Any) -> None:
        """Raise PlainPython for a container that is an argument as well: the trace would have two
        objects for it."""
        if id(owner) in self.tracer.lent:
            self.tracer.arrays.machine.cuts.whole = True
            self.refuse("a container from outside that is an argument, too,")

    def refuse(self, what: str) -> Any:
        """Raise PlainPython."""
        raise PlainPython(refusal=StagingError(f"{what} is not staged"))

    # the end of the trace

    def settle(self, watch: Any) -> str:
        """The trace ends: its entries become calls, and what was not read is no guard. Gives what
        it has read and changes, which has it traced again on every call."""
        self.entries[:] = [
            self.effect_of(e, e.held[e.name]) if type(e) is Put else e for e in self.entries
        ]
        again = []
        if watch is None or watch.walker is None:
            return ""
        for owner, made in self.shadows.values():
            keys, known = self._keys(owner), self.known.get(id(owner), set())
            again += _narrow(watch, owner, made, keys, known, id(made) in self.torn)
        for key in {place for place, _ in self.numbers} - self.shadows.keys():
            owner = self.reads.get(key, (None,))[0]
            if type(owner) not in SHADOWED:
                continue
            _narrow_items(  # only read, and each call finds other values there
                watch, owner, owner, self._keys(owner), set(), False
            )
        return ", ".join(again)

    def _keys(self, owner: Any) -> set[Any]:
        """What was read of an object and counts."""
        keys = self.reads.get(id(owner), (None, set()))[1]
        return {k for k in keys if (id(owner), k) not in self.numbers}

    def release(self) -> None:
        """Keep nothing alive."""
        for held in (self.entries, self.shadows, self.owners, self.reads, self.drawn, self.known,
                     self.numbers, self.touched, self.shifted, self.by_end):  # fmt: skip
            held.clear()

    def known_object(self, value: Any, leaves: Any) -> Any:
        """How a call finds an object that is no value of the graph and was not made by it: the kind
        of a leaf of ``packing.Outputs`` and what it holds; None for any other."""
        for i, leaf in enumerate(leaves):
            if leaf is value:
                return "leaf", i
        if type(value) is Run:
            self.refuse("a list in an object whose length the graph decides")
        if id(value) in self.heap.made:
            return None
        if isinstance(value, type | types.ModuleType):
            return "object", value
        if isinstance(value, types.FunctionType | types.MethodType):
            return "object", value
        try:
            return "weak", weakref.ref(value)
        except TypeError:
            return "object", value

    def returned_object(self, value: Any, leaves: Any, outside: Collection[int]) -> Any:
        """``known_object`` of what the function returns; ``outside`` has what names lead to. Raises
        PlainPython for what a library has made of values of the trace, or on each call anew."""
        found = self.known_object(value, leaves)
        if found is None or found[0] == "leaf" or id(value) in outside:
            return found
        if is_ours(type(value)) or _is_about(value, self.heap.made):
            self.refuse(f"a {type(value).__name__} of what was made here, which is returned,")
        return found

    def check(self, seen: Any) -> None:
        """Raise PlainPython where something is written into an object from outside of which it is
        not known whether each call makes another one."""
        todo = [x for e in self.entries for x in (*e.args, *e.kwargs.values())]
        met: set[int] = set()
        while todo:
            x = todo.pop()
            if id(x) in met or id(x) in seen or id(x) in self.shadows:
                continue
            met.add(id(x))
            if type(x) is Run:
                self.refuse("a list whose length the graph decides in an object from outside")
            if type(x) in TUPLES:
                todo += x
            elif type(x) in SHADOWED:
                if id(x) not in self.heap.made:
                    self.refuse(f"a {type(x).__name__} that is put into an object from outside")
                todo += x.values() if isinstance(x, dict) else x


def _is_about(x: Any, made: Any, depth: int = 3) -> bool:
    """Whether an object that the interpreted code did not make holds a value of the graph or what
    that code made, or is a position in something: a view of a dict, a method, an iterator."""
    if isinstance(x, types.ModuleType | type | types.CodeType):
        return False
    if not type(x).__flags__ & _HEAP_TYPE and hasattr(type(x), "__next__"):
        return True
    return any(
        id(part) in made or holds_value(part) or (depth and _is_about(part, made, depth - 1))
        for part in itertools.islice(_parts(x), _MOST_PARTS)
    )


def _parts(x: Any) -> Any:
    """What an object holds; of a function what it does not share with its module."""
    if isinstance(x, types.FunctionType):
        cells = [c.cell_contents for c in x.__closure__ or () if is_full(c)]
        return (*cells, *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values())
    return gc.get_referents(x)


def _narrow(
    watch: Any, owner: Any, made: Any, keys: set[Any], known: set[Any], torn: bool
) -> list[str]:  # fmt: skip
    """Guard of an object that is written to only what was read; what of it is written as well."""
    if type(made) is not Attributes:
        return _narrow_items(watch, owner, made, keys, known, torn)
    places, indices = watch.walker.places, watch.walker.indices
    if not isinstance(owner, type | types.CellType | dict):
        return _narrow_attributes(watch, owner, made, keys)
    again = []
    for name in made:
        for index in places.get((id(owner), name), ()):
            if name not in keys:
                watch.compare_less(index, _nothing)
            elif not watch.is_open(index):
                again.append(name or "a captured variable")
    names = sorted(k for k in keys if type(k) is str)
    space: Any = owner
    for index in indices.get(id(owner), ()):  # the attributes of a function
        watch.compare_less(index, lambda: tuple([space.get(n, MISSING) for n in names]))
        again += [n for n in names if n in made]
    return again


def _narrow_attributes(watch: Any, owner: Any, made: Attributes, keys: set[Any]) -> list[str]:
    indices = watch.walker.indices
    if WHOLE in keys:
        return [f"a {type(owner).__name__}"]
    names, closed = sorted(keys), set()
    *others, index = indices.get(id(owner), (None,))
    for other in others:  # it was found twice
        watch.compare_less(other, _nothing)
    if index is not None:
        watch.compare_less(index, attributes_named(owner, names), names)
        closed |= {n for n in names if n in made and not watch.is_open(index, names.index(n) + 1)}
    for index in indices.get(id(getattr(owner, "__dict__", None)), ()):
        watch.compare_less(index, _nothing)
    return [f"{type(owner).__name__}.{n}" for n in sorted(closed)]


def _narrow_items(
    watch: Any, owner: Any, made: Any, keys: set[Any], known: set[Any], torn: bool
) -> list[str]:  # fmt: skip
    if WHOLE in keys:
        return [f"a {type(owner).__name__}"]
    for index in watch.walker.indices.get(id(owner), ()):
        if keys:
            watch.compare_less(index, lambda: tuple([read_item(owner, k) for k in keys]))
        else:
            watch.compare_less(index, _nothing)
    items = keys & known if isinstance(owner, dict) else keys - {KEYS}
    asked = {k for k in keys if type(k) is not Index}
    closed = asked if torn else {k for k in asked if _is_other(owner, made, k, items)}
    return [f"a {type(owner).__name__}"] if closed else []


def _is_other(owner: Any, made: Any, key: Any, items: set[Any]) -> bool:
    """Whether what was read of a container is something else when the call has written to it."""
    if key is FILLED or type(key) is Has:
        return bool(read_item(owner, key) != read_item(made, key))
    if key is KEYS or key is LENGTH:
        return len(made) != len(owner)
    return key in items


def is_key(key: Any) -> bool:
    """Whether an item is known by its key: a number, a text, a tuple of such."""
    if type(key) is tuple:
        return all(map(is_key, key))
    return type(key) in _KEYS


def _is_from_end(owner: Any, key: Any) -> bool:
    """Whether this is a place of a sequence that is counted from its end."""
    return type(key) is int and key < 0 and not isinstance(owner, dict)


def _nothing() -> None:
    return None


def read_item(owner: Any, key: Any) -> Any:
    """An item of a container, MISSING if there is none, or what a mark asks of it."""
    if key is LENGTH:
        return len(owner)
    if key is FILLED:
        return len(owner) > 0
    if key is KEYS:
        return tuple(dict.keys(owner))
    if type(key) is Has:
        return key.key in owner
    if type(key) is Index:
        length = len(owner) + key.more
        return -length <= key.at < length
    try:
        return dict.get(owner, key, MISSING) if isinstance(owner, dict) else owner[key]
    except LookupError:
        return MISSING


def _put_attribute(owner: Any, name: str, value: Any) -> None:
    put: Any = type.__setattr__ if isinstance(owner, type) else object.__setattr__
    if type(owner) is types.SimpleNamespace:
        put = setattr
    put(owner, name, value)


def _delete_attribute(owner: Any, name: str) -> None:
    delete: Any = type.__delattr__ if isinstance(owner, type) else object.__delattr__
    if type(owner) is types.SimpleNamespace:
        delete = delattr
    with contextlib.suppress(AttributeError):  # the call itself may have made it
        delete(owner, name)


def _put_item(space: dict[str, Any], name: str, value: Any) -> None:
    space[name] = value


def _delete_item(space: dict[str, Any], name: str) -> None:
    space.pop(name, None)


def _put_cell(cell: types.CellType, value: Any) -> None:
    if value is GONE:
        del cell.cell_contents
    else:
        cell.cell_contents = value
