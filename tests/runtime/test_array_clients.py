"""SciPy and scikit-learn compute with tensors, as they do with every array of the array API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_scipy_and_scikit_learn_take_and_give_tensors() -> None:
    # A process of its own: SciPy reads the setting when it is imported.
    paths = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    found = subprocess.run(
        [sys.executable, "-m", "support.array_clients"], capture_output=True, text=True,
        env=os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": paths}, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == ""
