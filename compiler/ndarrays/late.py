"""NumPy functions as nodes for any sizes: also where values decide those of the results.

Which sizes those of a result are is found by asking NumPy about small arrays: of two sizes for each
symbol in the arguments, once full of zeros and once of different numbers. An axis with one size in
all of them has that size. One that grows with symbols has their sum, plus a number (less one in
``np.diff``). One that differs with the elements gets a symbol of its own, which the call decides
(``np.unique``). Where NumPy then gives arrays of other sizes, plain Python makes the call.

With many symbols in one call the arrays would be large: nothing is found out then.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from twofold.ir.dim_algebra import symbol, symbols_of
from twofold.ir.dims import Dim, evaluate
from twofold.ir.dtypes import known
from twofold.ir.op import OPS
from twofold.ir.ops.numpy_calls import leaves_of, resolve_function
from twofold.ir.tensor_shape import LISTED, sequence
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor

from ..symint import SymInt, to_dims
from ..symnumber import plain
from .base import TracedScalar, is_traced
from .selection import Selection

__all__ = ["Unknown", "by_value", "call", "is_late", "traced"]

BY_VALUE = frozenset(
    ["extract", "intersect1d", "polymul", "repeat", "setdiff1d", "setxor1d", "union1d", "unique",
     "unique_all", "linalg.lstsq", "unique_counts", "unique_inverse", "unique_values"]
)  # fmt: skip
_FEW, _STEP, _MOST = 4, 7, 5  # the least size asked about, see ``_sizes``; a sum has less of one
_ELEMENTS = 1 << 14  # of an array that NumPy is asked about: it is asked four times


class Unknown(Exception):
    """What the sizes of the results are is not found by asking."""


def by_value(name: str | None, args: Any, kwargs: Any) -> bool:
    """Whether the elements that a function is given decide the sizes of what it gives: those of
    ``np.repeat`` do where each element has a count of its own."""
    if name == "repeat":
        return not isinstance(args[1] if len(args) > 1 else kwargs.get("repeats"), int)
    return name in BY_VALUE


def is_late(trace: Any, *values: Any) -> bool:
    """Whether sizes in arguments are found when the graph runs."""
    several = any(type(x) is Selection for x in traced(values))
    return several or not frozenset(_symbols(values)).isdisjoint(trace.sizes.late)


def _symbols(values: Any) -> list[str]:
    dims = [d for x in traced(values) for d in to_dims(x.shape) if isinstance(d, Dim)]
    return sorted({name for d in dims for name in symbols_of(d)})


def traced(values: Iterable[Any]) -> Iterable[Any]:
    """What is of the trace in arguments."""
    for x in values:
        if is_traced(x) or isinstance(x, Tensor) or type(x) is Selection:
            yield x
        elif type(x) in LISTED:
            yield from traced(x)
        elif type(x) is dict:
            yield from traced(x.values())


def call(
    trace: Any, name: str, args: Any, kwargs: Any, arrays: list[Any], template: Any, options: Any
) -> tuple[Any, Any]:
    """The outputs of a call, and what NumPy gives for an example of it. ``arrays``, ``template``
    and ``options`` are the arguments as the node has them. Raises Unknown."""
    groups = _groups(trace, _symbols((args, kwargs)))
    sizes = [_sizes(groups, k) for k in (1, 2)]
    probes = [_Probe(env, step) for env in sizes for step in (0, 1)]
    given = [(p.of(tuple(args)), p.of(dict(kwargs))) for p in probes]
    called = resolve_function(name)
    try:
        with np.errstate(all="ignore"):
            shown = [called(*positional, **named) for positional, named in given]
    except Exception as error:  # of other arrays than the call's
        raise Unknown from error
    leaves = [leaves_of(x) for x in shown]
    if len({tuple((leaf.dtype, leaf.ndim) for leaf in each) for each in leaves}) > 1:
        raise Unknown
    counted: list[tuple[int, int]] = []
    results = []
    for i, several in enumerate(zip(*leaves, strict=True)):
        if not known(several[0].dtype) or not all(leaf.flags.c_contiguous for leaf in several):
            raise Unknown
        dims = []
        for axis, found in enumerate(zip(*[leaf.shape for leaf in several], strict=True)):
            if found[::2] != found[1::2]:
                if name not in BY_VALUE:
                    raise Unknown
                counted.append((i, axis))
                dims.append(trace.sizes.made_by((name, template, options, found), arrays))
            else:
                dims.append(_size(found[0], found[2], groups))
        results.append(TensorType(several[0].dtype, tuple(dims)))
    for same in groups:
        for one in same[1:]:
            trace.sizes.require_same(symbol(same[0]), symbol(one))
    outs = OPS["numpy_counted"](
        *arrays, name=name, args=template, options=options, results=tuple(results),
        counted=tuple(counted),
    )  # fmt: skip
    return outs, shown[0]


def _groups(trace: Any, names: list[str]) -> list[list[str]]:
    """The symbols, those that are equal in the example call together: the call may need that."""
    groups: dict[Any, list[str]] = {}
    for name in names:
        groups.setdefault(trace.sizes.hints.get(name, name), []).append(name)
    return list(groups.values())


def _sizes(groups: list[list[str]], k: int) -> dict[str, int]:
    """Sizes for symbols. Between those for ``k`` of 1 and of 2 the first grows by a step, each
    other one by ``_MOST`` times what the one before it does: what a sum grows by is a number to
    that base, and its digits say how much of each is in it."""
    return {name: _FEW + i + k * _STEP * _MOST**i for i, same in enumerate(groups) for name in same}


def _size(few: int, more: int, groups: list[list[str]]) -> Any:
    """The size of an axis that NumPy gave these sizes. Raises Unknown."""
    for same in groups:  # the half spectrum of real numbers
        one, other = (_sizes(groups, k)[same[0]] // 2 for k in (1, 2))
        if few - one == more - other:
            return symbol(same[0]) // 2 + (few - one)
    steps, rest = divmod(more - few, _STEP)
    size: Any = few
    for same in groups:
        steps, times = divmod(steps, _MOST)
        size = size + times * (symbol(same[0]) - _sizes(groups, 1)[same[0]])
    if rest or steps:
        raise Unknown
    return size


class _Probe:
    """Arguments with arrays for what is traced: ``env`` has the sizes of the symbols, ``step`` is
    the difference of an element and the next."""

    def __init__(self, env: dict[str, int], step: int) -> None:
        self.env, self.step = env, step

    def of(self, x: Any) -> Any:
        if is_traced(x) or isinstance(x, Tensor):
            return self._array(x)
        if type(x) in LISTED:
            return sequence(type(x), map(self.of, x))
        if type(x) is dict:
            return {k: self.of(v) for k, v in x.items()}
        return int(x) if isinstance(x, SymInt) else plain(x)

    def _array(self, x: Any) -> Any:
        dims = to_dims(x.shape)
        shape = [evaluate(d, self.env) if isinstance(d, Dim) else d for d in dims]
        if math.prod(shape) > _ELEMENTS:
            raise Unknown
        numbers = np.arange(math.prod(shape)) * self.step
        held = (numbers % 2 if x.dtype == bool else numbers).astype(x.dtype).reshape(shape)
        if held.ndim > 1 and shape[-1] == shape[-2] and held.dtype.kind in "fc":
            held += np.eye(shape[-1], dtype=held.dtype) * (held.size + 1)  # it has an inverse
        return held[()] if type(x) is TracedScalar else held
