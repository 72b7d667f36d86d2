"""Functions of the user's on elements: compiled where they can be, else plain Python."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.compiler.config import functions_run_eagerly
from twofold.compiler.function import Function
from twofold.compiler.observe import is_watched
from twofold.compiler.plain import PlainPython, first_line
from twofold.compiler.spec import TensorSpec
from twofold.ir.dims import evaluate, symbols_of
from twofold.ir.errors import ArgumentError, ConversionError, ReturnTypeError, StagingError
from twofold.runtime.tensor import Tensor

from . import spec as specs
from .block import Block
from .lifting import lift
from .naming import kept_globals, named_now
from .nest import Form, flatten, map_leaves, pack
from .remade import Memo, making, taken_apart
from .spec import leaf_of, public
from .strings import STRING

__all__ = ["UserFunction"]


class Traced:
    """What is known of a function once a call of it was traced.

    ``how`` says how it runs: "compiled", or why it is plain Python.
    """

    def __init__(self, function: Callable[..., Any], plain: bool) -> None:
        self.compiled = function if isinstance(function, Function) else Function(function)
        self.how: str | None = "it makes datasets" if plain else None
        self.lifted: Any = None
        self.quicker_plain = False
        self.deciding = threading.RLock()
        self.memo = Memo()  # of the functions that it makes


class UserFunction:
    """A function that a transformation was given.

    Those that another function makes anew for each of its calls share their traces; the tensors
    that they hold are arguments then.
    """

    def __init__(self, function: Callable[..., Any], what: str, plain: bool = False) -> None:
        if not callable(function):
            raise ArgumentError(f"{what} takes a function, not {type(function).__name__}")
        self.given, self.what, self.plain = function, what, plain
        own = function if isinstance(function, Function) else named_now(function)
        self.python = own.python_function if isinstance(own, Function) else own
        self.held: tuple[Tensor, ...] = ()
        memo = making.get()
        if memo is None:
            self.traced = Traced(own, plain)
            return
        parts = taken_apart(own)
        self.held = parts.tensors
        self.traced = memo.get(
            (what, taken_apart(function).key, kept_globals(own, function)),
            lambda: Traced(parts.function() if self.held else own, plain),
        )

    def __reduce__(self) -> Any:
        return UserFunction, (self.given, self.what, self.plain)

    def __str__(self) -> str:
        return str(getattr(self.python, "__qualname__", type(self.python).__name__))

    def __call__(self, leaves: list[Any], form: Form) -> Any:
        """What the function returns for an element."""
        args, traced = arguments(leaves, form), self.traced
        if traced.how is None:
            self._decide(args)
        if traced.how == "compiled" and not traced.quicker_plain:
            return traced.compiled(self.held, *args) if self.held else traced.compiled(*args)
        token = making.set(traced.memo)
        try:
            return self.python(*args)
        finally:
            making.reset(token)

    def row(self, leaves: list[Any], form: Form) -> tuple[list[Any], Form]:
        """What the function returns for an element, as leaves. Raises ConversionError."""
        found = self(leaves, form)
        if found.__class__ is list:
            found = tuple(found)
        out, of = flatten(found)
        self.require_tensor(found, out)
        try:
            return [leaf_of(x) for x in out], of
        except ConversionError as error:
            raise ReturnTypeError(
                f"{self.what}: {self} returned {_kinds(out)}; return tensors, arrays, numbers, "
                f"texts, None, datasets and tuples and dicts of them ({error.message})"
            ) from None

    def require_tensor(self, found: Any, leaves: list[Any], none: Any = None) -> None:
        """Raise ReturnTypeError if a result, or its spec, is made of None alone: what forgot to
        return something."""
        if all(leaf == none if none is not None else leaf is None for leaf in leaves):
            raise ReturnTypeError(f"{self.what}: {self} returned {found!r}, which has no tensor")

    def block(self, block: Block) -> Block | None:
        """What the function returns for all elements of a block, or None where they have to be
        taken one by one."""
        traced = self.traced
        if traced.how not in (None, "compiled"):
            return None
        if not all(isinstance(c, np.ndarray) and c.dtype != STRING for c in block.columns):
            return None
        if functions_run_eagerly() or is_watched():
            return None
        if traced.how is None:
            self._decide(arguments(block.row(0), block.form))
        lifted = traced.lifted
        if not lifted or not lifted.fits(block.columns, self.held):
            return None
        try:
            columns = lifted(block.columns, block.count, self.held)
        except Exception:  # noqa: BLE001  (raised by the element that it belongs to)
            return None
        return Block(block.count, columns, lifted.form)

    @property
    def pure(self) -> bool:
        """Whether it runs on blocks, so that nobody can tell when."""
        return bool(self.traced.lifted)

    def _decide(self, args: Any) -> Any:
        """Trace for these arguments, or find out why that is not possible."""
        traced = self.traced
        with traced.deciding:
            if traced.how not in (None, "compiled"):
                return None
            if not all(isinstance(x, Tensor | TensorSpec) for x in flatten(args)[0]):
                traced.how = "it takes what is no tensor of numbers"
                return None
            given = (self.held, *args) if self.held else args
            try:
                concrete = traced.compiled.get_concrete_function(*given)
            except (StagingError, ReturnTypeError) as error:
                traced.how = first_line(error)
            except PlainPython as error:
                traced.how = error.why
            except Exception as error:  # noqa: BLE001  (plain Python raises it where it belongs)
                traced.how = first_line(error)
            else:
                traced.how = "compiled"
                if traced.lifted is None:
                    traced.lifted = lift(concrete, len(self.held)) or False
                    traced.quicker_plain = not traced.lifted and _is_small(concrete, args)
                return concrete
            return None

    def spec(self, element_spec: Any) -> Any:
        """The spec of what the function returns for elements of a spec; None if it is plain
        Python, so that only a call can tell."""
        leaves, form = flatten(element_spec)
        if not all(type(s) is TensorSpec and s.shape is not None for s in leaves):
            return None
        args = element_spec if type(element_spec) is tuple else (element_spec,)
        concrete = self._decide(args)
        if concrete is None:
            return None
        known: dict[str, int] = {}
        first = [s.example(known) for s in leaves]
        other = [_other(s, x) for s, x in zip(leaves, first, strict=True)]
        try:
            return _result_spec(concrete, [*self.held, *first], [*self.held, *other])
        except ConversionError:
            return None


def _is_small(concrete: Any, args: Any) -> bool:
    """Whether eager operations on an element take less than a compiled call: a few microseconds."""
    nodes = concrete.graph.nodes
    size = sum(math.prod(n or 1 for n in x.shape) for x in flatten(args)[0])
    return len(nodes) <= 8 and not any(n.regions for n in nodes) and size <= 4096


def arguments(leaves: list[Any], form: Form) -> Any:
    """The arguments of a function for an element: a tuple gives several."""
    element = pack(form, [public(leaf) for leaf in leaves])
    return element if form.kind is tuple else (element,)


def _other(spec: TensorSpec, example: Any) -> Any:
    """Another example of a spec, which differs in each open size."""
    sizes = zip(spec.shape or (), example.shape, strict=True)
    shape = [n + 1 if s is None else n for s, n in sizes]
    return specs.public(np.broadcast_to(np.zeros((), spec.dtype), shape))


def _size(dim: Any, env: dict[str, int]) -> int | None:
    """A size, None where only a call finds it."""
    return evaluate(dim, env) if isinstance(dim, int) or symbols_of(dim) <= env.keys() else None


def _result_spec(concrete: Any, first: list[Any], other: list[Any]) -> Any:
    """The spec of a trace's result: sizes that are the same for both examples are known."""
    environments = [concrete.environment(first), concrete.environment(other)]
    types = [value.type for value in concrete.graph.outputs]

    def of_value(kind: Any) -> Any:
        shapes = [tuple(_size(d, env) for d in kind.shape) for env in environments]
        sizes = [a if a == b else None for a, b in zip(*shapes, strict=True)]
        return specs.make(kind.dtype, sizes)

    leaves = []
    for kind, held in concrete.outputs.leaves:
        if kind == "tensor":
            leaves.append(of_value(types[held]))
        elif kind == "leaf":
            leaves.append(of_value(concrete.graph.inputs[held].type))
        elif kind == "object":
            leaves.append(specs.spec_of(leaf_of(held)))
        elif kind in ("bool", "int", "float"):
            leaves.append(specs.make({"int": "int32", "float": "float32"}.get(kind, kind), ()))
        elif kind == "size":
            leaves.append(specs.make("int32", ()))
        else:
            raise ConversionError(f"a result of kind {kind}")
    from twofold.ir.tree import unflatten  # noqa: PLC0415

    found = unflatten(concrete.outputs.structure, leaves)
    if concrete.outputs.effects:
        found = found[0]
    return map_leaves(_spec, tuple(found) if isinstance(found, list) else found)


def _spec(leaf: Any) -> Any:
    """A leaf as a spec; a list of specs is a tensor that is stacked of them."""
    if not isinstance(leaf, list):
        return leaf
    inner = [_spec(part) for part in leaf]
    if not inner or any(part != inner[0] for part in inner):
        raise ConversionError("a list of unlike results")
    return specs.batched(inner[0], len(inner))


def _kinds(leaves: list[Any]) -> str:
    return ", ".join(type(x).__name__ for x in leaves)
