"""``FILE:FN`` on the command line: find it, run the script as ``__main__``, show its errors."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from twofold.compiler.function import Function
from twofold.ir.errors import TargetError
from twofold.ir.location import is_internal

from .given import output_is_closed

__all__ = [
    "Target",
    "find_target",
    "functions_of",
    "known_as",
    "load_script",
    "refuse",
    "run_script",
    "user_traceback",
]

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Target(NamedTuple):
    """A script (``path``), the module it is as a dotted name ("" for a file), and a function."""

    path: str
    module: str
    function: str


def find_target(text: str) -> Target:
    """Read ``FILE``, ``FILE:FN``, ``package.module`` or ``package.module:FN``.

    Raises TargetError, with what there is instead, if there is no such file or module.
    """
    if os.path.isfile(text):
        return Target(text, "", "")
    file, colon, function = text.rpartition(":")
    if not colon or "/" in function or os.sep in function:
        file, function = text, ""
    if os.path.isfile(file):
        return Target(file, "", function)
    found = _module_file(file) if _MODULE.fullmatch(file) else None
    if found is None:
        raise TargetError(f"there is no file or module {file!r}{_scripts_near(file)}")
    return Target(found, file, function)


def _module_file(name: str) -> str | None:
    with _path_first(os.getcwd()):
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.submodule_search_locations is not None:
                spec = importlib.util.find_spec(f"{name}.__main__")
        except ModuleNotFoundError:
            return None
    return spec.origin if spec is not None and spec.has_location else None


def _scripts_near(file: str) -> str:
    folder = Path(file).parent
    names = sorted(str(p) for p in folder.glob("*.py")) if folder.is_dir() else []
    if not names:
        return f"; there are no Python files in {folder}"
    return f"; Python files in {folder}: {', '.join(names[:20])}"


@contextmanager
def _path_first(folder: str) -> Iterator[None]:
    before = sys.path[:]
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def load_script(
    target: Target, args: Sequence[str]
) -> Iterator[tuple[types.ModuleType, Callable[[], None]]]:
    """The script's ``__main__`` module, in place as long as the block runs, and what runs it."""
    path = target.path

    def start() -> None:
        with io.open_code(os.path.abspath(path)) as stream:
            code = compile(stream.read(), path, "exec")
        exec(code, vars(module))

    module = types.ModuleType("__main__")
    module.__file__ = path
    if target.module:
        name = target.module if path.endswith(f"{target.module.rpartition('.')[2]}.py") else (
            f"{target.module}.__main__")  # fmt: skip
        loader = importlib.machinery.SourceFileLoader(name, path)
        module.__spec__ = importlib.util.spec_from_file_location(name, path, loader=loader)
        module.__package__ = name.rpartition(".")[0]
    folder = os.getcwd() if target.module else os.path.dirname(os.path.abspath(path))
    main, argv = sys.modules.get("__main__"), sys.argv
    sys.modules["__main__"], sys.argv = module, [path, *args]
    try:
        with _path_first(folder):
            yield module, start
    finally:
        sys.argv = argv
        if main is not None:
            sys.modules["__main__"] = main


def known_as(function: Function) -> tuple[str, ...]:
    """The names that ``FN`` may spell a function by; the first is its full one."""
    python = function.python_function
    qualified = str(getattr(python, "__qualname__", function.name)).replace("<locals>.", "")
    return tuple(dict.fromkeys((qualified, function.name, qualified.rpartition(".")[2])))


def functions_of(module: Any) -> list[Function]:
    """The decorated functions that a script has: its globals, and methods of its classes."""
    found: dict[int, Function] = {}
    for value in list(vars(module).values()):
        inside = vars(value).values() if isinstance(value, type) else ()
        for candidate in (value, *inside):
            if isinstance(candidate, Function):
                found[id(candidate)] = candidate
    return list(found.values())


def refuse(found: Target, module: Any) -> NoReturn:
    """Raise TargetError: the function that was asked for was not called, or is not there."""
    there = functions_of(module)
    if any(found.function in known_as(f) for f in there):
        raise TargetError(f"{found.path} never called {found.function}")
    names = ", ".join(sorted(known_as(f)[0] for f in there)) or "none"
    raise TargetError(f"{found.path} has no decorated function {found.function}; it has: {names}")


def user_traceback(error: BaseException) -> str:
    """The traceback with the frames of the user's code only."""
    shown = traceback.TracebackException.from_exception(error)
    link: traceback.TracebackException | None = shown
    while link is not None:
        frames = [f for f in link.stack if not is_internal(os.path.abspath(f.filename))]
        link.stack = traceback.StackSummary.from_list(frames)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "".join(shown.format())


def run_script(found: Target, start: Callable[[], Any]) -> int:
    """Run a loaded script; 1 if it failed, which is told as Python would tell it."""
    try:
        start()
    except SystemExit as stop:
        if stop.code not in (None, 0):
            click.echo(f"{found.path} exited with {stop.code}", err=True)
            return 1
    except Exception as error:  # the script's own
        if isinstance(error, BrokenPipeError) and output_is_closed():
            raise
        click.echo(user_traceback(error), err=True, nl=False)
        return 1
    return 0
