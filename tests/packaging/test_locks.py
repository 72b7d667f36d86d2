"""``CONTRIBUTING.md`` lists every lock of the tree, and a fork hook is asked for before it is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.pages import ROOT

FLOORS = ("ir", "runtime", "compiler", "src")
KINDS = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"}


def sources() -> Iterator[Path]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            if not any(part.is_symlink() for part in path.parents):
                yield path


def made(path: Path) -> set[str]:
    """The names that are given a lock: of variables, and of attributes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            function = node.value.func
            name = (
                function.attr
                if isinstance(function, ast.Attribute)
                else getattr(function, "id", "")
            )
            if name in KINDS:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {
                    t.attr if isinstance(t, ast.Attribute) else ast.unparse(t) for t in targets
                }
    return found


def test_the_list_of_locks_is_that_of_the_code() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("## Lock discipline")[2].partition("\n## ")[0]
    listed: dict[str, set[str]] = {}
    for item in re.split(r"\n(?=\d+\. )", section)[1:]:
        item = item.partition("\n\n")[0]
        file = re.search(r"`([\w/]+\.py)`", item)
        assert file, item
        names = re.findall(r"`(?:\w+\.)?(\w+)`", item)
        listed[file[1]] = {n for n in names if n != "py"}
    code = {p.relative_to(ROOT).as_posix(): names for p in sources() if (names := made(p))}
    assert listed == code


def test_fork_hooks_are_guarded() -> None:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        calls = len(re.findall(r"os\.register_at_fork\(", text))
        guards = len(re.findall(r'hasattr\(os, "register_at_fork"\)', text))
        assert calls == guards, path
