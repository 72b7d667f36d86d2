"""What ``compare`` prints: a table with a footer, or JSON."""

from __future__ import annotations

import math
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .agreement import show_bounds
from .measure import Record

__all__ = ["console", "figures", "print_table", "show_bytes", "show_seconds", "totals"]

PLAIN_WIDTH = 200  # columns where output is no terminal, so that nothing is folded


def console(*, stderr: bool = False) -> Console:
    """A console for now's standard output (or error); plain and wide if it is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(file=stream)
    return Console(file=stream, width=PLAIN_WIDTH, color_system=None)


def figures(record: Record) -> dict[str, Any]:
    """All that is known about a function: seconds and bytes, None for what is not."""
    eager, compiled = record.eager_seconds, record.compiled_seconds
    first = record.trace_seconds + record.compile_seconds
    gain = eager - compiled if eager is not None and compiled is not None else 0.0
    return {
        "function": record.name,
        "calls": record.calls,
        "traces": len(record.traces),
        "agrees": record.failure is None,
        "failure": None if record.failure is None else record.failure.args[0],
        "largest_difference": record.worst,
        "eager_seconds": eager,
        "compiled_seconds": compiled,
        "speed_up": eager / compiled if eager and compiled else None,
        "trace_seconds": record.trace_seconds,
        "compile_seconds": record.compile_seconds,
        "break_even_calls": math.ceil(first / gain) if gain > 0 else None,
        "kernels": record.kernels,
        "numpy_steps": record.array_steps,
        "eager_bytes_moved": record.eager_moved,
        "compiled_bytes_moved": record.compiled_moved,
        "eager_peak_bytes": record.eager_memory,
        "compiled_peak_bytes": record.compiled_memory,
    }


def totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The footer: times of all calls together, sums, and the largest memory."""
    timed = [r for r in rows if r["speed_up"]]
    eager = sum(r["calls"] * r["eager_seconds"] for r in timed)
    compiled = sum(r["calls"] * r["compiled_seconds"] for r in timed)
    return {
        "functions": len(rows),
        "calls": sum(r["calls"] for r in rows),
        "agrees": all(r["agrees"] for r in rows),
        "largest_difference": max((r["largest_difference"] for r in rows), default=0.0),
        "eager_seconds": eager,
        "compiled_seconds": compiled,
        "speed_up": eager / compiled if compiled else None,
        "trace_seconds": sum(r["trace_seconds"] for r in rows),
        "compile_seconds": sum(r["compile_seconds"] for r in rows),
        "kernels": sum(r["kernels"] for r in rows),
        "numpy_steps": sum(r["numpy_steps"] for r in rows),
        "eager_bytes_moved": sum(r["calls"] * r["eager_bytes_moved"] for r in rows),
        "compiled_bytes_moved": sum(r["calls"] * r["compiled_bytes_moved"] for r in rows),
        "eager_peak_bytes": max((r["eager_peak_bytes"] for r in rows), default=0),
        "compiled_peak_bytes": max((r["compiled_peak_bytes"] for r in rows), default=0),
    }


def print_table(records: list[Record], rtol: float | None, atol: float | None) -> None:
    """A row for each function, the sums, the bound, and the failures."""
    out = console()
    rows = [figures(r) for r in records]
    total = totals(rows)
    table = Table(show_footer=True, box=None, pad_edge=False, header_style="bold",
                  footer_style="bold")  # fmt: skip
    footer = ["all calls", str(total["calls"]), *_times(total), "", *_sizes(total)]
    heads = ["function", "calls", "eager", "compiled", "speed-up", "trace", "compile", "pays after",
             "kernels", "moved", "memory", "agrees"]  # fmt: skip
    for head, foot in zip(heads, [*footer, _verdict(total)], strict=True):
        table.add_column(head, foot, justify="left" if head == "function" else "right",
                         no_wrap=not out.is_terminal)  # fmt: skip
    for row in rows:
        pays = row["break_even_calls"]
        after = "never" if pays is None and row["speed_up"] else "" if pays is None else str(pays)
        cells = [row["function"], str(row["calls"]), *_times(row), after, *_sizes(row)]
        table.add_row(*cells, Text(_verdict(row), style="green" if row["agrees"] else "bold red"))
    out.print(table)
    out.print(f"\n{show_bounds(rtol, atol)}", style="dim", highlight=False)
    for record in records:
        if record.failure is not None:
            out.print(f"\nAgreementError: {record.failure}", style="red", highlight=False,
                      markup=False, soft_wrap=True)  # fmt: skip


def _times(row: dict[str, Any]) -> list[str]:
    ratio = f"{row['speed_up']:.2f}x" if row["speed_up"] else ""
    return [show_seconds(row["eager_seconds"]), show_seconds(row["compiled_seconds"]), ratio,
            show_seconds(row["trace_seconds"]), show_seconds(row["compile_seconds"])]  # fmt: skip


def _sizes(row: dict[str, Any]) -> list[str]:
    steps = f"{row['kernels']}" + (f" + {row['numpy_steps']} np" if row["numpy_steps"] else "")
    return [
        steps,
        f"{show_bytes(row['eager_bytes_moved'])} > {show_bytes(row['compiled_bytes_moved'])}",
        f"{show_bytes(row['eager_peak_bytes'])} > {show_bytes(row['compiled_peak_bytes'])}",
    ]


def _verdict(row: dict[str, Any]) -> str:
    if not row["agrees"]:
        return "NO"
    worst = row["largest_difference"]
    return f"within {worst:.0e}" if worst else "exactly"


def show_seconds(seconds: float | None) -> str:
    """A time with three digits and its unit.

    >>> show_seconds(0.00123)
    '1.23 ms'
    """
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds:.0f} s"
    return "0" if seconds == 0 else f"{seconds / 1e-9:.3g} ns"


def show_bytes(count: int) -> str:
    """A number of bytes with three digits and its unit.

    >>> show_bytes(1234567)
    '1.23 MB'
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
