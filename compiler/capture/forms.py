"""Forms: how a value of a frame travels as tensors of a loop's state.

A form takes the tensors out of a value and makes a value of tensors. What does not change is in the
form itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import sequence
from twofold.ir.types import BufferType
from twofold.runtime.carried import own_tensor
from twofold.runtime.tensor import Tensor

from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.operands import fresh
from ..trace import Traced
from .choice import Choice, Run, alternatives, chosen, values_of
from .frame import UNBOUND
from .instances import built, fields_of, is_fresh_instance, is_instance, is_own_instance
from .merge import (
    MOST_FORMS,
    LeftView,
    Unmergeable,
    as_bool,
    form_key,
    is_made,
    known_shape,
    same,
)
from .numbers import DTYPES, TracedNumber, as_tensor, is_number, kind_of
from .walks import Walk

__all__ = ["Form", "Number", "cells_of", "form_of", "late", "takes_unbound", "widened",
           "with_numbers"]  # fmt: skip


class Form:
    """A value that stays the same."""

    holds_arrays = False  # whether ``Item`` is a part of it

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def key(self) -> Any:
        """What values of the form have in common."""
        return variant_key(self.value)

    def take(self, value: Any) -> list[Any]:
        """The tensors of a value."""
        return []

    def zeros(self) -> list[Any]:
        """Tensors of the form that nobody looks at."""
        return []

    def make(self, tensors: Iterator[Any]) -> Any:
        """The value of tensors."""
        return self.value

    def settle(self) -> None:
        """What ``make`` made last is from now on what the function has made."""

    def wider(self, value: Any, mixed: bool = False) -> Form:
        """A form for this value too; itself if it fits. ``mixed``: what it holds may get several
        forms. Raises Unmergeable."""
        if same(self.value, value):
            return self
        old = self.value
        if type(old) is Choice or type(value) is Choice:
            raise Unmergeable("a variable of several types in a loop")
        if is_number(old) and is_number(value):
            return Number(kind_of(old)).wider(value)
        if isinstance(old, Tensor) and isinstance(value, Tensor):
            return Whole(old).wider(value)
        if type(old) is type(value) is TracedScalar:
            return Scalar(old).wider(value)
        if type(old) is type(value) is TracedArray and (old.contiguous or old.ndim < 2):
            return Array(old).wider(value)
        if type(old) is type(value) and isinstance(old, tuple | list | dict):
            return Items(old).wider(value, mixed)
        if type(old) is type(value) is Walk and old.same_source(value):
            return Position(old).wider(value)
        if type(old) is type(value) and is_instance(old) and is_fresh_instance(value):
            return Instance(old).wider(value, mixed)
        raise Unmergeable(f"{_named(old)} becomes {_named(value)} in a loop")


class Number(Form):
    """A Python number."""

    @property
    def key(self) -> Any:
        return "number", self.kind

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def take(self, value: Any) -> list[Any]:
        return [as_tensor(value, self.kind)]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), DTYPES[self.kind]))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return TracedNumber(self.kind, next(tensors))

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if not is_number(value) or kind_of(value) is not self.kind:
            raise Unmergeable(f"a number of type {self.kind.__name__} becomes {_named(value)}")
        return self


class Whole(Form):
    """A tensor."""

    @property
    def key(self) -> Any:
        return form_key(self.like)

    def __init__(self, like: Any) -> None:
        self.dtype, self.rank = like.dtype, len(like.shape)
        self.like = like

    def take(self, value: Any) -> list[Any]:
        return [own_tensor(value)]

    def zeros(self) -> list[Any]:
        zero = OPS["constant"](value=np.zeros((), self.dtype))
        if not self.rank:
            return [zero]
        kind = self.like.value.type if isinstance(self.like, Traced) else self.like
        return [OPS["splat"](zero, shape=known_shape(kind.shape, bind.ground()))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return next(tensors)

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if not isinstance(value, Tensor):
            raise Unmergeable(f"a tensor becomes {_named(value)} in a loop")
        if value.dtype != self.dtype or len(value.shape) != self.rank:
            raise Unmergeable(
                f"a tensor of dtype {self.dtype} and rank {self.rank} becomes one of dtype "
                f"{value.dtype} and rank {len(value.shape)} in a loop"
            )
        return self


class Scalar(Form):
    """A scalar of NumPy."""

    @property
    def key(self) -> Any:
        return form_key(self.like)

    def __init__(self, like: TracedScalar) -> None:
        self.dtype, self.home = like.dtype, like.home
        self.like = like

    def take(self, value: Any) -> list[Any]:
        return [own_tensor(value.tensor())]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), self.dtype))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return TracedScalar(self.home, next(tensors))

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if type(value) is not TracedScalar or value.dtype != self.dtype:
            raise Unmergeable(f"a NumPy scalar of dtype {self.dtype} becomes {_named(value)}")
        return self


class Array(Form):
    """An ndarray of which each trip makes another one. So nobody else has it, and its elements are
    all that there is to it, as long as no trip writes to the one that it was given."""

    @property
    def key(self) -> Any:
        return form_key(self.like)

    def __init__(self, like: TracedArray) -> None:
        self.home, self.elements = like.home, Whole(like.tensor())
        self.like = like
        self.given: TracedArray | None = None

    def take(self, value: Any) -> list[Any]:
        if self.given is not None and self.given.cell.version:
            raise Unmergeable("an array that changes from trip to trip is written to")
        return [own_tensor(value.tensor())]

    def zeros(self) -> list[Any]:
        return self.elements.zeros()

    def make(self, tensors: Iterator[Any]) -> Any:
        self.given = fresh(self.home, next(tensors))
        self.given.cell.born = None
        return self.given

    def settle(self) -> None:
        if self.given is not None:
            self.given.cell.born = bind.ground()

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if not is_made(value, bind.ground()):
            raise Unmergeable(f"an array becomes {_named(value)} in a loop that it has not made")
        self.elements.wider(value.tensor())
        return self


class Item(Array):
    """An ndarray in a list by its elements: whoever reads it gets another array, and nobody may
    write to one of them (``aliases.py``)."""

    holds_arrays = True

    def take(self, value: Any) -> list[Any]:
        return _selected(self.elements, [(t, v.tensor()) for t, v in alternatives(value)])

    def make(self, tensors: Iterator[Any]) -> Any:
        return fresh(self.home, next(tensors))

    def wider(self, value: Any, mixed: bool = False) -> Form:
        for v in values_of(value):
            if type(v) is not TracedArray:
                raise Unmergeable(f"an array becomes {_named(v)} in a list")
            self.elements.wider(v.tensor())
        return self


class Items(Form):
    """A container of which the items change, not their number or keys."""

    @property
    def key(self) -> Any:
        return form_key(self.like)

    def __init__(self, value: Any) -> None:
        self.kind, self.like = type(value), value
        self.keys: Sequence[Any] = _keys(value)
        self.forms = [_constant(value[k]) for k in self.keys]

    @property
    def holds_arrays(self) -> bool:  # type: ignore[override]
        return any(form.holds_arrays for form in self.forms)

    def take(self, value: Any) -> list[Any]:
        return [t for k, f in zip(self.keys, self.forms, strict=True) for t in f.take(value[k])]

    def zeros(self) -> list[Any]:
        return [t for f in self.forms for t in f.zeros()]

    def make(self, tensors: Iterator[Any]) -> Any:
        items = [f.make(tensors) for f in self.forms]
        if issubclass(self.kind, tuple):
            return sequence(self.kind, items)
        pairs = zip(self.keys, items, strict=True)
        made = self.kind(pairs if issubclass(self.kind, dict) else items)
        bind.ground().arrays.machine.fresh(made)  # type: ignore[attr-defined]
        return made

    def settle(self) -> None:
        for form in self.forms:
            form.settle()

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if type(value) is not self.kind or _keys(value) != self.keys:
            raise Unmergeable(f"a {self.kind.__name__} gets other items in a loop")
        pairs = zip(self.keys, self.forms, strict=True)
        found = [widened(f, value[k], mixed)[0] for k, f in pairs]
        if all(new is old for new, old in zip(found, self.forms, strict=True)):
            return self
        made = Items.__new__(Items)
        made.kind, made.keys, made.like, made.forms = self.kind, self.keys, self.like, found
        return made


class Instance(Form):
    """An object of the user's class of which each trip makes another one."""

    @property
    def key(self) -> Any:
        return variant_key(self.like)

    def __init__(self, value: Any, late_fields: bool = False) -> None:
        self.kind, self.like = type(value), value
        make = late if late_fields else _constant
        self.fields = {name: make(v) for name, v in fields_of(value).items()}

    def take(self, value: Any) -> list[Any]:
        held = fields_of(value)
        return [t for name, form in self.fields.items() for t in form.take(held[name])]

    def zeros(self) -> list[Any]:
        return [t for form in self.fields.values() for t in form.zeros()]

    def make(self, tensors: Iterator[Any]) -> Any:
        return built(self.kind, {name: f.make(tensors) for name, f in self.fields.items()})

    def settle(self) -> None:
        for form in self.fields.values():
            form.settle()

    def wider(self, value: Any, mixed: bool = False) -> Form:
        held = fields_of(value) if type(value) is self.kind else {}
        if type(value) is not self.kind or held.keys() != self.fields.keys():
            raise Unmergeable(f"a {self.kind.__name__} gets other attributes in a loop")
        found = {name: widened(f, held[name], mixed)[0] for name, f in self.fields.items()}
        if all(found[name] is f for name, f in self.fields.items()):
            return self
        made = Instance.__new__(Instance)
        made.kind, made.like, made.fields = self.kind, self.like, found
        return made


