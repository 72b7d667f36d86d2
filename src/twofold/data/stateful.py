"""Nodes that remember elements: ``scan``, ``unique``; and ``ignore_errors``."""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, DTypeError, ReturnTypeError

from .block import Block, of_rows
from .functions import UserFunction
from .mapping import first_spec
from .nest import Form, flatten
from .node import UNKNOWN, Node, Opening, Reader, Run, noted
from .spec import leaf_of

__all__ = ["IgnoreErrors", "Scan", "Unique"]

log = logging.getLogger("twofold.data")


class Scan(Node):
    """A map with a state: the function takes it with an element, and returns the next one and a
    result."""

    name = "scan"
    quiet = False

    def __init__(self, source: Node, initial: Any, function: UserFunction) -> None:
        super().__init__(source)
        leaves, self.form = flatten(initial)
        self.initial = [leaf_of(leaf) for leaf in leaves]
        self.function = function

    @functools.cached_property
    def spec(self) -> Any:
        return first_spec(self)

    def arguments(self) -> str:
        return str(self.function)

    def run(self, opening: Opening) -> Run:
        return _Scanning(self, self.inputs[0].open(opening))


class _Scanning(Run):
    def __init__(self, node: Scan, source: Run) -> None:
        self.node, self.source, self.number = node, source, -1
        self.state = list(node.initial)

    def take(self, count: int) -> Block | None:
        block = self.source.take(1)
        if block is None:
            return None
        self.number += 1
        node = self.node
        both = Form(tuple, (), (node.form, block.form))
        try:
            made, form = node.function.row([*self.state, *block.row(0)], both)
            state, out = self._parts(made, form)
        except Exception as error:
            noted(error, node, self.number)
            raise
        self.state = state
        return of_rows([out], form.children[1])

    def _parts(self, made: list[Any], form: Form) -> tuple[list[Any], list[Any]]:
        if form.kind is not tuple or len(form.children) != 2:
            raise ReturnTypeError("scan takes a function that returns a pair: state and output")
        if form.children[0] != self.node.form:
            raise ArgumentError("scan: the new state does not have the structure of the first one")
        cut = len(self.state)
        for old, new in zip(self.state, made[:cut], strict=True):
            if getattr(old, "dtype", None) != getattr(new, "dtype", None):
                raise DTypeError(f"scan: the state is {old.dtype}, the function made {new.dtype}")
        return made[:cut], made[cut:]

    def close(self) -> None:
        self.source.close()


class Unique(Node):
    """Each element where it comes first."""

    name = "unique"

    @property
    def cardinality(self) -> int:
        return 0 if self.inputs[0].cardinality == 0 else UNKNOWN

    def run(self, opening: Opening) -> Run:
        return _Distinct(self.inputs[0].open(opening))


class _Distinct(Run):
    def __init__(self, source: Run) -> None:
        self.source = source
        self.seen: set[Any] = set()

    def take(self, count: int) -> Block | None:
        while True:
            block = self.source.take(count)
            if block is None:
                return None
            fresh = []
            for i in range(block.count):
                key = tuple(_key(leaf) for leaf in block.row(i))
                if key not in self.seen:
                    self.seen.add(key)
                    fresh.append(i)
            if fresh:
                return block if len(fresh) == block.count else block.where(np.array(fresh))

    def close(self) -> None:
        self.source.close()


def _key(leaf: Any) -> Any:
    if not isinstance(leaf, np.ndarray):
        return leaf
    if leaf.dtype == object:
        return leaf.shape, tuple(leaf.reshape(-1).tolist())
    return leaf.shape, leaf.dtype.str, leaf.tobytes()


class IgnoreErrors(Node):
    """The elements that could be made."""

    name = "ignore_errors"

    def __init__(self, source: Node, logs: bool) -> None:
        super().__init__(source)
        self.logs = logs

    @property
    def cardinality(self) -> int:
        return 0 if self.inputs[0].cardinality == 0 else UNKNOWN

    def run(self, opening: Opening) -> Run:
        return _Ignoring(self.inputs[0].open(opening), self.logs)


class _Ignoring(Run):
    def __init__(self, source: Run, logs: bool) -> None:
        self.source, self.logs = Reader(source), logs

    def take(self, count: int) -> Block | None:
        while True:
            try:
                return self.source.read(count)
            except Exception as error:  # noqa: BLE001  (that is what was asked for)
                if self.logs:
                    log.warning("ignored: %s: %s", type(error).__name__, error)

    def close(self) -> None:
        self.source.close()
