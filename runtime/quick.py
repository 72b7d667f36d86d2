"""The shortcuts of eager operations: the only ones. Nobody stands above the eager executor there,
or tapes alone, which are told what has run.

An elementwise op without attributes, on tensors of one floating dtype or one tensor and a Python
number, runs its NumPy body at once. That is a third of the time of an operation on few elements
(benchmarks/overhead.py). An op with attributes, on tensors that it need not cast, does so with the
canonical attributes of a call that was like this one. Everything else goes the long way,
``bind.perform``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import HALVES
from twofold.ir.infer import RULES
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY
from twofold.ir.shapes import Sizes
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.types import TensorType

from .quiet import quiet

__all__ = ["install"]

_current = bind.current
_SIZES = Sizes()
_ndarray = np.ndarray
_new = object.__new__
_NUMS = frozenset(np.dtype(d).num for d in ("float32", "float64"))  # computed in themselves
_SMALL = 3e38  # a number up to it fits float32
_KINDS = ("elementwise", "reduce", "movement", "contract", "index", "opaque")
_PLAIN = frozenset((int, bool, str, type(None)))  # attributes that are keys, with their class
_MOST = 1024  # kinds of calls of an op
_NO_ATTRS: dict[str, Any] = {}
_FAILURES = (TypeError, ValueError, RuntimeError)  # the long way says what is wrong, or does it


def install(tensor: type[Any], variable: type[Any]) -> None:
    """Give the ops that allow it their shortcut, for tensors and Variables of these classes."""

    def give(op: Any) -> None:
        if not isinstance(op, Op):
            return
        if op.has_attrs and op.tensors and op.kind in _KINDS and _is_plain(op):
            op.shortcut_by_attributes(_by_attributes(op, tensor, variable))
        if not op.plain:
            return
        if "f" not in op.accepts or op.promoted != slice(None):
            return
        promotes = op.rule is RULES["elementwise"] and op.promote in ("common", "floating")
        if len(op.tensors) == 1 and (
            promotes or (op.rule is RULES["same"] and op.promote == "none")
        ):
            op.shortcut(_unary(op, tensor))
        elif len(op.tensors) == 2 and promotes:
            op.shortcut(_binary(op, tensor, variable))

    REGISTRY.watch(give)


def _unary(op: Op, tensor: type[Any]) -> Callable[..., Any]:
    body, long_way = op.own_body, op.direct

    def direct(x: Any) -> Any:
        frame = _current.get()
        told = () if frame is None else frame.recorders
        if told is None:
            return long_way(x)
        if x.__class__ is not tensor:
            return direct(x.read_value()) if hasattr(x, "read_value") else long_way(x)
        a = x.value
        if a.dtype.num not in _NUMS:
            return long_way(x)
        try:
            r = quiet.run(body, a)
        except _FAILURES:
            return long_way(x)
        out = _new(tensor)
        out.value = r = r if r.__class__ is _ndarray and r is not a else _own(r)
        for recorder in told:
            recorder.note(op, (a,), _NO_ATTRS, (r,))
        return out

    return direct


def _binary(op: Op, tensor: type[Any], variable: type[Any]) -> Callable[..., Any]:
    body, long_way = op.own_body, op.direct

    def direct(x: Any, y: Any) -> Any:
        frame = _current.get()
        told = () if frame is None else frame.recorders
        if told is None:
            return long_way(x, y)
        kind, other = x.__class__, y.__class__
        if kind is tensor:
            a = x.value
        elif kind is variable:
            a = _array_of(x, told)
        elif kind is float or kind is int:
            a = None
        else:
            return direct(x.read_value(), y) if hasattr(x, "read_value") else long_way(x, y)
        if other is tensor:
            b = y.value
        elif other is variable:
            b = _array_of(y, told)
        elif (other is float or other is int) and a is not None:
            if a.dtype.num not in _NUMS or not -_SMALL <= y <= _SMALL:
                return long_way(x, y)
            b = np.array(y, a.dtype)
        else:
            return direct(x, y.read_value()) if hasattr(y, "read_value") else long_way(x, y)
        if a is None:
            if b.dtype.num not in _NUMS or not -_SMALL <= x <= _SMALL:
                return long_way(x, y)
            a = np.array(x, b.dtype)
        elif a.dtype is not b.dtype or a.dtype.num not in _NUMS:
            return long_way(x, y)
        try:
            r = quiet.run(body, a, b)
        except _FAILURES:
            return long_way(x, y)
        out = _new(tensor)
        out.value = r = r if r.__class__ is _ndarray else np.asarray(r)
        for recorder in told:
            recorder.note(op, (a, b), _NO_ATTRS, (r,))
        return out

    return direct


def _array_of(variable: Any, told: tuple[Any, ...]) -> Any:
    """The array of a Variable that is read, which these tapes are told."""
    array = variable.array
    for recorder in told:
        recorder.note_read(variable, array)
    return array


def _is_plain(op: Op) -> bool:
    """Whether a call of an op is nothing but a call of its body."""
    return bool(op.pure) and not (op.variadic or op.data_dependent or op.routine)


def _by_attributes(op: Op, tensor: type[Any], variable: type[Any]) -> Callable[..., Any]:
    """A function of the arguments and keywords of a call: its outputs, or None for the long way."""
    count = len(op.tensors)
    memo: dict[Any, tuple[Callable[..., Any], dict[str, Any]] | None] = {}

    def direct(args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        frame = _current.get()
        told = () if frame is None else frame.recorders
        if told is None or len(args) < count:
            return None
        arrays: list[Any] = []
        parts: list[Any] = []
        for x in args[:count]:
            if x.__class__ is tensor:
                a = x.value
            elif x.__class__ is variable:
                a = _array_of(x, told)
            else:
                return None
            arrays.append(a)
            parts += a.dtype.num, a.shape
        for v in args[count:]:
            kind = v.__class__
            if kind not in _PLAIN and not (kind in TUPLES and _has_ints(v)):
                return None
            parts += kind, v
        for name, v in attrs.items():
            kind = v.__class__
            if kind not in _PLAIN and not (kind in TUPLES and _has_ints(v)):
                return None
            parts += name, kind, v
        key = tuple(parts)
        try:
            known = memo[key]
        except KeyError:
            if len(memo) >= _MOST:
                memo.clear()
            known = memo[key] = _canonical(op, args, attrs, arrays)
        if known is None:
            return None
        try:
            found = quiet.run(known[0], *arrays, **known[1])
        except Exception:  # noqa: BLE001  (the long way says what is wrong)
            return None
        out = _tensors(found, arrays, tensor)
        if told and out is not None:
            outs = tuple([t.value for t in (out if out.__class__ is tuple else (out,))])
            for recorder in told:
                recorder.note(op, tuple(arrays), known[1], outs)
        return out

    return direct


def _has_ints(value: tuple[Any, ...]) -> bool:
    """Whether a tuple has nothing but ints and None, at any depth: equal ones are the same."""
    for x in value:
        kind = x.__class__
        if kind is not int and x is not None and not (kind in TUPLES and _has_ints(x)):
            return False
    return True


def _canonical(
    op: Op, args: tuple[Any, ...], attrs: dict[str, Any], arrays: list[Any]
) -> tuple[Callable[..., Any], dict[str, Any]] | None:
    """The body of a call, its attributes in canonical form; None if it casts, or is refused."""
    own = [a.dtype for a in arrays]
    try:
        if op.input_dtypes(own) != own:
            return None
        _, full = op.sort_arguments(args, dict(attrs))
        full, _ = op.resolve([TensorType(a.dtype, a.shape) for a in arrays], full, _SIZES)
    except Exception:  # noqa: BLE001  (the long way says what is wrong)
        return None
    halves = any(dtype.num in HALVES for dtype in own)
    return op.body if halves else op.own_body, full


def _tensors(found: Any, arrays: list[Any], tensor: type[Any]) -> Any:
    """The outputs of a body as tensors, none of which is an operand; None for what is no array."""
    if found.__class__ in TUPLES:
        return tuple([_tensors(x, arrays, tensor) for x in found])
    if found.__class__ is _ndarray:
        for a in arrays:
            if found is a:
                found = found.view()
    elif isinstance(found, np.generic):
        found = np.asarray(found)
    else:
        return None
    out = _new(tensor)
    out.value = found
    return out


def _own(r: Any) -> Any:
    """A result that is the operand itself, or no array, as a value of its own."""
    return r.view() if r.__class__ is _ndarray else np.asarray(r)
