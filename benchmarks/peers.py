"""The same work on twofold and its peers, in one run: equality first, then times as ratios.

    python benchmarks/peers.py [--json] [--only NAME ...] [--rounds N] [--torch-compile]

NumPy runs the work as one writes it; JAX runs it under ``jit``; torch runs it eagerly (add
``--torch-compile`` for that mode, which needs a C++ compiler). Peers that are not installed are
left out. Each library works in a process of its own, with the threads that it takes by default,
and they take turns. The figure is the smallest time of a call in all turns: other work on the
machine only ever adds.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import statistics
import sys
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from worker import Times, Worker
from workloads import WORKLOADS, Workload


class Row(NamedTuple):
    """Times of a workload in each library."""

    name: str
    turns: dict[str, list[Times]]

    def seconds(self) -> dict[str, float]:
        """The smallest time of a call."""
        return {library: min(t.minimum for t in turns) for library, turns in self.turns.items()}

    def medians(self) -> dict[str, float]:
        """The median over turns of the median call: how it was on this machine just then."""
        return {
            library: statistics.median(t.median for t in turns)
            for library, turns in self.turns.items()
        }

    def ratio(self) -> float:
        """The best peer's time over ours: above 1 we are ahead."""
        seconds = self.seconds()
        return min(v for k, v in seconds.items() if k != "twofold") / seconds["twofold"]


def libraries(torch_compile: bool) -> list[str]:
    """The libraries that take part."""
    peers = [n for n in ("jax", "torch") if importlib.util.find_spec(n) is not None]
    extra = ["torch.compile"] if torch_compile and "torch" in peers else []
    return ["twofold", "numpy", *peers, *extra]


def check(work: Workload, results: dict[str, Any]) -> None:
    """Every library computes the same thing as NumPy, or where that has no such function as the
    first peer. Raises AssertionError naming who does not."""
    first = next(name for name in ("numpy", *results) if name in results and name != "twofold")
    reference = np.asarray(results[first], np.complex128)
    scale = max(float(np.max(np.abs(reference))), 1e-30)
    for name, result in results.items():
        error = float(np.max(np.abs(np.asarray(result, np.complex128) - reference))) / scale
        assert error <= work.tolerance, f"{work.name}: {name} differs by {error:.1e}"


def run(work: Workload, workers: list[Worker], rounds: int) -> Row:
    """Check and time one workload."""
    results = {w: result for w in workers if (result := w.result(work)) is not None}
    check(work, {w.library: result for w, result in results.items()})
    turns: dict[str, list[Times]] = {w.library: [] for w in results}
    for _ in range(rounds):
        for worker in results:
            turns[worker.library].append(worker.times(work.budget))
    return Row(work.name, turns)


def surroundings(names: list[str]) -> dict[str, Any]:
    """Versions, cores and the load of the machine before the run."""
    packages = [n for n in names if n not in ("twofold", "torch.compile")]
    versions = {n: importlib.metadata.version(n) for n in packages}
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"versions": versions, "cores": os.cpu_count(), "load": load}


def show(rows: list[Row], names: list[str], around: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(title="microseconds, and the best peer's time over ours")
    table.add_column("work")
    for name in (*names, "ahead of the best by"):
        table.add_column(name, justify="right")
    for row in rows:
        seconds = row.seconds()
        cells = [f"{seconds[n] * 1e6:,.1f}" if n in seconds else "" for n in names]
        table.add_row(row.name, *cells, f"{row.ratio():.2f} x")
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(table)
    versions = ", ".join(f"{name} {version}" for name, version in around["versions"].items())
    console.print(f"{versions}; {around['cores']} cores, load {around['load']} before the run")
    if around["load"] is not None and around["load"] > 0.5:
        console.print(
            "other programs were busy: libraries whose threads wait for each other by spinning "
            "suffer most from that, and ratios on several cores are not to be trusted"
        )


def main() -> None:
    """Run the chosen workloads and print the table or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given again")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch-compile", action="store_true")
    args = parser.parse_args()
    names = libraries(args.torch_compile)
    around = surroundings(names)
    chosen = [w for w in WORKLOADS if not args.only or any(n in w.name for n in args.only)]
    workers = [Worker(name, "workloads") for name in names]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        rows = [
            run(work, workers, args.rounds)
            for work in progress.track(chosen, description="workloads")
        ]
    for worker in workers:
        worker.stop()
    if args.json:
        found = [
            {"work": r.name, "seconds": r.seconds(), "medians": r.medians(), "ratio": r.ratio()}
            for r in rows
        ]
        print(json.dumps({"surroundings": around, "rows": found}))
    else:
        show(rows, names, around)


if __name__ == "__main__":
    main()