class Position(Form):
    """Where a ``for`` is."""

    @property
    def key(self) -> Any:
        return form_key(self.walk)

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def take(self, value: Any) -> list[Any]:
        return [as_tensor(value.at, int)]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), np.int64))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return self.walk.moved(TracedNumber(int, next(tensors)))

    def wider(self, value: Any, mixed: bool = False) -> Form:
        if type(value) is not Walk or not value.same_source(self.walk):
            raise Unmergeable("an iterator becomes another in a loop")
        return self


class Variant(Form):
    """One of several values of several forms, with a test for each but the last."""

    def __init__(self, forms: dict[Any, Form]) -> None:
        self.forms = forms  # by what values of each form have in common

    @property
    def key(self) -> Any:
        return "variant", tuple(self.forms)

    def take(self, value: Any) -> list[Any]:
        known: dict[Any, list[tuple[Any, Any]]] = {}
        for test, v in alternatives(value):
            known.setdefault(variant_key(v), []).append((test, v))
        made = [_any_of([as_bool(t) for t, _ in known.get(key, ())]) for key in self.forms]
        del made[-1]
        for key, form in self.forms.items():
            made += _selected(form, known[key]) if key in known else form.zeros()
        return made

    def zeros(self) -> list[Any]:
        tests = [as_bool(False) for _ in self.forms][1:]
        return tests + [t for form in self.forms.values() for t in form.zeros()]

    def make(self, tensors: Iterator[Any]) -> Any:
        tests = [TracedNumber(bool, next(tensors)) for _ in range(len(self.forms) - 1)]
        return chosen(tests, [form.make(tensors) for form in self.forms.values()])

    def settle(self) -> None:
        for form in self.forms.values():
            form.settle()

    def wider(self, value: Any, mixed: bool = False) -> Form:
        found = dict(self.forms)
        for v in values_of(value):
            key = variant_key(v)
            known = found.get(key)
            found[key] = late(v) if known is None else widened(known, v)[0]
        if len(found) > MOST_FORMS:
            raise Unmergeable("a variable of too many types in a loop")
        same_forms = list(found.values()) == list(self.forms.values())
        return self if same_forms else Variant(found)


