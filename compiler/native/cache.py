"""Machine code on disk: what one process has compiled, the next one loads.

An entry is a file named by its content and by ``identity()``: a first line, a line of JSON for
people to read (``head -2``), the object code, a digest of all of it. It is used when the digest is
right and content and identity are those that are asked for, word for word; what is damaged,
half-written or foreign is as good as absent, and is compiled again.

- *Private.* The folder belongs to the user and nobody else may write to it, or it is not used. New
  folders have mode 0700, files 0600. A link in the place of folder or entry is not followed.
- *Atomic.* An entry is written beside its name and renamed, so a process that is killed, or two
  that write one entry, leave a whole one or none.
- *Bounded.* Above ``TWOFOLD_CACHE_MB`` (64) the entries go that were not used for longest.
- *Optional.* Whatever goes wrong with the disk is noted in ``notes()`` and in the log
  ``twofold.cache`` (level debug), and the process compiles as if there were no cache, which is what
  ``TWOFOLD_CACHE=0`` asks for.

Lock discipline: none is needed in a process; between processes the file system's rename is enough.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from .identity import differences, identity, unchanged

__all__ = ["Entry", "clear", "entries", "explain", "folder", "get", "note", "notes", "off",
           "put"]  # fmt: skip

FIRST_LINE = b"twofold object code, form 1\n"
NUMBER = (int, float)
FIELDS: dict[str, Any] = {"name": str, "content": str, "identity": dict, "length": int,
                          "made": NUMBER, "milliseconds": NUMBER}  # fmt: skip
SUFFIX, PARTIAL = ".twofold", ".partial"
LARGEST = 64 << 20  # bytes of an entry
TOUCH_AFTER = 3600.0  # seconds between two marks that an entry was used
ABANDONED = 3600.0  # seconds after which a partial file is nobody's
LONGEST = 1e9  # milliseconds that compiling can have taken
DIGEST = 32
_KNOWN = os.name == "posix"  # whether owners and modes say who may write

_notes: dict[str, None] = {}  # what went wrong, each once
_switched_off = 0  # how many ``off`` blocks run
_written = 0  # bytes since the size was last looked at


class Entry(NamedTuple):
    """An entry as its first lines describe it."""

    path: Path
    size: int
    used: float  # when it was last written or (about) read, in seconds since 1970
    name: str
    content: str
    identity: dict[str, str]
    milliseconds: float  # that compiling took
    made: float

    @property
    def key(self) -> str:
        """The digest of the content."""
        return digest(self.content)


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


def notes() -> list[str]:
    """What went wrong with the cache in this process, each thing once."""
    return list(_notes)


def note(what: str, error: object) -> None:
    """Remember what went wrong, and tell the log."""
    text = f"{what}: {error}"
    if text not in _notes:
        import logging  # noqa: PLC0415  (slow, and mostly not needed)

        _notes[text] = None
        logging.getLogger("twofold.cache").debug(text)


def get(content: str) -> bytes | None:
    """The object code for a content, if a right entry is there."""
    try:
        place = folder()
        if place is None:
            return None
        with _Folder(place) as here:
            return _object(here.read(file_name(content), mark=True), content)
    except FileNotFoundError:
        return None
    except (OSError, Unusable) as error:
        note("not loaded from the cache", error)
        return None


def put(content: str, name: str, code: bytes, milliseconds: float) -> None:
    """Keep object code; if that is not possible, nothing happens but a note."""
    try:
        place = folder()
        if place is None:
            return
        if not unchanged():
            raise Unusable("twofold's sources are not those that this process imported")
        _Folder.make(place)
        with _Folder(place) as here:
            here.write(file_name(content), _pack(content, name, code, milliseconds))
            _bound(here, len(code))
    except (OSError, Unusable) as error:
        note("not kept in the cache", error)


def file_name(content: str) -> str:
    """The name of the entry for a content on this machine."""
    ours = json.dumps(identity(), sort_keys=True)
    return f"{digest(content)}-{digest(ours)[:16]}{SUFFIX}"


def digest(text: str) -> str:
    """Sixteen bytes that stand for a text, in hexadecimal."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _pack(content: str, name: str, code: bytes, milliseconds: float) -> bytes:
    head = {"name": name, "length": len(code), "made": time.time(), "milliseconds": milliseconds,
            "identity": identity(), "content": content}  # fmt: skip
    data = FIRST_LINE + json.dumps(head).encode() + b"\n" + code
    return data + hashlib.blake2b(data, digest_size=DIGEST).digest()


