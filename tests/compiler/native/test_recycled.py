"""Memory of sequences is kept between calls, and never shared by two of them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import twofold as tf

resource = pytest.importorskip("resource", reason="counts page faults")


@tf.function(jit_compile=True)
def gradient(x: Any, k: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in tf.range(k):
            y = tf.sin(y) * 1.1
        total = tf.reduce_sum(y)
    return tape.gradient(total, x)


def expected(x: Any, k: int) -> Any:
    y, slope = x.astype("f8"), np.ones_like(x, "f8")
    for _ in range(k):
        slope, y = slope * np.cos(y) * 1.1, np.sin(y) * 1.1
    return slope


def check(n: int, k: int) -> None:
    x = np.linspace(-1, 1, n, dtype=np.float32)
    np.testing.assert_allclose(
        gradient(tf.constant(x), tf.constant(k)), expected(x, k), rtol=2e-3, atol=1e-5
    )


def test_the_same_memory_serves_the_next_call() -> None:
    x, k = tf.constant(np.full(1000, 0.5, np.float32)), tf.constant(200)
    for _ in range(4):
        gradient(x, k)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        gradient(x, k)
    pages = 10 * 1000 * 200 * 4 // 4096  # what the loops have kept
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < pages / 2


def test_loops_of_any_length_follow_each_other() -> None:
    for n, k in [(3, 0), (900, 90), (1, 7), (70, 500), (900, 91), (16, 3000), (1, 1), (1500, 30)]:
        check(n, k)


def test_two_sequences_at_a_time_have_two_memories() -> None:
    @tf.function(jit_compile=True)
    def both(x: Any, y: Any, k: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((x, y))
            a, b = x, y
            for _ in tf.range(k):
                a, b = tf.sin(a) * 1.1, tf.sin(b) * 1.1 + 0.0 * tf.reduce_sum(a)
            total = tf.reduce_sum(a) + tf.reduce_sum(b)
        return tape.gradient(total, (x, y))

    x, y = (np.linspace(low, 1, n, dtype=np.float32) for low, n in ((-1, 1300), (0, 900)))
    for k in (50, 80, 3, 80):
        for found, given in zip(both(*map(tf.constant, (x, y, k))), (x, y), strict=True):
            np.testing.assert_allclose(found, expected(given, k), rtol=2e-3, atol=1e-5)


def test_threads_do_not_get_each_others_memory() -> None:
    check(2000, 40)
    failures: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for k in (40, 70, 20):
                check(n, k)
        except BaseException as error:  # noqa: BLE001  (shown by the assertion below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(600 + 300 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
