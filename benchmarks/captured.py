"""Plain Python loops, decorated: the machine code that capture makes of them against numba's.

    python benchmarks/captured.py [--json] [--only NAME]

Each function below is given as it stands to ``tf.function`` and to ``numba.njit``. Columns: the
time of the first call (tracing and compiling; the cache on disk serves code that it has), the
smallest time of a call of each, which take turns in one process, and the ratio. All results are
compared with those of plain Python first. Without numba there are no ratios. A call alone, with
four arrays, takes 10 us here and 1 us there, so that a row should take far longer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import twofold as tf

ROUNDS = 7


def lorenz(x: Any, y: Any, z: Any, n: Any) -> Any:
    """Euler steps of Lorenz's equations."""
    for _ in range(n):
        dx = 10.0 * (y - x)
        dy = x * (28.0 - z) - y
        dz = x * y - 8.0 / 3.0 * z
        x = x + 0.001 * dx
        y = y + 0.001 * dy
        z = z + 0.001 * dz
    return x, y, z


def newton(a: Any, n: Any) -> Any:
    """Square roots by Newton, a loop each."""
    total = a * 0.0
    for i in range(n):
        c = a + i
        x = c
        while abs(x * x - c) > 1e-9 * c:
            x = 0.5 * (x + c / x)
        total = total + x
    return total


def collatz(n: Any) -> Any:
    """The longest of the first Collatz sequences."""
    best = 0
    for m in range(1, n):
        steps = 0
        v = m
        while v != 1:
            v = v // 2 if v % 2 == 0 else 3 * v + 1
            steps += 1
        if steps > best:
            best = steps
    return best


def mandelbrot(real: Any, imag: Any, n: Any) -> Any:
    """Trips of the iteration for a row of pixels."""
    total = 0
    for j in range(n):
        c = real + 0.001 * j
        x = 0.0
        y = 0.0
        k = 0
        while k < 200 and x * x + y * y < 4.0:
            x, y = x * x - y * y + c, 2.0 * x * y + imag
            k += 1
        total += k
    return total


def primes(n: Any) -> Any:
    """How many primes there are below a number, by trial division."""
    found = 0
    for i in range(2, n):
        is_prime = True
        j = 2
        while j * j <= i:
            if i % j == 0:
                is_prime = False
                break
            j += 1
        if is_prime:
            found += 1
    return found


def gcds(n: Any, m: Any) -> Any:
    """The sum of greatest common divisors, by Euclid."""
    total = n * 0
    for i in range(1, n):
        a = i
        b = m
        while b != 0:
            a, b = b, a % b
        total = total + a
    return total


def bisection(low: Any, high: Any, n: Any) -> Any:
    """Roots of cubics, halving intervals."""
    total = low * 0.0
    for i in range(n):
        a = low
        b = high
        t = 0.001 * i
        while b - a > 1e-12:
            middle = 0.5 * (a + b)
            if middle * middle * middle - middle - t > 0.0:
                b = middle
            else:
                a = middle
        total = total + a
    return total


def matrix_ode(a: Any, x: Any, n: Any) -> Any:
    """Euler steps of a linear equation in three unknowns."""
    for _ in range(n):
        x = x + 0.0001 * (a @ x)
    return x


def kalman(z: Any, q: Any, r: Any) -> Any:
    """A Kalman filter of one unknown."""
    x = z[0] * 0.0
    p = x + 1.0
    for i in range(z.shape[0]):
        p = p + q
        k = p / (p + r)
        x = x + k * (z[i] - x)
        p = (1.0 - k) * p
    return x, p


def viterbi(log_a: Any, log_b: Any, v: Any, w: Any) -> Any:
    """The best path through a hidden Markov model: its score."""
    n = v.shape[0]
    for t in range(log_b.shape[0]):
        for j in range(n):
            best = v[0] + log_a[0, j]
            for i in range(1, n):
                s = v[i] + log_a[i, j]
                if s > best:
                    best = s
            w[j] = best + log_b[t, j]
        for j in range(n):
            v[j] = w[j]
    return v


def particles(x: Any, v: Any, n: Any) -> Any:
    """Steps of particles on springs, with a wall."""
    for _ in range(n):
        for i in range(x.shape[0]):
            v[i] = v[i] - 0.01 * x[i]
            x[i] = x[i] + 0.01 * v[i]
            if x[i] > 1.0:
                x[i] = 2.0 - x[i]
                v[i] = -v[i]
    return x


