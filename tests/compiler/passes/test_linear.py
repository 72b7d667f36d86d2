"""Every step takes time in proportion to the number of nodes: counted in calls, not in seconds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twofold.compiler.pipeline import PASSES

_FILE = Path(__file__).parents[3] / "benchmarks" / "ir_scale.py"
_SPEC = importlib.util.spec_from_file_location("ir_scale", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
ir_scale = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ir_scale)

STEPS = ["build", "print", "parse", "verify", "copy", *[p.name for p in PASSES]]


def calls(run: Callable[[], Any]) -> int:
    """The number of Python and C functions that a call calls."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", ir_scale.KINDS)
def test_four_times_the_nodes_take_four_times_the_calls(kind: str) -> None:
    small, large = (ir_scale.steps(ir_scale.KINDS[kind], n) for n in (200, 800))
    for step in STEPS:
        small[step]()  # fill caches
        ratio = calls(large[step]) / calls(small[step])
        assert ratio < 4.6, f"{step} takes {ratio:.1f} times the calls"
