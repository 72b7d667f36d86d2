"""Pages run, links lead somewhere, and the READMEs of the floors name every file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.pages import DOCS, ROOT, blocks, check, update

PAGES = [
    *DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md",
    *(ROOT / d / "README.md" for d in ("ir", "runtime", "compiler", "examples", "benchmarks")),
]  # fmt: skip


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", ["architecture.md", "numpy.md", "accuracy.md", "control_flow.md", "debugging.md", "python.md", "pitfalls.md", "keras.md", "saving.md", "data.md", "first_programs.md"])  # fmt: skip
def test_a_page_runs(page: str, tmp_path: Path, update_golden: bool) -> None:
    if update_golden:
        update(DOCS / page, tmp_path)
    check(DOCS / page, tmp_path)


def test_the_readme_example_runs(tmp_path: Path) -> None:
    assert any(b.language == "python" for b in blocks(ROOT / "README.md"))
    check(ROOT / "README.md", tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)", text, re.M)
    for target in targets:
        if target.startswith(("http:", "https:")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{label(page)} links to {target}"
        if anchor and found.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}


@pytest.mark.parametrize("floor", ["ir", "runtime", "compiler"])
def test_the_readme_of_a_floor_names_every_file(floor: str) -> None:
    text = (ROOT / floor / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py|[\w/]+/)`", text))
    inside = [p.relative_to(ROOT / floor) for p in (ROOT / floor).rglob("*.py")]
    missing = [
        str(p) for p in inside
        if p.name != "__init__.py" and str(p) not in named
        and not any(f"{parent}/" in named for parent in p.parents if str(parent) != ".")
    ]  # fmt: skip
    assert not missing
    assert not [n for n in named if n.endswith(".py") and not (ROOT / floor / n).exists()
                and not (ROOT / n).exists()]  # fmt: skip


@pytest.mark.parametrize("floor", ["ir", "runtime", "compiler"])
def test_the_readme_of_a_floor_is_under_a_page(floor: str) -> None:
    lines = (ROOT / floor / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 66
