"""``twofold explain``: what the calls of a script's decorated functions did."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import click

from twofold.compiler.function import Function
from twofold.compiler.observe import observed

from .target import Target, find_target, known_as, load_script, refuse, run_script

__all__ = ["explain"]


@click.command(short_help="Say what ran as a graph and what as plain Python.")
@click.argument("target", metavar="FILE[:FN]")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--strict", is_flag=True, help="Fail where a call ran as plain Python, or had steps in Python."
)
def explain(target: str, args: tuple[str, ...], as_json: bool, strict: bool) -> None:
    """Run FILE as a script, as python does, and say for each of its decorated functions that it
    called which traces there are, why it was traced again, and how many calls ran as plain Python,
    with the reason and the line.

    The script's own output goes to standard error. FILE is a path or the dotted name of a module.

    \b
    twofold explain train.py
    twofold explain train.py:step --strict
    twofold explain mypackage.model --json

    Exit codes: 0 done; 1 the script failed, or with --strict a call ran as plain Python or had
    steps in Python; 2 no such file or function.
    """
    found = find_target(target)
    seen: dict[int, Function] = {}
    status = _run(found, args, seen)
    functions = [f for f in seen.values() if not found.function or found.function in known_as(f)]
    if as_json:
        click.echo(json.dumps({"functions": [_row(f) for f in functions]}, indent=2))
    else:
        click.echo("\n\n".join(f.summary() for f in functions))
    plain = sum(f.plain_calls.total + f.steps.total for f in functions)
    sys.exit(status or int(strict and plain > 0))


def _run(found: Target, args: tuple[str, ...], seen: dict[int, Function]) -> int:
    """Run the script and note the functions that it calls; its exit status."""

    def note(function: Function, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        seen[id(function)] = function
        return function.run(given, named)

    aside = contextlib.redirect_stdout(sys.stderr)
    with load_script(found, args) as (module, start), observed(note), aside:
        if status := run_script(found, start):
            return status
    if found.function and not any(found.function in known_as(f) for f in seen.values()):
        refuse(found, module)
    if not seen:
        click.echo(f"{found.path} called no decorated function", err=True)
    return 0


def _row(function: Function) -> dict[str, Any]:
    counts, steps = function.plain_calls.counts, function.steps.counts
    return {
        "function": known_as(function)[0],
        "traces": [c.signature_text() for c in function.traces()],
        "tracing_count": function.experimental_get_tracing_count(),
        "retraced": list(function.retraced()),
        "plain_calls": function.plain_calls.total,
        "plain_reasons": [{"reason": why, "calls": n} for why, n in counts.items()],
        "steps": function.steps.total,
        "step_reasons": [{"reason": why, "times": n} for why, n in steps.items()],
    }
