"""Random programs of Python numbers: a compiled function does what Python does, for all values."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = tf.constant([1.5, -2.0, 0.0])
VALUES = [
    (0.5, 1), (0.5, 2), (-1.5, 3), (0.0, 0), (-0.0, -1), (2.0, 2), (1e300, 5), (math.inf, 7),
    (math.nan, 1), (0.25, 10**10), (3.0, 3),
]  # fmt: skip
ATOMS = ["v", "n", "v", "n", "2", "0.5", "-1", "3", "0.0", "True"]
CALLS = [
    "abs({a})", "(-{a})", "max({a}, {b})", "min({a}, {b})", "(not {a})", "({a} and {b})",
    "({a} or {b})", "int({a})", "float({a})", "round({a}, 2)", "bool({a})", "math.floor({a})",
    "math.sqrt({a})", "(divmod({a}, {b})[0])", "({a} in (0, 1, 2))", "np.float64({a})",
]  # fmt: skip
RESULTS = [
    "x * a", "a", "(a, b)", "x + b - a", "tf.where(x > a, x, b)", "[x * 2, {'k': a}]",
    "tf.cast(x, tf.int32) * b", "x / a",
]  # fmt: skip


def expression(r: random.Random, depth: int) -> str:
    if not depth:
        return r.choice(ATOMS)
    a, b = expression(r, depth - 1), expression(r, depth - 1)
    kind = r.randrange(10)
    if kind < 6:
        return f"({a} {r.choice(['+', '-', '*', '/', '//', '%'])} {b})"
    if kind == 6:
        return f"({a} ** {r.choice(['2', '-1', '0.5', 'v'])})"
    if kind == 7:
        test = f"{b} {r.choice(['<', '<=', '>', '>=', '==', '!='])} {expression(r, depth - 1)}"
        return f"({a} if {test} else {b})"
    return r.choice(CALLS).format(a=a, b=b)


def program(seed: int) -> tuple[str, Callable[..., Any]]:
    r = random.Random(seed)
    text = (
        f"def f(x, v, n):\n    a = {expression(r, r.randrange(1, 4))}\n"
        f"    b = {expression(r, 2)}\n    return {r.choice(RESULTS)}\n"
    )
    space: dict[str, Any] = {"tf": tf, "math": math, "np": np}
    exec(text, space)
    return text, space["f"]


def outcome(f: Callable[..., Any], *args: Any) -> str:
    try:
        return repr(f(*args))
    except Exception as error:  # noqa: BLE001  (compared with the other mode's)
        return "ValueError" if isinstance(error, ValueError) else type(error).__name__


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_arithmetic_is_pythons(start: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many traces; NumPy's of infinite numbers
        for seed in range(start, start + 50):
            text, f = program(seed)
            compiled = tf.function(f, jit_compile=False)
            values = VALUES[:]
            random.Random(seed).shuffle(values)
            for v, n in [*values, *values[:3]]:
                assert outcome(compiled, X, v, n) == outcome(f, X, v, n), (text, v, n)
