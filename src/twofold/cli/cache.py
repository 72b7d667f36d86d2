"""``twofold cache``: the machine code that is kept on disk."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

import click

from twofold.compiler import pipeline
from twofold.compiler.native import cache as store
from twofold.compiler.native.identity import differences
from twofold.compiler.native.program import sources
from twofold.compiler.native.target import NATIVE
from twofold.ir.errors import TargetError

from .dump import first_call
from .report import show_bytes, show_seconds
from .target import find_target

__all__ = ["cache"]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
KEY = 12  # digits that are shown of a key


@click.group(short_help="The machine code that is kept on disk.")
def cache() -> None:
    """Look at the cache of machine code: what is there, why a kernel is not, and clear it.

    \b
    twofold cache ls
    twofold cache why model.py:step
    twofold cache clear --unused-for 7d

    TWOFOLD_CACHE=0 switches it off, TWOFOLD_CACHE_DIR moves it, TWOFOLD_CACHE_MB bounds it.

    Exit codes: 0 done; 1 the script of `why` failed; 2 wrong usage, or the folder is unusable.
    """


@cache.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (seconds, bytes).")
def list_entries(as_json: bool) -> None:
    """List the entries, last used first, with their CPU and versions.

    An entry that this process would not use, because it was compiled for something else, says so.
    """
    rows = [_row(entry) for entry in _checked(list, store.entries())]
    where = _checked(store.folder)
    if as_json:
        click.echo(json.dumps({"folder": where and str(where), "entries": rows}, indent=2))
        return
    if where is None:
        click.echo("the cache is switched off (TWOFOLD_CACHE)")
        return
    if rows:
        click.echo(_line("key", "size", "unused", "compiled", "name"))
    for row in rows:
        made = row["identity"]
        versions = ", ".join(f"{p} {made.get(p, '?')}" for p in ("twofold", "numba", "llvmlite"))
        about = [made.get("cpu", "?"), versions]
        if row["differs"]:
            about.append(f"not for this process: {', '.join(row['differs'])}")
        click.echo(_line(row["key"][:KEY], show_bytes(row["bytes"]),
                         show_seconds(row["unused_seconds"]), show_seconds(row["compile_seconds"]),
                         f"{row['name']}  ({'; '.join(about)})"))  # fmt: skip
    total = show_bytes(sum(row["bytes"] for row in rows))
    click.echo(f"{len(rows)} in {where}, {total} of {show_bytes(_checked(store.limit))}")


@cache.command()
@click.argument("target", metavar="FILE:FN | KEY")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why(target: str, args: tuple[str, ...], as_json: bool) -> None:
    """For each kernel of a function, or for an entry: is it loaded, and if not, why.

    The script runs until it calls FN for the first time, as for `twofold dump`; nothing is
    compiled. A KEY is the start of one that `ls` shows.

    Exit codes: 0 done; 1 the script failed before the call; 2 no such file, function or entry.
    """
    rows = _entry(target) if re.fullmatch(r"[0-9a-f]{4,32}", target) else _function(target, args)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['key'][:KEY]}  {row['name']}: {row['why']}")
    for text in store.notes():
        click.echo(f"note: {text}")


@cache.command()
@click.option("--unused-for", "age", default="0s", metavar="TIME",
              help="Only entries not used for so long: 90s, 10m, 12h, 7d.")  # fmt: skip
def clear(age: str) -> None:
    """Remove entries. Processes that run are not disturbed."""
    found = re.fullmatch(r"(\d+)([smhd])", age)
    if found is None:
        raise click.BadParameter(f"{age!r} is not a time such as 90s, 10m, 12h or 7d",
                                 param_hint="--unused-for")  # fmt: skip
    if _checked(store.folder) is None:
        click.echo("the cache is switched off (TWOFOLD_CACHE)")
        return
    count = _checked(store.clear, int(found[1]) * UNITS[found[2]])
    click.echo(f"removed {count} {'entry' if count == 1 else 'entries'}")


def _line(key: str, size: str, unused: str, took: str, name: str) -> str:
    return f"{key:{KEY}}  {size:>8}  {unused:>8}  {took:>8}  {name}"


def _checked(function: Any, *args: Any) -> Any:
    """The call; a folder that cannot be used is an error of the command."""
    try:
        return function(*args)
    except (OSError, store.Unusable) as error:
        raise TargetError(f"the cache cannot be used: {error}") from None


def _row(entry: store.Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "name": entry.name,
        "bytes": entry.size,
        "unused_seconds": max(time.time() - entry.used, 0.0),
        "made": entry.made,
        "compile_seconds": entry.milliseconds / 1e3,
        "differs": list(differences(entry.identity)),
        "identity": entry.identity,
        "content": entry.content,
        "file": str(entry.path),
    }


def _entry(key: str) -> list[dict[str, str]]:
    """The entries whose key starts so. Raises TargetError."""
    rows = [
        {"key": e.key, "name": e.name, "why": store.explain(e.content), "content": e.content}
        for e in _checked(list, store.entries())
        if e.key.startswith(key)
    ]
    if not rows:
        raise TargetError(f"the cache has no entry {key}; `twofold cache ls` lists all")
    return rows


def _function(target: str, args: Sequence[str]) -> list[dict[str, str]]:
    """What a function is made of. Raises TargetError."""
    found = find_target(target)
    if not found.function:
        raise click.BadParameter("write FILE:FN, for instance model.py:step, or a key",
                                 param_hint="FILE:FN | KEY")  # fmt: skip
    graph = pipeline.run(first_call(found, tuple(args)).graph, target=NATIVE)
    unique = {source.content: source for source in sources(graph)}
    return [
        {"key": store.digest(s.content), "name": s.name, "why": store.explain(s.content),
         "content": s.content}
        for s in unique.values()
    ]  # fmt: skip
