"""``twofold docs``: every op has a page made from its record, and no link leads nowhere."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.pages import ROOT

from twofold.cli.docs import docs
from twofold.cli.pages.op_page import op_page, prose
from twofold.cli.pages.site import sources
from twofold.ir.registry import REGISTRY

SHOWN = [
    "gelu",
    "maximum",
    "sum",
    "argmax",
    "matmul",
    "conv2d",
    "top_k",
    "where",
    "concat",
    "svd",
]


def test_every_op_has_a_page_and_so_has_every_guide() -> None:
    places = sources(ROOT)
    assert {f"ops/{name}.md" for name in REGISTRY} <= places.keys()
    assert {p.name.lower() for p in (ROOT / "docs").glob("*.md")} <= places.keys()


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_has_what_the_record_says(name: str) -> None:
    page = op_page(name)
    heads = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert {"Parameters", "Dtypes", "Gradient", "Kernel"} <= set(heads)
    assert page.count("```") % 2 == 0
    assert ">>> " in page


def test_conventions_are_computed() -> None:
    page = op_page("abs", kernels=False)
    assert "| -0 | 0 | 0 | 0 |" in page and "| -inf | inf | -1 | 0 |" in page
    assert "| 1, 1 | 1 | 1 | 0 |" in op_page("maximum", kernels=False)
    assert "| [2, 2, 1] | 2 | [0.5, 0.5, 0] |" in op_page("max", kernels=False)


def test_links_of_the_lists_and_guides_lead_to_pages() -> None:
    places = sources(ROOT, kernels=False)
    for place, make in places.items():
        if place.startswith("ops/") and place not in ("ops/index.md", "ops/abs.md"):
            continue
        text = re.sub(r"```.*?```", "", make(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not target.startswith("http"):
                found = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
                assert found in places, f"{place} links to {target}"


def test_docstrings_become_markdown() -> None:
    assert prose("The ``max``.\n\n>>> 1\n1\n\n    a | b") == (
        "The `max`.\n\n```pycon\n>>> 1\n1\n```\n\n```text\na | b\n```"
    )


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(docs, [str(tmp_path / "out"), "--checkout", str(tmp_path)])
    assert done.exit_code and "no folder docs" in str(done.exception)
