"""The loops of ``loops.py``: each written for each library, by the number of its trips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import twofold as tf

__all__ = ["WORKLOADS", "Loop"]

Run = Callable[[int], Any]  # so many trips
MAKERS: dict[str, dict[str, Callable[[], Run]]] = {}


class Loop:
    """A loop in several libraries. ``few``: trips until which all results agree (some loops are
    chaotic); ``trips``: those that are timed; ``share``: those that TensorFlow's graph makes, each
    of which costs microseconds, and how many times they count."""

    def __init__(
        self, name: str, few: int, trips: int, share: tuple[int, float] | None = None,
        tolerance: float = 1e-4,
    ) -> None:  # fmt: skip
        self.name, self.few, self.trips, self.tolerance = name, few, trips, tolerance
        self.share = share or (trips, 1.0)

    def prepare(self, library: str) -> tuple[Callable[[], Any], Any] | None:
        """The call that is timed, and the result of a few trips; None if the library has none."""
        make = MAKERS[self.name].get(library)
        if make is None:
            return None
        run = make()
        trips = self.share[0] if library == "tensorflow" else self.trips
        result = np.asarray(run(self.few))
        return lambda: run(trips), result

    def factor(self, library: str) -> float:
        """How many times the timed call of a library counts."""
        return self.share[1] if library == "tensorflow" else 1.0


def loop(function: Callable[[], Run]) -> Callable[[], Run]:
    """Note what ``LIBRARY_NAME`` is named for."""
    library, _, name = function.__name__.partition("_")
    MAKERS.setdefault(name, {})[library] = function
    return function


def double(value: Any) -> Any:
    """A number of twofold in double precision."""
    return tf.constant(value, dtype=tf.float64)


def with_jax() -> Any:
    """JAX with numbers of 64 bits."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


# ---- Ten million steps of the logistic map


@loop
def twofold_logistic() -> Run:
    @tf.function(jit_compile=True)
    def run(n: Any, x: Any) -> Any:
        step = lambda i, x: (i + 1, 3.7 * x * (1.0 - x))  # noqa: E731
        return tf.while_loop(lambda i, x: i < n, step, (0, x))[1]

    return lambda n: run(tf.constant(n), double(0.3))


@loop
def numba_logistic() -> Run:
    import numba

    @numba.njit
    def run(n: int, x: float) -> float:
        i = 0
        while i < n:
            x = 3.7 * x * (1.0 - x)
            i += 1
        return x

    return lambda n: run(n, 0.3)


@loop
def jax_logistic() -> Run:
    jax = with_jax()

    @jax.jit
    def run(n: Any, x: Any) -> Any:
        step = lambda s: (s[0] + 1, 3.7 * s[1] * (1.0 - s[1]))  # noqa: E731
        return jax.lax.while_loop(lambda s: s[0] < n, step, (0, x))[1]

    return lambda n: run(n, 0.3).block_until_ready()


@loop
def tensorflow_logistic() -> Run:
    import tensorflow as flow

    @flow.function
    def run(n: Any, x: Any) -> Any:
        step = lambda i, x: (i + 1, 3.7 * x * (1.0 - x))  # noqa: E731
        return flow.while_loop(lambda i, x: i < n, step, (0, x))[1]

    return lambda n: run(flow.constant(n), flow.constant(0.3, flow.float64)).numpy()


# ---- The longest Collatz sequence that starts below a number: a branch in a loop in a loop


@loop
def twofold_collatz() -> Run:
    one = tf.constant(1, dtype=tf.int64)

    @tf.function(jit_compile=True)
    def run(stop: Any) -> Any:
        return _longest(tf, stop, one)

    return lambda n: run(tf.constant(n, dtype=tf.int64))


@loop
def tensorflow_collatz() -> Run:
    import tensorflow as flow

    @flow.function
    def run(stop: Any) -> Any:
        return _longest(flow, stop, flow.constant(1, flow.int64))

    return lambda n: run(flow.constant(n, flow.int64)).numpy()


