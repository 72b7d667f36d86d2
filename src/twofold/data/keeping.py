"""``save``, ``load``, ``cache(filename)`` and ``snapshot``: elements that outlive the process."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from twofold.ir.errors import ArgumentError

from .block import Block
from .iterator import fingerprint
from .node import Node, Opening, Run, Source
from .sources import Gather, Range
from .storage import Stored, Writer, stored

__all__ = ["FileCache", "loaded", "no_compression", "save", "snapshot_place"]


def save(node: Node, opening: Opening, path: str | os.PathLike[str]) -> None:
    """Write all elements. Raises SaveError; what is at the place stays as it is then."""
    writer = Writer(path)
    run = node.open(opening)
    try:
        while (block := run.take(4096)) is not None:
            writer.add(block)
        writer.finish()
    finally:
        run.close()
        writer.drop()


def loaded(path: str | os.PathLike[str]) -> Node:
    """The elements at a place. Raises LoadError."""
    held = Stored(path)
    return Gather(Range(0, held.count), held, held.spec, "load")


def snapshot_place(node: Node, path: str | os.PathLike[str]) -> str:
    """Where the snapshot of a pipeline is: another pipeline has another place."""
    text = "\n".join(fingerprint(node))
    return os.path.join(path, hashlib.sha256(text.encode()).hexdigest()[:16])


class FileCache(Node):
    """The same elements; those of a whole pass are written to a place and read from there."""

    def __init__(self, source: Node, path: str, name: str) -> None:
        super().__init__(source)
        self.path, self.name = os.path.abspath(path), name
        self.held: Stored | None = None

    def __reduce__(self) -> Any:
        return FileCache, (self.inputs[0], self.path, self.name)

    def arguments(self) -> str:
        return os.path.basename(self.path) if self.name == "cache" else ""

    def _found(self) -> Stored | None:
        if self.held is None:
            self.held = stored(self.path)
        return self.held

    @property
    def cardinality(self) -> int:
        held = self._found()
        return self.inputs[0].cardinality if held is None else held.count

    def lifted(self) -> tuple[Node, Source] | None:
        held = self._found()
        return None if held is None else (Range(0, held.count), held)

    def run(self, opening: Opening) -> Run:
        return _Writing(self, self.inputs[0].open(opening))

    def reopened(self, opening: Opening, count: int) -> None:
        """Passes over what is kept are none over the input."""


class _Writing(Run):
    """Passes elements on and writes them; a pass that is left early leaves nothing."""

    def __init__(self, node: FileCache, source: Run) -> None:
        self.node, self.source = node, source
        self.writer: Writer | None = Writer(node.path)

    def take(self, count: int) -> Block | None:
        try:
            block = self.source.take(count)
            if self.writer is not None and block is not None:
                self.writer.add(block)
        except Exception:
            self._drop()  # without this element the pass is not whole
            raise
        if block is None:
            self._finish()
        return block

    def _finish(self) -> None:
        try:
            if self.writer is not None and stored(self.node.path) is None:  # else one was faster
                self.writer.finish()
        finally:
            self._drop()

    def _drop(self) -> None:
        if self.writer is not None:
            self.writer.drop()
        self.writer = None

    def close(self) -> None:
        self._drop()
        self.source.close()


def no_compression(compression: Any, what: str) -> None:
    """Raise ArgumentError for a compression: files are mapped as they are."""
    if compression not in (None, "", "AUTO", "NONE"):
        raise ArgumentError(f"{what} has no compression {compression!r}: files are mapped")
