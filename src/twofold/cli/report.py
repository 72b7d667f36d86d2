"""The figures of a comparison, and how times and sizes are written."""

from __future__ import annotations

import math
import sys
from typing import Any

from rich.console import Console

from .record import Record

__all__ = ["console", "figures", "show_bytes", "show_seconds", "totals"]

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
        "failure": None if record.failure is None else record.failure.message,
        "largest_difference": record.worst,
        "plain_calls": record.plain.total,
        "plain_reasons": [{"reason": why, "calls": n} for why, n in record.plain.counts.items()],
        "step_calls": record.steps.total,
        "step_reasons": [{"reason": why, "calls": n} for why, n in record.steps.counts.items()],
        "eager_seconds": eager,
        "compiled_seconds": compiled,
        "speed_up": eager / compiled if eager and compiled else None,
        "eager_fastest_seconds": min(record.eager, default=None),
        "compiled_fastest_seconds": min(record.compiled, default=None),
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
        "plain_calls": sum(r["plain_calls"] for r in rows),
        "step_calls": sum(r["step_calls"] for r in rows),
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
        "eager_peak_bytes": max((r["eager_peak_bytes"] or 0 for r in rows), default=0),
        "compiled_peak_bytes": max((r["compiled_peak_bytes"] for r in rows), default=0),
    }


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


def show_bytes(count: int | None) -> str:
    """A number of bytes with three digits and its unit; "?" where it is not known.

    >>> show_bytes(1234567)
    '1.23 MB'
    """
    if count is None:
        return "?"
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