def _longest(xp: Any, stop: Any, one: Any) -> Any:
    def length(k: Any) -> Any:
        def step(m: Any, c: Any) -> Any:
            return xp.cond(m % 2 == 0, lambda: m // 2, lambda: 3 * m + 1), c + 1

        return xp.while_loop(lambda m, c: m != 1, step, (k, 0))[1]

    def body(k: Any, best: Any) -> Any:
        return k + 1, xp.maximum(best, length(k))

    return xp.while_loop(lambda k, best: k < stop, body, (one, 0))[1]


@loop
def numba_collatz() -> Run:
    import numba

    @numba.njit
    def run(stop: int) -> int:
        best = 0
        for k in range(1, stop):
            m, c = k, 0
            while m != 1:
                m = m // 2 if m % 2 == 0 else 3 * m + 1
                c += 1
            best = max(best, c)
        return best

    return run  # type: ignore[no-any-return]


# ---- Euler steps of the Lorenz system, whose state is an array of three, and their gradient


def _slope(xp: Any, s: Any) -> Any:
    x, y, z = s[0], s[1], s[2]
    return xp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def _lorenz(xp: Any, n: Any, s: Any) -> Any:
    step = lambda i, s: (i + 1, s + 0.01 * _slope(xp, s))  # noqa: E731
    return xp.while_loop(lambda i, s: i < n, step, (0, s))[1]


@loop
def twofold_lorenz() -> Run:
    run = tf.function(lambda n, s: _lorenz(tf, n, s), jit_compile=True)
    start = tf.constant(np.ones(3))
    return lambda n: run(tf.constant(n), start)


@loop
def tensorflow_lorenz() -> Run:
    import tensorflow as flow

    run = flow.function(lambda n, s: _lorenz(flow, n, s))
    start = flow.constant(np.ones(3))
    return lambda n: run(flow.constant(n), start).numpy()


@loop
def numba_lorenz() -> Run:
    import numba

    @numba.njit
    def run(n: int, s: Any) -> Any:
        s = s.copy()
        for _ in range(n):
            x, y, z = s[0], s[1], s[2]
            s[0] = x + 0.01 * (10.0 * (y - x))
            s[1] = y + 0.01 * (x * (28.0 - z) - y)
            s[2] = z + 0.01 * (x * y - 8.0 / 3.0 * z)
        return s

    return lambda n: run(n, np.ones(3))


def _by_jax(jax: Any, s: Any, n: int) -> Any:
    step = lambda i, s: s + 0.01 * _slope(jax.numpy, s)  # noqa: E731
    return jax.lax.fori_loop(0, n, step, s)


@loop
def jax_lorenz() -> Run:
    jax = with_jax()
    run = jax.jit(lambda s, n: _by_jax(jax, s, n), static_argnums=1)
    return lambda n: run(np.ones(3), n).block_until_ready()


@loop
def twofold_gradient() -> Run:
    @tf.function(jit_compile=True)
    def run(n: Any, s: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(s)
            last = _lorenz(tf, n, s)
        return tape.gradient(last, s)

    start = tf.constant(np.ones(3))
    return lambda n: run(tf.constant(n), start)


@loop
def jax_gradient() -> Run:
    jax = with_jax()
    run = jax.jit(jax.grad(lambda s, n: _by_jax(jax, s, n).sum()), static_argnums=1)
    return lambda n: run(np.ones(3), n).block_until_ready()


@loop
def tensorflow_gradient() -> Run:
    import tensorflow as flow

    @flow.function
    def run(n: Any, s: Any) -> Any:
        with flow.GradientTape() as tape:
            tape.watch(s)
            last = _lorenz(flow, n, s)
        return tape.gradient(last, s)

    start = flow.constant(np.ones(3))
    return lambda n: run(flow.constant(n), start).numpy()


# ---- A scan of a tanh layer with 32 units over rows, which stacks its states

UNITS = 32


def _layer(rows: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    w = (rng.standard_normal((UNITS, UNITS)) / 8).astype(np.float32)
    x = rng.standard_normal((rows, UNITS)).astype(np.float32)
    return x, w, np.zeros(UNITS, np.float32)


def _given(convert: Callable[[Any], Any]) -> Callable[[int], list[Any]]:
    """The arguments by the number of rows, converted once."""
    made: dict[int, list[Any]] = {}

    def given(n: int) -> list[Any]:
        if n not in made:
            made[n] = [convert(a) for a in _layer(n)]
        return made[n]

    return given


@loop
def twofold_rnn() -> Run:
    @tf.function(jit_compile=True)
    def run(rows: Any, w: Any, h: Any) -> Any:
        return tf.scan(lambda h, x: tf.tanh(x + tf.linalg.matvec(w, h)), rows, h)

    given = _given(tf.constant)
    return lambda n: run(*given(n))


@loop
def jax_rnn() -> Run:
    jax = with_jax()

    @jax.jit
    def run(rows: Any, w: Any, h: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            new = jax.numpy.tanh(x + w @ h)
            return new, new

        return jax.lax.scan(step, h, rows)[1]

    given = _given(jax.numpy.asarray)
    return lambda n: run(*given(n)).block_until_ready()


@loop
def tensorflow_rnn() -> Run:
    import tensorflow as flow

    @flow.function
    def run(rows: Any, w: Any, h: Any) -> Any:
        return flow.scan(lambda h, x: flow.tanh(x + flow.linalg.matvec(w, h)), rows, h)

    given = _given(flow.constant)
    return lambda n: run(*given(n)).numpy()


# ---- Trips over a vector of a hundred: what a trip of a general loop costs

_VECTOR, _BIAS = np.arange(100, dtype=np.float32), np.ones(100, np.float32)


@loop
def twofold_vectors() -> Run:
    @tf.function(jit_compile=True)
    def run(n: Any, x: Any, b: Any) -> Any:
        return tf.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, 0.5 * x + b), (0, x))[1]

    x, b = tf.constant(_VECTOR), tf.constant(_BIAS)
    return lambda n: run(tf.constant(n), x, b)


@loop
def jax_vectors() -> Run:
    jax = with_jax()

    @jax.jit
    def run(n: Any, x: Any, b: Any) -> Any:
        step = lambda s: (s[0] + 1, 0.5 * s[1] + b)  # noqa: E731
        return jax.lax.while_loop(lambda s: s[0] < n, step, (0, x))[1]

    x, b = jax.numpy.asarray(_VECTOR), jax.numpy.asarray(_BIAS)
    return lambda n: run(n, x, b).block_until_ready()


@loop
def tensorflow_vectors() -> Run:
    import tensorflow as flow

    @flow.function
    def run(n: Any, x: Any, b: Any) -> Any:
        return flow.while_loop(lambda i, x: i < n, lambda i, x: (i + 1, 0.5 * x + b), (0, x))[1]

    x, b = flow.constant(_VECTOR), flow.constant(_BIAS)
    return lambda n: run(flow.constant(n), x, b).numpy()


WORKLOADS = [
    Loop("logistic", 50, 10_000_000, (5_000, 2_000)),
    Loop("collatz", 100, 100_000, (100, 10_753_712 / 3_117)),  # trips of the inner loop
    Loop("lorenz", 500, 10_000, (500, 20)),
    Loop("gradient", 100, 10_000, (200, 50)),
    Loop("rnn", 100, 2_000),
    Loop("vectors", 100, 100_000, (5_000, 20)),
]
