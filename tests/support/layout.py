"""The checkout as the packaging tests see it: its root, its pyproject.toml, its packages."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FLOORS = ("ir", "runtime", "compiler")


def find_modules() -> dict[str, Path]:
    """Every Python file and stub that is to be installed, by its place below site-packages."""
    modules = {}
    for floor in FLOORS:
        for file in (ROOT / floor).rglob("*.py"):
            modules[f"twofold/{file.relative_to(ROOT).as_posix()}"] = file
    source = ROOT / "src"
    links = {source / "twofold" / floor for floor in FLOORS}
    for file in source.rglob("*.py*"):
        if file.suffix in (".py", ".pyi") and links.isdisjoint(file.parents):
            modules[file.relative_to(source).as_posix()] = file
    return modules


def find_packages() -> set[str]:
    """The dotted name of every folder with Python files that is to be installed."""
    return {place.rpartition("/")[0].replace("/", ".") for place in find_modules()}
