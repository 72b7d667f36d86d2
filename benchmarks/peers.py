"""The same work on twofold and its peers, in one run: equality first, then times as ratios.

    python benchmarks/peers.py [--json] [--only NAME] [--rounds N]

NumPy runs the work as one writes it; JAX runs it under ``jit``; torch runs it eagerly (add
``--torch-compile`` for that mode, which needs a C++ compiler). Peers that are not installed are
left out. Every round times each library in turn, so that a busy moment hits all of them; the
figure is the median of the rounds' minima.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from workloads import WORKLOADS, Workload

Call = Callable[[], Any]


class Row(NamedTuple):
    """Seconds of a workload in each library."""

    name: str
    seconds: dict[str, float]

    def ratio(self) -> float:
        """The best peer's time over ours: above 1 we are ahead."""
        return min(v for k, v in self.seconds.items() if k != "twofold") / self.seconds["twofold"]


def libraries(torch_compile: bool) -> list[str]:
    """The libraries that take part."""
    peers = [n for n in ("jax", "torch") if importlib.util.find_spec(n) is not None]
    extra = ["torch.compile"] if torch_compile and "torch" in peers else []
    return ["twofold", "numpy", *peers, *extra]


def measure(calls: dict[str, Call], rounds: int, budget: float) -> dict[str, float]:
    """Median over rounds of the minimum time of each library, in turns."""
    counts = {}
    for name, call in calls.items():
        call()
        start = perf_counter()
        call()
        counts[name] = max(1, min(500, int(budget / max(perf_counter() - start, 1e-7))))
    best: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            least = float("inf")
            for _ in range(counts[name]):
                start = perf_counter()
                call()
                least = min(least, perf_counter() - start)
            best[name].append(least)
    return {name: statistics.median(times) for name, times in best.items()}


def check(work: Workload, results: dict[str, Any]) -> None:
    """Every library computes the same thing. Raises AssertionError naming who does not."""
    reference = np.asarray(results["numpy"], np.float64)
    scale = max(float(np.max(np.abs(reference))), 1e-30)
    for name, result in results.items():
        error = float(np.max(np.abs(np.asarray(result, np.float64) - reference))) / scale
        assert error <= work.tolerance, f"{work.name}: {name} differs by {error:.1e}"


def run(work: Workload, names: list[str], rounds: int) -> Row:
    """Check and time one workload."""
    calls = {n: call for n in names if (call := work.build(n)) is not None}
    check(work, {n: work.result(n, call()) for n, call in calls.items()})
    return Row(work.name, measure(calls, rounds, work.budget))


def show(rows: list[Row], names: list[str]) -> None:
    """Print the table."""
    table = Table(title="microseconds, and the best peer's time over ours")
    table.add_column("work")
    for name in (*names, "ahead of the best by"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = [f"{row.seconds[n] * 1e6:,.1f}" if n in row.seconds else "" for n in names]
        table.add_row(row.name, *cells, f"{row.ratio():.2f} x")
    Console(width=None if sys.stdout.isatty() else 130).print(table)


def main() -> None:
    """Run the chosen workloads and print the table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch-compile", action="store_true")
    args = parser.parse_args()
    names = libraries(args.torch_compile)
    chosen = [w for w in WORKLOADS if args.only in w.name]
    rows = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for work in progress.track(chosen, description="workloads"):
            rows.append(run(work, names, args.rounds))
    if args.json:
        print(
            json.dumps([{"work": r.name, "seconds": r.seconds, "ratio": r.ratio()} for r in rows])
        )
    else:
        show(rows, names)


if __name__ == "__main__":
    main()
