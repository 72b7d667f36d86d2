"""NumPy functions whose results have sizes that values decide, as one node that calls them.

Which sizes those of a result are is found by asking NumPy about small arrays: of two sizes for each
symbol in the arguments, once full of zeros and once of different numbers. An axis with one size in
all of them has that size. One that grows as a symbol does has its size, plus a number (less one in
``np.diff``). One that differs with the elements gets a symbol of its own, which the call decides
(``np.unique``). Where NumPy then gives arrays of other sizes, the node raises StagingError.
"""

from __future__ import annotations

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

__all__ = ["BY_VALUE", "call", "is_late"]

BY_VALUE = frozenset(
    ["extract", "intersect1d", "repeat", "setdiff1d", "setxor1d", "union1d", "unique",
     "unique_all", "unique_counts", "unique_inverse", "unique_values"]
)  # fmt: skip
_FEW, _MORE = 4, 11  # sizes asked about; those of further symbols are apart from them


def is_late(trace: Any, *values: Any) -> bool:
    """Whether sizes in arguments are found when the graph runs."""
    several = any(type(x) is Selection for x in _traced(values))
    return several or not frozenset(_symbols(values)).isdisjoint(trace.sizes.late)


def _symbols(values: Any) -> list[str]:
    dims = [d for x in _traced(values) for d in to_dims(x.shape) if isinstance(d, Dim)]
    return sorted({name for d in dims for name in symbols_of(d)})


def _traced(values: Iterable[Any]) -> Iterable[Any]:
    for x in values:
        if is_traced(x) or isinstance(x, Tensor) or type(x) is Selection:
            yield x
        elif type(x) in LISTED:
            yield from _traced(x)
        elif type(x) is dict:
            yield from _traced(x.values())


def call(
    trace: Any, name: str, args: Any, kwargs: Any, arrays: list[Any], template: Any, options: Any
) -> tuple[Any, Any]:
    """The outputs of a call, and what NumPy gives for an example of it. ``arrays``, ``template``
    and ``options`` are the arguments as the node has them."""
    sizes = [
        {s: few + 7 * i * k for i, s in enumerate(_symbols((args, kwargs)))}
        for k, few in ((1, _FEW), (2, _MORE))
    ]
    probes = [_Probe(env, step) for env in sizes for step in (0, 1)]
    called = resolve_function(name)
    try:
        with np.errstate(all="ignore"):
            shown = [called(*p.of(tuple(args)), **p.of(dict(kwargs))) for p in probes]
    except Exception:  # noqa: BLE001  of other arrays than the call's: plain Python makes the call
        raise trace.plain("call") from None
    leaves = [leaves_of(x) for x in shown]
    if len({tuple((leaf.dtype, leaf.ndim) for leaf in each) for each in leaves}) > 1:
        raise trace.plain("call")
    counted: list[tuple[int, int]] = []
    results = []
    for i, several in enumerate(zip(*leaves, strict=True)):
        if not known(several[0].dtype):
            raise trace.missing(f"np.{name} with a result of dtype {several[0].dtype}")
        if not all(leaf.flags.c_contiguous for leaf in several):
            raise trace.plain("call")
        dims = []
        for axis, found in enumerate(zip(*[leaf.shape for leaf in several], strict=True)):
            size = _size(found, sizes)
            if size is None:
                counted.append((i, axis))
                size = trace.sizes.made_by((name, template, options, found), arrays)
            dims.append(size)
        results.append(TensorType(several[0].dtype, tuple(dims)))
    outs = OPS["numpy_counted"](
        *arrays, name=name, args=template, options=options, results=tuple(results),
        counted=tuple(counted),
    )  # fmt: skip
    return outs, shown[0]


def _size(found: tuple[int, ...], sizes: list[dict[str, int]]) -> Any:
    """The size of an axis that NumPy gave these sizes, or None where values decide it."""
    few, other, more, another = found
    if few != other or more != another:
        return None
    if few == more:
        return few
    for name in sizes[0]:
        if more - few == sizes[1][name] - sizes[0][name]:
            return symbol(name) + (few - sizes[0][name])
    return None


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
        numbers = np.arange(int(np.prod(shape))) * self.step
        held = (numbers % 2 if x.dtype == bool else numbers).astype(x.dtype).reshape(shape)
        return held[()] if type(x) is TracedScalar else held
