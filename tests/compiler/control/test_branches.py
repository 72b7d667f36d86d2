"""tf.cond in compiled functions: the same as in eager code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.modes import same_in_every_mode

import twofold as tf
from twofold.ir.verify import verify

X = tf.constant([1.0, -2.0])
YES, NO = tf.constant(True), tf.constant(False)


def test_the_value_picks_the_branch_on_each_call() -> None:
    def f(p: Any, x: Any) -> Any:
        return tf.cond(p, lambda: x * 2.0, lambda: x - 1.0)

    same_in_every_mode(f, (YES, X), (NO, X))
    compiled = tf.function(f)
    compiled(YES, X), compiled(NO, X)
    assert compiled.experimental_get_tracing_count() == 1
    verify(compiled.graph(YES, X))


def test_branches_capture_tensors_arrays_numbers_and_variables() -> None:
    v, c, a = tf.Variable([1.0, 3.0]), tf.constant([5.0, 7.0]), np.array([2.0, 4.0], np.float32)

    def f(p: Any, x: Any, k: float) -> Any:
        y = x + 1.0
        return tf.cond(p, lambda: (y * v, c), lambda: (x * k, y + a))

    same_in_every_mode(f, (YES, X, 2.0), (NO, X, 2.0), (NO, X, 3.0), variables=[v])


def test_a_variable_that_one_branch_assigns_has_its_value_afterwards() -> None:
    v, w = tf.Variable(1.0), tf.Variable(2.0)

    def f(p: Any) -> Any:
        def first() -> Any:
            v.assign_add(10.0)
            return v * 2.0

        def second() -> Any:
            w.assign(v * 3.0)
            return tf.constant(0.0)

        found = tf.cond(p, first, second)
        v.assign_add(1.0)
        return found, v + w

    same_in_every_mode(f, (YES,), (NO,), variables=[v, w])


def test_numbers_become_tensors_and_other_objects_stay() -> None:
    def f(p: Any) -> Any:
        return tf.cond(p, lambda: (1, 2.5, None, "a"), lambda: (3, 4.5, None, "a"))

    (yes, _) = same_in_every_mode(f, (YES,), (NO,))
    assert yes.leaves[0].dtype == tf.int32
    assert yes.leaves[2:] == [None, "a"]


def test_a_predicate_has_one_element_of_any_dtype() -> None:
    def f(p: Any) -> Any:
        return tf.cond(p, lambda: 1, lambda: 2)

    numbers = [tf.constant(p) for p in (0, 3, 0.0, float("nan"), [True], [[0]])]
    same_in_every_mode(f, *[(p,) for p in numbers], (np.array([1.0]),), (True,), (0,))


def test_a_predicate_of_several_elements_is_refused() -> None:
    def f(x: Any) -> Any:
        return tf.cond(x > 0, lambda: x, lambda: -x)

    (found,) = same_in_every_mode(f, (X,))
    assert isinstance(found.error, tf.errors.ShapeError)


def test_nested_branches_and_a_compiled_function_called_inside() -> None:
    v = tf.Variable(1.0)

    @tf.function
    def bump(x: Any) -> Any:
        v.assign_add(x)
        return v * x

    def f(p: Any, x: Any) -> Any:
        def inner() -> Any:
            return tf.cond(x > 1.0, lambda: bump(x), lambda: bump(x + 1.0) + v)

        return tf.cond(p, inner, lambda: v - x), v * 1.0

    xs = [tf.constant(x) for x in (0.5, 3.0)]
    same_in_every_mode(f, *[(p, x) for p in (YES, NO) for x in xs], variables=[v])


def test_writes_to_tensors_and_arrays_around_a_branch_are_seen_after_it() -> None:
    def f(p: Any, x: Any, a: Any) -> Any:
        y = x + 0.0
        b = np.zeros(2, np.float32)

        def first() -> Any:
            y[0] = 5.0
            b[1] += a[0]
            return y * 2.0

        def second() -> Any:
            a[0] = 9.0
            return y + a

        return tf.cond(p, first, second), y, b * 2

    for p in (YES, NO):
        given = [np.array([1.0, 2.0], np.float32) for _ in range(2)]
        want, have = f(p, X, given[0]), tf.function(f)(p, X, given[1])
        for i in range(3):
            np.testing.assert_array_equal(np.asarray(want[i]), np.asarray(have[i]))
        np.testing.assert_array_equal(*given)


def test_what_a_branch_returns_is_a_tensor_of_its_own() -> None:
    def f(p: Any, x: Any) -> Any:
        x = x * 1.0
        y = tf.cond(p, lambda: x, lambda: x)
        y[0] = 7.0
        return x, y

    same_in_every_mode(f, (YES, X), (NO, X))


def test_a_branch_that_is_not_taken_raises_nothing() -> None:
    v = tf.Variable(0)

    def f(p: Any, x: Any) -> Any:
        def bad() -> Any:
            v.assign_add(1)
            return x // (x - x)

        return tf.cond(p, bad, lambda: x)

    (raised, fine) = same_in_every_mode(
        f, (YES, tf.constant(3)), (NO, tf.constant(3)), variables=[v]
    )
    assert isinstance(raised.error, tf.errors.IntegerDivisionError)
    assert fine.error is None


def test_an_exception_of_the_user_comes_from_the_branch_that_is_taken() -> None:
    v = tf.Variable(0.0)

    def f(p: Any, x: Any) -> Any:
        def bad() -> Any:
            v.assign_add(1.0)
            raise KeyError("mine")

        return tf.cond(p, bad, lambda: x)

    (raised, fine) = same_in_every_mode(f, (YES, X), (NO, X), variables=[v])
    assert isinstance(raised.error, KeyError)
    assert fine.error is None


@pytest.mark.parametrize(
    ("first", "second", "error", "words"),
    [
        (lambda: 1.0, lambda: 1, tf.errors.DTypeError, r"i32\[\], not f32\[\]"),
        (lambda: [1.0], lambda: 1.0, tf.errors.ArgumentError, "the same structure"),
        (lambda: tf.zeros(3), lambda: 1.0, tf.errors.ShapeError, r"f32\[\], not f32\[3\]"),
        (lambda: None, lambda: 1.0, tf.errors.ArgumentError, "not None"),
    ],
)
def test_branches_that_do_not_fit_are_refused_with_the_line(
    first: Any, second: Any, error: Any, words: str
) -> None:
    @tf.function
    def f(p: Any) -> Any:
        return tf.cond(p, first, second)

    with pytest.raises(error, match=words) as found:
        f(YES)
    assert found.value.location.file == __file__


def test_the_keys_of_a_dict_may_come_in_another_order() -> None:
    def f(p: Any, x: Any) -> Any:
        def first() -> Any:
            return {"a": x, "b": [1, {"c": x, "d": x * 2.0}]}

        found = tf.cond(p, first, lambda: {"b": [2, {"d": x, "c": x * 3.0}], "a": -x})
        state = tf.while_loop(
            lambda s: s["k"] < 2, lambda s: {"r": s["r"] * 2.0, "k": s["k"] + 1}, [{"k": 0, "r": x}]
        )[0]
        return found["a"], found["b"][1]["d"], state["r"]

    same_in_every_mode(f, (YES, X), (NO, X))


def test_the_same_random_numbers_in_both_modes() -> None:
    g = tf.random.Generator.from_seed(1)

    def f(p: Any) -> Any:
        found = tf.cond(p, lambda: g.normal((2,)) + g.uniform((2,)), lambda: g.normal((2,)))
        return found, g.uniform(())

    same_in_every_mode(f, (YES,), (NO,), variables=[g.state])
