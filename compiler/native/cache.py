"""Machine code on disk: what one process has compiled, the next one loads.

An entry is a file named by its content and by ``identity()``: a first line, a line of JSON for
people to read (``head -2``), the object code, a digest of all of it. It is used when the digest is
right and content and identity are those that are asked for, word for word; what is damaged,
half-written or foreign is as good as absent, and is compiled again.

- *Private* and *atomic*: see ``folder.py``.
- *Bounded.* Above ``TWOFOLD_CACHE_MB`` (64) the entries go that were not used for longest.
- *Optional.* Whatever goes wrong with the disk is noted in ``notes()`` and in the log
  ``twofold.cache`` (level debug), and the process compiles as if there were no cache, which is what
  ``TWOFOLD_CACHE=0`` asks for.

Lock discipline: none is needed in a process; between processes the file system's rename is enough.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .folder import PARTIAL, Folder, Unusable, folder, off
from .identity import differences, identity, remember, unchanged

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:  # an interpreter without CPython's extension
    from json.encoder import py_encode_basestring_ascii as _quoted

__all__ = ["Entry", "Unusable", "clear", "entries", "explain", "folder", "get", "note", "notes",
           "off", "put"]  # fmt: skip

FIRST_LINE = b"twofold object code, form 1\n"
NUMBER = (int, float)
FIELDS: dict[str, Any] = {"name": str, "content": str, "identity": dict, "length": int,
                          "made": NUMBER, "milliseconds": NUMBER}  # fmt: skip
# How a line of JSON begins, mostly: where it does so, and ends as it has to, nobody need parse it.
PLAIN = re.compile(
    rb'\{"name": "\w+", "length": (\d{1,9}), "made": \d{1,15}\.\d+, '
    rb'"milliseconds": \d{1,8}\.\d+, '
)
SUFFIX = ".twofold"
ABANDONED = 3600.0  # seconds after which a partial file is nobody's
LONGEST = 1e9  # milliseconds that compiling can have taken
DIGEST = 32

_notes: dict[str, None] = {}  # what went wrong, each once
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
        with Folder(place) as here:
            data = here.read(file_name(content), mark=True)
            remember(here)
            return _object(data, content)
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
        Folder.make(place)
        with Folder(place) as here:
            here.write(file_name(content), _pack(content, name, code, milliseconds))
            remember(here)
            _bound(here, len(code))
    except (OSError, Unusable) as error:
        note("not kept in the cache", error)


def file_name(content: str) -> str:
    """The name of the entry for a content on this machine."""
    return f"{digest(content)}-{digest(_tail(''))[:16]}{SUFFIX}"


def digest(text: str) -> str:
    """Sixteen bytes that stand for a text, in hexadecimal."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _tail(content: str) -> str:
    """The end of an entry's line of JSON, as ``json.dumps`` writes identity and content."""
    ours = ", ".join([f"{_quoted(key)}: {_quoted(text)}" for key, text in identity().items()])
    return f'"identity": {{{ours}}}, "content": {_quoted(content)}}}'


def _pack(content: str, name: str, code: bytes, milliseconds: float) -> bytes:
    head = f'{{"name": {_quoted(name)}, "length": {len(code)}, "made": {time.time()!r}, '
    head += f'"milliseconds": {float(milliseconds)!r}, {_tail(content)}'
    data = FIRST_LINE + head.encode() + b"\n" + code
    return data + hashlib.blake2b(data, digest_size=DIGEST).digest()


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The line of JSON and the object code of an entry; raises ``Unusable`` if it is not whole."""
    body, sign = data[:-DIGEST], data[-DIGEST:]
    if not data.startswith(FIRST_LINE):
        raise Unusable("an entry does not start as entries do")
    if hashlib.blake2b(body, digest_size=DIGEST).digest() != sign:
        raise Unusable("an entry is damaged")
    line, _, code = body[len(FIRST_LINE) :].partition(b"\n")
    return line, code


def _unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Head and object code of an entry; raises ``Unusable`` if they are not those of one."""
    import json  # noqa: PLC0415  (a millisecond: a hit mostly needs none)

    line, code = _parts(data)
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
    line, code = _parts(data)
    tail = _tail(content).encode()
    first = PLAIN.fullmatch(line[: -len(tail)])
    if line.endswith(tail) and first is not None and int(first[1]) == len(code):
        return code
    head, code = _unpack(data)
    if head["content"] != content or head["identity"] != identity():
        raise Unusable("an entry has the name of another")
    return code


def limit() -> int:
    """Bytes that the entries may take together."""
    text = os.environ.get("TWOFOLD_CACHE_MB", "64")
    if not text.strip().isdecimal():
        raise Unusable(f"TWOFOLD_CACHE_MB is a number of megabytes, not {text!r}")
    return int(text) << 20


def _bound(here: Folder, written: int) -> None:
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
    with Folder(place) as here:
        for name, found in sorted(here.files(), key=lambda f: -f[1].st_mtime):
            if not name.endswith(SUFFIX):
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
    with Folder(place) as here:
        for name, found in list(here.files()):
            # A clock that has gone back makes times of the future, which are not younger than 0 s.
            if max(now - found.st_mtime, 0.0) >= older_than:
                here.remove(name)
                count += name.endswith(SUFFIX)
    return count


def explain(content: str) -> str:
    """In words, whether a kernel is loaded from the cache, and if not, why."""
    try:
        place = folder()
        if place is None:
            return "miss: the cache is switched off (TWOFOLD_CACHE)"
        with Folder(place) as here:
            try:
                _object(here.read(file_name(content)), content)
                return "hit"
            except FileNotFoundError:
                return _relatives(here, content)
    except FileNotFoundError:
        return f"miss: there is no {place}"
    except (OSError, Unusable) as error:
        return f"miss: {error}"


def _relatives(here: Folder, content: str) -> str:
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
