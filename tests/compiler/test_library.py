"""Which files are of libraries: those of every folder that packages are installed to."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

from twofold.compiler.library import is_library


@pytest.mark.parametrize(
    "folder", [*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__)]
)
def test_packages_that_are_installed_are_libraries(folder: str) -> None:
    assert is_library(os.path.join(folder, "some_package", "module.py"))


def test_files_of_the_user_are_not(tmp_path: Path) -> None:
    assert not is_library(str(tmp_path / "module.py")) and not is_library("<string>")


def test_a_folder_of_packages_on_the_path_holds_libraries(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    program = (
        f"import sys; sys.path.append({str(folder)!r})\n"
        "from twofold.compiler.library import is_library\n"
        f"print(is_library({str(folder / 'some_package.py')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "True\n"
