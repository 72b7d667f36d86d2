"""What a call costs before any work: eager operations, compiled calls, tapes, the first call.

    python benchmarks/overhead.py [--json]

The first part runs in this process, in turns; the second too, with JAX and torch beside it if they
are installed; the third in fresh processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import twofold as tf

BUDGET = 1.0  # microseconds of an eager operation over NumPy's own

FIRST_CALL = """
from time import perf_counter
start = perf_counter()
import numpy as np
numpy_time = perf_counter() - start
import twofold as tf
import_time = perf_counter() - start
@tf.function(jit_compile={jit})
def f(x, b):
    y = x + b
    return 0.5 * y * (1 + tf.tanh(0.8 * (y + 0.04 * y * y * y)))
x, b = tf.constant(np.ones((64, 100), np.float32)), tf.constant(np.ones(100, np.float32))
ready = perf_counter() - start
f(x, b)
print(numpy_time, import_time, ready, perf_counter() - start)
"""


def microseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median over seven rounds of the time of one call, in turns of at least 50 ms."""
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    count = {name: int(0.05 / timeit.timeit(call, number=20) * 20) + 1
             for name, call in calls.items()}  # fmt: skip
    for _ in range(7):
        for name, call in calls.items():
            rounds[name].append(timeit.timeit(call, number=count[name]) / count[name] * 1e6)
    return {name: statistics.median(times) for name, times in rounds.items()}


class Scale:
    """A method that reads a Variable: its call also checks what the trace read by name."""

    def __init__(self) -> None:
        self.factor = tf.Variable(tf.ones((8,)))

    @tf.function(jit_compile=True)
    def __call__(self, x: Any) -> Any:
        """The scaled tensor."""
        return self.factor * x


def calls() -> dict[str, Callable[[], Any]]:
    """The calls to compare."""
    a, b = np.arange(8, dtype=np.float32), np.ones(8, np.float32)
    x, y = tf.constant(a), tf.constant(b)
    add = tf.function(lambda x, y: x + y, jit_compile=True)
    add(x, y)
    scale = Scale()
    scale(x)
    return {
        "NumPy a + b, 8 floats": lambda: a + b,
        "eager x + y, 8 floats": lambda: x + y,
        "eager x * 2.0, 8 floats": lambda: x * 2.0,
        "eager tf.add(x, y), 8 floats": lambda: tf.add(x, y),
        "compiled x + y, 8 floats": lambda: add(x, y),
        "compiled method, guards, Variable": lambda: scale(x),
    }


def taped(library: str) -> dict[str, Callable[[], Any]]:
    """A gradient that is taken outside of a compiled function, in one library: of its argument,
    and of its state."""
    return {"sum(x * x) by x": _TAPED[library](False), "sum(x * w) by w": _TAPED[library](True)}


def _twofold(state: bool) -> Callable[[], Any]:
    x, w = tf.constant(np.ones(8, np.float32)), tf.Variable(np.ones(8, np.float32))
    f = tf.function(lambda x: tf.sum(x * (w if state else x)), jit_compile=True)

    def call() -> Any:
        with tf.GradientTape() as tape:
            if not state:
                tape.watch(x)
            y = f(x)
        return tape.gradient(y, w if state else x)

    call()
    return call


def _jax(state: bool) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    x, w = jnp.ones(8), jnp.ones(8)
    f = jax.jit(lambda w, x: jnp.sum(x * w)) if state else jax.jit(lambda x: jnp.sum(x * x))
    gradient = jax.grad(f)
    call = (lambda: gradient(w, x)) if state else (lambda: gradient(x))
    call()
    return lambda: call().block_until_ready()


def _torch(state: bool) -> Callable[[], Any]:
    import torch

    x, w = torch.ones(8, requires_grad=not state), torch.ones(8, requires_grad=state)
    source = w if state else x
    return lambda: torch.autograd.grad(torch.sum(x * source), source)


_TAPED = {"twofold": _twofold, "jax": _jax, "torch": _torch}


def beside_peers() -> dict[str, dict[str, float]]:
    """Microseconds of ``taped`` by library, those that are installed in turns."""
    names = [n for n in _TAPED if importlib.util.find_spec(n) is not None]
    timed = microseconds({f"{n}: {work}": c for n in names for work, c in taped(n).items()})
    return {n: {k.partition(": ")[2]: t for k, t in timed.items() if k.startswith(n)}
            for n in names}  # fmt: skip


def first_call(jit: str, repeats: int = 5) -> dict[str, float]:
    """Milliseconds to import and to the first result, medians over fresh processes."""
    command = [sys.executable, "-c", FIRST_CALL.format(jit=jit)]
    rows = [
        [float(v) for v in subprocess.run(command, capture_output=True, text=True, check=True)
         .stdout.split()]
        for _ in range(repeats)
    ]  # fmt: skip
    numpy_, imported, ready, done = (statistics.median(c) * 1e3 for c in zip(*rows, strict=True))
    return {"import numpy": numpy_, "import both": imported, "inputs made": ready,
            "first result": done}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    per_call = microseconds(calls())
    tapes = beside_peers()
    firsts = {jit: first_call(jit) for jit in ("None", "True")}
    if args.json:
        found = {"microseconds": per_call, "taped": tapes, "first_call_milliseconds": firsts}
        print(json.dumps(found))
        return
    numpy_ = per_call["NumPy a + b, 8 floats"]
    for name, value in per_call.items():
        print(f"{name:34s} {value:6.2f} us   {value - numpy_:+.2f} us over NumPy")
    print(f"the budget of an eager operation is {BUDGET:+.2f} us over NumPy")
    for library, row in tapes.items():
        for work, value in row.items():
            ratio = value / tapes["twofold"][work]
            print(f"gradient of compiled {work}: {library:8s} {value:7.1f} us  {ratio:6.2f} x ours")
    for jit, row in firsts.items():
        steps = ", ".join(f"{k} {v:.0f} ms" for k, v in row.items())
        print(
            f"jit_compile={jit}: {steps} "
            f"(import {row['import both'] / row['import numpy']:.2f} x import numpy)"
        )


if __name__ == "__main__":
    main()
