"""Control flow: ops that run their regions by the values that they are given.

    %y: f32[n] = cond(%p, %x)                      %n: i32[], %s: f32[] = while(%i, %x) {carried=2}
      region then(%x: f32[n]) { ... }                region test(%i: i32[], %s: f32[]) { ... }
      region else(%x: f32[n]) { ... }                region body(%i: i32[], %s: f32[]) { ... }

What a region uses it receives as an input, and the inputs of a region stand for the last inputs of
its node. Loops carry state: the body makes the next from the last. Where the type of a state has a
symbol that no type around the loop has, that size may change from one trip to the next; each trip
binds it anew, and the output of the loop has a symbol of its own there.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

import numpy as np

from .. import errors
from ..dims import Dim, DimLike, symbol, symbols_of
from ..errors import ArgumentError, VerifyError
from ..infer import Attrs, Resolved, Types, expect_types
from ..op import op
from ..shapes import Sizes
from ..types import BufferType, RefType, TensorType
from ..words import counted

BOOL = TensorType(np.dtype(bool))


# ---- What regions must be


def _expect(node: Any, count: int | None) -> None:
    found = len(node.regions)
    if count is not None and found != count:
        raise VerifyError(f"{node.op.name} has {counted(count, 'region')}, not {found}")
    if not found:
        raise VerifyError(f"{node.op.name} has at least one region")


def _types(values: Sequence[Any]) -> list[TensorType]:
    return [v.type for v in values]


def _selector(node: Any, fits: Callable[[TensorType], bool], what: str) -> None:
    if not node.inputs or not fits(node.inputs[0].type):
        given = node.inputs[0].type if node.inputs else "nothing"
        raise VerifyError(f"the first input of {node.op.name} is {what}, not {given}")


def _branches(node: Any) -> list[TensorType]:
    """Every region takes the inputs behind the first and makes the outputs of the node, whose
    sizes are symbols of their own where those of the regions differ."""
    outs = _types(node.outputs)
    for region in node.regions:
        expect_types(
            _types(node.inputs[1:]), _types(region.inputs), f"the inputs of region {region.name}"
        )
        if len(region.types) != len(outs):
            expect_types(outs, region.types, f"the outputs of region {region.name}")
    for region in node.regions:
        what = f"the outputs of region {region.name}"
        for i, (want, have) in enumerate(zip(outs, region.types, strict=True)):
            if not _instance(want, have, _differing(node, i)):
                expect_types(outs, region.types, what)
    return outs


def _differing(node: Any, index: int) -> frozenset[DimLike]:
    """The sizes of an output that are symbols, since the regions do not agree."""
    out, made = node.outputs[index].type, [region.types[index] for region in node.regions]
    if any(t.rank != out.rank for t in made):
        return frozenset()
    columns = zip(out.shape, *[t.shape for t in made], strict=True)
    return frozenset(
        d for d, *found in columns if _is_symbol(d) and any(f != found[0] for f in found)
    )


def _is_symbol(dim: DimLike) -> bool:
    return isinstance(dim, Dim) and symbols_of(dim) == {str(dim)}


def _instance(want: TensorType, have: TensorType, free: Collection[DimLike]) -> bool:
    """Whether a type is another, with sizes in the place of free symbols."""
    return (
        want.sized(()) == have.sized(())
        and want.rank == have.rank
        and all(a in free or a == b for a, b in zip(want.shape, have.shape, strict=True))
    )


def _cond_types(node: Any) -> list[TensorType]:
    _expect(node, 2)
    _selector(node, lambda t: t == BOOL, "bool[]")
    return _branches(node)


def _switch_types(node: Any) -> list[TensorType]:
    _expect(node, None)
    _selector(node, lambda t: t == TensorType(np.dtype(np.int32)), "i32[]")
    return _branches(node)


def _carried(node: Any, limit: int) -> int:
    count = node.attrs.get("carried")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= limit:
        raise VerifyError(f"{node.op.name} has the attribute carried, from 0 to {limit}")
    return count


class _State:
    """Whether types fit the state of a loop, whose own symbols stand for any size."""

    def __init__(self, node: Any, types: Sequence[TensorType]) -> None:
        known = frozenset[str]().union(*[v.type.symbols() for v in node.inputs])
        self.types = types
        self.free = frozenset[str]().union(*[t.symbols() for t in types]) - known
        for t in types:
            if isinstance(t, RefType):
                raise VerifyError(f"the state of {node.op.name} holds no refs, but {t}")

    def open(self, dim: DimLike) -> bool:
        """Whether a size changes from trip to trip."""
        return isinstance(dim, Dim) and str(dim) in self.free

    def fit(self, types: Sequence[TensorType], what: str) -> None:
        """Raise VerifyError unless these types are instances of those of the state."""
        free = {symbol(name) for name in self.free}
        if len(types) == len(self.types) and all(
            _instance(a, b, free) for a, b in zip(self.types, types, strict=True)
        ):
            return
        shown = [f"({', '.join(map(str, t))})" for t in (self.types, types)]
        raise VerifyError(f"{what} should be {shown[0]}, as the state is, not {shown[1]}")


def _while_types(node: Any) -> list[TensorType]:
    _expect(node, 2)
    n = _carried(node, len(node.inputs))
    test, body = node.regions
    state = _State(node, _types(body.inputs)[:n])
    state.fit(_types(node.inputs)[:n], "what the loop starts with")
    for region in node.regions:
        want = [*state.types, *_types(node.inputs[n:])]
        expect_types(want, _types(region.inputs), f"the inputs of region {region.name}")
    expect_types([BOOL], test.types, f"the outputs of region {test.name}")
    state.fit(body.types, f"the outputs of region {body.name}")
    state.fit(_types(node.outputs), "the outputs of while")
    return _types(node.outputs)


def _row(t: TensorType, length: DimLike) -> TensorType:
    """The type of a row of what is scanned over."""
    if isinstance(t, BufferType) or not t.shape or t.shape[0] != length:
        raise VerifyError(f"what scan goes over has {length} rows, {t} has not")
    return t.with_shape(t.shape[1:])


def _scan_types(node: Any) -> list[TensorType]:
    _expect(node, 1)
    (body,) = node.regions
    n = _carried(node, len(node.inputs))
    sliced, length = node.attrs.get("sliced"), node.attrs.get("length")
    if not isinstance(sliced, int) or not 0 <= sliced <= len(node.inputs) - n:
        raise VerifyError(f"scan has the attribute sliced, from 0 to {len(node.inputs) - n}")
    given = _types(node.inputs)
    rows = [_row(t, length) for t in given[n : n + sliced]]
    state = _State(node, _types(body.inputs)[:n])
    state.fit(given[:n], "what the loop starts with")
    want = [*state.types, *rows, *given[n + sliced :]]
    expect_types(want, _types(body.inputs), f"the inputs of region {body.name}")
    state.fit(body.types[:n], f"the first outputs of region {body.name}")
    state.fit(_types(node.outputs)[:n], "the first outputs of scan")
    stacked = [t.with_shape((length, *t.shape)) for t in body.types[n:]]
    if any(isinstance(t, BufferType) for t in body.types[n:]):
        raise VerifyError("the rows that scan stacks are tensors; a buffer is carried as state")
    if any(state.open(d) for t in stacked for d in t.shape):
        raise VerifyError("the rows that scan stacks have sizes that change from trip to trip")
    return [*_types(node.outputs)[:n], *stacked]


# ---- The ops


@op(
    "region",
    promote="none",
    public=False,
    region_types=_cond_types,
    flow="branch",
)
def cond(pred: Any, *inputs: Any, regions: Any) -> Any:
    """The first region if ``pred`` holds, else the second; the other one does not run."""
    return regions[0 if pred else 1](*inputs)


@op(
    "region",
    promote="none",
    public=False,
    region_types=_switch_types,
    flow="branch",
)
def switch(index: Any, *inputs: Any, regions: Any) -> Any:
    """The region at ``index``; the last one for an index that has none."""
    i = int(index)
    return regions[i if 0 <= i < len(regions) else -1](*inputs)


@op(
    "region",
    name="while",
    promote="none",
    public=False,
    region_types=_while_types,
    flow="loop",
)
def while_(*inputs: Any, regions: Any, carried: int) -> Any:
    """As long as the first region holds, the second makes the next state of the last.

    ``carried``: so many inputs, the first, are the state; its last values are the outputs. Both
    regions take the state and then the other inputs, which stay the same.
    """
    test, body = regions
    state, given = inputs[:carried], inputs[carried:]
    while test(*state, *given)[0]:
        state = tuple(body(*state, *given))
    return state


@op(
    "region",
    promote="none",
    public=False,
    region_types=_scan_types,
    flow="loop",
)
def scan(
    *inputs: Any, regions: Any, carried: int, sliced: int, length: Any, reverse: bool = False
) -> Any:
    """A loop over the rows of arrays, first to last or in ``reverse``, that stacks what it makes.

    The inputs: ``carried`` values of state, ``sliced`` arrays with ``length`` rows, and what stays
    the same. The region takes the state, one row of each array, and the rest; it returns the next
    state and then the rows to stack. The outputs: the last state, and the stacks, whose rows stand
    where those that they were made from stood.
    """
    (body,) = regions
    state, arrays = inputs[:carried], inputs[carried : carried + sliced]
    given = inputs[carried + sliced :]
    stacks = [np.empty((length, *t.shape), t.dtype) for t in islice(body.types, carried, None)]
    for i in range(length - 1, -1, -1) if reverse else range(length):
        outs = body(*state, *[a[i, ...] for a in arrays], *given)
        state = tuple(outs[:carried])
        for stack, row in zip(stacks, islice(outs, carried, None), strict=True):
            stack[i] = row
    return (*state, *stacks)


# ---- Errors


def _fail_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    kind, args = attrs["kind"], attrs["args"]
    if exception_named(kind) is None:
        raise ArgumentError(f"fail: there is no exception {kind!r}")
    if not isinstance(args, tuple):
        raise ArgumentError(f"fail: args is a tuple, not {args!r}")
    return attrs, ()


@op("opaque", _fail_rule, promote="none", pure=False, may_raise=True, public=False)
def fail(*, kind: str, args: Any) -> Any:
    """Raise an exception, Python's or one of ours, by its name: that of a branch which is taken."""
    made = exception_named(kind)
    assert made is not None
    raise made(*args)


class Replay(Exception):
    """A way was taken that the graph does not have, since it raises: plain Python makes the call
    again. Nobody but the compiler sees it."""


def exception_named(kind: Any) -> type[Exception] | None:
    """The exception of a name: one that Python has, or one of ours that is made of a message."""
    if kind == Replay.__name__:
        return Replay
    found = getattr(builtins, kind, None) or getattr(errors, kind, None) if kind else None
    if not isinstance(found, type) or not issubclass(found, Exception):
        return None
    ours = issubclass(found, errors.TwofoldError)
    return None if ours and not errors.is_made_of_message(found) else found
