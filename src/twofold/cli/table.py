"""The table that ``compare`` prints: a row for each function, a footer, the failures."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from twofold.compiler.explain import plain_lines, step_lines

from .agreement import show_bounds
from .record import Record
from .report import console, figures, show_bytes, show_seconds, totals

__all__ = ["print_table"]

# Columns that the table needs: in one line a row, in two, and without what is measured in bytes.
ONE_LINE, TWO_LINES = 150, 100
HEADS = ("function", "calls", "eager", "compiled", "speed-up", "trace", "compile", "pays after",
         "kernels", "moved", "memory", "agrees")  # fmt: skip
BYTES = ("kernels", "moved", "memory")
NOISE = 3  # times the fastest call: a median above that is remarked on


def print_table(records: list[Record], rtol: float | None, atol: float | None) -> None:
    """A row for each function, the sums, the bound, and the failures."""
    out = console()
    rows = [figures(r) for r in records]
    total = {"function": "all calls", **totals(rows)}
    heads = [h for h in HEADS if out.width >= TWO_LINES or h not in BYTES]
    gap = " " if out.width >= ONE_LINE else "\n"
    table = Table(show_footer=True, box=None, pad_edge=False, header_style="bold",
                  footer_style="bold", padding=(0, 2 if gap == " " else 1, 0, 0))  # fmt: skip
    sums = _cells(total, gap)
    for head in heads:
        table.add_column(
            head.replace(" ", gap),
            sums[head],
            justify="left" if head == "function" else "right",
            no_wrap=True,
            overflow="fold",
        )
    for row in rows:
        cells = _cells(row, gap)
        table.add_row(*[_styled(cells[head], head, row) for head in heads])
    out.print(table)
    out.print(f"\n{show_bounds(rtol, atol)}", style="dim", highlight=False)
    if len(heads) < len(HEADS):
        out.print(f"{', '.join(BYTES)}: in {TWO_LINES} columns, or with --json", style="dim")
    for row in rows:
        if _disturbed(row):
            out.print(_warning(row), style="yellow", highlight=False, markup=False, soft_wrap=True)
    for record in records:
        steps = step_lines(record.name, record.steps, record.calls)
        for line in (*steps, *plain_lines(record.name, record.plain, record.calls)):
            out.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
        if record.failure is not None:
            out.print(f"\nAgreementError: {record.failure}", style="red", highlight=False,
                      markup=False, soft_wrap=True)  # fmt: skip


def _disturbed(row: dict[str, Any]) -> bool:
    """Whether a median says more about the machine than about the function."""
    return any(
        row[f"{mode}_seconds"] and row[f"{mode}_seconds"] > NOISE * row[f"{mode}_fastest_seconds"]
        for mode in ("eager", "compiled")
    )


def _warning(row: dict[str, Any]) -> str:
    eager, compiled = row["eager_fastest_seconds"], row["compiled_fastest_seconds"]
    ratio = f", {eager / compiled:.2f}x" if eager and compiled else ""
    return (
        f"{row['function']}: times vary more than {NOISE}-fold, so sizes differ or the machine is "
        f"busy; the fastest calls: {show_seconds(eager)} eagerly, {show_seconds(compiled)} "
        f"compiled{ratio}"
    )


def _cells(row: dict[str, Any], gap: str) -> dict[str, str]:
    """The text of each column; ``gap`` is where a cell may break."""
    if row["compiled_seconds"] is None:  # no call of it has been compiled
        verdict = ("steps" if row["step_calls"] else "plain") if row["agrees"] else "NO"
        known = {"function": row["function"], "calls": str(row["calls"]), "agrees": verdict}
        return {**dict.fromkeys(HEADS, ""), **known, "eager": show_seconds(row["eager_seconds"])}
    arrow = f" >{gap}"
    steps = f"{row['kernels']}" + (f" + {row['numpy_steps']} np" if row["numpy_steps"] else "")
    return {
        "function": row["function"],
        "calls": str(row["calls"]),
        "eager": show_seconds(row["eager_seconds"]),
        "compiled": show_seconds(row["compiled_seconds"]),
        "speed-up": f"{row['speed_up']:.2f}x" if row["speed_up"] else "",
        "trace": show_seconds(row["trace_seconds"]),
        "compile": show_seconds(row["compile_seconds"]),
        "pays after": _pays(row),
        "kernels": steps,
        "moved": show_bytes(row["eager_bytes_moved"])
        + arrow
        + show_bytes(row["compiled_bytes_moved"]),
        "memory": show_bytes(row["eager_peak_bytes"])
        + arrow
        + show_bytes(row["compiled_peak_bytes"]),
        "agrees": _verdict(row, gap),
    }


def _styled(text: str, head: str, row: dict[str, Any]) -> Text:
    if head != "agrees":
        return Text(text)
    return Text(text, style="green" if row["agrees"] else "bold red")


def _pays(row: dict[str, Any]) -> str:
    """After how many calls; nothing in the footer and for a function that is not compiled."""
    if "break_even_calls" not in row or not row["speed_up"]:
        return ""
    calls = row["break_even_calls"]
    return "never" if calls is None else str(calls)


def _verdict(row: dict[str, Any], gap: str) -> str:
    if not row["agrees"]:
        return "NO"
    worst = row["largest_difference"]
    return f"within{gap}{worst:.0e}" if worst else "exactly"
