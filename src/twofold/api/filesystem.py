"""Files of this machine, with TensorFlow's names: ``tf.io.read_file`` and ``tf.io.gfile``.

Paths are texts, as strings, bytes or tensors of dtype string. A compiled function makes these calls
anew each time (``compiler/capture/pure.py``). What the system refuses is raised as TensorFlow's
errors, which are Python's as well.
"""

from __future__ import annotations

import glob as globs
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from twofold.data.strings import StringTensor, is_text, of_text
from twofold.ir.errors import (
    AlreadyExistsError,
    ArgumentError,
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
)

__all__ = ["gfile", "matching_files", "read_file", "write_file"]


class _Told:
    """A block about a path: what the system refuses in it is raised as TensorFlow's errors."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        for met, raised in _ERRORS.items():
            if isinstance(error, met):
                raise raised(message=f"{self.path}: {error.strerror}") from None


_ERRORS: dict[type[OSError], Any] = {
    FileNotFoundError: NotFoundError,
    FileExistsError: AlreadyExistsError,
    PermissionError: PermissionDeniedError,
    IsADirectoryError: FailedPreconditionError,
    NotADirectoryError: FailedPreconditionError,
}


def _path(given: Any, what: str) -> str:
    """One path. Raises ArgumentError for what is none."""
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if not is_text(given) or (found := of_text(given)).ndim:
        raise ArgumentError(f"{what} takes one path, a text, not {given!r}")
    return os.fsdecode(found.item())


def _text(value: Any) -> StringTensor:
    return StringTensor(of_text(value))


def read_file(filename: Any, name: Any = None) -> StringTensor:
    """The bytes of a file, as a text. Raises NotFoundError, PermissionDeniedError, and
    FailedPreconditionError for a directory.

    >>> import twofold as tf
    >>> tf.io.read_file("/dev/null").numpy()
    b''
    """
    path = _path(filename, "read_file")
    with _Told(path), open(path, "rb") as file:
        return _text(file.read())


def write_file(filename: Any, contents: Any, name: Any = None) -> None:
    """Write a text into a file, over what is there; folders that are missing are made.

    >>> import twofold as tf
    >>> tf.io.write_file("/dev/null", "text")
    """
    path = _path(filename, "write_file")
    if not is_text(contents) or (found := of_text(contents)).ndim:
        raise ArgumentError(f"write_file writes one text, not {contents!r}")
    with _Told(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(found.item())


def matching_files(pattern: Any, name: Any = None) -> StringTensor:
    """The files that patterns match, sorted.

    >>> import twofold as tf
    >>> tf.io.matching_files("/dev/nul?").numpy().tolist()
    [b'/dev/null']
    """
    patterns = of_text(pattern).reshape(-1)
    found = {f for p in patterns for f in globs.glob(os.fsdecode(p))}
    return _text([os.fsencode(f) for f in sorted(found)])


class GFile:
    """A file: ``mode`` is ``r``, ``w``, ``a`` or one of them with ``+`` or ``b``.

    ``read(n=-1)``, ``readline()``, ``readlines()``, ``write(text)``, ``seek(offset)``, ``tell()``,
    ``size()``, ``flush()``, ``close()``; a block of ``with``, and an iterator of lines.

    >>> import twofold as tf
    >>> with tf.io.gfile.GFile("/dev/null", "w") as file:
    ...     file.write("text")
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        if mode.replace("b", "", 1) not in ("r", "w", "a", "r+", "w+", "a+"):
            raise ArgumentError(f"GFile: mode is 'r', 'w', 'a', with 'b' or '+', not {mode!r}")
        self.name, self.mode = name, mode
        path = _path(name, "GFile")
        with _Told(path):
            self._file: Any = open(path, mode, encoding=None if "b" in mode else "utf-8")  # noqa: SIM115

    def read(self, n: int = -1) -> Any:
        """The rest, or at most ``n`` characters or bytes of it."""
        return self._file.read(n)

    def write(self, file_content: Any) -> None:
        """Write a text."""
        given = file_content
        if is_text(given) and not ("b" in self.mode and isinstance(given, bytes)):
            given = of_text(given).item()
            given = given if "b" in self.mode else given.decode()
        self._file.write(given)

    def readline(self) -> Any:
        """The next line, with its end."""
        return self._file.readline()

    def readlines(self) -> list[Any]:
        """The lines that are left, with their ends."""
        return list(self._file.readlines())

    def seek(self, offset: int | None = None, whence: int = 0) -> None:
        """Go to a place."""
        if offset is None:
            raise ArgumentError("seek: offset is needed")
        self._file.seek(offset, whence)

    def tell(self) -> int:
        """The present place."""
        return int(self._file.tell())

    def size(self) -> int:
        """The number of bytes in the file."""
        self.flush()
        return os.fstat(self._file.fileno()).st_size

    def flush(self) -> None:
        """Give what was written to the system."""
        if self._file.writable():
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def seekable(self) -> bool:
        """Whether ``seek`` works."""
        return bool(self._file.seekable())

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> GFile:
        return self

    def __next__(self) -> Any:
        return next(self._file)


