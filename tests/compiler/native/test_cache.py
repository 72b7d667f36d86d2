"""The cache on disk: a second process loads; what is wrong is rebuilt, never run; nothing breaks."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twofold.compiler.native import cache, identity, machine
from twofold.runtime.loader import load

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")
LLVM = "define i64 @{symbol}() {{ ret i64 {number} }}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which does not exist yet."""
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("TWOFOLD_CACHE_DIR", str(folder))
    monkeypatch.delenv("TWOFOLD_CACHE", raising=False)
    monkeypatch.setattr(cache, "_notes", {})
    monkeypatch.setattr(cache, "_written", 0)
    identity.identity()
    monkeypatch.setattr(identity, "_found", [])
    return folder


class Compiler:
    """Stands for code generation, and counts what is compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from twofold.compiler.native import codegen

        self.made: list[str] = []
        real = codegen.object_code

        def object_code(llvm: str, name: str) -> bytes:
            self.made.append(name)
            return real(llvm, name)

        monkeypatch.setattr(codegen, "object_code", object_code)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    return Compiler(monkeypatch)


def source(number: int) -> machine.Source:
    return machine.Source(
        f"number{number}", f"the number {number}",
        lambda symbol: LLVM.format(symbol=symbol, number=number),
    )  # fmt: skip


def value(number: int) -> int:
    """What the code of a source returns, as a new process would get it: nothing is loaded yet."""
    import ctypes

    machine._loaded.clear()
    (code,) = machine.provide([source(number)])
    return ctypes.CFUNCTYPE(ctypes.c_int64)(code.addresses[source(number).symbol])()


def only_entry(place: Path) -> Path:
    (entry,) = place.glob("*.twofold")
    return entry


def test_what_was_compiled_is_loaded_again(place: Path, compiler: Compiler) -> None:
    assert [value(7), value(7), value(8), value(7)] == [7, 7, 8, 7]
    assert compiler.made == ["number7", "number8"]


def test_entries_are_private_and_readable(place: Path, compiler: Compiler) -> None:
    value(7)
    first, head, *_ = only_entry(place).read_bytes().split(b"\n")
    assert first == b"twofold object code, form 1"
    assert json.loads(head)["content"] == "the number 7"
    if os.name == "posix":
        assert place.stat().st_mode & 0o777 == 0o700
        assert only_entry(place).stat().st_mode & 0o777 == 0o600
    (entry,) = cache.entries()
    assert (entry.name, entry.content, entry.identity) == ("number7", "the number 7",
                                                           identity.identity())  # fmt: skip


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing left": lambda d: b"",
    "half of it": lambda d: d[: len(d) // 2],
    "a byte short": lambda d: d[:-1],
    "a byte more": lambda d: d + b"\0",
    "only the digest": lambda d: d[-32:],
    "another file": lambda d: b"\x7fELF" + bytes(500),
    "zeros": lambda d: bytes(len(d)),
    "the first line": lambda d: flipped(d, 3),
    "the head": lambda d: flipped(d, 60),
    "the code": lambda d: flipped(d, len(d) - 100),
    "the digest": lambda d: flipped(d, len(d) - 1),
    "another form": lambda d: d.replace(b"form 1", b"form 9", 1) + b" ",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_rebuilt(damage: str, place: Path, compiler: Compiler) -> None:
    value(7)
    entry = only_entry(place)
    good = entry.read_bytes()
    entry.write_bytes(DAMAGE[damage](good))
    assert value(7) == 7
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2
    assert cache.notes()
    assert cache.explain("the number 7") == "hit"


def repacked(entry: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The entry with another head and a digest that fits: whole, but foreign."""
    head, code = cache._unpack(entry.read_bytes())
    change(head)
    data = cache.FIRST_LINE + json.dumps(head).encode() + b"\n" + code
    entry.write_bytes(data + hashlib.blake2b(data, digest_size=32).digest())


