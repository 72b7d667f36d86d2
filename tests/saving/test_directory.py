"""Saving is whole or not at all: processes that die, disks that are full, other things in the way."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

import twofold as tf
from twofold.saving import directory
from twofold.saving.beside import beside, sweep
from twofold.saving.directory import MANIFEST, read_directory, write_directory

STEPS = ("replace", "rename", "fsync", "mkdir", "unlink")


def write(path: Path, text: str) -> None:
    write_directory(path, "test", {"a.txt": text.encode(), "b.txt": text.encode()}, {})


def held(path: Path) -> str:
    saved = read_directory(path, "test")
    a, b = saved.read("a.txt").decode(), saved.read("b.txt").decode()
    assert a == b
    return a


def dies_at(step: int, path: Path, text: str) -> bool:
    """Whether a child that writes is killed before its system call number ``step``."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(real: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            write(path, text)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("first", [True, False])
def test_a_process_that_is_killed_leaves_the_old_state_or_the_new(
    tmp_path: Path, first: bool
) -> None:
    step, states = 1, set()
    while True:
        path = tmp_path / str(step) / "saved"
        if not first:
            write(path, "old")
        dead = dies_at(step, path, "new")
        if path.exists():
            states.add(held(path))
        else:
            assert first
            states.add("none")
        if not dead:
            break
        write(path, "after")  # the next save cleans up
        assert held(path) == "after"
        assert len(os.listdir(path)) == 3
        assert os.listdir(path.parent) == ["saved"]
        step += 1
    assert step > 5
    assert states == {"none" if first else "old", "new"}


@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, first: bool) -> None:
    path = tmp_path / "saved"
    if not first:
        write(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(tf.errors.SaveError, match="cannot be written"):
            write(path, "x" * 2000)
        with pytest.raises(OSError, match="cannot be written"):
            module = tf.Module()
            module.v = tf.Variable(tf.zeros(1000))
            tf.saved_model.save(module, tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ([] if first else ["saved"])
    if not first:
        assert held(path) == "old"
        assert sorted(os.listdir(path)) == ["a.txt", "b.txt", MANIFEST]


def test_what_is_left_over_goes_and_what_others_write_stays(tmp_path: Path) -> None:
    target = tmp_path / "model.keras"
    mine = beside(target)
    child = os.fork()
    if child == 0:
        beside(target).write_text("half")
        os._exit(0)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".keras" and left.name.startswith(".")
    host, process = left.name.split(".")[1:3]
    stays = [
        mine,
        tmp_path / left.name.replace(host, "elsewhere"),
        tmp_path / left.name.replace(f".{process}.", f".{os.getppid()}."),
        tmp_path / left.name.replace("model", "other"),
        tmp_path / f".{process}.model.keras",
    ]
    goes = [left, tmp_path / mine.name.replace(mine.name.split(".")[3], "00-0")]
    for place in (*stays, *goes):
        place.write_text("half")
    sweep(target)
    assert sorted(tmp_path.iterdir()) == sorted(stays)


def test_something_else_in_the_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    for name in ("file", "folder"):
        with pytest.raises(tf.errors.ArgumentError, match="left as it is"):
            write(tmp_path / name, "new")
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "mine.txt").read_text()
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "new")
    assert held(tmp_path / "empty") == "new"


def test_files_of_others_in_a_saved_directory_stay(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    for text in ("one", "two", "three"):
        write(path, text)
        (path / "notes.txt").write_text("mine")
    assert held(path) == "three"
    assert len(os.listdir(path)) == 4


def test_the_manifest_says_versions_sizes_and_checksums(tmp_path: Path) -> None:
    write(tmp_path / "saved", "text")
    manifest = json.loads((tmp_path / "saved" / MANIFEST).read_text())
    assert manifest["format"] == "twofold.test"
    assert (manifest["version"], manifest["twofold"]) == (directory.VERSION, tf.__version__)
    assert manifest["files"]["a.txt"]["bytes"] == 4
    assert len(manifest["files"]["a.txt"]["sha256"]) == 64


def test_a_place_that_is_not_writable_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(tf.errors.SaveError, match="cannot be written"):
        write(tmp_path / "file" / "below" / "saved", "text")
