"""Directories that are there whole or not at all, and say what they hold.

    my_model/
      manifest.json         {"format": ..., "version": ..., "files": {name: {"bytes", "sha256"}}}
      objects.json  graphs.ir  weights.safetensors ...

A new directory is written beside its place, brought to disk (fsync) and renamed. In one that is
there already new files get names of their own, and the manifest, which is replaced by a rename,
says which ones count; the old ones go afterwards. So whoever looks finds the old state or the new
one, also after the process or the machine has stopped in between. Reading checks every file
against the manifest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from twofold._version import __version__
from twofold.ir.errors import ArgumentError, LoadError, MissingError, SaveError

from .beside import beside, sweep

__all__ = [
    "MANIFEST",
    "Content",
    "Saved",
    "is_saved",
    "read_directory",
    "read_manifest",
    "write_directory",
]

MANIFEST = "manifest.json"
VERSION = 1  # of what is written; a reader takes files whose "reader" is at most this
Content = bytes | Callable[[Path], None]  # what a file holds, or what writes it
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_MOST = 2**26  # bytes of a manifest
_CHUNK = 2**20


def write_directory(
    path: str | os.PathLike[str], kind: str, files: Mapping[str, Content], facts: dict[str, Any]
) -> None:
    """Write files and their manifest, with further ``facts``, as a directory of a kind.

    Raises SaveError where the disk is full or the place is not writable, and ArgumentError for a
    place where something else stands; nothing is changed then.
    """
    target = Path(os.path.abspath(path))
    try:
        _write(target, kind, files, facts)
    except SaveError:
        raise
    except OSError as error:
        raise SaveError(
            f"{target} cannot be written: {error.strerror or error}; what was there before is as "
            f"it was"
        ) from error


def _write(
    target: Path, kind: str, files: Mapping[str, Content], facts: dict[str, Any]
) -> None:  # fmt: skip
    old = _present(target, kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target)
    place = target if old is not None else beside(target)
    made: list[Path] = []
    try:
        if old is None:
            place.mkdir()
        listed = {}
        for name, content in files.items():
            file = place / _free(name, old or {})
            made.append(file)
            _put(file, content)
            listed[name] = {"file": file.name, **_digest(file)}
        manifest = {
            "format": f"twofold.{kind}", "version": VERSION, "reader": 1, "twofold": __version__,
            **facts, "files": listed,
        }  # fmt: skip
        draft = place / f"{MANIFEST}.tmp"
        made.append(draft)
        _put(draft, json.dumps(manifest, indent=1).encode())
        os.replace(draft, place / MANIFEST)
    except BaseException:
        for file in made:
            file.unlink(missing_ok=True)
        if old is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    _sync(place)
    if old is None:
        try:
            os.rename(place, target)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        _sync(target.parent)
    else:
        kept = {held["file"] for held in listed.values()}
        for held in old.values():
            if held["file"] not in kept:
                (target / held["file"]).unlink(missing_ok=True)


def _present(target: Path, kind: str) -> dict[str, Any] | None:
    """The files of the directory that is to be written over, or None if there is none."""
    if not target.exists():
        return None
    if target.is_dir():
        try:
            files: dict[str, Any] = read_manifest(target, kind)["files"]
        except LoadError:
            pass
        else:
            return files
        if not any(target.iterdir()):
            target.rmdir()
            return None
    raise ArgumentError(
        f"{target} is there and is no {kind.replace('_', ' ')} of twofold; it is left as it is: "
        f"choose another place, or remove it"
    )


def _free(name: str, old: Mapping[str, Any]) -> str:
    """A name that no file has which the present manifest counts."""
    taken = {held["file"] for held in old.values()}
    stem, dot, ending = name.partition(".")
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{stem}-{number}{dot}{ending}"
    return found


def _put(file: Path, content: Content) -> None:
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        content(file)
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot open directories
        number = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _digest(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": _sha256(file)}


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


# reading


class Saved:
    """A directory that was read: its manifest, and its files, each checked when it is asked for."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest

    def file(self, name: str) -> Path:
        """The path of a file that is what was written. Raises LoadError."""
        held = self.manifest["files"].get(name)
        if held is None:
            raise LoadError(f"{self.path} has no {name}, which its kind has; it is damaged")
        file: Path = self.path / held["file"]
        try:
            found = file.stat()
            same = stat.S_ISREG(found.st_mode) and found.st_size == held["bytes"]
            same = same and _sha256(file) == held["sha256"]
        except OSError as error:
            raise LoadError(f"{file} cannot be read: {error.strerror}") from error
        if not same:
            raise LoadError(
                f"{file} is not what was written (its size or its SHA-256 differs from the "
                f"manifest's): it is damaged or cut off; save it again, or take another copy"
            )
        return file

    def __contains__(self, name: str) -> bool:
        return name in self.manifest["files"]

    def read(self, name: str) -> bytes:
        """What a file holds. Raises LoadError."""
        return self.file(name).read_bytes()

    def json(self, name: str) -> Any:
        """What a file of JSON says. Raises LoadError."""
        return _json(self.read(name), self.path / name)


