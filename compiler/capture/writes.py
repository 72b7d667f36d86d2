"""Writes into containers from outside, and reads of what has been written: Python's operations on
what stands for them while a function is interpreted (``journal.py``).
"""

from __future__ import annotations

import functools
import itertools
import operator
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED

from ..ndarrays.base import TracedArray
from ..places import may_move_within
from ..slots import Source
from ..state import MISSING
from ..symnumber import plain
from .choice import holds_choice
from .frame import Frame
from .journal import (
    FILLED,
    KEYS,
    LENGTH,
    SHADOWED,
    WHOLE,
    Attributes,
    Has,
    Index,
    is_key,
    read_item,
)
from .opened import own_method
from .outside import Outside
from .staged import source_of
from .walks import VIEWS, one_by_one, viewed

__all__ = ["Writes", "looks", "writes_first"]

# the methods that write to a container, by what they need to know of it: nothing, what stands
# under their first argument, or everything
_BLIND = frozenset((
    "append", "appendleft", "extend", "extendleft", "insert", "clear", "reverse", "rotate", "add",
    "discard", "update", "subtract", "difference_update", "intersection_update",
    "symmetric_difference_update", "__iadd__", "__imul__", "__ior__", "__iand__", "__isub__",
    "__ixor__",
))  # fmt: skip
_BY_KEY = frozenset(("setdefault", "move_to_end"))
_WHOLE = frozenset(("pop", "popleft", "popitem", "remove", "sort"))
_OF_ITEMS = frozenset((
    "extend", "extendleft", "update", "subtract", "difference_update", "intersection_update",
    "symmetric_difference_update", "__iadd__",
))  # fmt: skip
_AT_END = frozenset(("append", "extend", "__iadd__"))
_GROWING = _AT_END | {"insert", "appendleft", "extendleft"}
_ITEM = {"__setitem__": "set_item", "__delitem__": "delete_item"}
_ATTRIBUTE = {"__setattr__": "write_attribute", "__delattr__": "remove_attribute"}
_BOUND = (types.BuiltinMethodType, types.MethodWrapperType, types.MethodType)
_UNBOUND = (types.MethodDescriptorType, types.WrapperDescriptorType)
_LOOKS = (isinstance, type, id, callable, issubclass, getattr, hasattr, setattr, delattr)
_IN_PLACE = ("add", "and", "concat", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow",
             "rshift", "sub", "truediv", "xor")  # fmt: skip
_WRITERS = {
    "_operator": frozenset(("setitem", "delitem", *[f"i{name}" for name in _IN_PLACE])),
    "_heapq": frozenset(("heappush", "heappop", "heapify", "heapreplace", "heappushpop")),
    "_bisect": frozenset(("insort", "insort_left", "insort_right")),
}
_KEEP = (functools.partial, types.SimpleNamespace, itertools.repeat)  # what they are given
_BY_HASH = frozenset((dict, set, OrderedDict, defaultdict, Counter))
_PLAIN_KEYS = frozenset((int, float, bool, complex, str, bytes))
_ANY: Any = object()


