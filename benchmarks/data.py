"""Pipelines of ``tf.data`` against TensorFlow's and torch's DataLoader: microseconds an element.

    python benchmarks/data.py                                 what this Python has
    python benchmarks/data.py --python tensorflow=PATH ...    a library in another environment

Each library has a process of its own; what is counted is the best pass of several over the same
rows, after one that is not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ROWS, WIDTH, BATCH, BUFFER = 20_000, 64, 32, 10_000
LIBRARIES = ("twofold", "tensorflow", "torch")
Pass = Callable[[], Any]


def rows() -> Any:
    return np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype("f4")


def of_datasets(tf: Any) -> Iterator[tuple[str, Pass]]:
    """The same text runs on twofold and on TensorFlow."""
    x = tf.data.Dataset.from_tensor_slices(rows())
    yield "slices", lambda: x
    yield "batch", lambda: x.batch(BATCH)
    yield "shuffle, batch", lambda: x.shuffle(BUFFER).batch(BATCH)
    yield "shuffle, batch, prefetch", lambda: x.shuffle(BUFFER).batch(BATCH).prefetch(4)
    yield "map, batch", lambda: x.map(lambda v: 2.0 * v + 1.0).batch(BATCH)
    yield "batch, map", lambda: x.batch(BATCH).map(lambda v: 2.0 * v + 1.0)
    yield "filter, batch", lambda: x.filter(lambda v: tf.reduce_sum(v) > 0.0).batch(BATCH)
    yield "range, map", lambda: tf.data.Dataset.range(ROWS).map(lambda v: v * v)


def of_torch() -> Iterator[tuple[str, Pass]]:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    class Mapped(TensorDataset):
        def __getitem__(self, i: Any) -> Any:
            return 2.0 * self.tensors[0][i] + 1.0

    x = torch.from_numpy(rows())
    plain = TensorDataset(x)
    yield "slices", lambda: DataLoader(plain, batch_size=None)
    yield "batch", lambda: DataLoader(plain, batch_size=BATCH)
    yield "shuffle, batch", lambda: DataLoader(plain, batch_size=BATCH, shuffle=True)
    yield "map, batch", lambda: DataLoader(Mapped(x), batch_size=BATCH)


def seconds(make: Pass, passes: int) -> float:
    best = float("inf")
    for number in range(passes + 1):
        start = time.perf_counter()
        for _ in make():
            pass
        if number:
            best = min(best, time.perf_counter() - start)
    return best


def measured(library: str, passes: int) -> dict[str, float]:
    work = of_torch() if library == "torch" else of_datasets(__import__(library))
    return {name: 1e6 * seconds(make, passes) / ROWS for name, make in work}


def run(library: str, python: str, passes: int) -> dict[str, float]:
    done = subprocess.run(
        [python, __file__, "--worker", library, "--passes", str(passes)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", nargs="*", default=[], metavar="LIBRARY=PATH")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--worker", choices=LIBRARIES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(measured(given.worker, given.passes)))
        return
    elsewhere = dict(part.split("=", 1) for part in given.python)
    here = [name for name in LIBRARIES if importlib.util.find_spec(name) is not None]
    found = {
        name: run(name, elsewhere.get(name, sys.executable), given.passes)
        for name in LIBRARIES
        if name in here or name in elsewhere
    }
    print("| microseconds an element | " + " | ".join(found) + " |")
    print("|---|" + "---:|" * len(found))
    for work in found["twofold"]:
        cells = [f"{found[n][work]:.2f}" if work in found[n] else "-" for n in found]
        print(f"| {work} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
