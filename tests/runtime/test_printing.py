"""``tf.print``, and the texts of tensors and Variables."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf


def printed(*values: Any, **options: Any) -> str:
    stream = io.StringIO()
    tf.print(*values, output_stream=stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tf.constant(5), "5"),
        (tf.constant(1.0), "1"),
        (tf.constant(0.1), "0.1"),
        (tf.constant(np.pi, tf.float32), "3.14159274"),
        (tf.constant(0.1, tf.float64), "0.1"),
        (tf.constant(1 / 3, tf.float64), "0.33333333333333331"),
        (tf.constant([True, False]), "[1 0]"),
        (tf.constant([np.nan, np.inf, -np.inf]), "[nan inf -inf]"),
        (tf.constant(1.5, tf.bfloat16), "1.5"),
        (tf.constant(1 + 2j), "(1,2)"),
        (tf.zeros((0,)), "[]"),
        (tf.zeros((2, 0)), "[[]\n []]"),
        (tf.reshape(tf.range(4), (2, 2)), "[[0 1]\n [2 3]]"),
        (tf.reshape(tf.range(4), (2, 1, 2)), "[[[0 1]]\n\n [[2 3]]]"),
        (tf.range(7), "[0 1 2 ... 4 5 6]"),
        (tf.range(6), "[0 1 2 3 4 5]"),
        (tf.Variable(2), "2"),
        ("text", "text"),
        ([tf.constant(1), "a", 2.5], "[1, 'a', 2.5]"),
        ((tf.constant(1),), "(1,)"),
        ({"a": [tf.constant(1.0)]}, "{'a': [1]}"),
        (None, "None"),
    ],
)
def test_a_value_is_printed_as_tensorflow_prints_it(value: Any, text: str) -> None:
    assert printed(value) == text + "\n"


def test_summarize_sep_and_end() -> None:
    x = tf.range(10)
    assert printed(x, "a", summarize=1, sep="|", end="!") == "[0 ... 9]|a!"
    assert printed(x, summarize=-1) == "[0 1 2 3 4 5 6 7 8 9]\n"


def test_the_default_stream_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tf.print("here")
    assert capsys.readouterr() == ("", "here\n")


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    for i in range(2):
        tf.print(i, output_stream=f"file://{tmp_path}/log.txt")
    assert (tmp_path / "log.txt").read_text() == "0\n1\n"


@pytest.mark.parametrize(
    "options",
    [{"summarize": 0}, {"summarize": -2}, {"output_stream": "out.txt"}, {"output_stream": 3}],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(tf.errors.ArgumentError, match=r"tf\.print"):
        tf.print(1, **options)


def test_both_modes_print_the_same_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    v = tf.Variable(1.0)

    def step(x: Any) -> Any:
        tf.print("x", x, "v", v, output_stream=sys.stdout)
        v.assign_add(1.0)
        if tf.reduce_sum(x) > 0:
            tf.print("positive", [v], output_stream=sys.stdout, sep=": ")
        tf.print(f"sum {tf.reduce_sum(x)}", output_stream=sys.stdout)
        return x * v

    compiled = tf.function(step, strict=True)
    texts = []
    for run in (step, compiled, compiled):
        v.assign(1.0)
        run(tf.constant([1.0, 2.0]))
        run(tf.constant([-1.0]))
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] == texts[2]
    assert texts[0].splitlines() == [
        "x [1 2] v 1", "positive: [2]", "sum 3.0", "x [-1] v 2", "sum -1.0",
    ]  # fmt: skip
    assert compiled.experimental_get_tracing_count() == 1


def test_in_a_branch_made_by_a_function_it_prints_once(capsys: pytest.CaptureFixture[str]) -> None:
    @tf.function
    def f(x: Any) -> Any:
        def yes() -> Any:
            tf.print("yes", output_stream=sys.stdout)
            return x

        return tf.cond(x > 0, yes, lambda: -x)

    f(tf.constant(1.0))
    f(tf.constant(-1.0))
    assert "tf.print" in f.explain()
    assert capsys.readouterr().out == "yes\n"


@pytest.mark.parametrize("value", [5, [1.0, 2.0], [[1, 2], [3, 4]]])
def test_str_and_repr_of_a_tensor_are_one_text(value: Any) -> None:
    for x in (tf.constant(value), tf.Variable(value)):
        assert str(x) == repr(x)
        assert f"{x}" == str(x.numpy())  # plain, as in TensorFlow


def test_the_text_of_a_scalar() -> None:
    assert str(tf.constant(2) + tf.constant(3)) == "<tf.Tensor: shape=(), dtype=int32, numpy=5>"
    assert str(tf.Variable(5)) == "<tf.Variable 'Variable' shape=() dtype=int32, numpy=5>"


def test_print_in_a_compiled_function_shows_what_it_shows_eagerly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def show(x: Any) -> Any:
        print(x, [x])
        return x

    for run in (show, tf.function(show, strict=True)):
        run(tf.constant([[1.0], [2.0]]))
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :]
