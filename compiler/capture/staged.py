"""What Python's own functions do with values of the graph: ``range``, ``int``, ``zip``, ``min`` ...

Each takes the machine, the frame and the arguments, and gives NotImplemented where nothing of the
graph is among them. ``natives.py`` has those that call code of the user's.
"""

from __future__ import annotations

import functools
import math
import sys
import types
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED
from twofold.runtime import printing
from twofold.runtime.tensor import Tensor

from ..ndarrays import kinds
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.selection import Selection
from ..symint import SymInt
from ..trace import Traced
from .frame import Frame
from .numbers import DTYPES, TracedNumber, holds, is_number, kind_of, number_of, raise_if, taken
from .opened import own_method
from .pure import holds_value
from .walks import VIEWS, Counted, Drawn, Items, Numbered, Reversed, Rows, Span, Walk, Zipped

__all__ = ["PRINTS", "STAGED", "exists_later", "is_iterated", "is_staged", "known_truth",
           "source_of", "special_of", "walk_of", "whole"]  # fmt: skip


def known_truth(value: Any) -> Any:
    """The truth of a value of the graph as a tensor, a bool if it is known, else None."""
    if type(value) is TracedNumber:
        return holds(value)
    if isinstance(value, Tensor):
        return holds(value) if exists_later(value) else None
    if isinstance(value, TracedArray | TracedScalar):
        found = value.home.known(value.tensor())
        return bool(found) if found is not None else holds(value)
    return None


def exists_later(value: Any) -> bool:
    """Whether this is a tensor of the trace that is not made of sizes."""
    return isinstance(value, Traced) and value.trace.arrays.elements(value) is None


def is_staged(value: Any) -> bool:
    """Whether this is a value of the graph."""
    return type(value) is TracedNumber or isinstance(value, Traced | TracedArray | TracedScalar)


def source_of(value: Any) -> Any:
    """What a ``for`` over a value goes over by position, or None."""
    if type(value) is range:
        return Span(value.start, value.stop, value.step)
    if isinstance(value, Span | Numbered | Zipped | Reversed):
        return value
    if type(value) in LISTED:
        return Items(value)
    if isinstance(value, Traced) and value.shape:
        return Rows(value)
    if type(value) is Selection:
        value = value.array()
    if type(value) is TracedArray and value.ndim:
        return Rows(value)
    if type(value) in _DRAWN:
        return Drawn(value)
    return None


_DRAWN: Any = (dict, defaultdict, Counter, set, frozenset, str, *VIEWS)


# what Python's own functions do with numbers of the graph


