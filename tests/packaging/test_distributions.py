"""What an sdist and a wheel hold. The wheel is built from the sdist, as an installer would."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.layout import FLOORS, ROOT, find_modules

from twofold._version import __version__

SOURCES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
FOLDERS = (*FLOORS, "src", "tests")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
INFO = f"twofold-{__version__}.dist-info"


class Distributions(NamedTuple):
    sdist: Path
    wheel: Path


def build(kind: str, tree: Path, into: Path) -> None:
    command = [sys.executable, "-c", BUILD.format(kind), str(into)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distributions]:
    """An sdist of a copy of the tree, and a wheel of the unpacked sdist."""
    base = tmp_path_factory.mktemp("built")
    tree, out = base / "tree", base / "out"
    out.mkdir()
    skip = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=skip)
    for name in SOURCES:
        shutil.copy(ROOT / name, tree / name)
    build("sdist", tree, out)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(base / "unpacked", filter="data")
    (unpacked,) = (base / "unpacked").iterdir()
    build("wheel", unpacked, out)
    (wheel,) = out.glob("*.whl")
    yield Distributions(sdist, wheel)
    shutil.rmtree(base)


def names_in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_sdist_holds_the_floors_as_folders_and_no_link(built: Distributions) -> None:
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members}
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert {file.relative_to(ROOT).as_posix() for file in find_modules().values()} <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith("tests")]


def test_the_wheel_holds_the_modules_of_the_tree_and_nothing_else(built: Distributions) -> None:
    names = names_in_wheel(built.wheel)
    modules = {name for name in names if not name.startswith(INFO)}
    assert modules == find_modules().keys() | {"twofold/py.typed"}
    assert {name.partition("/")[0] for name in names} == {"twofold", INFO}


def test_the_wheel_carries_the_licence_and_the_one_version(built: Distributions) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{INFO}/METADATA"))
        licence = archive.read(f"{INFO}/licenses/LICENSE")
        scripts = archive.read(f"{INFO}/entry_points.txt").decode()
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "twofold = twofold.cli.main:main" in scripts


def test_the_unpacked_wheel_is_imported_from_where_it_lies(
    built: Distributions, tmp_path: Path
) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import twofold, twofold.ir.ops
print(twofold.__file__, twofold.ir.ops.__file__)
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [Path(line) for line in done.stdout.split()]
    package = tmp_path / "twofold"
    assert found == [package / "__init__.py", package / "ir" / "ops" / "__init__.py"]
