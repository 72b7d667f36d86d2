"""``docs/conformance.md``, rendered from ``reference/conformance.json``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .reasons import reason_of

HERE = Path(__file__).resolve()
STORED = HERE.parents[2] / "reference" / "conformance.json"
PAGE = HERE.parents[3] / "docs" / "conformance.md"
TITLES = {
    "array-api": "The array API's tests, 2025.12",
    "numpy": "NumPy's own tests, with tensors for its arrays",
}
INTRODUCTION = """\
# Conformance

What the tests of other projects say of twofold. None of them is part of this project; each is run by a
command, with no list of tests to skip, and this page is written from what the runs found:
`cd tests; python -m support.conformance --help`.

HIPS autograd's tests, with tensors in place of its boxes, give 433 of 458, every gradient to order two
against differences. The others call it with lists of tensors, `np.r_` and `np.c_`, which NumPy makes arrays of
(TapeError says so), take the largest of complex numbers, or ask for autograd's own names.

SciPy and scikit-learn compute with tensors through the array API (`SCIPY_ARRAY_API=1`, and
`config_context(array_api_dispatch=True)`): `python -m support.array_clients` calls 34 functions of SciPy
and 26 of scikit-learn, which give tensors with the values for arrays, and is part of the tests. Two of
scikit-learn's do not fit: `roc_curve` calls `where` with one argument, which gives the rows that
TensorFlow gives, and `GaussianMixture` writes into slices as into views, where a slice is a value.
"""


def _summary(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts by module and by function, and one line for every test that failed."""
    modules: dict[str, Counter[str]] = {}
    functions: dict[str, Counter[str]] = {}
    failed: dict[str, dict[str, Any]] = {}
    for x in outcomes:
        modules.setdefault(x["module"], Counter())[x["state"]] += 1
        for name in x["calls"]:
            functions.setdefault(name, Counter())[x["state"]] += 1
        if x["state"] == "failed":
            key = f"{x['module']}.{x['test'].partition('[')[0]}"
            found = failed.setdefault(key, {"count": 0, "error": x["error"]})
            found["count"] += 1
    return {"modules": modules, "functions": functions, "failed": failed}


def stored(results: list[str]) -> dict[str, Any]:
    """What is stored, with these outcomes, ``SUITE:MODE:FILE``, in place of older ones."""
    known: dict[str, Any] = (
        json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    )
    for text in results:
        suite, mode, file = text.split(":", 2)
        found = _summary(json.loads(Path(file).read_text(encoding="utf-8")))
        at = known.setdefault(suite, {}).setdefault(
            mode, {"modules": {}, "functions": {}, "failed": {}}
        )
        at["modules"] |= found["modules"]
        at["failed"] = {
            k: v for k, v in at["failed"].items() if k.partition(".")[0] not in found["modules"]
        } | found["failed"]
        at["functions"] |= found["functions"]
    return known


def write(known: dict[str, Any]) -> None:
    STORED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(render(known), encoding="utf-8")


def _counts(counts: dict[str, int]) -> str:
    ran = counts.get("passed", 0) + counts.get("failed", 0)
    return f"{counts.get('passed', 0):,} of {ran:,}"


def _table(known: dict[str, Any]) -> list[str]:
    modes = sorted(known)
    names = sorted({name for mode in modes for name in known[mode]["modules"]})
    lines = ["| module | " + " | ".join(modes) + " |", "|---|" + "---:|" * len(modes)]
    total: dict[str, Counter[str]] = {mode: Counter() for mode in modes}
    for name in names:
        cells = []
        for mode in modes:
            counts = known[mode]["modules"].get(name, {})
            total[mode].update(counts)
            cells.append(_counts(counts) if counts else "")
        lines.append(f"| {name.removeprefix('test_')} | " + " | ".join(cells) + " |")
    lines.append("| all | " + " | ".join(_counts(total[m]) for m in modes) + " |")
    return lines


def _functions(counts: dict[str, dict[str, int]]) -> list[str]:
    whole = [f"`{n}`" for n, c in sorted(counts.items()) if not c.get("failed")]
    part = [f"`{n}` {_counts(c)}" for n, c in sorted(counts.items()) if c.get("failed")]
    lines = ["", f"Functions of which every test that calls them passes: {', '.join(whole)}."]
    return [*lines, "", f"Others, with the tests that call them and pass: {', '.join(part)}."]


def _failures(known: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    by_reason: dict[str, list[str]] = {}
    for mode in sorted(known):
        for name, found in sorted(known[mode]["failed"].items()):
            reason = reason_of(name, found["error"])
            times = f" ({found['count']})" if found["count"] > 1 else ""
            by_reason.setdefault(reason, []).append(f"`{name.removeprefix('test_')}`{times}")
    if by_reason:
        lines += ["", "| what does not pass, and why | tests |", "|---|---|"]
        lines += [
            f"| {reason} | {', '.join(tests)} |" for reason, tests in sorted(by_reason.items())
        ]
    return lines


def render(known: dict[str, Any]) -> str:
    lines = [INTRODUCTION]
    for suite, title in TITLES.items():
        if suite not in known:
            continue
        lines += [f"## {title}", "", *_table(known[suite])]
        functions = known[suite].get("eager", {}).get("functions")
        lines += _functions(functions) if functions else []
        lines += [*_failures(known[suite]), ""]
    return "\n".join(lines).rstrip() + "\n"
