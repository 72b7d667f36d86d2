"""A checkout may have any name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.pages import ROOT

PROGRAM = """
import twofold as tf
try:
    tf.matmul(tf.zeros((2, 3)), tf.zeros((2, 3)))
except tf.errors.ShapeError as error:
    print(error.location)
"""


def test_programs_in_a_checkout_named_like_the_package_are_the_users(tmp_path: Path) -> None:
    checkout = tmp_path / "twofold"
    for floor in ("ir", "runtime", "compiler", "src"):
        shutil.copytree(ROOT / floor, checkout / floor, symlinks=True,
                        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))  # fmt: skip
    script = checkout / "example.py"
    script.write_text(PROGRAM)
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert run.stdout.strip() == f"{script}:4:5"
