"""``twofold dump``: what a function is after each step of the compiler."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.function import Function
from twofold.compiler.observe import observed
from twofold.ir import bind
from twofold.ir.errors import TargetError
from twofold.ir.graph import Graph
from twofold.ir.printer import print_graph
from twofold.ir.tree import flatten, unflatten

from .dot import dot_text
from .given import write
from .page import html_page
from .saved import find_saved, summary
from .stages import (
    graph_at,
    graph_stages,
    kernel_stages,
    loop_stages,
    machine_text,
    stage_names,
)  # fmt: skip
from .target import Target, find_target, functions_of, known_as, load_script, user_traceback

__all__ = ["dump", "first_call"]


@click.command(short_help="Print the stages of a function.")
@click.argument("target", metavar="FILE:FN|DIR")
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]")
@click.option(
    "--after",
    "step",
    metavar="STEP",
    help="The graph after one step; without a form, after the last pass.",
)
@click.option("--all", "form", flag_value="all", help="The graph after every step.")
@click.option("--kernels", "form", flag_value="kernels", help="The kernels as readable Python.")
@click.option("--loops", "form", flag_value="loops", help="The kernels as loop nests.")
@click.option("--llvm", "form", flag_value="llvm", help="The kernels as LLVM IR.")
@click.option("--asm", "form", flag_value="asm", help="The kernels as assembly.")
@click.option("--dot", "form", flag_value="dot", help="The graph as graphviz text.")
@click.option("--html", "form", flag_value="html", help="A page with all steps and the kernels.")
@click.option("--no-locations", is_flag=True, help="Leave out `@ file:line:column`.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT",
              help="Write to a file.")  # fmt: skip
def dump(
    target: str, args: tuple[str, ...], step: str | None, form: str | None, no_locations: bool,
    output: Path | None,
) -> None:  # fmt: skip
    """Print the graph of FN, a decorated function of the script FILE, or of a saved model DIR.

    The script runs, its own output on standard error, until it calls FN for the first time and is
    stopped there; a function that it does not call needs an input_signature. The text is the same
    on every run, so two dumps can be compared with diff, and `twofold run` reads it back. Steps:
    trace, then each pass (a wrong STEP lists them), then kernels.

    \b
    twofold dump model.py:step                       after the last pass
    twofold dump model.py:step --after fuse
    twofold dump model.py:Model.call --kernels
    twofold dump model.py:step --dot --after trace | dot -Tsvg > step.svg
    twofold dump model.py:step --html -o step.html
    twofold dump my_model                            what a saved model holds
    twofold dump my_model:serving_default            the graph of a signature or function

    Exit codes: 0 done; 1 the script failed before the call; 2 no such file, function or step, or
    the function is never called.
    """
    saved = find_saved(target)
    if saved is not None and not saved.name:
        write(summary(saved), output)
        return
    found = find_target(target) if saved is None else None
    if step is not None and step not in stage_names():
        raise click.BadParameter(f"{step!r} is not one of {', '.join(stage_names())}",
                                 param_hint="--after")  # fmt: skip
    if saved is not None:
        graph = saved.graph()
        write(_render(graph, graph.name, step, form, not no_locations), output)
        return
    assert found is not None
    if not found.function:
        raise click.BadParameter("write FILE:FN, for instance model.py:step", param_hint="FILE:FN")
    concrete = first_call(found, args)
    text = _render(concrete.graph, concrete.name, step, form, not no_locations)
    write(text, output)


def _render(graph: Graph, name: str, step: str | None, form: str | None, locations: bool) -> str:
    """The text in the form that was asked for."""
    if form == "kernels" or (form is None and step == "kernels"):
        return _sections(kernel_stages(graph), "kernel")
    if form == "loops":
        return _sections(loop_stages(graph), "kernel")
    if form in ("llvm", "asm"):
        return machine_text(graph, form)
    if form == "html":
        stages = graph_stages(graph, locations=locations)
        return html_page(name, stages, kernel_stages(graph))
    if form == "all":
        stages = graph_stages(graph, locations=locations)
        return f"{_sections(stages, 'after')}\n{_sections(kernel_stages(graph), 'kernel')}"
    shown = graph_at(graph, step or stage_names()[-1])
    return dot_text(shown) if form == "dot" else print_graph(shown, locations=locations)


def _sections(stages: list[Any], what: str) -> str:
    if not stages:
        return "# no kernels: nothing is left to compute, or all of it is matrix products\n"
    return "\n".join(f"# {what} {stage.name}\n{stage.text}" for stage in stages)


class _Reached(BaseException):
    """The function was called; not an Exception, so that no script catches it."""

    def __init__(self, concrete: ConcreteFunction) -> None:
        self.concrete = concrete


def first_call(found: Target, args: tuple[str, ...]) -> ConcreteFunction:
    """Run the script until the function is called; its trace."""
    with load_script(found, args) as (module, start):
        try:
            with observed(_Stop(found.function)), contextlib.redirect_stdout(sys.stderr):
                start()
        except _Reached as reached:
            return reached.concrete
        except SystemExit:
            pass  # the end of the script, like any other
        except Exception as error:  # noqa: BLE001  (the script's own: shown as Python would)
            click.echo(user_traceback(error), err=True, nl=False)
            raise click.exceptions.Exit(1) from None
        return _by_signature(found, functions_of(module))


class _Stop:
    """An observer that traces the function and stops the script when it is called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.name not in known_as(function):  # as Python, so that calls inside are seen
            return function.python_function(*args, **kwargs)
        above = bind.current.set(None)
        try:
            raise _Reached(function.get_concrete_function(*args, **kwargs))
        finally:
            bind.current.reset(above)


def _by_signature(found: Target, there: list[Function]) -> ConcreteFunction:
    """The trace of a function that was not called; see TargetError."""
    named = [f for f in there if found.function in known_as(f)]
    if not named:
        names = ", ".join(sorted(known_as(f)[0] for f in there)) or "none"
        raise TargetError(
            f"{found.path} has no decorated function {found.function}; it has: {names}"
        )
    if named[0].input_signature is None:
        raise TargetError(
            f"{found.path} ended without a call of {found.function}, so its arguments are not "
            f"known: call it in the script, or give it an input_signature"
        )
    specs, structure = flatten(list(named[0].input_signature))
    return named[0].get_concrete_function(*unflatten(structure, [s.example() for s in specs]))
