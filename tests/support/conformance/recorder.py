"""A plugin of pytest that writes the outcome of every test, for suites of other projects."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = f"{Path(__file__).resolve().parents[3]}{os.sep}"  # which no record of an error names
called: set[str] = set()  # the functions that the running test called, as far as they are watched
outcomes: list[dict[str, Any]] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    report = (yield).get_result()
    if report.when == "setup":
        called.clear()
    if report.when != "call" and not report.skipped:
        return
    state = "passed" if report.passed else "skipped" if report.skipped else "failed"
    error = call.excinfo.exconly().replace(ROOT, "") if state == "failed" else ""
    outcomes.append({
        "module": item.module.__name__.rpartition(".")[2],
        "test": item.nodeid.partition("::")[2].replace("::", "."),
        "state": state, "calls": sorted(called), "error": " ".join(error.split())[:300],
    })  # fmt: skip


def pytest_sessionfinish() -> None:
    Path(os.environ["TWOFOLD_RESULTS"]).write_text(json.dumps(outcomes), encoding="utf-8")