def gauss_seidel(u: Any, n: Any) -> Any:
    """Sweeps of Gauss and Seidel over a grid."""
    for _ in range(n):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return u


def lu(a: Any) -> Any:
    """Factors of a matrix, in place and without pivots."""
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, n):
                a[i, j] = a[i, j] - a[i, k] * a[k, j]
    return a


def floyd_warshall(d: Any) -> Any:
    """The lengths of all shortest paths."""
    n = d.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


def f64(x: float) -> Any:
    """A scalar of 64 bits."""
    return tf.constant(x, dtype=tf.float64)


def i64(x: int) -> Any:
    """An integer of 64 bits."""
    return tf.constant(x, dtype=tf.int64)


def table() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]]:
    """For each program the function, its arguments for twofold and for numba."""
    random = np.random.default_rng(0)
    log_a, log_b = np.log(random.random((24, 24))), np.log(random.random((500, 24)))
    matrix, start = random.random((3, 3)), random.random(3)
    grid, line = random.random((70, 70)), random.random(500)
    square, distances = random.random((80, 80)) + 80 * np.eye(80), random.random((80, 80))
    z = random.random(20_000)
    arrays = {
        viterbi: (log_a, log_b, np.zeros(24), np.zeros(24)), particles: (line, line * 0.1, 400),
        gauss_seidel: (grid, 20), lu: (square,), floyd_warshall: (distances,),
    }  # fmt: skip
    rows = {
        lorenz: ((f64(1.0), f64(1.0), f64(1.0), 10_000), (1.0, 1.0, 1.0, 10_000)),
        newton: ((f64(2.0), i64(1000)), (2.0, 1000)),
        collatz: ((i64(3000),), (3000,)),
        mandelbrot: ((f64(-0.5), f64(0.3), i64(300)), (-0.5, 0.3, 300)),
        primes: ((i64(10_000),), (10_000,)),
        gcds: ((i64(5000), i64(5000)), (5000, 5000)),
        bisection: ((f64(1.0), f64(3.0), i64(300)), (1.0, 3.0, 300)),
        matrix_ode: ((tf.constant(matrix), tf.constant(start), 10_000), (matrix, start, 10_000)),
        kalman: ((tf.constant(z), f64(0.1), f64(0.5)), (z, 0.1, 0.5)),
        **{f: (given, given) for f, given in arrays.items()},
    }
    return {f.__name__: (f, *given) for f, given in rows.items()}


def njit(function: Callable[..., Any]) -> Any:
    """A function compiled by numba, or None."""
    try:
        import numba
    except ImportError:
        return None
    return numba.njit(function)


def fresh(given: tuple[Any, ...]) -> list[Any]:
    """Arguments that a call may write to."""
    return [x.copy() if isinstance(x, np.ndarray) else x for x in given]


def values(result: Any) -> list[Any]:
    """The arrays of a result."""
    return [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]


def row(function: Callable[..., Any], ours: Any, theirs: Any) -> dict[str, float]:
    """Seconds of the first call, and the smallest of a call."""
    compiled = tf.function(function, jit_compile=True)
    expected = values(function(*fresh(theirs)))
    start = perf_counter()
    result = compiled(*fresh(ours))
    found = {"first": perf_counter() - start}
    np.testing.assert_allclose(values(result), expected, rtol=1e-9)
    calls = {"twofold": (compiled, ours)}
    by_numba = njit(function)
    if by_numba is not None:
        np.testing.assert_allclose(values(by_numba(*fresh(theirs))), expected, rtol=1e-9)
        calls["numba"] = (by_numba, theirs)
    for _ in range(ROUNDS):
        for name, (call, given) in calls.items():
            arguments = fresh(given)
            start = perf_counter()
            call(*arguments)
            found[name] = min(found.get(name, float("inf")), perf_counter() - start)
    if "numba" in found:
        found["ratio"] = found["twofold"] / found["numba"]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only")
    options = parser.parse_args()
    rows = {n: given for n, given in table().items() if options.only in (None, n)}
    found = {}
    for name, given in rows.items():
        found[name] = made = row(*given)
        if not options.json:
            shown = [
                f"{key} {value * 1e3:9.3f} ms" for key, value in made.items() if key != "ratio"
            ]
            shown += [f"ratio {made['ratio']:6.2f}"] * ("ratio" in made)
            print(f"{name:15}", *shown, sep="  ", flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
