"""Nodes that call a function on every element: ``map``, ``filter``, ``take_while``, ``scan``."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

import numpy as np

from twofold.compiler.spec import TensorSpec
from twofold.ir.errors import ArgumentError, ConversionError, TwofoldError
from twofold.runtime.declared import Declared, shapes_declared

from . import spec as specs
from .block import Block, of_rows
from .functions import UserFunction
from .nest import LEAF, Form, flatten, pack
from .node import UNKNOWN, Node, Opening, Reader, Run, noted

__all__ = ["Filter", "Map", "TakeWhile", "first_spec", "spec_without_running", "truth_of"]

Row = tuple[list[Any], Form]
_quietly: ContextVar[bool] = ContextVar("quietly", default=False)  # no function may be called
TRUTH, NONE = TensorSpec((), "bool"), specs.NoneSpec()


class Map(Node):
    """What a function returns for each element."""

    name = "map"

    @property
    def quiet(self) -> bool:  # type: ignore[override]
        """Where it runs on blocks."""
        return self.function.pure

    def __init__(self, source: Node, function: UserFunction) -> None:
        super().__init__(source)
        self.function = function

    @functools.cached_property
    def spec(self) -> Any:
        """Of the trace; where the function is plain Python, of what it returns at first."""
        found = self.function.spec(self.inputs[0].spec)
        if found is None:
            return first_spec(self)
        self.function.require_tensor(found, flatten(found)[0], NONE)
        return found

    def arguments(self) -> str:
        return str(self.function)

    def run(self, opening: Opening) -> Run:
        return _Calling(self, self.inputs[0].open(opening))


class _Untold(Exception):
    """Only a call of a function could tell a spec."""


def spec_without_running(node: Node) -> Any:
    """The spec of a node's elements, or None where only a call of a function could tell it."""
    if any(part.told for part in node.walk()):
        return None
    token = _quietly.set(True)
    try:
        return node.spec
    except (_Untold, TwofoldError):  # an iteration raises the errors
        return None
    finally:
        _quietly.reset(token)


def first_spec(node: Node) -> Any:
    """The spec of the first element, which is made for it. Its sizes are those of that element
    alone, unless the function said them (``set_shape``, ``ensure_shape``): all others are open."""
    if _quietly.get():
        raise _Untold
    with shapes_declared() as declared:
        block = node.open(Opening.empty()).take(1)
    if block is None:
        raise ArgumentError(
            f"the element_spec of {node} is known by its first element only, and there is none"
        )
    node.told = True
    return pack(block.form, [_open(leaf, declared) for leaf in block.row(0)])


def _open(leaf: Any, declared: Declared) -> Any:
    """The spec of a leaf, with the sizes that are declared."""
    found = specs.spec_of(leaf)
    if not isinstance(found, TensorSpec):
        return found
    shapes = [shape for array, shape in declared if array is leaf]
    return specs.make(found.dtype, shapes[-1] if shapes else (None,) * leaf.ndim)


class _Calling(Run):
    """Calls a function on elements one by one."""

    def __init__(self, node: Map, source: Run) -> None:
        self.node, self.reader, self.number = node, Reader(source), -1
        self.error: Exception | None = None

    def take(self, count: int) -> Block | None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        block = self.reader.read(count)
        if block is None:
            return None
        made = self.node.function.block(block)
        if made is not None:
            self.number += block.count
            return made
        rows: list[list[Any]] = []
        form: Form | None = None
        for i in range(block.count):
            self.number += 1
            try:
                row, of = self.node.function.row(block.row(i), block.form)
            except Exception as error:
                self.reader.put_back(block.cut(i + 1, block.count))
                noted(error, self.node, self.number)
                if not rows:
                    raise
                self.error = error
                break
            if form is not None and of != form:
                raise noted(_mixed(form, of), self.node, self.number)
            form = of
            rows.append(row)
        assert form is not None
        return of_rows(rows, form)

    def skip(self, count: int) -> int:
        gone = self.reader.skip(count)
        self.number += gone
        return gone

    def close(self) -> None:
        self.reader.close()


