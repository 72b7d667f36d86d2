"""The eager executor: the bottom of the interpreter stack. It runs NumPy bodies at once.

Its values are arrays that nobody writes to. An array of the caller is copied on its way in, unless
nobody keeps it: no interpreter stands above, and the op is certain to return new memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold._loading import Loading
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.buffer import Buffer
from twofold.ir.errors import GraphError, TwofoldError
from twofold.ir.factoring import factoring
from twofold.ir.op import OPS, Op
from twofold.ir.ops import contract
from twofold.ir.promote import Operand
from twofold.ir.shapes import Sizes
from twofold.ir.tensor_shape import LISTED
from twofold.ir.types import TensorType

from .convert import as_array, as_value, tensor_of
from .native import native
from .quiet import quiet
from .tensor import Tensor, wrap
from .variable import Variable, read

__all__ = ["EAGER", "Eager", "holds_tensors"]

_SIZES = Sizes()
# attributes whose text tells what equality does not: 0.0 from -0.0, 1 from True in a nested tuple
_EXACT = frozenset((float, complex, tuple, list))
_PYTHON = (bool, int, float, complex)


class Eager(bind.Ground):
    """Executes each call when it is made."""

    tracing = False
    sizes = _SIZES

    def __init__(self) -> None:
        self.run_regions = _run_regions

    def prepare(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Call:
        """Convert and promote the arguments."""
        arrays = [x.value for x in args if x.__class__ is Tensor]
        if len(arrays) == len(args):  # most calls with attributes
            own = [a.dtype for a in arrays]
            if op.input_dtypes(own) == own:
                return _call(op, tuple(arrays), attrs)
        args = tuple([a if a.__class__ is Tensor else _given(a) for a in args])
        pairs = [_operand(a) for a in args]
        dtypes = op.input_dtypes([own for _, own in pairs])
        inputs = tuple(
            [
                value if own is want and arg.__class__ is Tensor
                else _input(op, arg, value, own, want)
                for arg, (value, own), want in zip(args, pairs, dtypes, strict=True)
            ]
        )  # fmt: skip
        return _call(op, inputs, attrs)

    def run(self, call: Call) -> tuple[Any, ...]:
        """Run the NumPy body, or the routine that has its bits; every output is a value of its
        own."""
        op, inputs, attrs = call.op, call.inputs, call.attrs
        if call.regions:
            return self.run_regions(call)
        if op.routine:
            found = native.outputs(op, inputs, attrs)
            if found is not None:
                return found
        try:
            out = quiet.run(op.body, *inputs, **attrs)
        except TwofoldError:
            raise
        except (TypeError, ValueError):
            _resolve(op, inputs, attrs)  # our own message, if the types are at fault
            raise
        except RuntimeError:
            if not quiet.busy():
                raise
            out = quiet.nested(op.body, *inputs, **attrs)
        if out.__class__ is np.ndarray and op.shares_memory == "never":
            return (out,)
        outs = out if out.__class__ is tuple else (out,)
        return tuple([_value(o, inputs) for o in outs])

    def tensor(self, value: Any) -> Any:
        """A tensor over an array; a buffer stands for itself. Raises GraphError for a value of a
        trace that has ended."""
        if value.__class__ is np.ndarray:
            return wrap(value)
        if isinstance(value, Buffer):
            return value
        if not isinstance(value, np.ndarray):
            raise GraphError(
                f"{value!r} was kept after the trace that made it ended; return it from the "
                f"function instead"
            )
        return wrap(value)

    def value(self, tensor: Any) -> Any:
        """The array of a tensor."""
        return tensor.value

    def later(self, what: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """They have run."""
        function(*args)

    def holds(self, test: Any, what: str) -> bool:
        """Whether all elements hold."""
        return bool(OPS["all"](test))

    def attributes(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes; sizes are ints."""
        return attrs