def _range(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    given = [whole(a) for a in args]
    if not any(isinstance(a, SymInt | TracedNumber) for a in given):
        return NotImplemented
    start, stop, step = (0, given[0], 1) if len(given) == 1 else (*given, 1)[:3]
    if type(step) is not int or step == 0:
        return NotImplemented
    return Span(start, stop, step)


def _tf_range(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    """``tf.range`` of int32 tensors, straight in a ``for``: no tensor of a size that values
    decide is needed."""
    names = ("start", "limit", "delta")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    tensors = [x for x in given.values() if isinstance(x, Tensor) and exists_later(x)]
    if not tensors or not is_iterated(frame) or not given.keys() <= set(names):
        return NotImplemented
    if any(x.shape or x.dtype != np.int32 for x in tensors) or not all(
        type(x) in (int, SymInt) or any(x is t for t in tensors) for x in given.values()
    ):
        return NotImplemented
    start, stop = (given["start"], given["limit"]) if "limit" in given else (0, given.get("start"))
    step = given.get("delta", 1)
    if type(step) is not int or step == 0 or stop is None:
        return NotImplemented
    return Counted(whole(start), whole(stop), step)


def special_of(function: Any) -> Any:
    """What stands for a function of Python, or for one that the face marks; None for others."""
    if type(function) is types.FunctionType and function.__dict__.get("counts") is True:
        return _tf_range
    return STAGED.get(function)


def whole(x: Any) -> Any:
    """An integer tensor as the Python number that it stands for."""
    if isinstance(x, Traced) and x.dtype.kind in "iu" and not x.shape:
        return number_of(x) if exists_later(x) else x.item()
    if isinstance(x, TracedScalar) and x.dtype.kind in "iu":
        found = x.home.elements(x.tensor())
        size = None if found is None else found[()]
        return size if isinstance(size, SymInt) else number_of(x.tensor())
    return x


def _to_number(kind: type) -> Any:
    def convert(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            return NotImplemented
        x = args[0]
        if kind is bool:
            return machine.truth(frame, x)
        if type(x) is TracedNumber:
            tensor, own = x.held, x.kind
        elif isinstance(x, Tensor) and exists_later(x):
            if kind is float or x.dtype.kind != "f":
                return taken(x, kind)
            tensor, own = x, None
        elif isinstance(x, TracedScalar):
            if x.home.known(x.tensor()) is not None:
                return NotImplemented
            tensor, own = x.tensor(), None
        else:
            return NotImplemented
        if kind is int and own is not int and tensor.dtype.kind == "f":
            tensor = OPS["cast"](OPS["trunc"](tensor), dtype=np.dtype(np.int64))
        return number_of(tensor, kind)

    return convert


def _print(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    named = {k: v for k, v in kwargs.items() if v is not None}
    later = functools.partial(print, **named) if named else print
    if not named.keys() <= {"sep", "end", "file", "flush"}:
        later()  # raises
    file = named.get("file")
    known = any(file is f for f in (None, sys.stdout, sys.stderr)) or type(file).__module__ == "_io"
    if not known or machine.is_own(file):  # code behind it can read what it has got
        machine.give_up("a `print` to a file of the function's own, or of another class,")
    for a in args:
        if type(a) in _HOLDING and _has_own_text(a) and holds_value(a):
            machine.give_up("a text of objects beside values of the graph")
    shown = tuple([machine.call(frame, str, (a,), {}) if _has_own_text(a) else a for a in args])
    machine.later("print", later, shown, {})


def _tf_print(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    later = functools.partial(printing.print, **kwargs) if kwargs else printing.print
    machine.later("tf.print", later, tuple(map(printing.printable, args)), {})


PRINTS = (print, printing.print)


_HOLDING = LISTED | {dict, set}


def _has_own_text(value: Any, depth: int = 4) -> bool:
    """Whether methods of the user's write a text of an object, or of one in a container."""
    if type(value) in _HOLDING:
        parts = (*value, *value.values()) if type(value) is dict else value
        return depth > 0 and any(_has_own_text(x, depth - 1) for x in parts)
    return any(own_method(value, name) is not None for name in ("__str__", "__repr__"))


def _math(op: str, refused: Callable[[Any], Any] | None = None) -> Any:
    def compute(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        if len(args) != 1 or not is_staged(args[0]):
            return NotImplemented
        number = STAGED[float](machine, frame, args, {})
        x = number.tensor(DTYPES[float])
        if refused is not None:
            raise_if(refused(x), ValueError("math domain error"))
        return TracedNumber(float, OPS[op](x))

    return compute


def is_iterated(frame: Frame | None) -> bool:
    """Whether the result of the present call goes straight into a ``for``."""
    return frame is not None and frame.program.steps[frame.at].op == "GET_ITER"


def walk_of(machine: Any, frame: Frame, function: Any, args: Any, kwargs: Any) -> Any:
    """What a ``for`` goes over by position, of ``zip``, ``enumerate`` or ``reversed`` straight in
    one; NotImplemented for any other call."""
    find = _ITERATING.get(function) if isinstance(function, type) else None
    return find(machine, frame, args, kwargs) if find and is_iterated(frame) else NotImplemented


def _enumerate(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    walk = _walk(args[0]) if args else None
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if walk is None or not hasattr(type(start), "__index__"):
        return NotImplemented
    return Numbered(walk, start)


def _zip(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    walks = [_walk(a) for a in args]
    if not walks or not kwargs.keys() <= {"strict"} or any(w is None for w in walks):
        return NotImplemented
    if kwargs.get("strict") and not _are_as_long(walks):
        return NotImplemented
    return Zipped(walks)  # type: ignore[arg-type]


def _are_as_long(walks: list[Any]) -> bool:
    """Whether it is known that all end together."""
    if any(type(w.source) is Items and type(w.source.owner) is list for w in walks):
        return False  # it may get longer
    left = [w.source.length() - w.at for w in walks]
    return all(type(n) in (int, SymInt) for n in left) and all(n == left[0] for n in left)


def _reversed(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    source = source_of(args[0]) if len(args) == 1 else None
    return NotImplemented if source is None else Reversed(source)


_ITERATING: Any = {enumerate: _enumerate, zip: _zip, reversed: _reversed}


def _walk(value: Any) -> Walk | None:
    if type(value) is Walk:
        return value
    source = source_of(value)
    return None if source is None else Walk(source)


def _type(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    if len(args) != 1:
        return NotImplemented
    return args[0].kind if type(args[0]) is TracedNumber else kinds.type_of(*args)


def _extreme(name: str) -> Any:
    sign = "<" if name == "min" else ">"

    def find(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        items = list(args) if len(args) > 1 else args[0] if args else ()
        if kwargs or not isinstance(items, list | tuple) or not any(map(is_staged, items)):
            return NotImplemented
        best = items[0]
        for x in items[1:]:
            better = machine.decision(frame, machine.compare(frame, sign, x, best))
            if isinstance(better, bool):
                best = x if better else best
                continue
            best = _select(machine, better, x, best)
            if best is NotImplemented:  # values of several types
                return NotImplemented
        return best

    return find


def _select(machine: Any, predicate: Any, yes: Any, no: Any) -> Any:
    if is_number(yes) and is_number(no) and kind_of(yes) is kind_of(no):
        dtype = DTYPES[kind_of(yes)]
        ways = [TracedNumber.tensor(x, dtype) if type(x) is TracedNumber
                else OPS["constant"](value=np.array(x, dtype)) for x in (yes, no)]  # fmt: skip
        return TracedNumber(kind_of(yes), OPS["where"](predicate, *ways))
    if isinstance(yes, Tensor) and isinstance(no, Tensor) and yes.dtype == no.dtype:
        made = OPS["where"](predicate, yes, no)
        machine.heap.aliases.stand(made, [yes, no])
        return made
    if type(yes) is type(no) is TracedScalar and yes.dtype == no.dtype:
        return TracedScalar(yes.home, OPS["where"](predicate, yes.tensor(), no.tensor()))
    return NotImplemented


STAGED: dict[Any, Any] = {
    range: _range, float: _to_number(float), int: _to_number(int), bool: _to_number(bool),
    print: _print, printing.print: _tf_print, type: _type,
    min: _extreme("min"), max: _extreme("max"),
    math.sqrt: _math("sqrt", lambda x: x < 0), math.sin: _math("sin"), math.cos: _math("cos"),
    math.log: _math("log", lambda x: x <= 0), math.tanh: _math("tanh"), math.atan: _math("atan"),
}  # fmt: skip
