"""Files as sources: lines of text, tables, arrays, images."""

from __future__ import annotations

import functools
import glob
import importlib
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, LoadError, NotFoundError

from . import spec as specs
from .block import Block
from .nest import LEAF
from .node import UNKNOWN, Node, Opening, Run

__all__ = ["Files", "lines_of", "matching", "needed", "paths_of"]


def paths_of(files: Any, what: str) -> list[str]:
    """Names of files, of one or several. Raises ArgumentError."""
    if isinstance(files, str | os.PathLike):
        return [os.fspath(files)]
    if hasattr(files, "is_dataset"):
        return [str(x.numpy().decode()) for x in files]
    if hasattr(files, "array"):
        files = np.atleast_1d(files.array).tolist()
    names = [f.decode() if isinstance(f, bytes) else f for f in files]
    if not names or not all(isinstance(n, str | os.PathLike) for n in names):
        raise ArgumentError(f"{what} takes names of files, not {files!r}")
    return [os.fspath(n) for n in names]


def matching(patterns: Any) -> list[str]:
    """The files that a pattern matches, sorted. Raises ArgumentError if there are none."""
    given = paths_of(patterns, "list_files")
    found = sorted({name for p in given for name in glob.glob(p)})
    if not found:
        raise ArgumentError(f"list_files: no file matches {', '.join(given)}")
    return found