class Writes(Outside):
    """A machine that leaves objects from outside as they are."""

    # items

    def is_followed(self, held: Any) -> bool:
        """Whether this is a container from outside of which a copy can stand for it."""
        return type(held) in SHADOWED and not self.is_own(held)

    def _begin(self, held: Any, key: Any) -> Any:
        """What stands for a container of which an item is about to be written to."""
        grown = self.journal.grown
        if self.journal.shadow(held) is None and type(held) is list:
            grown[id(held)] = 0
        if type(key) is not int or self.heap.parts:
            grown.pop(id(held), None)
        made = self.journal.container(held)
        self.journal.touch(held, key)
        if type(key) is slice:
            self.journal.shift(held)
        self.changes(made)
        return made

    def number(self, owner: Any, key: Any, value: Any, read: Any = None) -> Any:
        """A number that a container from outside holds, or its length: an input, if it is known to
        change from call to call. ``read`` gives it as the last of several, without it it is an
        item."""
        place, keys, watch = (id(owner), key), self.tracer.keys, self.watch
        if type(value) not in (int, float) or keys is None or watch is None:
            return value
        found = self.journal.numbers.get(place)
        if found is None and keys.changing(place, value):
            given: Any = functools.partial(read_item, owner, key)
            if read is not None:
                given = lambda: read()[-1]  # noqa: E731
            name = self._name_of(owner, key)
            watch.add(f"the type of {name}", lambda: type(given()))
            self.tracer.numbers.unguarded = True
            found = self.tracer.numbers.read(Source(given), value, name)
            self.journal.numbers[place] = found
        return value if found is None else found

    def _name_of(self, owner: Any, key: Any) -> str:
        """What a part of an object is called where a number in it is explained."""
        if type(owner) not in SHADOWED:
            return str(key)
        indices = self.watch.walker.indices.get(id(owner)) if self.watch.walker else None
        held = self.watch.names[indices[0]] if indices else type(owner).__name__
        return f"len({held})" if key is LENGTH else f"{held}[{key!r}]"

    def _moving(self, owner: Any, key: Any, value: Any) -> Any:
        """An array, tensor or scalar of NumPy's that a container from outside holds: another one
        from call to call, perhaps."""
        made = self.tracer.arrays.found_in(owner, key, value, "item")
        if made is not value and self.tracer.places.known(owner, key) is made:
            self.journal.numbers[id(owner), key] = made
        return made

    def reads_keys(self, value: Any) -> bool:
        """A loop goes over a list or a dict, or a view of one: how long it is or which keys it has
        is read, and an item when it is its turn (``entry_of``). Whether this is such a container
        from outside."""
        owner = viewed(value) if type(value) in VIEWS else value
        if type(owner) not in (list, dict) or self.is_own(owner):
            return False
        self.journal.read(owner, LENGTH if type(owner) is list else KEYS)
        self._meet(owner)
        return True

    def entries(self, value: Any, later: bool = False) -> Any:
        """The items of a list, a dict or a view of one from outside, read one by one, ``later``
        each when it is asked for; any other value as it is."""
        if type(self.present(value)) is list and holds_choice(self.present(value)):
            return value
        if not self.reads_keys(value):
            return value
        source = source_of(value)
        return self.fresh(one_by_one(source) if later else source.all())

    def pairs(self, value: Any) -> Any:
        """A mapping all of which is taken; one from outside with what stands for its values."""
        if type(value) is not dict or not self.reads_keys(value):
            self.observe(value)
            return self.present(value)
        return self.fresh({key: self.entry_of(value, key) for key in self.present(value)})

    def entry_of(self, owner: Any, key: Any) -> Any:
        """An item of a container that a loop goes over."""
        if type(owner) not in (list, dict) or self.is_own(owner):
            return self.present(owner)[key]
        self.observe(owner, key)
        return self._held_at(owner, key, self.present(owner)[key])

    def _held_at(self, owner: Any, key: Any, made: Any) -> Any:
        """What stands for an item of a container from outside."""
        held = self.journal.shadow(owner)
        key = plain(key)
        if not is_key(key) or not self.journal.is_untouched(owner, key):
            return made
        place = self.journal.place_of(owner, key)
        if may_move_within(made):
            found = self._moving(owner, place, made)
        else:
            later = held is not None and self.heap.parts  # other ways have it as it is
            found = made if later else self.number(owner, place, made)
        if held is not None and not self.heap.parts:
            held[key] = found
        return found

    def length(self, owner: Any) -> Any:
        """The length of a container from outside."""
        self.journal.read(owner, LENGTH)
        self._meet(owner)
        held = self.present(owner)
        if held is owner:
            return self.number(owner, LENGTH, len(owner))
        if id(owner) in self.journal.grown and not self.heap.parts:
            return self.number(owner, LENGTH, len(owner)) + (len(held) - len(owner))
        self.observe(owner)
        return len(held)

    def from_start(self, held: Any, key: Any) -> Any:
        """An index that counts from the end of a list of which items have been written to, counted
        from its start."""
        if type(key) is not int or key >= 0 or type(held) is not list or self.is_own(held):
            return key
        if not self.journal.touched.get(id(held)) or self.journal.grown.get(id(held)):
            return key
        self.journal.read(held, LENGTH)
        return key + len(self.present(held)) if -key <= len(self.present(held)) else key

    def item(self, frame: Frame, held: Any, key: Any) -> Any:
        real, held = held, self.present(held)
        if type(held) is defaultdict and key not in held and self.is_followed(real):
            self.guard("default_factory", functools.partial(getattr, real, "default_factory"))
            if held.default_factory is None:
                raise KeyError(key)
            made = self.call(frame, held.default_factory, (), {})
            self.set_item(frame, real, key, made)
            return made
        made = super().item(frame, held, key)
        if self.is_followed(real):
            made = self._held_at(real, key, made)
        if type(key) is slice and type(held) in (list, bytearray):
            self.fresh(made)
        return made

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        if not self.is_followed(held):
            self._refuse_drawn(held)
            super().set_item(frame, held, key, value)
            return
        key = plain(key)
        if self._stays(held, key, value):
            return
        self._needs_place(held, key)
        if self._is_torn(held, key):
            self.tear(held)
        else:
            self._begin(held, key)[key] = value
        self.journal.log("an assignment to an item", operator.setitem, (held, key, value), {})
        by_place = type(held) is list and type(key) is int and key >= 0
        if (isinstance(held, dict) or by_place) and not self.heap.parts:
            self.journal.known.setdefault(id(held), set()).add(key)

    def _stays(self, held: Any, key: Any, value: Any) -> bool:
        """Whether an item gets the ndarray that it has: ``ws[i] -= step`` writes into that."""
        if type(value) is not TracedArray or type(key) not in (int, str):
            return False
        array = read_item(self.present(held), key)
        if type(array) is not np.ndarray or self.tracer.arrays.held(array) is not value:
            return False
        self.observe(held, key)
        places = self.tracer.places
        if places.known(held, key) is not value:
            places.pin(value)  # what was found elsewhere has to be this array in each call
        return True

    def delete_item(self, frame: Frame, held: Any, key: Any) -> None:
        if not self.is_followed(held):
            self._refuse_drawn(held)
            super().delete_item(frame, held, key)
            return
        if isinstance(held, dict):
            self.observe(held, key)
        self._needs_place(held, key)
        del self._begin(held, key)[key]
        if not isinstance(held, dict):
            self.journal.shift(held)
        self.journal.log("a deletion of an item", operator.delitem, (held, key), {})

    def _needs_place(self, held: Any, key: Any) -> None:
        """A position in a sequence is written to, which it must have."""
        if isinstance(held, dict) or type(key) is slice and key.step is None:
            return
        made = self.journal.shadow(held)
        if id(made) in self.journal.torn:  # whether it has the place is known when it is too late
            self.give_up("a write to a place of a sequence that one way of a branch has changed")
        more = 0 if made is None else len(made) - len(held)
        plainly = type(key) is int and (made is None or id(held) in self.journal.grown)
        self.journal.read(held, Index(key, more) if plainly else LENGTH)

    def _refuse_drawn(self, held: Any) -> None:
        if type(held) is dict and id(held) in self.journal.drawn and not self.is_own(held):
            self.give_up("a write into the __dict__ of an object")

    def asks_for(self, held: Any, item: Any) -> bool:
        """Whether this is a look for a key, or a member, of a container from outside, which is all
        that is read of it."""
        if VIEWS.get(type(held)) == "keys":
            held = viewed(held)
        if type(held) not in _BY_HASH or type(item) not in _PLAIN_KEYS or self.is_own(held):
            return False
        if item not in self.journal.known.get(id(held), ()):
            self.journal.read(held, Has(item))
        self._meet(held, (item,))
        return True

    def iterator(self, frame: Frame, value: Any) -> Any:
        self.goes_over(value)
        return super().iterator(frame, self.present(value))

    def goes_over(self, value: Any) -> None:
        """An iterator of Python's own goes over a container from now on."""
        value = viewed(value) if type(value) in VIEWS else value
        if type(value) in SHADOWED and not self.is_own(value):
            self.journal.drawn[id(value)] = value

    def items(self, frame: Frame, value: Any, hinted: bool = False) -> Any:
        return super().items(frame, self.present(value), hinted)

    def truth(self, frame: Frame, value: Any) -> Any:
        if not self.is_followed(value):
            return super().truth(frame, value)
        if self.present(value) is not value:
            return super().truth(frame, self.length(value))
        self.journal.read(value, FILLED)
        self._meet(value)
        return bool(value)

    def binary(
        self, frame: Frame, function: Callable[[Any, Any], Any], name: str, left: Any, right: Any,
        in_place: bool = False,
    ) -> Any:  # fmt: skip
        if in_place and self.is_followed(left) and hasattr(left, f"__i{name}__"):
            return self._wrote(frame, left, f"__i{name}__", (right,), {}, function)
        self.observe_all(left, right)
        if in_place and hasattr(left, f"__i{name}__") and own_method(left, f"__i{name}__") is None:
            self.changes(left)
        left, right = self.present(left), self.present(right)
        made = super().binary(frame, function, name, left, right, in_place)
        if type(made) in SHADOWED and made is not left and made is not right:
            self.fresh(made)
        return made

    def observe_all(self, *values: Any) -> None:
        """An operator looks at all that containers hold."""
        for value in values:
            if isinstance(value, SHADOWED) or type(value) is tuple or type(value) in VIEWS:
                self.observe(value)

    # calls

    def wrote(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What a method that writes into an object from outside gives, or NotImplemented for any
        other function."""
        kind = type(function)
        if function is len and len(args) == 1 and self.is_followed(args[0]):
            return self.length(args[0])
        if args and writes_first(function) and self.is_followed(args[0]):
            return self._wrote_first(frame, function, args, kwargs)
        if kind in _BOUND:
            owner, rest = self.journal.original(getattr(function, "__self__", None)), args
        elif kind in _UNBOUND and args:
            owner, rest = args[0], args[1:]
        else:
            return NotImplemented
        name = function.__name__
        if name == "__len__" and not rest and self.is_followed(owner):
            return self.length(owner)
        if name in _ATTRIBUTE and len(rest) == 1 + (name == "__setattr__") and not kwargs:
            if type(rest[0]) is str and own_method(owner, name) is not function:
                return getattr(self, _ATTRIBUTE[name])(frame, owner, *rest)
            return NotImplemented
        if name == "__getattribute__" and len(rest) == 1 and self._written_at(owner, rest[0]):
            return self.attribute(frame, owner, rest[0])
        if not self.is_followed(owner):
            return NotImplemented
        if name in ("keys", "values", "items") and type(owner) is dict and not rest:
            return getattr(owner, name)()  # nothing is read yet
        if name in ("__iter__", "__reversed__"):
            self.goes_over(owner)
        if name == "get" and 1 <= len(rest) <= 2 and not kwargs and isinstance(owner, dict):
            return self._get(owner, *rest)
        if name in _ITEM and not kwargs:
            return getattr(self, _ITEM[name])(frame, owner, *rest)
        if name not in _BLIND and name not in _BY_KEY and name not in _WHOLE:
            return NotImplemented
        method = getattr(type(owner), name)
        return self._wrote(frame, owner, name, rest, kwargs, method)

    def _get(self, owner: Any, key: Any, default: Any = None) -> Any:
        self.observe(owner, key)
        held = self.present(owner)
        made = held.get(key, default)
        return self.number(owner, key, made) if held is owner and key in held else made

    def _wrote_first(self, frame: Frame, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a function of the standard library that writes into its first argument."""
        owner, rest = args[0], args[1:]
        if function is operator.setitem or function is operator.delitem:
            return getattr(self, _ITEM[f"__{function.__name__}__"])(frame, owner, *rest)
        if type(owner) is not list:
            self.give_up(f"{function.__name__!r} of a {type(owner).__name__} from outside")
        self.observe(owner)
        held = self.present(owner)
        held = self.journal.container(owner) if held is owner else held
        self.journal.shift(owner)
        self.changes(held)
        made = function(held, *rest, **kwargs)
        items = self.fresh(list(held))
        self.journal.log(function.__name__, operator.setitem, (owner, slice(None), items), {})
        return self.journal.original(made)

    def _written_at(self, owner: Any, name: Any) -> bool:
        return bool(self.journal.shadows) and self._written(owner, name) is not MISSING

    def _wrote(
        self, frame: Frame, owner: Any, name: str, args: Any, kwargs: Any, method: Any
    ) -> Any:
        """Call a method on what stands for a container, and note it for after the graph."""
        if name in _OF_ITEMS:
            args = tuple([self._drawn(frame, a) for a in args])
        if name in _WHOLE and not (name == "pop" and isinstance(owner, dict)):
            self.observe(owner)
        elif name in _BY_KEY or name == "pop":
            self.observe(owner, args[0])
        if name in _BLIND and self.journal.is_in_loop:
            self.tear(owner)
            self.journal.log(f"{type(owner).__name__}.{name}", method, (owner, *args), kwargs)
            return owner if name.startswith("__i") else None
        whole = name in _WHOLE or name in _BY_KEY
        held = self.present(owner) if whole else self.journal.shadow(owner)
        if held is None or held is owner:
            held = self.journal.container(owner)
            if type(owner) is list or type(owner) is deque and owner.maxlen is None:
                self.journal.grown[id(owner)] = 0
        self.changes(held)
        before = len(held)
        if name == "sort":
            kwargs = {k: self.called(frame, v) for k, v in kwargs.items()}
            held.sort(*args, **kwargs)
            args, method = (slice(None), self.fresh(list(held))), operator.setitem
            kwargs = {}
            made = None
        else:
            made = method(held, *args, **kwargs)
        self.journal.touch(owner, args[0] if name in _BY_KEY else WHOLE)
        self._grew(owner, name, len(held) - before)
        self.journal.log(f"{type(owner).__name__}.{name}", method, (owner, *args), kwargs)
        return owner if made is held else made

    def _is_torn(self, held: Any, key: Any) -> bool:
        """Whether it is not known what a container holds when an item of it has been written to:
        trips of a loop add it."""
        made = self.journal.shadow(held)
        if id(made) in self.journal.torn:
            return True
        now = held if made is None else made
        return self.journal.is_in_loop and isinstance(now, dict) and key not in now

    def tear(self, owner: Any) -> None:
        """A container is written to by values of the graph, or in trips of a loop: what it holds
        is not known from now on, and who reads it is refused."""
        held = self.journal.container(owner)
        self.journal.touch(owner, WHOLE)
        self.journal.grown.pop(id(owner), None)
        self.changes(self.journal.torn)
        self.journal.torn.add(id(held))

    def _grew(self, owner: Any, name: str, count: int) -> None:
        """A container has so many items more."""
        grown = self.journal.grown
        full = getattr(owner, "maxlen", None) is not None  # at some time
        if (name not in _AT_END or full) and not isinstance(owner, dict | set):
            self.journal.shift(owner)
        if name not in _GROWING or self.heap.parts:
            grown.pop(id(owner), None)
        elif id(owner) in grown:
            grown[id(owner)] = grown[id(owner)] + count if name in _AT_END else 0

    def is_tail(self, owner: Any, key: Any) -> bool:
        """Whether an item is one of those that the call itself has put at the end of a list."""
        return type(key) is int and -self.journal.grown.get(id(owner), 0) <= key < 0

    def called(self, frame: Frame, function: Any) -> Any:
        """A function of the user's as one that Python can call."""
        return function

    def _drawn(self, frame: Frame, value: Any) -> Any:
        """What a container takes the items of, as it is now."""
        value = self.present(value)
        if isinstance(value, dict):
            self.observe(value)
            return self.fresh(dict(value))
        return self.fresh(list(self.items(frame, value)))

    def presented(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], moves: bool = False
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """A call of what is not interpreted, with what stands for objects that have been written
        to. Raises PlainPython where it may look at one of these by itself.

        ``moves``: whether it hands items on to the function, and does not look at them.
        """
        if not self.journal.shadows or looks(function):
            return function, args, kwargs
        owner = getattr(function, "__self__", None)
        if type(function) in _BOUND and self.present(owner) is not owner:
            function = getattr(self.present(owner), function.__name__)
        if (
            type(owner) in SHADOWED
            and function.__name__ not in _OF_ITEMS
            or any(function is f for f in _KEEP)
        ):
            return function, args, kwargs
        for value in (*args, *kwargs.values()):
            if not moves and self._hides(value):
                self.give_up("a call with an object that the function has written to")
        named = kwargs if function is dict else {k: self.present(v) for k, v in kwargs.items()}
        return function, tuple([self.present(a) for a in args]), named

    def _hides(self, value: Any, depth: int = 4) -> bool:
        """Whether an object that has been written to is in an argument, not at its top."""
        if type(value) in LISTED or type(value) in (set, frozenset):
            items: Any = value
        elif isinstance(value, dict):
            items = value.values()
        else:
            return type(self.journal.shadow(value)) is Attributes
        if not depth:
            return True
        return any(self.journal.shadow(x) is not None or self._hides(x, depth - 1) for x in items)


def writes_first(function: Any) -> bool:
    """Whether a function of the standard library writes into its first argument."""
    name = getattr(function, "__name__", "")
    return name in _WRITERS.get(getattr(function, "__module__", None) or "", ())


def looks(function: Any) -> bool:
    """Whether a function looks at an object without a look at what it holds, or at one attribute,
    which ``natives.py`` notes, or is a function that is interpreted."""
    return any(function is f for f in _LOOKS) or getattr(type(function), "is_compiled", False)
