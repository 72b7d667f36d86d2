"""Writes to NumPy's arrays: decorated functions as they stand against NumPy and numba.

    python benchmarks/updates.py [--json] [--size N]

Each function below changes the array that it is given. The smallest times of a call, which take
turns in one process, as ratios: NumPy's and numba's time over ours. A call alone, with three
arrays, takes 5 to 10 us here and under 1 us there: it is all that the rows of one element show.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import twofold as tf

ROUNDS = 15


def shift(a: Any, b: Any, at: Any) -> None:
    a -= 1.0


def axpy(a: Any, b: Any, at: Any) -> None:
    a += 0.5 * b


def copy(a: Any, b: Any, at: Any) -> None:
    a[:] = b


def fill(a: Any, b: Any, at: Any) -> None:
    a[...] = b * 2.0 + 1.0


def clip(a: Any, b: Any, at: Any) -> None:
    np.maximum(a, b, out=a)


def stencil(a: Any, b: Any, at: Any) -> None:
    a[1:-1] = 0.5 * (b[2:] + b[:-2])


def smooth(a: Any, b: Any, at: Any) -> None:
    a[1:-1] += 0.1 * (a[2:] - 2.0 * a[1:-1] + a[:-2])


def mask(a: Any, b: Any, at: Any) -> None:
    a[b > 0.5] = 0.0


def element(a: Any, b: Any, at: Any) -> None:
    a[5] = b[7]


def window(a: Any, b: Any, at: Any) -> None:
    a[10:20] += b[30:40]


def rows(a: Any, b: Any, at: Any) -> None:
    a[at] = b[at] + 1.0


FUNCTIONS: list[Callable[..., None]] = [
    shift, axpy, copy, fill, clip, stencil, smooth, mask, element, window, rows,
]  # fmt: skip


def timed(calls: dict[str, Callable[..., None]], arrays: tuple[Any, ...]) -> dict[str, float]:
    """The smallest time of a call of each, which take turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = perf_counter()
            call(*arrays)
            best[name] = min(best[name], perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", type=int, default=1_000_000)
    options = parser.parse_args()
    import numba

    found = []
    for function in FUNCTIONS:
        calls = {"numpy": function, "twofold": tf.function(function, jit_compile=True),
                 "numba": numba.njit(function)}  # fmt: skip
        made = np.random.default_rng(0)
        a, b = made.random(options.size), made.random(options.size)
        at = made.choice(options.size, 1000, replace=False)
        results = []
        for call in calls.values():
            x = a.copy()
            call(x, b, at)
            call(x, b, at)
            results.append(x)
        for other in results[1:]:
            np.testing.assert_allclose(other, results[0], rtol=1e-12)
        best = timed(calls, (a, b, at))
        row = {"name": function.__name__, "us": best["twofold"] * 1e6}
        row |= {f"{peer}/twofold": best[peer] / best["twofold"] for peer in ("numpy", "numba")}
        found.append(row)
        if not options.json:
            print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{v:8}"
                            for k, v in row.items()), flush=True)  # fmt: skip
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
