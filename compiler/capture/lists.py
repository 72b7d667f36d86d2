"""Lists and tuples with values that the graph decides: how many items there are (``grown.py``),
which of several types they have (``choice.py``). Who looks into them and does not know is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED, sequence

from ..loading import late
from ..ndarrays.operands import fresh
from .choice import Choice, Run, holds_choice
from .frame import Frame
from .grown import (
    appended,
    element_form,
    in_one,
    item_at,
    item_of,
    listed,
    popped,
    read,
    replaced,
    rows_of,
    run_of,
    runs,
    template,
)
from .heaps import HEAPS
from .held import opened
from .merge import Unmergeable
from .numbers import TracedNumber, as_tensor, raise_if
from .opened import own_method
from .pure import any_of
from .staged import is_staged, whole
from .steps import Steps
from .tables import found_in

__all__ = ["Lists", "looks_into"]


_PASSING = (len, isinstance, type, id, callable, *HEAPS)
_METHODS = frozenset(("append", "pop", "insert", "extend", "clear", "get", "setdefault", "update",
                      "copy", "items", "keys", "values", "popitem", "reverse"))  # fmt: skip


def looks_into(function: Any) -> bool:
    """Whether a function looks at the items of the containers that it is given."""
    owner = getattr(function, "__self__", None)
    if type(owner) in (list, dict, set):
        return function.__name__ not in _METHODS
    return not any(function is f for f in _PASSING)


class Lists(Steps):
    """A machine that knows such lists."""

    def draws(self, iterator: Any) -> None:
        """Items of an iterator of Python's are about to be used up."""
        raise NotImplementedError

    def decision(self, frame: Frame, value: Any) -> Any:
        """The truth of a value: a bool, or a bool tensor."""
        raise NotImplementedError

    def handed(self, value: Any, seen: dict[int, Any], depth: int = 4) -> Any:
        """A result as the caller gets it: lists whose length the graph decides among them."""
        run = runs(value)
        holder = type(value) in LISTED or type(value) in (dict, Choice)
        held = holder and holds_choice(value, depth)
        if run is None and not held:
            return value
        if id(value) not in seen:  # one list that is returned twice stays one
            seen[id(value)] = listed(run) if run is not None else self._handed(value, seen, depth)
        return seen[id(value)]

    def _handed(self, value: Any, seen: dict[int, Any], depth: int) -> Any:
        if type(value) is dict:
            return {k: self.handed(v, seen, depth - 1) for k, v in value.items()}
        made = [self.handed(v, seen, depth - 1) for v in value]
        return Choice(*made) if type(value) is Choice else sequence(type(value), made)

    def truth(self, frame: Frame, value: Any) -> Any:
        run = runs(self.present(value))
        if run is not None:
            return TracedNumber(bool, run.count.tensor(np.int64) != 0)
        return super().truth(frame, value)

    def text(self, frame: Frame, value: Any, conversion: int, spec: str | None) -> Any:
        if holds_choice(value):
            self.give_up("a text of a container with values that the graph decides")
        return super().text(frame, value, conversion, spec)

    def item(self, frame: Frame, held: Any, key: Any) -> Any:
        run = runs(self.present(held))
        late_bounds = type(key) is slice and type(self.present(held)) is list and any(
            type(whole(x)) is TracedNumber for x in (key.start, key.stop)
        )  # fmt: skip
        if run is None and not late_bounds:
            return super().item(frame, held, key)
        if type(key) is slice and type(key.step) in (int, type(None)) and key.step != 0:
            return late("capture.drained").sliced(self, frame, held, key)
        if run is None:
            return self.give_up("a slice of a list by a step that the graph decides")
        return item_of(run, self._place(key))

    def is_listed(self, held: Any) -> bool:
        """Whether this is a list or tuple, of a length that is known."""
        held = self.present(held)
        return type(held) in LISTED and runs(held) is None and not holds_choice(held)

    def picked(self, held: Any, index: Any) -> Any:
        """The item of such a list or tuple at an index that the graph decides."""
        if not issubclass(index.kind, int):
            return self.give_up("an index of a list that is no integer")
        self.observe(held)
        try:
            return item_at(opened(self, self.present(held)), index)
        except Unmergeable as reason:
            return self.give_up(f"an index of a list that the graph decides: {reason}")

    def entry(self, held: Any, at: Any) -> Any:
        """The item of a list or tuple at a position of which it is known that there is one."""
        run = runs(held)
        return self.picked(held, at) if run is None else read(run, as_tensor(at, int))

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        run = runs(held)
        if type(whole(key)) is TracedNumber and run is None and type(held) is list:
            self._write_at(held, whole(key), value)
            return
        if run is None:
            super().set_item(frame, held, key, value)
            return
        key = self._place(key)
        self.changes(held)
        held[0] = replaced(run, key, value)

    def _write_at(self, held: Any, index: Any, value: Any) -> None:
        """``held[index] = value`` in a list of the function's, where the graph decides the index:
        its items are in buffers from now on."""
        if not self.is_own(held) or not issubclass(index.kind, int):
            self.give_up("an index of a container that is a value of the graph")
        try:
            form = element_form([held, [value]])
            assert form is not None
            made = replaced(run_of(held, form), index, value)
        except Unmergeable as reason:
            self.give_up(f"an index of a list that the graph decides: {reason}")
        self.changes(held)
        held[:] = [made]

    def delete_item(self, frame: Frame, held: Any, key: Any) -> None:
        if runs(self.present(held)) is not None:
            self.give_up("`del` of an item of a list whose length the graph decides")
        super().delete_item(frame, held, key)

    def _place(self, key: Any) -> Any:
        key = whole(key)
        if type(key) is slice:
            self.give_up("a slice of a list whose length the graph decides")
        if not isinstance(key, int):
            self.give_up("an index of a list that is no integer")
        return key

    def contains(self, frame: Frame, held: Any, item: Any, inverted: bool) -> Any:
        self.draws(held)
        if holds_choice(held):
            self.give_up("`in` a container with a value of several types")
        if type(held) in LISTED and any(is_staged(x) for x in (item, *held)):
            found = self._among(frame, held, item)
            return self.negation(frame, found) if inverted else found
        if (found := found_in(self, frame, held, item)) is not NotImplemented:
            return self.negation(frame, found) if inverted else found
        return super().contains(frame, held, item, inverted)

    def _among(self, frame: Frame, held: Any, item: Any) -> Any:
        """Whether one of the items is, or equals, a value: all are compared, which is the same as
        long as no comparison raises or is the user's."""
        found: Any = False
        for x in held:
            if own_method(x, "__eq__") or own_method(item, "__eq__"):
                self.give_up("`in` with objects that compare themselves and values of the graph")
            if x is item:
                return True
            same = self.compare(frame, "==", x, item)
            if len(getattr(same, "shape", ())) > 0 and found is not False:
                self.give_up("`in` with arrays of the graph")
            same = self.decision(frame, same)
            if same is True:
                return True
            if same is not False:
                found = same if found is False else found | same
        return found if found is False else TracedNumber(bool, found)

    def binary(
        self, frame: Frame, function: Callable[[Any, Any], Any], name: str, left: Any, right: Any,
        in_place: bool = False,
    ) -> Any:  # fmt: skip
        if runs(self.present(left)) is None and runs(self.present(right)) is None:
            if name != "add" and (holds_choice(left) or holds_choice(right)):
                self.give_up("an operation on a container with a value of several types")
            return super().binary(frame, function, name, left, right, in_place)
        if name != "add" or type(left) is not list or type(right) is not list:
            self.give_up("an operation on a list whose length the graph decides")
        if in_place and not self.is_own(left):
            self.give_up("`+=` of a list from outside whose length the graph decides")
        made = left if in_place else self.fresh(list(left))
        self.extend(frame, made, right)
        return made

    def compare(self, frame: Frame, sign: str, left: Any, right: Any) -> Any:
        if holds_choice(left) or holds_choice(right):
            self.give_up("a comparison of a container with a value of several types")
        return super().compare(frame, sign, left, right)

    def append(self, held: Any, item: Any) -> None:
        run = runs(held)
        if run is None:
            super().append(held, item)
        else:
            self.changes(held)
            held[0] = appended(run, item)

    def extend(self, frame: Frame, held: Any, items: Any) -> None:
        run = runs(self.present(items))
        if run is not None and not held:
            self.changes(held)
            held[:] = [run]
        elif run is not None:
            self.invoke(frame, _extend, (held, self.fresh([run])), {})  # type: ignore[arg-type]
        elif runs(held) is None:
            super().extend(frame, held, items)
        else:
            for item in list(self.items(frame, items)):
                self.append(held, item)

    def of_run(
        self, frame: Frame, function: Any, args: Any, kwargs: Any, parts: bool
    ) -> Any:  # fmt: skip
        """What a function does with a list whose length the graph decides; NotImplemented if none
        is among its arguments."""
        owner = getattr(function, "__self__", None)
        if type(owner) is list and function.__name__ == "sort" and not args and self.is_own(owner):
            return self._sort(frame, owner, kwargs)
        run = runs(owner)
        if run is not None and not kwargs:
            return self._method(frame, function.__name__, owner, run, args)
        run = runs(args[0]) if args else None
        if run is not None:
            made = self._with_run(frame, function, run, args, kwargs, parts)
            if made is not NotImplemented:
                return made
        if looks_into(function) and any_of(holds_choice, (*args, owner), kwargs):
            joined = self._joined(args) if _reads_only(function) else args
            if not any_of(holds_choice, (*joined, owner), kwargs):
                return self.call(frame, function, joined, kwargs)
            self.give_up("a container with a value of several types that is looked into")
        return NotImplemented

    def _joined(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments for who reads items only; as they are where those have no common form."""
        try:
            return tuple(map(in_one, args))
        except Unmergeable:
            return args

    def _sort(self, frame: Frame, owner: list[Any], kwargs: dict[str, Any]) -> Any:
        """``list.sort``."""
        made = self.call(frame, sorted, (owner,), kwargs)
        self.changes(owner)
        owner[:] = made

    def _method(self, frame: Frame, name: str, owner: Any, run: Run, args: Any) -> Any:
        """A method of a list whose length the graph decides."""
        if name == "append" and len(args) == 1:
            return self.append(owner, args[0])
        if name == "extend" and len(args) == 1:
            return self.extend(frame, owner, args[0])
        if name == "pop" and not args:
            self.changes(owner)
            made, owner[0] = popped(run)
            return made
        if name == "pop" and args == (0,):
            return self._first_popped(frame, owner, run)
        if name == "copy" and not args:
            return self.fresh([run])
        if name == "clear" and not args:
            self.changes(owner)
            owner.clear()
            return None
        return self.give_up(f"`{name}` of a list whose length the graph decides")

    def _first_popped(self, frame: Frame, owner: Any, run: Run) -> Any:
        """``items.pop(0)``."""
        empty = run.count.tensor(np.int64) == 0
        raise_if(empty, IndexError("pop from empty list"))
        made = read(run, as_tensor(0, int))
        rest = late("capture.drained").sliced(self, frame, owner, slice(1, None))
        self.changes(owner)
        owner[:] = rest
        return made

    def _with_run(
        self, frame: Frame, function: Any, run: Run, args: Any, kwargs: Any, parts: bool
    ) -> Any:
        """A function of a list whose length the graph decides; NotImplemented if it is none of
        those that know it."""
        if function is len:
            return run.count
        if function is _rows:
            return fresh(self.tracer.arrays, rows_of(run)[0])
        if function is bool:
            return TracedNumber(bool, run.count.tensor(np.int64) != 0)
        if function is sum and not kwargs:
            frame.parts_next = parts
            return self.invoke(frame, _sum, args, {})  # type: ignore[arg-type]
        if function is list:
            return self.fresh([run])
        if function is sorted and kwargs.keys() <= {"key", "reverse"}:
            items, made = self.fresh([run]), late("capture.ordered").ordered_run
            return made(self, frame, items, kwargs.get("key"), kwargs.get("reverse", False))
        name = getattr(getattr(function, "real", function), "__name__", "")
        if name in ("stack", "vstack") and len(args) == 1 and not kwargs:
            return self._stacked(function, name, run)
        if getattr(function, "real", function) in (np.array, np.asarray) and len(args) == 1:
            return NotImplemented if kwargs else self._as_array(frame, function, args, run, parts)
        return NotImplemented

    def _as_array(self, frame: Frame, function: Any, args: Any, run: Run, parts: bool) -> Any:
        """The items as an array of NumPy's, which is one of float64 where there are none."""
        kind = template(run.form)
        if not isinstance(kind, str) or kind.startswith("tensor"):
            return NotImplemented
        if run.least or kind in ("float", "scalar of float64"):
            return fresh(self.tracer.arrays, rows_of(run)[0])
        frame.parts_next = parts
        return self.invoke(frame, _array, (function, *args), {})  # type: ignore[arg-type]

    def _stacked(self, function: Any, name: str, run: Run) -> Any:
        """The items as the rows of one tensor or array."""
        kind = template(run.form)
        if not isinstance(kind, str):
            return NotImplemented
        real = getattr(function, "real", function)
        module = (getattr(real, "__module__", None) or "").partition(".")[0]
        rank = len(run.buffers[0].value.type.element.shape)
        if (kind.partition(" ")[0], module) not in (("tensor", "twofold"), ("array", "numpy")) or (
            name == "vstack" and (module != "numpy" or rank != 1)
        ):
            return NotImplemented
        try:
            (getattr(np, name) if module == "numpy" else real)([])
        except Exception as error:  # noqa: BLE001  (what it raises for an empty list)
            raise_if(run.count.tensor(np.int64) == 0, error)
        made = rows_of(run)[0]
        return fresh(self.tracer.arrays, made) if module == "numpy" else made


def _reads_only(function: Any) -> bool:
    """Whether what a function gives has the elements of arrays in lists, and not those arrays."""
    module = getattr(getattr(function, "real", function), "__module__", None) or ""
    return module.partition(".")[0] == "numpy"


def _extend(held: Any, items: Any) -> None:
    """``held.extend``, to be interpreted."""
    for item in items:
        held.append(item)


def _array(function: Any, items: Any) -> Any:
    """``np.array``, to be interpreted."""
    return _rows(items) if items else function([])


def _rows(items: Any) -> Any:
    """Items, of which there are some, as an array: what the machine does."""


def _sum(items: Any, start: Any = 0) -> Any:
    """``sum``, to be interpreted."""
    for item in items:
        start = start + item
    return start
