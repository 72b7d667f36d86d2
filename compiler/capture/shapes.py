"""Objects that a function makes, taken apart into a tag and values, and made again of these."""

from __future__ import annotations

import functools
import itertools
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir.errors import StagingError
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import fill_object, new_object, object_state
from twofold.runtime.tensor import Tensor

from ..library import file_of, is_ours
from ..ndarrays.base import Flags, TracedArray, TracedScalar
from ..ndarrays.views import Flat
from ..plain import PlainPython
from ..symint import SymInt
from ..symnumber import SymNumber
from .choice import Choice
from .frame import UNBOUND
from .grown import Listed, rows_of, runs, template
from .numbers import TracedNumber
from .opened import is_open_file
from .pure import FIXED
from .text import Text
from .walks import (
    VIEWS,
    Counted,
    Drawn,
    Items,
    Numbered,
    Reversed,
    Rows,
    Span,
    Walk,
    Zipped,
    viewed,
)

__all__ = [
    "ATOMS", "BUILD", "FILL", "HOLLOW", "Opaque", "Ref", "Uncuttable", "holds_opaque",
    "is_opaque", "opened",
]  # fmt: skip

ATOMS = frozenset((
    int, float, complex, bool, str, bytes, type(None), type(Ellipsis), type(NotImplemented),
    SymInt, SymNumber, TracedNumber, Text,
))  # fmt: skip
_SEQUENCES: dict[type, str] = {list: "list", set: "set", deque: "deque"}
_DICTS = (dict, OrderedDict, Counter, defaultdict)
_RANGES = (type(iter(range(0))), type(iter(range(1 << 70))))
_LISTS: tuple[type, ...] = (type(iter([])), type(iter(())))
_STANDING_IN = (Tensor, TracedArray, TracedScalar, SymInt, SymNumber)
Parts = tuple[tuple[Any, ...], Any]


class Uncuttable(Exception):
    """The frames cannot be handed on. ``places``: where a trace may end earlier, so that they
    can."""

    def __init__(self, words: str, places: tuple[int, ...] = ()) -> None:
        super().__init__(words)
        self.places = places


