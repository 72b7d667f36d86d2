"""The registry imports a file of ops when one of its names is first asked for, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from twofold.ir.errors import DeclarationError
from twofold.ir.registry import Composite, Registry

SOURCE = Path(__file__).parents[2] / "src"
FILE = """
import threading
from twofold.ir.registry import Composite
begun, go = threading.Event(), threading.Event()

def {name}(x):
    return x

entry = Composite("{name}", {name})
registry.declare(entry)
begun.set()
assert not waits or go.wait(60)
entry.samples = ("whole",)
"""


def run(code: str) -> str:
    """What a fresh process prints."""
    env = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of ops that nobody has imported, ``a.py`` and ``b.py``, as a package."""
    folder = tmp_path / f"ops_{tmp_path.name}"
    folder.mkdir()
    (folder / "__init__.py").write_text("registry = waits = None")
    head = f"from {folder.name} import registry, waits\n"
    for name in "ab":
        (folder / f"{name}.py").write_text(head + FILE.format(name=f"op_{name}"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def filled(package: str, files: dict[str, str], waits: bool = False) -> Registry:
    found = Registry()
    found.stand_in(package, files)
    module = __import__(package)
    module.registry, module.waits = found, waits
    return found


def test_a_first_operation_imports_no_file_of_other_ops() -> None:
    code = """
import sys
import twofold as tf
def loaded(): return [n for n in ("exponential", "factor", "nn", "special") if f"twofold.ir.ops.{n}" in sys.modules]
tf.add(tf.constant([1.0]), 1.0)
print(*loaded())
tf.exp(1.0), tf.nn.relu(1.0)
print(*loaded())
tf.nn.moments
print(*loaded())
"""
    assert run(code).split("\n")[:3] == ["", "exponential", "exponential nn"]


def test_no_module_looks_an_op_up_while_it_is_imported() -> None:
    """The lock of what is imported would be taken under Python's lock of the module."""
    code = """
import importlib, pkgutil
import twofold, twofold.ir.ops
from twofold.ir import registry

def refuse(name):
    raise AssertionError(f"an op of {name} was looked up")

registry.import_module = refuse
for found in pkgutil.walk_packages(twofold.__path__, "twofold."):
    if not found.name.startswith(("twofold.keras", "twofold.ir.ops.")):
        importlib.import_module(found.name)
"""
    assert run(code) == ""


def test_every_file_of_ops_can_be_the_first(tmp_path: Path) -> None:
    code = """
import os, sys, pkgutil, importlib
import numpy, twofold.ir.op, twofold.ir.ops
for found in pkgutil.iter_modules(twofold.ir.ops.__path__):
    if os.fork() == 0:
        importlib.import_module(f"twofold.ir.ops.{found.name}")
        os._exit(0)
    assert os.wait()[1] == 0, found.name
"""
    assert run(code) == ""


def test_a_name_that_no_table_has_is_found_in_the_files(package: str) -> None:
    ops = filled(package, {"op_a": "a"})
    assert "op_a" in ops and f"{package}.b" not in sys.modules
    assert ops.public("op_b") is not None
    assert list(ops) == ["op_a", "op_b"] and len(ops) == 2
    assert "op_c" not in ops and ops.find("op_c") is None
    with pytest.raises(KeyError, match="op_c"):
        ops["op_c"]


def test_a_thread_gets_an_entry_when_its_file_has_come_to_the_end(package: str) -> None:
    ops = filled(package, {"op_a": "a"}, waits=True)
    found: list[object] = []
    first = threading.Thread(target=lambda: __import__(f"{package}.a"))
    first.start()
    while f"{package}.a" not in sys.modules or "begun" not in vars(sys.modules[f"{package}.a"]):
        pass
    module = sys.modules[f"{package}.a"]
    assert module.begun.wait(60)
    second = threading.Thread(target=lambda: found.append(ops["op_a"].samples))
    second.start()
    second.join(0.05)
    assert not found  # the entry is there, its gradient might not be
    module.go.set()
    first.join()
    second.join()
    assert found == [("whole",)]


def test_a_name_is_declared_once_and_watchers_see_every_entry() -> None:
    ops = Registry()
    seen: list[str] = []
    ops.declare(Composite("one", abs))
    ops.watch(lambda entry: seen.append(entry.name))
    ops.declare(Composite("two", abs))
    with pytest.raises(DeclarationError, match="two is declared twice: it is a composite already"):
        ops.declare(Composite("two", abs))
    ops.forget("two")
    ops.declare(Composite("two", abs))
    assert seen == ["one", "two", "two"] and list(ops) == ["one", "two"]
