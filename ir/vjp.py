"""The reverse walk over recorded calls: the only reverse-mode differentiation there is.

It runs on whatever the calls hold (arrays, values of a graph): the gradient rules are written in
ops, so the walk is itself recorded by outer tapes and staged by the tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import bind, dtypes
from .bind import Call
from .errors import StagingError, TapeError
from .op import OPS
from .types import BufferType

__all__ = [
    "Entry", "Into", "Linear", "Sources", "backward", "differentiable", "match", "plus", "refs_of",
    "zeros",
]  # fmt: skip


_DIFFERENTIABLE: dict[Any, bool] = {}  # by dtype


class Entry(NamedTuple):
    """One recorded call. ``pull``, if given, replaces the op's rule: it takes the cotangents of
    the outputs (None for an output that was not used) and returns those of ``inputs``, which are
    the call's unless Variables were read for it."""

    call: Call
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    pull: Callable[[list[Any]], Sequence[Any]] | None = None


class Into(NamedTuple):
    """A cotangent that is zero but for a part, as a rule may return it: ``add`` puts the part into
    a sum of others, so that nobody adds the zeros, or into zeros, where it is given None."""

    add: Callable[[Any | None], Any]


class Sources(NamedTuple):
    """What a tape watches of a region op's call: inputs by position (a Variable's: its value at the
    start), and Variables whose later values, after a write, are sources as well."""

    inputs: tuple[int, ...]
    later: tuple[int, ...] = ()


class Linear(NamedTuple):
    """A call of a region op that keeps what its reverse walk needs; see ``Op.linearization``."""

    call: Call
    own: int  # so many of its outputs, the first, are those of the call that it stands for
    later: tuple[tuple[int, int], ...]  # a Variable's position, and the output with a later value
    # From the inputs (Variables read), the outputs of ``call`` and the cotangents to those of the
    # inputs and then of the later values.
    pull: Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]


def refs_of(call: Call) -> tuple[set[int], set[int]]:
    """The positions of the Variables that the regions of a call read at their start, and of those
    whose later values they use. The inputs of a region are the last ones of the call."""
    if len(call.regions) == 1 and len(call.inputs) == len(call.regions[0].inputs):
        refs: tuple[set[int], set[int]] = call.regions[0].refs()
        return refs
    read: set[int] = set()
    later: set[int] = set()
    for region in call.regions:
        first = len(call.inputs) - len(region.inputs)
        for inner, found in zip(region.refs(), (read, later), strict=True):
            found |= {first + i for i in inner}
    return read, later


def backward(
    entries: Sequence[Entry], cotangents: dict[int, Any], known: Iterable[int]
) -> dict[int, Any]:
    """Propagate cotangents (by ``id`` of the value) through the entries, last first.

    ``known`` holds the ids of values that gradients flow to; returns the completed table. Raises
    TapeError where a cotangent reaches a region op that has no linearization.
    """
    reachable = set(known)
    table = dict(cotangents)
    ground = bind.ground()
    for entry in reversed(entries):
        received = [table.get(id(out)) for out in entry.outputs]
        if received.count(None) == len(received):
            continue
        try:
            for x, g in zip(entry.inputs, _pull(entry, received, ground), strict=True):
                if g is None or id(x) not in reachable or not differentiable(x):
                    continue
                before = table.get(id(x))
                if isinstance(g, Into):
                    table[id(x)] = g.add(before)
                    continue
                if callable(g):
                    g = g()
                if not fits(g, x):
                    g = match(g, ground.tensor(x))
                table[id(x)] = g if before is None else plus(before, g)
        except Exception as error:
            error.add_note(f"in the gradient of {entry.call.op.name}")
            raise
    return table


def differentiable(x: Any) -> bool:
    """Whether gradients exist with respect to a value of this dtype."""
    dtype = getattr(x, "dtype", None)
    found = _DIFFERENTIABLE.get(dtype)
    if found is None:
        found = _DIFFERENTIABLE[dtype] = dtypes.letter(dtype) in ("f", "c")
    return found


def _pull(entry: Entry, received: list[Any], ground: bind.Ground) -> Sequence[Any]:
    if entry.pull is not None:
        return entry.pull(received)
    call = entry.call
    rule = call.op.vjp
    if rule is None and call.regions:
        raise TapeError(
            f"{call.op.name} holds graphs and has no gradient; give the op one with "
            f"`linearization`, or stop the gradient before it with tf.stop_gradient"
        )
    if rule is None:
        return (None,) * len(entry.inputs)
    inputs = [ground.tensor(x) for x in entry.inputs]
    attrs = ground.attributes(call.attrs)
    found: Sequence[Any]
    if len(received) == 1:
        found = rule(received[0], ground.tensor(entry.outputs[0]), *inputs, **attrs)
        return found
    outs = [ground.tensor(out) for out in entry.outputs]
    filled = [zeros(out) if g is None else g for g, out in zip(received, outs, strict=True)]
    found = rule(tuple(filled), tuple(outs), *inputs, **attrs)
    return found


def plus(a: Any, b: Any) -> Any:
    """The sum of two cotangents."""
    return OPS["buffer_add"](a, b) if is_buffer(a) else a + b


def is_buffer(x: Any) -> bool:
    """Whether a tensor object stands for a buffer."""
    value = x.value
    return not isinstance(value, np.ndarray) and isinstance(value.type, BufferType)


def zeros(x: Any) -> Any:
    """Zeros of the shape and dtype of a tensor, which take nothing but its sizes."""
    if is_buffer(x):
        return OPS["buffer_like"](x)
    return OPS["splat"](OPS["cast"](0, dtype=x.dtype), shape=x.shape)


def fits(g: Any, x: Any) -> bool:
    """Whether a cotangent has the dtype and shape of an array that it belongs to."""
    value = getattr(g, "value", None)
    if value.__class__ is not np.ndarray or x.__class__ is not np.ndarray:
        return False
    return value.dtype is x.dtype and value.shape == x.shape


def match(g: Any, x: Any) -> Any:
    """A cotangent summed and cast to the shape and dtype of the input it belongs to."""
    if g.dtype != x.dtype:
        if dtypes.info(g.dtype).complex and dtypes.info(x.dtype).floating:
            g = OPS["real"](g)
        if g.dtype != x.dtype:
            g = OPS["cast"](g, dtype=x.dtype)
    shape, have = x.shape, g.shape
    lead = len(have) - len(shape)
    if lead == 0 and all(a is b for a, b in zip(have, shape, strict=True)):
        return g
    axes = [i for i, d in enumerate(shape) if not same(have[lead + i], d) and same(d, 1)]
    if lead or axes:
        folded = tuple(range(lead)) + tuple(lead + i for i in axes)
        g = OPS["sum"](g, axis=folded, keepdims=False)
        if axes:
            g = OPS["expand_dims"](g, axis=tuple(axes))
    if len(g.shape) != len(shape) or not all(map(same, g.shape, shape)):
        g = OPS["broadcast_to"](g, shape=shape)
    return g


def same(a: Any, b: Any) -> bool:
    """Whether two sizes are equal (symbolic sizes of a trace compare by their expressions); no, if
    only the run knows them."""
    if getattr(a, "is_late", False) or getattr(b, "is_late", False):
        return bool(getattr(a, "dim", a) == getattr(b, "dim", b))
    try:
        return bool(a == b)
    except StagingError:
        return False
