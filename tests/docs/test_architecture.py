"""The page on architecture names files that are there."""

from __future__ import annotations

import re

from support.pages import DOCS, ROOT

FLOORS = ("ir", "runtime", "compiler")


def test_files_that_the_page_names_exist() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    assert len(named) > 10
    bases = [
        ROOT,
        *(ROOT / f for f in FLOORS),
        *(ROOT / "compiler" / room for room in ("kernel", "native", "arrays")),
    ]
    assert not [name for name in named if not any((base / name).exists() for base in bases)]
