"""Python's own functions that run code of the user's, or need to know who calls them."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import os
from abc import ABCMeta
from collections import deque
from collections.abc import Hashable
from types import (
    BuiltinMethodType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    UnionType,
)
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED
from twofold.runtime.tensor import Tensor

from ..loading import late
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.kinds import class_of
from ..ndarrays.operands import wrapped
from ..ndarrays.selection import Selection
from ..state import is_generator
from ..symint import SymInt
from ..trace import Traced
from .asked import checked
from .choice import holds_choice
from .frame import Frame
from .heaps import HEAPS
from .machine import Generator
from .numbers import number_of, sized, taken
from .opened import is_open, own_method
from .pure import any_of
from .reentry import has_effects, runs_code
from .specials import SPECIALS
from .staged import exists_later, is_staged, special_of
from .text import Piece, Text, has_no_text, snapshot
from .walks import Span, Walk

__all__ = ["NATIVES", "interpreted", "to_python"]

_ANY: Any = object()
LISTED_AT_MOST = 512  # elements of an array of which a list of numbers is made


def _getattr(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if kwargs or not 2 <= len(args) <= 3 or type(args[1]) is not str:
        return NotImplemented
    machine.learn(args[1])
    try:
        return machine.attribute(frame, args[0], args[1])
    except AttributeError:
        if len(args) == 2:
            raise
        return args[2]


def _hasattr(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2 or type(args[1]) is not str:
        return NotImplemented
    return _getattr(machine, frame, (*args, _ANY), {}) is not _ANY


def _changing(method: str, count: int) -> Any:
    """``setattr`` or ``delattr``: a method of the machine with so many arguments."""

    def change(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        if kwargs or len(args) != count or type(args[1]) is not str:
            return NotImplemented
        machine.learn(args[1])
        getattr(machine, method)(frame, *args)
        return None

    return change


def _isinstance(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2:
        return NotImplemented
    value, kinds = args
    found = _of_kind(machine, frame, isinstance, value, kinds)
    if found is not NotImplemented or isinstance(value, Tensor) or class_of(value) is type(value):
        return found
    kind = class_of(value)  # what a class has, abstract ones ask for; so they are shown a real one
    return isinstance(np.empty(0) if kind is np.ndarray else kind(0), kinds)


def _issubclass(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 2:
        return NotImplemented
    return _of_kind(machine, frame, issubclass, args[0], args[1])


def _of_kind(machine: Any, frame: Frame, asks: Any, value: Any, kinds: Any) -> Any:
    """A question about a class: its metaclass may answer it, and abstract classes may take others
    in at any time."""
    name = "__instancecheck__" if asks is isinstance else "__subclasscheck__"
    several = kinds.__args__ if isinstance(kinds, UnionType) else kinds
    for kind in several if type(several) is tuple else (kinds,):
        own = machine.own_method(kind, name)
        if own is not None:
            if several is kinds and type(kinds) is not tuple:
                return machine.truth(frame, machine.invoke(frame, own, (kind, value), {}))
            machine.give_up(f"a class with {name} among several")
        if isinstance(kind, ABCMeta):
            machine.takes_in(kind, class_of(value) if asks is isinstance else value)
            if asks is isinstance and getattr(kind, "_is_protocol", False):
                _has_members(machine, frame, kind, value)
    return NotImplemented


def _has_members(machine: Any, frame: Frame, kind: type, value: Any) -> None:
    """Look for what a protocol asks an object for: what it has is guarded."""
    for base in kind.__mro__:
        names = (*vars(base), *vars(base).get("__annotations__", ()))
        for name in names if getattr(base, "_is_protocol", False) else ():
            if not name.startswith("_"):
                _hasattr(machine, frame, (value, name), {})


def _text(conversion: int) -> Any:
    def text(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            return NotImplemented
        (value,) = args
        if type(value) is Text and conversion == 1:
            return value
        if has_no_text(value):
            return Text([Piece(snapshot(value), conversion, None)])
        for name in ("__str__", "__repr__")[conversion - 1 :]:
            own = machine.own_method(value, name)
            if own is not None:
                made = machine.invoke(frame, own, (value,), {})
                return checked((str, repr)[conversion - 1], made)
            if name in type(value).__dict__:
                break
        return NotImplemented

    return text


def _format(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if not 1 <= len(args) <= 2 or kwargs:
        return NotImplemented
    return machine.text(frame, args[0], 0, args[1] if len(args) == 2 else "")


def _special(name: str, function: Any = None) -> Any:
    """A function of one object whose class says what it does; Python checks what that gives."""

    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        own = machine.own_method(args[0], name) if len(args) == 1 and not kwargs else None
        if own is None:
            return NotImplemented
        made = machine.invoke(frame, own, args, {})
        return made if function is None else checked(function, made)

    return call


def _len(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    x: Any = args[0] if len(args) == 1 and not kwargs else None
    if type(x) in (TracedArray, Selection) or isinstance(x, Traced):
        return sized(x.shape[0]) if x.ndim else NotImplemented
    return _special("__len__", len)(machine, frame, args, kwargs)


def _next(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    own = machine.own_method(args[0], "__next__") if args else None
    if own is None:
        return NotImplemented
    try:
        return machine.invoke(frame, own, args[:1], {})
    except StopIteration:
        if len(args) == 1:
            raise
        return args[1]


def _any(items: Any) -> bool:
    """``any``, to be interpreted."""
    for item in items:  # noqa: SIM110
        if item:
            return True
    return False


def _all(items: Any) -> bool:
    """``all``, to be interpreted."""
    for item in items:  # noqa: SIM110
        if not item:
            return False
    return True


def _filter(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    staged = len(args) == 2 and not kwargs and _has_staged(args[1])
    if not staged:
        return _calling(filter)(machine, frame, args, kwargs)
    return late("capture.drained").filtered(machine, frame, *args)


def _has_staged(items: Any) -> bool:
    """Whether a value of the graph is, or is among, what is gone over."""
    return is_staged(items) or type(items) in LISTED and any(map(is_staged, items))


def of_this_size(items: Any) -> Any:
    """A ``range`` of sizes of arguments as Python's own: the trace is for the present ones."""
    bounds = (items.start, items.stop, items.step) if type(items) is Span else ()
    if not bounds or not all(type(b) in (int, SymInt) for b in bounds):
        return items
    return range(*map(int, bounds))


