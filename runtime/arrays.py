"""A graph on arrays, node by node: how its nodes run where values are arrays.

It is how the eager executor runs a region that is a graph, what answers while kernels are being
compiled, and, by way of ``compiler/arrays``, the oracle of every compiled form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from twofold.ir.attrs import attrs_at, dims_of
from twofold.ir.bind import Call, type_of
from twofold.ir.dims import Dim, symbols_of
from twofold.ir.errors import TwofoldError
from twofold.ir.evaluate import Region, functions
from twofold.ir.fit import sizes_for
from twofold.ir.graph import Graph, Node
from twofold.ir.late import makes_sizes
from twofold.ir.op import Attrs
from twofold.ir.shapes import Sizes
from twofold.ir.tracebacks import place
from twofold.ir.types import TensorType

from .convert import as_value
from .quiet import quiet

__all__ = ["ArrayOps", "HandMade", "distinct", "held", "run_regions", "sizes_of"]


def sizes_of(graph: Graph, arrays: Sequence[Any]) -> dict[str, int]:
    """The value of each size symbol, read off the input arrays."""
    env: dict[str, int] = {}
    for value, array in zip(graph.inputs, arrays, strict=True):
        for dim, size in zip(value.type.shape, array.shape, strict=True):
            if isinstance(dim, Dim):
                env.setdefault(str(dim), size)
    return env


class ArrayOps:
    """How a node runs on arrays: by the NumPy body of its op, for sizes that are known.

    Sizes that nodes make are found when they have run: an object runs one call at a time then
    (``late``), and a loop binds them anew on each trip.
    """

    def __init__(self, env: Mapping[str, int]) -> None:
        self.env = dict(env)
        self._attrs: dict[Node, Attrs] = {}  # with sizes as numbers, once a node has run
        self._known = frozenset(env)
        self._late: dict[Graph, bool] = {}

    def at(self, env: Mapping[str, int]) -> ArrayOps:
        """The same for other sizes."""
        return ArrayOps(env)

    def enter(self, region: Graph, inputs: Sequence[Any]) -> ArrayOps:
        """What runs the nodes of a region, whose inputs may have sizes of their own."""
        own = {name: n for name, n in sizes_of(region, inputs).items() if name not in self.env}
        late = self._late.get(region)
        if late is None:
            late = self._late[region] = makes_sizes(region, self.env)
        if not own and not late:
            return self
        inner = self.at({**self.env, **own})
        inner._late = self._late
        return inner

    def types(self, region: Graph) -> list[TensorType]:
        """The types of the outputs of a region, as far as its sizes are known outside."""
        return [t.substitute(dict(self.env)) for t in region.types]

    def __call__(self, node: Node, inputs: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        attrs = self._attrs.get(node)
        if attrs is None:
            attrs = self._attributes(node)
        if regions:
            outs: Sequence[Any] = node.op.body(*inputs, regions=regions, **attrs)
            self._bind(node, outs)
            return outs
        try:
            out = quiet.run(node.op.body, *inputs, **attrs)
        except Exception as error:
            if isinstance(error, TwofoldError):
                error.location = node.loc or error.location
            place(error, node.loc)
            raise
        outs = out if out.__class__ is tuple else (out,)
        outs = [as_value(o) for o in outs]
        if node.op.data_dependent:
            self._bind(node, outs)
        return outs

    def _attributes(self, node: Node) -> Attrs:
        """The attributes of a node with sizes as numbers; they are kept unless one is late."""
        made = {name for v in node.outputs for name in v.type.symbols()} - self._known
        if node.op.data_dependent and made:  # they are there for the types alone
            return attrs_at(node.attrs, {**dict.fromkeys(made, 0), **self.env})
        attrs = attrs_at(node.attrs, self.env)
        symbols = [name for a in node.attrs.values() for d in dims_of(a) for name in symbols_of(d)]
        if self._known.issuperset(symbols):
            self._attrs[node] = attrs
        return attrs

    def _bind(self, node: Node, outs: Sequence[Any]) -> None:
        """Note the sizes that a node has made."""
        for value, out in zip(node.outputs, outs, strict=True):
            if not value.type.symbols() <= self._known:
                for dim, size in zip(value.type.shape, out.shape, strict=True):
                    if isinstance(dim, Dim) and (name := str(dim)) not in self._known:
                        self.env[name] = size


class HandMade(ArrayOps):
    """The same for the regions of a call that is made by hand, whose values may not fit them."""

    def __init__(self) -> None:
        super().__init__({})

    def enter(self, region: Graph, inputs: Sequence[Any]) -> ArrayOps:
        """Raises ShapeError, DTypeError and ArgumentError for inputs that do not fit."""
        sizes = sizes_for(region, [type_of(x) for x in inputs])
        return ArrayOps(cast("dict[str, int]", sizes))


def held(inputs: Sequence[Any]) -> list[Any]:
    """The inputs of a call as values: of a Variable what it holds now."""
    return [x if x.__class__ is np.ndarray else getattr(x, "array", x) for x in inputs]


def run_regions(call: Call) -> tuple[Any, ...]:
    """Run a call that holds graphs; every output is a value of its own."""
    op, inputs, attrs = call.op, call.inputs, call.attrs
    if "length" in attrs:  # the arrays that are stacked have sizes
        call = Call(op, inputs, attrs, call.fitted(Sizes())[0])
    before = held(inputs)
    made = op.body(*inputs, regions=functions(call, HandMade()), **attrs)
    return tuple(distinct([as_value(o) for o in made], before, inputs))


def distinct(outs: Sequence[Any], before: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """Arrays as values: none is the object of another, of an input, or of what a Variable holds or
    has held ``before`` the call."""
    taken = {id(x) for x in (*before, *held(inputs))}
    found = []
    for out in outs:
        out = out.view() if id(out) in taken else out
        taken.add(id(out))
        found.append(out)
    return found
