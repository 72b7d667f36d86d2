"""What the code of a function can read: names, cells, items and attributes, as a ``Watch``.

Its own code is looked at, and that of the user's functions and methods which it can call. Of a
library nothing is known but the attributes of its modules and objects that this code names.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from twofold.ir.location import instructions_of
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import dict_of

from .guards import BY_VALUE, OPAQUE, Watch
from .library import file_of, is_library, is_ours
from .readers import MISSING, AttributeOf, CellContent, InClass, Item, Pairs, in_class
from .slots import Slot, SlotKey
from .state import Reader, Restore, attributes_of, state_of

__all__ = ["watch"]

_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial, staticmethod, classmethod)
_IMPLIED = frozenset((
    "__call__", "__getitem__", "__setitem__", "__contains__", "__len__", "__iter__", "__next__",
    "__bool__", "__enter__", "__exit__", "__getattr__", "__neg__", "__abs__", "__add__", "__radd__",
    "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__floordiv__",
    "__mod__", "__pow__", "__rpow__", "__matmul__", "__rmatmul__", "__iadd__", "__isub__",
    "__imul__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__", "__float__", "__int__",
    "__index__",
))  # fmt: skip
_MAKING = frozenset(("__init__", "__new__"))
_BY_TEXT = frozenset(("getattr", "hasattr", "vars", "globals", "__dict__", "attrgetter"))
# What reads namespaces and attributes without a look-up by name: attributes, functions, modules.
_RAW = frozenset(("__dict__", "__getstate__", "__reduce__", "__reduce_ex__"))
_READERS = ("vars", "globals", "copy", "deepcopy", "pickle")
_NUMBERS = (float, int)
MAX_ITEMS = 256  # containers with more items are compared by identity and length only
MAX_OBJECTS = 500  # containers and objects that are looked into


def watch(function: Callable[..., Any], arguments: Iterable[Any]) -> Watch:
    """What the code of ``function`` can read by name, and the state of its object arguments and
    of the classes among them."""
    found = Watch()
    walker = _Walker(found)
    walker.value(getattr(function, "__name__", "function"), function)
    for argument in arguments:
        name = argument.__name__ if isinstance(argument, type) else "argument"
        walker.value(name, argument)
    walker.attribute_arrays()
    walker.attribute_numbers()
    found.walker = walker
    return found


class _Walker:
    """Walks from code to values and from values to code.

    Attributes are watched if some code that was walked names them, so each owner of attributes
    (instance, class, module) meets each name once, whichever of the two is found first.
    """

    def __init__(self, found: Watch) -> None:
        self.found = found
        self.seen: dict[int, Any] = {}
        self.limit = MAX_OBJECTS
        self.walked: set[tuple[int, bool]] = set()  # functions, and whether their names are hooked
        self.watched: set[SlotKey] = set()  # names that are guarded
        self.by_text = False  # whether code reads attributes or names in other ways
        self.indices: dict[int, list[int]] = {}  # object or container -> guards of what it holds
        self.places: dict[SlotKey, list[int]] = {}  # name -> the guards of its value
        self.attributes: dict[str, None] = {}  # names that the code reads
        self.owners: list[tuple[str, Any]] = []  # classes and modules
        self.instances: list[Any] = []
        self.unhooked = 0  # code that is reached now sees arrays as they are (ndarrays/names.py)
        self.kinds: set[type] = set()  # classes of instances
        self.owned: set[type] = set()  # classes whose attributes are watched
        self.lengthy: dict[int, tuple[str, Reader]] = {}  # compared by identity and length so far
        self.met: dict[tuple[int, Any, Any], Any] = {}  # items of those that were read
        self.of_classes: set[SlotKey] = set()  # names of classes that are guarded

    def function(self, function: Any, name: str) -> None:
        """Globals, cells and defaults of a user function."""
        code = getattr(function, "__code__", None)
        visit = id(function), bool(self.unhooked)
        if code is None or visit in self.walked or is_library(code.co_filename):
            return
        again = id(function) in self.seen
        self.seen[id(function)] = function
        self.walked.add(visit)
        names = _names(code)
        self.learn(names)
        self.by_text |= not _RAW.isdisjoint(names) or any(
            name in names and _loads(code, name) for name in _READERS
        )
        space = function.__globals__
        for key in names:
            if key not in space and key in sys.modules and _loads(code, key):
                self.value(key, sys.modules[key])  # it is imported inside
            elif key in space:
                put = functools.partial(_put_item, space, key)
                self.slot((id(space), key), key, Item(space, key), put)
                self.named(space[key])
                self.value(key, space[key])
        for key, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            read, put = CellContent(cell), functools.partial(_put_cell, cell)
            self.slot((id(cell), ""), key, read, put)
            self.named(read())
            self.value(key, read())
        if again:  # only what names are hooked is another question
            return
        self.found.add(f"{name}.__code__", AttributeOf(function, "__code__"))
        if function.__dict__:
            held = function.__dict__
            put = functools.partial(_refill, held)
            self.guarded(held, self.found.add(f"the attributes of {name}", Pairs(held), put))
        self.defaults(function, name)

    def called(self, function: Any) -> None:
        """A function is called that code may have found in any way."""
        if id(function) not in self.seen:
            self.plainly(function.__name__, function)

    def defaults(self, function: Any, name: str) -> None:
        if function.__defaults__:
            self.found.add(f"{name}.__defaults__", AttributeOf(function, "__defaults__"))
            for value in function.__defaults__:
                self.value(f"a default of {name}", value)
        if function.__kwdefaults__:
            self.found.add(f"{name}.__kwdefaults__", lambda: _items(function.__kwdefaults__))
            for value in function.__kwdefaults__.values():
                self.value(f"a default of {name}", value)

    def value(self, name: str, value: Any) -> None:
        """The items or attributes of a container or object, and the code of a function."""
        if getattr(type(value), "is_compiled", None) is True:
            value = value.__wrapped__
        if value is None or type(value) in BY_VALUE or isinstance(value, OPAQUE):
            return
        if isinstance(value, _FUNCTIONS):
            self.callable(name, value)
            return
        if isinstance(value, types.ModuleType) and self.unhooked:
            self.unhooked_module(name, value)
        if id(value) in self.seen or len(self.seen) > self.limit:
            return
        if isinstance(value, type | types.ModuleType):
            self.namespace(name, value)
            return
        self.seen[id(value)] = value
        if isinstance(value, threading.local):  # what it holds depends on who asks
            self.namespace(type(value).__name__, type(value))
            return
        state = state_of(value)
        if state is not None:
            self.items(name, value, *state)
            if not is_library(file_of(type(value))):
                self.instance(name, value)
        elif isinstance(value, types.SimpleNamespace) or not is_library(file_of(type(value))):
            self.instance(name, value)
        elif not is_ours(type(value)):
            self.own(name, value)

    def meet(self, owner: Any, keys: tuple[Any, ...] = ()) -> None:
        """What code that runs now reads: all of an object, or one item of a long container."""
        if id(owner) in self.lengthy:
            self._look_into(owner, keys)
        elif id(owner) not in self.seen:
            count, self.limit = len(self.instances), len(self.seen) + MAX_OBJECTS
            self.value(type(owner).__name__, owner)
            self.attribute_arrays(count)
            if id(owner) in self.lengthy:
                self._look_into(owner, keys)

    def _look_into(self, owner: Any, keys: tuple[Any, ...]) -> None:
        name, snapshot = self.lengthy[id(owner)]
        if len(keys) == 1 and type(keys[0]) in (int, str, float, bool):
            key = keys[0]
            place = id(owner), type(key), key
            if place not in self.met:
                self.met[place] = owner
                read = functools.partial(_item, owner, key)
                self.found.add(f"{name}[{key!r}]", read)
                self.plainly(f"{name}[{key!r}]", read())
            return
        del self.lengthy[id(owner)]
        self.found.add(name, snapshot)
        self.limit = len(self.seen) + len(owner) + MAX_OBJECTS
        for item in snapshot():
            self.plainly(f"{name}[...]", item)

    def namespace(self, name: str, value: Any) -> None:
        """A class of the user's, with those that it inherits from, or a module."""
        library = is_library(file_of(value))
        if isinstance(value, types.ModuleType):
            if not is_ours(value):
                self.seen[id(value)] = value
                self.own(name, value)
        elif not library:
            self.seen[id(value)] = value
            self.bases(value)
            self.implied(value, _MAKING)  # code that names a class may make an object

    def slot(self, place: SlotKey, name: str, read: Reader, put: Restore) -> None:
        """A global or captured name, or an attribute of a module or a class: watched once."""
        if place not in self.watched:
            self.watched.add(place)
            index, value = self.found.add(name, read, put), read()
            self.places.setdefault(place, []).append(index)
            if type(value) in _NUMBERS:
                self.found.numbers[place] = Slot(name, read, value, index)
        if self.unhooked and place in self.found.numbers:
            self.found.numbers[place].plain = True

    def unhooked_module(self, name: str, module: Any) -> None:
        """A module that code reads whose names are not hooked: what it has is as it is."""
        visit = id(module), True
        if visit in self.walked or is_library(file_of(module)):
            return
        self.walked.add(visit)
        for key in list(self.attributes):
            self.unhooked_attribute(name, module, key)

    def unhooked_attribute(self, name: str, module: Any, key: str) -> None:
        """The attribute of such a module, once code that reads one of this name is found."""
        space = vars(module)
        if key in space:
            self.unhooked += 1
            put = functools.partial(_put_attribute, module, key)
            self.slot((id(space), key), f"{name}.{key}", Item(space, key), put)
            self.value(f"{name}.{key}", space[key])
            self.unhooked -= 1

    def named(self, value: Any) -> None:
        """What a global or captured name means."""
        if type(value) is np.ndarray:
            (self.found.arrays if self.unhooked else self.found.named).append(value)

    def plainly(self, name: str, value: Any) -> None:
        """The same as ``value`` for what no name leads to: its code sees arrays as they are."""
        self.unhooked += 1
        self.named(value)
        self.value(name, value)
        self.unhooked -= 1

    def attribute_arrays(self, first: int = 0) -> None:
        """Find the arrays in attributes that some code names."""
        for owner in self.instances[first:]:
            held = dict_of(owner)
            found = [held[key] if key in held else _slot(owner, key) for key in self.attributes]
            self.found.arrays += [x for x in found if type(x) is np.ndarray]

    def attribute_numbers(self) -> None:
        """Find the numbers in attributes that some code names; those behind names, which code can
        read in other ways as well, are no inputs then."""
        numbers = self.found.numbers
        for owner in self.instances:
            held = dict_of(owner)
            for at, (key, value) in enumerate(held.items(), len(held)):
                if key in self.attributes and type(value) in _NUMBERS and id(owner) in self.indices:
                    read = _attribute_reader(owner, key)
                    text, guard = f"{type(owner).__name__}.{key}", self.indices[id(owner)][-1]
                    numbers[id(owner), key] = Slot(text, read, value, guard, at, type(owner))
        if self.by_text:
            numbers.clear()

    def callable(self, name: str, value: Any) -> None:
        """A function, or what wraps one."""
        if isinstance(value, functools.partial):
            for key in ("func", "args", "keywords") if id(value) not in self.seen else ():
                self.found.add(f"{name}.{key}", AttributeOf(value, key))
            self.seen[id(value)] = value
            for part in (value.func, value.args, value.keywords):
                self.value(name, part)
        elif isinstance(value, types.MethodType):
            self.value(f"{name}.__self__", value.__self__)
            self.plainly(name, value.__func__)
        elif isinstance(value, staticmethod | classmethod):
            self.value(name, value.__func__)
        else:
            self.function(value, name)

    def instance(self, name: str, value: Any) -> None:
        """An object of a user's class: its attributes, and what its class has."""
        self.instances.append(value)
        self.items(name, value, *attributes_of(value))
        kind = type(value)
        if kind not in self.kinds:
            self.bases(kind)
            self.kinds.add(kind)
            self.implied(kind, _IMPLIED)

    def bases(self, kind: type) -> None:
        """What a class and those that it inherits from have."""
        for base in kind.__mro__[:-1]:
            if base not in self.owned and not is_library(file_of(base)):
                self.owned.add(base)
                self.found.add(f"the bases of {base.__name__}", AttributeOf(base, "__mro__"))
                self.own(base.__name__, base)

    def implied(self, kind: type, names: frozenset[str]) -> None:
        """The methods of a user's class that syntax calls (``+``, ``[]``, ``()``, ``with``)."""
        for base in kind.__mro__[:-1]:
            for key, member in () if is_library(file_of(base)) else vars(base).items():
                if key in names and isinstance(member, types.FunctionType):
                    self.attribute(base.__name__, base, key)

    def items(
        self, name: str, value: Any, snapshot: Callable[[], Any], restore: Restore | None = None
    ) -> None:
        if isinstance(value, list | tuple | dict) and len(value) > MAX_ITEMS:
            self.guarded(value, self.found.add(f"len({name})", lambda: len(value)))
            self.found.long.append((name, snapshot, restore))
            self.lengthy[id(value)] = name, snapshot
            held = value.values() if isinstance(value, dict) else value
            self.found.arrays += [x for x in held if type(x) is np.ndarray]
            return
        self.guarded(value, self.found.add(name, snapshot, restore))
        held = snapshot()
        for item in held if held.__class__ in TUPLES else ():
            if type(value).__dictoffset__ and type(item) is np.ndarray:
                continue  # only attributes that some code names count
            self.plainly(f"{name}[...]", item)

    def guarded(self, owner: Any, index: int) -> None:
        """A guard compares what an object holds."""
        self.indices.setdefault(id(owner), []).append(index)

    def learn(self, names: dict[str, None]) -> None:
        """Code that reads attributes of these names was found."""
        new = [n for n in names if n not in self.attributes]
        self.attributes.update(dict.fromkeys(new))
        for name, owner in list(self.owners):
            for key in new:
                self.attribute(name, owner, key)

    def own(self, name: str, owner: Any) -> None:
        """A class, a module, or an object of a library's class was found."""
        self.owners.append((name, owner))
        for key in list(self.attributes):
            self.attribute(name, owner, key)

    def attribute(self, name: str, owner: Any, key: str) -> None:
        if not isinstance(owner, type | types.ModuleType) or is_library(file_of(owner)):
            self.library_attribute(name, owner, key)
            return
        space = vars(owner)
        if key not in space:
            if any(key in vars(base) for base in getattr(owner, "__mro__", ())[1:-1]):
                self.of_class(owner, key)  # may be hidden
            return
        value = in_class(space[key])
        if isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
            return
        put = functools.partial(_put_attribute, owner, key)
        if isinstance(owner, type):
            self.class_attribute(owner, f"{name}.{key}", key, put)
            self.plainly(f"{name}.{key}", value.fget if isinstance(value, property) else value)
            return
        self.slot((id(space), key), f"{name}.{key}", Item(space, key), put)
        self.named(value)
        self.value(f"{name}.{key}", value)
        if (id(owner), True) in self.walked:
            self.unhooked_attribute(name, owner, key)

    def library_attribute(self, name: str, owner: Any, key: str) -> None:
        """What a module of a library, or an object of a class of one, has: of its code nothing is
        known, and of what it holds only the parts that the user's code names."""
        space = dict_of(owner)
        if key not in space or (id(space), key) in self.watched:
            return
        self.watched.add((id(space), key))
        put = functools.partial(_put_item, space, key)
        self.found.add(f"{name}.{key}", Item(space, key), put)
        if isinstance(space[key], types.ModuleType | types.FunctionType):
            self.plainly(f"{name}.{key}", space[key])

    def of_class(self, owner: Any, key: str) -> None:
        """What a class has, or has not, under a name."""
        if (id(owner), key) not in self.of_classes:
            self.of_classes.add((id(owner), key))
            self.found.add(f"{owner.__name__}.{key}", InClass(owner, key))

    def class_attribute(self, owner: type, name: str, key: str, put: Restore) -> None:
        self.of_classes.add((id(owner), key))
        read = InClass(owner, key)
        index, value = self.found.add(name, read, put), read()
        self.places.setdefault((id(owner), key), []).append(index)
        if type(value) in _NUMBERS:
            self.found.numbers[id(owner), key] = Slot(name, read, value, index, owner=owner)


