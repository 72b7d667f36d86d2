"""What ``import twofold`` costs, as a ratio to ``import numpy``; and what the first uses add.

Each import runs in a process of its own, in turn with the others, so that a busy machine slows all
of them alike; the smallest time of a kind counts, less that of an empty process.

    python benchmarks/import_time.py [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

KINDS = {
    "nothing": "pass",
    "import numpy": "import numpy",
    "import twofold": "import twofold",
    "import both": "import numpy, twofold",
    "a first tensor": "import twofold as tf; tf.constant(1.0) + 1.0",
    "a first @tf.function": "import twofold as tf; tf.function(lambda x: x)",
}
BUDGET = 1.3  # of `import numpy`


def seconds(code: str, cache: str) -> float:
    """One process, with its bytecode in a folder of its own: an installed package has it too."""
    source = str(Path(__file__).resolve().parents[1] / "src")
    env = os.environ | {"PYTHONPATH": source, "PYTHONPYCACHEPREFIX": cache}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    return perf_counter() - start


def main(rounds: int = 10) -> None:
    """Measure and print a line for each kind."""
    best = dict.fromkeys(KINDS, float("inf"))
    with TemporaryDirectory() as cache:
        for code in KINDS.values():  # writes the bytecode
            seconds(code, cache)
        for _ in range(rounds):
            for kind, code in KINDS.items():
                best[kind] = min(best[kind], seconds(code, cache))
    empty = best.pop("nothing")
    numpy = best["import numpy"] - empty
    for kind, total in best.items():
        print(f"{kind:<22}{1e3 * (total - empty):7.1f} ms  {(total - empty) / numpy:5.2f}x")
    ratio = (best["import both"] - empty) / numpy
    print(f"`import twofold` beside NumPy is {ratio:.2f}x `import numpy`; the budget is {BUDGET}x")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
