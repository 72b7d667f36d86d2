"""The page of environment variables lists those that the sources read, with their defaults."""

from __future__ import annotations

import re

from support.layout import ROOT

TABLE = dict(
    re.findall(r"^\| `(TWOFOLD_\w+)` \| `?([^|`]+)`? \|",
               (ROOT / "docs/environment.md").read_text(encoding="utf-8"), re.MULTILINE)
)  # fmt: skip
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for floor in ("ir", "runtime", "compiler", "src/twofold")
    for path in sorted((ROOT / floor).rglob("*.py"))
)


def test_the_table_has_what_is_read_and_nothing_else() -> None:
    read = set(re.findall(r'environ\.get\("(TWOFOLD_\w+)"', SOURCES))
    assert set(TABLE) == read
    named = set(re.findall(r"TWOFOLD_[A-Z_]+", SOURCES))
    assert named <= set(TABLE)


def test_the_table_has_the_defaults() -> None:
    for name, default in re.findall(r'environ\.get\("(TWOFOLD_\w+)", "(\w+)"\)', SOURCES):
        assert TABLE[name].strip() == default


def test_the_page_of_the_cache_says_the_same() -> None:
    page = (ROOT / "docs/cache.md").read_text(encoding="utf-8")
    for name in ("TWOFOLD_CACHE", "TWOFOLD_CACHE_MB"):
        assert f"| `{name}` | `{TABLE[name].strip()}` |" in page
