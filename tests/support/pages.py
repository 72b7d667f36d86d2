"""Pages whose code runs: fenced blocks in order, and the output that the page shows for them.

A ``python`` block runs in the page's own namespace; with a file name behind the language it is
also written to that file first. The lines of an ``sh`` block that start with ``twofold`` run too.
What a block prints must be the ``text`` block that follows it; without one it prints nothing.
White space and what ``...`` stands for are not compared; of a ``text sample``, which shows times,
only the first word of each line is.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from twofold.cli.main import main

__all__ = ["DOCS", "ROOT", "Block", "blocks", "check", "run", "update"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME = doctest.OutputChecker()
OUTPUT = (("text", ""), ("text", "sample"))
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

Execute = Callable[["Block", dict[str, Any]], None]


class Block(NamedTuple):
    language: str
    title: str
    text: str
    line: int  # of its first line in the page
    span: tuple[int, int]  # of its text in the page


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(m[1], m[2], m[3], text.count("\n", 0, m.start(3)) + 1, m.span(3))
        for m in _FENCE.finditer(text)
    ]


def execute(block: Block, names: dict[str, Any]) -> None:
    """Run a ``python`` block."""
    if block.title:
        Path(block.title).parent.mkdir(parents=True, exist_ok=True)
        Path(block.title).write_text(block.text, encoding="utf-8")
    exec(compile(block.text, block.title or "page.py", "exec"), names)


def shell(block: Block) -> None:
    """Run the ``twofold`` lines of an ``sh`` block."""
    for line in block.text.splitlines():
        if line.startswith("twofold "):
            done = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"
            print(done.stdout)


def run(page: Path, folder: Path, execute: Execute = execute) -> Iterator[tuple[Block, str, Any]]:
    """Run a page in ``folder``: each block, what it printed, the block that shows that (or None).

    Titles with a folder in them are parts of the project: ``execute`` has to know what to do.
    """
    found = blocks(page)
    names: dict[str, Any] = {"__name__": "__main__"}
    before = Path.cwd()
    os.chdir(folder)
    try:
        for i, block in enumerate(found):
            if block.language not in ("python", "sh"):
                continue
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                shell(block) if block.language == "sh" else execute(block, names)
            after = found[i + 1] if i + 1 < len(found) else None
            shown = after if after and (after.language, after.title) in OUTPUT else None
            yield block, said.getvalue(), shown
    finally:
        os.chdir(before)


def check(page: Path, folder: Path, execute: Execute = execute) -> None:
    """Every block of the page runs and prints what the page shows."""
    for block, said, shown in run(page, folder, execute):
        want = shown.text if shown else ""
        silent = block.language == "sh" and not shown  # commands may be shown without output
        same = _SAME.check_output(want, said, _LOOSE)
        if shown and shown.title:
            same = first_words(want) <= first_words(said)
        assert silent or same, (
            f"{page.name}:{block.line} prints\n{said}\nbut the page shows\n{want}"
        )


def first_words(text: str) -> set[str]:
    """The first word of each line that has one."""
    return {line.split()[0] for line in text.splitlines() if line.strip()}


def update(page: Path, folder: Path, execute: Execute = execute) -> None:
    """Write what the blocks print into the page, where it shows no ``...``."""
    text = page.read_text(encoding="utf-8")
    for _, said, shown in reversed(list(run(page, folder, execute))):
        if shown and "..." not in shown.text and not (shown.title and shown.text):
            start, end = shown.span
            tidy = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
            text = text[:start] + tidy + "\n" + text[end:]
    page.write_text(text, encoding="utf-8")
