"""The page of one op in Markdown, written from its record: nothing on it is kept anywhere else."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from twofold.ir.errors import TwofoldError
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY, Composite

from ..ops import facts
from .called import Called, calls_of, shown_value
from .conventions import special_values
from .kernels import graph_and_kernels

__all__ = ["op_page", "page_name", "prose"]


def page_name(name: str) -> str:
    """The file of an op's page, within the folder of the pages."""
    return f"ops/{name}.md"


def op_page(name: str, *, kernels: bool = True) -> str:
    """The page of an op or a composite, in Markdown.

    ``kernels``: with the graph and the kernels that its first sample compiles to.
    """
    row = facts(name)
    short = sorted(row["public_names"], key=lambda n: (n.count("."), not n.endswith(f".{name}"), n))
    row = row | {"public_names": short}
    entry = REGISTRY[name]
    target: Any = entry.function if isinstance(entry, Composite) else entry
    calls = calls_of(name)
    parts = [
        f"# {row['public_names'][0] if row['public_names'] else name}",
        _fenced(f"{name}{row['signature']}"),
        prose(row["page"]),
        *_names(row["public_names"]),
        *_parameters(target),
        *_shapes(calls),
        *_dtypes(calls, entry),
        *special_values(name, calls),
        *_example(row, calls),
        *_gradient(entry),
        *(_kernels(entry, calls) if kernels else ()),
    ]
    return "\n\n".join(parts) + "\n"


def _fenced(text: str, language: str = "python") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def prose(page: str) -> str:
    """A docstring as Markdown: literals, and examples as blocks of code.

    >>> prose("The ``max``.")
    'The `max`.'
    """
    blocks = []
    for block in re.split(r"\n\n+", page.strip()):
        if block.lstrip().startswith(">>>"):
            blocks.append(_fenced(textwrap.dedent(block), "pycon"))
        elif block.startswith("    "):
            blocks.append(_fenced(textwrap.dedent(block), "text"))
        else:
            blocks.append(re.sub(r"``([^`]+)``", r"`\1`", block))
    return "\n\n".join(blocks)


def _names(public: list[str]) -> Iterator[str]:
    if len(public) > 1:
        yield "Also " + ", ".join(f"`{n}`" for n in public[1:]) + "."


def _parameters(target: Any) -> Iterator[str]:
    yield "## Parameters"
    tensors = target.tensors if isinstance(target, Op) else ()
    rows = ["| name | default | |", "|---|---|---|"]
    for name, p in inspect.signature(target).parameters.items():
        default = "" if p.default is p.empty else f"`{shown_value(p.default)}`"
        starred = f"*{name}" if p.kind is p.VAR_POSITIONAL else name
        kind = "tensor" if name in tensors else "by keyword" if p.kind is p.KEYWORD_ONLY else ""
        rows.append(f"| `{starred}` | {default} | {kind} |")
    yield "\n".join(rows) if len(rows) > 2 else "None."


def _shapes(calls: list[Called]) -> Iterator[str]:
    if not calls:
        return
    yield "## Shapes"
    rows = ["| call | result |", "|---|---|"]
    rows += [f"| `{_cell(c.text)}` | {_cell(c.types)} |" for c in calls]
    yield "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _dtypes(calls: list[Called], entry: Any) -> Iterator[str]:
    yield "## Dtypes"
    if isinstance(entry, Op):
        said = facts(entry.name)
        yield (
            f"Accepts {', '.join(said['accepts'])}; operands are promoted by the rule "
            f"`{entry.promote}` ([promotion](../promotion.md))."
        )
    else:
        yield "Those of the ops that it is composed of ([promotion](../promotion.md))."
    found = calls[0].by_dtype() if calls else {}
    if len(found) > 1:
        rows = ["| input | result |", "|---|---|"]
        rows += [f"| {given} | {made} |" for given, made in found.items()]
        yield "\n".join(rows)


def _example(row: dict[str, Any], calls: list[Called]) -> Iterator[str]:
    """An example for a page whose text has none."""
    if ">>>" in row["page"] or not calls or not row["public_names"]:
        return
    shown = calls[0].example(row["public_names"][0])
    if shown:
        yield "## Example"
        yield _fenced(shown, "pycon")


def _gradient(entry: Any) -> Iterator[str]:
    yield "## Gradient"
    if isinstance(entry, Composite):
        yield "By those of the ops that it is composed of."
        return
    rule = entry.vjp or entry.linearize
    if rule is None:
        yield f"None: {no_gradient(entry)}."
        return
    yield "Reverse mode, written in ops, so that it has derivatives itself:"
    yield _fenced(textwrap.dedent(inspect.getsource(rule)))


def no_gradient(op: Op) -> str:
    """Why an op has no gradient."""
    if op.result == "bool" or "f" not in op.accepts:
        return "its results are not floating-point numbers"
    if op.kind in ("create", "random"):
        return "it has no input that a result depends on differentiably"
    if op.kind in ("state", "buffer", "region"):
        return "the tape handles it itself"
    return "its results are integers, or constant wherever they are continuous"


def _kernels(entry: Any, calls: list[Called]) -> Iterator[str]:
    yield "## Kernel"
    if isinstance(entry, Op) and entry.expr is not None:
        yield f"The scalar expression, which fuses with its neighbours: `{entry.expr}`."
    elif isinstance(entry, Op):
        yield "No scalar expression: " + _runs_as(entry)
    if not calls:
        yield "No example: the op has no sample call."
        return
    try:
        graph, kernels = graph_and_kernels(calls[0])
    except (TwofoldError, NotImplementedError) as error:
        yield f"Eager only: {str(error).splitlines()[0]}."
        return
    yield f"What `{calls[0].text}` becomes:"
    yield _fenced(graph, "text")
    yield from (_fenced(kernel) for kernel in kernels)


def _runs_as(op: Op) -> str:
    if op.axes is not None:
        return "kernels read through it, without a copy."
    if op.pieces is not None:
        return "kernels write each part of its result where it belongs."
    return "kernels of its own shape, a library routine, or its NumPy body between kernels."
