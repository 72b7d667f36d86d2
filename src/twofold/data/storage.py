"""Elements on the disk: chunks of columns as ``.npy`` files in a directory with a manifest.

Nothing is pickled. Reading maps the files and knows every element by its number; each file is
checked against the manifest when its chunk is first read. A column of a chunk is

- ``rows``: one array, a row for each element;
- ``ragged``: the elements one after the other, and their shapes;
- ``text``: bytes one after the other, their ends, and the shapes of the elements;
- ``none``: nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir.dtypes import known
from twofold.ir.errors import ArgumentError, LoadError, SaveError
from twofold.ir.infer import as_dtype
from twofold.saving.beside import beside, sweep
from twofold.saving.directory import is_saved, read_directory, write_directory

from . import spec as specs
from .block import Block, join, listed
from .nest import LEAF, Form, flatten, pack, paths
from .strings import STRING

__all__ = ["Stored", "Writer", "stored"]

KIND = "dataset"
CHUNK_BYTES, CHUNK_COUNT = 8 << 20, 65536


class Writer:
    """Writes elements beside a place, and puts them there when they are complete.

    Raises SaveError where the disk is full or the place is not writable.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.target = Path(os.path.abspath(path))
        self.parts = beside(self.target)
        self.blocks: list[Block] = []
        self.nbytes = self.count = self.held = 0
        self.chunks: list[dict[str, Any]] = []
        self.form: Form | None = None
        self.spec: Any = None
        self._end = weakref.finalize(self, shutil.rmtree, self.parts, ignore_errors=True)
        self._saving(self._begin)

    def _begin(self) -> None:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        sweep(self.target)
        self.parts.mkdir()

    def _saving(self, step: Callable[..., Any], *args: Any) -> Any:
        try:
            return step(*args)
        except OSError as error:
            if isinstance(error, SaveError):
                raise
            raise SaveError(
                f"{self.target} cannot be written: {error.strerror or error}; what was there "
                f"before is as it was"
            ) from error

    def add(self, block: Block) -> None:
        """Take further elements."""
        if self.form is None:
            self.form = block.form
        if block.form != self.form:
            raise ArgumentError(f"{self.target}: elements of two structures are not saved together")
        found = flatten(specs.of_columns(block))[0]
        kept = found if self.spec is None else map(specs.merged, self.spec, found)
        self.spec = list(kept)
        self.blocks.append(block)
        self.held += block.count
        self.nbytes += block.nbytes()
        if self.nbytes >= CHUNK_BYTES or self.held >= CHUNK_COUNT:
            self._flush()

    def _flush(self) -> None:
        if not self.blocks:
            return
        whole = join(self.blocks)
        self.blocks, self.nbytes, self.held = [], 0, 0
        where = paths(whole.form)
        columns = [
            self._saving(self._write, c, f"{len(self.chunks)}-{i}", where[i])
            for i, c in enumerate(whole.columns)
        ]
        self.chunks.append({"count": whole.count, "columns": columns})
        self.count += whole.count

    def _write(self, column: Any, name: str, path: str) -> dict[str, Any]:
        kind, arrays, facts = _encoded(column, path)
        for part, array in arrays.items():
            np.save(self.parts / f"{name}-{part}.npy", array, allow_pickle=False)
        return {"kind": kind, "files": [f"{name}-{part}.npy" for part in arrays], **facts}

    def drop(self) -> None:
        """Remove what was written so far."""
        self._end()

    def finish(self) -> None:
        """Put the elements at their place, with the manifest."""
        self._flush()
        leaves = [] if self.spec is None else [_spec_facts(s) for s in self.spec]
        facts = {
            "count": self.count, "chunks": self.chunks, "leaves": leaves,
            "form": None if self.form is None else _form_facts(self.form),
        }  # fmt: skip
        names = [n for c in self.chunks for column in c["columns"] for n in column["files"]]
        files = {n: functools.partial(os.replace, self.parts / n) for n in names}
        write_directory(self.target, KIND, files, facts)
        self.drop()


