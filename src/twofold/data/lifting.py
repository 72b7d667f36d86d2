"""A function of one element, traced, as a function of a block: the batching rules of ops.

Each value of the graph is the same for all elements, or has a first axis more, one row for each.
The function of a block is made of the graph, op by op, and compiled as any other. Ops without a
rule here are not guessed at: the function then runs element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.compiler.function import Function
from twofold.ir.errors import ConversionError
from twofold.ir.graph import Node as Operation
from twofold.ir.op import OPS
from twofold.ir.tree import unflatten
from twofold.runtime.tensor import Tensor, wrap

from .nest import Form, flatten
from .spec import leaf_of

__all__ = ["Lifted", "NotLifted", "lift"]


class NotLifted(Exception):
    """The function has no form for blocks."""


class _Rows(NamedTuple):
    """A value with a row for each element."""

    tensor: Any


def _elementwise(op: Any, node: Operation, inputs: list[Any]) -> Any:
    rank = len(node.outputs[0].type.shape)
    aligned = [_aligned(x, v, rank) for x, v in zip(inputs, node.inputs, strict=True)]
    return op(*aligned, **node.attrs)


def _aligned(value: Any, of: Any, rank: int) -> Any:
    """Axes of size 1 behind the first, so that the axes of an element stand under each other."""
    if not isinstance(value, _Rows):
        return value
    missing = rank - len(of.type.shape)
    if missing <= 0:
        return value.tensor
    return OPS["expand_dims"](value.tensor, axis=tuple(range(1, 1 + missing)))


def _axes(op: Any, node: Operation, inputs: list[Any]) -> Any:
    """``axis`` counts from the left in a graph: one further right with rows."""
    axis = node.attrs["axis"]
    moved = axis + 1 if isinstance(axis, int) else tuple(a + 1 for a in axis)
    return op(inputs[0].tensor, **{**node.attrs, "axis": moved})


def _transpose(op: Any, node: Operation, inputs: list[Any]) -> Any:
    return op(inputs[0].tensor, perm=(0, *[p + 1 for p in node.attrs["perm"]]))


def _reshape(op: Any, node: Operation, inputs: list[Any]) -> Any:
    shape = node.attrs["shape"]
    if not all(isinstance(n, int) for n in shape):
        raise NotLifted
    tensor = inputs[0].tensor
    return op(tensor, shape=(tensor.shape[0], *shape))


_RULES: dict[str, Callable[[Any, Operation, list[Any]], Any]] = {
    "expand_dims": _axes,
    "squeeze": _axes,
    "transpose": _transpose,
    "reshape": _reshape,
}


def _rule(op: Any) -> Callable[[Any, Operation, list[Any]], Any]:
    found = _RULES.get(op.name)
    if found is not None:
        return found
    if op.kind == "elementwise":
        return _elementwise
    if op.kind == "reduce" and op.arity == 1:
        return _axes
    raise NotLifted


def _run(graph: Any, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of a graph; inputs are ``_Rows``, or the same for all elements."""
    table = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        given = [table[v] for v in node.inputs]
        op = node.op
        if node.regions or op.effects or not op.pure:
            raise NotLifted
        if not any(isinstance(x, _Rows) for x in given):
            made = op(*given, **node.attrs)
            outputs = made if isinstance(made, tuple | list) else [made]
        else:
            if len(node.outputs) != 1:
                raise NotLifted
            outputs = [_Rows(_rule(op)(op, node, given))]
        table.update(zip(node.outputs, outputs, strict=True))
    return [table[v] for v in graph.outputs]


def _check(graph: Any, given: list[Any]) -> set[Any]:
    """The values of a graph that have a row for each element, where these inputs have. Raises
    NotLifted if a node has no rule."""
    rows = set(given)
    for node in graph.nodes:
        if node.regions or node.op.effects or not node.op.pure:
            raise NotLifted
        if any(v in rows for v in node.inputs):
            _rule(node.op)
            if len(node.outputs) != 1:
                raise NotLifted
            rows.update(node.outputs)
    return rows


