"""Python's operations on objects, with the user's own methods interpreted.

What an operator, an attribute, a call does for objects of the user's classes is code of the
user's: it is found as Python finds it and interpreted. Everything else Python does itself.
"""

from __future__ import annotations

import builtins
import functools
import operator
import sys
import types
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType
from typing import Any

from ..ndarrays.operands import beside_sizes
from .arguments import bind_arguments, keywords_name
from .asked import SEQUENCES, checked, hint
from .frame import Frame
from .machine import Generator, Machine
from .opened import (
    class_function,
    has_code,
    is_interpreted,
    is_open,
    module_fallback,
    own_method,
)

__all__ = ["Objects"]

_ANY: Any = object()
COMPARE: dict[str, tuple[Callable[[Any, Any], Any], str, str]] = {
    "<": (operator.lt, "lt", "gt"), "<=": (operator.le, "le", "ge"),
    "==": (operator.eq, "eq", "eq"), "!=": (operator.ne, "ne", "ne"),
    ">": (operator.gt, "gt", "lt"), ">=": (operator.ge, "ge", "le"),
}  # fmt: skip


class Objects(Machine):
    """A machine with Python's operations."""

    new_send = sys.version_info >= (3, 12)

    def __init__(self) -> None:
        self.coded: dict[int, tuple[Any, bool]] = {}  # whether classes have code of the user's

    def is_plain(self, kind: Any) -> bool:
        """Whether objects of a class run no code of the user's."""
        found = self.coded.get(id(kind))
        if found is None:
            found = self.coded[id(kind)] = kind, has_code(kind)
        return not found[1]

    def own_method(self, value: Any, name: str) -> FunctionType | None:
        """See ``own_method``; who guards what is read is told."""
        return own_method(value, name)

    def class_function(self, kind: type, name: str) -> FunctionType | None:
        """See ``class_function``; who guards what is read is told."""
        return class_function(kind, name)

    # names

    def met(self, value: Any) -> Any:
        """A value that is read from a variable outside of the function."""
        return value

    def load_global(self, frame: Frame, name: str) -> Any:
        """The value of a global name. Raises NameError."""
        found = dict.get(frame.f_globals, name, _ANY)
        if found is _ANY:
            found = frame.f_builtins.get(name, _ANY)
        if found is _ANY:
            raise NameError(f"name '{name}' is not defined", name=name)
        return found

    def store_global(self, frame: Frame, name: str, value: Any) -> None:
        """Give a global name a value."""
        self.changes(frame.f_globals)
        frame.f_globals[name] = value

    def delete_global(self, frame: Frame, name: str) -> None:
        """Delete a global name. Raises NameError."""
        self.changes(frame.f_globals)
        if name not in frame.f_globals:
            raise NameError(f"name '{name}' is not defined")
        del frame.f_globals[name]

    def load_cell(self, cell: types.CellType) -> Any:
        """The value of a variable that closures share. Raises ValueError if it has none."""
        return cell.cell_contents

    def store_cell(self, cell: types.CellType, value: Any) -> None:
        """Give such a variable a value."""
        self.changes(cell)
        cell.cell_contents = value

    def delete_cell(self, cell: types.CellType) -> None:
        """Delete such a variable. Raises ValueError if it has no value."""
        self.changes(cell)
        del cell.cell_contents

    def present(self, value: Any) -> Any:
        """What stands for an object; see ``Writes``."""
        return value

    def pairs(self, value: Any) -> Any:
        """A mapping all of which is taken."""
        return value

    def load_module(self, frame: Frame, name: str, names: Any, level: int) -> Any:
        """What ``import`` gives."""
        return builtins.__import__(name, frame.f_globals, None, names, level)

    def hashable(self, key: Any) -> Any:
        """A key of a dict or a member of a set."""
        return key

    # attributes

    def attribute(self, frame: Frame, owner: Any, name: str) -> Any:
        """An attribute. Raises AttributeError."""
        kind = type(owner)
        if isinstance(owner, types.ModuleType):
            fallback = module_fallback(vars(owner), name)
            if fallback is not None:
                return self.invoke(frame, fallback, (name,), {})
        if isinstance(owner, type) and kind is not type:
            return self._of_class(frame, owner, name)
        if isinstance(owner, type | types.ModuleType | super) or self.is_plain(kind):
            return getattr(owner, name)
        hook = self.own_method(owner, "__getattribute__")
        fallback = self.own_method(owner, "__getattr__")
        try:
            if hook is not None:
                return self.invoke(frame, hook, (owner, name), {})
            found = next((b.__dict__[name] for b in kind.__mro__ if name in b.__dict__), _ANY)
            if isinstance(found, property) and is_interpreted(found.fget):
                return self.invoke(frame, found.fget, (owner,), {})
            get = None if found is _ANY else self.own_method(found, "__get__")
            if get is not None:
                held = getattr(owner, "__dict__", {})
                if self.own_method(found, "__set__") is not None or name not in held:
                    return self.invoke(frame, get, (found, owner, kind), {})
            return object.__getattribute__(owner, name) if fallback else getattr(owner, name)
        except AttributeError:
            if fallback is None:
                raise
        return self.invoke(frame, fallback, (owner, name), {})

    def _of_class(self, frame: Frame, owner: type, name: str) -> Any:
        """An attribute of a class of which a metaclass may say what it is."""
        hook = self.own_method(owner, "__getattribute__")
        if hook is not None:
            return self.invoke(frame, hook, (owner, name), {})
        kind: Any = type(owner)
        found = next((b.__dict__[name] for b in kind.__mro__ if name in b.__dict__), _ANY)
        if isinstance(found, property) and is_interpreted(found.fget):
            return self.invoke(frame, found.fget, (owner,), {})
        if found is _ANY and not any(name in b.__dict__ for b in owner.__mro__):
            fallback = self.own_method(owner, "__getattr__")
            if fallback is not None:
                return self.invoke(frame, fallback, (owner, name), {})
        return getattr(owner, name)

    def set_attribute(self, frame: Frame, owner: Any, name: str, value: Any) -> None:
        """Assign an attribute."""
        hook = self.own_method(owner, "__setattr__")
        if hook is not None:
            self.invoke(frame, hook, (owner, name, value), {})
            return
        kind = type(owner)
        found = next((b.__dict__[name] for b in kind.__mro__ if name in b.__dict__), _ANY)
        if isinstance(found, property) and is_interpreted(found.fset):
            self.invoke(frame, found.fset, (owner, value), {})
            return
        put = None if found is _ANY else self.own_method(found, "__set__")
        if put is not None:
            self.invoke(frame, put, (found, owner, value), {})
            return
        self.write_attribute(frame, owner, name, value)

    def write_attribute(self, frame: Frame, owner: Any, name: str, value: Any) -> None:
        """Assign an attribute of an object of which no code says how."""
        self.changes(owner)
        put: Any = setattr
        if self.own_method(owner, "__setattr__") is not None:  # it has called the method of object
            put = type.__setattr__ if isinstance(owner, type) else object.__setattr__
        put(owner, name, value)

    def delete_attribute(self, frame: Frame, owner: Any, name: str) -> None:
        """Delete an attribute."""
        hook = self.own_method(owner, "__delattr__")
        if hook is not None:
            self.invoke(frame, hook, (owner, name), {})
            return
        self.remove_attribute(frame, owner, name)

    def remove_attribute(self, frame: Frame, owner: Any, name: str) -> None:
        """Delete an attribute of an object of which no code says how."""
        self.changes(owner)
        remove: Any = delattr
        if self.own_method(owner, "__delattr__") is not None:
            remove = type.__delattr__ if isinstance(owner, type) else object.__delattr__
        remove(owner, name)

    def special(self, owner: Any, name: str) -> Any:
        """A special method, bound, looked up on the class."""
        found = self.own_method(owner, name)
        return getattr(owner, name) if found is None else MethodType(found, owner)

    # calls

    def call(self, frame: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call anything."""
        if isinstance(function, MethodType):
            if isinstance(function.__func__, FunctionType) and not is_interpreted(
                function.__func__
            ):
                return self.native(frame, function, args, kwargs)
            return self.call(frame, function.__func__, (function.__self__, *args), kwargs)
        if isinstance(function, FunctionType):
            if is_open(function.__code__):
                return self.invoke(frame, function, args, kwargs)
            return self.native(frame, function, args, kwargs)
        if type(function) is functools.partial:
            whole = {**function.keywords, **kwargs}
            return self.call(frame, function.func, (*function.args, *args), whole)
        if isinstance(function, type):
            return self.construct(frame, function, args, kwargs)
        own = self.own_method(function, "__call__")
        if own is not None:
            return self.invoke(frame, own, (function, *args), kwargs)
        kind = getattr(function, "__self__", None)
        if isinstance(kind, type) and function == type.__call__.__get__(kind):
            return self.made(frame, kind, args, kwargs)  # as the metaclass asks its base
        if function is type.__call__ and args and isinstance(args[0], type):
            return self.made(frame, args[0], args[1:], kwargs)
        return self.native(frame, function, args, kwargs)

    def parted(self, frame: Frame, made: Any, at: int | None = None) -> Any:
        """Push what was read, or what a call gave; see ``Capture.parted``."""
        frame.stack.append(made)

    def native(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call what is not interpreted."""
        return function(*args, **kwargs)

    def construct(
        self, frame: Frame, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Make an object of a class."""
        if kind is super and not args:
            return self._super(frame)
        hook = self.own_method(kind, "__call__")  # of a metaclass
        if hook is not None:
            return self.invoke(frame, hook, (kind, *args), kwargs)
        return self.made(frame, kind, args, kwargs)

    def made(self, frame: Frame, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What ``type.__call__`` does: make an object, and begin it."""
        make = self.class_function(kind, "__new__")
        begin = self.class_function(kind, "__init__")
        if make is None and begin is None:
            return self.native(frame, kind, args, kwargs)
        if make is not None:
            made = self.invoke(frame, make, (kind, *args), kwargs)
        elif _is_plain_new(kind):
            made = object.__new__(kind)
        else:
            made = kind.__new__(kind, *args, **kwargs)
        self.fresh(made)
        if isinstance(made, kind):
            if begin is not None:
                self.invoke(frame, begin, (made, *args), kwargs)
            elif type(made).__init__ is not object.__init__:
                type(made).__init__(made, *args, **kwargs)
        return made

    def entered(self, leave: Any) -> Any:
        """A ``with`` has begun whose manager is left by this."""
        return leave

    def _super(self, frame: Frame) -> Any:
        cell = frame.slots.get("__class__")
        code = frame.code
        if not isinstance(cell, types.CellType) or not code.co_argcount:
            raise RuntimeError("super(): no arguments")
        first = frame.slots[code.co_varnames[0]]
        if isinstance(first, types.CellType) and code.co_varnames[0] in code.co_cellvars:
            first = first.cell_contents
        return super(cell.cell_contents, first)

    def invoke(
        self, back: Frame | None, function: FunctionType, args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Interpret a Python function."""
        frame = self.frame_of(function, back)
        if frame.program.is_async:
            self.give_up("an asynchronous function")
        if not bind_arguments(frame, function, args, kwargs):
            return function(*args, **kwargs)  # it raises
        keywords = keywords_name(function.__code__)
        if keywords is not None:
            self.fresh(frame.slots[keywords])
        frame.raises = self.hands_over(back)
        return self.start(frame)

    def hands_over(self, back: Frame | None) -> bool:
        """Whether a function that is called may give what it raises to its caller."""
        return False

    def give_up(self, what: str) -> Any:
        """The function cannot be interpreted. Raises."""
        raise NotImplementedError(what)

    def natively(self, what: str, function: Any, *args: Any) -> Any:
        """What Python does itself. Raises where that would call code of the user's."""
        return function(*args)

    # operators

    def truth(self, frame: Frame, value: Any) -> Any:
        """The truth value of an object."""
        for name, function in (("__bool__", bool), ("__len__", len)):
            found = self.own_method(value, name)
            if found is not None:
                made = checked(function, self.invoke(frame, found, (value,), {}))
                kind = type(made) if type(made) is bool else self.call(frame, type, (made,), {})
                if function is bool and kind is not bool:
                    raise TypeError(f"__bool__ should return bool, returned {kind.__name__}")
                return self.truth(frame, made)
            if hasattr(type(value), name):
                break
        return bool(value)

    def choose(self, frame: Frame, value: Any, yes: int, no: int, drops: int = 0) -> Any:
        """Go on at one of two steps. ``drops``: 1 or 2, where that way drops the top."""
        holds = self.truth(frame, value)
        frame.at = yes if holds else no
        if drops == (1 if holds else 2):
            frame.stack.pop()
        return None

    def negation(self, frame: Frame, value: Any) -> Any:
        """``not value``."""
        return not self.truth(frame, value)

    def is_same(self, left: Any, right: Any) -> bool:
        """``left is right``."""
        return left is right

    def has_flag(self, value: Any, flag: int) -> bool:
        """Whether the class of a value has a flag of CPython's, which says what it can do."""
        return bool(type(value).__flags__ & flag)

    def unary(self, frame: Frame, function: Callable[[Any], Any], name: str, value: Any) -> Any:
        """An operator of one operand."""
        own = self.own_method(value, name)
        if own is None:
            return self.natively(f"the operator {name!r}", function, value)
        return self.invoke(frame, own, (value,), {})

    def binary(
        self, frame: Frame, function: Callable[[Any, Any], Any], name: str, left: Any, right: Any,
        in_place: bool = False,
    ) -> Any:  # fmt: skip
        """An operator of two operands."""
        if in_place:
            own = self.own_method(left, f"__i{name}__")
            if own is not None:
                made = self.invoke(frame, own, (left, right), {})
                if made is not NotImplemented:
                    return made
        ways = [(left, f"__{name}__", right), (right, f"__r{name}__", left)]
        return self._first(frame, function, left, right, ways)

    def _first(
        self, frame: Frame, function: Callable[[Any, Any], Any], left: Any, right: Any, ways: Any
    ) -> Any:
        """What the first of two methods gives that is not NotImplemented."""
        if self.own_method(left, ways[0][1]) is None and self.own_method(right, ways[1][1]) is None:
            left, right = beside_sizes(left, right)
            return self.natively(f"the operator {function.__name__!r}", function, left, right)
        kinds = type(left), type(right)
        if kinds[0] is not kinds[1] and issubclass(kinds[1], kinds[0]):
            ways = ways[::-1]
        elif kinds[0] is kinds[1] and ways[0][1] != ways[1][1] and "__r" in ways[1][1]:
            ways = ways[:1]
        for owner, name, other in ways:
            own = self.own_method(owner, name)
            if own is not None:
                made = self.invoke(frame, own, (owner, other), {})
            elif isinstance(owner, SEQUENCES):  # which Python asks last
                made = NotImplemented
            else:
                method = getattr(type(owner), name, None)
                made = NotImplemented if method is None else method(owner, other)
            if made is not NotImplemented:
                return made
        return function(*map(self.without_methods, (left, right)))  # which raises, as a rule

    def without_methods(self, value: Any) -> Any:
        """An object whose class has the same name and no methods, in the place of a user's."""
        kind = type(value)
        return value if self.is_plain(kind) else type(kind.__name__, (), {})()

    def compare(self, frame: Frame, sign: str, left: Any, right: Any) -> Any:
        """A comparison."""
        function, name, reflected = COMPARE[sign]
        ways = [(left, f"__{name}__", right), (right, f"__{reflected}__", left)]
        if self.own_method(left, ways[0][1]) is None and self.own_method(right, ways[1][1]) is None:
            if name != "ne" or self.own_method(left, "__eq__") is None:
                return self.natively("a comparison", function, *beside_sizes(left, right))
            return self.negation(frame, self.compare(frame, "==", left, right))
        if type(left) is not type(right) and issubclass(type(right), type(left)):
            ways = ways[::-1]
        for owner, method, other in ways:
            own = self.own_method(owner, method)
            if own is not None:
                made = self.invoke(frame, own, (owner, other), {})
            else:
                made = getattr(type(owner), method)(owner, other)
            if made is not NotImplemented:
                return made
        if name in ("eq", "ne"):
            return (left is right) == (name == "eq")
        raise TypeError(
            f"'{sign}' not supported between instances of '{type(left).__name__}' and "
            f"'{type(right).__name__}'"
        )

    def contains(self, frame: Frame, held: Any, item: Any, inverted: bool) -> Any:
        """``item in held``, or ``not in``."""
        own = self.own_method(held, "__contains__")
        if own is not None:
            made = self.truth(frame, self.invoke(frame, own, (held, item), {}))
        else:
            made = self.natively("`in`", operator.contains, held, item)
        return self.negation(frame, made) if inverted else made

    def item(self, frame: Frame, held: Any, key: Any) -> Any:
        """``held[key]``."""
        own = self.own_method(held, "__getitem__")
        if own is None and isinstance(held, type) and not hasattr(type(held), "__getitem__"):
            own = self.class_function(held, "__class_getitem__")
        if own is None and isinstance(held, dict) and type(held) is not dict and key not in held:
            own = self.own_method(held, "__missing__")
        if own is None:
            return self.natively("an item", operator.getitem, held, key)
        return self.invoke(frame, own, (held, key), {})

    def append(self, held: list[Any], item: Any) -> None:
        """Append to a list."""
        self.changes(held)
        held.append(item)

    def extend(self, frame: Frame, held: list[Any], items: Any) -> None:
        """Append several items to a list."""
        self.changes(held)
        held.extend(list(self.items(frame, items, hinted=True)))

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        """``held[key] = value``."""
        own = self.own_method(held, "__setitem__")
        if own is not None:
            self.invoke(frame, own, (held, key, value), {})
            return
        self.changes(held)
        self.natively(
            "the assignment of an item", operator.setitem, held, self.hashable(key), value
        )

    def delete_item(self, frame: Frame, held: Any, key: Any) -> None:
        """``del held[key]``."""
        own = self.own_method(held, "__delitem__")
        if own is not None:
            self.invoke(frame, own, (held, key), {})
            return
        self.changes(held)
        self.natively("an item", operator.delitem, held, key)

    def text(self, frame: Frame, value: Any, conversion: int, spec: str | None) -> str:
        """``f"{value!r:spec}"``: 1 is ``str``, 2 ``repr``, 3 ``ascii``."""
        if conversion:
            value = self.call(frame, (str, repr, ascii)[conversion - 1], (value,), {})
        if spec is None:
            return str(self.natively("a text", str, value))
        own = self.own_method(value, "__format__")
        if own is not None:
            return str(checked(format, self.invoke(frame, own, (value, spec), {}), spec))
        if not spec and not self.is_plain(type(value)):
            return str(self.call(frame, str, (value,), {}))
        return str(self.natively("a text", format, value, spec))

    def joined(self, parts: list[Any]) -> Any:
        """Texts one after the other."""
        return "".join(parts)

    # iteration

    def iterator(self, frame: Frame, value: Any) -> Any:
        """``iter(value)``."""
        own = self.own_method(value, "__iter__")
        if own is not None:
            return checked(iter, self.invoke(frame, own, (value,), {}))
        if not hasattr(type(value), "__iter__") and self.own_method(value, "__getitem__"):
            walk: Any = _by_position
            return self.invoke(frame, walk, (value,), {})
        return iter(value)

    def advance(self, frame: Frame, end: int) -> Any:
        """Push the next item of the iterator on the stack, or drop it and go to ``end``."""
        walker = frame.stack[-1]
        own = None if isinstance(walker, Generator) else self.own_method(walker, "__next__")
        try:
            if own is None:
                made = self.natively("the next item", next, walker)
            else:
                made = self.invoke(frame, own, (walker,), {})
        except StopIteration:
            frame.stack.pop()
            frame.at = end
            return None
        frame.stack.append(made)
        return None

    def send(self, frame: Frame, value: Any) -> Any:
        """Give the iterator on the stack a value: its next item. Raises StopIteration."""
        walker = frame.stack[-1]
        if value is not None:
            return self.call(frame, self.attribute(frame, walker, "send"), (value,), {})
        own = None if isinstance(walker, Generator) else self.own_method(walker, "__next__")
        return next(walker) if own is None else self.invoke(frame, own, (walker,), {})

    def items(self, frame: Frame, value: Any, hinted: bool = False) -> Iterable[Any]:
        """The items of anything that can be iterated over.

        ``hinted``: whether Python asks how many there will be, as where it makes a list.
        """
        if isinstance(value, list | tuple):
            return value
        walker = self.iterator(frame, value)
        if hinted:
            hint(self, frame, value)
        own = None if isinstance(walker, Generator) else self.own_method(walker, "__next__")
        if own is None:
            return self.natively("the items of an iterator", list, walker)  # type: ignore[no-any-return]
        found = []
        while True:
            try:
                found.append(self.invoke(frame, own, (walker,), {}))
            except StopIteration:
                return found

    def unpacked(self, frame: Frame, value: Any, count: int) -> list[Any]:
        """The items of a value on the right of ``a, b = ...``; more than ``count`` need not be
        looked at."""
        if not any(hasattr(type(value), name) for name in ("__iter__", "__getitem__")):
            raise TypeError(f"cannot unpack non-iterable {type(value).__name__} object")
        return list(self.items(frame, value))


def _is_plain_new(kind: Any) -> bool:
    return kind.__new__ is object.__new__


def _by_position(value: Any) -> Any:
    """``iter`` of an object with ``__getitem__`` alone, to be interpreted."""
    at = 0
    while True:
        try:
            item = value[at]
        except (IndexError, StopIteration):
            return
        yield item
        at += 1
