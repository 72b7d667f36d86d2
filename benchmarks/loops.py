"""Loops of scalars, small arrays and layers: twofold's native loops against numba, JAX, TensorFlow.

    python benchmarks/loops.py [--json] [--only NAME]
    python benchmarks/loops.py --memory          # of a reverse loop of a million steps (POSIX)

Each row runs in one process, the libraries take turns, and the figure is the smallest time of a
call. First all results are compared. numba runs the same loop in Python compiled with ``njit``; JAX
runs ``while_loop`` and ``scan``; TensorFlow's graph runs ``tf.while_loop``, a few thousand of the
trips, since each costs microseconds: its figure is what all of them would take. A library that is
not installed takes no part.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import twofold as tf

Call = Callable[[], Any]
STEPS, EULER, ROWS, UNITS = 10_000_000, 10_000, 2_000, 32
FEW = 5_000  # trips of TensorFlow's loops


def logistic() -> dict[str, Call]:
    """Ten million steps of the logistic map."""

    @tf.function(jit_compile=True)
    def run(n: Any, x: Any) -> Any:
        def step(i: Any, x: Any) -> Any:
            return i + 1, 3.7 * x * (1.0 - x)

        return tf.while_loop(lambda i, x: i < n, step, (0, x))[1]

    n, x = tf.constant(STEPS), tf.constant(0.3, dtype=tf.float64)
    calls: dict[str, Call] = {"twofold": lambda: run(n, x)}

    def plain(n: int, x: float) -> float:
        i = 0
        while i < n:
            x = 3.7 * x * (1.0 - x)
            i += 1
        return x

    numba = njit(plain)
    if numba is not None:
        calls["numba"] = lambda: numba(STEPS, 0.3)
    jax = with_jax()
    if jax is not None:

        @jax.jit
        def by_jax(n: Any, x: Any) -> Any:
            def step(state: Any) -> Any:
                i, x = state
                return i + 1, 3.7 * x * (1.0 - x)

            return jax.lax.while_loop(lambda s: s[0] < n, step, (0, x))[1]

        calls["jax"] = lambda: by_jax(STEPS, 0.3).block_until_ready()
    flow = with_tensorflow()
    if flow is not None:

        @flow.function
        def by_flow(n: Any, x: Any) -> Any:
            return flow.while_loop(
                lambda i, x: i < n, lambda i, x: (i + 1, 3.7 * x * (1.0 - x)), (0, x)
            )[1]

        given = flow.constant(FEW), flow.constant(0.3, flow.float64)
        agree(by_flow(*given), run(tf.constant(FEW), x))
        calls["tensorflow"] = Share(lambda: by_flow(*given).numpy(), STEPS // FEW)
    return calls


def collatz() -> dict[str, Call]:
    """The longest Collatz sequence that starts below a hundred thousand: a loop and a branch in a
    loop, in integers."""

    @tf.function(jit_compile=True)
    def run(stop: Any) -> Any:
        def length(k: Any) -> Any:
            def step(m: Any, c: Any) -> Any:
                return tf.cond(m % 2 == 0, lambda: m // 2, lambda: 3 * m + 1), c + 1

            return tf.while_loop(lambda m, c: m != 1, step, (k, 0))[1]

        def body(k: Any, best: Any) -> Any:
            return k + 1, tf.maximum(best, length(k))

        return tf.while_loop(lambda k, best: k < stop, body, (one, 0))[1]

    one, stop = tf.constant(1, dtype=tf.int64), tf.constant(100_000, dtype=tf.int64)
    calls: dict[str, Call] = {"twofold": lambda: run(stop)}

    def plain(stop: int) -> int:
        best = 0
        for k in range(1, stop):
            m, c = k, 0
            while m != 1:
                m = m // 2 if m % 2 == 0 else 3 * m + 1
                c += 1
            best = max(best, c)
        return best

    numba = njit(plain)
    if numba is not None:
        calls["numba"] = lambda: numba(100_000)
    flow = with_tensorflow()
    if flow is not None:

        @flow.function
        def by_flow(stop: Any) -> Any:
            def length(k: Any) -> Any:
                def step(m: Any, c: Any) -> Any:
                    return flow.cond(m % 2 == 0, lambda: m // 2, lambda: 3 * m + 1), c + 1

                return flow.while_loop(lambda m, c: m != 1, step, (k, 0))[1]

            def body(k: Any, best: Any) -> Any:
                return k + 1, flow.maximum(best, length(k))

            first = flow.constant(1, flow.int64)
            return flow.while_loop(lambda k, best: k < stop, body, (first, 0))[1]

        few = flow.constant(100, flow.int64)  # 3,117 trips of 10,753,712
        agree(by_flow(few), run(tf.constant(100, dtype=tf.int64)))
        calls["tensorflow"] = Share(lambda: by_flow(few).numpy(), 10_753_712 / 3_117)
    return calls


def lorenz() -> dict[str, Call]:
    """Ten thousand Euler steps of the Lorenz system, whose state is an array of three."""

    def slope(xp: Any, s: Any) -> Any:
        x, y, z = s[0], s[1], s[2]
        return xp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    @tf.function(jit_compile=True)
    def run(n: Any, s: Any) -> Any:
        return tf.while_loop(
            lambda i, s: i < n, lambda i, s: (i + 1, s + 0.01 * slope(tf, s)), (0, s)
        )[1]

    start = np.ones(3)
    n, s = tf.constant(EULER), tf.constant(start)
    calls: dict[str, Call] = {"twofold": lambda: run(n, s)}

    def plain(n: int, s: Any) -> Any:
        s = s.copy()
        for _ in range(n):
            x, y, z = s[0], s[1], s[2]
            s[0] = x + 0.01 * (10.0 * (y - x))
            s[1] = y + 0.01 * (x * (28.0 - z) - y)
            s[2] = z + 0.01 * (x * y - 8.0 / 3.0 * z)
        return s

    numba = njit(plain)
    if numba is not None:
        calls["numba"] = lambda: numba(EULER, start)
    jax = with_jax()
    if jax is not None:

        @jax.jit
        def by_jax(s: Any) -> Any:
            return jax.lax.fori_loop(0, EULER, lambda i, s: s + 0.01 * slope(jax.numpy, s), s)

        calls["jax"] = lambda: by_jax(start).block_until_ready()
    flow = with_tensorflow()
    if flow is not None:

        @flow.function
        def by_flow(n: Any, s: Any) -> Any:
            return flow.while_loop(
                lambda i, s: i < n, lambda i, s: (i + 1, s + 0.01 * slope(flow, s)), (0, s)
            )[1]

        few = 500  # it is chaotic
        given = flow.constant(few), flow.constant(start)
        agree(by_flow(*given), run(tf.constant(few), s))
        calls["tensorflow"] = Share(lambda: by_flow(*given).numpy(), EULER // few)
    return calls


def rnn() -> dict[str, Call]:
    """A scan of a tanh layer with 32 units over two thousand rows, which stacks its states."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, UNITS)).astype(np.float32)
    w = (rng.standard_normal((UNITS, UNITS)) / 8).astype(np.float32)
    zero = np.zeros(UNITS, np.float32)

    @tf.function(jit_compile=True)
    def run(rows: Any, w: Any, h: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            return tf.tanh(x + tf.linalg.matvec(w, h))

        return tf.scan(step, rows, h)

    given = [tf.constant(a) for a in (rows, w, zero)]
    calls: dict[str, Call] = {"twofold": lambda: run(*given)}
    jax = with_jax()
    if jax is not None:

        @jax.jit
        def by_jax(rows: Any, w: Any, h: Any) -> Any:
            def step(h: Any, x: Any) -> Any:
                new = jax.numpy.tanh(x + w @ h)
                return new, new

            return jax.lax.scan(step, h, rows)[1]

        ready = [jax.numpy.asarray(a) for a in (rows, w, zero)]
        calls["jax"] = lambda: by_jax(*ready).block_until_ready()
    flow = with_tensorflow()
    if flow is not None:

        @flow.function
        def by_flow(rows: Any, w: Any, h: Any) -> Any:
            return flow.scan(lambda h, x: flow.tanh(x + flow.linalg.matvec(w, h)), rows, h)

        few = [flow.constant(a) for a in (rows, w, zero)]
        calls["tensorflow"] = lambda: by_flow(*few).numpy()
    return calls


def vectors() -> dict[str, Call]:
    """A hundred thousand trips over a vector of a hundred: what a trip of a general loop costs."""

    @tf.function(jit_compile=True)
    def run(n: Any, x: Any, b: Any) -> Any:
        return tf.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, 0.5 * x + b), (0, x))[1]

    x, b = np.arange(100, dtype=np.float32), np.ones(100, np.float32)
    given = [tf.constant(100_000), tf.constant(x), tf.constant(b)]
    calls: dict[str, Call] = {"twofold": lambda: run(*given)}
    jax = with_jax()
    if jax is not None:

        @jax.jit
        def by_jax(n: Any, x: Any, b: Any) -> Any:
            def step(state: Any) -> Any:
                i, x = state
                return i + 1, 0.5 * x + b

            return jax.lax.while_loop(lambda s: s[0] < n, step, (0, x))[1]

        calls["jax"] = lambda: by_jax(100_000, x, b).block_until_ready()
    flow = with_tensorflow()
    if flow is not None:

        @flow.function
        def by_flow(n: Any, x: Any, b: Any) -> Any:
            return flow.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, 0.5 * x + b), (0, x))[1]

        few = flow.constant(FEW), flow.constant(x), flow.constant(b)
        agree(by_flow(*few), run(tf.constant(FEW), *given[1:]))
        calls["tensorflow"] = Share(lambda: by_flow(*few).numpy(), 100_000 // FEW)
    return calls


ROWS_OF_TABLE = {f.__name__: f for f in (logistic, collatz, lorenz, rnn, vectors)}


CHAOTIC = ("logistic", "lorenz")


def njit(function: Callable[..., Any]) -> Any:
    """A function compiled by numba, or None."""
    try:
        import numba
    except ImportError:
        return None
    return numba.njit(function)


def with_jax() -> Any:
    """JAX with numbers of 64 bits, or None."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    return jax


def with_tensorflow() -> Any:
    """TensorFlow, or None."""
    try:
        import tensorflow
    except ImportError:
        return None
    return tensorflow


class Share:
    """A call of a part of the work: its time counts so many times, its result was compared."""

    def __init__(self, call: Call, factor: float) -> None:
        self.call, self.factor = call, factor

    def __call__(self) -> Any:
        return self.call()


def agree(theirs: Any, ours: Any) -> None:
    """Compare the results of a part of the work."""
    np.testing.assert_allclose(theirs, ours.numpy(), rtol=1e-3, atol=1e-4)


def measured(calls: dict[str, Call], rounds: int, chaotic: bool) -> dict[str, float]:
    """The smallest time of a call of each library, which take turns; their results agree, except
    where the loop is chaotic: JAX joins multiplications and additions and ends elsewhere."""
    results = {n: np.asarray(c()) for n, c in calls.items() if not isinstance(c, Share)}
    for name, result in results.items():
        if chaotic and name == "jax":
            continue
        np.testing.assert_allclose(result, results["twofold"], rtol=1e-3, atol=1e-4, err_msg=name)
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = perf_counter()
            call()
            seconds = (perf_counter() - start) * getattr(call, "factor", 1)
            best[name] = min(best[name], seconds)
    return best


MILLION = 1_000_000


def reverse_memory() -> dict[str, float]:
    """Megabytes that a million steps of the logistic map and their gradient take at the most, and
    what the values that the reverse loop needs take by themselves: one of eight bytes a step."""
    import resource

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
    return {"peak": peak / 1024, "saved": 8 * MILLION / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument("--only", choices=[*ROWS_OF_TABLE], action="append")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--memory", action="store_true", help="of a reverse loop, and no times")
    args = parser.parse_args()
    if args.memory:
        found_memory = reverse_memory()
        if args.json:
            print(json.dumps(found_memory))
            return
        print(f"the gradient of a million steps: {found_memory['peak']:.1f} MB at the most, "
              f"{found_memory['saved']:.1f} MB of them saved values")  # fmt: skip
        return
    found = {name: measured(ROWS_OF_TABLE[name](), args.rounds, name in CHAOTIC)
             for name in args.only or ROWS_OF_TABLE}  # fmt: skip
    if args.json:
        print(json.dumps(found))
        return
    names = ("twofold", "numba", "jax", "tensorflow")
    head = "".join(f"{name:>14}" for name in names)
    print(f"{'':10}{head}   the best of them / twofold, TensorFlow / twofold")
    for name, best in found.items():
        cells = "".join(f"{1e3 * best[k]:11.3f} ms" if k in best else f"{'':14}" for k in names)
        peers = [seconds for k, seconds in best.items() if k != "twofold"]
        ratio = f"{min(peers) / best['twofold']:.2f}" if peers else ""
        flow = f"{best['tensorflow'] / best['twofold']:,.0f}" if "tensorflow" in best else ""
        print(f"{name:10}{cells}   {ratio:>6}{flow:>10}")


if __name__ == "__main__":
    main()