class Ref:
    """An object that counts by identity, in what is hashed."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return type(other) is Ref and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)


class Opaque:
    """What stands in a trace for an object that is carried: it can be moved, and nothing else."""

    __slots__ = ("at",)
    at: int

    def __init__(self, at: int) -> None:
        object.__setattr__(self, "at", at)

    def _needed(self, *args: Any, **kwargs: Any) -> Any:
        raise PlainPython(refusal=StagingError(
            "what an object from outside of the graph does is made on every call: it is not staged"
        ))  # fmt: skip

    __getattr__ = __setattr__ = __hash__ = _needed


_UNARY = (
    "call", "len", "bool", "iter", "next", "reversed", "getitem", "setitem", "delitem", "contains",
    "eq", "ne", "lt", "le", "gt", "ge", "str", "repr", "format", "enter", "exit", "float", "int",
    "index", "complex", "abs", "neg", "pos", "invert", "round", "divmod", "rdivmod", "delattr",
    "bytes", "length_hint", "fspath",
)  # fmt: skip
_BINARY = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and",
    "or", "xor",
)  # fmt: skip
for _name in (*_UNARY, *[kind + name for kind in ("", "r", "i") for name in _BINARY]):
    setattr(Opaque, f"__{_name}__", Opaque._needed)


def is_opaque(value: Any) -> bool:
    """Whether this stands for an object that is only carried along."""
    return isinstance(value, Opaque)


def holds_opaque(value: Any, depth: int = 4) -> bool:
    """Whether such an object is in a container."""
    if isinstance(value, Opaque):
        return True
    if not depth or not isinstance(value, list | tuple | dict | set | deque):
        return False
    held = value.values() if isinstance(value, dict) else value
    return any(holds_opaque(v, depth - 1) for v in held)


class OpaqueMethod(Opaque):
    """A method of such an object."""

    __slots__ = ("name", "owner")
    name: str
    owner: Opaque

    def __init__(self, owner: Opaque, name: str) -> None:
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "name", name)


def opened(x: Any, is_own: Callable[[Any], bool]) -> Parts | None:
    """A tag, which counts in what is hashed, and the values in an object; None for what is a value
    itself. Raises ``Uncuttable`` for what the function has made and nothing takes apart."""
    kind = type(x)
    if kind in TUPLES:
        return ("tuple", tuple), x
    if kind is Choice:
        return ("choice",), x
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return ("tuple", kind), x
    if kind is slice:
        return ("slice",), (x.start, x.stop, x.step)
    if kind is range or kind is Span:
        return ("range",), (x.start, x.stop, x.step)
    if kind is functools.partial:
        return ("partial", tuple(x.keywords)), (x.func, x.args, *x.keywords.values())
    if kind is types.MethodType:
        return _bound(x.__func__, x.__self__)
    if kind in (types.BuiltinMethodType, types.MethodWrapperType) and not isinstance(
        x.__self__, type | types.ModuleType | types.NoneType
    ):
        return ("bound", x.__name__), (x.__self__,)
    if kind is types.FunctionType and "method_of" in x.__dict__:
        owner, name = x.method_of
        return ("bound", name), (owner,)
    if kind is Flags:
        return ("bound", "flags"), (x.__dict__["_array"],)
    if kind is Flat:
        return ("bound", "flat"), (x.base,)
    if kind is OpaqueMethod:
        return ("bound", x.name), (x.owner,)
    if kind is Walk:
        return _walk(x.source, x.at)
    if kind in VIEWS:
        return ("view", VIEWS[kind]), (viewed(x),)
    return _own(x, kind, is_own) if is_own(x) else None


def _bound(function: Any, owner: Any) -> Parts:
    if isinstance(owner, _STANDING_IN):  # what is real has another function of that name
        for kind in type(owner).__mro__:
            for name, member in vars(kind).items():
                if member is function:
                    return ("bound", name), (owner,)
        raise Uncuttable(f"a method of a {type(owner).__name__}")
    return ("method",), (function, owner)


def _own(x: Any, kind: type, is_own: Callable[[Any], bool]) -> Parts | None:
    run = runs(x)
    if run is not None:
        if run.has_arrays:
            raise Uncuttable("a list of arrays whose length the graph decides")
        return ("listed", template(run.form)), (*rows_of(run), run.count)
    if kind in _SEQUENCES:
        return (_SEQUENCES[kind], getattr(x, "maxlen", None)), list(x)
    if kind in _DICTS:
        keys = tuple(dict.keys(x))
        if not all(map(_is_key, keys)):
            raise Uncuttable("a dict with keys that are not texts or numbers")
        factory = (x.default_factory,) if kind is defaultdict else ()
        return ("dict", kind, keys, tuple(map(type, keys))), (*factory, *dict.values(x))
    if kind is types.CellType:
        try:
            return ("cell",), (x.cell_contents,)
        except ValueError:
            return ("cell",), (UNBOUND,)
    if kind is types.FunctionType:
        return _function(x)
    if kind in _RANGES or kind in _LISTS:
        return _of_reduced(*x.__reduce__())
    state = None if is_ours(kind) else object_state(x)
    if state is None or (
        _fills_itself(kind) and not all(_is_plain(v) or is_own(v) for v in state.values())
    ):
        raise Uncuttable(f"a {kind.__name__} that the function has made")
    return ("object", kind, tuple(state)), tuple(state.values())


def _is_plain(value: Any) -> bool:
    """Whether it does not matter who else has a value."""
    if type(value) in TUPLES:
        return all(map(_is_plain, value))
    return type(value) in ATOMS or isinstance(value, (*_STANDING_IN, type, types.FunctionType))


def _fills_itself(kind: type) -> bool:
    """Whether code of a library, which is not interpreted, puts objects into those of a class: who
    else has them is not known."""
    return any(
        not (is_open_file(file_of(base)) or base.__flags__ & FIXED)
        for base in kind.__mro__ if base.__module__ not in ("abc", "typing")
    )  # fmt: skip


def _of_reduced(_: Any, args: tuple[Any, ...], at: int | None = 0) -> Parts:
    """An iterator over a range, a list or a tuple."""
    (over,), at = args, at or 0
    if isinstance(over, range):
        return ("walk", "Span"), (over.start + at * over.step, over.stop, over.step, 0)
    return ("walk", "Items"), (over, at)


def _function(x: Any) -> Parts:
    if x.__dict__:
        raise Uncuttable("a function with attributes that the function has made")
    defaults, kwdefaults = x.__defaults__ or (), x.__kwdefaults__ or {}
    space = getattr(x.__globals__, "real", x.__globals__)
    tag = ("function", x.__code__, Ref(space), x.__name__, len(defaults), tuple(kwdefaults))
    return tag, (*defaults, *kwdefaults.values(), *(x.__closure__ or ()))


def _is_key(key: Any) -> bool:
    if type(key) in TUPLES:
        return all(map(_is_key, key))
    return type(key) in (str, int, float, bool, bytes, type(None))


def _walk(source: Any, at: Any) -> Parts:
    kind = type(source)
    if kind is Span:
        return ("walk", "Span"), (source.start, source.stop, source.step, at)
    if kind is Counted:
        inner = Walk(Span(source.start, source.stop, source.step), at)
        return ("walk", "Counted"), (inner,)
    if kind is Items:
        return ("walk", "Items"), (source.held, at)
    if kind is Drawn:
        if not source.is_whole():
            raise Uncuttable("an iterator over a container that has got other items")
        return ("walk", "Drawn"), (source.held, at)
    if kind is Rows:
        return ("walk", "Rows"), (source.owner, at)
    if kind is Numbered:
        walk = source.walk
        return ("walk", "Numbered"), (walk.moved(walk.at + at), source.start + at)
    if kind is Zipped:
        return ("walk", "Zipped"), tuple([w.moved(w.at + at) for w in source.walks])
    if kind is Reversed and type(source.source) is Items:
        return ("walk", "Reversed"), (source.source.held, at)
    raise Uncuttable("an iterator that the function has made")


# made again: mutable objects are made empty and filled later

HOLLOW: dict[str, Callable[[Any], Any]] = {
    "list": lambda tag: [],
    "listed": lambda tag: [],
    "set": lambda tag: set(),
    "deque": lambda tag: deque(maxlen=tag[1]),
    "dict": lambda tag: tag[1](),
    "cell": lambda tag: types.CellType(),
    "object": lambda tag: new_object(tag[1]),
}


def _fill_dict(made: Any, tag: Any, values: list[Any]) -> None:
    if tag[1] is defaultdict:
        made.default_factory, *values = values
    for key, value in zip(tag[2], values, strict=True):
        dict.__setitem__(made, key, value) if tag[1] is not OrderedDict else made.update(
            {key: value}
        )


def _fill_cell(made: Any, tag: Any, values: list[Any]) -> None:
    if values[0] is not UNBOUND:
        made.cell_contents = values[0]


FILL: dict[str, Callable[[Any, Any, list[Any]], None]] = {
    "list": lambda made, tag, values: made.extend(values),
    "listed": lambda made, tag, values: made.extend(
        Listed(tag[1], values[:-1], values[-1]).settled()
    ),
    "set": lambda made, tag, values: made.update(values),
    "deque": lambda made, tag, values: made.extend(values),
    "dict": _fill_dict,
    "cell": _fill_cell,
    "object": lambda made, tag, values: fill_object(made, dict(zip(tag[2], values, strict=True))),
}


def _build_function(tag: Any, values: list[Any], thawer: Any) -> Any:
    _, code, space, name, count, keywords = tag
    rest = values[count + len(keywords) :]
    made = types.FunctionType(
        code, thawer.space(space.held), name, tuple(values[:count]) or None, tuple(rest) or None
    )
    if keywords:
        made.__kwdefaults__ = dict(
            zip(keywords, values[count : count + len(keywords)], strict=True)
        )
    return made


def _build_walk(tag: Any, values: list[Any], thawer: Any) -> Any:
    return (_WALKS if thawer.walks else _ITERATORS)[tag[1]](*values)


def _advanced(iterator: Iterator[Any], count: int) -> Iterator[Any]:
    for _ in itertools.islice(iterator, count):
        pass
    return iterator


def _at(iterator: Any, at: int) -> Any:
    iterator.__setstate__(at)
    return iterator


def _counted(walk: Walk) -> Walk:
    span = walk.source
    return Walk(Counted(span.start, span.stop, span.step), walk.at)


def _of_numbers(numbers: Any) -> Iterator[Any]:
    return (OPS["constant"](value=np.int32(n)) for n in numbers)


def _of_span(start: Any, stop: Any, step: Any, at: int) -> Any:
    return iter(range(start + at * step, stop, step))


_WALKS: dict[str, Callable[..., Any]] = {
    "Span": lambda start, stop, step, at: Walk(Span(start, stop, step), at),
    "Counted": _counted,
    "Items": lambda owner, at: Walk(Items(owner), at),
    "Drawn": lambda owner, at: Walk(Drawn(owner), at),
    "Rows": lambda owner, at: Walk(Rows(owner), at),
    "Numbered": lambda walk, start: Walk(Numbered(walk, start)),
    "Zipped": lambda *walks: Walk(Zipped(list(walks))),
    "Reversed": lambda owner, at: Walk(Reversed(Items(owner)), at),
}
_ITERATORS: dict[str, Callable[..., Any]] = {
    "Span": _of_span,
    "Counted": _of_numbers,
    "Items": lambda owner, at: _at(iter(owner), at),
    "Drawn": lambda owner, at: _advanced(iter(owner), at),
    "Rows": lambda owner, at: _advanced(iter(owner), at),
    "Numbered": enumerate,
    "Zipped": zip,
    "Reversed": lambda owner, at: _advanced(reversed(owner), at),
}
BUILD: dict[str, Callable[[Any, list[Any], Any], Any]] = {
    "tuple": lambda tag, values, thawer: tuple.__new__(tag[1], values),
    "choice": lambda tag, values, thawer: values[1] if values[0] else values[2],
    "slice": lambda tag, values, thawer: slice(*values),
    "range": lambda tag, values, thawer: (Span if thawer.walks else range)(*values),
    "partial": lambda tag, values, thawer: functools.partial(
        values[0], *values[1], **dict(zip(tag[1], values[2:], strict=True))
    ),
    "method": lambda tag, values, thawer: types.MethodType(*values),
    "bound": lambda tag, values, thawer: (
        OpaqueMethod(values[0], tag[1]) if type(values[0]) is Opaque else getattr(values[0], tag[1])
    ),
    "view": lambda tag, values, thawer: getattr(values[0], tag[1])(),
    "function": _build_function,
    "walk": _build_walk,
}
