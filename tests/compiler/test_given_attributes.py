"""Attributes that a program gives a tensor or a Variable: they belong to the object alone."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import twofold as tf


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def given(**attributes: Any) -> Any:
    made = tf.constant([1.0, -2.0])
    vars(made).update(attributes)
    return made


def test_tensors_and_variables_take_attributes() -> None:
    for made in (tf.constant([1.0]), tf.Variable([1.0])):
        held: Any = made
        held.trainable_here = False
        assert held.trainable_here is False
        del held.trainable_here
        assert not hasattr(held, "trainable_here")


def test_what_is_computed_or_copied_from_a_tensor_has_none_of_its_attributes() -> None:
    x = given(label="x")
    for made in (x + 0, x[0], copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert not vars(made)
    with pytest.raises(AttributeError):
        x.shape = (1,)  # what the class has is not replaced


@pytest.mark.parametrize("jit", [None, True])
def test_the_attributes_of_an_argument_are_those_of_each_call(jit: bool | None) -> None:
    def scaled(x: Any) -> Any:
        if hasattr(x, "shift"):
            x = x + x.shift
        return x * 2

    compiled = tf.function(scaled, jit_compile=jit)
    calls = [given(), given(), given(shift=1.0), given(other=1), given(shift=2.0), given(), given()]
    for x in calls * 2:
        np.testing.assert_array_equal(compiled(x).numpy(), scaled(x).numpy())


def test_a_name_that_no_argument_has_is_no_step() -> None:
    @tf.function(strict=True)
    def probed(x: Any) -> Any:
        return x * getattr(x, "scale", 3.0)

    for _ in range(3):
        assert probed(given()).numpy().tolist() == [3.0, -6.0]
    with pytest.raises(tf.errors.StagingError, match="the attribute 'scale' of an argument"):
        probed(given(scale=2.0))
    assert probed(given()).numpy().tolist() == [3.0, -6.0]


@pytest.mark.parametrize("positive", [True, False])
def test_attributes_given_in_a_function_are_those_that_python_leaves(positive: bool) -> None:
    def told(x: Any, held: Any) -> Any:
        y = x * 2
        y.factor = 1
        if x[0] > 0:
            y.factor = 2
            held.seen = "positive"
        else:
            held.seen = "not positive"
        return y * y.factor

    compiled, x = tf.function(told), given() if positive else -given()
    for _ in range(3):
        ours, plain = given(), given()
        np.testing.assert_array_equal(compiled(x, ours).numpy(), told(x, plain).numpy())
        assert vars(ours) == vars(plain)


def test_an_attribute_of_a_tensor_in_a_branch() -> None:
    def chosen(x: Any, other: Any) -> Any:
        if x[0] > 0:
            return x * getattr(other, "scale", 5.0)
        return x + getattr(other, "scale", 5.0)

    compiled = tf.function(chosen)
    for other in (given(), given(scale=3.0), given(), given(scale=4.0)):
        for x in (given(), -given()):
            np.testing.assert_array_equal(compiled(x, other).numpy(), chosen(x, other).numpy())


def test_a_tensor_that_is_one_of_two_with_attributes() -> None:
    first, second = given(scale=2.0), given(scale=3.0)

    def chosen(x: Any) -> Any:
        made = first if x[0] > 0 else second
        return x * made.scale + made

    compiled = tf.function(chosen)
    for x in (given(), -given(), given()):
        np.testing.assert_array_equal(compiled(x).numpy(), chosen(x).numpy())
