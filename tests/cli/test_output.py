"""Commands whose output cannot be written, or whose input cannot be read: a line, an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from twofold.cli.main import main

GRAPH = "graph f(%x: f32[n]) { %y = tanh(%x) return %y }"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "g.ir").write_text(GRAPH, encoding="utf-8")
    (tmp_path / "bad.npy").write_bytes(bytes(range(256)))
    (tmp_path / "sub.ir").mkdir()
    (tmp_path / "noisy.py").write_text("for i in range(100000): print('line', i)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_full
@pytest.mark.parametrize("command", ["ops --json", "opt g.ir", "run g.ir", "--version"])
def test_a_full_disk_is_said_in_a_line(command: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "twofold.cli.main", *command.split()], stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == "twofold: the output cannot be written: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["compare noisy.py", "ops --json"])
def test_a_reader_that_has_gone_is_no_error_to_tell(command: str) -> None:
    words = [sys.executable, "-m", "twofold.cli.main", *command.split()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("opt /dev/null", 1, "there is no graph in the text"),
        ("opt sub.ir", 2, "sub.ir cannot be read: Is a directory"),
        ("run g.ir --input x=bad.npy", 2, "bad.npy cannot be read"),
        ("run g.ir --size n=99999999999999999999", 2, "x of shape (99999999999999999999,)"),
        ("run g.ir --size n=999999999999999", 2, "x of shape (999999999999999,)"),
    ],
)
def test_what_cannot_be_read_or_made_is_refused(command: str, code: int, said: str) -> None:
    done = CliRunner().invoke(main, command.split())
    assert said in done.output
    assert done.exit_code == code


def test_an_input_from_a_file_is_read(folder: Path) -> None:
    np.save(folder / "x.npy", np.zeros(3, np.float32))
    done = CliRunner().invoke(main, ["run", "g.ir", "--input", "x=x.npy"])
    assert done.output == "%y: float32[3] =\n[0. 0. 0.]\n"