def _encoded(column: Any, path: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The kind of a column, its arrays, and what else has to be known."""
    if isinstance(column, np.ndarray) and column.dtype != STRING:
        return "rows", {"rows": _plain(column)}, {"dtype": column.dtype.name}
    rows = listed(column)
    if all(x is None for x in rows):
        return "none", {}, {}
    if not all(isinstance(x, np.ndarray) and (known(x.dtype) or x.dtype == STRING) for x in rows):
        raise ArgumentError(f"an element{path} is no tensor, and cannot be saved")
    first = rows[0]
    if any(x.ndim != first.ndim or x.dtype != first.dtype for x in rows):
        raise ArgumentError(f"elements{path} of different dtypes or ranks cannot be saved together")
    shapes = np.array([x.shape for x in rows], np.int64).reshape(len(rows), first.ndim)
    if first.dtype == STRING:
        texts = [t for x in rows for t in x.reshape(-1).tolist()]
        ends = np.cumsum([len(t) for t in texts], dtype=np.int64)
        data = np.frombuffer(b"".join(texts), np.uint8)
        return "text", {"data": data, "ends": ends, "shapes": shapes}, {}
    if (shapes == shapes[0]).all():
        return "rows", {"rows": _plain(np.stack(rows))}, {"dtype": first.dtype.name}
    data = _plain(np.concatenate([x.reshape(-1) for x in rows]))
    return "ragged", {"data": data, "shapes": shapes}, {"dtype": first.dtype.name}


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array in a dtype that the format has: those of ml_dtypes as their bits."""
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.isbuiltin == 2 else array


def _form_facts(form: Form) -> Any:
    if form.kind is None:
        return None
    children = [_form_facts(c) for c in form.children]
    if issubclass(form.kind, tuple):
        return {"tuple": children}
    if not all(isinstance(k, str) for k in form.keys):
        raise ArgumentError(f"a dict with keys {form.keys} is not saved: keys are texts")
    return {"dict": children, "keys": list(form.keys)}


def _form_of(facts: Any) -> Form:
    if facts is None:
        return LEAF
    if "tuple" in facts:
        return Form(tuple, (), tuple(_form_of(c) for c in facts["tuple"]))
    return Form(dict, tuple(facts["keys"]), tuple(_form_of(c) for c in facts["dict"]))


def _spec_facts(spec: Any) -> Any:
    if isinstance(spec, specs.NoneSpec):
        return None
    shape = None if spec.shape is None else list(spec.shape)
    return {"dtype": getattr(spec.dtype, "name", "string"), "shape": shape}


class Stored:
    """Elements in a directory, by number."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.saved = read_directory(path, KIND)
        try:
            facts = self.saved.manifest
            self.chunks = facts["chunks"]
            self.count = int(facts["count"])
            counts = [int(c["count"]) for c in self.chunks]
            self.form = _form_of(facts["form"])
            self.spec = pack(self.form, [_spec_of(s) for s in facts["leaves"]] or [None])
        except (KeyError, TypeError, ValueError) as error:
            raise LoadError(f"{self.saved.path} is damaged: {error!r}") from error
        if sum(counts) != self.count:
            raise LoadError(f"{self.saved.path} is damaged: its chunks have {sum(counts)} elements")
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._open: dict[int, Block] = {}

    def __reduce__(self) -> Any:
        return Stored, (os.fspath(self.saved.path),)

    def gather(self, rows: np.ndarray[Any, Any]) -> Block:
        """The elements at these row numbers."""
        where = np.searchsorted(self.starts, rows, side="right") - 1
        first = int(where[0])
        if (where == first).all():
            return _taken(self.chunk(first), rows - self.starts[first])
        cuts = np.flatnonzero(np.diff(where)) + 1
        parts = zip(np.split(rows, cuts), np.split(where, cuts), strict=True)
        return join([_taken(self.chunk(int(w[0])), r - self.starts[w[0]]) for r, w in parts])

    def chunk(self, number: int) -> Block:
        """The elements of a chunk; its files are checked when it is first asked for."""
        found = self._open.get(number)
        if found is None:
            facts = self.chunks[number]
            try:
                columns = [self._column(c, facts["count"]) for c in facts["columns"]]
            except (KeyError, TypeError, ValueError, IndexError) as error:
                if isinstance(error, LoadError):
                    raise
                raise LoadError(f"{self.saved.path}, chunk {number}: damaged: {error}") from error
            found = self._open[number] = Block(facts["count"], columns, self.form)
        return found

    def _column(self, facts: Any, count: int) -> Any:
        arrays = [
            np.load(self.saved.file(n), mmap_mode="r", allow_pickle=False) for n in facts["files"]
        ]
        kind = facts["kind"]
        if kind == "none":
            return [None] * count
        if kind == "text":
            return _texts(*arrays)
        dtype = as_dtype(facts["dtype"], "a saved dataset")
        data = np.asarray(arrays[0]).view(dtype)
        return data if kind == "rows" else _rows(data, arrays[1])


def _spec_of(facts: Any) -> Any:
    return specs.NoneSpec() if facts is None else specs.make(facts["dtype"], facts["shape"])


def _taken(block: Block, rows: np.ndarray[Any, Any]) -> Block:
    count = len(rows)
    if int(rows[-1]) - int(rows[0]) == count - 1 and bool((np.diff(rows) == 1).all()):
        return block.cut(int(rows[0]), int(rows[0]) + count)
    return block.where(rows)


def _rows(data: Any, shapes: Any) -> list[Any]:
    ends = np.cumsum(np.prod(shapes, axis=1, dtype=np.int64))
    return [
        data[end - size : end].reshape(shape)
        for end, size, shape in zip(
            ends.tolist(), np.prod(shapes, axis=1, dtype=np.int64).tolist(), shapes.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def _texts(data: Any, ends: Any, shapes: Any) -> list[Any]:
    whole, bounds = data.tobytes(), [0, *ends.tolist()]
    flat = np.empty(len(bounds) - 1, object)
    flat[:] = [whole[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    return _rows(flat, shapes)


def stored(path: str | os.PathLike[str]) -> Stored | None:
    """The elements at a place, or None where no dataset is. Raises LoadError for a damaged one."""
    return Stored(path) if is_saved(path, KIND) else None
