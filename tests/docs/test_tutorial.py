"""Every code block of the tutorial runs and prints what the page shows."""

from __future__ import annotations

from pathlib import Path

from support.pages import DOCS, blocks, check, update

PAGE = DOCS / "tutorial.md"


def test_the_tutorial_runs(tmp_path: Path, update_golden: bool) -> None:
    if update_golden:
        update(PAGE, tmp_path)
    check(PAGE, tmp_path)


def test_the_tutorial_shows_what_its_code_prints() -> None:
    found = blocks(PAGE)
    assert sum(b.language == "python" for b in found) > 10
    for block, after in zip(found, found[1:], strict=False):
        if block.language == "python" and "print(" in block.text:
            assert after.language == "text", f"tutorial.md:{block.line} shows no output"