def _call(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Call:
    if not op.has_attrs:
        return Call(op, inputs, attrs)
    if op.data_dependent:  # the result itself says of which size it is
        return Call(op, inputs, {**op.defaults, **attrs})
    full, types = _resolve(op, inputs, attrs)
    return Call(op, inputs, full, (), types)


def holds_tensors(items: Any) -> bool:
    """Whether nested lists hold tensors, Variables, or what stands for them in a trace."""
    return any(
        isinstance(i, Tensor | Variable)
        or getattr(type(i), "in_trace", False)
        or getattr(type(i), "symbolic_size", False)
        or getattr(type(i), "symbolic_number", False)
        or (isinstance(i, list | tuple) and holds_tensors(i))
        for i in items
    )


def _given(value: Any) -> Any:
    """An argument; tensors in a list are stacked by an op, which interpreters see, and by its
    rules of dtypes."""
    value = tensor_of(value)
    if value.__class__ in LISTED and holds_tensors(value):
        return OPS["stack"](list(value))
    return value


def _operand(value: Any) -> tuple[Any, Operand]:
    """An argument as an array (or the Python scalar itself) and its dtype (or scalar type)."""
    kind = value.__class__
    if kind is Tensor:
        return value.array, value.array.dtype
    if kind in _PYTHON:
        return value, kind
    if kind is Variable:
        array = read(value)
        return array, array.dtype
    if isinstance(value, Buffer):
        return value, value.dtype
    array = as_array(value)
    return array, array.dtype


def _input(op: Op, arg: Any, value: Any, own: Operand, want: np.dtype[Any]) -> Any:
    """An argument as an array of the dtype that the op computes in."""
    kind = arg.__class__
    if kind in _PYTHON:
        return as_array(value, want, weak=True)
    seen = bind.current.get() is not None
    ours = kind is Tensor or kind is Variable
    if ours and seen and own != want:
        cast: np.ndarray[Any, Any] = OPS["cast"](wrap(value), dtype=want).value
        return cast  # recorded, so that gradients pass it
    listed = kind in LISTED  # their numbers reach the dtype in one step
    array: np.ndarray[Any, Any] = value if own is want else as_array(arg if listed else value, want)
    if ours or array is not value or listed:
        return array
    if isinstance(array, Buffer):
        return array
    return array.copy() if seen or op.shares_memory != "never" else array


def _value(out: Any, inputs: tuple[Any, ...]) -> Any:
    """An output as an array (or a buffer) that is no other value."""
    if out.__class__ is not np.ndarray:
        out = as_value(out)
    for x in inputs:
        if out is x:
            return out.view()
    return out


def _resolve(
    op: Op, arrays: tuple[Any, ...], attrs: dict[str, Any]
) -> tuple[dict[str, Any], tuple[TensorType, ...]]:
    """Canonical attributes and output types, memoised by dtypes, shapes and attributes."""
    if op.kind == "buffer":
        return op.resolve([bind.type_of(a) for a in arrays], attrs, _SIZES)
    parts: list[Any] = []
    for a in arrays:
        parts += a.dtype, a.shape
    for value in attrs.values():
        kind = value.__class__
        parts += tuple(value) if kind is list else value, kind
        if kind in LISTED:
            inner = tuple(map(type, value))
            parts.append(inner if _EXACT.isdisjoint(inner) else repr(value))
        elif kind in _EXACT:
            parts.append(repr(value))
    key = tuple(parts)
    try:
        found = op.memo.get(key)
    except TypeError:
        key, found = (), None  # an attribute that is no key
    if found is None:
        types = [TensorType(a.dtype, a.shape) for a in arrays]
        found = op.resolve(types, attrs, _SIZES)
        if key:
            if len(op.memo) >= 1024:
                op.memo.clear()
            op.memo[key] = found
    return found


def _matmul(a: Any, b: Any) -> Any:
    """The first product; it imports what products need."""
    with Loading():
        from .products import matmul  # noqa: PLC0415

    contract.install(matmul)
    return matmul(a, b)


def _cholesky(a: Any, /, **options: Any) -> Any:
    """The first factorisation; it imports what they need."""
    with Loading():
        from .lapack import cholesky  # noqa: PLC0415

    factoring.cholesky = cholesky
    return cholesky(a, **options)


def _run_regions(call: Call) -> tuple[Any, ...]:
    """The first call that holds graphs; it imports what they need."""
    with Loading():
        from .arrays import run_regions  # noqa: PLC0415

    EAGER.run_regions = run_regions
    return run_regions(call)


EAGER = Eager()
bind.install(EAGER)
contract.install(_matmul)
factoring.cholesky = _cholesky