def _any_of(tests: list[Any]) -> Any:
    made = tests[0] if tests else as_bool(False)
    for test in tests[1:]:
        made = made | test
    return made


def _selected(form: Form, several: list[tuple[Any, Any]]) -> list[Any]:
    """The tensors of one of several values of a form: of the one whose test holds."""
    made = form.take(several[-1][1])
    for test, value in several[:-1]:
        pairs = list(zip(form.take(value), made, strict=True))
        if any(x.value.type != y.value.type or isinstance(x.value.type, BufferType)
               for x, y in pairs):  # fmt: skip
            raise Unmergeable("one of several objects of a class in a loop")
        made = [OPS["where"](as_bool(test), x, y) for x, y in pairs]
    return made


def variant_key(value: Any) -> Any:
    """``form_key``, where all objects of a class that the function makes have one form."""
    return ("instance", type(value)) if is_own_instance(value) else form_key(value)


def takes_unbound(form: Form) -> bool:
    """Whether it is part of a form that there is no value."""
    return type(form) is Variant and variant_key(UNBOUND) in form.forms


def cells_of(form: Form, value: Any) -> list[int]:
    """The memory of the arrays in a value that travel as their elements."""
    if type(form) is Array and type(value) is TracedArray:
        return [id(value.cell)]
    if type(form) is Variant:
        several = [(form.forms.get(variant_key(v)), v) for v in values_of(value)]
        return [cell for f, v in several if f is not None for cell in cells_of(f, v)]
    if type(form) is Items and type(value) is form.kind:
        pairs = zip(form.keys, form.forms, strict=True)
        return [cell for k, f in pairs for cell in cells_of(f, value[k])]
    if type(form) is Instance and type(value) is form.kind:
        held = fields_of(value)
        return [cell for name, f in form.fields.items() for cell in cells_of(f, held[name])]
    return []


