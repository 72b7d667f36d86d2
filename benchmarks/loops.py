"""Loops of scalars, small arrays and layers: twofold's native loops against numba, JAX, TensorFlow.

    python benchmarks/loops.py [--json] [--only NAME]
    python benchmarks/loops.py --memory          # of a reverse loop of a million steps (POSIX)

Each library works in a process of its own: loaded together they slow each other. The libraries take
turns, and the figure is the smallest time of a call. First their results of a few trips are
compared. numba runs the same loop in Python compiled with ``njit``; JAX runs ``while_loop`` and
``scan``; TensorFlow's graph runs ``tf.while_loop``, some thousands of the trips, since each costs
microseconds: its figure is what all of them would take. A library that is not installed takes no
part. Below the table stand the ratios that are promised, with their bounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from typing import Any, NamedTuple

import numpy as np
from loop_work import WORKLOADS, Loop
from worker import Worker

LIBRARIES = ("twofold", "numba", "jax", "tensorflow")
MILLION = 1_000_000
TURN = 0.15  # seconds of one library

Found = dict[str, dict[str, float]]  # loop -> library -> seconds


class Bound(NamedTuple):
    """A ratio of two figures, each of a loop in a library, and what it must be."""

    over: tuple[str, str]
    under: tuple[str, str]
    least: float | None
    most: float | None

    def ratio(self, found: Found) -> float | None:
        """The ratio, None if one of the figures was not measured."""
        (a, x), (b, y) = self.over, self.under
        known = x in found.get(a, ()) and y in found.get(b, ())
        return found[a][x] / found[b][y] if known else None

    def __str__(self) -> str:
        end = f"at most {self.most}" if self.most is not None else f"at least {self.least}"
        return f"{' '.join(self.over)} / {' '.join(self.under)}, {end}"


def bounds() -> list[Bound]:
    """What is promised."""
    found = [
        Bound(("logistic", "twofold"), ("logistic", "numba"), None, 1.5),
        Bound(("lorenz", "twofold"), ("lorenz", "numba"), None, 1.3),
        Bound(("gradient", "twofold"), ("lorenz", "twofold"), None, 3.0),
        Bound(("rnn", "jax"), ("rnn", "twofold"), 1.0, None),
    ]
    flow = [Bound((w.name, "tensorflow"), (w.name, "twofold"), 50.0, None) for w in WORKLOADS]
    return [*found, *flow]


def measured(work: Loop, workers: list[Worker], rounds: int) -> dict[str, float]:
    """Check one loop and time it: the smallest time of a call of each library."""
    results = {w: r for w in workers if (r := w.result(work)) is not None}
    (expected,) = (r for w, r in results.items() if w.library == "twofold")
    for worker, result in results.items():
        np.testing.assert_allclose(
            result, expected, rtol=work.tolerance, atol=work.tolerance,
            err_msg=f"{work.name}: {worker.library}",
        )  # fmt: skip
    best = dict.fromkeys([w.library for w in results], float("inf"))
    for _ in range(rounds):
        for worker in results:
            name = worker.library
            seconds = worker.times(TURN).minimum * work.factor(name)
            best[name] = min(best[name], seconds)
    return best


def reverse_memory() -> dict[str, float]:
    """Megabytes that a million steps of the logistic map and their gradient take at the most, and
    what the values that the reverse loop needs take by themselves: two factors of a product, of
    eight bytes each, a step."""
    import resource

    import twofold as tf

    @tf.function(jit_compile=True)
    def run(n: Any, x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            step = lambda i, x: (i + 1, 3.7 * x * (1.0 - x))  # noqa: E731
            y = tf.while_loop(lambda i, x: i < n, step, (0, x))[1]
        return tape.gradient(y, x)

    x = tf.constant(0.3, dtype=tf.float64)
    run(tf.constant(10), x)  # compiled
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(tf.constant(MILLION), x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"peak": peak * 1024 / 1e6, "saved": 2 * 8 * MILLION / 1e6}


def show(found: Found) -> None:
    """Print the table, and below it the bounds."""
    print(f"{'':10}" + "".join(f"{name:>14}" for name in LIBRARIES))
    for name, best in found.items():
        cells = [f"{1e3 * best[k]:11.3f} ms" if k in best else f"{'':14}" for k in LIBRARIES]
        print(f"{name:10}" + "".join(cells))
    print()
    for bound in bounds():
        if (ratio := bound.ratio(found)) is not None:
            print(f"{bound!s:62}{ratio:10,.2f}")


def main() -> None:
    """Measure the chosen loops and print the table or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--only", choices=[w.name for w in WORKLOADS], action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="of a reverse loop, and no times")
    args = parser.parse_args()
    if args.memory:
        memory = reverse_memory()
        text = (f"the gradient of a million steps: {memory['peak']:.1f} MB at the most, "
                f"{memory['saved']:.1f} MB of them saved values")  # fmt: skip
        print(json.dumps(memory) if args.json else text)
        return
    names = [n for n in LIBRARIES if importlib.util.find_spec(n) is not None]
    workers = [Worker(name, "loop_work") for name in names]
    chosen = [w for w in WORKLOADS if args.only is None or w.name in args.only]
    found = {work.name: measured(work, workers, args.rounds) for work in chosen}
    for worker in workers:
        worker.stop()
    if args.json:
        ratios = {str(b): b.ratio(found) for b in bounds()}
        print(json.dumps({"seconds": found, "ratios": ratios}))
    else:
        show(found)


if __name__ == "__main__":
    main()