def read_directory(path: str | os.PathLike[str], kind: str) -> Saved:
    """A directory of a kind. Raises LoadError if it is none."""
    target = Path(os.path.abspath(path))
    return Saved(target, read_manifest(target, kind))


def is_saved(path: str | os.PathLike[str], kind: str) -> bool:
    """Whether a directory of this kind is there, whole as far as its manifest goes."""
    try:
        read_manifest(Path(path), kind)
    except LoadError:
        return False
    return True


def read_manifest(target: Path, kind: str) -> dict[str, Any]:
    """The manifest of a directory. Raises LoadError, with what is there instead, and its
    MissingError where nothing is."""
    what = kind.replace("_", " ")
    file = target / MANIFEST
    try:
        with open(file, "rb") as stream:
            text = stream.read(_MOST + 1)
    except FileNotFoundError:
        there = "a file" if target.is_file() else "a directory without one"
        there = there if target.exists() else "nothing"
        hint = _hint(target)
        kind_of_error = LoadError if target.exists() else MissingError
        raise kind_of_error(
            f"{target} is no {what}: it has no {MANIFEST} ({there} is there){hint}"
        ) from None
    except OSError as error:
        raise LoadError(f"{file} cannot be read: {error.strerror}") from error
    found = _json(text, file) if len(text) <= _MOST else None
    if not isinstance(found, dict) or not str(found.get("format", "")).startswith("twofold."):
        raise LoadError(f"{file} is no manifest of twofold, so {target} is no {what}")
    if found["format"] != f"twofold.{kind}":
        raise LoadError(f"{target} is a {found['format'][8:].replace('_', ' ')}, no {what}")
    reader = found.get("reader")
    if not isinstance(reader, int) or reader > VERSION:
        raise LoadError(
            f"{target} was written by twofold {found.get('twofold')} and needs a reader of version "
            f"{reader}; this is twofold {__version__}, which reads up to {VERSION}: update it"
        )
    for name, held in _files(found, file):
        if not (_NAME.fullmatch(name) and _NAME.fullmatch(held["file"])):
            raise LoadError(f"{file} names a file {held['file']!r}, which no manifest does")
    return found


def _files(manifest: dict[str, Any], file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    files = manifest.get("files")
    whole = isinstance(files, dict) and all(
        isinstance(held, dict)
        and isinstance(held.get("file"), str)
        and isinstance(held.get("bytes"), int)
        and isinstance(held.get("sha256"), str)
        for held in files.values()
    )
    if not whole:
        raise LoadError(f"{file} is damaged: it does not say which files there are")
    assert isinstance(files, dict)
    yield from files.items()


def _hint(target: Path) -> str:
    if (target / "saved_model.pb").exists():
        return "; it is a SavedModel of TensorFlow, which only TensorFlow reads"
    if target.suffix in (".keras", ".h5"):
        return "; a file of Keras is read by keras.models.load_model"
    return ""


def _json(text: bytes, file: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{file} is damaged: {error}") from error
