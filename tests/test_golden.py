"""Golden cases: small texts under ``tests/golden`` that show what a pass or a check does.

A file holds cases: a title after ``===``, the input graph, ``---`` and what comes out of it. In
``golden/passes/NAME.ir`` that is the graph after the pass ``NAME``. In ``golden/parser`` and
``golden/verify`` the expected error stands in the input, on a comment line under the guilty one;
so it does in ``golden/loops``, for the text of kernels. ``golden/kernel`` has the kernels of a
graph, ``golden/source`` the Python of a kernel.

    %y: f32[n] = ad(%x, %x)
    #            ^ error: unknown op ad; did you mean add?

``pytest --update-golden`` rewrites the files; with CI=true it refuses to. Every case of a pass is
also run before and after, on random data.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from twofold.compiler import passes
from twofold.compiler.kernel.build import build_kernels
from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import python_source
from twofold.compiler.passes.fuse import fuse
from twofold.compiler.passes.scalarise import scalarise
from twofold.ir.errors import IRSyntaxError, VerifyError
from twofold.ir.graph import Graph
from twofold.ir.parser import parse
from twofold.ir.verify import verify

FOLDER = Path(__file__).parent / "golden"
_ANNOTATION = re.compile(r"^#? *\^ error: .*\n?|^ *# *\^ error: .*\n?", re.MULTILINE)


class Case(NamedTuple):
    file: Path
    title: str
    given: str
    expected: str

    @property
    def area(self) -> str:
        return self.file.parent.name


def read_cases(file: Path) -> list[Case]:
    cases = []
    for block in re.split(r"^=== *", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        given, _, expected = body.partition("\n---\n")
        cases.append(Case(file, title.strip(), given.strip() + "\n", expected.strip() + "\n"))
    return cases


def read_header(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("===")[0]


def written(file: Path, cases: list[tuple[str, str, str]]) -> str:
    """The text of a golden file with these cases under its header."""
    blocks = [
        f"=== {title}\n{given}" + (f"---\n{expected}" if expected.strip() else "")
        for title, given, expected in cases
    ]
    return read_header(file) + "\n".join(blocks)


def pass_named(name: str):
    return getattr(importlib.import_module(f"twofold.compiler.passes.{name}"), name)


def actual(case: Case) -> tuple[str, str]:
    """The input and the expected part as they should be in the file."""
    if case.area == "passes":
        graph = parse(case.given)
        verify(graph)
        before = str(graph)
        out = pass_named(case.file.stem)(graph)
        verify(out)
        assert str(graph) == before, "the pass changed its input"
        return case.given, str(out)
    if case.area == "kernel":
        return case.given, "\n".join(map(str, kernels_of(parse(case.given))))
    if case.area == "source":
        kernel = parse_kernel(case.given)
        return str(kernel), python_source(kernel, kernel.name)
    text = _ANNOTATION.sub("", case.given)
    try:
        if case.area == "loops":
            parse_kernel(text)
        else:
            verify(parse(text))
    except IRSyntaxError as error:
        return annotated(text, error.line, error.column, error.reason), ""
    except VerifyError as error:
        lines = text.splitlines()
        found = [i for i, line in enumerate(lines) if error.node and error.node in line]
        if case.area == "loops":  # "line 3 of kernel f: ..."
            found = [int(error.node.split()[1].rstrip(":")) - 1]
        line = found[-1] if found else 0
        column = len(lines[line]) - len(lines[line].lstrip()) + 1
        return annotated(text, line + 1, column, f"{error.invariant}: {error.reason}"), ""
    raise AssertionError(f"{case.title}: the text is valid")


def kernels_of(graph: Graph) -> list[Kernel]:
    """The kernels of a graph's fused groups; each parses back and is valid."""
    kernels = [
        kernel for node in fuse(scalarise(graph)).nodes if node.op.name == "fused"
        for kernel in build_kernels(node)
    ]  # fmt: skip
    for kernel in kernels:
        assert parse_kernel(str(kernel)) == kernel
    return kernels


def annotated(text: str, line: int, column: int, reason: str) -> str:
    lines = text.splitlines()
    pad = "#" + " " * (column - 2) if column > 1 else "# "
    lines.insert(line, f"{pad}^ error: {reason}")
    return "\n".join(lines) + "\n"


FILES = sorted(FOLDER.glob("*/*.ir"))
CASES = [case for file in FILES for case in read_cases(file)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_a_golden_file_has_the_form_that_an_update_writes(file: Path, update_golden: bool) -> None:
    cases = read_cases(file)
    assert cases
    assert len({case.title for case in cases}) == len(cases), "titles name the cases"
    if update_golden:
        now = written(file, [(case.title, *actual(case)) for case in cases])
        file.write_text(now, encoding="utf-8")
    else:
        assert written(file, [(c.title, c.given, c.expected) for c in cases]) == file.read_text(
            "utf-8"
        )


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.area}/{c.file.stem}: {c.title}")
def test_a_golden_case_says_what_happens(case: Case, update_golden: bool) -> None:
    if update_golden:
        pytest.skip("the goldens are being rewritten")
    given, expected = actual(case)
    assert (given, expected.strip()) == (case.given, case.expected.strip())


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.area == "passes"], ids=lambda c: f"{c.file.stem}: {c.title}"
)
def test_both_sides_of_a_golden_case_compute_the_same(
    case: Case, outcome: Any, update_golden: bool
) -> None:
    if update_golden:
        pytest.skip("the goldens are being rewritten")
    before, after = parse(case.given), parse(case.expected)
    for seed in range(4):
        outcome(before, seed).check_same(outcome(after, seed))


def test_update_is_refused_in_ci() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--update-golden", "--collect-only", __file__],
        env={**os.environ, "CI": "true"}, cwd=FOLDER.parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--update-golden is refused in CI" in run.stderr


def test_every_pass_has_golden_cases() -> None:
    names = {module.name for module in pkgutil.iter_modules(passes.__path__)}
    assert {f.stem for f in FILES if f.parent.name == "passes"} == {
        n for n in names if hasattr(importlib.import_module(f"twofold.compiler.passes.{n}"), n)
    }
