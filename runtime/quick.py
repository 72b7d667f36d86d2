"""The shortcut of eager operations: the only one.

An elementwise op without attributes, on tensors of one floating dtype or one tensor and a Python
number, with nobody above the eager executor, runs its NumPy body at once; everything else goes
the long way, ``bind.perform``. That is a third of the time of an operation on few elements
(benchmarks/overhead.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.infer import RULES
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY

from .quiet import quiet

__all__ = ["install"]

_current = bind.current
_ndarray = np.ndarray
_new = object.__new__
_NUMS = frozenset(np.dtype(d).num for d in ("float32", "float64"))  # computed in themselves
_SMALL = 3e38  # a number up to it fits float32
_FAILURES = (TypeError, ValueError, RuntimeError)  # the long way says what is wrong, or does it


def install(tensor: type[Any], variable: type[Any]) -> None:
    """Give the ops that allow it their shortcut, for tensors and Variables of these classes."""

    def give(op: Any) -> None:
        if not isinstance(op, Op) or not op.plain:
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
        if _current.get() is not None:
            return long_way(x)
        if x.__class__ is not tensor:
            return direct(x.read_value()) if hasattr(x, "read_value") else long_way(x)
        if x.value.dtype.num not in _NUMS:
            return long_way(x)
        try:
            r = quiet.run(body, x.value)
        except _FAILURES:
            return long_way(x)
        out = _new(tensor)
        out.value = r if r.__class__ is _ndarray and r is not x.value else _own(r)
        return out

    return direct


def _binary(op: Op, tensor: type[Any], variable: type[Any]) -> Callable[..., Any]:
    body, long_way = op.own_body, op.direct

    def direct(x: Any, y: Any) -> Any:
        if _current.get() is not None:
            return long_way(x, y)
        kind, other = x.__class__, y.__class__
        if kind is tensor and other is tensor:
            a, b = x.value, y.value
            if a.dtype is not b.dtype or a.dtype.num not in _NUMS:
                return long_way(x, y)
        elif kind is tensor and (other is float or other is int):
            a = x.value
            if a.dtype.num not in _NUMS or not -_SMALL <= y <= _SMALL:
                return long_way(x, y)
            b = np.array(y, a.dtype)
        elif other is tensor and (kind is float or kind is int):
            b = y.value
            if b.dtype.num not in _NUMS or not -_SMALL <= x <= _SMALL:
                return long_way(x, y)
            a = np.array(x, b.dtype)
        elif kind is variable and other is tensor:
            a, b = x.array, y.value
            if a.dtype is not b.dtype or a.dtype.num not in _NUMS:
                return long_way(x, y)
        elif other is variable and kind is tensor:
            a, b = x.value, y.array
            if a.dtype is not b.dtype or a.dtype.num not in _NUMS:
                return long_way(x, y)
        elif hasattr(x, "read_value") or hasattr(y, "read_value"):
            return direct(_read(x), _read(y))
        else:
            return long_way(x, y)
        try:
            r = quiet.run(body, a, b)
        except _FAILURES:
            return long_way(x, y)
        out = _new(tensor)
        out.value = r if r.__class__ is _ndarray else np.asarray(r)
        return out

    return direct


def _read(x: Any) -> Any:
    """An operand, or the value of a Variable."""
    return x.read_value() if hasattr(x, "read_value") else x


def _own(r: Any) -> Any:
    """A result that is the operand itself, or no array, as a value of its own."""
    return r.view() if r.__class__ is _ndarray else np.asarray(r)
