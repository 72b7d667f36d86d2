"""What a trace read from its surroundings, checked again on every call.

A trace bakes in the Python values that it met: globals, closure cells, defaults, items of lists
and dicts, attributes of objects, classes and modules. ``watch`` lists those that the function's
code can reach by name, its own code and that of the user's functions and methods which it calls;
``Watch.unchanged`` compares them by identity (numbers and strings by type and value). Arrays,
tensors and Variables are inputs of the graph: it is enough that the name still means the same
object. Values are held, objects of the user's classes weakly where that is possible, so that a
trace keeps no instance alive.
"""

from __future__ import annotations

import dis
import functools
import operator
import sys
import sysconfig
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from twofold.ir.location import is_internal
from twofold.ir.tree import dict_of
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from .state import MISSING, Reader, Restore, attributes_of, state_of

__all__ = ["ELEMENTS", "Watch", "is_library", "is_library_module", "is_library_object", "watch"]

_OPAQUE = (Tensor, Variable, np.ndarray, np.dtype, np.generic)
_BY_VALUE = (int, float, complex, str, bytes, bool)
_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial, staticmethod, classmethod)
_LIBRARIES = tuple({sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib")})
ELEMENTS = "the elements of a captured array"
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
MAX_ITEMS = 256  # containers with more items are compared by identity and length only
MAX_OBJECTS = 500  # containers and objects that are looked into


class Watch:
    """A list of readers and the values that they gave."""

    __slots__ = (
        "arrays", "long", "named", "names", "reads", "reads_type", "relied", "restores",
    )  # fmt: skip

    def __init__(self) -> None:
        self.reads_type = False  # some code calls ``type``, which tells a symbol from a number
        self.names: list[str] = []
        self.reads: list[tuple[Reader, Any]] = []  # each with the value that it gave
        self.restores: list[Restore | None] = []
        self.long: list[tuple[str, Reader, Restore | None]] = []  # compared around a trace only
        self.arrays: list[np.ndarray[Any, Any]] = []  # those that plain NumPy may read and write
        self.relied: list[np.ndarray[Any, Any]] = []  # those whose elements are in the trace
        self.named: list[np.ndarray[Any, Any]] = []  # those behind names that give traced arrays

    def add(self, name: str, read: Reader, restore: Restore | None = None) -> None:
        """Remember what a reader gives now; ``restore`` puts it back."""
        self.names.append(name)
        self.reads.append((read, _held(read())))
        self.restores.append(restore)

    def readers(self) -> list[Reader]:
        """The readers without their values."""
        return [read for read, _ in self.reads]

    def holds(self, value: Any) -> bool:
        """Whether some reader gives exactly this object, or a container with it."""
        return any(
            v is value or (v.__class__ is tuple and _within(value, v)) for _, v in self.reads
        )

    def unchanged(self) -> bool:
        """Whether every reader still gives the same."""
        for read, value in self.reads:
            now = read()
            if now is not value and not _equal(now, value):
                return False
        return True

    def outdated(self) -> bool:
        """Whether an array that the trace relied on holds something else."""
        watched = zip(self.names, self.reads, strict=True)
        return any(name == ELEMENTS and read() != value for name, (read, value) in watched)

    def changes(self) -> Iterator[str]:
        """What changed, a line each."""
        for name, (read, value) in zip(self.names, self.reads, strict=True):
            now = read()
            if now is not value and not _equal(now, value):
                yield f"{name}: {value!r} -> {now!r}"


def _within(value: Any, items: tuple[Any, ...]) -> bool:
    return any(item is value for item in items)


class _Weak(weakref.ref):  # type: ignore[type-arg]
    """A value that a watch compares with but does not keep alive."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self())


def _held(value: Any) -> Any:
    """A value as a watch keeps it: objects of the user's classes weakly."""
    if value.__class__ is tuple:
        return tuple(map(_held, value))
    if value.__class__ is types.MethodType:
        return _Method(value)
    if isinstance(value, (*_OPAQUE, *_BY_VALUE, types.FunctionType)) or value is MISSING:
        return value
    if not type(value).__dictoffset__ or isinstance(value, type | types.ModuleType):
        return value
    try:
        return _Weak(value)
    except TypeError:
        return value


class _Method:
    """A bound method by its parts: each look at an attribute makes a new one."""

    __slots__ = ("function", "owner")

    def __init__(self, method: types.MethodType) -> None:
        self.function, self.owner = method.__func__, _held(method.__self__)

    def is_of(self, method: Any) -> bool:
        """Whether this stands for ``method``."""
        if method.__class__ is not types.MethodType or method.__func__ is not self.function:
            return False
        return method.__self__ is self.owner or _equal(method.__self__, self.owner)


def _equal(now: Any, held: Any) -> bool:
    """Equality with a snapshot: tuples of identities, and plain values by type and value."""
    if held.__class__ is _Weak:
        return held() is now
    if held.__class__ is _Method:
        return bool(held.is_of(now))
    if now.__class__ is not held.__class__:
        return False
    if now.__class__ is tuple:
        return len(now) == len(held) and (
            all(map(operator.is_, now, held)) or all(map(_same, now, held))
        )
    return isinstance(now, _BY_VALUE) and (now == held and repr(now) == repr(held))


def _same(now: Any, held: Any) -> bool:
    return now is held or _equal(now, held)


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
    return found


class _Walker:
    """Walks from code to values and from values to code.

    Attributes are watched if some code that was walked names them, so each owner of attributes
    (instance, class, module) meets each name once, whichever of the two is found first.
    """

    def __init__(self, found: Watch) -> None:
        self.found = found
        self.seen: dict[int, Any] = {}
        self.attributes: dict[str, None] = {}  # names that the code reads
        self.owners: list[tuple[str, Any]] = []  # classes and modules
        self.instances: list[Any] = []
        self.unhooked = 0  # code that is reached now sees arrays as they are (ndarrays/names.py)
        self.kinds: set[type] = set()  # classes of instances

    def function(self, function: Any, name: str) -> None:
        """Globals, cells and defaults of a user function."""
        code = getattr(function, "__code__", None)
        if code is None or id(function) in self.seen or is_library(code.co_filename):
            return
        called = bool(self.seen)
        self.seen[id(function)] = function
        names = _names(code)
        self.learn(names)
        self.found.reads_type |= "type" in names and _loads(code, "type")
        space = function.__globals__
        for key in names:
            if key in space:
                self.found.add(key, _reader(space, key), functools.partial(_put_item, space, key))
                self.named(space[key])
                self.value(key, space[key])
        for key, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            self.found.add(key, functools.partial(_cell, cell), functools.partial(_put_cell, cell))
            self.named(_cell(cell))
            self.value(key, _cell(cell))
        if called:  # not the decorated function itself
            self.found.add(f"{name}.__code__", lambda: function.__code__)
        if function.__dict__:
            held = function.__dict__
            self.found.add(
                f"the attributes of {name}", lambda: _items(held), functools.partial(_refill, held)
            )
        self.defaults(function, name)

    def defaults(self, function: Any, name: str) -> None:
        if function.__defaults__:
            self.found.add(f"{name}.__defaults__", lambda: function.__defaults__)
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
        if value is None or isinstance(value, (*_OPAQUE, *_BY_VALUE)):
            return
        if isinstance(value, _FUNCTIONS):
            self.callable(name, value)
            return
        if id(value) in self.seen or len(self.seen) > MAX_OBJECTS:
            return
        if isinstance(value, type | types.ModuleType):
            if not is_library(_file_of(value)):
                self.seen[id(value)] = value
                if value not in self.kinds:
                    self.own(name, value)
                if isinstance(value, type):  # code that names a class may make an object
                    self.implied(value, _MAKING)
            return
        self.seen[id(value)] = value
        state = state_of(value)
        if state is not None:
            self.items(name, value, *state)
        elif isinstance(value, types.SimpleNamespace) or not is_library(_file_of(type(value))):
            self.instance(name, value)

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

    def attribute_arrays(self) -> None:
        """Find the arrays in attributes that some code names."""
        for owner in self.instances:
            held = dict_of(owner)
            found = [held[key] if key in held else _slot(owner, key) for key in self.attributes]
            self.found.arrays += [x for x in found if type(x) is np.ndarray]

    def callable(self, name: str, value: Any) -> None:
        """A function, or what wraps one."""
        if isinstance(value, functools.partial):
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
        if kind in self.kinds:
            return
        for base in kind.__mro__[:-1]:
            if not (base in self.kinds or id(base) in self.seen or is_library(_file_of(base))):
                self.own(base.__name__, base)
            self.kinds.add(base)
        self.implied(kind, _IMPLIED)

    def implied(self, kind: type, names: frozenset[str]) -> None:
        """The methods of a user's class that syntax calls (``+``, ``[]``, ``()``, ``with``)."""
        for base in kind.__mro__[:-1]:
            for key, member in () if is_library(_file_of(base)) else vars(base).items():
                if key in names and isinstance(member, types.FunctionType):
                    self.attribute(base.__name__, base, key)

    def items(
        self, name: str, value: Any, snapshot: Callable[[], Any], restore: Restore | None = None
    ) -> None:
        if isinstance(value, list | tuple | dict) and len(value) > MAX_ITEMS:
            self.found.add(f"len({name})", lambda: len(value))
            self.found.long.append((name, snapshot, restore))
            held = value.values() if isinstance(value, dict) else value
            self.found.arrays += [x for x in held if type(x) is np.ndarray]
            return
        self.found.add(name, snapshot, restore)
        held = snapshot()
        for item in held if held.__class__ is tuple else ():
            if type(value).__dictoffset__ and type(item) is np.ndarray:
                continue  # only attributes that some code names count
            self.plainly(f"{name}[...]", item)

    def learn(self, names: dict[str, None]) -> None:
        """Code that reads attributes of these names was found."""
        new = [n for n in names if n not in self.attributes]
        self.attributes.update(dict.fromkeys(new))
        for name, owner in list(self.owners):
            for key in new:
                self.attribute(name, owner, key)

    def own(self, name: str, owner: Any) -> None:
        """A class or a module was found."""
        self.owners.append((name, owner))
        for key in list(self.attributes):
            self.attribute(name, owner, key)

    def attribute(self, name: str, owner: Any, key: str) -> None:
        space = vars(owner)
        if key not in space:
            if any(key in vars(base) for base in getattr(owner, "__mro__", ())[1:-1]):
                self.found.add(f"{name}.{key}", lambda: space.get(key, MISSING))  # may be hidden
            return
        value = space[key]
        if isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
            return
        put = functools.partial(_put_attribute, owner, key)
        self.found.add(f"{name}.{key}", lambda: space.get(key, MISSING), put)
        if isinstance(value, property):
            value = value.fget
        if isinstance(owner, type):
            self.plainly(f"{name}.{key}", value)
        else:
            self.named(value)
            self.value(f"{name}.{key}", value)


def _items(held: dict[str, Any] | None) -> tuple[Any, ...]:
    return (*held.keys(), *held.values()) if held else ()


def _refill(held: dict[str, Any], old: tuple[Any, ...]) -> None:
    half = len(old) // 2
    held.clear()
    held.update(zip(old[:half], old[half:], strict=True))


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
    """Whether code, or code nested in it, loads a global of this name."""
    loads = any(
        step.argval == name and step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        for step in dis.get_instructions(code)
    )
    return loads or any(
        isinstance(const, types.CodeType) and _loads(const, name) for const in code.co_consts
    )


def _slot(owner: Any, key: str) -> Any:
    """What is in a slot of an object, or None."""
    descriptor = getattr(type(owner), key, None)
    if not isinstance(descriptor, types.MemberDescriptorType):
        return None
    try:
        return descriptor.__get__(owner)
    except AttributeError:  # nothing yet
        return None


def _reader(space: dict[str, Any], key: str) -> Reader:
    return lambda: space.get(key, MISSING)


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return MISSING


def _file_of(owner: Any) -> str:
    """The file of a class or module; those of the interpreter count as library code."""
    module = owner if isinstance(owner, types.ModuleType) else sys.modules.get(owner.__module__)
    if module is None:
        return ""
    builtin = module.__name__ in sys.builtin_module_names
    return getattr(module, "__file__", None) or ("<frozen>" if builtin else "")


def is_library_object(value: Any) -> bool:
    """Whether the class of an object is of a library or the interpreter."""
    return is_library(_file_of(type(value)))


def is_library_module(module: Any) -> bool:
    """Whether a module is a library's or the interpreter's, not the user's."""
    return is_library(_file_of(module))


def is_library(filename: str) -> bool:
    """Whether code belongs to a library, the standard library or this package."""
    if filename == "<string>":  # executed text is the user's
        return False
    return filename.startswith(_LIBRARIES) or is_internal(filename)
