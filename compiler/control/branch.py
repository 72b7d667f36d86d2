"""``cond`` and ``switch`` in a trace: every branch is traced, the value that is there picks one.

The branches return the same structure of tensors with the same dtypes and ranks. A Variable that
one of them assigns has the merged value afterwards: the branch that does not assign it returns the
present one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import ArgumentError, TwofoldError
from twofold.ir.graph import Value
from twofold.ir.op import OPS
from twofold.ir.tree import LEAF, unflatten
from twofold.ir.types import TensorType
from twofold.runtime.carried import arranged, described, hooked, misfit, refusal

from ..plain import PlainPython
from ..trace import Traced, Tracer, place
from .part import Part, give, refused, unite

__all__ = ["joined", "stage_branches", "types_of"]


def stage_branches(
    op: str, selector: Value, branches: Sequence[tuple[str, Callable[[], Any]]], what: str
) -> Any:
    """Stage a node that runs one of the functions, by a value of the graph; its result.

    ``branches``: what errors call each, and the function. Raises ArgumentError, DTypeError and
    ShapeError where the branches do not return the same structure, dtypes and ranks.
    """
    outer, where = bind.ground(), place()
    assert isinstance(outer, Tracer)
    parts: list[Part] = []
    for name, function in branches:
        part = Part(Tracer(name, outer))
        like = next((p.structure for p in parts if p.structure is not None), LEAF)
        part.run(hooked(function), lambda result, like=like: arranged(result, like))  # type: ignore[misc]
        parts.append(part)
    fine = [i for i, part in enumerate(parts) if not part.failed]
    if not fine:
        raise PlainPython(words="a choice of which all branches raise")
    _begin([parts[i] for i in fine])
    names = [name for name, _ in branches]
    _check([names[i] for i in fine], [parts[i] for i in fine], what, outer)
    first = parts[fine[0]]
    kinds = types_of([parts[i] for i in fine], outer)
    for part in parts:
        if part.failed:
            part.fill(first.leaves, kinds)
    tensors = iter(joined(op, selector, parts, where))
    leaves = [outer.tensor(next(tensors)) if isinstance(x, Traced) else x for x in first.leaves]
    assert first.structure is not None
    return unflatten(first.structure, leaves)


def types_of(parts: Sequence[Part], outer: Tracer) -> list[TensorType]:
    """The types that the leaves of branches have in common."""
    return [_joined(outer, column) for column in zip(*[p.values() for p in parts], strict=True)]


def joined(op: str, selector: Value, parts: Sequence[Part], where: Any) -> list[Value]:
    """Append a node for branches that have been traced; what stands for the leaves of each.

    Variables, tensors and arrays that a branch writes to have the merged values afterwards.
    """
    outer = parts[0].tracer.outer
    assert outer is not None
    count = len(parts[0].values())
    variables = [v for p in parts for v, _ in p.tracer.given.values()]
    variables = list({id(v): v for v in variables}.values())
    written = {key: w for p in parts for key, w in p.written.items()}
    rows = []
    for part in parts:
        row = part.values() + [part.given(v) for v in variables]
        for key, w in written.items():
            own = part.written.get(key)
            row.append(own.value if own else part.tracer._import(outer.value(w.present)))
        rows.append(row)
    imports = unite(parts, [()] * len(parts))
    types = [_joined(outer, column) for column in zip(*rows, strict=True)]
    for part, row in zip(parts, rows, strict=True):
        part.graph.outputs = row
    regions = tuple(part.graph for part in parts)
    outs = list(bind.run(Call(OPS[op], (selector, *imports), {}, regions, types, where)))
    give(variables, outs[count : count + len(variables)], where)
    for w, value in zip(written.values(), outs[count + len(variables) :], strict=True):
        w.give(value)
    return outs[:count]


def _begin(parts: Sequence[Part]) -> None:
    """Give arrays without elements the type of those that they have in another branch."""
    for i, column in enumerate(zip(*[part.leaves for part in parts], strict=False)):
        like = next((x for x in column if isinstance(x, Traced)), None)
        for part, x in zip(parts, column, strict=True):
            if like is not None and hasattr(x, "begun"):
                token = bind.push(part.tracer)
                try:
                    part.leaves[i] = x.begun(like)
                finally:
                    bind.pop(token)


def _joined(outer: Tracer, values: Sequence[Value]) -> TensorType:
    """The type of an output of every branch: a size that is not the same in all is a new symbol."""
    sizes = outer.sizes
    types = [v.type for v in values]
    shape = []
    for first, *others in zip(*[t.shape for t in types], strict=True):
        same = all(sizes.agree(first, other) for other in others)
        shape.append(sizes.resolve(first) if same else sizes.fresh())
    return types[0].sized(shape)


def _check(names: Sequence[str], parts: Sequence[Part], what: str, outer: Tracer) -> None:
    """Raise where the branches do not return the same."""
    first = parts[0]
    assert first.structure is not None
    for name, part in zip(names[1:], parts[1:], strict=True):
        assert part.structure is not None
        if part.structure != first.structure:
            error: TwofoldError = ArgumentError(
                f"{what}: {names[0]} returns {described(first.structure)}, but {name} returns "
                f"{described(part.structure)}; branches return the same structure"
            )
            raise refused(outer, error)
        for i, (want, have) in enumerate(zip(first.leaves, part.leaves, strict=True)):
            reason = misfit(want, have)
            if not reason:
                continue
            number = "" if len(first.leaves) == 1 else f" as result {i}"
            error = refusal(want, have)(
                f"{what}: {name} returns {reason} as {names[0]} does{number}; branches return the "
                f"same dtypes and ranks: cast or reshape one of them"
            )
            raise refused(outer, error)
