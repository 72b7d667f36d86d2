"""``iter(dataset)``: the elements one by one, and where an iteration stands."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, OutOfRangeError, StagingError
from twofold.runtime.tensor import Tensor

from .block import Block
from .nest import packer
from .node import Node, Opening, Run
from .optional import Optional
from .options import Options
from .spec import public
from .strings import STRING

__all__ = ["DatasetIterator", "begin"]

VERSION = 1
AHEAD = 1 << 17  # bytes that are read ahead of a loop over single elements
_process = [0]  # how many forks this process is away from where the module was imported
_new = object.__new__
_ndarray = np.ndarray


def _after_fork() -> None:
    _process[0] += 1


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


class DatasetIterator(Iterator[Any]):
    """An iteration over a dataset. Threads may share it: each element goes to one of them.

    ``get_state()`` says in JSON how far it is; ``set_state(state)`` goes on from there, also in
    another process whose dataset was made by the same program.
    """

    def __init__(self, node: Node, options: Options, as_numpy: bool = False) -> None:
        self._node, self._options = node, options
        self._convert: Callable[[Any], Any] = _as_numpy if as_numpy else public
        self._lock = threading.Lock()
        self._process = _process[0]
        self._ahead = reads_ahead(node)
        self._begin(Opening(options))

    def _begin(self, opening: Opening) -> None:
        self._seeds = [(s.pair, number) for s, number in self._node.draws(opening).items()]
        self._run: Run = self._node.open(opening)
        self._block: Block | None = None
        self._at = self._count = 0
        self._size = 1
        self._delivered = 0

    @property
    def element_spec(self) -> Any:
        """The spec of an element."""
        return self._node.spec

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        if self._process != _process[0]:  # before the lock, which a thread of the parent may hold
            raise RuntimeError(
                "this iterator was made before a fork, and its threads are the parent's; make one "
                "with iter(dataset) in the child"
            )
        with self._lock:
            if self._at >= self._count:
                self._fetch()
            at = self._at
            self._at = at + 1
            self._delivered += 1
            columns, pack = self._columns, self._pack
        convert = self._convert
        if convert is public:
            return pack([
                _tensor(c[at, ...]) if c.__class__ is _ndarray and c.dtype != STRING
                else convert(c[at, ...] if c.__class__ is _ndarray else c[at])
                for c in columns
            ])  # fmt: skip
        return pack([convert(c[at, ...] if c.__class__ is _ndarray else c[at]) for c in columns])

    def _fetch(self) -> None:
        """The next block; more at a time where nobody can tell, as long as it is small."""
        try:
            block = self._run.take(self._size)
        except Exception:
            self._delivered += 1  # a failing element is one, too
            raise
        if block is None:
            self._block, self._at, self._count = None, 0, 0
            raise StopIteration
        if self._ahead and block.nbytes() * 2 < AHEAD and self._size < 512:
            self._size *= 2
        self._at, self._count = 0, block.count
        self._columns, self._pack = block.columns, packer(block.form)
        self._block = block

    def get_next(self) -> Any:
        """The next element. Raises OutOfRangeError at the end."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError(message="the dataset has no further element") from None

    def get_next_as_optional(self) -> Optional:
        """The next element, or that there is none, as an Optional."""
        try:
            return Optional(self.element_spec, (next(self),))
        except StopIteration:
            return Optional(self.element_spec)

    def get_state(self) -> dict[str, Any]:
        """Where the iteration stands, as values of JSON; a few numbers, not the data.

        Raises ArgumentError where the order is not that of another iteration
        (``deterministic=False``).
        """
        with self._lock:
            refuse_unordered(self._node, self._options)
            return {
                "version": VERSION,
                "pipeline": fingerprint(self._node),
                "delivered": self._delivered,
                "draws": [[*pair, number] for pair, number in self._seeds],
            }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken. Raises ArgumentError for the state of another dataset.

        What stands before is left out, without computing it where its number is known.
        """
        with self._lock:
            check_state(state, self._node)
            opening = Opening(self._options)
            drawing = list(self._node.draws(opening))
            for seeds, (first, second, number) in zip(drawing, state["draws"], strict=True):
                seeds.pair = first, second
                opening.passes[seeds] = number
                seeds.passes = max(seeds.passes, number)
            self._run.close()
            self._begin(opening)
            self._delivered = state["delivered"]
            left = self._delivered
            while left > 0:
                gone = skipped(self._run, left)
                if gone == 0:
                    break
                left -= gone

    def close(self) -> None:
        """Give back threads and files at once; dropping the iterator does so, too."""
        self._run.close()


def skipped(run: Run, count: int) -> int:
    """Leave out elements; one that raises is one."""
    try:
        return run.skip(count)
    except Exception:  # noqa: BLE001  (it was raised when it was asked for)
        return 1


def begin(node: Node, options: Options, as_numpy: bool = False) -> DatasetIterator:
    """Begin an iteration. Raises StagingError while a function is traced."""
    if bind.ground().tracing:
        raise StagingError(
            "an iteration over a dataset is not staged: each call has its own; iterate outside, "
            "and call a compiled function on the elements"
        )
    return DatasetIterator(node, options, as_numpy)


def _tensor(array: Any) -> Tensor:
    out = _new(Tensor)
    out.value = array
    return out


def _as_numpy(leaf: Any) -> Any:
    """A leaf for NumPy: a scalar, or an array of its own."""
    if leaf.__class__ is not _ndarray:
        return leaf if leaf is None else leaf.face(leaf).as_numpy_iterator()
    if leaf.ndim == 0:
        return leaf[()]
    return leaf.copy()


def reads_ahead(node: Node) -> bool:
    """Whether nobody can tell that elements were made before they were asked for."""
    return all(getattr(part, "quiet", True) for part in node.walk())


def fingerprint(node: Node) -> list[str]:
    """What a pipeline is made of, as texts."""
    return [str(part) for part in node.walk()]


def refuse_unordered(node: Node, options: Options) -> None:
    """Raise ArgumentError if another iteration would have another order."""
    for part in node.walk():
        if hasattr(part, "ordered") and not options.ordered(part.ordered):
            raise ArgumentError(
                f"{part} gives its elements as they come (deterministic=False), so an iteration "
                f"cannot be taken up again; leave deterministic out"
            )


def check_state(state: Any, node: Node) -> None:
    """Raise ArgumentError for a state that is not of this dataset."""
    if not isinstance(state, dict) or "pipeline" not in state or "delivered" not in state:
        raise ArgumentError(f"this is no state of an iterator: {str(state)[:60]}")
    if state.get("version") != VERSION:
        raise ArgumentError(f"the state has version {state.get('version')}, expected {VERSION}")
    ours, theirs = fingerprint(node), state["pipeline"]
    for i in range(max(len(ours), len(theirs))):
        here = ours[i] if i < len(ours) else "nothing"
        there = theirs[i] if i < len(theirs) else "nothing"
        if here != there:
            raise ArgumentError(
                f"the state is of another dataset: step {i} was {there} and is {here}"
            )
    if len(state["draws"]) != len(node.draws(Opening.empty())):
        raise ArgumentError("the state is of another dataset: it has other nodes that draw")