def _items(held: dict[str, Any] | None) -> tuple[Any, ...]:
    return (*held.keys(), *held.values()) if held else ()


def _refill(held: dict[str, Any], old: tuple[Any, ...]) -> None:
    half = len(old) // 2
    held.clear()
    held.update(zip(old[:half], old[half:], strict=True))


def _item(held: Any, key: Any) -> Any:
    try:
        return held[key]
    except LookupError:
        return MISSING


def _put_item(space: dict[str, Any], key: str, old: Any) -> None:
    if old is MISSING:
        space.pop(key, None)
    else:
        space[key] = old


def _put_cell(cell: Any, old: Any) -> None:
    if old is MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = old


def _put_attribute(owner: Any, key: str, old: Any) -> None:
    if old is MISSING:
        delattr(owner, key)
    else:
        setattr(owner, key, old)


def _names(code: types.CodeType) -> dict[str, None]:
    """The names of globals and attributes in a code object and in the code nested in it."""
    found = dict.fromkeys(code.co_names)
    if not _BY_TEXT.isdisjoint(found):
        found.update(dict.fromkeys(c for c in code.co_consts if isinstance(c, str)))
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            found.update(_names(const))
    return found


def _loads(code: types.CodeType, name: str) -> bool:
    """Whether code, or code nested in it, loads a global, or imports a module, of this name."""
    loads = any(
        step.argval == name and step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME")
        for step in instructions_of(code)
    )
    return loads or any(
        isinstance(const, types.CodeType) and _loads(const, name) for const in code.co_consts
    )


def _slot(owner: Any, key: str) -> Any:
    """What is in a slot of an object, or None."""
    descriptor = next((vars(b)[key] for b in type(owner).__mro__ if key in vars(b)), None)
    if not isinstance(descriptor, types.MemberDescriptorType):
        return None
    try:
        return descriptor.__get__(owner)
    except AttributeError:  # nothing yet
        return None


def _attribute_reader(owner: Any, key: str) -> Reader:
    """Reads a number from an object that it does not keep alive, if that can be."""
    try:
        ref: Callable[[], Any] = weakref.ref(owner)
    except TypeError:
        ref = lambda: owner  # noqa: E731
    return lambda: dict_of(ref()).get(key, MISSING)
