"""Examples of tensor specs that fit what a function asks of them.

A trace is made for the sizes of an example call. Those for the open sizes of specs are nobody's
choice: where the function needs others (``x + y`` of two, ``reshape(x, [-1, 784])``), the
comparison that failed is solved for one of them, and the function is traced again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from twofold.ir.dims import DimLike, evaluate, symbol, symbols_of
from twofold.ir.errors import TwofoldError
from twofold.ir.tree import Structure, flatten
from twofold.runtime.tensor import wrap

from .plain import PlainPython
from .signature import bind_arguments, positional
from .sizes import COMPARE, Refused, TraceSizes, failed, resolved
from .spec import TensorSpec

__all__ = ["with_examples"]

T = TypeVar("T")
_ATTEMPTS = 16
_LARGEST = 4096


def with_examples(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    run: Callable[[list[Any], Structure], T],
) -> T:  # fmt: skip
    """What ``run`` gives for the leaves and structure of a call. Raises what it raises for the
    first examples where no others do."""
    if kwargs:
        args, kwargs = positional(function, args, kwargs)
    leaves, structure = bind_arguments(function, args, kwargs)
    open_axes = _open_axes(flatten((args, kwargs))[0])
    first: BaseException | None = None
    tried: set[Any] = set()
    for _ in range(_ATTEMPTS):
        ended: list[TraceSizes] = []
        token = failed.set(ended)
        try:
            return run(leaves, structure)
        except (TwofoldError, PlainPython) as error:
            first = first or error
            found = _solved(ended[-1], open_axes, tried) if ended and open_axes else None
        finally:
            failed.reset(token)
        if found is None:
            break
        leaves = [_resized(x, i, found) for i, x in enumerate(leaves)]
    assert first is not None
    raise first


def _open_axes(given: list[Any]) -> set[tuple[int, int]]:
    """The axes of leaves whose sizes are open. Names tie several together, which are left alone."""
    return {
        (i, axis)
        for i, spec in enumerate(given)
        if isinstance(spec, TensorSpec)
        for axis, size in enumerate(spec.shape or ())
        if size is None
    }


def _resized(leaf: Any, at: int, sizes: dict[tuple[int, int], int]) -> Any:
    """A leaf with other sizes of some axes."""
    if all(i != at for i, _ in sizes):
        return leaf
    shape = [sizes.get((at, axis), n) for axis, n in enumerate(leaf.shape)]
    return wrap(np.broadcast_to(np.zeros((), leaf.dtype), shape))


def _solved(
    sizes: TraceSizes, open_axes: set[tuple[int, int]], tried: set[Any]
) -> dict[tuple[int, int], int] | None:
    """Other sizes by leaf and axis, for which the comparison that failed last holds, and what was
    relied on before it. Each is tried once."""
    for least, refused in itertools.product((2, 1), reversed(sizes.refused)):  # 1 is broadcast
        if (least, refused[:3]) in tried:
            continue
        tried.add((least, refused[:3]))
        names = _names(refused.left) | _names(refused.right)
        for name in sorted(names) if names <= sizes.hints.keys() else ():
            axes = {
                (leaf, axis): resolved(symbol(source), refused.known)
                for source, leaf, axis in sizes.sources
            }
            axes = {place: size for place, size in axes.items() if name in _names(size)}
            value = _value(sizes, refused, name, least) if axes.keys() <= open_axes else None
            if value is not None:
                env = {**sizes.hints, name: value}
                return {place: evaluate(size, env) for place, size in axes.items()}
    return None


def _names(dim: DimLike) -> frozenset[str]:
    return frozenset() if isinstance(dim, int) else symbols_of(dim)


def _value(sizes: TraceSizes, refused: Refused, name: str, least: int) -> int | None:
    """What the size of a name has to be, ``least`` or more."""
    relations = [
        (resolved(a, refused.known), how, resolved(b, refused.known))
        for a, how, b in (refused[:3], *[guard[:3] for guard in refused.guards])
    ]
    others = [side for side in (refused.left, refused.right) if name not in _names(side)]
    wanted = [n for n in (evaluate(side, sizes.hints) for side in others) if n >= least]
    for value in itertools.chain(wanted, range(least, _LARGEST)):
        env = {**sizes.hints, name: value}
        try:
            if all(COMPARE[how](evaluate(a, env), evaluate(b, env)) for a, how, b in relations):
                return value
        except ZeroDivisionError:
            continue
    return None
