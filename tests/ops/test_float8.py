"""float8: stored, moved, compared and cast, eagerly and compiled; nothing is computed in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import DTypeError, LoadError
from twofold.ir.parser import parse

ml_dtypes = pytest.importorskip("ml_dtypes")
NAMES = ("float8_e4m3fn", "float8_e5m2")
NUMBERS = np.array(
    [0.0, -0.0, 1.0, -1.5, 0.3, 1e-3, 2.0**-9, 2.0**-17, 447.0, 464.0, 465.0, 6e4, 1e9, np.nan,
     np.inf, -np.inf, 1.0625, 1.1875], np.float32
)  # fmt: skip


def same(found: Any, expected: Any) -> None:
    """The same bits and dtype; a NaN is a NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.astype(np.float64), expected.astype(np.float64))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "float64"])
def test_casts_are_those_of_ml_dtypes_in_both_modes(name: str, source: str) -> None:
    with np.errstate(all="ignore"):
        given = NUMBERS.astype(tf.as_dtype(source))
        small = given.astype(name)
        back = small.astype(source)

    def both(x: Any) -> Any:
        made = tf.cast(x, name)
        return made, tf.cast(made, source)

    for run in (both, tf.function(both, strict=True), tf.function(both, jit_compile=True)):
        made, again = run(tf.constant(given))
        same(made, small)
        same(again, back)


MOVES: list[Callable[[Any], Any]] = [
    lambda x: tf.reshape(x, (3, 2)),
    lambda x: tf.transpose(tf.reshape(x, (2, 3)))[::-1],
    lambda x: tf.concat([x, x[1:3]], 0),
    lambda x: tf.stack([x, x]),
    lambda x: tf.gather(x, [2, 0, 2]),
    lambda x: tf.where(x == x, x, tf.zeros_like(x)),
    lambda x: [x == x[::-1], x != 1.0, x < 0.5, x >= x[0]],
    lambda x: tf.pad(x, [[1, 2]]),
    lambda x: tf.tile(x, [2]),
    lambda x: tf.cast(x[:2], tf.int32),
    lambda x: tf.cast(x, tf.bool),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("move", MOVES)
def test_moves_and_comparisons_take_it_in_both_modes(move: Callable[[Any], Any], name: str) -> None:
    x = tf.cast(tf.constant([1.0, -2.5, 0.25, 3.0, 0.0, 1.0]), name)
    wide = tf.cast(x, tf.float32)
    for f in (move, tf.function(move, strict=True)):
        for found, expected in zip(tf.nest.flatten(f(x)), tf.nest.flatten(move(wide)), strict=True):
            assert found.dtype == (name if expected.dtype == np.float32 else expected.dtype)
            np.testing.assert_array_equal(
                np.asarray(found, np.float64), np.asarray(expected, np.float64)
            )


COMPUTED: list[Callable[[Any], Any]] = [
    lambda x: x + x, lambda x: x * 2.0, lambda x: -x, tf.tanh, tf.reduce_sum, tf.reduce_max,
    lambda x: tf.tensordot(x, x, 1), lambda x: x == tf.constant(1.0), lambda x: tf.where(x == x, x, 1j),
    lambda x: tf.tensor_scatter_nd_add(x, [[0]], x[:1]), tf.sort, lambda x: np.add(x, x),
]  # fmt: skip


@pytest.mark.parametrize("compute", COMPUTED)
def test_arithmetic_is_refused_by_name(compute: Callable[[Any], Any]) -> None:
    x = tf.cast(tf.constant([1.0, 2.0]), "float8_e5m2")
    for f in (compute, tf.function(compute)):
        with pytest.raises(DTypeError, match="float8_e5m2"):
            f(x)


def test_no_gradient_goes_through_it() -> None:
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.cast(tf.cast(x, tf.float8_e4m3fn), tf.float32) + x)
    np.testing.assert_array_equal(tape.gradient(y, x), [1.0, 1.0])


def test_variables_constants_texts_and_numpy_have_it() -> None:
    variable = tf.Variable(tf.constant([1.0, 300.0], tf.float8_e4m3fn))
    variable.assign(tf.cast([2.0, 0.1], tf.float8_e4m3fn))
    assert variable.numpy().dtype == ml_dtypes.float8_e4m3fn
    assert str(variable.read_value()[0]) == ("<tf.Tensor: shape=(), dtype=float8_e4m3fn, numpy=2>")
    assert float(variable[1]) == 0.1015625 and int(variable[0]) == 2
    given = np.array([1.5, 7.0], ml_dtypes.float8_e5m2)
    same(tf.convert_to_tensor(given), given)
    limits = tf.finfo(tf.float8_e5m2)
    assert (limits.max, limits.bits) == (57344.0, 8)
    assert not tf.isdtype(tf.float8_e5m2, "numeric") and not tf.can_cast(tf.float8_e5m2, tf.float32)


def test_graphs_with_it_are_texts_that_are_read_back() -> None:
    @tf.function(strict=True)
    def f(x: Any) -> Any:
        return tf.concat(
            [
                tf.cast(x, tf.float8_e4m3fn),
                tf.constant([1.5, -0.0, np.nan, 448.0], tf.float8_e4m3fn),
            ],
            0,
        )

    text = str(f.graph(tf.ones(2)))
    assert "f8e4m3fn[4] [1.5, -0.0, nan, 448.0]" in text
    assert str(parse(text)) == text


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    class Held(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.v = tf.Variable(tf.constant([1.0, -3.0], tf.float8_e5m2))

        @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
        def call(self, x: Any) -> Any:
            return x * tf.cast(self.v, tf.float32)

    tf.saved_model.save(Held(), tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.call(tf.constant([2.0, 2.0])), [2.0, -6.0])
    checkpoint = tf.train.Checkpoint(v=tf.Variable(tf.constant([1.0], tf.float8_e5m2)))
    path = checkpoint.save(tmp_path / "c")
    wider = tf.train.Checkpoint(v=tf.Variable([1.0]))
    with pytest.raises((LoadError, DTypeError)):
        wider.restore(path)
    rows = tf.data.Dataset.from_tensor_slices(tf.constant([1.0, 2.0, 3.0], tf.float8_e4m3fn))
    rows.batch(2).save(str(tmp_path / "d"))
    found = list(tf.data.Dataset.load(str(tmp_path / "d")))
    assert [np.asarray(b, np.float32).tolist() for b in found] == [[1.0, 2.0], [3.0]]