def _places(src: Any, dst: Any, overwrite: bool, what: str) -> tuple[str, str]:
    """Both paths of a move; raises AlreadyExistsError unless the second may be written."""
    one, other = _path(src, what), _path(dst, what)
    if not overwrite and os.path.exists(other):
        raise AlreadyExistsError(message=f"{what}: {other} is there; overwrite=True replaces it")
    return one, other


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file. Raises AlreadyExistsError if there is one at ``dst``, unless ``overwrite``."""
    one, other = _places(src, dst, overwrite, "copy")
    with _Told(one):
        shutil.copyfile(one, other)


def exists(path: Any) -> bool:
    """Whether there is a file or a directory."""
    return os.path.exists(_path(path, "exists"))


def glob(pattern: Any) -> list[str]:
    """The files that a pattern, or one of several, matches, sorted."""
    return [os.fsdecode(f) for f in matching_files(pattern).numpy().tolist()]


def isdir(path: Any) -> bool:
    """Whether there is a directory."""
    return os.path.isdir(_path(path, "isdir"))


def join(path: Any, *paths: Any) -> Any:
    """A path of parts, as ``os.path.join``."""
    return os.path.join(path, *paths)


def listdir(path: Any) -> list[str]:
    """The names in a directory. Raises NotFoundError if there is none."""
    given = _path(path, "listdir")
    with _Told(given):
        return sorted(os.listdir(given))


def makedirs(path: Any) -> None:
    """Make a directory and those above it, unless they are there."""
    given = _path(path, "makedirs")
    with _Told(given):
        os.makedirs(given, exist_ok=True)


def mkdir(path: Any) -> None:
    """Make a directory. Raises AlreadyExistsError, and NotFoundError if it would be in none."""
    _on_path(os.mkdir, path, "mkdir")


def remove(path: Any) -> None:
    """Remove a file. Raises NotFoundError, and FailedPreconditionError for a directory."""
    _on_path(os.remove, path, "remove")


def _on_path(do: Callable[[str], None], path: Any, what: str) -> None:
    given = _path(path, what)
    with _Told(given):
        do(given)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Move a file or a directory. Raises AlreadyExistsError as ``copy`` does."""
    one, other = _places(src, dst, overwrite, "rename")
    with _Told(one):
        os.replace(one, other)


def rmtree(path: Any) -> None:
    """Remove a directory and all that is in it."""
    _on_path(shutil.rmtree, path, "rmtree")


class FileStatistics:
    """What ``gfile.stat`` says: ``length`` in bytes, ``mtime_nsec``, ``is_directory``."""

    def __init__(self, found: os.stat_result, is_directory: bool) -> None:
        self.length, self.mtime_nsec = found.st_size, found.st_mtime_ns
        self.is_directory = is_directory


def stat(path: Any) -> FileStatistics:
    """The size, the time of the last change, and whether it is a directory."""
    given = _path(path, "stat")
    with _Told(given):
        return FileStatistics(os.stat(given), os.path.isdir(given))


def walk(
    top: Any, topdown: bool = True, onerror: Any = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """``(directory, names of directories, names of files)`` below a directory, as ``os.walk``."""
    return os.walk(_path(top, "walk"), topdown, onerror)


class gfile:
    """``tf.io.gfile``."""

    GFile = GFile
    copy = staticmethod(copy)
    exists = staticmethod(exists)
    glob = staticmethod(glob)
    isdir = staticmethod(isdir)
    join = staticmethod(join)
    listdir = staticmethod(listdir)
    makedirs = staticmethod(makedirs)
    mkdir = staticmethod(mkdir)
    remove = staticmethod(remove)
    rename = staticmethod(rename)
    rmtree = staticmethod(rmtree)
    stat = staticmethod(stat)
    walk = staticmethod(walk)
