"""The example programs as modules, and their main functions with arguments."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """The example as a fresh module; its ``main`` has not run."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_main(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *args: Any) -> None:
    """``python examples/NAME.py ARGS`` in this process."""
    monkeypatch.setattr(sys, "argv", [str(module.__file__), *map(str, args)])
    module.main()