HEADS = [b"", b"[]", b"7", b"{", b"null", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000,
         b'{"length": 3}',
         b'{"content": 7, "identity": {}, "name": "x", "length": 3, "made": 0, "milliseconds": 0}',
         ]  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_whole_entry_with_a_wrong_head_is_rebuilt(
    head: bytes, place: Path, compiler: Compiler
) -> None:
    value(7)
    data = cache.FIRST_LINE + head + b"\n" + b"abc"
    only_entry(place).write_bytes(data + hashlib.blake2b(data, digest_size=32).digest())
    assert cache.explain("the number 7").startswith("miss: an entry's head ")
    assert list(cache.entries()) == []
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2


@pytest.mark.parametrize("change", [
    {"name": "\x1b[31m"}, {"name": "\ud800"}, {"identity": {"cpu": ["x"]}},
    {"identity": {"cpu\n": "x"}}, {"made": float("nan")}, {"made": float("inf")},
    {"milliseconds": -1.0}, {"milliseconds": 1e300},
])  # fmt: skip
def test_a_head_that_cannot_be_shown_is_no_entry(
    change: dict[str, Any], place: Path, compiler: Compiler
) -> None:
    value(7)
    repacked(only_entry(place), lambda head: head.update(change))
    assert list(cache.entries()) == []
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2


@pytest.mark.parametrize("key", sorted(identity.identity()))
def test_an_entry_of_another_version_or_cpu_is_rebuilt(
    key: str, place: Path, compiler: Compiler
) -> None:
    value(7)
    repacked(only_entry(place), lambda head: head["identity"].update({key: "other"}))
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2


def test_an_entry_under_the_name_of_another_is_rebuilt(place: Path, compiler: Compiler) -> None:
    value(7)
    seven = only_entry(place)
    value(8)
    eight = place / cache.file_name("the number 8")
    shutil.copy(seven, eight)
    assert value(8) == 8
    assert compiler.made == ["number7", "number8", "number8"]


def test_a_whole_entry_that_cannot_be_linked_is_rebuilt(place: Path, compiler: Compiler) -> None:
    value(7)
    content = "the number 7"
    cache.put(content, "number7", b"no object code at all", 1.0)
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2
    assert "number7 is compiled again: " in " ".join(cache.notes())


