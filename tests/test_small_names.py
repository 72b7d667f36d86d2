"""Small names of TensorFlow: assertions, methods of Variables, random changes of images and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import (
    ArgumentError,
    ConversionError,
    DTypeError,
    IndexOutOfBoundsError,
    ShapeError,
)

D, E = tf.debugging, AssertionError
HOLDS: list[Callable[[], Any]] = [
    lambda: D.assert_less([1, 2], 3),
    lambda: D.assert_less_equal([1, 3], 3),
    lambda: D.assert_greater(4.0, [1, 3]),
    lambda: D.assert_greater_equal([3, 3], 3),
    lambda: D.assert_none_equal([3, 3], 2),
    lambda: D.assert_positive([]),
    lambda: D.assert_non_negative([0, 1]),
    lambda: D.assert_negative(-1),
    lambda: D.assert_non_positive(0),
    lambda: D.assert_near([1.0, 2.0], [1.0, 2.0 + 1e-6]),
    lambda: D.assert_near(np.float64(1), 1 + 1e-15),
    lambda: D.assert_near(1, 1),
    lambda: D.assert_rank_at_least(np.zeros((2, 3)), 2),
    lambda: D.assert_rank_in(0.0, (0, 1)),
    lambda: D.assert_scalar(3),
    lambda: D.assert_integer(np.int8(3)),
    lambda: D.assert_shapes({1: (), 2: ()}),
    lambda: D.assert_shapes([(np.zeros((2, 3)), ("n", 3)), (np.zeros((5, 2)), (..., "n"))]),
    lambda: D.assert_shapes([(np.zeros((2, 3)), (None, "3")), (np.zeros(()), ())]),
    lambda: D.assert_same_float_dtype([1.0, tf.constant(2.0)], tf.float32),
    lambda: D.check_numerics([1.0], "loss"),
    lambda: tf.Assert([True, True], []),
    lambda: tf.ensure_shape(np.zeros((2, 3)), [None, 3]),
]
FAILS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: D.assert_less([1, 3], 3, "sizes"), E, r"sizes: not less at \(1,\): 3 and 3"),
    (lambda: D.assert_less_equal([1, 4], 3), E, "not less or equal"),
    (lambda: D.assert_greater([1, np.nan], 0), E, "not greater"),
    (lambda: D.assert_greater_equal(1, 2), E, "not greater or equal"),
    (lambda: D.assert_none_equal([3, 3], [2, 3]), E, "not different"),
    (lambda: D.assert_positive([1, 0]), E, "not positive"),
    (lambda: D.assert_non_negative(-1), E, "not at least 0"),
    (lambda: D.assert_negative(0), E, "not negative"),
    (lambda: D.assert_non_positive(1), E, "not at most 0"),
    (lambda: D.assert_near(np.float64(1), 1 + 1e-6), E, "not near"),
    (lambda: D.assert_rank_at_least(0.0, 1), E, "expected at least 1"),
    (lambda: D.assert_rank_in(0.0, (1, 2)), E, "expected 1 or 2"),
    (lambda: D.assert_scalar([3]), E, "expected 0"),
    (lambda: D.assert_integer(3.0), E, "expected integers"),
    (lambda: D.assert_shapes([(np.zeros((2, 3)), ("n", "n"))]), E, "n = 2"),
    (lambda: D.assert_shapes([(np.zeros((2, 3)), (..., "a", "b", "c"))]), E, "expected"),
    (lambda: D.assert_shapes([(np.zeros((2, 3)), (2,))]), E, "expected"),
    (lambda: D.assert_same_float_dtype([1.0, np.float64(2)]), E, "one floating dtype"),
    (lambda: D.check_numerics([np.inf], "loss"), E, "loss: not finite"),
    (lambda: tf.Assert([True, False], ["x", 3]), E, "x, 3"),
    (lambda: D.assert_proper_iterable("abc"), TypeError, "not str"),
    (lambda: tf.ensure_shape(np.zeros((2, 3)), [None, 4]), ShapeError, "expected"),
    (lambda: tf.Variable(1.0, shape=(2,)), ShapeError, "expected"),
    (lambda: tf.Variable(1.0, variable_def=abs), ArgumentError, "does not exist"),
    (lambda: tf.Variable(1.0, constraint=3), ArgumentError, "constraint is a function"),
    (lambda: tf.unique([[1]]), ShapeError, "a vector"),
    (lambda: tf.numpy_function(np.sinh, [np.float64(1)], tf.float32), DTypeError, "float64"),
    (lambda: tf.py_function(lambda: (1, 2), [], [tf.int32]), ArgumentError, "2 results"),
    (lambda: tf.py_function(lambda: 3, [], tf.string), ConversionError, "no text"),
    (lambda: tf.bitcast(np.zeros(3, np.int32), tf.int64), ShapeError, "bitcast"),
    (lambda: tf.bitcast([True], tf.int8), ArgumentError, "booleans"),
    (lambda: tf.image.random_brightness(np.zeros((1, 1, 3)), -1), ArgumentError, "negative"),
    (lambda: tf.image.random_contrast(np.zeros((1, 1, 3)), 2.0, 1.0), ArgumentError, "order"),
    (lambda: tf.image.random_crop(np.zeros((2, 2)), (3, 1)), ShapeError, "no part"),
    (lambda: tf.image.random_flip_up_down(np.zeros((2, 2))), ShapeError, "batch"),
]


@pytest.mark.parametrize("call", HOLDS)
def test_what_holds_passes(call: Any) -> None:
    call()


@pytest.mark.parametrize(("call", "error", "text"), FAILS)
def test_what_does_not_hold_raises(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


X = np.arange(6.0).reshape(3, 2)
S = tf.IndexedSlices
CHANGES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "add": (lambda v: v.scatter_add(S([[1.0, 2], [3, 4], [5, 6]], [1, 1, 0])), [[5, 7], [6, 9], [4, 5]]),
    "sub": (lambda v: v.scatter_sub(S([[1.0, 2]], [-1])), [[0, 1], [2, 3], [3, 3]]),
    "update": (lambda v: v.scatter_update(S([[9.0, 8]], [1])), [[0, 1], [9, 8], [4, 5]]),
    "max": (lambda v: v.scatter_max(S([[3.0, 0], [2, 5]], [1, 1])), [[0, 1], [3, 5], [4, 5]]),
    "min": (lambda v: v.scatter_min(S([[3.0, 0]], [1])), [[0, 1], [2, 0], [4, 5]]),
    "mul": (lambda v: v.scatter_mul(S([[2.0, 3], [5, 1]], [1, 1])), [[0, 1], [20, 9], [4, 5]]),
    "div": (lambda v: v.scatter_div(S([[2.0, 4]], [2])), [[0, 1], [2, 3], [2, 1.25]]),
    "batch": (lambda v: v.batch_scatter_update(S([[7.0], [8], [9]], [[1], [0], [1]])),
              [[0, 7], [8, 3], [4, 9]]),
    "nd add": (lambda v: v.scatter_nd_add([[1, 0], [1, 0]], [1.0, 2]), [[0, 1], [5, 3], [4, 5]]),
    "nd sub": (lambda v: v.scatter_nd_sub([[2]], [[1.0, 2]]), [[0, 1], [2, 3], [3, 3]]),
    "nd update": (lambda v: v.scatter_nd_update([[2, 1]], [1.0]), [[0, 1], [2, 3], [4, 1]]),
    "nd max": (lambda v: v.scatter_nd_max([[2, 1]], [9.0]), [[0, 1], [2, 3], [4, 9]]),
    "nd min": (lambda v: v.scatter_nd_min([[2, 1]], [0.0]), [[0, 1], [2, 3], [4, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_rows_and_elements_of_a_variable_are_changed_in_both_modes(name: str) -> None:
    change, expected = CHANGES[name]
    for run in (change, tf.function(change)):
        v = tf.Variable(X)
        run(v)
        np.testing.assert_array_equal(v.numpy(), expected)


def test_a_row_that_is_not_there_changes_nothing() -> None:
    v = tf.Variable(X)
    for change in (v.scatter_add, v.scatter_update, v.scatter_mul, v.scatter_div):
        with pytest.raises(IndexOutOfBoundsError):
            change(S([[1.0, 1]], [3]))
    with pytest.raises(ArgumentError, match="IndexedSlices"):
        v.scatter_add([[1.0, 1]])
    np.testing.assert_array_equal(v.numpy(), X)
    whole = tf.Variable([7, -7])
    assert whole.scatter_div(S([2, 2], [0, 1])).numpy().tolist() == [3, -3]


def test_the_other_methods_of_variables() -> None:
    v = tf.Variable([1.0, 2.0], None, True, None, "weights", dtype=tf.float32, shape=(None,))
    assert v.name == "weights" and v.trainable and v.get_shape() == (2,)
    assert v.assign([3.0, 4.0], False, None, False) is None
    assert v.assign_add([1.0, 1.0]) is v and v.gather_nd([[1]]).numpy().tolist() == [5.0]
    x = tf.constant(1.0)
    keys = {v.ref(): "v", x.ref(): "x"}
    assert keys[v.ref()] == "v" and x.ref().deref() is x and x.ref() != tf.constant(1.0).ref()
    with pytest.raises(ShapeError):
        x.set_shape((1,))


def test_numbers_that_a_dtype_does_not_hold_become_its_ends() -> None:
    big = tf.saturate_cast(np.array([1e20, -1e20, 2.5, np.inf, -np.inf]), tf.int32)
    assert big.numpy().tolist() == [2**31 - 1, -(2**31), 2, 2**31 - 1, -(2**31)]
    single = tf.saturate_cast(np.array([1e20, -1e20], np.float32), tf.int64).numpy()
    assert single[0] > 2**63 - 2**40 and single[1] == -(2**63)
    assert tf.saturate_cast([-1, 300], tf.uint8).numpy().tolist() == [0, 255]
    assert tf.saturate_cast(np.array([2**63], np.uint64), tf.int64).numpy().tolist() == [2**63 - 1]
    assert tf.saturate_cast(np.array([-5, 7]), tf.uint64).numpy().tolist() == [0, 7]
    assert tf.saturate_cast(np.array([1e6, -1e6]), tf.float16).numpy().tolist() == [65504, -65504]


def test_values_of_tensorflow() -> None:
    parts = tf.unique_with_counts([1, 1, 4, 2, 4])
    assert [p.numpy().tolist() for p in parts] == [[1, 4, 2], [0, 0, 1, 2, 1], [2, 2, 1]]
    assert tf.unravel_index([22, 41, 37], (7, 6)).numpy().tolist() == [[3, 6, 6], [4, 5, 1]]
    assert tf.bitcast(np.float32([1, 2]), tf.int32).numpy().tolist() == [1065353216, 1073741824]
    assert tf.bitcast(np.float32([1, 2]), tf.uint8).shape == (2, 4)
    both, norm = tf.clip_by_global_norm([tf.constant([3.0]), tf.constant([[4.0]])], 10.0)
    assert norm.item() == 5.0 and both[1].numpy().tolist() == [[4.0]]
    assert np.isnan(tf.clip_by_global_norm([tf.constant([np.inf])], 1.0)[0][0].numpy()).all()
    assert not tf.function(lambda: tf.constant(tf.executing_eagerly()))().numpy()


@pytest.mark.parametrize("name", ["brightness", "contrast", "hue", "saturation", "flip_left_right",
                                  "flip_up_down", "crop"])  # fmt: skip
def test_random_images_are_the_same_in_both_modes(name: str) -> None:
    image = np.random.default_rng(0).uniform(size=(4, 5, 3))
    given = {"brightness": (0.3,), "contrast": (0.5, 1.5), "hue": (0.2,), "saturation": (0.5, 2.0),
             "crop": ((2, 3, 3),)}.get(name, ())  # fmt: skip
    pure = getattr(tf.image, f"stateless_random_{name}")
    found = [f(image, *given, (1, 2)).numpy() for f in (pure, tf.function(pure))]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-7)
    draws = {pure(image, *given, (i, 0)).numpy().tobytes() for i in range(12)}
    assert len(draws) > 1
    stateful = getattr(tf.image, f"random_{name}")
    tf.random.set_seed(1)
    assert stateful(image, *given).shape == stateful(image, *given, seed=3).shape == found[0].shape


def test_an_assertion_of_what_a_trace_knows_is_made() -> None:
    @tf.function
    def f(x: Any) -> Any:
        if x > 0:
            tf.debugging.assert_equal(tf.constant(1), 2)
        return x + 1

    assert f(tf.constant(-1.0)).item() == 0.0
    for call in (lambda: f(tf.constant(1.0)), tf.function(lambda: D.check_numerics(np.nan, "m"))):
        with pytest.raises(tf.errors.AssertedError):
            call()