class Lifted:
    """A trace as a function of columns; its first ``held`` arguments are the same for all rows."""

    def __init__(self, concrete: Any, held: int) -> None:
        self.concrete, self.held = concrete, held
        self.captures = [_constant(c) for c in concrete.captures]
        if concrete.outputs.effects or concrete.outputs.writes or concrete.trace.targets:
            raise NotLifted
        given = zip(concrete.graph.inputs, concrete.positions, strict=False)
        varying = _check(concrete.graph, [value for value, i in given if i >= held])
        self.kinds, self.form = _results(concrete)
        self.varies = [v in varying for v in concrete.graph.outputs]
        self.known: set[Any] = set()  # kinds of elements for which the trace holds
        self.function = Function(self._block, name="block")

    def _block(self, *given: Any) -> Any:
        places = zip(given, self.concrete.positions, strict=True)
        inputs = [x if i < self.held else _Rows(x) for x, i in places]
        outputs = _run(self.concrete.graph, [*inputs, *self.captures])
        return [x.tensor if isinstance(x, _Rows) else OPS["identity"](x) for x in outputs]

    def __call__(self, columns: list[Any], count: int, first: tuple[Tensor, ...]) -> list[Any]:
        """The columns of the results. ``first``: the arguments that are the same for all rows."""
        leaves = [*first, *map(wrap, columns)]
        outputs = self.function(*[leaves[i] for i in self.concrete.positions])
        made = []
        for kind, held in self.kinds:
            if kind == "leaf" and held >= self.held:
                made.append(columns[held - self.held])
            elif kind == "leaf":
                made.append(np.broadcast_to(first[held].array, (count, *first[held].shape)))
            elif kind == "object":
                made.append(np.broadcast_to(held, (count, *held.shape)))
            else:
                array = outputs[held].array
                if not self.varies[held]:
                    array = np.broadcast_to(array, (count, *array.shape))
                made.append(array)
        return made

    def fits(self, columns: list[Any], first: tuple[Tensor, ...]) -> bool:
        """Whether the trace holds for elements such as the rows of these columns."""
        key = (
            *[(x.dtype, x.shape) for x in first],
            *[(c.dtype, c.shape[1:]) for c in columns],
        )
        if key in self.known:
            return bool(self.concrete.watch.unchanged())
        leaves = [*first, *[wrap(c[0, ...]) for c in columns]]
        types = [v.type for v in self.concrete.graph.inputs]
        if any(
            x.dtype != t.dtype or x.ndim != len(t.shape)
            for x, t in zip((leaves[i] for i in self.concrete.positions), types, strict=False)
        ):
            return False
        fits = bool(self.concrete.fits(leaves))
        if fits:
            self.known.add(key)
        return fits


def _constant(captured: Any) -> Any:
    if type(captured) is not Tensor:
        raise NotLifted
    return captured


def _results(concrete: Any) -> tuple[list[tuple[str, Any]], Form]:
    """What stands behind each leaf of the result, and its form."""
    marks: list[Any] = []
    for kind, held in concrete.outputs.leaves:
        if kind == "object":
            try:
                held = leaf_of(held)
            except ConversionError:
                raise NotLifted from None
            if not isinstance(held, np.ndarray):
                raise NotLifted
        elif kind not in ("tensor", "leaf"):
            raise NotLifted
        marks.append(_Mark((kind, held)))
    found = unflatten(concrete.outputs.structure, marks)
    leaves, form = flatten(tuple(found) if isinstance(found, list) else found)
    if not all(isinstance(leaf, _Mark) for leaf in leaves):
        raise NotLifted
    return [leaf.held for leaf in leaves], form


class _Mark:
    def __init__(self, held: tuple[str, Any]) -> None:
        self.held = held


def lift(concrete: Any, held: int = 0) -> Lifted | None:
    """The function of a block for a trace, or None; ``held`` first arguments have no rows."""
    try:
        return Lifted(concrete, held)
    except NotLifted:
        return None
