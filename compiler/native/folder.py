"""The folder of the cache: files of this user, whole or not there.

- *Private.* The folder belongs to the user and nobody else may write to it, or it is not used. New
  folders have mode 0700, files 0600. A link in the place of folder or file is not followed.
- *Atomic.* A file is written beside its name and renamed, so a process that is killed, or two that
  write one file, leave a whole one or none.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["PARTIAL", "Folder", "Unusable", "folder", "off"]

PARTIAL = ".partial"
LARGEST = 64 << 20  # bytes of a file
TOUCH_AFTER = 3600.0  # seconds between two marks that a file was used
_KNOWN = os.name == "posix"  # whether owners and modes say who may write

_switched_off = 0  # how many ``off`` blocks run


class Unusable(Exception):
    """The folder, or what lies in it, cannot be used; says why."""


def folder() -> Path | None:
    """Where the cache is, or None when it is switched off.

    ``TWOFOLD_CACHE_DIR``, else ``twofold`` in the user's folder for caches. Raises ``Unusable`` if
    the user has no home.
    """
    if _switched_off or os.environ.get("TWOFOLD_CACHE", "1").lower() in ("0", "no", "off", "false"):
        return None
    chosen = os.environ.get("TWOFOLD_CACHE_DIR")
    return Path(chosen).absolute() if chosen else _user_caches() / "twofold"


@contextmanager
def off() -> Iterator[None]:
    """Compile as if there were no cache while the block runs, in the whole process."""
    global _switched_off
    _switched_off += 1
    try:
        yield
    finally:
        _switched_off -= 1


def _user_caches() -> Path:
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given)
    home = Path(os.path.expanduser("~"))
    if os.environ.get("HOME", "unset") == "" or not (home.is_absolute() and home.is_dir()):
        raise Unusable(f"there is no home folder {home}")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


class Folder:
    """The folder, open and checked: the files below are looked up in it, whatever happens to its
    name meanwhile. ``SUFFIXES`` are those of our files."""

    SUFFIXES = (".twofold", ".sources", PARTIAL)

    def __init__(self, place: Path) -> None:
        self.place = place
        self.fd: int | None = None

    @staticmethod
    def make(place: Path) -> None:
        """Make the folder, for this user only."""
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)

    def __enter__(self) -> Folder:
        if not _KNOWN:
            return self
        try:
            self.fd = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except NotADirectoryError:
            raise Unusable(f"{self.place} is a link, or lies in a file, or is one") from None
        try:
            _check_private(os.fstat(self.fd), self.place)
        except Unusable:
            os.close(self.fd)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self.fd is not None:
            os.close(self.fd)

    def _name(self, name: str) -> str:
        return name if _KNOWN else str(self.place / name)

    def read(self, name: str, *, mark: bool = False) -> bytes:
        """A file of this user; ``mark`` that it was used."""
        flags = os.O_RDONLY
        if _KNOWN:
            flags |= os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(self._name(name), flags, dir_fd=self.fd)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise Unusable(f"{name} is no entry")
            if _KNOWN:
                _check_private(found, name)
            with open(fd, "rb", closefd=False) as file:
                data = file.read()
        finally:
            os.close(fd)
        if mark and abs(time.time() - found.st_mtime) > TOUCH_AFTER:
            with suppress(OSError):
                os.utime(self._name(name), dir_fd=self.fd)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write beside the name, then rename."""
        partial = f"{os.urandom(8).hex()}{PARTIAL}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        fd = os.open(self._name(partial), flags, 0o600, dir_fd=self.fd)
        try:
            with open(fd, "wb") as file:
                file.write(data)
            os.replace(self._name(partial), self._name(name),
                       src_dir_fd=self.fd, dst_dir_fd=self.fd)  # fmt: skip
        except BaseException:
            with suppress(OSError):
                os.unlink(self._name(partial), dir_fd=self.fd)
            raise

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Our files, the partial ones too, and links in their place; no folders."""
        for name in os.listdir(self.place if self.fd is None else self.fd):
            if name.endswith(self.SUFFIXES):
                try:
                    found = os.stat(self._name(name), dir_fd=self.fd, follow_symlinks=False)
                except OSError:  # it has gone
                    continue
                if not stat.S_ISDIR(found.st_mode):
                    yield name, found

    def remove(self, name: str) -> None:
        """Remove a file, unless it has gone."""
        with suppress(FileNotFoundError):
            os.unlink(self._name(name), dir_fd=self.fd)


def _check_private(found: os.stat_result, what: object) -> None:
    if found.st_uid != os.geteuid():
        raise Unusable(f"{what} belongs to another user")
    if found.st_mode & 0o022:
        raise Unusable(f"others may write to {what}")
