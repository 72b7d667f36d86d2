"""The eager executor: the bottom of the interpreter stack. It runs NumPy bodies at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import TwofoldError
from twofold.ir.op import Op
from twofold.ir.promote import Operand
from twofold.ir.shapes import Sizes
from twofold.ir.types import TensorType

from .convert import as_array
from .quiet import quiet
from .tensor import Tensor, wrap
from .variable import Variable

__all__ = ["EAGER", "Eager", "operand"]

_SIZES = Sizes()
_PYTHON = (bool, int, float, complex)


def operand(value: Any) -> tuple[Any, Operand]:
    """An argument as an array (or the Python scalar itself) and its dtype (or scalar type)."""
    kind = value.__class__
    if kind is Tensor:
        return value.array, value.array.dtype
    if kind in _PYTHON:
        return value, kind
    if kind is Variable:
        return value.array, value.array.dtype
    array = as_array(value)
    return array, array.dtype


class Eager:
    """Executes each operation when it is called."""

    below = None
    tracing = False

    def bind(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Convert and promote the arguments, run the NumPy body, wrap the result."""
        pairs = [operand(a) for a in args]
        dtypes = op.input_dtypes([p[1] for p in pairs])
        arrays = [
            a if own is want else as_array(a, want, weak=isinstance(own, type))
            for (a, own), want in zip(pairs, dtypes, strict=True)
        ]
        if op.has_attrs:
            attrs = resolve(op, arrays, attrs)
        try:
            out = quiet.run(op.body, *arrays, **attrs)
        except TwofoldError:
            raise
        except (TypeError, ValueError):
            resolve(op, arrays, attrs)  # our own message, if the types are at fault
            raise
        except RuntimeError as error:
            if "already entered" not in str(error):
                raise
            out = quiet.nested(op.body, *arrays, **attrs)
        if op.shares_memory != "never":
            out = _unshared(out, args)
        if out.__class__ is tuple:
            return tuple(map(wrap, out))
        return wrap(out)

    def canonical(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes in canonical form."""
        arrays = [as_array(operand(a)[0]) for a in args]
        return resolve(op, arrays, attrs)

    def lift(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as tensors."""
        pairs = [operand(a) for a in args]
        dtypes = op.input_dtypes([own for _, own in pairs])
        return tuple(
            arg if isinstance(arg, Tensor)
            else wrap(as_array(value, want, weak=isinstance(own, type)))
            for arg, (value, own), want in zip(args, pairs, dtypes, strict=True)
        )  # fmt: skip

    def read(self, variable: Variable) -> Tensor:
        """The present value."""
        return variable.tensor()

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Replace the Variable's array."""
        variable.array = value.array


def resolve(op: Op, arrays: list[Any], attrs: dict[str, Any]) -> dict[str, Any]:
    """Canonical attributes for concrete arrays, memoised by dtypes, shapes and attributes."""
    try:
        key = (*[(a.dtype, a.shape) for a in arrays], *_frozen(attrs))
        found = op.memo.get(key)
    except TypeError:
        key, found = None, None
    if found is None:
        types = [TensorType(a.dtype, a.shape) for a in arrays]
        found = op.resolve(types, attrs, _SIZES)
        if key is not None:
            if len(op.memo) >= 1024:
                op.memo.clear()
            op.memo[key] = found
    return found[0]


def _frozen(attrs: dict[str, Any]) -> Any:
    for value in attrs.values():
        yield tuple(value) if value.__class__ is list else value
        yield value.__class__


def _unshared(out: Any, args: tuple[Any, ...]) -> Any:
    """A result without a view of an array that the caller may write to later."""
    for given in args:
        if isinstance(given, np.ndarray):
            if out.__class__ is tuple:
                return tuple([o.copy() if np.may_share_memory(o, given) else o for o in out])
            if np.may_share_memory(out, given):
                return out.copy()
    return out


EAGER = Eager()
bind.install(EAGER)
