"""Errors of shape name the arrays of the expression as the user's code does."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.modes import MODES

import twofold as tf

SIZES = [tf.zeros((1, 4)), {"k": np.zeros(7)}]


class Layer:
    rows = tf.zeros((2, 2))

    def __init__(self) -> None:
        self.w = tf.Variable(tf.zeros((3, 4)))

    @property
    def asked(self) -> Any:
        raise RuntimeError("a property must not be read for an error")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attribute must be asked for")


LAYER = Layer()


def of_two(x: Any) -> Any:
    part = x[:, :2]
    return part @ tf.concat([x, part], 1) if x is None else part @ LAYER.w


def over_lines(x: Any) -> Any:
    é = x  # columns count bytes
    return "é", tf.concat([é,
                           LAYER.rows], 1)  # fmt: skip


def of_items(x: Any) -> Any:
    at = 0
    return x + SIZES[at] + SIZES[1]["k"]


PROGRAMS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "of two": (of_two, "part is float32[3,2], LAYER.w is float32[3,4]"),
    "over lines": (over_lines, "é is float32[3,5], LAYER.rows is float32[2,2]"),
    "of items": (of_items, "x is float32[3,5], SIZES[at] is float32[1,4]"),
    "in a lambda": (lambda y: y * LAYER.rows, "y is float32[3,5], LAYER.rows is float32[2,2]"),
}


@pytest.mark.parametrize("mode", ["eager", *MODES])
@pytest.mark.parametrize("name", PROGRAMS)
def test_operands_have_the_users_names(name: str, mode: str) -> None:
    program, wanted = PROGRAMS[name]
    compiled = MODES.get(mode, lambda f: f)(program)
    with pytest.raises(tf.errors.ShapeError) as raised:
        compiled(tf.zeros((3, 5)))
    error = raised.value
    assert error.operands == wanted
    assert str(error).split("\n  ")[0] == error.message
    assert str(error).split("\n  ")[1] == wanted
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_code_without_a_source_has_no_names() -> None:
    space: dict[str, Any] = {"tf": tf}
    exec(compile("def f(x): return x @ x", "nowhere.py", "exec"), space)
    with pytest.raises(tf.errors.ShapeError) as raised:
        space["f"](tf.zeros((2, 3)))
    assert raised.value.operands == ""
    assert str(raised.value).count("\n") == 1


def test_what_the_expression_does_not_read_is_not_told() -> None:
    x, other = tf.zeros((2, 3)), tf.zeros(5)
    with pytest.raises(tf.errors.ShapeError) as raised:
        tf.matmul(x, x)
    assert raised.value.operands == "x is float32[2,3]"
    assert other.shape == (5,)
