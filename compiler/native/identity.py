"""What machine code depends on besides its kernel: versions, the CPU, the interpreter.

An entry of the cache on disk is used only where all of this is the same. It is found without LLVM
and without numba, which cost more to import than a kernel to load.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from twofold._version import __version__

from .folder import Folder, Unusable, folder

__all__ = ["differences", "identity", "remember", "unchanged"]

Source = tuple[str, os.stat_result]  # a file and what the system says of it

_IMPORTED = time.time()
_found: list[tuple[str, str]] = []  # the state of the sources and their digest, not on disk yet
CPU_FIELDS = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features",
              "CPU implementer", "CPU architecture", "CPU variant", "CPU part")  # fmt: skip
KNOWN = ".sources"  # a file that says what the digest of the sources in its name is
NUMBA_FILE = ".numba_config.yaml"  # numba reads it in the working directory
WORDS = {
    "cpu": "a CPU of another kind",
    "emitter": "other sources of twofold",
    "llvmlite": "another version of llvmlite",
    "numba": "another version of numba",
    "python": "another Python",
    "switches": "other NUMBA_ or LLVM switches",
    "system": "another operating system",
    "twofold": "another version of twofold",
    "features": "a CPU with other features",
}


@functools.cache
def identity() -> dict[str, str]:
    """The names and values of everything that an entry of the cache must agree with.

    >>> sorted(identity())[:4]
    ['cpu', 'emitter', 'features', 'llvmlite']
    """
    import llvmlite  # noqa: PLC0415  (a stub that knows its version; LLVM itself is not loaded)

    name, features = _cpu()
    sources = list(_sources())
    return {
        "twofold": __version__,
        # Nobody else's, if a new twofold was installed below this process.
        "emitter": _emitter(sources) if _imported(sources) else secrets.token_hex(16),
        "llvmlite": llvmlite.__version__,
        "numba": _numba(),
        # The driver reads lists and arrays by their layout.
        "python": f"{sys.implementation.cache_tag} {object.__basicsize__}",
        "system": f"{sys.platform} {platform.machine()}",
        "cpu": name,
        "features": _digest(features),
        "switches": " ".join(_switches()),
    }


def differences(theirs: dict[str, str]) -> Iterator[str]:
    """In words, what an identity has that is not so here."""
    ours = identity()
    for key in sorted({*ours, *theirs}):
        a, b = theirs.get(key, ""), ours.get(key, "")
        if a != b:
            what = WORDS.get(key, f"another {key}")
            shown = "" if key in ("emitter", "features") else f": {a or 'none'}, here {b or 'none'}"
            yield what + shown


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def unchanged() -> bool:
    """Whether twofold's sources are there, and still those that this process has imported.

    Else what it compiles is not what they say, and must not be kept under their digest.
    """
    return _imported(list(_sources()))


def _imported(sources: Sequence[Source]) -> bool:
    return bool(sources) and max(found.st_mtime for _, found in sources) <= _IMPORTED


def _switches() -> Iterator[str]:
    """What numba and LLVM are told from outside: by variables, and by numba's file."""
    for name, value in sorted(os.environ.items()):
        if name.startswith(("NUMBA_", "LLVM_")):
            yield f"{name}={value}" if value.isprintable() else f"{name}={value!a}"
    with suppress(OSError):
        yield f"{NUMBA_FILE}={_digest(Path(NUMBA_FILE).read_bytes().hex())}"


def _sources() -> Iterator[Source]:
    """The files of the floors: whatever they hold may have a part in the code that is written."""
    for floor in ("compiler", "ir", "runtime"):
        yield from _below(f"{Path(__file__).parents[2]}/{floor}")


def _below(folder: str) -> Iterator[Source]:
    """The Python files in a folder and below; texts, since paths take as long as the reading."""
    try:
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda entry: entry.name)
        for entry in inside:
            if entry.name.endswith(".py"):
                yield entry.path, entry.stat()
    except OSError:
        return
    for entry in inside:
        if "." not in entry.name and entry.name != "__pycache__":
            yield from _below(entry.path)


def _emitter(sources: Sequence[Source]) -> str:
    """A digest of the sources, so that nobody has to count versions.

    Reading three hundred files takes as long as loading all that a training step needs. So a file
    of the cache's folder says what their digest was when each was in the state that it is in now:
    a file that is written to has another time of change, whatever else is set back.
    """
    state = _state(sources)
    known = _recall(state)
    if known is not None:
        return known
    found = hashlib.blake2b(digest_size=16)
    for path, _ in sources:
        with open(path, "rb", buffering=0) as file:
            found.update(os.path.basename(path).encode() + b"\0" + file.read())
    if _state(list(_sources())) == state:  # nobody wrote to one meanwhile
        _found[:] = [(state, found.hexdigest())]
    return found.hexdigest()


def _state(sources: Sequence[Source]) -> str:
    """A text that is another one when a file is written to, replaced, added or removed."""
    return _digest("\n".join([
        f"{path} {f.st_mtime_ns} {f.st_ctime_ns} {f.st_size} {f.st_ino} {f.st_dev}"
        for path, f in sources
    ]))  # fmt: skip


def _recall(state: str) -> str | None:
    """The digest of the sources in this state, if the cache's folder has it."""
    try:
        place = folder()
        if place is None:
            return None
        with Folder(place) as here:
            data = here.read(f"{state}{KNOWN}", mark=True)
    except (OSError, Unusable):  # what is wrong with the folder is said when an entry is looked for
        return None
    known = data[:32].decode("ascii", "replace")
    return known if data == _signed(state, known) else None


def remember(here: Folder) -> None:
    """Write the digest of the sources down for the next process, if it was not there."""
    while _found:
        state, digest = _found.pop()
        with suppress(OSError):
            here.write(f"{state}{KNOWN}", _signed(state, digest))


def _signed(state: str, digest: str) -> bytes:
    return f"{digest} {_digest(state + digest)}\n".encode()


def _numba() -> str:
    """The version of numba, read from its file: importing it takes half a second."""
    spec = importlib.util.find_spec("numba")
    if spec is None or not spec.submodule_search_locations:
        return "none"
    text = (Path(spec.submodule_search_locations[0]) / "_version.py").read_text()
    found = [line for line in text.splitlines() if '"version"' in line]
    return found[0].split('"')[3] if found else _digest(text)


def _cpu() -> tuple[str, str]:
    """The CPU's name, and a text that is the same on CPUs with the same features only."""
    fields = dict(_cpu_fields())
    if not fields:
        return _cpu_by_llvm()
    name = fields.get("model name") or fields.get("CPU part") or platform.machine()
    return name, repr(sorted(fields.items()))


def _cpu_fields() -> Iterator[tuple[str, str]]:
    """What Linux says about the first CPU; nothing elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, colon, value = line.partition(":")
                if not colon:
                    return  # the end of the first CPU
                if key.strip() in CPU_FIELDS:
                    yield key.strip(), value.strip()
    except OSError:
        return


def _cpu_by_llvm() -> tuple[str, str]:
    from llvmlite import binding  # noqa: PLC0415  (slow: only where the system does not say it)

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
