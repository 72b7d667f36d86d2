"""The page of other projects' tests is what the stored outcomes say."""

from __future__ import annotations

from support.conformance.page import PAGE, render, stored


def test_the_page_is_that_of_the_outcomes() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(stored([]))