def _mixed(first: Form, other: Form) -> Exception:
    def shown(form: Form) -> Any:
        return pack(form, ["*"] * 99) if form.kind is None else form

    return ConversionError(
        f"the function returned elements of two structures: {shown(first)} and {shown(other)}"
    )


class Filter(Node):
    """The elements for which a function returns True."""

    name = "filter"
    quiet = False

    def __init__(self, source: Node, function: UserFunction) -> None:
        super().__init__(source)
        self.function = function
        self._refuse_at_once(source)

    def _refuse_at_once(self, source: Node) -> None:
        """Raise ConversionError if it is known without an element that the function gives no bool.
        Where it is plain Python only an element tells."""
        given = spec_without_running(source)
        found = None if given is None else self.function.spec(given)
        if found is not None and found != TRUTH:
            raise ConversionError(f"the predicate of {self.name} returns one bool, not {found!r}")

    @property
    def cardinality(self) -> int:
        return 0 if self.inputs[0].cardinality == 0 else UNKNOWN

    def arguments(self) -> str:
        return str(self.function)

    def run(self, opening: Opening) -> Run:
        return _Testing(self, self.inputs[0].open(opening), stops=False)


class TakeWhile(Filter):
    """The elements before the first for which a function returns False."""

    name = "take_while"

    def run(self, opening: Opening) -> Run:
        return _Testing(self, self.inputs[0].open(opening), stops=True)


class _Testing(Run):
    def __init__(self, node: Filter, source: Run, stops: bool) -> None:
        self.node, self.reader, self.stops = node, Reader(source), stops
        self.number = -1
        self.done = False
        self.error: Exception | None = None
        self.found: Block | None = None  # of what was read ahead
        self.quiet = not stops and all(part.quiet for part in node.inputs[0].walk())

    def take(self, count: int) -> Block | None:
        """Where nobody can tell, more is read than might be needed: few elements may be chosen."""
        if self.found is None:
            ahead = self.quiet and self.node.function.pure
            self.found = self._next(max(count, 256) if ahead else count)
        found = self.found
        if found is not None:
            self.found = found.cut(count, found.count) if count < found.count else None
            found = found.cut(0, count)
        return found

    def _next(self, count: int) -> Block | None:
        while not self.done:
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            block = self.reader.read(1 if self.stops else count)
            if block is None:
                return None
            chosen = self._chosen(block)
            if len(chosen) == block.count:
                return block
            if len(chosen):
                return block.where(np.array(chosen))
        return None

    def _chosen(self, block: Block) -> list[int]:
        made = None if self.stops else self.node.function.block(block)
        if made is not None and made.form == LEAF and specs.of_columns(made) == TRUTH:
            self.number += block.count
            found: list[int] = np.flatnonzero(made.columns[0]).tolist()
            return found
        chosen: list[int] = []
        for i in range(block.count):
            self.number += 1
            try:
                kept = truth_of(self.node.function(block.row(i), block.form), self.node)
            except Exception as error:
                self.reader.put_back(block.cut(i + 1, block.count))
                noted(error, self.node, self.number)
                if not chosen:
                    raise
                self.error = error
                break
            if kept:
                chosen.append(i)
            elif self.stops:
                self.done = True
                break
        return chosen

    def close(self) -> None:
        self.reader.close()


def truth_of(value: Any, node: Node) -> bool:
    """The answer of a predicate. Raises ConversionError for what is no truth value."""
    array = np.asarray(value.array if hasattr(value, "array") else value)
    if array.dtype != bool or array.ndim:
        found: Any = f"{array.dtype} of shape {array.shape}"
        if isinstance(value, tuple | list | dict) or value is None:
            found = repr(value)
        raise ConversionError(f"the predicate of {node.name} returns one bool, not {found}")
    return bool(array)
