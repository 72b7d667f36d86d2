"""``twofold cache``: what is there, why a kernel is not, and clearing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.scripts import twofold

SCRIPT = """
import twofold as tf

@tf.function(jit_compile=True)
def f(x, w):
    return tf.tanh(x @ w) * 2.5

print(f(tf.ones((3, 4)), tf.ones((4, 2))).numpy().sum())
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWOFOLD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TWOFOLD_CACHE", raising=False)
    path = tmp_path / "model.py"
    path.write_text(SCRIPT)
    return path


def reasons(script: Path) -> dict[str, str]:
    rows: list[dict[str, Any]] = json.loads(twofold("cache", "why", f"{script}:f", "--json").stdout)
    return {row["name"]: row["why"] for row in rows}


def test_a_miss_becomes_a_hit_and_a_miss_again(script: Path, tmp_path: Path) -> None:
    names = {"tanh_multiply", "products", "driver", "threads"}
    assert reasons(script) == dict.fromkeys(names, f"miss: there is no {tmp_path / 'cache'}")
    assert not (tmp_path / "cache").exists()  # nothing was compiled for the answer
    twofold("compare", str(script))
    assert set(reasons(script).values()) == {f"miss: there is no {tmp_path / 'cache'}"}
    run(script)
    assert reasons(script) == dict.fromkeys(names, "hit")
    assert twofold("cache", "clear").stdout == "removed 4 entries\n"
    assert set(reasons(script).values()) == {"miss: never compiled here, or removed since"}


def run(script: Path) -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, str(script)], check=True, stdout=subprocess.DEVNULL)


def test_the_list_names_size_age_cpu_and_versions(script: Path, tmp_path: Path) -> None:
    assert twofold("cache", "ls").stdout == f"0 in {tmp_path / 'cache'}, 0 B of 67.1 MB\n"
    run(script)
    shown = twofold("cache", "ls").stdout.splitlines()
    assert shown[0].split() == ["key", "size", "unused", "compiled", "name"]
    assert shown[-1].startswith(f"4 in {tmp_path / 'cache'}, ")
    data = json.loads(twofold("cache", "ls", "--json").stdout)
    assert data["folder"] == str(tmp_path / "cache")
    for row in data["entries"]:
        assert row["bytes"] == Path(row["file"]).stat().st_size
        assert row["differs"] == []
        assert row["unused_seconds"] >= 0 and row["compile_seconds"] > 0
        (line,) = [text for text in shown if text.startswith(row["key"][:12])]
        for word in (row["name"], row["identity"]["cpu"], f"numba {row['identity']['numba']}"):
            assert word in line


def test_an_entry_is_explained_by_its_key(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(script)
    rows = json.loads(twofold("cache", "ls", "--json").stdout)["entries"]
    kernel = next(row for row in rows if row["name"] == "tanh_multiply")
    key = kernel["key"]
    assert "tanh(" in kernel["content"]
    assert twofold("cache", "why", key[:8]).stdout == f"{key[:12]}  tanh_multiply: hit\n"
    os.chmod(kernel["file"], 0o666)
    if os.name == "posix":
        shown = twofold("cache", "why", f"{script}:f").stdout
        name = Path(kernel["file"]).name
        assert f"{key[:12]}  tanh_multiply: miss: others may write to {name}\n" in shown


def test_only_what_was_not_used_for_long_is_cleared(script: Path) -> None:
    run(script)
    rows = json.loads(twofold("cache", "ls", "--json").stdout)["entries"]
    os.utime(rows[0]["file"], (0, rows[0]["made"] - 100_000))
    assert twofold("cache", "clear", "--unused-for", "1d").stdout == "removed 1 entry\n"
    assert len(json.loads(twofold("cache", "ls", "--json").stdout)["entries"]) == 3


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("why", "0123456789ab"), 2, "the cache has no entry 0123456789ab"),
        (("why", "nowhere.py:f"), 2, "nowhere.py"),
        (("clear", "--unused-for", "soon"), 2, "'soon' is not a time such as 90s, 10m, 12h or 7d"),
    ],
)
def test_wrong_usage(args: tuple[str, ...], code: int, words: str, script: Path) -> None:
    done = twofold("cache", *args)
    assert done.exit_code == code
    assert words in done.stderr


def test_a_cache_that_is_off_or_cannot_be_used(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    if os.name == "posix":
        done = twofold("cache", "ls")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "the cache cannot be used: others may write to" in done.stderr
    monkeypatch.setenv("TWOFOLD_CACHE", "0")
    assert twofold("cache", "ls").stdout == "the cache is switched off (TWOFOLD_CACHE)\n"
    assert set(reasons(script).values()) == {"miss: the cache is switched off (TWOFOLD_CACHE)"}
