"""``twofold run``: a graph that is given as text, on given or random inputs."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import click
import numpy as np

from twofold.compiler.pipeline import compile_graph
from twofold.compiler.targets import target_for
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph
from twofold.ir.parser import parse
from twofold.ir.printer import value_names
from twofold.runtime.variable import Variable

from .given import text_of
from .report import console, show_seconds
from .values import DEFAULT_SIZE, given_inputs, given_sizes, make_inputs, plain

__all__ = ["run"]


@click.command(short_help="Run a graph given as text.")
@click.argument("file", metavar="FILE.ir")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A .npy file, a number, or a list such as [1, 2]; else random.",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=SIZE",
    help=f"A size symbol; else as the inputs say, else {DEFAULT_SIZE}.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random inputs."
)
@click.option(
    "--compiled/--eager",
    default=False,
    help="With machine code, or on array operations (the default).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run(
    file: str, inputs: tuple[str, ...], sizes: tuple[str, ...], seed: int, compiled: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Run the graph in FILE.ir ("-": standard input) and print its outputs.

    Variables (`ref` inputs) that the graph assigns are printed after the outputs.

    \b
    twofold run step.ir
    twofold run step.ir --input x=images.npy --input rate=0.1 --size n=8
    twofold dump model.py:step | twofold run - --compiled --json

    Exit codes: 0 done; 1 the text is not a graph, or the run failed; 2 no such file or input.
    """
    graph = parse(text_of(file))
    arrays, env = make_inputs(graph, given_inputs(inputs), given_sizes(sizes), seed)
    before = [x.array.copy() if isinstance(x, Variable) else None for x in arrays]
    executable = compile_graph(graph, target_for(compiled))
    call = executable.prepare(env)
    start = perf_counter()
    outputs = call(arrays)
    seconds = perf_counter() - start
    names = value_names(graph)
    results = [(names[v], array) for v, array in zip(graph.outputs, outputs, strict=True)]
    state = [
        (names[v], x.array)
        for v, x, old in zip(graph.inputs, arrays, before, strict=True)
        if old is not None and not np.array_equal(old, x.array, equal_nan=info(old.dtype).inexact)
    ]
    if as_json:
        shown = {"outputs": _listed(results), "variables": _listed(state), "sizes": env}
        click.echo(json.dumps(shown, indent=2))
        return
    _print(graph, results, state, seconds)


def _listed(values: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": n, "dtype": a.dtype.name, "shape": list(a.shape), "value": plain(a)}
        for n, a in values
    ]


def _print(
    graph: Graph, results: list[tuple[str, Any]], state: list[tuple[str, Any]], seconds: float
) -> None:
    out = console()
    for name, array in results:
        click.echo(f"%{name}: {array.dtype.name}{list(array.shape)} =\n{array}")
    for name, array in state:
        click.echo(f"%{name} now holds {array.dtype.name}{list(array.shape)} =\n{array}")
    if out.is_terminal:
        out.print(f"{graph.name} ran in {show_seconds(seconds)}", style="dim", highlight=False)
