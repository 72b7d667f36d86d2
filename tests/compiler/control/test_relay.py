"""Default mode: a long loop goes on in machine code, from where array operations left it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background, moving, relay


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Compile at once; collects the inputs with which loops start in machine code."""
    found: list[list[float]] = []
    run = relay._Loop.run

    def noted(self: Any, values: Any, env: Any) -> Any:
        found.append([np.asarray(v).tolist() for v in values if isinstance(v, np.ndarray)])
        return run(self, values, env)

    monkeypatch.setattr(moving, "PATIENCE", 0.0)
    monkeypatch.setattr(background, "submit", lambda job: job())
    monkeypatch.setattr(relay._Loop, "run", noted)
    return found


def halves(x: Any, steps: Any) -> Any:
    return tf.while_loop(lambda i, s: i < steps, lambda i, s: (i + 1, s * 0.5 + x), (0, x))


def test_a_loop_goes_on_in_machine_code_with_the_state_it_has(starts: list[list[float]]) -> None:
    x = tf.constant([1.0, -3.0])
    want = halves(x, tf.constant(20))
    found = tf.function(halves)(x, tf.constant(20))
    assert [a.numpy().tolist() for a in found] == [a.numpy().tolist() for a in want]
    assert len(starts) == 1
    assert 0 < starts[0][0] < 20


def test_without_compilation_a_loop_stays_on_array_operations(starts: list[list[float]]) -> None:
    found = tf.function(halves, jit_compile=False)(tf.constant([1.0]), tf.constant(20))
    assert int(found[0]) == 20
    assert starts == []


def test_a_variable_keeps_what_both_halves_of_a_loop_wrote(starts: list[list[float]]) -> None:
    total = tf.Variable([0.0, 0.0])

    def add_up(x: Any, steps: Any) -> Any:
        def body(i: Any) -> Any:
            total.assign_add(x * tf.cast(i, tf.float32))
            return (i + 1,)

        return tf.while_loop(lambda i: i < steps, body, (0,))

    tf.function(add_up)(tf.constant([1.0, 2.0]), tf.constant(9))
    assert starts
    assert total.numpy().tolist() == [36.0, 72.0]


def test_an_error_in_the_second_half_is_raised(starts: list[list[float]]) -> None:
    def divide(n: Any) -> Any:
        return tf.while_loop(lambda i, q: i > -5, lambda i, q: (i - 1, 12 // i), (n, 0))

    with pytest.raises(ZeroDivisionError):
        tf.function(divide)(tf.constant(6))
    assert starts


def test_inner_loops_are_handed_over_too(starts: list[list[float]]) -> None:
    def table(n: Any) -> Any:
        def outer(i: Any, total: Any) -> Any:
            inner = tf.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + j), (0, total))
            return i + 1, inner[1]

        return tf.while_loop(lambda i, t: i < n, outer, (0, 0))

    n = tf.constant(9)
    assert [int(a) for a in tf.function(table)(n)] == [int(a) for a in table(n)]
    assert starts


def test_what_cannot_be_compiled_stays_and_is_told(
    starts: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("no machine")

    monkeypatch.setattr(relay._Loop, "compile", refuse)
    with pytest.warns(UserWarning, match="a loop stays on array operations"):
        found = tf.function(halves)(tf.constant([1.0]), tf.constant(5))
    assert int(found[0]) == 5