def _unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Head and object code of an entry; raises ``Unusable`` if it is not whole."""
    body, sign = data[:-DIGEST], data[-DIGEST:]
    if not data.startswith(FIRST_LINE):
        raise Unusable("an entry does not start as entries do")
    if hashlib.blake2b(body, digest_size=DIGEST).digest() != sign:
        raise Unusable("an entry is damaged")
    line, _, code = body[len(FIRST_LINE) :].partition(b"\n")
    try:
        head = json.loads(line)
        right = all(isinstance(head[key], kind) for key, kind in FIELDS.items())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unusable(f"an entry's head cannot be read: {error!r}") from None
    if not right or len(code) != head["length"] or not _sound(head):
        raise Unusable("an entry's head is not that of its code")
    return head, code


def _sound(head: dict[str, Any]) -> bool:
    """Whether what people are shown of a head can be shown: it may be no head of ours."""
    texts = [head["name"], *head["identity"], *head["identity"].values()]
    return (
        all(isinstance(text, str) and (not text or text.isprintable()) for text in texts)
        and 0 <= head["made"] < math.inf
        and 0 <= head["milliseconds"] < LONGEST
    )


def _object(data: bytes, content: str) -> bytes:
    head, code = _unpack(data)
    if head["content"] != content or head["identity"] != identity():
        raise Unusable("an entry has the name of another")
    return code


class _Folder:
    """The cache's folder, open and checked: the files below are looked up in it, whatever happens
    to its name meanwhile."""

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

    def __enter__(self) -> _Folder:
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
        """The entries and the partial files, and links in their place; no folders."""
        for name in os.listdir(self.place if self.fd is None else self.fd):
            if name.endswith((SUFFIX, PARTIAL)):
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


def limit() -> int:
    """Bytes that the entries may take together."""
    text = os.environ.get("TWOFOLD_CACHE_MB", "64")
    if not text.strip().isdecimal():
        raise Unusable(f"TWOFOLD_CACHE_MB is a number of megabytes, not {text!r}")
    return int(text) << 20


def _bound(here: _Folder, written: int) -> None:
    """Remove what was not used for longest, now and then."""
    global _written
    most = limit()
    first = _written == 0
    _written += written
    if not first and _written < most // 16:
        return
    _written = 1
    now = time.time()
    files = sorted(here.files(), key=lambda f: f[1].st_mtime)
    total = sum(_on_disk(f) for _, f in files)
    goal = most if total <= most else most - most // 4
    for name, found in files:
        if name.endswith(PARTIAL):
            if abs(now - found.st_mtime) > ABANDONED:  # the clock may have gone back
                here.remove(name)
        elif total > goal:
            here.remove(name)
            total -= _on_disk(found)


def _on_disk(found: os.stat_result) -> int:
    """The bytes that a file takes on disk, where the system tells."""
    return max(found.st_size, getattr(found, "st_blocks", 0) * 512)


def entries() -> Iterator[Entry]:
    """The whole entries, last used first. Raises ``OSError`` or ``Unusable`` for a bad folder."""
    place = folder()
    if place is None or not place.exists():
        return
    with _Folder(place) as here:
        for name, found in sorted(here.files(), key=lambda f: -f[1].st_mtime):
            if name.endswith(PARTIAL):
                continue
            with suppress(OSError, Unusable):
                head, _ = _unpack(here.read(name))
                yield Entry(place / name, found.st_size, found.st_mtime, head["name"],
                            head["content"], head["identity"], head["milliseconds"],
                            head["made"])  # fmt: skip


def clear(older_than: float = 0.0) -> int:
    """Remove the entries not used for so many seconds; how many there were."""
    place = folder()
    if place is None or not place.exists():
        return 0
    now, count = time.time(), 0
    with _Folder(place) as here:
        for name, found in list(here.files()):
            # A clock that has gone back makes times of the future, which are not younger than 0 s.
            if max(now - found.st_mtime, 0.0) >= older_than:
                here.remove(name)
                count += 1
    return count


def explain(content: str) -> str:
    """In words, whether a kernel is loaded from the cache, and if not, why."""
    try:
        place = folder()
        if place is None:
            return "miss: the cache is switched off (TWOFOLD_CACHE)"
        with _Folder(place) as here:
            try:
                _object(here.read(file_name(content)), content)
                return "hit"
            except FileNotFoundError:
                return _relatives(here, content)
    except FileNotFoundError:
        return f"miss: there is no {place}"
    except (OSError, Unusable) as error:
        return f"miss: {error}"


def _relatives(here: _Folder, content: str) -> str:
    """Why an entry is absent, by the entries of the same content for other identities."""
    start = digest(content)
    found = []
    for name, _ in here.files():
        if name.startswith(start) and name.endswith(SUFFIX):
            with suppress(OSError, Unusable):
                head, _ = _unpack(here.read(name))
                found.append("; ".join(differences(head["identity"])))
    if not found:
        return "miss: never compiled here, or removed since"
    return "miss: compiled for " + ", and for ".join(found)
