"""pyproject.toml and the tree tell the same story."""

from __future__ import annotations

import os

import pytest
from support.layout import FLOORS, PYPROJECT, ROOT, find_modules, find_packages


def test_the_listed_packages_are_those_of_the_tree() -> None:
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == find_packages()


def test_every_package_has_an_init_file() -> None:
    places = find_modules().keys()
    inits = {name.replace(".", "/") + "/__init__.py" for name in find_packages()}
    assert inits <= places


def test_no_file_is_longer_than_600_lines() -> None:
    long = {
        place: lines
        for place in sorted(ROOT.rglob("*.py"))
        if not any(part.startswith(".") for part in place.relative_to(ROOT).parts)
        and (lines := len(place.read_text(encoding="utf-8").splitlines())) > 600
    }
    assert not long


def test_the_floors_are_mapped_to_root_folders() -> None:
    mapped = PYPROJECT["tool"]["setuptools"]["package-dir"]
    assert mapped == {"": "src"} | {f"twofold.{floor}": floor for floor in FLOORS}


@pytest.mark.parametrize("floor", FLOORS)
def test_a_link_leads_from_the_face_to_its_floor(floor: str) -> None:
    link = ROOT / "src" / "twofold" / floor
    if link.is_file() and not link.is_symlink():
        pytest.skip("checked out without links")
    assert os.readlink(link) == f"../../{floor}"
    assert link.resolve() == ROOT / floor