def test_another_identity_has_entries_of_its_own(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    value(7)
    changed = identity.identity() | {"numba": "0.1", "features": "few"}
    monkeypatch.setattr(cache, "identity", lambda: changed)
    monkeypatch.setattr(identity, "identity", lambda: changed)
    here = identity.differences(
        json.loads(only_entry(place).read_bytes().split(b"\n")[1])["identity"]
    )
    assert cache.explain("the number 7") == "miss: compiled for " + "; ".join(here)
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2
    assert len(list(place.glob("*.twofold"))) == 2


def test_code_of_sources_that_have_changed_since_is_not_kept(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(found.st_mtime for _, found in identity._sources())
    monkeypatch.setattr(identity, "_IMPORTED", newest - 1)
    works_without(compiler)
    assert "sources are not those that this process imported" in " ".join(cache.notes())
    with monkeypatch.context() as patch:
        patch.setattr(identity, "_sources", lambda: iter([]))  # bytecode alone, say
        works_without(compiler)
    monkeypatch.setattr(identity, "_IMPORTED", newest)
    assert [value(7), value(7)] == [7, 7]
    assert len(compiler.made) == 5


def test_a_process_whose_sources_have_changed_loads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = identity.identity()["emitter"]
    assert identity.identity.__wrapped__()["emitter"] == ours
    monkeypatch.setattr(identity, "_IMPORTED", 0.0)
    assert identity.identity.__wrapped__()["emitter"] != ours


def test_the_switches_of_numba_and_llvm_are_part_of_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = identity.identity.__wrapped__()["switches"]
    monkeypatch.setenv("NUMBA_ODD", "\n")
    assert identity.identity.__wrapped__()["switches"].isprintable()
    monkeypatch.delenv("NUMBA_ODD")
    seen = {before}
    for text in ("opt: 1", "opt: 2"):
        (tmp_path / identity.NUMBA_FILE).write_text(text)
        seen.add(identity.identity.__wrapped__()["switches"])
    assert len(seen) == 3


def test_every_source_that_writes_code_is_in_the_digest() -> None:
    found = {os.path.basename(path) for path, _ in identity._sources()}
    assert {
        "nest.py",
        "driver.py",
        "gemm.py",
        "products.py",
        "dims.py",
        "trigonometric.py",
    } <= found


def works_without(compiler: Compiler) -> None:
    before = len(compiler.made)
    assert [value(7), value(7)] == [7, 7]
    assert len(compiler.made) == before + 2


def test_it_can_be_switched_off(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", "0")
    works_without(compiler)
    assert not place.exists()
    assert cache.explain("the number 7") == "miss: the cache is switched off (TWOFOLD_CACHE)"
    assert cache.clear() == 0


@posix
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(
    mode: int, place: Path, compiler: Compiler
) -> None:
    value(7)
    place.chmod(mode)
    works_without(compiler)
    assert cache.explain("the number 7") == f"miss: others may write to {place}"


@posix
def test_an_entry_that_others_may_write_to_is_rebuilt(place: Path, compiler: Compiler) -> None:
    value(7)
    only_entry(place).chmod(0o666)
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2
    assert only_entry(place).stat().st_mode & 0o777 == 0o600


@posix
def test_a_folder_of_another_user_is_not_used(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    value(7)
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    works_without(compiler)
    assert cache.explain("the number 7") == f"miss: {place} belongs to another user"


@posix
def test_links_are_not_followed(place: Path, compiler: Compiler, tmp_path: Path) -> None:
    value(7)
    entry = only_entry(place)
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert value(7) == 7
    assert compiler.made == ["number7"] * 2
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    works_without(compiler)


@posix
def test_a_pipe_or_a_folder_in_the_place_of_an_entry_does_no_harm(
    place: Path, compiler: Compiler
) -> None:
    value(7)
    entry = only_entry(place)
    entry.unlink()
    os.mkfifo(entry)
    assert value(7) == 7
    entry.unlink()
    entry.mkdir()
    before = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    assert value(7) == 7
    assert value(8) == 8
    if before:
        assert len(os.listdir("/dev/fd")) == before  # it was closed again
    assert cache.clear() == 1
    assert entry.is_dir()  # which is none of ours


def test_a_file_in_the_place_of_the_folder(place: Path, compiler: Compiler) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    works_without(compiler)
    assert place.read_text() == "mine"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_a_disk_that_takes_nothing(
    code: int, place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    value(8)
    real = os.open

    def refuse(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(code, os.strerror(code))
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    works_without(compiler)
    assert value(8) == 8  # what is there is still read
    assert os.strerror(code) in " ".join(cache.notes())
    assert len(list(place.iterdir())) == 1


def test_a_disk_that_fills_up_while_an_entry_is_written(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    works_without(compiler)
    assert list(place.iterdir()) == []


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do all")
def test_a_folder_without_permission(place: Path, compiler: Compiler) -> None:
    value(7)
    for mode in (0o500, 0o000):
        place.chmod(mode)
        assert value(7) == 7
        assert value(9) == 9
    place.chmod(0o700)


@pytest.mark.parametrize("home", ["/nowhere/at/all", "/proc/nobody", "/dev/null", "", "relative"])
@posix
def test_a_home_that_does_not_exist(
    home: str, place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TWOFOLD_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    works_without(compiler)
    assert "there is no home folder" in " ".join(cache.notes())
    assert cache.explain("the number 7").startswith("miss: there is no home folder")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE_DIR", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.delenv("TWOFOLD_CACHE_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.folder() == tmp_path / "x" / "twofold"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification says to ignore
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "twofold"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == tmp_path / "Library" / "Caches" / "twofold"


def test_it_is_bounded_and_keeps_what_was_used_last(
    place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(20, 40)
    for age, number in enumerate(numbers):
        value(number)
        entry = place / cache.file_name(f"the number {number}")
        os.utime(entry, (0, time.time() - 90_000 + age))
    value(21)  # used now
    size = max(cache._on_disk(f.stat()) for f in place.iterdir())
    monkeypatch.setattr(cache, "limit", lambda: 8 * size)
    monkeypatch.setattr(cache, "_written", 0)
    value(99)
    left = {e.name for e in cache.entries()}
    assert {"number99", "number21", "number39"} <= left
    assert "number20" not in left
    assert sum(cache._on_disk(f.stat()) for f in place.iterdir()) <= 8 * size


def test_partial_files_that_nobody_finishes_are_removed(place: Path, compiler: Compiler) -> None:
    place.mkdir(parents=True, mode=0o700)
    old, new = place / "a.partial", place / "b.partial"
    for file in (old, new):
        file.write_bytes(b"half")
    future = place / "c.partial"  # the clock has gone back since
    future.write_bytes(b"half")
    os.utime(old, (0, time.time() - 7200))
    os.utime(future, (0, time.time() + 7200))
    value(7)
    assert not old.exists()
    assert not future.exists()
    assert new.exists()


@pytest.mark.parametrize("wrong", ["much", "-1", "1.5", ""])
def test_a_limit_that_is_no_number_is_noted(
    wrong: str, place: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE_MB", wrong)
    assert value(7) == 7
    assert "TWOFOLD_CACHE_MB is a number of megabytes" in " ".join(cache.notes())


def test_clear_removes_entries_and_only_entries(place: Path, compiler: Compiler) -> None:
    for number in (7, 8):
        value(number)
    (place / "notes.txt").write_text("mine")
    os.utime(place / cache.file_name("the number 7"), (0, time.time() - 7200))
    assert cache.clear(older_than=3600) == 1
    assert cache.explain("the number 7") == "miss: never compiled here, or removed since"
    assert cache.clear() == 1
    assert [f.name for f in place.iterdir()] == ["notes.txt"]
    value(9)
    os.utime(only_entry(place), (0, time.time() + 7200))
    assert cache.clear(older_than=1) == 0
    assert cache.clear() == 1  # though it is from the future


WRITER = """
import sys
from twofold.compiler.native import cache
for i in range(150):
    cache.put("shared", "shared", bytes([i]) * 200_000, 1.0)
    print(i, flush=True)
"""


def python(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, text=True)


def test_several_writers_of_one_entry_leave_a_whole_one(place: Path) -> None:
    writers = [python(WRITER) for _ in range(3)]
    seen = 0
    while any(w.poll() is None for w in writers):
        data = cache.get("shared")
        if data is not None:
            seen += 1
            assert len(data) == 200_000
            assert len(set(data)) == 1
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert seen
    assert not cache.notes()
    assert len(list(place.glob("*.twofold"))) == 1


@posix
def test_a_writer_that_is_killed_leaves_a_whole_entry(place: Path) -> None:
    writer = python(WRITER)
    assert writer.stdout is not None
    for _ in range(4):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    data = cache.get("shared")
    assert data is not None
    assert len(data) == 200_000
    assert len(set(data)) == 1


SECOND = """
import sys
import numpy as np
import twofold as tf

w = tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3))

@tf.function(jit_compile=True)
def step(x):
    with tf.GradientTape() as tape:
        loss = tf.mean(tf.nn.softmax(tf.tanh(x @ w)) ** 2)
    w.assign_sub(0.1 * tape.gradient(loss, w))
    return loss

x = tf.constant(np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4))
with tf.GradientTape() as tape:  # a derivative of a call is compiled, too
    tape.watch(x)
    y = tf.sum(tf.function(lambda x: tf.exp(x) * 3 + tf.sum(x), jit_compile=True)(x))
losses = [float(step(x)) for _ in range(3)]
late = [m for m in ("numba", "networkx", "scipy", "llvmlite.binding") if m in sys.modules]
print(losses, tape.gradient(y, x).numpy().tolist())
print(late)
"""


def test_a_second_process_imports_no_compiler(place: Path) -> None:
    first, second = (python(SECOND).communicate()[0].splitlines() for _ in range(2))
    assert "numba" in first[1]
    assert second == [first[0], "[]"]


def test_loaded_code_has_the_size_of_its_pages(place: Path) -> None:
    machine._loaded.clear()
    (code,) = machine.provide([source(7)])
    assert 0 < code.size <= 2 * os.sysconf("SC_PAGE_SIZE")
    assert load(cache.get("the number 7") or b"").addresses.keys() == code.addresses.keys()
