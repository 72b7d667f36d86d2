"""``twofold opt``: passes on graphs that are given as text."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from twofold.compiler.passes.driver import Pass
from twofold.compiler.passes.text import read_passes, show_passes
from twofold.compiler.pipeline import PASSES, Applied, run
from twofold.ir.errors import IRSyntaxError
from twofold.ir.graph import Graph
from twofold.ir.parser import parse_all
from twofold.ir.printer import print_graph
from twofold.ir.scanner import Scanner, token
from twofold.ir.verify import verify
from twofold.ir.words import meant

from .given import text_of, write
from .report import console, show_seconds

__all__ = ["opt"]


_KERNEL = token(r"kernel\b")


class Optimised(NamedTuple):
    """A graph after the passes, and what each of them did."""

    graph: Graph
    steps: list[Applied]


@click.command(short_help="Run passes on graphs given as text.")
@click.argument("file", metavar="FILE.ir", required=False)
@click.option("--passes", "names", metavar="PASSES",
              help="Such as fold,fuse{max_ops=8},cse; else those of the compiler.")  # fmt: skip
@click.option("--after", metavar="PASS", help="Stop after this pass.")
@click.option("--verify", "checks", is_flag=True, help="Check the graph after every pass.")
@click.option("--time", "times", is_flag=True,
              help="A table of the times of passes and the nodes before and after.")  # fmt: skip
@click.option("--list", "listing", is_flag=True, help="List the passes and their options.")
@click.option("--no-locations", is_flag=True, help="Leave out `@ file:line:column`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT",
              help="Write the graphs to a file.")  # fmt: skip
def opt(
    file: str | None, names: str | None, after: str | None, checks: bool, times: bool,
    listing: bool, no_locations: bool, as_json: bool, output: Path | None,
) -> None:  # fmt: skip
    """Run passes on the graphs in FILE.ir ("-": standard input) and print what comes out.

    The text that is printed parses back: one run can follow another. A file may hold several
    graphs; each is checked before the first pass. The table of --time goes to standard error.

    \b
    twofold opt step.ir
    twofold opt step.ir --passes fold,simplify,cse --verify
    twofold opt step.ir --passes "fuse{max_ops=8},schedule" --time -o planned.ir
    twofold dump model.py:step --after trace | twofold opt - --after dce
    twofold opt --list

    Exit codes: 0 done; 1 the text is not a valid graph, or a pass made one that is not; 2 no such
    file, pass or option.
    """
    if listing:
        _list(as_json)
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE.ir' ('-' reads standard input).")
    passes = _passes(names, after)
    graphs = _read(text_of(file))
    done = [_optimised(graph, passes, after, checks) for graph in graphs]
    texts = [print_graph(d.graph, locations=not no_locations) for d in done]
    shown = _json(done, texts) if as_json else "\n".join(texts)
    write(shown, output)
    if times and not as_json:
        _print_times(done)


def _read(text: str | bytes) -> list[Graph]:
    """The graphs of a text; one at least. Raises IRSyntaxError."""
    start = Scanner(text if isinstance(text, str) else text.decode(errors="replace"))
    if start.take(_KERNEL):
        start.fail("this is a kernel of the loop IR; passes run on graphs", 0)
    graphs = parse_all(text)
    if not graphs:
        start.fail("there is no graph in the text; it begins with 'graph NAME(...) {'")
    return graphs


def _passes(names: str | None, after: str | None) -> list[Pass]:
    """The passes that were asked for, up to ``after``. Raises BadParameter."""
    try:
        passes = PASSES if names is None else read_passes(names, PASSES)
    except IRSyntaxError as error:
        raise click.BadParameter(str(error), param_hint="--passes") from None
    there = [p.name for p in passes]
    if after is not None and after not in there:
        hint = meant(after, there) or f"; the passes are {', '.join(there)}"
        raise click.BadParameter(f"there is no pass {after}{hint}", param_hint="--after")
    return passes


def _optimised(graph: Graph, passes: list[Pass], after: str | None, checks: bool) -> Optimised:
    verify(graph)
    steps: list[Applied] = []
    result = run(graph, passes, after=after, verify=checks, time=steps.append)
    return Optimised(result, steps)


def _json(done: list[Optimised], texts: list[str]) -> str:
    graphs = [
        {
            "name": d.graph.name,
            "passes": [
                {"pass": s.name, "seconds": s.seconds, "nodes_before": s.before,
                 "nodes_after": s.after}
                for s in d.steps
            ],
            "text": text,
        }
        for d, text in zip(done, texts, strict=True)
    ]  # fmt: skip
    return json.dumps({"graphs": graphs}, indent=2) + "\n"


def _print_times(done: list[Optimised]) -> None:
    """A row for each pass of each graph, and the sum of the times."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    total = show_seconds(sum(s.seconds for d in done for s in d.steps))
    for head, footer in (("graph", ""), ("pass", "all passes"), ("time", total),
                         ("nodes before", ""), ("nodes after", "")):  # fmt: skip
        side: Any = "left" if head in ("graph", "pass") else "right"
        table.add_column(head, footer, justify=side)
    for d in done:
        for s in d.steps:
            row = (d.graph.name, s.name, show_seconds(s.seconds), str(s.before), str(s.after))
            table.add_row(*row)
    console(stderr=True).print(table)


def _list(as_json: bool) -> None:
    """The passes in the compiler's order: what each does and what its options are."""
    if as_json:
        rows = [
            {"pass": p.name, "summary": p.summary, "page": inspect.getdoc(p),
             "options": {o.name: {"type": o.type.__name__, "default": o.default}
                         for o in p.options.values()}}
            for p in PASSES
        ]  # fmt: skip
        click.echo(json.dumps({"passes": rows}, indent=2))
        return
    for p in PASSES:
        click.echo(f"{p.name:<12} {p.summary}")
        for o in p.options.values():
            click.echo(f"{'':<12}   {o}: {o.about}")
    click.echo(f"\nthe compiler runs {show_passes(PASSES)}")
