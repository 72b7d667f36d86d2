"""How graph outputs and Python values make up what a compiled function returns."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import Any

import numpy as np

from twofold.ir.dims import evaluate
from twofold.ir.errors import ReturnTypeError, StagingError
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import LEAF, flatten, unflatten
from twofold.runtime.carried import ArrayKind
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from . import observe
from .capture.numbers import TracedNumber
from .capture.shapes import Opaque
from .capture.text import Text, written
from .guards import Watch
from .ndarrays.base import TracedScalar, is_traced
from .ndarrays.returned import Returned, Roots
from .ndarrays.selection import Selection
from .set_order import made_alike
from .signature import carried_by
from .symint import SymInt
from .symnumber import SymNumber
from .trace import TRACED_TEXT, Traced, Tracer

__all__ = ["Outputs"]

_CONSTANT = (
    type(None), bool, int, float, complex, str, bytes, range, Enum, types.EllipsisType, np.dtype,
    np.generic,
)  # fmt: skip


_BUILT = (set, frozenset, deque)


def _outside(leaves: Sequence[Any]) -> list[Any]:
    """What is returned for each leaf: a TensorArray has the rows of a tensor outside of a trace."""
    found = list(leaves)
    for i, kind in enumerate(leaves):
        if isinstance(kind, ArrayKind):
            from .control.flows import outside  # noqa: PLC0415

            found[i : i + 2] = outside(kind, leaves[i + 1])
    return found


class Outputs:
    """How graph outputs and Python values make up what the function returns."""

    def __init__(
        self, result: Any, tracer: Tracer, leaves: list[Any], written: dict[int, Traced],
        seen: Watch, containers: list[Any], outside: Iterable[int], known: Callable[[Any], Any],
        made_here: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        """``outside``: containers that were not made by the call; ``known`` says how a call finds
        any other object, ``made_here`` one that it may have made; see ``Journal``."""
        self.segment: Any = None  # of a trace that ends in the middle: what it gives
        self.finish: Callable[[Any, Any], Any] | None = None  # what goes on, with the leaves
        self._given = {id(x): i for i, x in enumerate(leaves) if isinstance(x, Traced)}
        self._returned: dict[int, Returned] = {}  # the arrays of NumPy among the leaves
        self._fixed: dict[int, tuple[Any, Any]] = {}  # arrays, sets that are no part of the trace
        self.effects = [effect.function for effect in tracer.effects]
        if self.effects:
            result = result, [(e.when, e.args, e.kwargs) for e in tracer.effects]
        given = {id(c): i for i, c in enumerate(containers)}  # the argument's containers
        owners = {id(e.args[0]): e.args[0] for e in tracer.effects if e.writes}
        self._known: Callable[[Any], Any] = lambda x: known(x) if id(x) in owners else made_here(x)
        stop = {**dict.fromkeys(outside), **given}
        found, self.structure = flatten(result, stop, with_keys=True)
        returned = _outside(found)
        values: list[Any] = []
        self.leaves: list[tuple[str, Any]] = []
        places: dict[int, int] = {}  # a tensor returned twice is one object, as without tracing
        for leaf in returned:
            self.leaves.append(
                ("argument", given[id(leaf)]) if id(leaf) in given
                else self._leaf(leaf, values, tracer, places, seen)
            )  # fmt: skip
        self.arguments = any(kind == "argument" for kind, _ in self.leaves)  # some are returned
        self.count = len(values)
        self.numbers = any(_has_number(*leaf) for leaf in self.leaves)  # some are returned
        self.writes: list[tuple[int, int]] = []  # argument written to, output with its new value
        for position, traced in written.items():
            self.writes.append((position, len(values)))
            values.append(traced.value)
        self._owners: list[tuple[str, Any]] = [
            ("argument", given[key]) if key in given else known(x) for key, x in owners.items()
        ]
        del self._known
        self.graph = tracer.finish(values)
        solution = tracer.sizes
        self.leaves = [_settled(solution, kind, x) for kind, x in self.leaves]

    def _leaf(
        self, leaf: Any, values: list[Any], tracer: Tracer, places: dict[int, int], seen: Watch
    ) -> tuple[str, Any]:
        if type(leaf) is Selection:
            leaf = leaf.array()
        if is_traced(leaf):
            return self._of_numpy(leaf, values, tracer, places)
        if isinstance(leaf, Traced):
            if id(leaf) in self._given:
                return "leaf", self._given[id(leaf)]
            if id(leaf) not in places:
                places[id(leaf)] = len(values)
                values.append(tracer.value(leaf))
            return "tensor", places[id(leaf)]
        if type(leaf) is Text:
            return "text", [
                p if isinstance(p, str) else self._piece(p, values, tracer, places, seen)
                for p in leaf.pieces
            ]
        if isinstance(leaf, SymInt):
            return "size", leaf.dim
        if type(leaf) is Opaque:
            return "carried", leaf.at
        if type(leaf) is TracedNumber:
            values.append(tracer.value(leaf.held))
            return leaf.kind.__name__, len(values) - 1
        if isinstance(leaf, SymNumber):
            return "number", leaf.slot
        if isinstance(leaf, np.ndarray) and not seen.holds(leaf):
            if id(leaf) not in self._fixed:  # made by the function: each call returns its own
                self._fixed[id(leaf)] = leaf, _twin(leaf)
            return "array", self._fixed[id(leaf)][1]
        if isinstance(leaf, str) and TRACED_TEXT in leaf:
            raise StagingError(
                f"{tracer.graph.name} returns a text made of the value of a tensor, which exists "
                f"only when the function runs; return the tensor and make the text outside",
                tracer.returns,
            )
        if isinstance(leaf, (Tensor, Variable, np.ndarray, ArrayKind, *_CONSTANT)):
            return "object", leaf
        if type(leaf) in _BUILT and self._known(leaf) is None:
            return "built", self._built_of(leaf, values, tracer, places, seen)
        found = self._known(leaf)
        if found is not None:
            return found  # type: ignore[no-any-return]
        raise ReturnTypeError(
            f"{tracer.graph.name} returned {type(leaf).__name__}, which a compiled function cannot "
            f"return; return tensors, numbers, strings, None and containers of them",
            tracer.returns,
        )

    def _built_of(
        self, leaf: Any, values: list[Any], tracer: Tracer, places: dict[int, int], seen: Watch
    ) -> Any:
        """A set or a deque: the leaves of what it holds, their structure, and what makes it; one
        object for all places where it is."""
        if id(leaf) not in self._fixed:
            items, make = (
                (list(leaf), partial(deque, maxlen=leaf.maxlen)) if type(leaf) is deque
                else made_alike(leaf)
            )  # fmt: skip
            leaves, structure = flatten(items, with_keys=True)
            parts = [self._leaf(x, values, tracer, places, seen) for x in leaves]
            self._fixed[id(leaf)] = leaf, (parts, structure, make)
        return self._fixed[id(leaf)][1]

    def _piece(
        self, piece: Any, values: list[Any], tracer: Tracer, places: dict[int, int], seen: Watch
    ) -> Any:
        """A piece of a text: the leaves of its value, their structure, how it is written."""
        leaves, structure = flatten(piece.value, with_keys=True)
        return [self._leaf(x, values, tracer, places, seen) for x in leaves], structure, piece

    def _of_numpy(
        self, leaf: Any, values: list[Any], tracer: Tracer, places: dict[int, int]
    ) -> tuple[str, Any]:
        """A NumPy scalar, an argument, a view of one, or an array that the function made."""
        if type(leaf) is TracedScalar:
            values.append(tracer.value(leaf))
            return "scalar", len(values) - 1
        if leaf.cell.source.__class__ is int and not leaf.chain:
            return "leaf", leaf.cell.source
        found = self._returned.get(id(leaf))
        if found is None:
            output = None
            if leaf.cell.source is None:
                if id(leaf.cell) not in places:
                    places[id(leaf.cell)] = len(values)
                    values.append(tracer.value(leaf.cell.tensor))
                output = places[id(leaf.cell)]
            found = self._returned[id(leaf)] = Returned(leaf, output)
        return "ndarray", found

    def builder(self, env: dict[str, int], owned: frozenset[int] = frozenset()) -> Any:
        """A function from output arrays and argument leaves to the returned value, for a trace
        without numbers. ``owned``: outputs whose memory is nobody else's."""
        if self.structure is LEAF:
            return self._single(env, owned)
        if (
            not self.writes
            and not self.effects
            and self.finish is None
            and self.structure.kind in TUPLES
            and all(
                k == "tensor" and not c.kind
                for (k, _), c in zip(self.leaves, self.structure.children, strict=False)
            )
            and len(self.leaves) == len(self.structure.children) == self.count
        ):
            return lambda arrays, leaves: tuple([wrap(a) for a in arrays])
        return self._any(env, owned)

    def _any(self, env: dict[str, int], owned: frozenset[int]) -> Any:
        return lambda arrays, leaves: self.build(
            [wrap(a) for a in arrays], leaves, env, owned=owned
        )

    def _single(self, env: dict[str, int], owned: frozenset[int]) -> Any:
        """``builder`` for a function that returns one thing, or None."""
        ((kind, x),) = self.leaves
        if kind == "tensor":
            return lambda arrays, leaves: wrap(arrays[0])
        if kind == "leaf":
            return lambda arrays, leaves: leaves[x]
        if kind == "object":
            return lambda arrays, leaves: x
        other = self._any(env, owned)
        if kind != "ndarray" or not x.is_output or x.output not in owned:
            return other

        def own(arrays: list[Any], leaves: Any) -> Any:
            flags = arrays[x.output].flags
            plain = flags.c_contiguous and flags.writeable
            return arrays[x.output] if plain else other(arrays, leaves)

        return own

    def build(
        self, tensors: list[Any], leaves: Any, env: dict[str, int], numbers: Sequence[Any] = (),
        owned: frozenset[int] = frozenset(),
    ) -> Any:  # fmt: skip
        """The returned value for these output tensors, argument leaves, sizes, and numbers by
        slot."""
        containers = getattr(leaves, "containers", ())
        roots = Roots(tensors, leaves, env, owned) if self._returned else None
        made: dict[int, Any] = {}  # one object for what is returned twice

        def value(kind: str, x: Any) -> Any:
            if kind == "tensor":
                return tensors[x]
            if kind == "leaf":
                return leaves[x]
            if kind in ("int", "float", "bool"):
                return tensors[x].array.item()
            if kind == "scalar":
                return tensors[x].array[()]
            if kind in ("ndarray", "array"):
                if id(x) not in made:
                    made[id(x)] = x.make(roots) if kind == "ndarray" else _twin(x)
                return made[id(x)]
            if kind == "number":
                return numbers[x]
            if kind == "built":
                if id(x) not in made:
                    parts, structure, make = x
                    made[id(x)] = make(unflatten(structure, [value(*part) for part in parts]))
                return made[id(x)]
            if kind == "argument":
                return containers[x]
            if kind == "weak":
                return _alive(x())
            if kind == "carried":
                return carried_by(leaves).values[x]
            if kind == "text":
                return "".join([p if p.__class__ is str else piece(*p) for p in x])
            return evaluate(x, env) if kind == "size" else x

        def piece(parts: list[Any], structure: Any, how: Any) -> str:
            return written(how, unflatten(structure, [value(*part) for part in parts]))

        out = [value(*leaf) for leaf in self.leaves]
        if roots is not None:
            roots.finish()
        whole = unflatten(self.structure, out)
        if self.effects:
            whole = self._performed(whole)
        return whole if self.finish is None else self.finish(whole, leaves)

    def owners(self, leaves: Any) -> list[Any]:
        """The objects from outside that a call writes into."""
        containers = getattr(leaves, "containers", ())
        return [
            containers[x] if kind == "argument" else leaves[x] if kind == "leaf"
            else x() if kind == "weak" else x
            for kind, x in self._owners
        ]  # fmt: skip

    def _performed(self, pair: Any) -> Any:
        """The result, after what the function does besides has been done."""
        result, arguments = pair
        if not observe.performing:
            return result
        for function, (when, args, kwargs) in zip(self.effects, arguments, strict=True):
            if when:
                function(*args, **kwargs)
        return result


def _alive(found: Any) -> Any:
    if found is None:
        raise StagingError(
            "an object that the function returns is gone: it is not among its arguments, and "
            "nobody else has kept it since the function was traced; keep it"
        )
    return found


def _has_number(kind: str, x: Any) -> bool:
    if kind == "built":
        return any(_has_number(*leaf) for leaf in x[0])
    if kind != "text":
        return kind == "number"
    return any(_has_number(*leaf) for p in x if not isinstance(p, str) for leaf in p[0])


def _settled(sizes: Any, kind: str, x: Any) -> tuple[str, Any]:
    """A leaf with its size resolved."""
    if kind == "built":
        x[0][:] = [_settled(sizes, *leaf) for leaf in x[0]]
    if kind == "text":
        return kind, [
            p if isinstance(p, str) else ([_settled(sizes, *leaf) for leaf in p[0]], *p[1:])
            for p in x
        ]
    return kind, sizes.resolve(x) if kind == "size" else x


def _twin(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy in the same order, as writeable as the array."""
    made = array.copy(order="K")
    made.flags.writeable = array.flags.writeable
    return made
