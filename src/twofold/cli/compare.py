"""``twofold compare``: a script's decorated functions, eagerly and compiled, on its own calls."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from time import perf_counter

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from twofold.compiler.loading import load
from twofold.compiler.native import cache
from twofold.compiler.native.codegen import generator
from twofold.compiler.native.machine import driver
from twofold.compiler.observe import observed

from .measure import Comparison
from .record import Record
from .report import console, figures, totals
from .table import print_table
from .target import Target, find_target, load_script, refuse, run_script

__all__ = ["compare"]


@click.command(short_help="Run a script both ways.")
@click.argument("target", metavar="FILE[:FN]")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON (seconds, bytes); the script's own output goes to standard error.",
)
@click.option("--rtol", type=click.FloatRange(min=0), help="Bound relative to each element.")
@click.option("--atol", type=click.FloatRange(min=0), help="Bound relative to the array's scale.")
@click.option(
    "--strict", is_flag=True, help="Fail where a call ran as plain Python, or had steps in Python."
)
@click.option("--calls", type=click.IntRange(min=1), metavar="N",
              help="Compare the first N calls of each function; later calls just run.")  # fmt: skip
def compare(
    target: str, args: tuple[str, ...], as_json: bool, rtol: float | None, atol: float | None,
    strict: bool, calls: int | None,
) -> None:  # fmt: skip
    """Run FILE as a script; run each call of its decorated functions eagerly and compiled.

    Results and Variables must agree: structure, dtype and shape exactly, integers exactly, floating
    values within a bound (float32 1e-5, float64 1e-12, of the element or of the array's scale).
    Then a table: median times of a call, what tracing and compiling took and after how many calls
    they have paid, kernels, bytes moved and peak memory (eager > compiled). Calls that ran as plain
    Python are counted below it, with the reason and the line; so are calls with steps in Python
    between their graphs, which are not compared. What a function does besides (files, prints,
    Python's objects) is done once a call, as without the comparison.

    FILE is a path or the dotted name of a module. A function that is called inside another
    decorated function belongs to that one, unless FN selects it.

    \b
    twofold compare examples/digits.py
    twofold compare train.py:step --calls 5 -- --epochs 1
    twofold compare mypackage.model --json > times.json

    Exit codes: 0 all agree; 1 a difference, the script failed, or with --strict a call that ran as
    plain Python or had steps in Python; 2 no such file or function.
    """
    found = find_target(target)
    # Without what earlier runs have compiled, so that the table says what compiling costs.
    with cache.off(), _progress() as show:
        start_up = _start_compiler()
        comparison = Comparison(found.function, calls, rtol, atol, show)
        status = _run(found, args, comparison, as_json)
    records = list(comparison.records.values())
    if as_json:
        rows = [figures(r) for r in records]
        click.echo(json.dumps({"functions": rows, "total": totals(rows),
                               "start_up_seconds": start_up}, indent=2))  # fmt: skip
    elif records:
        print_table(records, rtol, atol)
        click.echo(f"starting the compiler: {start_up:.1f} s, once a process, not in the table")
    if not records and not status:
        click.echo(f"{found.path} called no decorated function; there is nothing to compare",
                   err=True)  # fmt: skip
    failed = any(
        r.failure is not None or strict and (r.plain.total or r.steps.total) for r in records
    )
    sys.exit(status or int(failed))


def _start_compiler() -> float:
    """Seconds to load the compiler, numba and LLVM, which no single function should be charged."""
    start = perf_counter()
    load(native=True)
    driver()
    generator()
    return perf_counter() - start


def _run(found: Target, args: tuple[str, ...], comparison: Comparison, as_json: bool) -> int:
    """Run the script under observation; its exit status."""
    aside = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with load_script(found, args) as (module, start), observed(comparison), aside:
        if status := run_script(found, start):
            return status
    if found.function and not comparison.records:
        refuse(found, module)
    return 0


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Record], None]]:
    """A spinner with the number of calls, on a terminal; else nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda record: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True,
                  redirect_stdout=sys.stdout.isatty()) as progress:  # fmt: skip
        task = progress.add_task("running")
        counted = 0

        def show(record: Record) -> None:
            nonlocal counted
            counted += 1
            progress.update(task, description=f"{counted} calls compared, now {record.name}")

        yield show
