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
from twofold.ir.parser import parse
from twofold.ir.printer import value_names
from twofold.runtime.variable import Variable

from .given import text_of
from .report import console, show_seconds
from .saved import find_saved, run_signature
from .values import DEFAULT_SIZE, given_inputs, given_sizes, make_inputs, plain

__all__ = ["run"]


@click.command(short_help="Run a graph given as text.")
@click.argument("file", metavar="FILE.ir|DIR")
@click.option("--signature", metavar="NAME", help="Of a saved model; serving_default if left out.")
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
    file: str, signature: str | None, inputs: tuple[str, ...], sizes: tuple[str, ...], seed: int,
    compiled: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run the graph in FILE.ir ("-": standard input), or a signature of the saved model DIR, and
    print its outputs.

    Variables (`ref` inputs) that the graph assigns are printed after the outputs.

    \b
    twofold run step.ir
    twofold run step.ir --input x=images.npy --input rate=0.1 --size n=8
    twofold dump model.py:step | twofold run - --compiled --json
    twofold run my_model --signature serving_default --input x=images.npy

    Exit codes: 0 done; 1 the text is not a graph, or the run failed; 2 no such file or input.
    """
    saved = find_saved(file)
    if saved is not None:
        asked = saved.signature(signature or saved.name or None)
        asked.function.jit_compile = compiled
        results, state, env = run_signature(asked, given_inputs(inputs), given_sizes(sizes), seed)
        _show(asked.name, results, state, env, None, as_json)
        return
    if signature is not None:
        raise click.BadParameter(f"{file} is no saved model", param_hint="--signature")
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
    _show(graph.name, results, state, env, seconds, as_json)


def _listed(values: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": n, "dtype": a.dtype.name, "shape": list(a.shape), "value": plain(a)}
        for n, a in values
    ]


def _show(
    name: str, results: list[tuple[str, Any]], state: list[tuple[str, Any]], env: dict[str, int],
    seconds: float | None, as_json: bool,
) -> None:  # fmt: skip
    if as_json:
        shown = {"outputs": _listed(results), "variables": _listed(state), "sizes": env}
        click.echo(json.dumps(shown, indent=2))
    else:
        _print(name, results, state, seconds)


def _print(
    graph: str, results: list[tuple[str, Any]], state: list[tuple[str, Any]], seconds: float | None
) -> None:
    out = console()
    for name, array in results:
        click.echo(f"%{name}: {array.dtype.name}{list(array.shape)} =\n{array}")
    for name, array in state:
        click.echo(f"%{name} now holds {array.dtype.name}{list(array.shape)} =\n{array}")
    if out.is_terminal and seconds is not None:
        out.print(f"{graph} ran in {show_seconds(seconds)}", style="dim", highlight=False)