def _keys(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value)))


def _constant(value: Any) -> Form:
    return form_of(value) if type(value) is Choice else Form(value)


def form_of(value: Any, open_walk: bool = False, contents: bool = False) -> Form:
    """A first guess for a value that a loop may change."""
    if open_walk:
        return Position(value)
    if type(value) is Choice:
        return Variant({variant_key(v): form_of(v) for v in values_of(value)})
    if contents and isinstance(value, tuple | list | dict):
        return Items(value)
    return late(value) if is_number(value) or isinstance(value, Traced) else Form(value)


def with_numbers(form: Form, known: Form) -> Form:
    """A first guess in which what is a number of the graph in another form of the same value is
    one."""
    if type(form) is Form and type(known) is Number and is_number(form.value):
        return known if kind_of(form.value) is known.kind else form
    if type(form) is not Items or type(known) is not Items or form.keys != known.keys:
        return form
    form.forms = [with_numbers(f, k) for f, k in zip(form.forms, known.forms, strict=True)]
    return form


def late(value: Any) -> Form:
    """The form of a value that a loop makes."""
    if type(value) is Choice:
        return Variant({variant_key(v): late(v) for v in values_of(value)})
    if is_number(value):
        return Number(kind_of(value))
    if isinstance(value, Tensor):
        return Whole(value)
    if type(value) is TracedScalar:
        return Scalar(value)
    if type(value) is Walk:
        return Position(value)
    if is_made(value, bind.ground()):
        return Array(value)
    if type(value) is TracedArray and value.tensor().trace is bind.ground():
        raise LeftView("a view that a loop makes is left by it")
    if is_fresh_instance(value):
        return Instance(value, late_fields=True)
    if type(value) is list and any(type(v) is Run for v in value):
        raise Unmergeable("a list whose length the graph decides that trips make")
    if isinstance(value, tuple) and value:
        made = Items(value)
        made.forms = [late(v) for v in value]
        return made
    return Form(value)


def item_form(value: Any) -> Form:
    """The form of an item of a list that may get more of them."""
    first = values_of(value)[0]
    if type(first) is TracedArray:
        return Item(first).wider(value)
    made = late(value) if not isinstance(value, tuple) else Items(value)
    if isinstance(value, tuple) and type(made) is Items:
        made.forms = [item_form(v) for v in value]
    return made


def widened(form: Form, value: Any, mixed: bool = False) -> tuple[Form, bool]:
    """A form for another value too, and whether it is another form. ``mixed``: it may be one of
    several. Raises Unmergeable."""
    try:
        found = form.wider(value, mixed)
    except Unmergeable:
        if not mixed or type(form) is Variant:
            raise
        both = Variant({form.key: form})
        found = both.wider(value)
        if found is both:
            raise
    return found, found is not form


def _named(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a tensor"
    return repr(value) if value is None else f"a {type(value).__name__}"
