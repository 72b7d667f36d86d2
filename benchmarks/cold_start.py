"""The first call of a function in a fresh process, against JAX's first call of the same function.

    python benchmarks/cold_start.py [--rounds 7] [--jax PYTHON] [--json]

Each figure is from a process of its own, in turns, so that all see the same machine; what is
printed is the fastest and the ratio of the fastest. ``call`` is the first call alone, its inputs
made and the package imported; ``total`` is all since the first line of the program, the imports
included. The ways:

    jax                jax.jit, compiled by XLA, waiting for the result
    default            jit_compile=None: array operations, while nothing is compiled yet
    disk               jit_compile=True, in a second process: machine code from the cache on disk
    compile            jit_compile=True and nothing in the cache: numba and LLVM
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CLOCK = """
from time import perf_counter
start = perf_counter()
import sys
import numpy as np
"""
TWOFOLD = {
    "tanh(x) * 2 + 1": """
import twofold as tf
f = tf.function(lambda x: tf.tanh(x) * 2 + 1, jit_compile={jit})
x = tf.constant(np.ones((64, 64), np.float32))
call = lambda: f(x).numpy()
""",
    "matmul and relu": """
import twofold as tf
f = tf.function(lambda x, w, b: tf.nn.relu(x @ w + b), jit_compile={jit})
x, w, b = (tf.constant(np.ones(s, np.float32)) for s in ((64, 32), (32, 16), (16,)))
call = lambda: f(x, w, b).numpy()
""",
    "gradient of a loss": """
import twofold as tf
@tf.function(jit_compile={jit})
def f(w, x, y):
    with tf.GradientTape() as tape:
        tape.watch(w)
        loss = tf.mean((tf.tanh(x @ w) - y) ** 2)
    return tape.gradient(loss, w)
w, x, y = (tf.constant(np.ones(s, np.float32)) for s in ((32, 16), (64, 32), (64, 16)))
call = lambda: f(w, x, y).numpy()
""",
    "digits train step": """
import twofold as tf
from train_step import step_of_twofold
call = step_of_twofold((64, 128, 64, 10), 64, jit={jit})
""",
}
JAX = {
    "tanh(x) * 2 + 1": """
import jax, jax.numpy as jnp
f = jax.jit(lambda x: jnp.tanh(x) * 2 + 1)
x = jnp.asarray(np.ones((64, 64), np.float32))
call = lambda: np.asarray(f(x))
""",
    "matmul and relu": """
import jax, jax.numpy as jnp
f = jax.jit(lambda x, w, b: jnp.maximum(x @ w + b, 0))
x, w, b = (jnp.asarray(np.ones(s, np.float32)) for s in ((64, 32), (32, 16), (16,)))
call = lambda: np.asarray(f(x, w, b))
""",
    "gradient of a loss": """
import jax, jax.numpy as jnp
f = jax.jit(jax.grad(lambda w, x, y: ((jnp.tanh(x @ w) - y) ** 2).mean()))
w, x, y = (jnp.asarray(np.ones(s, np.float32)) for s in ((32, 16), (64, 32), (64, 16)))
call = lambda: np.asarray(f(w, x, y))
""",
    "digits train step": """
from train_step import by_jax
call = by_jax((64, 128, 64, 10), 64)
""",
}
TIME = """
ready = perf_counter()
call()
done = perf_counter()
late = [m for m in ("numba", "networkx", "scipy", "llvmlite.binding") if m in sys.modules]
print(done - ready, done - start, *late)
"""
WAYS = {"default": ("None", "0"), "disk": ("True", "1"), "compile": ("True", "0")}


def once(python: str, code: str, cache: str, switch: str) -> tuple[float, float, list[str]]:
    """Milliseconds of the first call and in total, and which slow packages were imported."""
    env = os.environ | {"TWOFOLD_CACHE": switch, "TWOFOLD_CACHE_DIR": cache,
                        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent / "src")]),
                        "JAX_PLATFORMS": "cpu"}  # fmt: skip
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile all of it again
    command = [python, "-c", CLOCK + code + TIME]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    call, total, *late = done.stdout.split()
    return float(call) * 1e3, float(total) * 1e3, late


def measure(jax: str | None, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """For each function and way the fastest call and total, in milliseconds."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in TWOFOLD}
    with tempfile.TemporaryDirectory(prefix="twofold-cold-") as cache:
        for code in TWOFOLD.values():  # fills the cache, and the bytecode of all modules
            once(sys.executable, code.format(jit=True), cache, "1")
        for _ in range(rounds):
            for name, code in TWOFOLD.items():
                turns = {way: (sys.executable, code.format(jit=jit), switch)
                         for way, (jit, switch) in WAYS.items()}  # fmt: skip
                if jax is not None:
                    turns = {"jax": (jax, JAX[name], "0"), **turns}
                for way, (python, text, switch) in turns.items():
                    call, total, late = once(python, text, cache, switch)
                    if way in ("default", "disk"):
                        assert not late, f"{name}, {way}: imported {late}"
                    best = found[name].setdefault(way, {"call": call, "total": total})
                    best["call"] = min(best["call"], call)
                    best["total"] = min(best["total"], total)
    return found


def has_jax(python: str) -> bool:
    """Whether this Python has JAX."""
    return subprocess.run([python, "-c", "import jax"], capture_output=True).returncode == 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jax", default=sys.executable, metavar="PYTHON",
                        help="a Python that has JAX (default: this one)")  # fmt: skip
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.jax if has_jax(args.jax) else None, args.rounds)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'':20s}{'':10s}{'call':>10s}{'of JAX':>9s}{'total':>12s}{'of JAX':>9s}")
    for name, ways in found.items():
        for way, row in ways.items():
            peer = ways.get("jax")
            calls, totals = (_share(row, peer, key) for key in ("call", "total"))
            print(f"{name:20s}{way:10s}{row['call']:7.1f} ms{calls}{row['total']:9.0f} ms{totals}")


def _share(row: dict[str, float], peer: dict[str, float] | None, key: str) -> str:
    return f"{row[key] / peer[key]:8.2f}x" if peer else f"{'-':>9s}"


if __name__ == "__main__":
    main()