def needed(module: str, extra: str, what: str) -> Any:
    """A module of an extra. Raises ImportError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {module.partition('.')[0]}; install it with: "
            f"pip install 'twofold[{extra}]' ({error})"
        ) from None


class Files(Node):
    """What is in files, one file after the other.

    ``read`` gives the blocks of a file, and an error in the place of an element that cannot be
    made; ``count`` how many elements it has, if it says that.
    """

    def __init__(
        self, name: str, files: list[str], read: Callable[[str], Iterator[Block | Exception]],
        spec: Any,
        count: Callable[[str], int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.files, self.read, self.count = name, files, read, count
        self._spec = spec

    @functools.cached_property
    def spec(self) -> Any:
        return self._spec() if callable(self._spec) else self._spec

    @functools.cached_property
    def cardinality(self) -> int:
        return UNKNOWN if self.count is None else sum(map(self.count, self.files))

    def arguments(self) -> str:
        return ", ".join(os.path.basename(f) for f in self.files)

    def run(self, opening: Opening) -> Run:
        return _Reading(self)


class _Reading(Run):
    def __init__(self, node: Files) -> None:
        self.node, self.at = node, -1
        self.blocks: Iterator[Block | Exception] = iter(())
        self.held: Block | None = None

    def take(self, count: int) -> Block | None:
        while self.held is None:
            self.held = self._next()
            if self.held is None and self.at >= len(self.node.files):
                return None
        block = self.held.cut(0, count)
        self.held = self.held.cut(block.count, self.held.count) if block is not self.held else None
        return block

    def _next(self) -> Block | None:
        try:
            block = next(self.blocks, None)
        except (EOFError, zlib.error) as error:
            self.blocks = iter(())
            raise LoadError(f"{self.node.files[self.at]} is damaged or cut off: {error}") from error
        except FileNotFoundError as error:
            self.blocks = iter(())
            raise NotFoundError(message=f"{error.filename}: {error.strerror}") from None
        if isinstance(block, Exception):
            raise block
        if block is None:
            self.at += 1
            if self.at < len(self.node.files):
                self.blocks = self.node.read(self.node.files[self.at])
        return block if block is None or block.count else None

    def skip(self, count: int) -> int:
        left = count
        while left:
            if self.held is None and self.node.count is not None and self._over(left):
                left -= self.node.count(self.node.files[self.at])
                continue
            block = self.take(left)
            if block is None:
                break
            left -= block.count
        return count - left

    def _over(self, left: int) -> bool:
        """Whether the next file is to be left out whole; it is then the present one."""
        after = self.at + 1
        begun = next(self.blocks, None) if self.at >= 0 else None
        if begun is not None:
            self.blocks = itertools.chain([begun], self.blocks)
            return False
        if after >= len(self.node.files) or self.node.count is None:
            return False
        if self.node.count(self.node.files[after]) > left:
            return False
        self.at, self.blocks = after, iter(())
        return True

    def close(self) -> None:
        self.blocks = iter(())


# Lines


def lines_of(files: list[str], compression: Any, size: Any) -> Files:
    """The lines of text files, without their ends."""
    opened = opener(compression)
    step = size or 1 << 20

    def read(name: str) -> Iterator[Block]:
        rest = b""
        with opened(name) as stream:
            while chunk := stream.read(step):
                *lines, rest = (rest + chunk).split(b"\n")
                yield _lines(lines)
        if rest:
            yield _lines([rest])

    return Files("text_line", files, read, specs.make("string", ()))


def _lines(lines: list[bytes]) -> Block:
    column = np.empty(len(lines), object)
    column[:] = [line[:-1] if line.endswith(b"\r") else line for line in lines]
    return Block(len(lines), [column], LEAF)


def opener(compression: Any) -> Callable[[str], Any]:
    """How a file is opened for reading bytes. Raises ArgumentError for an unknown compression."""
    if compression in (None, ""):
        return functools.partial(open, mode="rb")
    if compression == "GZIP":
        return importlib.import_module("gzip").open  # type: ignore[no-any-return]
    if compression == "ZLIB":
        return _ZlibFile
    raise ArgumentError(f"compression_type is '', 'GZIP' or 'ZLIB', not {compression!r}")


class _ZlibFile:
    """A file of one zlib stream."""

    def __init__(self, name: str) -> None:
        self.file = open(name, "rb")  # noqa: SIM115  (closed by ``__exit__``)
        self.stream = zlib.decompressobj()

    def __enter__(self) -> _ZlibFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def read(self, size: int) -> bytes:
        """At least one byte, or none at the end. Raises EOFError for a stream that is cut off."""
        while not self.stream.eof:
            packed = self.stream.unconsumed_tail or self.file.read(1 << 16)
            if not packed:
                raise EOFError("the compressed stream ends early")
            found = self.stream.decompress(packed, size)
            if found:
                return found
        return b""


# Arrays


def arrays_in(files: list[str]) -> list[Any]:
    """Arrays in ``.npy`` files, mapped. Raises LoadError."""
    found = []
    for name in files:
        try:
            found.append(np.load(name, mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError) as error:
            raise LoadError(f"{name} is no array of NumPy, or damaged: {error}") from error
    return found


# Images

KINDS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


def image_files(folder: str, labels: Any) -> tuple[list[str], Any, list[str]]:
    """Files of images below a folder, the number of the class of each, and the classes: names of
    the folders in it, sorted. Raises ArgumentError."""
    root = Path(folder)
    if not root.is_dir():
        raise ArgumentError(f"{folder} is no directory")
    classes = sorted(p.name for p in root.iterdir() if p.is_dir()) if labels else []
    if labels and not classes:
        raise ArgumentError(f"{folder} has no directories, whose names are the classes")
    found: list[str] = []
    numbers: list[int] = []
    for number, top in enumerate([root / c for c in classes] or [root]):
        inside = sorted(str(p) for p in top.rglob("*") if p.suffix.lower() in KINDS)
        found += inside
        numbers += [number] * len(inside)
    if not found:
        raise ArgumentError(f"{folder} has no images ({', '.join(KINDS)})")
    return found, np.array(numbers, np.int32) if labels else None, classes


def image_reader(size: Any, mode: str) -> Callable[..., Any]:
    """A function of a file's name (bytes) that gives the image as uint8, of a size if one is given.

    Raises LoadError for what is no image, or cut off.
    """
    pillow = needed("PIL.Image", "images", "reading images")

    def read(name: Any) -> np.ndarray[Any, Any]:
        path = name.numpy().decode()
        try:
            with pillow.open(path) as image:
                image = image.convert(mode)
                if size is not None:
                    image = image.resize((size[1], size[0]), pillow.Resampling.BILINEAR)
                array = np.asarray(image)
        except FileNotFoundError:
            raise
        except (OSError, SyntaxError, ValueError) as error:
            raise LoadError(f"{path} is no image, or damaged: {error}") from error
        return array[..., None] if array.ndim == 2 else array

    return read