def _has_rows(value: Any) -> bool:
    """Whether this is a tensor or an array of the graph with items, which is guarded."""
    return is_staged(value) and bool(getattr(value, "shape", ())) and bool(value.shape[0] != 0)


def _extreme(function: Any) -> Any:
    """``max`` or ``min`` with a key, or of what is known only when the graph runs."""

    def find(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        args = (of_this_size(args[0]),) if len(args) == 1 else args
        items = args[0] if len(args) == 1 else args
        key, default = kwargs.get("key"), kwargs.get("default")
        listed = type(items) in LISTED and len(items) > 0
        walked = listed or type(items) is range and len(items) > 0 or _has_rows(items)
        opens = interpreted(machine, frame, key) is not key if key is not None else False
        if not kwargs.keys() <= {"key", "default"} or not walked or holds_choice(items):
            return _calling(function)(machine, frame, args, kwargs)
        compares = "__gt__" if function is max else "__lt__"
        own = listed and key is None and any(own_method(x, compares) for x in items)
        if not opens and not own and not (key is None and _has_staged(items)):
            return _calling(function)(machine, frame, args, kwargs)
        frame.parts_next = machine.parts_now
        largest = function is max
        return late("capture.drained").best(machine, frame, items, key, default, largest)

    return find


def _sorted(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    """``sorted``, of values of the graph or with a key that may give some."""
    args = (of_this_size(args[0]),) if len(args) == 1 else args
    items: Any = args[0] if len(args) == 1 and kwargs.keys() <= {"key", "reverse"} else None
    known = type(items) in _LISTED or is_staged(items) and bool(getattr(items, "shape", ()))
    if not known or holds_choice(items):
        return _calling(sorted)(machine, frame, args, kwargs)
    listed = list(machine.items(frame, items))
    key = kwargs.get("key")
    opens = key is not None and interpreted(machine, frame, key) is not key
    own = key is None and any(own_method(x, "__lt__") for x in listed)
    if not opens and not own and not any(map(_is_about_staged, listed)):
        return _calling(sorted)(machine, frame, args, kwargs)
    ordered = late("capture.ordered").ordered
    return machine.fresh(ordered(machine, frame, listed, key, kwargs.get("reverse", False)))


_LISTED: Any = (
    list,
    tuple,
    range,
    dict,
    Walk,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)


def _is_about_staged(item: Any) -> bool:
    return any(map(_is_about_staged, item)) if isinstance(item, tuple) else is_staged(item)


def _asking(code: Any, wanted: bool) -> Any:
    """``any`` or ``all`` of the items of a generator or a container with values of the graph."""

    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        items: Any = args[0] if len(args) == 1 and not kwargs else None
        whole = type(items) is Generator and late("capture.drained")
        if whole and whole.is_whole(items):
            made = whole.asked(machine, items, wanted)
            if made is not NotImplemented:
                return made
        if type(items) is Generator:
            return machine.invoke(frame, code, args, {})
        staged = type(items) in LISTED and any(map(is_staged, items))
        return machine.invoke(frame, code, (list(items),), {}) if staged else NotImplemented

    return call


def _allclose(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.allclose``, to be interpreted."""
    return bool(np.isclose(a, b, *args, **kwargs).all())


def _array_equal(a: Any, b: Any) -> Any:
    """``np.array_equal`` of arrays, to be interpreted."""
    return bool((a == b).all()) if a.shape == b.shape else False


def _deciding(code: Any) -> Any:
    """A function of NumPy's that gives a bool of Python's, of values of the graph."""

    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        arrays = [type(a) in (TracedArray, TracedScalar) for a in args]
        if not any(arrays) or any(isinstance(a, Tensor) for a in args):
            return NotImplemented
        if code is _array_equal and (kwargs or not all(arrays)):
            return NotImplemented
        return machine.invoke(frame, code, args, kwargs)

    return call


def _calling(function: Any) -> Any:
    """A function of Python's that calls what it is given: that is interpreted."""

    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        staged = any(
            type(a) in (Generator, Walk) or _has_staged(a) or runs_code(machine, a) for a in args
        )
        first = (_special_one(machine, frame, a) if staged else a for a in args[:1])
        at, name = _CALLED.get(function, (0, ""))
        new = tuple([
            interpreted(machine, frame, a) if i == at else a
            for i, a in enumerate((*first, *args[1:]))
        ])  # fmt: skip
        named = {k: interpreted(machine, frame, v) if k == name else v for k, v in kwargs.items()}
        same = all(a is b for a, b in zip(args, new, strict=True))
        if same and all(kwargs[k] is named[k] for k in kwargs):
            return NotImplemented
        made = machine.native_now(frame, function, new, named)
        return machine.fresh(made) if isinstance(function, type) else made

    return call


_CALLED: Any = {  # which argument a function calls, by place and by name, if not the first
    max: (-1, "key"), min: (-1, "key"), sorted: (-1, "key"),
    itertools.accumulate: (1, "func"), itertools.groupby: (1, "key"),
}  # fmt: skip


def _special_one(machine: Any, frame: Frame, called: Any) -> Any:
    """A function of Python's that knows values of the graph, as one that Python can call with
    them: ``map(float, x)``."""
    known = own_method(called, "__hash__") is None and isinstance(called, Hashable)
    if known and (special_of(called) or called in NATIVES):
        return lambda *args, **kwargs: machine.call(frame, called, args, kwargs)
    return called


def interpreted(machine: Any, frame: Frame | None, called: Any) -> Any:
    """A function of the user's, or a method of a container, as one that Python can call and of
    which the machine knows what it does."""
    plain = called.__func__ if isinstance(called, MethodType) else called
    if isinstance(called, functools.partial):
        plain = called.func
    writes = (
        type(plain) is BuiltinMethodType
        and (isinstance(plain.__self__, list | dict | set) or has_effects(plain))
        or type(plain) is MethodDescriptorType
        and issubclass(plain.__objclass__, list | dict | set | deque)
    )
    opened = plain is type or isinstance(plain, FunctionType) and is_open(plain.__code__)
    if isinstance(plain, type) and not machine.is_plain(plain) or own_method(plain, "__call__"):
        opened = True
    if not opened and not writes:
        return called

    def call(*args: Any, **kwargs: Any) -> Any:
        return machine.call(frame, called, args, kwargs)

    return call


def _globals(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    return machine.give_up("a call of `globals`, `locals`, `vars` or `dir` without an object")


def _of_frame(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if not args:
        return _globals(machine, frame, args, kwargs)
    machine.observe(args[0])
    if len(args) == 1 and machine.is_own(args[0]) and hasattr(args[0], "__dict__"):
        return machine.attribute(frame, args[0], "__dict__")
    return vars(args[0]) if len(args) == 1 else NotImplemented


def _getenv(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if kwargs or not args or type(args[0]) is not str:
        return NotImplemented
    machine.observe(os.environ, args[0])
    return os.environ.get(*args)


def _dir(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    return _globals(machine, frame, args, kwargs) if not args else NotImplemented


def to_python(machine: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``item`` and ``tolist`` give of values that exist when the graph runs, and generators of
    random numbers that the function has made; NotImplemented for other functions and values."""
    owner: Any = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    drawer = owner if owner is not None or not args else args[0]
    if is_generator(drawer) and type(drawer).__module__.startswith("numpy."):
        return _drawn(machine, function, args, kwargs)
    if kwargs or name not in ("item", "tolist"):
        return NotImplemented
    if isinstance(owner, Tensor) and exists_later(owner):
        return NotImplemented if name != "item" else taken(owner if not args else owner[args])
    if type(owner) not in (TracedArray, TracedScalar) or owner.dtype.kind not in "bif":
        return NotImplemented
    if owner.home.known(owner.tensor()) is not None:
        return NotImplemented
    if name == "item":
        one = owner if not args else owner[args]
        return number_of(one.tensor()) if not one.shape else NotImplemented
    sizes = [int(n) for n in owner.shape]
    return _nested(machine, owner, sizes) if math.prod(sizes) <= LISTED_AT_MOST else NotImplemented


def _drawn(machine: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Numbers of a generator that the function has made: they follow from its seed."""
    if function.__name__ not in _DRAWS or any_of(_has_staged, args, kwargs) or "out" in kwargs:
        name = f"{function.__name__!r}"
        machine.give_up(f"{name} of a generator of random numbers that the function makes")
    return wrapped(machine.tracer.arrays, function(*args, **kwargs))


def _nested(machine: Any, array: Any, sizes: list[int]) -> Any:
    if not sizes:
        return number_of(array.tensor())
    return machine.fresh([_nested(machine, array[i], sizes[1:]) for i in range(sizes[0])])


_DRAWS = frozenset((  # what gives numbers, and changes nothing but the generator
    "random", "standard_normal", "normal", "uniform", "integers", "randint", "rand", "randn",
    "random_sample", "exponential", "standard_exponential", "poisson", "binomial", "choice",
    "permutation", "gamma", "standard_gamma", "beta", "lognormal", "geometric", "chisquare",
    "laplace", "gumbel", "logistic", "multinomial", "multivariate_normal", "dirichlet",
    "triangular", "weibull", "pareto", "rayleigh", "vonmises", "standard_t", "standard_cauchy",
))  # fmt: skip


NATIVES: dict[Any, Any] = {
    getattr: _getattr, hasattr: _hasattr, setattr: _changing("set_attribute", 3),
    delattr: _changing("delete_attribute", 2),
    isinstance: _isinstance, issubclass: _issubclass, format: _format,
    str: _text(1), repr: _text(2), ascii: _text(3),
    len: _len, abs: _special("__abs__"), hash: _special("__hash__", hash),
    iter: _special("__iter__", iter), round: _special("__round__"), next: _next,
    globals: _globals, locals: _globals, vars: _of_frame, dir: _dir, os.getenv: _getenv,
    copy.copy: _special("__copy__"), any: _asking(_any, True),
    all: _asking(_all, False), filter: _filter, max: _extreme(max), min: _extreme(min),
    sorted: _sorted, **SPECIALS, np.allclose: _deciding(_allclose),
    np.array_equal: _deciding(_array_equal), **HEAPS,
    **{f: _calling(f) for f in (
        map, functools.reduce, itertools.accumulate, itertools.starmap,
        itertools.takewhile, itertools.dropwhile, itertools.filterfalse, itertools.groupby,
    )},
}  # fmt: skip
