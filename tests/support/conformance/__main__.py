"""The command line: ``python -m support.conformance SUITE ...``; see the package's docstring."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from .page import render, stored, write

HERE = Path(__file__).resolve()
TESTS, ROOT = HERE.parents[2], HERE.parents[3]
VERSION = "2025.12"  # of the array API


def _pytest(
    arguments: list[str], plugins: list[str], where: Path, target: Path, **more: str
) -> None:
    paths = [str(ROOT / "src"), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    given = os.environ | more | {
        "PYTHONPATH": os.pathsep.join(paths), "TWOFOLD_RESULTS": str(target.resolve()),
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
        "--tb=no",
    ]
    for plugin in plugins:
        command += ["-p", f"support.conformance.{plugin}"]
    subprocess.run([*command, *arguments], cwd=where, env=given, check=False)


def _modules(names: list[str]) -> list[str]:
    """NumPy's test modules: ``linalg``, ``fft``, or ``lib.histograms`` for one of a folder's."""
    found = []
    for name in names:
        folder, _, rest = name.rpartition(".")
        found.append(f"numpy.{folder}.tests.test_{rest}" if folder else f"numpy.{name}.tests")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.conformance")
    commands = parser.add_subparsers(dest="suite", required=True)
    numpys = commands.add_parser("numpy", help="NumPy's tests with tensors for arrays")
    numpys.add_argument("names", nargs="+", help="linalg, fft, lib.histograms, _core.einsum, ...")
    arrays = commands.add_parser("array-api", help="the consortium's suite")
    arrays.add_argument("checkout", type=Path)
    arrays.add_argument("--examples", type=int, default=20)
    kerases = commands.add_parser("keras", help="Keras's tests, from a checkout of its version")
    kerases.add_argument("checkout", type=Path)
    kerases.add_argument("names", nargs="+", help="below keras/src: ops, layers/core, ...")
    for one in (numpys, arrays, kerases):
        one.add_argument("--mode", choices=("eager", "function"), default="eager")
        one.add_argument("--json", type=Path, required=True, help="where the outcomes go")
    pages = commands.add_parser("page", help="write the page from outcomes")
    pages.add_argument("results", nargs="*", type=Path, help="SUITE:MODE:FILE, or nothing")
    given = parser.parse_args()
    if given.suite == "page":
        write(stored([str(p) for p in given.results]))
        print(render(stored([])).partition("\n## ")[0])
    elif given.suite == "numpy":
        _pytest(["-c", os.devnull, "--rootdir", str(ROOT), "--pyargs", *_modules(given.names)],
                ["recorder", "numpy_swapped"], TESTS, given.json,
                TWOFOLD_MODE=given.mode)  # fmt: skip
    elif given.suite == "keras":
        _pytest(["-o", "addopts=", *[f"keras/src/{name}" for name in given.names]],
                ["keras_entered", "recorder"], given.checkout, given.json)  # fmt: skip
    else:
        module = "twofold" if given.mode == "eager" else "support.conformance.array_api_compiled"
        _pytest(["array_api_tests", "--derandomize", "--disable-deadline", "--max-examples",
                 str(given.examples)], ["recorder"], given.checkout, given.json,
                ARRAY_API_TESTS_MODULE=module, ARRAY_API_TESTS_VERSION=VERSION)  # fmt: skip
    if given.suite != "page":
        states = [x["state"] for x in json.loads(given.json.read_text(encoding="utf-8"))]
        print(
            {s: states.count(s) for s in ("passed", "failed", "skipped")}, "NumPy", np.__version__
        )


main()
