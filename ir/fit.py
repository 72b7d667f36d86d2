"""Regions of calls that are made by hand: a graph with sizes of its own, called on values.

In a graph the regions of a node see its size symbols, so their inputs have the types of the node's.
A graph that was parsed from a text has symbols of its own, which the values that it is called on
decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .bind import type_of
from .dims import Dim, DimLike, substitute, symbol, symbols_of
from .errors import ArgumentError, DTypeError, ShapeError
from .graph import Graph
from .rebuild import resized
from .shapes import Sizes
from .types import RefType, TensorType
from .words import counted

__all__ = ["fit", "fitted", "sizes_for"]


def fitted(region: Any, inputs: Sequence[Any], sizes: Sizes) -> Any:
    """The region of a call for these inputs: a graph with symbols of its own is replaced by a copy
    with the sizes of the inputs. ``sizes`` says how sizes compare.

    Raises ShapeError, DTypeError and ArgumentError for inputs that the region does not take.
    """
    return _resized(region, [type_of(x) for x in inputs], sizes)


def sizes_for(
    graph: Graph, types: Sequence[TensorType], sizes: Sizes | None = None
) -> dict[str, DimLike]:
    """What the size symbols of a graph stand for when its inputs are of these types.

    Raises ArgumentError for another number of inputs, DTypeError and ShapeError for inputs of
    other types.

    >>> import numpy as np
    >>> from twofold.ir.parser import parse
    >>> double = parse("graph f(%x: f32[n,2*n]) { %y = add(%x, %x) return %y }")
    >>> sizes_for(double, [TensorType(np.dtype("float32"), (3, 6))])
    {'n': 3}
    """
    sizes = sizes or Sizes()
    if len(types) != len(graph.inputs):
        takes = counted(len(graph.inputs), "input")
        raise ArgumentError(f"graph {graph.name} takes {takes}, {len(types)} given")
    found: dict[str, DimLike] = {}
    for value, given in zip(graph.inputs, types, strict=True):
        wanted = value.type
        what = f"graph {graph.name}: %{value.name or '_'} is {wanted}, not {given}"
        if wanted.dtype != given.dtype or isinstance(wanted, RefType) != isinstance(given, RefType):
            raise DTypeError(what)
        if wanted.rank != given.rank:
            raise ShapeError(what)
        for dim, size in zip(wanted.shape, given.shape, strict=True):
            if isinstance(dim, Dim) and len(names := symbols_of(dim)) == 1:
                (name,) = names
                if dim == symbol(name):
                    found.setdefault(name, size)
    for value, given in zip(graph.inputs, types, strict=True):
        shape = [substitute(dim, found) for dim in value.type.shape]
        if not all(map(sizes.require_same, shape, given.shape)):
            with_sizes = ", ".join(f"{name} = {size}" for name, size in found.items())
            raise ShapeError(
                f"graph {graph.name}: %{value.name or '_'} is {value.type}, not {given}"
                + (f", with {with_sizes}" if with_sizes else "")
            )
    return found


def fit(
    op: Any, regions: Sequence[Any], types: Sequence[TensorType], attrs: Mapping[str, Any],
    sizes: Sizes,
) -> tuple[list[Any], Sequence[TensorType]]:  # fmt: skip
    """The regions of a call of a region op for inputs of these types, and the types of its outputs.

    The inputs of a region stand for the last inputs of the call; those of a loop are its state, a
    row of each array that it goes over, and the rest. Raises what ``fitted`` raises.
    """
    if op.region_types is None:
        made = [_resized(regions[0], types, sizes)]
        return made, made[0].types
    carried, sliced = attrs.get("carried", 0), attrs.get("sliced", 0)
    rows = [t.with_shape(t.shape[1:]) for t in types[carried : carried + sliced]]
    inner = [*types[:carried], *rows, *types[carried + sliced :]]
    made = [_resized(region, _last(inner, region), sizes) for region in regions]
    if carried and list(made[-1].types[:carried]) != inner[:carried]:  # a size may change
        own = _own_sizes(regions, inner, carried, sizes)
        made = [_resized(region, inner, sizes, carried, own) for region in regions]
    if "carried" not in attrs:
        return made, made[-1].types
    state = [v.type for v in made[-1].inputs[:carried]]
    stacked = [t.with_shape((attrs["length"], *t.shape)) for t in made[-1].types[carried:]]
    return made, [*state, *stacked]


def _last(types: Sequence[TensorType], region: Any) -> Sequence[TensorType]:
    """The types of what a region stands for."""
    count = len(region.inputs)
    return types[len(types) - count :] if count <= len(types) else types


def _own_sizes(
    regions: Sequence[Any], types: Sequence[TensorType], carried: int, sizes: Sizes
) -> dict[str, DimLike]:
    """New symbols for the sizes of a loop's state that nothing around it says, where there may be
    others of the same name."""
    fresh = getattr(sizes, "fresh", None)
    graphs = [region for region in regions if isinstance(region, Graph)]
    if fresh is None or not graphs:
        return {}
    given = frozenset[str]().union(*[v.type.symbols() for v in graphs[-1].inputs[carried:]])
    names = [v.type.symbols() for v in graphs[-1].inputs[:carried]]
    return {name: fresh() for name in sorted(frozenset[str]().union(*names) - given)}


def _resized(
    region: Any, types: Sequence[TensorType], sizes: Sizes, skip: int = 0,
    own: Mapping[str, DimLike] | None = None,
) -> Any:  # fmt: skip
    """A region for inputs of these types; those that are skipped keep sizes of their ``own``."""
    if not isinstance(region, Graph) or [v.type for v in region.inputs] == list(types):
        return region
    view = Graph(region.name, region.inputs[skip:])
    found = {**(own or {}), **sizes_for(view, types[skip:], sizes)}
    changed = any(symbol(name) != size for name, size in found.items())
    return resized(region, found) if changed else region
