"""What is imported is declared, and what is declared resolves."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.layout import PYPROJECT, ROOT, find_modules

PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# The import name, where it is not the name of the distribution.
DISTRIBUTION = {"sklearn": "scikit-learn", "PIL": "pillow"}


def expand(lines: Iterable[str]) -> Iterator[Requirement]:
    """The requirements, with ``twofold[extra]`` replaced by what that extra asks for."""
    for requirement in map(Requirement, lines):
        if requirement.name != "twofold":
            yield requirement
        for extra in requirement.extras if requirement.name == "twofold" else ():
            yield from expand(EXTRAS[extra])


def names(lines: Iterable[str]) -> set[str]:
    return {requirement.name.lower() for requirement in expand(lines)}


def third_party_imports(files: Iterable[Path]) -> dict[str, Path]:
    """Distribution names imported in the files, each with one of the files."""
    found = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            for top in {module.partition(".")[0] for module in modules}:
                if top != "twofold" and top not in sys.stdlib_module_names:
                    found[DISTRIBUTION.get(top, top).lower()] = file
    return found


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_resolves(extra: str) -> None:
    assert names(EXTRAS[extra])


def test_numba_and_llvmlite_are_bound_to_the_tested_range() -> None:
    bounds = {r.name: {s.operator for s in r.specifier} for r in expand(PROJECT["dependencies"])}
    assert bounds["numba"] == bounds["llvmlite"] == {">=", "<"}


def test_the_package_imports_only_its_base_dependencies() -> None:
    files = [f for f in find_modules().values() if "keras_backend" not in f.parts]
    imported = third_party_imports(files)
    assert imported.keys() <= names(PROJECT["dependencies"]), imported


def test_the_keras_backend_imports_only_what_its_extra_brings() -> None:
    files = [f for f in find_modules().values() if "keras_backend" in f.parts]
    declared = names([*PROJECT["dependencies"], *EXTRAS["keras"]])
    assert files and third_party_imports(files).keys() <= declared


def test_every_base_dependency_is_imported() -> None:
    assert names(PROJECT["dependencies"]) <= third_party_imports(find_modules().values()).keys()


def test_pages_of_ops_run_their_samples_with_what_the_docs_extra_brings() -> None:
    assert names(EXTRAS["scipy"]) <= names(EXTRAS["docs"])


def test_the_tests_import_only_what_the_test_extra_brings() -> None:
    declared = names([*PROJECT["dependencies"], *EXTRAS["test"], "packaging"])
    own = {"tests", *(path.stem for path in (ROOT / "tests").rglob("*"))}
    imported = third_party_imports((ROOT / "tests").rglob("*.py"))
    assert imported.keys() - own <= declared, imported
